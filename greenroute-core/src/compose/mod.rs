//! One conversation, written down for one model.

use crate::chat::{Block, ChatRequest, Message, Role};
use crate::conversation::Turn;
use crate::model::{ModelCard, ModelKey};
use crate::prompt::Prompt;
use std::time::Duration;

/// A request, and what had to be left out of it.
#[derive(Debug)]
pub(crate) struct Composed {
    pub(crate) request: ChatRequest,
    /// Blocks that only another model can read.
    pub(crate) opaque_dropped: usize,
}

/// Everything that was said, in order, for `card`'s model: the standing instructions, the history, the prompt.
///
/// Opaque blocks of other models are left out: replayed they are refused, and turned into text they mislead.
pub(crate) fn compose(prompt: &Prompt, history: &[Turn], card: &ModelCard, timeout: Duration) -> Composed {
    let system = prompt.system.as_ref().map(|text| Message::text(Role::System, text.as_str()));
    let mut opaque_dropped = 0;
    let mut messages: Vec<Message> = system.into_iter().collect();
    let said = history.iter().map(|turn| turn.message.clone()).chain([prompt.message()]);
    for mut message in said {
        let before = message.blocks.len();
        message.blocks.retain(|block| readable(block, &card.key));
        opaque_dropped += before - message.blocks.len();
        if !message.blocks.is_empty() {
            messages.push(message);
        }
    }
    let request = ChatRequest {
        tools: prompt.tools.clone(),
        tool_choice: prompt.tool_choice.clone(),
        schema: prompt.schema.clone(),
        max_output_tokens: prompt.max_output_tokens,
        effort: prompt.effort,
        cache: prompt.cache,
        sampling: prompt.sampling,
        log_probabilities: prompt.log_probabilities,
        stop: prompt.stop.clone(),
        timeout: Some(timeout),
        ..ChatRequest::new(card.key.clone(), messages)
    };
    Composed { request, opaque_dropped }
}

/// The region may differ: it is the same model there.
fn readable(block: &Block, key: &ModelKey) -> bool {
    match block {
        Block::Opaque { made_by, .. } => made_by.provider == key.provider && made_by.model == key.model,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Privacy, Window};
    use std::time::UNIX_EPOCH;

    #[test]
    fn opaque_blocks_go_back_to_their_maker_only() {
        let maker = ModelKey::new("anthropic", "claude");
        let thinking =
            Block::Opaque { made_by: maker.clone(), content: serde_json::json!({"signature": "x"}) };
        let message = Message { role: Role::Assistant, blocks: vec![thinking.clone(), Block::text("42")] };
        let history = [Turn { message, at: UNIX_EPOCH, model: Some(maker.clone()), receipt: None }];
        let prompt = Prompt::from("And twice that?").system("Be brief.");
        let composed = |key: &ModelKey| {
            let window = Window { context: 8192, max_output: None };
            compose(
                &prompt,
                &history,
                &ModelCard::new(key.clone(), window, Privacy::Remote),
                Duration::from_secs(1),
            )
        };
        let same = composed(&maker);
        assert_eq!((same.opaque_dropped, same.request.messages.len()), (0, 3));
        assert_eq!(same.request.messages[1].blocks[0], thinking);
        let other = composed(&ModelKey::new("groq", "llama"));
        assert_eq!(other.opaque_dropped, 1);
        assert_eq!(other.request.messages[1].blocks, [Block::text("42")]);
    }
}
