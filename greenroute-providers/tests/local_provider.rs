//! The local provider as the Router meets it, on a tiny random model: what it says is noise, how it says it is not.

#![cfg(test)]
#![cfg(feature = "local")]

use futures_util::StreamExt;
use greenroute_core::chat::{
    Block, ChatEvent, ChatRequest, ChatResponse, FinishReason, Message, Role, Sampling, Tool,
};
use greenroute_core::units::Tokens;
use greenroute_core::usage::{Counted, TimingSource};
use greenroute_core::{Error, ErrorKind, ModelProvider, TokenCounter};
use greenroute_providers::local::{LocalProvider, LocalProviderBuilder, PromptStyle};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn builder() -> LocalProviderBuilder {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tiny-gemma3.gguf");
    LocalProvider::builder(path)
}

fn raw() -> LocalProvider {
    builder().style(PromptStyle::Raw).build().unwrap()
}

fn asking(provider: &LocalProvider, text: &str) -> ChatRequest {
    let key = provider.models()[0].key.clone();
    ChatRequest {
        max_output_tokens: Some(24),
        ..ChatRequest::new(key, vec![Message::text(Role::User, text)])
    }
}

async fn failure(provider: &LocalProvider, request: ChatRequest) -> Error {
    let error = provider.chat(request.clone()).await.unwrap_err();
    let streamed = provider.chat_stream(request).await.map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), streamed.kind());
    error
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

#[tokio::test]
async fn counts_are_exact_and_time_is_told() {
    let provider = raw();
    let request = asking(&provider, "the cat sat on the mat");
    let response = provider.chat(request.clone()).await.unwrap();
    let Counted::Reported(usage) = response.usage else { panic!("{:?}", response.usage) };
    assert_eq!(provider.count(&request).await.unwrap(), usage.input_tokens());
    let ids = provider.model().encode("the cat sat on the mat");
    assert_eq!(usage.input_tokens(), Tokens::from(ids.len()));
    assert_eq!((usage.output_tokens(), response.finish_reason), (Tokens::new(24), FinishReason::Length));
    let timing = response.timing.unwrap();
    assert_eq!(timing.source, TimingSource::ModelCompute);
    let parts = timing.queue.unwrap() + timing.prefill.unwrap() + timing.decode.unwrap();
    assert!(timing.prefill.unwrap() > Duration::ZERO && parts <= timing.elapsed.unwrap());
}

#[tokio::test]
async fn a_stream_says_what_a_chat_says() {
    let provider = raw();
    let request = asking(&provider, "the dog and the cat");
    let (pieces, done) = streamed(&provider, request.clone()).await;
    assert!(pieces.len() > 3 && pieces.iter().all(|piece| !piece.is_empty()));
    assert_eq!(pieces.concat(), done.text());
    assert_eq!(untimed(done), untimed(provider.chat(request).await.unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn chats_at_once_are_chats_alone() {
    let provider = Arc::new(raw());
    let prompts = ["the cat", "a dog is not a cat, and that is that", "ünï 🙂", "on"];
    let request = |prompt: &str, seed| {
        let sampling = Sampling { temperature: Some(0.9), seed: Some(seed), ..Sampling::default() };
        ChatRequest { sampling, ..asking(&provider, prompt) }
    };
    let mut alone = Vec::new();
    for prompt in prompts {
        alone.push(untimed(provider.chat(request(prompt, 5)).await.unwrap()));
    }
    let chats = prompts.map(|prompt| provider.chat(request(prompt, 5)));
    let together = futures_util::future::join_all(chats).await;
    assert_eq!(together.into_iter().map(|response| untimed(response.unwrap())).collect::<Vec<_>>(), alone);
    let other = provider.chat(request(prompts[0], 6)).await.unwrap();
    assert_ne!(other.text(), alone[0].text(), "the seed decides");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_computed_for_whom_is_told() {
    let provider =
        Arc::new(builder().style(PromptStyle::Raw).concurrency(3.try_into().unwrap()).build().unwrap());
    let started = Instant::now();
    let requests: Vec<_> = (0..6).map(|_| asking(&provider, "the cat sat on the mat")).collect();
    let chats = requests.iter().map(|request| provider.chat(request.clone()));
    let responses = futures_util::future::join_all(chats).await;
    let wall = started.elapsed();
    let mut sum = Duration::ZERO;
    for (request, response) in requests.iter().zip(responses) {
        let timing = response.unwrap().timing.unwrap();
        assert_eq!(timing.compute(), request.compute_time.total());
        assert!(timing.queue.unwrap() + timing.compute().unwrap() <= timing.elapsed.unwrap());
        sum += timing.compute().unwrap();
    }
    assert!(sum <= wall, "{sum:?} of {wall:?}");
}

#[tokio::test]
async fn log_probabilities_are_the_models_own() {
    let provider = raw();
    let mut request = asking(&provider, "the cat");
    assert_eq!(provider.chat(request.clone()).await.unwrap().log_probabilities, None);
    request.log_probabilities = true;
    // The temperature changes what is chosen, not what the model thought of it.
    request.sampling = Sampling { temperature: Some(1.3), seed: Some(3), ..Sampling::default() };
    let response = provider.chat(request).await.unwrap();
    let told = response.log_probabilities.clone().unwrap();
    assert_eq!(Tokens::from(told.len()), response.usage.usage().output_tokens());
    let mut session = provider.model().session();
    let mut logits = session.read(&provider.model().encode("the cat")).unwrap();
    for told in told {
        let exps: Vec<f64> = logits.iter().map(|logit| f64::from(*logit).exp()).collect();
        let sum: f64 = exps.iter().sum();
        // The token that was chosen is the one whose probability was told.
        let of = |exp: f64| (exp / sum).ln();
        let chosen = exps.iter().position(|exp| (of(*exp) - told).abs() < 1e-4);
        let chosen = chosen.unwrap_or_else(|| panic!("nothing has the probability {told}"));
        logits = session.read(&[u32::try_from(chosen).unwrap()]).unwrap();
    }
}

#[tokio::test]
async fn a_penalty_keeps_it_from_repeating_itself() {
    let provider = raw();
    let distinct = async |penalty| {
        let mut request = asking(&provider, "the cat");
        request.max_output_tokens = Some(60);
        request.sampling.repetition_penalty = penalty;
        let text = provider.chat(request).await.unwrap().text();
        provider.model().encode(&text).into_iter().collect::<std::collections::BTreeSet<_>>().len()
    };
    let (off, one, two) = (distinct(None).await, distinct(Some(1.0)).await, distinct(Some(2.0)).await);
    assert_eq!(off, one);
    assert!(two > off, "{two} kinds of tokens with a penalty, {off} without");
    let mut request = asking(&provider, "the cat");
    request.sampling.repetition_penalty = Some(0.5);
    let error = failure(&provider, request).await;
    assert!(error.message().contains("`repetition_penalty` must be between 1 and 2, not 0.5"), "{error}");
}

#[tokio::test]
async fn a_dropped_stream_frees_its_thread() {
    let provider = builder().style(PromptStyle::Raw).concurrency(1.try_into().unwrap()).build().unwrap();
    let mut long = asking(&provider, "the cat");
    long.max_output_tokens = Some(200);
    let mut events = provider.chat_stream(long.clone()).await.unwrap();
    let first = events.next().await.unwrap().unwrap();
    assert!(matches!(first, ChatEvent::Text(_)));
    drop(events);
    // Queued behind the dropped one and dropped before it starts.
    drop(provider.chat_stream(long).await.unwrap());
    let response = provider.chat(asking(&provider, "a dog")).await.unwrap();
    let queue = response.timing.unwrap().queue.unwrap();
    assert!(queue < Duration::from_secs(5), "waited {queue:?}");
}

#[tokio::test]
async fn time_runs_out() {
    let provider = raw();
    let mut request = asking(&provider, "the cat");
    request.timeout = Some(Duration::ZERO);
    let error = provider.chat(request).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Timeout);
}

#[tokio::test]
async fn what_does_not_fit_is_told_with_both_numbers() {
    let provider = builder().style(PromptStyle::Raw).context_tokens(40).build().unwrap();
    let card = Arc::clone(&provider.models()[0]);
    assert_eq!(card.window.context, 40);
    let error = failure(&provider, asking(&provider, &"the cat ".repeat(12))).await;
    assert_eq!(error.kind(), &ErrorKind::ContextOverflow);
    let tokens = provider.count(&asking(&provider, &"the cat ".repeat(12))).await.unwrap().get();
    assert!(error.message().contains(&format!("a prompt of {tokens} tokens")), "{error}");
    assert!(error.message().contains("an answer of 24 tokens do not fit the window of 40"), "{error}");
    // Without a limit of its own the answer takes what room there is.
    let mut open = asking(&provider, "the cat");
    open.max_output_tokens = None;
    let response = provider.chat(open).await.unwrap();
    assert_eq!(response.finish_reason, FinishReason::ContextOverflow);
    assert_eq!(response.usage.usage().total_tokens(), Tokens::new(40));
}

#[tokio::test]
async fn what_it_cannot_do_is_named() {
    let provider = raw();
    let image = Block::Image { media_type: "image/png".into(), base64: String::new() };
    let call = Block::ToolCall { id: "1".into(), name: "f".into(), arguments: serde_json::Value::Null };
    for (block, word) in [(image, "image"), (call, "tool call")] {
        let mut request = asking(&provider, "the cat");
        request.messages.push(Message { role: Role::User, blocks: vec![block] });
        let error = failure(&provider, request).await;
        assert!(error.kind() == &ErrorKind::Unsupported && error.message().contains(word), "{error}");
    }
    let mut tools = asking(&provider, "the cat");
    let parameters = serde_json::json!({});
    tools.tools = vec![Tool { name: "f".into(), description: String::new(), parameters }];
    assert_eq!(failure(&provider, tools).await.kind(), &ErrorKind::Unsupported);
    let mut schema = asking(&provider, "the cat");
    schema.schema = Some(serde_json::json!({}));
    assert_eq!(failure(&provider, schema).await.kind(), &ErrorKind::Unsupported);
    assert_eq!(failure(&provider, asking(&provider, " \n")).await.kind(), &ErrorKind::InvalidRequest);
    let mut other = asking(&provider, "the cat");
    other.model.model = "gpt-9".into();
    assert_eq!(failure(&provider, other).await.kind(), &ErrorKind::ModelNotFound);
    let mut hot = asking(&provider, "the cat");
    hot.sampling.top_p = Some(f64::NAN);
    assert_eq!(failure(&provider, hot).await.kind(), &ErrorKind::InvalidRequest);
}

#[tokio::test]
async fn an_answer_ends_before_a_stop() {
    let provider = raw();
    let whole = provider.chat(asking(&provider, "the cat")).await.unwrap().text();
    let stop: String = whole.chars().skip(whole.chars().count() / 2).take(2).collect();
    let mut request = asking(&provider, "the cat");
    request.stop = vec![stop.clone()];
    let (pieces, done) = streamed(&provider, request).await;
    assert_eq!(done.text(), whole.split(&stop).next().unwrap());
    assert_eq!((pieces.concat(), done.finish_reason.clone()), (done.text(), FinishReason::Stop));
}

#[tokio::test]
async fn a_model_may_say_that_it_is_done() {
    let provider = raw();
    let mut ends = 0;
    for seed in 0..20 {
        let sampling = Sampling {
            temperature: Some(2.0),
            top_k: Some(400),
            top_p: Some(1.0),
            seed: Some(seed),
            ..Sampling::default()
        };
        let request = ChatRequest { sampling, max_output_tokens: Some(100), ..asking(&provider, "the cat") };
        let response = provider.chat(request).await.unwrap();
        let tokens = response.usage.usage().output_tokens();
        assert!(!response.text().contains("<eos>") && !response.text().contains("<end_of_turn>"));
        if response.finish_reason == FinishReason::Stop {
            ends += 1;
            assert!(tokens < Tokens::new(100));
        } else {
            assert_eq!((response.finish_reason, tokens), (FinishReason::Length, Tokens::new(100)));
        }
    }
    assert!((1..20).contains(&ends), "{ends} of 20 ended by themselves");
}

#[tokio::test]
async fn a_conversation_is_written_in_the_models_style() {
    let conversation = [
        Message::text(Role::System, "be kind"),
        Message::text(Role::User, "a <end_of_turn> b"),
        Message::text(Role::Assistant, "c"),
        Message::text(Role::User, "d"),
    ];
    let read = async |style| {
        let provider = builder().style(style).build().unwrap();
        let request = ChatRequest { messages: conversation.to_vec(), ..asking(&provider, "") };
        let count = provider.count(&request).await.unwrap();
        (provider, count)
    };
    let (provider, count) = read(PromptStyle::QuestionAnswer).await;
    let text = "be kind\n\nQuestion: a <end_of_turn> b\nAnswer: c\n\nQuestion: d\nAnswer:";
    assert_eq!(count, Tokens::from(provider.model().encode(text).len()));
    let (provider, count) = read(PromptStyle::GemmaTurns).await;
    let inner = ["user\nbe kind\n\na <end_of_turn> b", "model\nc", "user\nd"];
    // Each turn has its own text between two markers and a line's end; the start token is counted once.
    let turns: usize = inner.iter().map(|text| provider.model().encode(text).len() - 1 + 3).sum();
    let answer = provider.model().encode("model\n").len() - 1 + 1;
    assert_eq!(count, Tokens::from(1 + turns + answer));
    let answer =
        provider.chat(ChatRequest { messages: conversation.to_vec(), ..asking(&provider, "") }).await;
    assert!(answer.is_ok());
}

#[test]
fn a_card_tells_what_the_file_says() {
    let provider = builder().model_id("tiny").display_name("Tiny").build().unwrap();
    let card = Arc::clone(&provider.models()[0]);
    assert_eq!((card.key.to_string().as_str(), card.display_name.as_str()), ("local/tiny", "Tiny"));
    assert_eq!(provider.to_string(), "local (Tiny)");
    assert_eq!(card.window.context, 256);
    let size = card.size.as_ref().unwrap();
    assert!((size.total.low - 54e-6).abs() < 2e-6 && size.bytes_per_parameter == Some(4.0), "{size:?}");
    let error = builder().context_tokens(257).build().unwrap_err();
    assert!(error.message().contains("between 2 and the file's 256, not 257"), "{error}");
}
