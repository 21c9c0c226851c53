use super::text::{Length, approximate};
use crate::chat::{Block, Message};
use crate::conversation::Turn;
use crate::estimate::Estimate;
use crate::model::Accepts;
use crate::prompt::Prompt;
use crate::units::Tokens;

/// What a prompt brings, whatever it is about: how much there is to read, and what the model must take. The same for
/// every profiler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Tokens of all text: the prompt's, what was said before, standing instructions, tools and their schemas.
    pub text: Tokens,
    /// Pictures, those of the history included.
    pub images: u64,
    /// What the model must take besides text.
    pub needs: Accepts,
}

/// What vendors bill for a picture of ordinary size.
const IMAGE_TOKENS: u64 = 1000;

impl Load {
    /// That of `prompt` at the end of `history`.
    #[must_use]
    pub fn of(prompt: &Prompt, history: &[Turn]) -> Self {
        Self::with(Length::of(&prompt.text), prompt, history)
    }

    /// The same, where the prompt's own text was read already.
    pub(super) fn with(asked: Length, prompt: &Prompt, history: &[Turn]) -> Self {
        let mut all = asked;
        let mut needs =
            Accepts { images: false, tools: !prompt.tools.is_empty(), schema: prompt.schema.is_some() };
        let mut images = 0;
        let before = said_before(prompt, history).flat_map(|message| &message.blocks);
        for block in before.chain(&prompt.blocks) {
            match block {
                Block::Text { text } | Block::ToolResult { content: text, .. } => all.add(Length::of(text)),
                Block::Image { .. } => images += 1,
                Block::ToolCall { arguments, .. } => {
                    needs.tools = true;
                    all.add(Length::of(&arguments.to_string()));
                }
                Block::Opaque { content, .. } => all.add(Length::of(&content.to_string())),
            }
        }
        for text in prompt.system.iter().chain(prompt.tools.iter().map(|tool| &tool.description)) {
            all.add(Length::of(text));
        }
        // A tool's parameters are usually most of what it adds to the input.
        for schema in prompt.tools.iter().map(|tool| &tool.parameters).chain(&prompt.schema) {
            all.add(Length::of(&schema.to_string()));
        }
        needs.images = images > 0;
        Self { text: all.tokens(), images, needs }
    }

    /// The tokens to be read, pictures included, with the band of a count without the model's tokenizer.
    #[must_use]
    pub fn input(&self) -> Estimate<Tokens> {
        approximate(Tokens::new(self.text.get().saturating_add(self.images.saturating_mul(IMAGE_TOKENS))))
    }
}

/// What was said before, the oldest first: the turns of a stored conversation, else what the prompt itself brings.
pub fn said_before<'a>(
    prompt: &'a Prompt,
    history: &'a [Turn],
) -> impl DoubleEndedIterator<Item = &'a Message> {
    let own: &[Message] = if history.is_empty() { &prompt.history } else { &[] };
    history.iter().map(|turn| &turn.message).chain(own)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Role;

    #[test]
    fn what_a_prompt_itself_brings_of_a_conversation_counts_once() {
        let message =
            Message { role: Role::User, blocks: vec![Block::Text { text: "Why is the sky blue?".into() }] };
        let alone = Prompt::from("And at dusk?");
        let prompt = Prompt { history: vec![message.clone()], ..alone.clone() };
        let turn = Turn { message, at: std::time::UNIX_EPOCH, model: None, receipt: None };
        let load = Load::of(&prompt, &[]);
        assert!(load.text > Load::of(&alone, &[]).text);
        assert_eq!(load, Load::of(&prompt, std::slice::from_ref(&turn)));
        assert_eq!(load, Load::of(&alone, &[turn]));
    }
}
