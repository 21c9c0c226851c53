//! Together AI. Its list of models is a bare array, with prices per million tokens.

use crate::openai::{Dialect, Embeddings, Prices, SchemaForm};

/// Its settings.
pub const DIALECT: Dialect = Dialect {
    name: "together",
    display_name: "Together AI",
    base_url: "https://api.together.xyz/v1",
    base_url_variable: "TOGETHER_BASE_URL",
    key_variable: "TOGETHER_API_KEY",
    top_k: Some("top_k"),
    repetition_penalty: Some("repetition_penalty"),
    seed: Some("seed"),
    effort: Some(["low", "low", "medium", "high"]),
    schema: SchemaForm::Plain,
    prices: Some(Prices::PerMillion),
    embeddings: Some(Embeddings { dimensions: None }),
    ..Dialect::PLAIN
};
