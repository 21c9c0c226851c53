use crate::model::ModelKey;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The standing instructions.
    System,
    /// The person, or the program on their behalf; results of tools come from here too.
    User,
    /// The model.
    Assistant,
}

/// One piece of a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Block {
    /// Plain text.
    Text {
        /// The text.
        text: String,
    },
    /// An image.
    Image {
        /// Such as `image/png`.
        media_type: String,
        /// The bytes, in standard base64.
        base64: String,
    },
    /// The model asks for a tool.
    ToolCall {
        /// Joins the call with its result; made up where the vendor gives none.
        id: String,
        /// The tool.
        name: String,
        /// Its arguments, by the tool's schema.
        arguments: Value,
    },
    /// What the tool gave.
    ToolResult {
        /// The call that this answers.
        id: String,
        /// What the model gets to read.
        content: String,
        /// Whether the tool failed.
        is_error: bool,
    },
    /// What only the model that made it can read, such as signed thinking. Replayed to the same provider and
    /// model, dropped for every other, never turned into text.
    Opaque {
        /// Who made it.
        made_by: ModelKey,
        /// The vendor's own form.
        content: Value,
    },
}

impl Block {
    /// A text block.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text { text: text.into() }
    }

    /// The word for this kind of block in messages to people.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Text { .. } => "text",
            Self::Image { .. } => "image",
            Self::ToolCall { .. } => "tool call",
            Self::ToolResult { .. } => "tool result",
            Self::Opaque { .. } => "opaque block",
        }
    }
}

/// One turn of one speaker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What, in order.
    pub blocks: Vec<Block>,
}

impl Message {
    /// A message of plain text.
    #[must_use]
    pub fn text(role: Role, text: impl Into<String>) -> Self {
        Self { role, blocks: vec![Block::text(text)] }
    }

    /// All text in it. Blocks of a person are parts of their own and joined by a blank line; those of a model are
    /// pieces of one answer, cut where a citation or a tool stood, and joined by nothing.
    #[must_use]
    pub fn plain_text(&self) -> String {
        match self.role {
            Role::Assistant => texts(&self.blocks).collect(),
            Role::System | Role::User => texts(&self.blocks).collect::<Vec<_>>().join("\n\n"),
        }
    }
}

/// The texts among `blocks`, in order.
pub(super) fn texts(blocks: &[Block]) -> impl Iterator<Item = &str> {
    blocks.iter().filter_map(|block| match block {
        Block::Text { text } => Some(text.as_str()),
        _ => None,
    })
}

/// A tool that the model may ask for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tool {
    /// The name that comes back in [`Block::ToolCall`].
    pub name: String,
    /// When and how to use it, for the model.
    pub description: String,
    /// JSON Schema of the arguments.
    pub parameters: Value,
}

/// Whether the model must ask for a tool.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolChoice {
    /// It decides itself.
    #[default]
    Auto,
    /// It must not, although the tools are shown to it.
    Never,
    /// It must ask for some tool.
    Any,
    /// It must ask for the tool of this name.
    One(String),
}
