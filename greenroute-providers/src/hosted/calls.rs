use greenroute_core::chat::{Block, Message};

/// The number after that of every id `call_<number>` in the conversation: ids that are made up for calls without one
/// go on from there, and none comes twice, whatever part of the conversation was left out.
pub(crate) fn next_call(messages: &[Message]) -> u64 {
    let calls = messages.iter().flat_map(|message| &message.blocks).filter_map(|block| match block {
        Block::ToolCall { id, .. } => id.strip_prefix("call_")?.parse::<u64>().ok(),
        _ => None,
    });
    calls.max().map_or(0, |last| last.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroute_core::chat::Role;
    use serde_json::json;

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
    }
}
