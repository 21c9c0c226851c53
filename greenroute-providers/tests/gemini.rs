//! Gemini over real HTTP, against a fake that is as strict as Google is.

#![cfg(test)]
#![cfg(feature = "hosted")]

use futures_util::StreamExt;
use greenroute_core::batch::{BatchItem, BatchState};
use greenroute_core::chat::{
    Block, ChatEvent, ChatRequest, ChatResponse, Effort, FinishReason, Message, Role, Tool, ToolChoice,
};
use greenroute_core::model::{Accepts, ModelCard, Privacy, Window};
use greenroute_core::units::Tokens;
use greenroute_core::{
    BatchProvider, EmbedPurpose, EmbedRequest, Embedder, Error, ErrorKind, ModelKey, ModelLister,
    ModelProvider, Note, NoteCode, Result, TimingSource, TokenCounter,
};
use greenroute_http::Timeouts;
use greenroute_providers::gemini::{Gemini, GeminiBuilder};
use greenroute_testkit::{FakeServer, Fault, Reply, RetryAfter};
use serde_json::{Value, json};
use std::time::Duration;

/// A model of the third generation: it thinks, signs, and checks signatures.
const SIGNING: &str = "gemini-3.5-flash";

fn key(model: &str) -> ModelKey {
    ModelKey::new("gemini", model)
}

fn card(model: &str, context: u64, accepts: Accepts) -> ModelCard {
    let window = Window { context, max_output: Some(1024) };
    let mut card = ModelCard::new(key(model), window, Privacy::Remote);
    card.accepts = accepts;
    card
}

fn builder(server: &FakeServer) -> GeminiBuilder {
    let all = Accepts { images: true, tools: true, schema: true };
    let builder = Gemini::builder().key(server.key()).base_url(server.url("gemini")).api_version("v1beta");
    builder.model(card(SIGNING, 4096, all)).model(card("tiny-window", 512, Accepts::default()))
}

async fn start() -> (FakeServer, Gemini) {
    let server = FakeServer::start().await.unwrap();
    let gemini = builder(&server).build().unwrap();
    (server, gemini)
}

fn asking(model: &str, text: &str) -> ChatRequest {
    ChatRequest::new(key(model), vec![Message::text(Role::User, text)])
}

fn tool(name: &str) -> Tool {
    let parameters =
        json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    Tool { name: name.into(), description: "Weather".into(), parameters }
}

/// Everything that was streamed, and how it ended.
async fn streamed(gemini: &Gemini, request: ChatRequest) -> (Vec<ChatEvent>, Result<ChatResponse>) {
    let mut heard = Vec::new();
    let mut events = match gemini.chat_stream(request).await {
        Ok(events) => events,
        Err(error) => return (heard, Err(error)),
    };
    let end = loop {
        match events.next().await.expect("a stream ends in `Done` or an error") {
            Ok(ChatEvent::Done(done)) => break Ok(*done),
            Ok(event) => heard.push(event),
            Err(error) => break Err(error),
        }
    };
    assert!(events.next().await.is_none(), "something came after the end");
    (heard, end)
}

fn results(answer: &ChatResponse) -> Vec<Block> {
    let calls = answer.blocks.iter().filter_map(|block| match block {
        Block::ToolCall { id, name, .. } => {
            let content = format!("{name}: sunny");
            Some(Block::ToolResult { id: id.clone(), content, is_error: false })
        }
        _ => None,
    });
    calls.collect()
}

/// The conversation with the answer, and what follows it.
fn on(request: &ChatRequest, answer: &ChatResponse, blocks: Vec<Block>) -> ChatRequest {
    let mut next = request.clone();
    next.messages.push(Message { role: Role::Assistant, blocks: answer.blocks.clone() });
    next.messages.push(Message { role: Role::User, blocks });
    next
}

#[tokio::test]
async fn an_answer_tells_who_made_it_and_how_long_it_took() {
    let (_server, gemini) = start().await;
    let answer = gemini.chat(asking(SIGNING, "Why is the sky blue?")).await.unwrap();
    assert_eq!(answer.returned, key(SIGNING));
    let timing = answer.timing.unwrap();
    assert_eq!(
        (timing.source, timing.elapsed),
        (TimingSource::FrontendElapsed, Some(Duration::from_millis(1)))
    );
    assert_eq!(answer.served.service_tier.as_deref(), Some("standard"));
    assert!(answer.served.response_id.is_some());
    let (_, done) = streamed(&gemini, asking(SIGNING, "Why is the sky blue?")).await;
    let done = done.unwrap();
    assert_eq!(done.timing, None, "headers of a stream come before the answer is made");
    assert_eq!((done.text(), done.usage), (answer.text(), answer.usage));
    assert!(done.usage.usage().output_reasoning > Tokens::ZERO && done.notes.is_empty());
}

#[tokio::test]
async fn both_versions_of_the_api_are_spoken_and_the_key_is_in_the_header_alone() {
    let server = FakeServer::builder().key("canary-8d1f").start().await.unwrap();
    for version in ["v1beta", "v1"] {
        let gemini = builder(&server).api_version(version).build().unwrap();
        gemini.chat(asking(SIGNING, "hi")).await.unwrap();
        streamed(&gemini, asking(SIGNING, "hi")).await.1.unwrap();
    }
    let requests = server.requests();
    let paths: Vec<_> = requests.iter().map(|request| request.path.as_str()).collect();
    assert_eq!(paths[0], "/v1beta/models/gemini-3.5-flash:generateContent");
    assert_eq!(paths[3], "/v1/models/gemini-3.5-flash:streamGenerateContent");
    for request in &requests {
        assert_eq!(request.header("x-goog-api-key"), Some("canary-8d1f"));
        let rest = format!("{:?} {} {}", request.query, request.path, request.body);
        assert!(!rest.contains("canary"), "{rest}");
    }
}

#[tokio::test]
async fn the_key_is_in_no_output() {
    let server = FakeServer::builder().key("canary-8d1f").start().await.unwrap();
    let gemini = builder(&server).build().unwrap();
    let mut said = format!("{gemini:?} {gemini} {:?}", builder(&server));
    let told = json!({"error": {"code": 400, "message": "the key canary-8d1f is odd", "status": "INVALID_ARGUMENT"}});
    let mut frame = format!("data: {told}\n\n");
    frame.insert_str(0, "data: {\"candidates\": [{\"content\": {\"parts\": [{\"text\": \"a\"}]}}]}\n\n");
    for reply in [
        Reply::json(400, told.clone()),
        Reply::raw(200, "application/json", "canary-8d1f"),
        Reply::raw(500, "text/plain", "canary-8d1f"),
        Reply::sse([frame]),
        Reply::sse(["data: canary-8d1f\n\n".to_owned()]),
    ] {
        server.reply_with("gemini", reply.clone());
        let error = gemini.chat(asking(SIGNING, "hi")).await.unwrap_err();
        server.reply_with("gemini", reply);
        let streamed = streamed(&gemini, asking(SIGNING, "hi")).await.1.unwrap_err();
        for error in [error, streamed] {
            said += &format!("{error} {error:?} {:?}", std::error::Error::source(&error));
        }
    }
    assert!(!said.contains("canary"), "{said}");
}

#[tokio::test]
async fn a_tools_result_goes_back_with_the_signature_of_its_call() {
    let (server, gemini) = start().await;
    for stream in [false, true] {
        let request = ChatRequest {
            tools: vec![tool("get_weather"), tool("get_tide")],
            tool_choice: ToolChoice::One("get_weather".into()),
            ..asking(SIGNING, "Weather in Oslo?")
        };
        let answer = if stream {
            streamed(&gemini, request.clone()).await.1.unwrap()
        } else {
            gemini.chat(request.clone()).await.unwrap()
        };
        assert_eq!(answer.finish_reason, FinishReason::ToolCalls);
        assert!(matches!(&answer.blocks[..], [Block::Opaque { .. }, Block::ToolCall { .. }]), "{answer:?}");
        let next = ChatRequest { tool_choice: ToolChoice::Auto, ..on(&request, &answer, results(&answer)) };
        let last = gemini.chat(next).await.unwrap();
        assert!(last.text().contains("get_weather: sunny"), "{}", last.text());
        let sent = server.requests().pop().unwrap().body;
        let signature = sent["contents"][1]["parts"][0]["thoughtSignature"].as_str().unwrap().to_owned();
        assert_ne!(signature, "skip_thought_signature_validator");
        assert!(sent["contents"][1]["parts"][0]["functionCall"].get("id").is_none(), "Gemini gave none");
    }
}

#[tokio::test]
async fn calls_made_together_are_answered_in_their_order() {
    let (_server, gemini) = start().await;
    let tools = vec![tool("one"), tool("two"), tool("three")];
    let request = ChatRequest { tools, ..asking(SIGNING, "Ask all of them.") };
    let (_, answer) = streamed(&gemini, request.clone()).await;
    let answer = answer.unwrap();
    let mut results = results(&answer);
    assert_eq!(results.len(), 3);
    results.reverse();
    let next = on(&request, &answer, results);
    let last = gemini.chat(next.clone()).await.unwrap();
    assert!(last.text().contains("one: sunny"), "{}", last.text());
    // A second round of the same conversation: no id comes again.
    let mut again = on(&next, &last, vec![Block::text("Ask all of them again.")]);
    let more = gemini.chat(again.clone()).await.unwrap();
    again.messages.push(Message { role: Role::Assistant, blocks: more.blocks });
    let calls = again.messages.iter().flat_map(|message| &message.blocks).filter_map(|block| match block {
        Block::ToolCall { id, .. } => Some(id.as_str()),
        _ => None,
    });
    let mut ids: Vec<_> = calls.collect();
    assert_eq!(ids.len(), 6);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 6);
}

#[tokio::test]
async fn a_history_of_another_models_calls_is_accepted() {
    let (_server, gemini) = start().await;
    let other =
        Block::Opaque { made_by: ModelKey::new("anthropic", "claude"), content: json!({"signature": "x"}) };
    let call = Block::ToolCall {
        id: "toolu_1".into(),
        name: "get_weather".into(),
        arguments: json!({"city": "Oslo"}),
    };
    let result = Block::ToolResult { id: "toolu_1".into(), content: "4C".into(), is_error: false };
    for model in [SIGNING, "gemini-2.5-flash"] {
        let mut request = ChatRequest { tools: vec![tool("get_weather")], ..asking(model, "Weather?") };
        request.messages.push(Message { role: Role::Assistant, blocks: vec![other.clone(), call.clone()] });
        request.messages.push(Message { role: Role::User, blocks: vec![result.clone()] });
        let answer = gemini.chat(request).await.unwrap();
        assert!(answer.text().contains("4C"), "{}", answer.text());
        assert_eq!(answer.notes[0].code, NoteCode::OpaqueDropped);
    }
}

#[tokio::test]
async fn schemas_images_and_effort_are_taken() {
    let (_server, gemini) = start().await;
    let schema = json!({
        "type": "object", "required": ["city"], "additionalProperties": false,
        "properties": {"city": {"type": "string"}, "size": {"type": "integer", "minimum": 1}}
    });
    let request = ChatRequest { schema: Some(schema), ..asking(SIGNING, "Name a city.") };
    let answer = gemini.chat(request).await.unwrap();
    let city: Value = serde_json::from_str(&answer.text()).unwrap();
    assert!(city["city"].is_string(), "{city}");

    let image = Block::Image { media_type: "image/png".into(), base64: "iVBORw0KGgo=".into() };
    let alone = gemini.count(&asking(SIGNING, "What is it?")).await.unwrap();
    let mut request = asking(SIGNING, "What is it?");
    request.messages[0].blocks.push(image);
    let answer = gemini.chat(request).await.unwrap();
    assert!(answer.usage.usage().input_tokens() > alone, "the image was read");

    for (effort, thought) in [(Effort::Off, false), (Effort::Low, true), (Effort::High, true)] {
        for model in [SIGNING, "gemini-2.5-flash"] {
            let answer =
                gemini.chat(ChatRequest { effort: Some(effort), ..asking(model, "hi") }).await.unwrap();
            let reasoned = answer.usage.usage().output_reasoning > Tokens::ZERO;
            assert_eq!((reasoned, answer.notes.len()), (thought, 0), "{model} {effort:?}");
        }
        // It cannot but think, and refuses to be told not to.
        let argon = ChatRequest { effort: Some(effort), ..asking("gemini-4-argon", "hi") };
        assert!(gemini.chat(argon).await.unwrap().usage.usage().output_reasoning > Tokens::ZERO);
    }
}

#[tokio::test]
async fn thoughts_are_heard_where_they_are_wanted_and_are_no_text() {
    let (server, _) = start().await;
    let gemini = builder(&server).thoughts(true).build().unwrap();
    let (heard, done) = streamed(&gemini, asking(SIGNING, "hi")).await;
    assert!(matches!(&heard[0], ChatEvent::Thinking(thought) if thought.contains("I count on")), "{heard:?}");
    assert!(!done.unwrap().text().contains("I count on"));
}

#[tokio::test]
async fn a_count_is_what_the_answer_says_it_read() {
    let (server, gemini) = start().await;
    let mut request =
        ChatRequest { tools: vec![tool("get_weather")], ..asking(SIGNING, "How warm is Oslo?") };
    request.messages.insert(0, Message::text(Role::System, "Be brief."));
    let counted = gemini.count(&request).await.unwrap();
    let answer = gemini.chat(request).await.unwrap();
    assert_eq!(counted, answer.usage.usage().input_tokens());
    assert!(server.requests()[0].path.ends_with(":countTokens"));
    let error = gemini.count(&asking("gemini-0", "hi")).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::ModelNotFound);
}

#[tokio::test]
async fn texts_become_vectors_in_their_order_a_hundred_a_call() {
    let (server, gemini) = start().await;
    let request = |texts: Vec<String>| EmbedRequest {
        model: key("gemini-embedding-001"),
        texts,
        purpose: EmbedPurpose::Document,
        dimensions: Some(8),
        timeout: None,
    };
    let texts: Vec<_> = (0..150).map(|number| format!("text number {}", number % 60)).collect();
    let embedded = gemini.embed(request(texts)).await.unwrap();
    assert_eq!(embedded.vectors.len(), 150);
    assert!(embedded.vectors.iter().all(|vector| vector.len() == 8));
    assert_eq!(embedded.vectors[0], embedded.vectors[60]);
    assert_ne!(embedded.vectors[0], embedded.vectors[1]);
    assert!(embedded.usage.is_approximate() && embedded.usage.usage().input_tokens() > Tokens::ZERO);
    assert_eq!(embedded.timing.unwrap().elapsed, Some(Duration::from_millis(2)), "two calls of one each");
    assert_eq!(server.requests().len(), 2);
    for texts in [vec![], vec!["a".to_owned(), " ".to_owned()]] {
        assert_eq!(*gemini.embed(request(texts)).await.unwrap_err().kind(), ErrorKind::InvalidRequest);
    }
    let chatting = EmbedRequest { model: key(SIGNING), ..request(vec!["a".to_owned()]) };
    assert_eq!(*gemini.embed(chatting).await.unwrap_err().kind(), ErrorKind::ModelNotFound);
    server.reply_with("gemini", Reply::json(200, json!({"embeddings": [{"values": [1.0]}]})));
    let error = gemini.embed(request(vec!["a".to_owned(), "b".to_owned()])).await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (&ErrorKind::Decode, "1 vectors came for 2 texts"));
}

#[tokio::test]
async fn every_page_of_models_is_listed() {
    let (server, gemini) = start().await;
    let listings = gemini.list().await.unwrap();
    let find = |model: &str| listings.iter().find(|listing| listing.key == key(model)).unwrap();
    let chat = find(SIGNING);
    assert_eq!((chat.chats, chat.context, chat.max_output), (Some(true), Some(4096), Some(1024)));
    assert_eq!(find("gemini-embedding-001").chats, Some(false));
    let page = |name: &str, token: Value| {
        Reply::json(200, json!({"models": [{"name": name}], "nextPageToken": token}))
    };
    server.reply_with("gemini", page("models/a", json!("next/page")));
    server.reply_with("gemini", page("models/b", json!("")));
    let keys: Vec<_> = gemini.list().await.unwrap().into_iter().map(|listing| listing.key).collect();
    assert_eq!(keys, [key("a"), key("b")]);
    assert_eq!(server.requests().pop().unwrap().query["pageToken"], "next/page");
    for _ in 0..100 {
        server.reply_with("gemini", page("models/a", json!("again")));
    }
    assert_eq!(
        *gemini.list().await.unwrap_err().kind(),
        ErrorKind::Decode,
        "it does not turn pages for ever"
    );
}

#[tokio::test]
async fn a_batch_is_handed_over_waited_for_and_read() {
    let (_server, gemini) = start().await;
    let item = |id: &str, request| BatchItem { id: id.into(), request };
    let mut settings = asking(SIGNING, "two");
    settings.sampling.repetition_penalty = Some(1.2);
    let foreign = Block::Opaque { made_by: key("another"), content: json!({"thoughtSignature": "theirs"}) };
    settings.messages.insert(0, Message { role: Role::Assistant, blocks: vec![foreign, Block::text("Hm.")] });
    settings.messages.insert(0, Message::text(Role::User, "hi"));
    let overlong = asking(SIGNING, &"word ".repeat(5000));
    let items = vec![item("a", asking(SIGNING, "one")), item("b", settings), item("c", overlong)];
    let batch = gemini.submit(items).await.unwrap();
    let status = gemini.status(&batch).await.unwrap();
    assert_eq!((status.state, status.total, status.answered), (BatchState::Running, Some(3), 0));
    assert!(status.expires_at.is_some());
    let status = gemini.status(&batch).await.unwrap();
    assert_eq!((status.state, status.answered, status.failed), (BatchState::Done, 2, 1));
    let mut results = gemini.results(&batch).await.unwrap();
    results.sort_by(|one, other| one.0.cmp(&other.0));
    let [(a, one), (b, two), (c, three)] = &results[..] else { panic!("{results:?}") };
    assert_eq!([a, b, c], ["a", "b", "c"]);
    let alone = gemini.chat(asking(SIGNING, "one")).await.unwrap();
    let one = one.as_ref().unwrap();
    assert_eq!((one.text(), one.usage, &one.returned), (alone.text(), alone.usage, &alone.returned));
    let notes = &two.as_ref().unwrap().notes;
    let penalty = Note::new(NoteCode::Setting, "`repetition_penalty` was left out: Gemini has none");
    assert!(notes.contains(&penalty), "{notes:?}");
    assert!(notes.iter().any(|note| note.code == NoteCode::OpaqueDropped), "{notes:?}");
    assert_eq!(*three.as_ref().unwrap_err().kind(), ErrorKind::ContextOverflow);
}

#[tokio::test]
async fn a_batch_can_be_cancelled_and_an_unknown_one_is_named() {
    let (_server, gemini) = start().await;
    let batch =
        gemini.submit(vec![BatchItem { id: "a".into(), request: asking(SIGNING, "one") }]).await.unwrap();
    let early = gemini.results(&batch).await.unwrap_err();
    assert_eq!(*early.kind(), ErrorKind::Unsupported);
    gemini.cancel(&batch).await.unwrap();
    assert_eq!(gemini.status(&batch).await.unwrap().state, BatchState::Cancelled);
    assert_eq!(*gemini.results(&batch).await.unwrap_err().kind(), ErrorKind::Cancelled);
    for name in ["batches/none", "models/x", "batches/../models", "batches/"] {
        let error = gemini.status(&greenroute_core::batch::BatchId(name.into())).await.unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::InvalidRequest, "{name}");
        assert!(error.message().contains(name), "{error}");
    }
}

#[tokio::test]
async fn names_that_are_none_are_not_sent() {
    let (server, gemini) = start().await;
    for name in ["", "a b", "a?key=1", "../batches", "a#b", "a:generateContent"] {
        let error = gemini.chat(asking(name, "hi")).await.unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::ModelNotFound, "{name}");
    }
    let other = ChatRequest { model: ModelKey::new("groq", SIGNING), ..asking(SIGNING, "hi") };
    assert_eq!(*gemini.chat(other).await.unwrap_err().kind(), ErrorKind::ModelNotFound);
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn a_missing_key_names_its_variable_and_bad_settings_themselves() {
    let message = |builder: GeminiBuilder| {
        let error = builder.build().unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Config);
        error.to_string()
    };
    let unset = message(Gemini::builder().key_variable("GREENROUTE_TEST_NO_SUCH_KEY"));
    assert!(unset.contains("GREENROUTE_TEST_NO_SUCH_KEY is not set"), "{unset}");
    let version = message(Gemini::builder().key("k").api_version("v1/../x"));
    assert!(version.contains("`api_version`"), "{version}");
    let url = message(Gemini::builder().key("k").base_url("ftp://x"));
    assert!(url.contains("`base_url`"), "{url}");
    let foreign =
        ModelCard::new(ModelKey::new("groq", "m"), Window { context: 1, max_output: None }, Privacy::Remote);
    let foreign = message(Gemini::builder().key("k").model(foreign));
    assert!(foreign.contains("groq/m"), "{foreign}");
}

/// What must become of a fault, whole and streamed; `None` where nothing is to be noticed.
fn consequence(fault: Fault, stream: bool) -> Option<fn(&ErrorKind) -> bool> {
    use ErrorKind as Kind;
    if fault.is_harmless() {
        return None;
    }
    Some(match fault {
        Fault::DropBeforeHeaders | Fault::CloseBeforeHeaders | Fault::StallBeforeHeaders => {
            |kind| *kind == Kind::Timeout
        }
        Fault::DropAfterFrames(_) | Fault::StallAfterFrames(_) if stream => |kind| *kind == Kind::StreamError,
        Fault::DropAfterFrames(_) | Fault::StallAfterFrames(_) => |kind| *kind == Kind::Timeout,
        Fault::Truncated if stream => {
            |kind| matches!(kind, Kind::StreamTruncated { partial } if partial.starts_with("You asked"))
        }
        Fault::ErrorMidway | Fault::GarbageFrame => |kind| *kind == Kind::StreamError,
        Fault::EmptyBody if stream => |kind| *kind == Kind::StreamTruncated { partial: String::new() },
        Fault::Truncated | Fault::EmptyBody | Fault::InvalidJson | Fault::WrongContentType => {
            |kind| *kind == Kind::Decode
        }
        Fault::RateLimited(RetryAfter::Absent) => |kind| *kind == Kind::RateLimited { after: None },
        Fault::RateLimited(_) => |kind| {
            let sane = |after: &Duration| *after > Duration::ZERO && *after <= Duration::from_secs(2);
            matches!(kind, Kind::RateLimited { after: Some(after) } if sane(after))
        },
        Fault::QuotaExhausted => |kind| matches!(kind, Kind::QuotaExhausted { until: Some(_) }),
        Fault::Unauthorized => |kind| *kind == Kind::Authentication,
        Fault::Overloaded529 | Fault::Unavailable503 => |kind| *kind == Kind::Overloaded,
        Fault::Server500 => |kind| *kind == Kind::Server,
        other => panic!("what is to become of {other}?"),
    })
}

#[tokio::test]
async fn every_fault_of_the_wire_becomes_the_error_that_fits_or_is_not_noticed() {
    let (server, _) = start().await;
    let timeouts = Timeouts {
        idle: Duration::from_millis(300),
        first_byte: Some(Duration::from_millis(600)),
        total: Duration::from_secs(20),
        ..Timeouts::default()
    };
    let gemini = builder(&server).timeouts(timeouts).build().unwrap();
    let request = || asking("tiny-window", "Zähle bis dreißig: 👩‍👩‍👧‍👦 请用中文 Ω");
    let good = gemini.chat(request()).await.unwrap();
    for &fault in Fault::ALL {
        for stream in [false, true] {
            // Events alone have marks, comments and a middle.
            let streams_alone =
                matches!(fault, Fault::Bom | Fault::CommentLines | Fault::ErrorMidway | Fault::GarbageFrame);
            if streams_alone && !stream {
                continue;
            }
            server.fault_next("gemini", fault);
            let told: Result<ChatResponse, Error> = if stream {
                let (heard, end) = streamed(&gemini, request()).await;
                if let Ok(done) = &end {
                    let pieces = heard.iter().filter_map(|event| match event {
                        ChatEvent::Text(text) => Some(text.as_str()),
                        _ => None,
                    });
                    assert_eq!(pieces.collect::<String>(), done.text(), "{fault}");
                }
                end
            } else {
                gemini.chat(request()).await
            };
            match (consequence(fault, stream), told) {
                (None, Ok(answer)) => {
                    assert_eq!((&answer.blocks, &answer.usage), (&good.blocks, &good.usage), "{fault}");
                }
                (Some(fits), Err(error)) => {
                    assert!(fits(error.kind()), "{fault}, streamed: {stream}: {error:?}");
                    assert_eq!(error.origin(), "gemini/tiny-window", "{fault}, streamed: {stream}");
                }
                (_, told) => panic!("{fault}, streamed: {stream}: {told:?}"),
            }
        }
    }
    let after = gemini.chat(request()).await.unwrap();
    assert_eq!(after.text(), good.text(), "nothing is left behind");
}

#[tokio::test]
async fn what_google_was_recorded_to_say_is_understood_over_the_wire() {
    let (server, gemini) = start().await;
    for (fixture, text) in
        [("gemini_generate_content", "Hi!"), ("gemini_structured_output", "{\"answer\":\"hi\"}")]
    {
        server.reply_with("gemini", Reply::fixture(fixture));
        let answer = gemini.chat(asking(SIGNING, "hi")).await.unwrap();
        assert_eq!(answer.text(), text);
        assert_eq!(
            answer.returned,
            key("gemini-3.5-flash-lite"),
            "the model that answered, not the one asked"
        );
        assert_eq!(answer.timing.unwrap().elapsed, Some(Duration::from_millis(1105)));
    }
    for (fixture, text) in [("gemini_stream", "Hi there."), ("gemini_stream_two_finish", "142")] {
        server.reply_with("gemini", Reply::fixture(fixture));
        assert_eq!(streamed(&gemini, asking(SIGNING, "hi")).await.1.unwrap().text(), text);
    }
    for (body, kind) in [
        (json!({"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}), ErrorKind::Overloaded),
        (json!({"usageMetadata": {"totalTokenCount": 3}}), ErrorKind::Decode),
        (json!({"candidates": null}), ErrorKind::Decode),
        (json!({"candidates": [{"content": null, "finishReason": "SAFETY"}]}), ErrorKind::ContentFiltered),
    ] {
        server.reply_with("gemini", Reply::json(200, body.clone()));
        let error = gemini.chat(asking(SIGNING, "hi")).await.unwrap_err();
        assert_eq!(*error.kind(), kind, "{body}");
    }
    server.reply_with("gemini", Reply::fixture("gemini_error_array_body"));
    let (_, error) = streamed(&gemini, asking(SIGNING, "hi")).await;
    assert_eq!(*error.unwrap_err().kind(), ErrorKind::RateLimited { after: None });
    server.reply_with("gemini", Reply::fixture("gemini_prompt_blocked"));
    let (_, error) = streamed(&gemini, asking(SIGNING, "hi")).await;
    assert_eq!(*error.unwrap_err().kind(), ErrorKind::Decode, "JSON is no event stream");
    server.reply_with("gemini", Reply::json(200, json!({"error": {"code": 503, "status": "UNAVAILABLE"}})));
    let (_, error) = streamed(&gemini, asking(SIGNING, "hi")).await;
    assert_eq!(*error.unwrap_err().kind(), ErrorKind::Overloaded, "but an error is one");
}
