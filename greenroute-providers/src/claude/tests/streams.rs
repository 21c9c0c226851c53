//! Streams, however they are cut, and whatever comes in them.

use super::*;

/// Feeds a stream's bytes in pieces of these lengths, and gives the events up to the end or the error.
fn streamed(bytes: &[u8], cuts: &[usize]) -> Vec<Result<ChatEvent>> {
    let asked = Asked::new(asking(HAIKU, "Say hi."), Vec::new());
    let client = CLIENT.with(greenroute_http::Client::clone);
    let mut assembly = Assembly::new(client, asked, Some("req_1".into()));
    let mut events = Vec::new();
    for item in items(bytes, cuts) {
        let SseItem::Event { name, data } = item else { continue };
        let event = assembly.take(&name, &data).transpose();
        let over = matches!(event, Some(Err(_) | Ok(ChatEvent::Done(_))));
        events.extend(event);
        if over {
            return events;
        }
    }
    events.push(Err(assembly.truncated()));
    events
}

fn items(bytes: &[u8], cuts: &[usize]) -> Vec<SseItem> {
    let (mut reader, mut items, mut rest) = (SseReader::new(), Vec::new(), bytes);
    let mut cuts = cuts.iter().copied().cycle();
    while !rest.is_empty() {
        let (piece, later) = rest.split_at(cuts.next().unwrap_or(usize::MAX).min(rest.len()));
        reader.push(piece);
        rest = later;
        items.extend(std::iter::from_fn(|| reader.pull().unwrap()));
    }
    items.extend(reader.finish());
    items
}

thread_local! {
    static CLIENT: greenroute_http::Client = claude().client;
}

fn told(events: &[Result<ChatEvent>]) -> Vec<String> {
    events.iter().map(|event| format!("{event:?}")).collect()
}

fn done(events: Vec<Result<ChatEvent>>) -> ChatResponse {
    match events.into_iter().next_back() {
        Some(Ok(ChatEvent::Done(done))) => *done,
        other => panic!("{other:?}"),
    }
}

fn failed(bytes: &str) -> Error {
    streamed(bytes.as_bytes(), &[]).pop().unwrap().unwrap_err()
}

#[test]
fn a_stream_is_assembled_into_the_answer() {
    let events = streamed(frames("stream").as_bytes(), &[]);
    let text = |text: &str| ChatEvent::Text(text.into());
    assert_eq!([events[0].as_ref().unwrap(), events[1].as_ref().unwrap()], [&text("Hi"), &text("!")]);
    let answer = done(events);
    assert_eq!(answer.blocks, [Block::text("Hi!")]);
    assert_eq!(answer.usage, Counted::Reported(Usage::new(Tokens::new(14), Tokens::new(6))));
    assert_eq!(answer.served.request_id.as_deref(), Some("req_1"));
    assert_eq!(answer.served.region.as_deref(), Some("global"));
    assert_eq!((answer.timing, answer.finish_reason), (None, FinishReason::Stop));
}

#[test]
fn a_stream_of_thinking_and_a_tool_keeps_the_signature_and_joins_the_arguments() {
    let events = streamed(frames("stream_thinking_tool").as_bytes(), &[]);
    assert_eq!(*events[0].as_ref().unwrap(), ChatEvent::Thinking("Need the tool.".into()));
    let answer = done(events);
    let thinking = json!({"type": "thinking", "thinking": "Need the tool.", "signature": "sigTEST=="});
    assert_eq!(answer.blocks[0], Block::Opaque { made_by: key(HAIKU), content: thinking });
    let call = Block::ToolCall {
        id: "toolu_01TEST".into(),
        name: "get_weather".into(),
        arguments: json!({"city": "Oslo"}),
    };
    assert_eq!(answer.blocks[1], call);
    assert_eq!(answer.usage.usage().output_reasoning, Tokens::new(41));
    assert_eq!(answer.finish_reason, FinishReason::ToolCalls);
}

#[test]
fn a_tool_without_arguments_is_called_with_none() {
    let frames = frames("stream_thinking_tool");
    let silent = frames.replace("{\\\"city\\\": \\\"Os", "").replace("lo\\\"}", "");
    let answer = done(streamed(silent.as_bytes(), &[]));
    assert!(
        matches!(&answer.blocks[1], Block::ToolCall { arguments, .. } if *arguments == json!({})),
        "{answer:?}"
    );
}

#[test]
fn a_call_cut_at_the_limit_is_left_out_and_noted_and_a_broken_one_is_the_models_fault() {
    let broken = frames("stream_thinking_tool").replace("lo\\\"}", "lo");
    assert_eq!(*failed(&broken).kind(), ErrorKind::ModelFault);
    let answer = done(streamed(
        broken.replace("\"stop_reason\":\"tool_use\"", "\"stop_reason\":\"max_tokens\"").as_bytes(),
        &[],
    ));
    assert_eq!((answer.finish_reason, answer.blocks.len()), (FinishReason::Length, 1));
    assert!(answer.notes[0].text.contains("cut off"), "{:?}", answer.notes);
}

#[test]
fn a_call_cut_before_its_arguments_is_no_call_without_arguments() {
    let cut = "\"stop_reason\":\"max_tokens\"";
    let frames = frames("stream_thinking_tool").replace("\"stop_reason\":\"tool_use\"", cut);
    let silent = frames.replace("{\\\"city\\\": \\\"Os", "").replace("lo\\\"}", "");
    let mut whole = recorded("tool_use");
    whole["stop_reason"] = json!("max_tokens");
    for answer in [done(streamed(silent.as_bytes(), &[])), read(whole).unwrap()] {
        assert!(!answer.blocks.iter().any(|block| matches!(block, Block::ToolCall { .. })), "{answer:?}");
        assert!(answer.notes[0].text.contains("cut off"), "{:?}", answer.notes);
    }
}

#[test]
fn later_usage_replaces_what_was_counted_first() {
    let frames = frames("stream").replace(
        "\"usage\":{\"input_tokens\":14,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":6}",
        "\"usage\":{\"input_tokens\":12229,\"cache_read_input_tokens\":null,\"output_tokens\":6}",
    );
    let usage = *done(streamed(frames.as_bytes(), &[])).usage.usage();
    assert_eq!(usage, Usage::new(Tokens::new(12229), Tokens::new(6)));
}

#[test]
fn an_error_in_a_stream_is_what_it_would_be_alone_until_something_was_heard() {
    let midway = frames("stream_error_midway");
    let error = failed(&midway);
    assert_eq!(*error.kind(), ErrorKind::StreamError);
    assert!(error.message().contains("Overloaded"), "{error}");
    let error_alone = midway.split("event: ").last().unwrap();
    assert_eq!(*failed(&format!("event: {error_alone}")).kind(), ErrorKind::Overloaded);
    for (kind, expected) in [
        ("rate_limit_error", ErrorKind::RateLimited { after: None }),
        ("api_error", ErrorKind::Server),
        ("billing_error", ErrorKind::QuotaExhausted { until: None }),
        ("something_new", ErrorKind::Server),
    ] {
        let error = failed(&format!("event: {}", error_alone.replace("overloaded_error", kind)));
        assert_eq!(*error.kind(), expected);
        assert!(error.message().contains("Overloaded"), "{error}");
    }
}

#[test]
fn a_stream_without_its_end_is_truncated_wherever_it_was_cut() {
    let frames = frames("stream");
    let end = frames.rfind("event: message_stop").unwrap();
    for cut in (0..end).filter(|cut| frames.is_char_boundary(*cut)) {
        match failed(&frames[..cut]).kind() {
            ErrorKind::StreamTruncated { partial } => {
                assert!("Hi!".starts_with(partial.as_str()), "{partial}");
            }
            other => panic!("{other:?} at {cut}"),
        }
    }
    let whole = ErrorKind::StreamTruncated { partial: "Hi!".into() };
    assert_eq!(*failed(&frames[..end]).kind(), whole);
}

#[test]
fn what_the_vendor_adds_to_a_stream_is_passed_over() {
    let frames = frames("stream");
    let more = "event: novelty\ndata: {\"type\":\"novelty\"}\n\nevent: other\ndata: no JSON\n\n: comment\n\n";
    let delta = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\
                 \"delta\":{\"type\":\"citations_delta\",\"citation\":{}}}\n\n";
    let richer = frames.replace("event: ping", &format!("{more}{delta}event: ping"));
    assert_eq!(told(&streamed(richer.as_bytes(), &[])), told(&streamed(frames.as_bytes(), &[])));
    let garbage = frames.replace(
        "event: content_block_stop",
        "event: content_block_delta\ndata: {{{\n\nevent: content_block_stop",
    );
    assert_eq!(*failed(&garbage).kind(), ErrorKind::StreamError);
}

fn any_json() -> impl Strategy<Value = Value> {
    let words = [
        "type",
        "text",
        "thinking",
        "tool_use",
        "id",
        "name",
        "input",
        "content",
        "usage",
        "stop_reason",
        "refusal",
        "model",
        "index",
        "delta",
        "message",
        "content_block",
        "text_delta",
        "input_json_delta",
        "partial_json",
        "message_start",
        "content_block_start",
        "content_block_delta",
        "message_delta",
        "message_stop",
        "error",
        "output_tokens",
    ];
    let word = proptest::sample::select(words.to_vec()).prop_map(str::to_owned);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        word.clone().prop_map(Value::from)
    ];
    leaf.prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::btree_map(word.clone(), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn a_stream_says_the_same_however_it_is_cut(cuts in proptest::collection::vec(1usize..40, 1..20)) {
        for frames in ["stream", "stream_thinking_tool", "stream_error_midway"].map(frames) {
            prop_assert_eq!(told(&streamed(frames.as_bytes(), &cuts)), told(&streamed(frames.as_bytes(), &[])));
        }
    }

    #[test]
    fn no_answer_makes_it_panic(body in any_json()) {
        if let Ok(answer) = serde_json::from_value::<Answer>(body) {
            let _ = Asked::new(asking(HAIKU, "Hi."), Vec::new()).read(answer);
        }
    }

    #[test]
    fn no_stream_makes_it_panic_and_text_is_always_the_pieces(events in proptest::collection::vec(any_json(), 0..12)) {
        let bytes: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
        let events = streamed(bytes.as_bytes(), &[7]);
        let pieces: String = events.iter().filter_map(|event| match event {
            Ok(ChatEvent::Text(text)) => Some(text.as_str()),
            _ => None,
        }).collect();
        if let Some(Ok(ChatEvent::Done(done))) = events.last() {
            prop_assert_eq!(done.text(), pieces);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = streamed(&bytes, &[3, 11]);
    }
}
