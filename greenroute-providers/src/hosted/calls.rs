//! Calls of tools, as far as vendors leave something open.

use greenroute_core::chat::{Block, Message};
use serde_json::{Value, json};
use std::borrow::Cow;

/// The number after that of every id `call_<number>` in the conversation: ids that are made up for calls without one
/// go on from there, and none comes twice, whatever part of the conversation was left out.
pub(crate) fn next_call(messages: &[Message]) -> u64 {
    let calls = messages.iter().flat_map(|message| &message.blocks).filter_map(|block| match block {
        Block::ToolCall { id, .. } => id.strip_prefix("call_")?.parse::<u64>().ok(),
        _ => None,
    });
    calls.max().map_or(0, |last| last.saturating_add(1))
}

/// The id of the call at `position` of an answer, which came without one: of the `answer`'s id where that has one, so
/// that two answers do not share it. Other vendors take up to 40 letters, digits, `_` and `-`.
pub(crate) fn made_up_id(answer: Option<&str>, messages: &[Message], position: usize) -> String {
    let known = |letter: &char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    let answer: String = answer.into_iter().flat_map(str::chars).filter(known).take(24).collect();
    if answer.is_empty() {
        let position = u64::try_from(position).unwrap_or(u64::MAX);
        format!("call_{}", next_call(messages).saturating_add(position))
    } else {
        format!("call_{answer}_{position}")
    }
}

/// The arguments of a call as an object, be it said as such or as its JSON text. Nothing, `null` and `"null"` are an
/// empty one.
///
/// # Errors
/// What stands there instead.
pub(crate) fn arguments(said: Value) -> Result<Value, String> {
    let read = match said {
        Value::String(text) if text.trim().is_empty() => Value::Null,
        Value::String(text) => serde_json::from_str(&text).map_err(|error| error.to_string())?,
        said => said,
    };
    match read {
        Value::Null => Ok(json!({})),
        Value::Object(_) => Ok(read),
        other => Err(format!("`{other}`")),
    }
}

/// The arguments of a call in the conversation as an object, for vendors that take nothing else: another model may have
/// called with something else, or with nothing.
pub(crate) fn as_object(arguments: &Value) -> Cow<'_, Value> {
    match arguments {
        Value::Object(_) => Cow::Borrowed(arguments),
        Value::Null => Cow::Owned(json!({})),
        other => Cow::Owned(json!({ "arguments": other })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroute_core::chat::Role;

    #[test]
    fn arguments_are_an_object_however_they_are_said() {
        for none in [json!(null), json!("null"), json!(" "), json!({}), json!("{}")] {
            assert_eq!(arguments(none), Ok(json!({})));
        }
        for one in [json!({"n": 1}), json!("{\"n\": 1}")] {
            assert_eq!(arguments(one), Ok(json!({"n": 1})));
        }
        for other in [json!([1]), json!("[1]"), json!(7), json!("{\"n\": Oslo}"), json!(true)] {
            assert!(arguments(other.clone()).is_err(), "{other}");
        }
    }

    #[test]
    fn what_is_sent_back_is_always_an_object() {
        let sent = |given: Value| as_object(&given).into_owned();
        assert_eq!(sent(json!({"city": "Oslo"})), json!({"city": "Oslo"}));
        assert_eq!(sent(Value::Null), json!({}));
        assert_eq!(sent(json!(["Oslo"])), json!({"arguments": ["Oslo"]}));
    }

    #[test]
    fn made_up_ids_go_on_after_the_last_one_that_is_still_there() {
        let call = |id: &str| Block::ToolCall { id: id.into(), name: "f".into(), arguments: json!({}) };
        let of = |ids: &[&str]| {
            let blocks = ids.iter().map(|id| call(id)).collect();
            next_call(&[Message { role: Role::Assistant, blocks }])
        };
        assert_eq!(of(&[]), 0);
        assert_eq!(of(&["call_4", "call_3"]), 5, "the first three were left out");
        assert_eq!(of(&["call_x", "toolu_9"]), 0);
        assert_eq!(made_up_id(Some("chat/1"), &[], 2), "call_chat1_2");
        assert_eq!(made_up_id(Some("/"), &[], 2), "call_2");
        assert!(made_up_id(Some(&"a".repeat(99)), &[], 2).len() <= 40);
    }
}
