//! DeepSeek. What it thought before it called a tool must go back to it with the tool's result. It knows three
//! efforts and can leave off thinking, and takes no schema.

use crate::openai::{Dialect, NoThinking};

/// Its settings.
pub const DIALECT: Dialect = Dialect {
    name: "deepseek",
    display_name: "DeepSeek",
    base_url: "https://api.deepseek.com",
    base_url_variable: "DEEPSEEK_BASE_URL",
    key_variable: "DEEPSEEK_API_KEY",
    effort: Some(["low", "low", "high", "max"]),
    no_thinking: Some(NoThinking::Disabled),
    log_probabilities: true,
    replayed: &["reasoning_content"],
    ..Dialect::PLAIN
};
