use super::NAME;
use super::vocabulary::Vocabulary;
use greenroute_core::chat::{Block, Message, Role};
use greenroute_core::{Error, ErrorKind, Result};

/// How a conversation becomes the one text that a model continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PromptStyle {
    /// `Question: …` and `Answer: …` in turn, for models that were never tuned for chat. The answer ends at a
    /// blank line or at the next `Question:`.
    QuestionAnswer,
    /// The texts of all messages as they are, joined by blank lines: the model goes on from there.
    Raw,
    /// Gemma's own turns, for models that were tuned for chat. What the user writes can open no turn.
    GemmaTurns,
    /// For models tuned on instructions, as Flan-T5 is: one message of the user is the instruction as it is, with
    /// what the system says and a blank line before it. A conversation becomes a dialogue, `User: …` and
    /// `Assistant: …` line by line, that ends with an open `Assistant:`.
    Instruction,
}

impl PromptStyle {
    /// The tokens of `messages`.
    pub(super) fn render(self, messages: &[Message], tokenizer: &Vocabulary) -> Result<Vec<u32>> {
        let turns = messages.iter().map(Turn::of).collect::<Result<Vec<_>>>()?;
        if turns.iter().all(|turn| turn.role == Role::System || turn.text.trim().is_empty()) {
            return Err(Error::new(ErrorKind::InvalidRequest, NAME, "the prompt must not be empty"));
        }
        let mut ids = Vec::from_iter(tokenizer.start());
        let begun = ids.len();
        match self {
            Self::QuestionAnswer => tokenizer.encode(&questions(&turns), &mut ids),
            Self::Raw => {
                let texts: Vec<&str> = turns.iter().map(|turn| turn.text.as_str()).collect();
                tokenizer.encode(&texts.join("\n\n"), &mut ids);
            }
            Self::GemmaTurns => gemma_turns(&turns, tokenizer, &mut ids)?,
            Self::Instruction => tokenizer.encode(&instruction(&turns), &mut ids),
        }
        if ids.len() == begun {
            let message = "nothing in the prompt has a token in this model's vocabulary";
            return Err(Error::new(ErrorKind::InvalidRequest, NAME, message));
        }
        ids.extend(tokenizer.finish());
        Ok(ids)
    }

    /// Texts that end an answer in this style, besides those of the request.
    pub(super) fn stops(self) -> &'static [&'static str] {
        match self {
            Self::QuestionAnswer => &["\n\n", "Question:"],
            Self::Raw | Self::GemmaTurns | Self::Instruction => &[],
        }
    }

    /// Whether the space before and after an answer belongs to the style, not to the answer.
    pub(super) fn trims(self) -> bool {
        matches!(self, Self::QuestionAnswer | Self::Instruction)
    }
}

/// A message as text.
struct Turn {
    role: Role,
    text: String,
}

impl Turn {
    fn of(message: &Message) -> Result<Self> {
        let refused = |block: &Block| match block {
            // Opaque: another model's private notes; the rule for them is to be dropped.
            Block::Text { .. } | Block::Opaque { .. } => None,
            other => {
                let message =
                    format!("a {} is more than a model that reads only text can take", other.kind());
                Some(Err(Error::new(ErrorKind::Unsupported, NAME, message)))
            }
        };
        message.blocks.iter().filter_map(refused).collect::<Result<()>>()?;
        Ok(Self { role: message.role, text: message.plain_text() })
    }
}

fn questions(turns: &[Turn]) -> String {
    let mut text = String::new();
    for turn in turns {
        let line = match turn.role {
            Role::System => format!("{}\n\n", turn.text.trim()),
            Role::User => format!("Question: {}\n", turn.text.trim()),
            Role::Assistant => format!("Answer: {}\n\n", turn.text.trim()),
        };
        text.push_str(&line);
    }
    // No space at the end: the vocabulary's words begin with theirs.
    text.push_str("Answer:");
    text
}

fn instruction(turns: &[Turn]) -> String {
    let said = |role: Role| turns.iter().filter(move |turn| turn.role == role).map(|turn| turn.text.trim());
    let mut parts: Vec<String> =
        said(Role::System).filter(|text| !text.is_empty()).map(str::to_owned).collect();
    if said(Role::User).count() == 1 && said(Role::Assistant).count() == 0 {
        parts.extend(said(Role::User).map(str::to_owned));
        return parts.join("\n\n");
    }
    let line = |turn: &Turn| match turn.role {
        Role::System => None,
        Role::User => Some(format!("User: {}", turn.text.trim())),
        Role::Assistant => Some(format!("Assistant: {}", turn.text.trim())),
    };
    let mut lines: Vec<String> = turns.iter().filter_map(line).collect();
    lines.push("Assistant:".into());
    parts.push(lines.join("\n"));
    parts.join("\n\n")
}

fn gemma_turns(turns: &[Turn], tokenizer: &Vocabulary, ids: &mut Vec<u32>) -> Result<()> {
    let marker = |text: &str| {
        let message = format!("the vocabulary has no `{text}`: choose another prompt style");
        tokenizer.control(text).ok_or_else(|| Error::new(ErrorKind::Config, NAME, message))
    };
    let (open, close) = (marker("<start_of_turn>")?, marker("<end_of_turn>")?);
    // Gemma knows no system turn: its instructions stand before the first thing that the user says.
    let mut preface = String::new();
    for turn in turns {
        let (who, text) = match turn.role {
            Role::System => {
                preface.push_str(turn.text.trim());
                preface.push_str("\n\n");
                continue;
            }
            Role::User => ("user", std::mem::take(&mut preface) + turn.text.trim()),
            Role::Assistant => ("model", turn.text.trim().to_owned()),
        };
        ids.push(open);
        tokenizer.encode(&format!("{who}\n{text}"), ids);
        ids.push(close);
        tokenizer.encode("\n", ids);
    }
    ids.push(open);
    tokenizer.encode("model\n", ids);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_message_is_the_instruction_and_several_are_a_dialogue() {
        let turn = |role, text: &str| Turn { role, text: text.to_owned() };
        let one = [turn(Role::User, " Translate: hi ")];
        assert_eq!(instruction(&one), "Translate: hi");
        let ruled = [turn(Role::System, "Be brief."), turn(Role::User, "Why?")];
        assert_eq!(instruction(&ruled), "Be brief.\n\nWhy?");
        let talk = [
            turn(Role::System, "Be brief."),
            turn(Role::User, "Who?"),
            turn(Role::Assistant, "Ada."),
            turn(Role::User, "When?"),
        ];
        let expected = "Be brief.\n\nUser: Who?\nAssistant: Ada.\nUser: When?\nAssistant:";
        assert_eq!(instruction(&talk), expected);
        assert!(PromptStyle::Instruction.trims() && PromptStyle::Instruction.stops().is_empty());
    }
}
