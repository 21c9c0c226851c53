use crate::world::*;
use greenroute::providers::FromEnv;
use greenroute::{ErrorKind, Objective, presets};
use greenroute_testkit::Model;
use std::process::Command;

/// What a child process prints that runs the ignored test of this name, with nothing but these in its environment.
fn child(test: &str, variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", &format!("environment::{test}"), "--ignored", "--nocapture"]).env_clear();
    let output = command.envs(variables.iter().copied()).output().unwrap();
    let printed =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && printed.contains("1 passed"), "{printed}");
    printed
}

#[tokio::test]
#[ignore = "the child of the test below"]
async fn asks_whom_the_environment_has_keys_for() {
    let found = FromEnv::read().unwrap();
    let names: Vec<String> = found.providers.iter().map(|provider| provider.name().to_string()).collect();
    println!("providers: {}; unset: {}", names.join(" "), found.unset.join(" "));
    let only = found.providers.iter().flat_map(|provider| provider.models()).map(|card| card.key.clone());
    let only = only.filter(|key| ["gpt-4.1-mini", "openai/gpt-oss-20b"].contains(&key.model.as_str()));
    let objective = Objective { only: Some(only.collect()), ..Objective::eco() };
    let router = presets::from_env().unwrap().objective(objective).build().unwrap();
    println!("{:#}", router.chat("Why?").await.unwrap().receipt);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_and_addresses_come_from_the_environment() {
    let server = greenroute_testkit::FakeServer::builder().key(CANARY);
    let server = server.model("groq", Model::thinking("openai/gpt-oss-20b")).start().await.unwrap();
    let (openai, groq) = (server.url("openai"), server.url("groq"));
    let variables = [
        ("OPENAI_API_KEY", CANARY),
        ("OPENAI_BASE_URL", &openai),
        ("GROQ_API_KEY", CANARY),
        ("GROQ_BASE_URL", &groq),
        ("MISTRAL_API_KEY", " "),
    ];
    let printed = tokio::task::block_in_place(|| child("asks_whom_the_environment_has_keys_for", &variables));
    assert!(printed.contains("providers: groq openai; unset: ANTHROPIC_API_KEY"), "{printed}");
    assert!(printed.contains("MISTRAL_API_KEY") && printed.contains(" answered in "), "{printed}");
    assert!(!printed.contains(CANARY), "{printed}");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
#[ignore = "the child of the test below"]
async fn finds_nobody() {
    let error = presets::from_env().unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Config);
    println!("{error}");
}

#[test]
fn an_environment_without_keys_is_told_which_to_set() {
    let printed = child("finds_nobody", &[]);
    assert!(
        printed.contains("environment: no provider has a key: set one of ANTHROPIC_API_KEY, "),
        "{printed}"
    );
    assert!(printed.contains("GEMINI_API_KEY") && printed.contains("OPENROUTER_API_KEY"), "{printed}");
}
