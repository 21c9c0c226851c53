//! A tiny random T5 as the Router meets it, from both kinds of file: what it says is noise, how it says it is not.

#![cfg(test)]
#![cfg(feature = "local")]

use futures_util::StreamExt;
use greenroute_core::chat::{ChatEvent, ChatRequest, ChatResponse, FinishReason, Message, Role, Sampling};
use greenroute_core::units::Tokens;
use greenroute_core::usage::Counted;
use greenroute_core::{ErrorKind, ModelProvider, TokenCounter};
use greenroute_providers::local::{LoadOptions, LocalModel, LocalProvider, Precision, PromptStyle};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const FOLDER: &str = "gated";
const FILE: &str = "gated.gguf";

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tiny-t5").join(name)
}

fn open(name: &str) -> LocalProvider {
    LocalProvider::open(path(name)).unwrap()
}

fn asking(provider: &LocalProvider, text: &str) -> ChatRequest {
    let key = provider.models()[0].key.clone();
    ChatRequest {
        max_output_tokens: Some(24),
        ..ChatRequest::new(key, vec![Message::text(Role::User, text)])
    }
}

/// With chance, so that the answer has many words.
fn warm(provider: &LocalProvider, text: &str, seed: u64) -> ChatRequest {
    let sampling = Sampling {
        temperature: Some(1.5),
        top_k: Some(300),
        top_p: Some(1.0),
        seed: Some(seed),
        ..Sampling::default()
    };
    ChatRequest { sampling, ..asking(provider, text) }
}

async fn streamed(provider: &LocalProvider, request: ChatRequest) -> (Vec<String>, ChatResponse) {
    let mut events = provider.chat_stream(request).await.unwrap();
    let mut pieces = Vec::new();
    while let Some(event) = events.next().await {
        match event.unwrap() {
            ChatEvent::Text(text) => pieces.push(text),
            ChatEvent::Done(done) => {
                assert!(events.next().await.is_none());
                return (pieces, *done);
            }
            other => panic!("{other:?}"),
        }
    }
    panic!("no end came");
}

/// Without what the clock measured.
fn untimed(mut response: ChatResponse) -> ChatResponse {
    response.timing = None;
    response
}

#[test]
fn a_card_tells_what_the_files_say() {
    for (name, id, display) in [(FOLDER, "gated", "gated"), (FILE, "gated", "Tiny random T5, gated")] {
        let provider = open(name);
        let card = Arc::clone(&provider.models()[0]);
        assert_eq!((card.key.to_string(), card.display_name.as_str()), (format!("local/{id}"), display));
        assert_eq!(card.window.context, 1024, "twice what it was trained on");
        let size = card.size.as_ref().unwrap();
        let parameters = size.total.low * 1e9;
        assert!((parameters - 345_216.0).abs() < 0.5, "{parameters}");
        // Halves in the file, held as whole floats unless less is asked for.
        assert_eq!(size.bytes_per_parameter, Some(4.0));
        let eight = LocalProvider::builder(path(name)).precision(Precision::Eight).build().unwrap();
        let held = eight.models()[0].size.as_ref().unwrap().bytes_per_parameter.unwrap();
        assert!((1.0..1.2).contains(&held), "{held}");
        assert_eq!(provider.model().style(), PromptStyle::Instruction);
    }
}

#[tokio::test]
async fn counts_are_exact_and_include_the_prompts_end() {
    for name in [FOLDER, FILE] {
        let provider = open(name);
        let request = asking(&provider, " the cat sat on the mat\n");
        let response = provider.chat(request.clone()).await.unwrap();
        let Counted::Reported(usage) = response.usage else { panic!("{:?}", response.usage) };
        let ids = provider.model().encode("the cat sat on the mat");
        assert_eq!(ids.last(), Some(&1), "</s>");
        assert_eq!(usage.input_tokens(), Tokens::from(ids.len()));
        assert_eq!(provider.count(&request).await.unwrap(), usage.input_tokens());
        // What it said, token by token.
        let said = greedy(provider.model(), &ids, 24);
        assert_eq!(usage.output_tokens(), Tokens::from(said.len()));
        let ended = said.last() == Some(&1);
        assert_eq!(response.finish_reason, if ended { FinishReason::Stop } else { FinishReason::Length });
    }
}

/// The best next token, over and over, up to the end or `most`.
fn greedy(model: &LocalModel, prompt: &[u32], most: usize) -> Vec<u32> {
    let mut session = model.session();
    let mut logits = session.read(prompt).unwrap();
    let mut said: Vec<u32> = Vec::new();
    while said.len() < most && said.last() != Some(&1) {
        let best = (0..).zip(&logits).max_by(|(_, a), (_, b)| a.total_cmp(b)).unwrap().0;
        said.push(best);
        logits = session.read(&[best]).unwrap();
    }
    said
}

#[tokio::test]
async fn a_stream_says_what_a_chat_says() {
    for name in [FOLDER, FILE] {
        let provider = open(name);
        let (pieces, done) = streamed(&provider, warm(&provider, "the dog and the cat", 7)).await;
        assert!(pieces.len() > 3 && pieces.iter().all(|piece| !piece.is_empty()), "{pieces:?}");
        assert_eq!(pieces.concat(), done.text());
        let whole = provider.chat(warm(&provider, "the dog and the cat", 7)).await.unwrap();
        assert_eq!(untimed(done), untimed(whole));
    }
}

#[tokio::test]
async fn spaces_stand_between_words_and_not_before_the_first() {
    for name in [FOLDER, FILE] {
        let provider = open(name);
        let (mut spaces, mut trimmed) = (0, 0);
        for text in ["the cat", "a dog is not a cat", "it was the best of times", "on", "süße Äpfel"] {
            let said = greedy(provider.model(), &provider.model().encode(text), 24);
            let whole = provider.model().decode(&said);
            let (pieces, done) = streamed(&provider, asking(&provider, text)).await;
            assert_eq!(pieces.concat(), whole.trim(), "{name}: {text}");
            assert_eq!(done.text(), whole.trim());
            spaces += usize::from(whole.trim().contains(' '));
            trimmed += usize::from(whole.starts_with(' '));
        }
        assert!(spaces > 0 && trimmed > 0, "{spaces} with spaces, {trimmed} that begin with one");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn chats_at_once_are_chats_alone() {
    let provider = Arc::new(open(FOLDER));
    let long = "the cat sat on the mat and ".repeat(20);
    let prompts = ["the cat", "a dog is not a cat, and that is that", "ünï 🙂", "on", &long, "where is it?"];
    let request = |index: usize| {
        let mut request = warm(&provider, prompts[index], index as u64);
        request.sampling.repetition_penalty = [None, Some(1.3), Some(2.0)][index % 3];
        request.max_output_tokens = Some([24, 5, 40][index % 3]);
        request
    };
    let mut alone = Vec::new();
    for index in 0..prompts.len() {
        alone.push(untimed(provider.chat(request(index)).await.unwrap()));
    }
    let chats = (0..prompts.len()).map(|index| provider.chat(request(index)));
    let together = futures_util::future::join_all(chats).await;
    assert_eq!(together.into_iter().map(|response| untimed(response.unwrap())).collect::<Vec<_>>(), alone);
    let mut other = request(0);
    other.sampling.seed = Some(99);
    assert_ne!(provider.chat(other).await.unwrap().text(), alone[0].text(), "the seed decides");
    let mut free = request(1);
    free.sampling.repetition_penalty = None;
    free.max_output_tokens = Some(40);
    let mut bound = free.clone();
    bound.sampling.repetition_penalty = Some(2.0);
    let [free, bound] = [free, bound].map(|request| provider.chat(request));
    assert_ne!(free.await.unwrap().text(), bound.await.unwrap().text(), "the penalty decides");
}

#[tokio::test]
async fn an_answer_ends_before_a_stop() {
    let provider = open(FOLDER);
    let whole = provider.chat(warm(&provider, "the cat", 3)).await.unwrap().text();
    let stop: String = whole.chars().skip(whole.chars().count() / 2).take(2).collect();
    let mut request = warm(&provider, "the cat", 3);
    request.stop = vec![stop.clone()];
    let (pieces, done) = streamed(&provider, request).await;
    assert_eq!(done.text(), whole.split(&stop).next().unwrap().trim_end());
    assert!(whole.len() > done.text().len() && !stop.trim().is_empty(), "{whole:?} before {stop:?}");
    assert_eq!((pieces.concat(), done.finish_reason.clone()), (done.text(), FinishReason::Stop));
}

#[tokio::test]
async fn log_probabilities_are_the_models_own() {
    let provider = open(FILE);
    let mut request = warm(&provider, "the cat", 5);
    request.sampling.temperature = Some(0.7);
    request.log_probabilities = true;
    let response = provider.chat(request).await.unwrap();
    let told = response.log_probabilities.clone().unwrap();
    let ended = usize::from(response.finish_reason == FinishReason::Stop);
    assert_eq!(Tokens::from(told.len() + ended), response.usage.usage().output_tokens());
    assert!(told.len() > 3, "{told:?}");
    let mut session = provider.model().session();
    let mut logits = session.read(&provider.model().encode("the cat")).unwrap();
    for told in told {
        let exps: Vec<f64> = logits.iter().map(|logit| f64::from(*logit).exp()).collect();
        let sum: f64 = exps.iter().sum();
        // The token that was chosen is the one whose probability was told.
        let chosen = exps.iter().position(|exp| ((exp / sum).ln() - told).abs() < 1e-5);
        let chosen = chosen.unwrap_or_else(|| panic!("nothing has the probability {told}"));
        logits = session.read(&[u32::try_from(chosen).unwrap()]).unwrap();
    }
}

#[tokio::test]
async fn what_does_not_fit_is_told_with_both_numbers() {
    let provider = LocalProvider::builder(path(FOLDER)).context_tokens(40).build().unwrap();
    let long = asking(&provider, &"the cat ".repeat(20));
    let tokens = provider.count(&long).await.unwrap().get();
    for streams in [false, true] {
        let error = if streams {
            provider.chat_stream(long.clone()).await.map(|_| ()).unwrap_err()
        } else {
            provider.chat(long.clone()).await.unwrap_err()
        };
        assert_eq!(error.kind(), &ErrorKind::ContextOverflow);
        assert!(error.message().contains(&format!("a prompt of {tokens} tokens")), "{error}");
        assert!(error.message().contains("an answer of 24 tokens do not fit the window of 40"), "{error}");
    }
    // Without a limit of its own the answer takes what room there is.
    let open = ChatRequest { max_output_tokens: None, ..asking(&provider, "the cat") };
    let response = provider.chat(open).await.unwrap();
    let usage = response.usage.usage();
    match response.finish_reason {
        FinishReason::ContextOverflow => assert_eq!(usage.total_tokens(), Tokens::new(40)),
        FinishReason::Stop => assert!(usage.total_tokens() < Tokens::new(40)),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_conversation_is_written_as_an_instruction() {
    let system = Message::text(Role::System, "Be brief.");
    let talk = [
        system.clone(),
        Message::text(Role::User, "Who?"),
        Message::text(Role::Assistant, "Ada."),
        Message::text(Role::User, "When?"),
    ];
    for name in [FOLDER, FILE] {
        let provider = open(name);
        for (messages, expected) in [
            (vec![system.clone(), talk[1].clone()], "Be brief.\n\nWho?"),
            (talk.to_vec(), "Be brief.\n\nUser: Who?\nAssistant: Ada.\nUser: When?\nAssistant:"),
        ] {
            let request = ChatRequest { messages, ..asking(&provider, "") };
            let ids = provider.model().encode(expected);
            assert_eq!(provider.count(&request).await.unwrap(), Tokens::from(ids.len()));
            let answer = provider.model().decode(&greedy(provider.model(), &ids, 24));
            assert_eq!(provider.chat(request).await.unwrap().text(), answer.trim());
        }
    }
}

const PRECISIONS: [Precision; 4] = [Precision::Stored, Precision::Eight, Precision::Four, Precision::Floats];

/// The least limit with which a model opens.
fn needed(path: &Path, precision: Precision) -> u64 {
    let opens = |limit| {
        let options = LoadOptions { precision, memory_limit: Some(limit), ..LoadOptions::default() };
        LocalModel::open(path, options).is_ok()
    };
    let (mut low, mut high) = (0, 64_000_000);
    assert!(opens(high));
    while high - low > 1 {
        let middle = u64::midpoint(low, high);
        if opens(middle) { high = middle } else { low = middle }
    }
    high
}

#[test]
fn what_does_not_fit_the_memory_is_refused_before_it_is_read() {
    let folder = path("../tiny-gemma3-quantised.gguf");
    for path in [path(FOLDER), path(FILE), path("tied"), folder] {
        let mut all = Vec::new();
        for precision in PRECISIONS {
            let needed = needed(&path, precision);
            let limited =
                |limit: u64| LocalProvider::builder(&path).precision(precision).memory_limit(limit).build();
            limited(needed).unwrap();
            let error = limited(needed - 1).unwrap_err();
            assert_eq!(error.kind(), &ErrorKind::Config);
            for part in [
                path.display().to_string(),
                format!(
                    "needs {} MB for its weights, and {} MB",
                    needed.div_ceil(1_000_000),
                    (needed - 1).div_ceil(1_000_000)
                ),
            ] {
                assert!(error.message().contains(&part), "{part}: {error}");
            }
            all.push(needed);
        }
        let [stored, eight, four, floats] = all[..] else { panic!("{all:?}") };
        println!("{}: {all:?}", path.display());
        assert!(four <= eight && eight < floats && stored <= floats, "{all:?}");
    }
}

#[test]
fn a_model_in_the_hubs_cache_is_called_as_on_the_hub() {
    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
    let cache = tempfile::tempdir().unwrap();
    let card = |repo: &str| {
        let folder = cache.path().join(repo).join("snapshots").join(COMMIT);
        std::fs::create_dir_all(&folder).unwrap();
        for entry in std::fs::read_dir(path(FOLDER)).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
        }
        let provider = LocalProvider::open(folder).unwrap();
        let card = Arc::clone(&provider.models()[0]);
        (provider.model().name().unwrap().to_owned(), card.key.model.to_string(), card.display_name.clone())
    };
    let strings = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
    let flan = card("models--google--flan-t5-base");
    assert_eq!(flan, strings("google/flan-t5-base", "flan-t5-base", "Flan-T5 Base"));
    assert_eq!(card("models--me--mine"), strings("me/mine", "me/mine", "me/mine"));
    // A file that does not say what it is called.
    let folder = cache.path().join("models--me--mine/snapshots").join(COMMIT);
    let mut bytes = std::fs::read(path(FILE)).unwrap();
    std::fs::write(folder.join("a.gguf"), &bytes).unwrap();
    let at = bytes.windows(12).position(|window| window == b"general.name").unwrap();
    bytes[at + 8..at + 12].copy_from_slice(b"nome");
    std::fs::write(folder.join("b.gguf"), &bytes).unwrap();
    let named =
        |file| LocalModel::open(folder.join(file), Precision::Stored).unwrap().name().unwrap().to_owned();
    assert_eq!([named("a.gguf"), named("b.gguf")], ["Tiny random T5, gated", "me/mine"]);
    let card = Arc::clone(&LocalProvider::open(folder.join("b.gguf")).unwrap().models()[0]);
    assert_eq!((card.key.model.to_string(), card.display_name.as_str()), ("b".to_owned(), "me/mine"));
}
