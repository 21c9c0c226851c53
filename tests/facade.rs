//! What the facade itself brings, held to the same suites as everybody's.

use greenroute::{ErrorKind, Prompt, Runtime, TokioRuntime, presets};
use greenroute_core::conformance::{run_async, runtime};

#[tokio::test]
async fn tokio_is_a_runtime() {
    let tokio = TokioRuntime::current().unwrap();
    let report = run_async(runtime::ALL, &tokio as &dyn Runtime, &[]).await;
    report.conforms().unwrap();
}

#[test]
fn outside_of_tokio_the_error_says_what_to_do() {
    let error = TokioRuntime::current().unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Config);
    assert!(error.message().contains("#[tokio::main]"), "{error}");
    assert_eq!(presets::bare().unwrap_err().kind(), &ErrorKind::Config);
}

#[tokio::test]
async fn the_shipped_catalog_ranks_and_nobody_can_be_called() {
    let router = presets::catalog().unwrap().zone("FR".parse().unwrap()).build().unwrap();
    router.refresh_grid().await;
    let prompt = Prompt::from("What is the capital of France?");
    let ranking = router.advisor().advise(&prompt, &greenroute::Objective::balanced()).unwrap();
    assert!(ranking.ranked.len() >= 4, "{ranking}");
    let error = router.chat(prompt).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::NoCandidate);
    assert!(error.message().contains("groq/openai/gpt-oss-20b: no provider serves it here"), "{error}");
}

#[tokio::test]
async fn a_prompt_of_a_megabyte_fits_no_window_and_says_so() {
    let router = presets::catalog().unwrap().build().unwrap();
    let prompt = Prompt::from("word ".repeat(1 << 18));
    let ranking = router.advisor().advise(&prompt, &greenroute::Objective::balanced()).unwrap();
    let is_gemma = |model: &greenroute::ModelKey| model.to_string() == "local/gemma-3-270m";
    let local = ranking.excluded.iter().find(|excluded| is_gemma(&excluded.model)).unwrap();
    assert!(local.rule.to_string().contains("window of 32768 tokens is too small"), "{}", local.rule);
}

#[cfg(feature = "local")]
#[tokio::test]
async fn a_file_that_is_no_model_is_told_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.gguf");
    let error = presets::local(&missing).unwrap_err();
    assert!(error.to_string().contains("missing.gguf"), "{error}");
    let corrupt = folder.path().join("corrupt.gguf");
    std::fs::write(&corrupt, b"GGUF\x03\x00\x00\x00 and then nothing that makes sense").unwrap();
    let error = presets::local(&corrupt).unwrap_err();
    assert!(error.to_string().contains("corrupt.gguf"), "{error}");
    assert!(!error.can_fall_back(), "{error:?}");
}
