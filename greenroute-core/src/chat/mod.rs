//! Conversations as providers see them: messages, blocks, tools, and one answer whole or piece by piece.

mod check;
mod message;
mod request;
mod response;

pub use crate::spent::{ComputeTime, Spent};
pub use message::{Block, Message, Role, Tool, ToolChoice};
pub use request::{CacheFor, ChatRequest, Effort, Sampling};
pub use response::{ChatEvent, ChatResponse, FinishReason, Served};
