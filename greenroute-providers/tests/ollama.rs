//! Ollama as the Router meets it, over real HTTP.

#![cfg(test)]
#![cfg(feature = "hosted")]

use futures_util::StreamExt;
use greenroute_core::chat::{
    Block, ChatEvent, ChatRequest, ChatResponse, Effort, FinishReason, Message, Role, Tool, ToolChoice,
};
use greenroute_core::model::{Accepts, ModelCard, Privacy, Window};
use greenroute_core::units::Tokens;
use greenroute_core::usage::TimingSource;
use greenroute_core::{
    EmbedPurpose, EmbedRequest, Embedder, Error, ErrorKind, ModelKey, ModelLister, ModelProvider,
};
use greenroute_http::Timeouts;
use greenroute_providers::ollama::Ollama;
use greenroute_testkit::{FakeServer, Fault, Fixture, Reply, RetryAfter};
use serde_json::{Value, json};
use std::time::Duration;

const PLAIN: &str = "llama3.2:3b";
const PIXEL: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

fn key(model: &str) -> ModelKey {
    ModelKey::new("ollama", model)
}

fn card(model: &str, context: u64) -> ModelCard {
    ModelCard::new(key(model), Window { context, max_output: None }, Privacy::Local)
}

fn ollama(server: &FakeServer) -> Ollama {
    Ollama::builder().base_url(server.url("ollama")).build().unwrap()
}

/// One that does not wait long.
fn hasty(server: &FakeServer) -> Ollama {
    let short = Duration::from_millis(300);
    let timeouts = Timeouts { idle: short, total: 4 * short, ..Timeouts::default() };
    Ollama::builder().base_url(server.url("ollama")).timeouts(timeouts).build().unwrap()
}

fn asking(model: &str, text: &str) -> ChatRequest {
    ChatRequest::new(key(model), vec![Message::text(Role::User, text)])
}

async fn streamed(provider: &Ollama, request: ChatRequest) -> Result<(Vec<ChatEvent>, ChatResponse), Error> {
    let mut events = provider.chat_stream(request).await?;
    let mut pieces = Vec::new();
    while let Some(event) = events.next().await {
        match event? {
            ChatEvent::Done(done) => {
                assert!(events.next().await.is_none(), "something followed the end");
                return Ok((pieces, *done));
            }
            piece => pieces.push(piece),
        }
    }
    panic!("no end came");
}

/// The answer whole and in pieces, which must be the same.
async fn both(provider: &Ollama, request: ChatRequest) -> Result<ChatResponse, Error> {
    let whole = provider.chat(request.clone()).await;
    let streamed = streamed(provider, request).await;
    match (whole, streamed) {
        (Ok(whole), Ok((_, streamed))) => {
            assert_eq!(whole, streamed);
            Ok(whole)
        }
        (Err(whole), Err(streamed)) => {
            assert_eq!(whole.kind(), streamed.kind(), "{whole}; streamed: {streamed}");
            Err(whole)
        }
        (whole, streamed) => panic!("whole {whole:?}, streamed {streamed:?}"),
    }
}

fn notes(response: &ChatResponse) -> Vec<String> {
    response.notes.iter().map(ToString::to_string).collect()
}

fn weather() -> Tool {
    Tool {
        name: "weather".into(),
        description: "The weather of a city.".into(),
        parameters: json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}),
    }
}

#[tokio::test]
async fn an_answer_tells_tokens_time_and_who_answered() {
    let server = FakeServer::start().await.unwrap();
    let response = both(&ollama(&server), asking(PLAIN, "Why is the sky blue?")).await.unwrap();
    assert_eq!(response.returned, key(PLAIN));
    assert_eq!(response.finish_reason, FinishReason::Stop);
    let usage = response.usage.usage();
    assert!(!response.usage.is_approximate() && usage.input_tokens() > Tokens::ZERO);
    let timing = response.timing.unwrap();
    assert_eq!((timing.source, timing.queue), (TimingSource::ModelCompute, Some(Duration::from_millis(1))));
    assert_eq!(timing.compute(), Some(Duration::from_millis(3)));
    assert!(response.notes.is_empty(), "{:?}", response.notes);
}

/// What a fault makes of a whole answer and of a streamed one, of which `text` is what would have come. `None` for
/// faults that do no harm, or that only event streams know.
fn expected(fault: Fault, text: &str) -> Option<[ErrorKind; 2]> {
    let both = |kind: ErrorKind| Some([kind.clone(), kind]);
    let limited =
        |millis: Option<u64>| both(ErrorKind::RateLimited { after: millis.map(Duration::from_millis) });
    let truncated = |partial: &str| ErrorKind::StreamTruncated { partial: partial.to_owned() };
    match fault {
        fault if fault.is_harmless() => None,
        Fault::DropBeforeHeaders | Fault::CloseBeforeHeaders | Fault::StallBeforeHeaders => {
            both(ErrorKind::Timeout)
        }
        Fault::DropAfterFrames(_) | Fault::StallAfterFrames(_) => {
            Some([ErrorKind::Timeout, ErrorKind::StreamError])
        }
        Fault::Truncated => Some([ErrorKind::Decode, truncated(text)]),
        Fault::EmptyBody => Some([ErrorKind::Decode, truncated("")]),
        // Only a stream has a middle.
        Fault::ErrorMidway | Fault::GarbageFrame => Some([ErrorKind::Decode, ErrorKind::StreamError]),
        Fault::WrongContentType | Fault::InvalidJson => both(ErrorKind::Decode),
        Fault::RateLimited(RetryAfter::Absent) => limited(None),
        Fault::RateLimited(RetryAfter::Own(millis) | RetryAfter::Millis(millis)) => limited(Some(millis)),
        Fault::RateLimited(RetryAfter::Seconds(seconds) | RetryAfter::Date(seconds)) => {
            limited(Some(1000 * seconds))
        }
        Fault::QuotaExhausted => both(ErrorKind::QuotaExhausted { until: None }),
        Fault::Unauthorized => both(ErrorKind::Authentication),
        Fault::Overloaded529 | Fault::Unavailable503 => both(ErrorKind::Overloaded),
        Fault::Server500 => both(ErrorKind::Server),
        other => panic!("nobody has said what `{other}` does"),
    }
}

/// Whether an error is of this kind. A date has whole seconds, and some time has passed since it was written.
fn is_of(kind: &ErrorKind, fault: Fault, error: &Error) -> bool {
    match (fault, kind, error.kind()) {
        (
            Fault::RateLimited(RetryAfter::Date(_)),
            ErrorKind::RateLimited { after: Some(most) },
            ErrorKind::RateLimited { after: Some(after) },
        ) => after <= most,
        (_, kind, found) => kind == found,
    }
}

#[tokio::test]
async fn every_fault_of_the_wire_is_the_error_that_fits() {
    let server = FakeServer::start().await.unwrap();
    let provider = hasty(&server);
    let request = || asking(PLAIN, "Why?");
    let text = provider.chat(request()).await.unwrap().text();
    for fault in Fault::ALL {
        let Some([whole, in_pieces]) = expected(*fault, &text) else { continue };
        if !matches!(fault, Fault::ErrorMidway | Fault::GarbageFrame) {
            server.fault_next("ollama", *fault);
            match provider.chat(request()).await {
                Err(error) => {
                    assert!(is_of(&whole, *fault, &error), "{fault}: {error:?}");
                    assert_eq!(error.origin(), "ollama/llama3.2:3b", "{fault}");
                }
                // A connection that was closed before it took the request: it went out on another one.
                Ok(answer) => assert_eq!((*fault, answer.text()), (Fault::CloseBeforeHeaders, text.clone())),
            }
        }
        server.fault_next("ollama", *fault);
        match streamed(&provider, request()).await {
            Err(error) => assert!(is_of(&in_pieces, *fault, &error), "{fault}, streamed: {error:?}"),
            Ok((_, done)) => assert_eq!((*fault, done.text()), (Fault::CloseBeforeHeaders, text.clone())),
        }
    }
}

#[tokio::test]
async fn what_is_only_sent_otherwise_is_the_same_answer() {
    let server = FakeServer::start().await.unwrap();
    let provider = ollama(&server);
    let request = asking(PLAIN, "Say 👩‍👩‍👧‍👦 and Ω!");
    let expected = both(&provider, request.clone()).await.unwrap();
    for fault in Fault::ALL.iter().filter(|fault| fault.is_harmless()) {
        server.fault_next("ollama", *fault);
        assert_eq!(streamed(&provider, request.clone()).await.unwrap().1, expected, "{fault}");
        server.fault_next("ollama", *fault);
        assert_eq!(provider.chat(request.clone()).await.unwrap(), expected, "{fault}");
    }
    for bytes in 1..8 {
        server.fault_next("ollama", Fault::SplitFrames(bytes));
        let (pieces, done) = streamed(&provider, request.clone()).await.unwrap();
        let texts = pieces.iter().map(|piece| match piece {
            ChatEvent::Text(text) => text.as_str(),
            other => panic!("{other:?}"),
        });
        assert_eq!((texts.collect::<String>(), &done), (expected.text(), &expected));
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_connection_error() {
    let server = FakeServer::start().await.unwrap();
    let provider = ollama(&server);
    drop(server);
    let error = both(&provider, asking(PLAIN, "Why?")).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Connection);
}

#[tokio::test]
async fn a_tool_is_called_and_its_result_is_answered_with() {
    let server = FakeServer::start().await.unwrap();
    let provider = ollama(&server);
    let mut request = ChatRequest { tools: vec![weather()], ..asking(PLAIN, "How is it in Oslo?") };
    let called = both(&provider, request.clone()).await.unwrap();
    assert_eq!(called.finish_reason, FinishReason::ToolCalls);
    let [Block::ToolCall { id, name, arguments }] = called.blocks.as_slice() else {
        panic!("{:?}", called.blocks);
    };
    assert_eq!((name.as_str(), arguments), ("weather", &json!({"city": "Oslo"})));
    let result = Block::ToolResult { id: id.clone(), content: "rain".into(), is_error: false };
    request.messages.push(Message { role: Role::Assistant, blocks: called.blocks.clone() });
    request.messages.push(Message { role: Role::User, blocks: vec![result] });
    let answer = both(&provider, request).await.unwrap();
    assert!(answer.text().starts_with("The tool gave “rain”"), "{}", answer.text());
    assert_eq!(answer.finish_reason, FinishReason::Stop);
}

#[tokio::test]
async fn a_choice_of_tools_is_kept_as_far_as_it_can_be_and_noted() {
    let server = FakeServer::start().await.unwrap();
    let time = Tool { name: "time".into(), ..weather() };
    let tools = vec![weather(), time];
    let tool_choice = ToolChoice::One("time".into());
    let request = ChatRequest { tools, tool_choice, ..asking(PLAIN, "How late is it?") };
    let response = both(&ollama(&server), request).await.unwrap();
    let names = response.blocks.iter().map(|block| match block {
        Block::ToolCall { name, .. } => name.as_str(),
        other => panic!("{other:?}"),
    });
    assert_eq!(names.collect::<Vec<_>>(), ["time"]);
    assert!(notes(&response)[0].starts_with("`tool_choice`: "));
}

#[tokio::test]
async fn a_schema_is_kept_to_and_an_image_is_seen() {
    let server = FakeServer::start().await.unwrap();
    let provider = ollama(&server);
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    let request = ChatRequest { schema: Some(schema), ..asking(PLAIN, "Name a city.") };
    let text = both(&provider, request).await.unwrap().text();
    let value: Value = serde_json::from_str(&text).unwrap();
    assert!(value["city"].is_string(), "{text}");

    let alone = both(&provider, asking(PLAIN, "What is this?")).await.unwrap();
    let image = Block::Image { media_type: "image/png".into(), base64: PIXEL.into() };
    let mut seen = asking(PLAIN, "What is this?");
    seen.messages[0].blocks.push(image);
    let seen = both(&provider, seen).await.unwrap();
    assert!(seen.usage.usage().input_tokens() > alone.usage.usage().input_tokens());
}

#[tokio::test]
async fn effort_becomes_what_the_model_knows_of_thinking() {
    let server = FakeServer::start().await.unwrap();
    let provider = ollama(&server);
    let with = |model, effort| ChatRequest { effort: Some(effort), ..asking(model, "Why?") };
    for (model, effort, thinks, noted) in [
        ("gpt-oss:20b", Effort::Low, true, None),
        ("gpt-oss:20b", Effort::Off, true, Some("the model thought, though it was told not to")),
        ("qwen3:4b", Effort::High, true, Some("this model knows no levels")),
        ("qwen3:4b", Effort::Off, false, None),
        (PLAIN, Effort::Medium, false, Some("this model cannot think")),
        (PLAIN, Effort::Off, false, None),
    ] {
        let response = both(&provider, with(model, effort)).await.unwrap();
        let thought =
            matches!(response.blocks.first(), Some(Block::Opaque { made_by, .. }) if *made_by == key(model));
        assert_eq!(thought, thinks, "{model} {effort:?}");
        let notes = notes(&response);
        assert_eq!(notes.len(), usize::from(noted.is_some()), "{model} {effort:?}: {notes:?}");
        assert!(noted.is_none_or(|noted| notes[0].contains(noted)), "{model} {effort:?}: {notes:?}");
    }
}

#[tokio::test]
async fn asking_again_for_less_thinking_takes_no_time_beyond_the_requests_own() {
    let server = FakeServer::builder().latency(Duration::from_millis(250)).start().await.unwrap();
    let timeout = Some(Duration::from_millis(400));
    let request = ChatRequest { effort: Some(Effort::High), timeout, ..asking(PLAIN, "Why?") };
    let error = ollama(&server).chat(request).await.unwrap_err();
    assert_eq!((error.kind(), server.requests().len()), (&ErrorKind::Timeout, 1), "{error}");
}

#[tokio::test]
async fn thinking_streams_before_the_answer_and_is_given_back_to_its_model_only() {
    let server = FakeServer::start().await.unwrap();
    let provider = ollama(&server);
    let (pieces, done) = streamed(&provider, asking("qwen3:4b", "Why?")).await.unwrap();
    let first_text = pieces.iter().position(|piece| matches!(piece, ChatEvent::Text(_))).unwrap();
    assert!(first_text > 0);
    assert!(pieces[..first_text].iter().all(|piece| matches!(piece, ChatEvent::Thinking(_))));
    for (model, noted) in [("qwen3:4b", 0), (PLAIN, 1)] {
        let mut next = asking(model, "And why?");
        next.messages.insert(0, Message { role: Role::Assistant, blocks: done.blocks.clone() });
        let response = provider.chat(next).await.unwrap();
        let sent = server.requests().pop().unwrap().body;
        assert_eq!(sent["messages"][0]["thinking"].is_string(), noted == 0, "{sent}");
        assert_eq!(response.notes.len(), noted);
    }
}

#[tokio::test]
async fn an_overlong_prompt_is_refused_and_never_cut() {
    let server = FakeServer::start().await.unwrap();
    let overlong = "river ".repeat(600);
    let error = both(&ollama(&server), asking("tiny-window", &overlong)).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::ContextOverflow);
    assert!(error.message().contains("exceeds the available context size (512 tokens)"), "{error}");
    let small = Ollama::builder().base_url(server.url("ollama")).context_tokens(16).build().unwrap();
    let error = both(&small, asking(PLAIN, &"river ".repeat(20))).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::ContextOverflow);
    // Told nothing, the server would have answered the rest.
    let body =
        json!({"model": "tiny-window", "messages": [{"role": "user", "content": overlong}], "stream": false});
    let client = greenroute_http::Client::new("test", &server.url("ollama"), Timeouts::default()).unwrap();
    let answer: Value = client.post("api/chat").json(&body).send().await.unwrap().json().await.unwrap();
    assert!(answer["prompt_eval_count"].as_u64().unwrap() < 300, "{answer}");
}

#[tokio::test]
async fn what_a_model_cannot_do_is_refused_by_its_card_or_by_the_server() {
    let server = FakeServer::start().await.unwrap();
    let request = ChatRequest { tools: vec![weather()], ..asking("gemma3:270m", "Weather?") };
    let error = both(&ollama(&server), request.clone()).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Unsupported);
    assert_eq!(server.requests().len(), 2);
    let knowing = Ollama::builder().base_url(server.url("ollama")).model(card("gemma3:270m", 4096));
    let error = both(&knowing.build().unwrap(), request).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Unsupported);
    assert_eq!(server.requests().len(), 2, "the card's refusal was sent");
}

#[tokio::test]
async fn recorded_answers_are_read_and_recorded_errors_too() {
    let server = FakeServer::start().await.unwrap();
    let provider = ollama(&server);
    server.reply_with("ollama", Reply::fixture("ollama_chat"));
    assert_eq!(provider.chat(asking("qwen3:4b", "hi")).await.unwrap().text(), "Hi!");
    server.reply_with("ollama", Reply::fixture("ollama_stream"));
    assert_eq!(streamed(&provider, asking("qwen3:4b", "hi")).await.unwrap().1.text(), "Hi!");
    server.reply_with("ollama", Reply::fixture("ollama_error"));
    let error = provider.chat(asking("nope", "hi")).await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (&ErrorKind::ModelNotFound, "model 'nope' not found"));
    // What is sent has the form of what was recorded.
    let recorded = Fixture::named("ollama_chat").request;
    let sent = server.requests()[0].body.clone();
    for field in ["model", "messages", "stream"] {
        assert_eq!(sent[field], recorded[field], "{field}");
    }
}

#[tokio::test]
async fn log_probabilities_come_when_asked_for() {
    let server = FakeServer::start().await.unwrap();
    let request = ChatRequest { log_probabilities: true, ..asking(PLAIN, "Why?") };
    let response = both(&ollama(&server), request).await.unwrap();
    let probabilities = response.log_probabilities.unwrap();
    assert_eq!(Tokens::from(probabilities.len()), response.usage.usage().output_tokens());
}

#[tokio::test]
async fn texts_become_vectors_in_their_order() {
    let server = FakeServer::start().await.unwrap();
    let provider = ollama(&server);
    let request = |texts: &[&str], model: &str| EmbedRequest {
        model: key(model),
        texts: texts.iter().map(|text| (*text).to_owned()).collect(),
        purpose: EmbedPurpose::Similarity,
        dimensions: None,
        timeout: None,
    };
    let embedder = "nomic-embed-text";
    let both = provider.embed(request(&["the sky", "the sea"], embedder)).await.unwrap();
    let sea = provider.embed(request(&["the sea"], embedder)).await.unwrap();
    assert_eq!((both.vectors.len(), &both.vectors[1]), (2, &sea.vectors[0]));
    assert_eq!(both.usage.usage().input_tokens(), Tokens::new(4));
    assert!(both.timing.is_some() && both.returned == key(embedder));
    let short = EmbedRequest { dimensions: Some(4), ..request(&["the sky"], embedder) };
    assert_eq!(provider.embed(short).await.unwrap().vectors[0].len(), 4);

    let overlong = "river ".repeat(5000);
    for (texts, model, expected) in [
        (vec![], embedder, ErrorKind::InvalidRequest),
        (vec!["a", " "], embedder, ErrorKind::InvalidRequest),
        (vec!["a"], "nope", ErrorKind::ModelNotFound),
        (vec![overlong.as_str()], embedder, ErrorKind::ContextOverflow),
    ] {
        let error = provider.embed(request(&texts, model)).await.unwrap_err();
        assert_eq!(*error.kind(), expected, "{error}");
    }
    server.reply_with("ollama", Reply::json(200, json!({"embeddings": [[1.0]]})));
    let error = provider.embed(request(&["a", "b"], embedder)).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Decode);
}

#[tokio::test]
async fn what_is_installed_is_listed_and_gets_cards() {
    let server = FakeServer::start().await.unwrap();
    let listed = ollama(&server).list().await.unwrap();
    let tiny = listed.iter().find(|listing| listing.key == key("tiny-window")).unwrap();
    assert_eq!((tiny.context, tiny.chats), (Some(512), Some(true)));
    let embedder = listed.iter().find(|listing| listing.key == key("nomic-embed-text")).unwrap();
    assert_eq!(embedder.chats, Some(false));

    let known = Ollama::builder().base_url(server.url("ollama")).model(card(PLAIN, 77)).build().unwrap();
    let provider = known.with_installed().await.unwrap();
    let cards = provider.models();
    let of = |model: &str| cards.iter().filter(|card| card.key == key(model)).collect::<Vec<_>>();
    assert_eq!(of(PLAIN).iter().map(|card| card.window.context).collect::<Vec<_>>(), [77]);
    assert!(of("nomic-embed-text").is_empty());
    let qwen = of("qwen3:4b")[0];
    assert_eq!(qwen.accepts, Accepts { images: true, tools: true, schema: true });
    assert_eq!(qwen.privacy, Privacy::Local);
    assert!((qwen.size.as_ref().unwrap().total.low - 4.0).abs() < 1e-9);
    assert!(!of("gemma3:270m")[0].accepts.tools);
}

#[tokio::test]
async fn a_key_is_sent_and_never_shown() {
    let server = FakeServer::start().await.unwrap();
    let provider = Ollama::builder().base_url(server.url("ollama")).key("canary-4711").build().unwrap();
    server.reply_with("ollama", Reply::json(401, json!({"error": "the key canary-4711 is unknown"})));
    let error = provider.chat(asking(PLAIN, "Why?")).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Authentication);
    assert!(!format!("{error} {error:?} {provider:?}").contains("canary"), "{error:?}");
    assert_eq!(server.requests()[0].header("authorization"), Some("Bearer canary-4711"));
}
