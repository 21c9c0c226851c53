//! What is asked, in Ollama's form.

use super::wire::{Called, CalledFunction, Chat, Function, Options, Think, Tool, Turn};
use crate::hosted::checks::{self, output_limit};
use greenroute_core::chat::{Block, ChatRequest, Effort, Message, Role, ToolChoice};
use greenroute_core::model::ModelCard;
use greenroute_core::{Note, NoteCode};
use serde_json::Value;
use std::borrow::Cow;

/// What every request of one provider is sent with.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Standing {
    pub(super) context_tokens: Option<u64>,
    /// Seconds.
    pub(super) keep_alive: Option<u64>,
}

/// The field of an opaque block that holds what the model thought.
pub(super) const THINKING: &str = "thinking";

/// Ollama's limits are signed numbers of 32 bits at last.
const MOST_OUTPUT: u64 = 0x7fff_ffff;

/// `request` as Ollama takes it, and what of it could not be said.
pub(super) fn chat<'a>(
    request: &'a ChatRequest,
    card: Option<&ModelCard>,
    standing: Standing,
    stream: bool,
) -> (Chat<'a>, Vec<Note>) {
    let mut notes = Vec::new();
    let messages = turns(request, &mut notes);
    let sampling = request.sampling;
    let body = Chat {
        model: request.model.model.as_str(),
        messages,
        stream,
        truncate: false,
        shift: false,
        tools: tools(request, &mut notes),
        format: request.schema.as_ref(),
        think: request.effort.map(think),
        keep_alive: standing.keep_alive,
        logprobs: request.log_probabilities,
        options: Options {
            temperature: sampling.temperature,
            top_p: sampling.top_p,
            top_k: sampling.top_k.map(checks::top_k),
            repeat_penalty: sampling.repetition_penalty,
            seed: sampling.seed.map(checks::seed),
            num_predict: output_limit(request, card).map(|tokens| tokens.min(MOST_OUTPUT)),
            num_ctx: standing.context_tokens,
            stop: &request.stop,
        },
    };
    (body, notes)
}

const fn think(effort: Effort) -> Think {
    match effort {
        Effort::Off => Think::Switch(false),
        Effort::Low => Think::Level("low"),
        Effort::Medium => Think::Level("medium"),
        Effort::High => Think::Level("high"),
    }
}

/// Ollama lets the model decide: of a choice only what can be had by showing fewer tools is kept.
fn tools<'a>(request: &'a ChatRequest, notes: &mut Vec<Note>) -> Vec<Tool<'a>> {
    let mut note = |text| notes.push(Note::new(NoteCode::Setting, text));
    match &request.tool_choice {
        ToolChoice::Auto => {}
        ToolChoice::Never if request.tools.is_empty() => {}
        ToolChoice::Never => {
            note("`tool_choice`: Ollama cannot forbid tools that it shows, so they were left out");
        }
        ToolChoice::Any => note("`tool_choice`: Ollama cannot demand a tool, so the model decided itself"),
        ToolChoice::One(_) => {
            note(
                "`tool_choice`: Ollama cannot demand a tool, so only this one was shown, and the model decided",
            );
        }
    }
    let shown = request.tools.iter().filter(|tool| match &request.tool_choice {
        ToolChoice::Auto | ToolChoice::Any => true,
        ToolChoice::Never => false,
        ToolChoice::One(name) => tool.name == *name,
    });
    shown
        .map(|tool| Tool {
            r#type: "function",
            function: Function {
                name: &tool.name,
                description: &tool.description,
                parameters: &tool.parameters,
            },
        })
        .collect()
}

fn turns<'a>(request: &'a ChatRequest, notes: &mut Vec<Note>) -> Vec<Turn<'a>> {
    let mut dropped = 0_usize;
    let mut turns = Vec::new();
    for message in &request.messages {
        // Results first: they belong to the calls just before.
        turns.extend(message.blocks.iter().filter_map(|block| result(block, &request.messages)));
        let mut turn = Turn { role: role(message.role), ..Turn::default() };
        for block in &message.blocks {
            match block {
                Block::Image { base64, .. } => turn.images.push(base64),
                Block::ToolCall { id, name, arguments } => {
                    turn.tool_calls.push(Called { id, function: CalledFunction { name, arguments } });
                }
                Block::Opaque { made_by, content } if *made_by == request.model => {
                    turn.thinking = content.get(THINKING).and_then(Value::as_str);
                }
                Block::Opaque { .. } => dropped += 1,
                // Text is joined below, results have turns of their own, and no other block is known here.
                _ => {}
            }
        }
        turn.content = match message.blocks.as_slice() {
            [Block::Text { text }] => Cow::Borrowed(text.as_str()),
            _ => Cow::Owned(message.plain_text()),
        };
        let says_nothing = turn.content.is_empty() && turn.images.is_empty() && turn.tool_calls.is_empty();
        if !says_nothing {
            turns.push(turn);
        }
    }
    if dropped > 0 {
        let text = format!("{dropped} blocks that only another model can read were left out");
        notes.push(Note::new(NoteCode::OpaqueDropped, text));
    }
    turns
}

/// The turn of a tool's result. Ollama has no word for a tool that failed: the text says so.
fn result<'a>(block: &'a Block, messages: &'a [Message]) -> Option<Turn<'a>> {
    let Block::ToolResult { id, content, is_error } = block else {
        return None;
    };
    let content =
        if *is_error { Cow::Owned(format!("Error: {content}")) } else { Cow::Borrowed(content.as_str()) };
    let mut calls = messages.iter().flat_map(|message| &message.blocks);
    let tool_name = calls.find_map(|block| match block {
        Block::ToolCall { id: called, name, .. } if called == id => Some(name.as_str()),
        _ => None,
    });
    Some(Turn { role: "tool", content, tool_name, tool_call_id: Some(id), ..Turn::default() })
}

const fn role(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroute_core::ModelKey;
    use greenroute_core::chat::{self, Sampling};
    use serde_json::json;

    fn key() -> ModelKey {
        ModelKey::new("ollama", "qwen3:4b")
    }

    fn asking(messages: Vec<Message>) -> ChatRequest {
        ChatRequest::new(key(), messages)
    }

    fn sent(request: &ChatRequest) -> (Value, Vec<String>) {
        let (body, notes) = chat(request, None, Standing::default(), false);
        (serde_json::to_value(body).unwrap(), notes.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_plain_request_says_only_what_was_asked_and_never_allows_a_cut_prompt() {
        let (body, notes) = sent(&asking(vec![Message::text(Role::User, "hi")]));
        let expected = json!({
            "model": "qwen3:4b", "messages": [{"role": "user", "content": "hi"}], "stream": false,
            "truncate": false, "shift": false, "options": {},
        });
        assert_eq!(body, expected);
        assert!(notes.is_empty());
    }

    #[test]
    fn every_setting_has_its_place() {
        let sampling = Sampling {
            temperature: Some(0.5),
            top_p: Some(0.9),
            top_k: Some(20),
            repetition_penalty: Some(1.1),
            seed: Some(u64::MAX),
        };
        let request = ChatRequest {
            sampling,
            max_output_tokens: Some(u64::MAX),
            effort: Some(Effort::Off),
            stop: vec!["END".into()],
            schema: Some(json!({"type": "object"})),
            log_probabilities: true,
            ..asking(vec![Message::text(Role::User, "hi")])
        };
        let standing = Standing { context_tokens: Some(8192), keep_alive: Some(0) };
        let body = serde_json::to_value(chat(&request, None, standing, true).0).unwrap();
        let options = json!({
            "temperature": 0.5, "top_p": 0.9, "top_k": 20, "repeat_penalty": 1.1, "seed": 2_147_483_647,
            "num_predict": 2_147_483_647, "num_ctx": 8192, "stop": ["END"],
        });
        assert_eq!(body["options"], options);
        assert_eq!((&body["think"], &body["keep_alive"]), (&json!(false), &json!(0)));
        assert_eq!((&body["format"], &body["logprobs"]), (&json!({"type": "object"}), &json!(true)));
        assert_eq!(body["stream"], json!(true));
    }

    #[test]
    fn a_tools_round_trip_keeps_ids_names_and_failures() {
        let call = |id: &str, name: &str| Block::ToolCall {
            id: id.into(),
            name: name.into(),
            arguments: json!({"city": "Oslo"}),
        };
        let result = |id: &str, content: &str, is_error| Block::ToolResult {
            id: id.into(),
            content: content.into(),
            is_error,
        };
        let thought = Block::Opaque { made_by: key(), content: json!({"thinking": "Two calls."}) };
        let foreign = Block::Opaque { made_by: ModelKey::new("ollama", "other"), content: json!({}) };
        let messages = vec![
            Message::text(Role::User, "Weather and time?"),
            Message {
                role: Role::Assistant,
                blocks: vec![thought, foreign, call("call_0", "weather"), call("call_1", "time")],
            },
            Message {
                role: Role::User,
                blocks: vec![
                    result("call_1", "no clock", true),
                    result("call_0", "sunny", false),
                    Block::text("Go on."),
                ],
            },
        ];
        let (body, notes) = sent(&asking(messages));
        let called = |id: &str, name: &str| json!({"id": id, "function": {"name": name, "arguments": {"city": "Oslo"}}});
        let expected = json!([
            {"role": "user", "content": "Weather and time?"},
            {"role": "assistant", "content": "", "thinking": "Two calls.",
             "tool_calls": [called("call_0", "weather"), called("call_1", "time")]},
            {"role": "tool", "content": "Error: no clock", "tool_name": "time", "tool_call_id": "call_1"},
            {"role": "tool", "content": "sunny", "tool_name": "weather", "tool_call_id": "call_0"},
            {"role": "user", "content": "Go on."},
        ]);
        assert_eq!(body["messages"], expected);
        assert_eq!(notes, ["1 blocks that only another model can read were left out"]);
    }

    #[test]
    fn images_stand_beside_the_text_of_their_message() {
        let image = Block::Image { media_type: "image/png".into(), base64: "iVBO".into() };
        let blocks = vec![Block::text("What is this?"), image, Block::text("Be brief.")];
        let (body, _) = sent(&asking(vec![Message { role: Role::User, blocks }]));
        let expected = json!([{"role": "user", "content": "What is this?\n\nBe brief.", "images": ["iVBO"]}]);
        assert_eq!(body["messages"], expected);
    }

    #[test]
    fn a_choice_that_ollama_cannot_make_is_noted() {
        let tool = |name: &str| chat::Tool {
            name: name.into(),
            description: "d".into(),
            parameters: json!({"type": "object"}),
        };
        let with = |tool_choice| {
            let tools = vec![tool("weather"), tool("time")];
            let request = ChatRequest { tools, tool_choice, ..asking(vec![Message::text(Role::User, "hi")]) };
            let (body, notes) = sent(&request);
            let names = body["tools"].as_array().cloned().unwrap_or_default();
            let names: Vec<_> = names.iter().map(|tool| tool["function"]["name"].clone()).collect();
            (names, notes.len())
        };
        assert_eq!(with(ToolChoice::Auto), (vec![json!("weather"), json!("time")], 0));
        assert_eq!(with(ToolChoice::Any), (vec![json!("weather"), json!("time")], 1));
        assert_eq!(with(ToolChoice::One("time".into())), (vec![json!("time")], 1));
        assert_eq!(with(ToolChoice::Never), (vec![], 1));
    }
}
