//! OpenAI and two of those who speak as it does, over real HTTP.

#![cfg(test)]
#![cfg(feature = "hosted")]

use futures_util::StreamExt;
use greenroute_core::batch::{BatchId, BatchItem, BatchState};
use greenroute_core::chat::{
    Block, ChatEvent, ChatRequest, ChatResponse, Effort, FinishReason, Message, Role, Sampling, Served, Tool,
    ToolChoice,
};
use greenroute_core::model::{Accepts, ModelCard, Privacy, Window};
use greenroute_core::units::Tokens;
use greenroute_core::usage::TimingSource;
use greenroute_core::{
    BatchProvider, EmbedPurpose, EmbedRequest, Embedder, Error, ErrorKind, ModelKey, ModelLister,
    ModelProvider, TokenCounter,
};
use greenroute_http::Timeouts;
use greenroute_providers::dialects::{groq, llama_server};
use greenroute_providers::openai::{Dialect, OpenAi, OpenAiBuilder};
use greenroute_testkit::{FakeServer, Fault, Fixture, Reply, RetryAfter};
use serde_json::{Value, json};
use std::time::Duration;

/// A key that nothing may ever show.
const CANARY: &str = "sk-canary-0a1b2c3d4e";
const PIXEL: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// A vendor, and one of the models that its fake serves.
struct Played {
    /// Under which name the fake plays it.
    fake: &'static str,
    /// `None` for OpenAI itself.
    dialect: Option<&'static Dialect>,
    model: &'static str,
}

const PLAYED: [Played; 3] = [
    Played { fake: "openai", dialect: None, model: "gpt-4.1-mini" },
    Played { fake: "groq", dialect: Some(&groq::DIALECT), model: "openai/gpt-oss-20b" },
    Played { fake: "llamacpp", dialect: Some(&llama_server::DIALECT), model: "any" },
];

const OPENAI: &Played = &PLAYED[0];
const GROQ: &Played = &PLAYED[1];
const LLAMA: &Played = &PLAYED[2];

impl Played {
    fn name(&self) -> &'static str {
        self.dialect.map_or("openai", |dialect| dialect.name)
    }

    fn key(&self, model: &str) -> ModelKey {
        ModelKey::new(self.name(), model)
    }

    fn builder(&self, server: &FakeServer) -> OpenAiBuilder {
        let builder = self.dialect.map_or_else(OpenAi::builder, OpenAi::of);
        builder.base_url(server.url(self.fake)).key(server.key())
    }

    fn open(&self, server: &FakeServer) -> OpenAi {
        self.builder(server).build().unwrap()
    }

    /// One that does not wait long.
    fn hasty(&self, server: &FakeServer) -> OpenAi {
        let short = Duration::from_millis(300);
        let timeouts = Timeouts { idle: short, total: 4 * short, ..Timeouts::default() };
        self.builder(server).timeouts(timeouts).build().unwrap()
    }

    fn asking(&self, text: &str) -> ChatRequest {
        ChatRequest::new(self.key(self.model), vec![Message::text(Role::User, text)])
    }
}

async fn server() -> FakeServer {
    FakeServer::builder().key(CANARY).start().await.unwrap()
}

async fn streamed(provider: &OpenAi, request: ChatRequest) -> Result<(Vec<ChatEvent>, ChatResponse), Error> {
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

/// Without what two answers never share: their ids.
fn unnamed(response: ChatResponse) -> ChatResponse {
    assert!(response.served.response_id.is_some());
    let served = Served { response_id: None, request_id: None, ..response.served };
    ChatResponse { served, ..response }
}

/// The answer whole and in pieces, which must be the same but for what only a header of a whole one tells.
async fn both(provider: &OpenAi, request: ChatRequest) -> Result<ChatResponse, Error> {
    let whole = provider.chat(request.clone()).await;
    let streamed = streamed(provider, request).await;
    match (whole, streamed) {
        (Ok(whole), Ok((_, streamed))) => {
            let by_header = whole.timing.is_some_and(|timing| timing.source == TimingSource::FrontendElapsed);
            let timing = if by_header { None } else { whole.timing };
            assert_eq!(unnamed(ChatResponse { timing, ..whole.clone() }), unnamed(streamed));
            Ok(whole)
        }
        (Err(whole), Err(streamed)) => {
            assert_eq!(whole.kind(), streamed.kind(), "{whole}; streamed: {streamed}");
            hides_the_key(&whole);
            hides_the_key(&streamed);
            Err(whole)
        }
        (whole, streamed) => panic!("whole {whole:?}, streamed {streamed:?}"),
    }
}

fn hides_the_key(error: &Error) {
    let mut told = format!("{error} {error:?} {error:#?}");
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        told.push_str(&format!("{cause} {cause:?}"));
        source = cause.source();
    }
    assert!(!told.contains(CANARY), "{told}");
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
    let server = server().await;
    for played in &PLAYED {
        let response = both(&played.open(&server), played.asking("Why is the sky blue?")).await.unwrap();
        assert_eq!(response.finish_reason, FinishReason::Stop);
        assert!(!response.usage.is_approximate() && response.notes.is_empty(), "{response:?}");
        let timing = response.timing.unwrap();
        let (returned, source, queue) = match played.fake {
            "openai" => ("gpt-4.1-mini-2025-04-14", TimingSource::FrontendElapsed, None),
            "groq" => ("openai/gpt-oss-20b", TimingSource::ModelCompute, Some(Duration::from_micros(175))),
            _ => ("/models/Qwen3-1.7B-Q4_K_M.gguf", TimingSource::ModelCompute, None),
        };
        assert_eq!(response.returned, played.key(returned));
        assert_eq!((timing.source, timing.queue), (source, queue));
        assert!(timing.compute().is_some_and(|time| time < Duration::from_millis(10)), "{timing:?}");
    }
}

#[tokio::test]
async fn every_failure_of_a_server_is_the_error_that_fits() {
    let server = server().await;
    let limited = |after: Option<u64>| ErrorKind::RateLimited { after: after.map(Duration::from_millis) };
    for played in &PLAYED {
        let provider = played.hasty(&server);
        for (fault, expected) in [
            (Fault::DropBeforeHeaders, ErrorKind::Timeout),
            (Fault::StallBeforeHeaders, ErrorKind::Timeout),
            (Fault::InvalidJson, ErrorKind::Decode),
            (Fault::WrongContentType, ErrorKind::Decode),
            (Fault::RateLimited(RetryAfter::Absent), limited(None)),
            (Fault::RateLimited(RetryAfter::Seconds(1)), limited(Some(1000))),
            (Fault::RateLimited(RetryAfter::Millis(20)), limited(Some(20))),
            (Fault::Unauthorized, ErrorKind::Authentication),
            (Fault::Unavailable503, ErrorKind::Overloaded),
            (Fault::Server500, ErrorKind::Server),
        ] {
            server.fault_times(played.fake, fault, 2);
            let error = both(&provider, played.asking("Why?")).await.unwrap_err();
            let told = match (fault, error.kind()) {
                // A header that says when, where the fake's own has one.
                (Fault::RateLimited(RetryAfter::Absent), ErrorKind::RateLimited { .. }) => limited(None),
                (_, kind) => kind.clone(),
            };
            assert_eq!(told, expected, "{} {fault}: {error}", played.fake);
            assert_eq!(error.origin(), played.key(played.model).to_string(), "{fault}");
        }
    }
}

#[tokio::test]
async fn a_whole_answer_that_breaks_off_is_never_taken_for_one() {
    let server = server().await;
    for played in &PLAYED {
        let provider = played.hasty(&server);
        for (fault, expected) in [
            (Fault::EmptyBody, ErrorKind::Decode),
            (Fault::Truncated, ErrorKind::Decode),
            (Fault::DropAfterFrames(2), ErrorKind::Timeout),
            (Fault::StallAfterFrames(2), ErrorKind::Timeout),
        ] {
            server.fault_next(played.fake, fault);
            let error = provider.chat(played.asking("Why?")).await.unwrap_err();
            assert_eq!(*error.kind(), expected, "{} {fault}: {error}", played.fake);
        }
    }
}

#[tokio::test]
async fn a_stream_that_breaks_off_ends_in_the_error_that_says_how() {
    let server = server().await;
    for played in &PLAYED {
        let provider = played.hasty(&server);
        let whole = provider.chat(played.asking("Why?")).await.unwrap().text();
        let truncated = |partial: &str| ErrorKind::StreamTruncated { partial: partial.to_owned() };
        for (fault, expected) in [
            (Fault::EmptyBody, truncated("")),
            (Fault::Truncated, truncated(&whole)),
            (Fault::DropAfterFrames(4), ErrorKind::StreamError),
            (Fault::StallAfterFrames(4), ErrorKind::StreamError),
            (Fault::ErrorMidway, ErrorKind::StreamError),
            (Fault::GarbageFrame, ErrorKind::StreamError),
        ] {
            server.fault_next(played.fake, fault);
            let error = streamed(&provider, played.asking("Why?")).await.unwrap_err();
            assert_eq!(*error.kind(), expected, "{} {fault}: {error}", played.fake);
        }
    }
}

#[tokio::test]
async fn what_is_only_sent_otherwise_is_the_same_answer() {
    let server = server().await;
    for played in &PLAYED {
        let provider = played.open(&server);
        let request = played.asking("Say 👩‍👩‍👧‍👦 and Ω!");
        let whole = unnamed(both(&provider, request.clone()).await.unwrap());
        let in_pieces = async || {
            let (pieces, done) = streamed(&provider, request.clone()).await.unwrap();
            (pieces, unnamed(done))
        };
        let undisturbed = in_pieces().await;
        for fault in Fault::ALL.iter().filter(|fault| fault.is_harmless()) {
            server.fault_next(played.fake, *fault);
            assert_eq!(in_pieces().await, undisturbed, "{fault}");
            server.fault_next(played.fake, *fault);
            assert_eq!(unnamed(provider.chat(request.clone()).await.unwrap()), whole, "{fault}");
        }
    }
}

#[tokio::test]
async fn recorded_errors_say_what_to_do_next() {
    let server = server().await;
    for (played, fixture, expected) in [
        (OPENAI, "openai_error_400", ErrorKind::InvalidRequest),
        (OPENAI, "openai_error_400_context", ErrorKind::ContextOverflow),
        (OPENAI, "openai_error_401", ErrorKind::Authentication),
        (OPENAI, "openai_error_404", ErrorKind::ModelNotFound),
        (OPENAI, "openai_error_429_quota", ErrorKind::QuotaExhausted { until: None }),
        (OPENAI, "openai_error_429_rate", ErrorKind::RateLimited { after: Some(Duration::from_millis(644)) }),
        (OPENAI, "openai_error_500", ErrorKind::Server),
        (GROQ, "groq_error_400_model_decommissioned", ErrorKind::ModelNotFound),
        (GROQ, "groq_error_400_tool_use_failed", ErrorKind::ModelFault),
        (GROQ, "groq_error_401", ErrorKind::Authentication),
        (GROQ, "groq_error_404", ErrorKind::ModelNotFound),
        (GROQ, "groq_error_413_tpm", ErrorKind::RateLimited { after: None }),
        // The day's tokens fill up steadily: the wait is told, and true.
        (GROQ, "groq_error_429_tpd", ErrorKind::RateLimited { after: Some(Duration::from_secs(579)) }),
        (GROQ, "groq_error_429_tpm", ErrorKind::RateLimited { after: Some(Duration::from_secs(5)) }),
        (GROQ, "groq_error_498_flex", ErrorKind::RateLimited { after: None }),
        (GROQ, "groq_error_503", ErrorKind::Overloaded),
        (LLAMA, "llamacpp_error_context", ErrorKind::ContextOverflow),
        (LLAMA, "llamacpp_error_loading", ErrorKind::Overloaded),
    ] {
        server.reply_with(played.fake, Reply::fixture(fixture));
        server.reply_with(played.fake, Reply::fixture(fixture));
        let error = both(&played.open(&server), played.asking("hi")).await.unwrap_err();
        assert_eq!(*error.kind(), expected, "{fixture}: {error}");
    }
    let bare = Reply::json(400, json!({"error": "something bare"}));
    server.reply_with("llamacpp", bare);
    let error = LLAMA.open(&server).chat(LLAMA.asking("hi")).await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (&ErrorKind::InvalidRequest, "HTTP 400: something bare"));
}

#[tokio::test]
async fn a_server_that_does_not_stream_is_heard_all_the_same() {
    let server = server().await;
    server.reply_with("openai", Reply::fixture("openai_chat"));
    let (pieces, done) = streamed(&OPENAI.open(&server), OPENAI.asking("hi")).await.unwrap();
    assert_eq!((pieces, done.text().as_str()), (vec![ChatEvent::Text("Hi!".into())], "Hi!"));
}

#[tokio::test]
async fn a_key_that_a_server_repeats_is_not_shown() {
    let server = server().await;
    let body = json!({"error": {"message": format!("no such key: {CANARY}"), "type": "x", "code": CANARY}});
    server.reply_with("openai", Reply::json(401, body.clone()));
    let error = OPENAI.open(&server).chat(OPENAI.asking("hi")).await.unwrap_err();
    hides_the_key(&error);
    server.reply_with("openai", Reply::sse([format!("data: {body}\n\n")]));
    let error = streamed(&OPENAI.open(&server), OPENAI.asking("hi")).await.unwrap_err();
    hides_the_key(&error);
    let wrong = OPENAI.builder(&server).key("sk-wrong-canary").build().unwrap();
    let error = both(&wrong, OPENAI.asking("hi")).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Authentication);
    assert!(!format!("{error:?}").contains("sk-wrong-canary"));
}

#[tokio::test]
async fn a_tool_is_called_and_its_result_read() {
    let server = server().await;
    for played in &PLAYED {
        let provider = played.open(&server);
        let time = Tool { name: "time".into(), ..weather() };
        let mut request =
            ChatRequest { tools: vec![weather(), time], ..played.asking("Use all tools for Oslo.") };
        let called = both(&provider, request.clone()).await.unwrap();
        assert_eq!(called.finish_reason, FinishReason::ToolCalls);
        let calls: Vec<_> = called
            .blocks
            .iter()
            .filter_map(|block| match block {
                Block::ToolCall { id, name, arguments } => {
                    Some((id, name.as_str(), arguments["city"].is_string()))
                }
                _ => None,
            })
            .collect();
        assert_eq!(
            calls.iter().map(|call| (call.1, call.2)).collect::<Vec<_>>(),
            [("weather", true), ("time", true)]
        );
        let result =
            |id: &String| Block::ToolResult { id: id.clone(), content: "rain".into(), is_error: false };
        let mut results: Vec<Block> = calls.iter().map(|call| result(call.0)).collect();
        results.insert(0, Block::text("Here it is."));
        request.messages.push(Message { role: Role::Assistant, blocks: called.blocks.clone() });
        request.messages.push(Message { role: Role::User, blocks: results });
        let chosen = ChatRequest { tool_choice: ToolChoice::One("time".into()), ..request.clone() };
        request.messages.last_mut().unwrap().blocks.remove(0);
        let answer = both(&provider, request).await.unwrap();
        assert!(answer.text().starts_with("The tool gave “rain"), "{}", answer.text());
        let again = both(&provider, chosen).await.unwrap();
        assert!(
            matches!(again.blocks.last(), Some(Block::ToolCall { name, .. }) if name == "time"),
            "{:?}",
            again.blocks
        );
    }
}

#[tokio::test]
async fn a_schema_is_kept_to_and_an_image_is_seen() {
    let server = server().await;
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}, "required": ["city"]});
    for played in &PLAYED {
        let request = ChatRequest { schema: Some(schema.clone()), ..played.asking("Name a city.") };
        let answer = both(&played.open(&server), request).await.unwrap();
        let value: Value = serde_json::from_str(&answer.text()).unwrap();
        assert!(value["city"].is_string(), "{value}");
        let narrowed = played.fake != "llamacpp";
        assert_eq!(answer.notes.len(), usize::from(narrowed), "{:?}", answer.notes);
        let odd = json!({"type": "object", "properties": {"a": {"type": "string", "maxLength": 3}}});
        let request = ChatRequest { schema: Some(odd), ..played.asking("Name a city.") };
        let answer = both(&played.open(&server), request).await;
        match answer {
            Ok(_) => assert!(!narrowed),
            Err(error) => assert!(
                narrowed
                    && *error.kind() == ErrorKind::Unsupported
                    && error.message().contains("`maxLength`"),
                "{error}"
            ),
        }
    }
    let see = |played: &Played| {
        let mut request = played.asking("What is this?");
        let image = Block::Image { media_type: "image/png".into(), base64: PIXEL.into() };
        request.messages[0].blocks.push(image);
        request
    };
    let provider = OPENAI.open(&server);
    let alone = both(&provider, OPENAI.asking("What is this?")).await.unwrap();
    let seen = both(&provider, see(OPENAI)).await.unwrap();
    assert!(seen.usage.usage().input_tokens() > alone.usage.usage().input_tokens());
    let blind = both(&LLAMA.open(&server), see(LLAMA)).await.unwrap_err();
    assert_eq!(*blind.kind(), ErrorKind::Unsupported, "{blind}");
}

#[tokio::test]
async fn what_a_card_does_not_accept_is_not_sent() {
    let server = server().await;
    let window = Window { context: 4096, max_output: Some(5) };
    let mut card = ModelCard::new(OPENAI.key(OPENAI.model), window, Privacy::Remote);
    card.accepts = Accepts { images: true, ..Accepts::default() };
    let provider = OPENAI.builder(&server).model(card).build().unwrap();
    let request = ChatRequest { tools: vec![weather()], ..OPENAI.asking("Weather?") };
    let error = both(&provider, request).await.unwrap_err();
    assert_eq!((error.kind(), server.requests().len()), (&ErrorKind::Unsupported, 0));
    // The model's own limit is the lower one.
    let request = ChatRequest { max_output_tokens: Some(50), ..OPENAI.asking("Count.") };
    both(&provider, request).await.unwrap();
    assert_eq!(server.requests()[0].body["max_completion_tokens"], 5);
}

#[tokio::test]
async fn a_setting_that_a_model_refuses_lets_another_model_try() {
    let server = server().await;
    let warm = Sampling { temperature: Some(0.5), ..Sampling::default() };
    let request = ChatRequest { model: OPENAI.key("o4-mini"), sampling: warm, ..OPENAI.asking("Why?") };
    let error = both(&OPENAI.open(&server), request).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Unsupported);
    assert!(error.can_fall_back() && error.message().contains("temperature"), "{error}");
}

#[tokio::test]
async fn effort_is_told_in_words_that_the_model_knows() {
    let server = server().await;
    let efforts = [Effort::Off, Effort::Low, Effort::Medium, Effort::High];
    for (played, model, told) in [
        (GROQ, "openai/gpt-oss-20b", ["low", "low", "medium", "high"]),
        (GROQ, "qwen/qwen3.8-27b", ["none", "default", "default", "default"]),
        (OPENAI, "gpt-6-luna", ["none", "low", "medium", "high"]),
    ] {
        for (effort, word) in efforts.into_iter().zip(told) {
            let request =
                ChatRequest { model: played.key(model), effort: Some(effort), ..played.asking("Why?") };
            let response = both(&played.open(&server), request).await.unwrap();
            assert_eq!(server.requests().pop().unwrap().body["reasoning_effort"], word);
            assert!(response.notes.is_empty(), "{:?}", response.notes);
        }
    }
    let off = ChatRequest { effort: Some(Effort::Off), ..LLAMA.asking("Why?") };
    let (pieces, done) = streamed(&LLAMA.open(&server), off).await.unwrap();
    assert!(done.notes.is_empty() && pieces.iter().all(|piece| matches!(piece, ChatEvent::Text(_))));
    for played in [OPENAI, LLAMA] {
        let request = ChatRequest { effort: Some(Effort::High), ..played.asking("Why?") };
        let response = both(&played.open(&server), request).await.unwrap();
        assert!(response.notes[0].text.starts_with("`effort` was not sent"), "{:?}", response.notes);
    }
}

#[tokio::test]
async fn thinking_streams_before_the_answer_and_is_counted_apart() {
    let server = server().await;
    for played in [GROQ, LLAMA] {
        let (pieces, done) = streamed(&played.open(&server), played.asking("Why?")).await.unwrap();
        let first_text = pieces.iter().position(|piece| matches!(piece, ChatEvent::Text(_))).unwrap();
        assert!(first_text > 0);
        assert!(pieces[..first_text].iter().all(|piece| matches!(piece, ChatEvent::Thinking(_))));
        assert!(!done.text().contains("so I count on from there"), "{}", done.text());
        if played.fake == "groq" {
            assert!(done.usage.usage().output_reasoning > Tokens::ZERO);
        }
    }
}

#[tokio::test]
async fn log_probabilities_come_when_asked_for() {
    let server = server().await;
    for played in &PLAYED {
        let request = ChatRequest { log_probabilities: true, ..played.asking("Why?") };
        let response = both(&played.open(&server), request).await.unwrap();
        let told = response.log_probabilities.as_ref().map(|told| Tokens::from(told.len()));
        let expected = (played.fake != "groq").then(|| response.usage.usage().output_visible);
        if played.fake == "openai" {
            assert_eq!(told, expected);
        } else {
            assert_eq!(told.is_some(), expected.is_some());
        }
    }
}

#[tokio::test]
async fn what_is_sent_has_the_form_of_what_was_recorded() {
    let server = server().await;
    let messages = vec![Message::text(Role::System, "Be brief."), Message::text(Role::User, "Say hi.")];
    let request = |played: &Played, limit| ChatRequest {
        max_output_tokens: Some(limit),
        ..ChatRequest::new(played.key(played.model), messages.clone())
    };
    OPENAI.open(&server).chat(request(OPENAI, 64)).await.unwrap();
    streamed(&OPENAI.open(&server), request(OPENAI, 64)).await.unwrap();
    let sampling = Sampling { temperature: Some(0.2), ..Sampling::default() };
    let at_groq = ChatRequest { sampling, effort: Some(Effort::Low), ..request(GROQ, 256) };
    GROQ.open(&server).chat(at_groq.clone()).await.unwrap();
    streamed(&GROQ.open(&server), at_groq).await.unwrap();
    let sent = server.requests();
    for (sent, fixture) in sent.iter().zip(["openai_chat", "openai_stream", "groq_chat", "groq_stream"]) {
        assert_eq!(sent.body, Fixture::named(fixture).request, "{fixture}");
    }
    assert_eq!(sent[0].header("authorization"), Some(format!("Bearer {CANARY}").as_str()));
}

#[tokio::test]
async fn texts_become_vectors_in_their_order() {
    let server = server().await;
    let provider = OPENAI.open(&server);
    let request = |texts: &[&str], played: &Played, model: &str| EmbedRequest {
        model: played.key(model),
        texts: texts.iter().map(|text| (*text).to_owned()).collect(),
        purpose: EmbedPurpose::Similarity,
        dimensions: None,
        timeout: None,
    };
    let small = "text-embedding-3-small";
    let two = provider.embed(request(&["the sky", "the sea"], OPENAI, small)).await.unwrap();
    let sea = provider.embed(request(&["the sea"], OPENAI, small)).await.unwrap();
    assert_eq!((two.vectors.len(), &two.vectors[1]), (2, &sea.vectors[0]));
    assert_eq!((two.usage.usage().input_tokens(), two.returned), (Tokens::new(4), OPENAI.key(small)));
    assert!(two.timing.is_some());
    let short = EmbedRequest { dimensions: Some(4), ..request(&["a", "b"], OPENAI, small) };
    assert_eq!(provider.embed(short).await.unwrap().vectors[0].len(), 4);
    assert_eq!(server.requests()[2].body, Fixture::named("openai_embeddings").request);
    let kind = |outcome: Result<_, Error>| {
        outcome.map(|_: greenroute_core::Embedded| ()).unwrap_err().kind().clone()
    };
    assert_eq!(kind(provider.embed(request(&[], OPENAI, small)).await), ErrorKind::InvalidRequest);
    assert_eq!(kind(provider.embed(request(&[""], OPENAI, small)).await), ErrorKind::InvalidRequest);
    assert_eq!(kind(provider.embed(request(&["a"], OPENAI, "nope")).await), ErrorKind::ModelNotFound);
    assert_eq!(kind(provider.embed(request(&["a"], GROQ, small)).await), ErrorKind::ModelNotFound);
    assert_eq!(kind(GROQ.open(&server).embed(request(&["a"], GROQ, small)).await), ErrorKind::Unsupported);
    let shortened = EmbedRequest { dimensions: Some(4), ..request(&["a"], LLAMA, "any") };
    assert_eq!(kind(LLAMA.open(&server).embed(shortened).await), ErrorKind::Unsupported);
    let body = json!({"data": [{"index": 0, "embedding": [1.0]}], "model": small});
    server.reply_with("openai", Reply::json(200, body));
    assert_eq!(kind(provider.embed(request(&["a", "b"], OPENAI, small)).await), ErrorKind::Decode);
}

#[tokio::test]
async fn models_are_listed_with_what_their_vendor_tells() {
    let server = server().await;
    let at_openai = OPENAI.open(&server).list().await.unwrap();
    let mini = at_openai.iter().find(|listing| listing.key == OPENAI.key("gpt-4.1-mini")).unwrap();
    assert_eq!((mini.context, mini.chats, &mini.price), (None, None, &None));
    server.reply_with("groq", Reply::fixture("groq_models"));
    let at_groq = GROQ.open(&server).list().await.unwrap();
    let [oss] = at_groq.as_slice() else { panic!("{at_groq:?}") };
    assert_eq!(oss.key, GROQ.key("openai/gpt-oss-20b"));
    assert_eq!((oss.display_name.as_deref(), oss.context), (Some("GPT OSS 20B"), Some(131_072)));
    assert_eq!((oss.max_output, oss.chats), (Some(65_536), Some(true)));
    let price = oss.price.as_ref().unwrap();
    let usd =
        [Some(price.input_usd_per_mtok), Some(price.output_usd_per_mtok), price.cache_read_usd_per_mtok];
    assert_eq!(usd.map(|usd| usd.map(|usd| usd.as_usd())), [Some(0.075), Some(0.3), Some(0.0375)]);
    assert!(!LLAMA.open(&server).list().await.unwrap().is_empty());
    let bad = Reply::json(200, json!({"data": [{"id": "x", "active": false}, {"name": "no id"}, 7]}));
    server.reply_with("groq", bad);
    assert!(GROQ.open(&server).list().await.unwrap().is_empty());
}

#[tokio::test]
async fn tokens_are_counted_by_the_server_that_has_the_tokenizer() {
    let server = server().await;
    let provider = LLAMA.open(&server);
    let request = ChatRequest { tools: vec![weather()], ..LLAMA.asking("one two three") };
    let counted = provider.count(&request).await.unwrap();
    assert!(counted >= Tokens::new(3), "{counted}");
    let longer = provider.count(&LLAMA.asking("one two three four five six seven eight nine")).await.unwrap();
    assert!(longer >= Tokens::new(9), "{longer}");
    let mut seen = LLAMA.asking("What is this?");
    seen.messages[0].blocks.push(Block::Image { media_type: "image/png".into(), base64: PIXEL.into() });
    for refused in [provider.count(&seen).await, OPENAI.open(&server).count(&OPENAI.asking("hi")).await] {
        assert_eq!(*refused.unwrap_err().kind(), ErrorKind::Unsupported);
    }
}

#[tokio::test]
async fn a_count_that_takes_two_requests_has_one_deadline() {
    let server = FakeServer::builder().latency(Duration::from_millis(250)).start().await.unwrap();
    let request = ChatRequest { timeout: Some(Duration::from_millis(400)), ..LLAMA.asking("Why?") };
    let error = LLAMA.open(&server).count(&request).await.unwrap_err();
    assert_eq!((error.kind(), server.requests().len()), (&ErrorKind::Timeout, 1), "{error}");
}

#[tokio::test]
async fn a_batch_is_handed_over_waited_for_and_read() {
    let server = server().await;
    for played in [OPENAI, GROQ] {
        let provider = played.open(&server);
        let item = |id: &str, request| BatchItem { id: id.to_owned(), request };
        let limited = ChatRequest { max_output_tokens: Some(60), ..played.asking("Why is the sky blue?") };
        let mixed = ChatRequest { model: played.key("tiny-window"), ..limited.clone() };
        let mixed = provider.submit(vec![item("a", limited.clone()), item("b", mixed)]).await.unwrap_err();
        assert_eq!(*mixed.kind(), ErrorKind::InvalidRequest, "{mixed}");
        let overlong = played.asking(&"river ".repeat(5000));
        let items = vec![item("first", limited.clone()), item("second", overlong)];
        let batch = provider.submit(items).await.unwrap();
        assert_eq!(provider.status(&batch).await.unwrap().state, BatchState::Running);
        let status = provider.status(&batch).await.unwrap();
        assert_eq!(
            (status.state, status.total, status.answered, status.failed),
            (BatchState::Done, Some(2), 1, 1)
        );
        let mut results = provider.results(&batch).await.unwrap();
        results.sort_by(|one, other| one.0.cmp(&other.0));
        let [(first, answered), (second, refused)] = results.as_slice() else { panic!("{results:?}") };
        assert_eq!((first.as_str(), second.as_str()), ("first", "second"));
        let alone = provider.chat(limited).await.unwrap();
        assert_eq!(answered.as_ref().unwrap().blocks, alone.blocks);
        assert_eq!(answered.as_ref().unwrap().usage, alone.usage);
        assert_eq!(*refused.as_ref().unwrap_err().kind(), ErrorKind::ContextOverflow);
    }
}

#[tokio::test]
async fn a_batch_that_cannot_be_is_refused_before_it_is_sent() {
    let server = server().await;
    let provider = OPENAI.open(&server);
    let item = |id: &str| BatchItem { id: id.to_owned(), request: OPENAI.asking("Why?") };
    let kind = |outcome: Result<BatchId, Error>| outcome.unwrap_err().kind().clone();
    for items in
        [vec![], vec![item("")], vec![item("a b")], vec![item(&"a".repeat(65))], vec![item("a"), item("a")]]
    {
        assert_eq!(kind(provider.submit(items).await), ErrorKind::InvalidRequest);
    }
    let sampling = Sampling { top_k: Some(3), ..Sampling::default() };
    let noted = BatchItem { request: ChatRequest { sampling, ..OPENAI.asking("Why?") }, ..item("a") };
    assert_eq!(kind(provider.submit(vec![noted]).await), ErrorKind::Unsupported);
    assert_eq!(kind(LLAMA.open(&server).submit(vec![item("a")]).await), ErrorKind::Unsupported);
    assert!(server.requests().is_empty());
    let batch = provider.submit(vec![item("a")]).await.unwrap();
    let early = provider.results(&batch).await;
    assert_eq!(*early.unwrap_err().kind(), ErrorKind::Unsupported);
    let other = provider.submit(vec![item("a")]).await.unwrap();
    provider.cancel(&other).await.unwrap();
    assert_eq!(provider.status(&other).await.unwrap().state, BatchState::Cancelled);
    assert!(provider.results(&other).await.unwrap().is_empty());
    let gone = provider.status(&BatchId("batch_none".into())).await.unwrap_err();
    assert_eq!(*gone.kind(), ErrorKind::ModelNotFound, "what is not there is told as HTTP tells it");
}

#[test]
fn a_missing_key_or_a_bad_setting_is_named() {
    let told = |builder: OpenAiBuilder| builder.build().map(|_| ()).unwrap_err().to_string();
    let unset = OpenAi::of(&groq::DIALECT).key_variable("GREENROUTE_TEST_NO_SUCH_KEY");
    assert_eq!(told(unset), "groq: GREENROUTE_TEST_NO_SUCH_KEY is not set");
    assert!(told(OpenAi::builder().key("k").base_url("ftp://x")).contains("`base_url`"));
    let foreign =
        ModelCard::new(ModelKey::new("groq", "m"), Window { context: 1, max_output: None }, Privacy::Remote);
    assert!(told(OpenAi::builder().key("k").model(foreign)).contains("groq/m"));
    assert!(OpenAi::of(&llama_server::DIALECT).key_variable("GREENROUTE_TEST_NO_SUCH_KEY").build().is_ok());
    let named = OpenAi::of(&llama_server::DIALECT).name("basement").build().unwrap();
    assert_eq!(named.name().as_str(), "basement");
}
