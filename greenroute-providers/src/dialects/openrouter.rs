//! OpenRouter, which passes requests on to others. What a model thought before it called a tool goes back to it with
//! the tool's result, as some of those behind it demand.

use crate::openai::{Dialect, Embeddings, Prices, SchemaForm};

/// Its settings.
pub const DIALECT: Dialect = Dialect {
    name: "openrouter",
    display_name: "OpenRouter",
    base_url: "https://openrouter.ai/api/v1",
    base_url_variable: "OPENROUTER_BASE_URL",
    key_variable: "OPENROUTER_API_KEY",
    top_k: Some("top_k"),
    repetition_penalty: Some("repetition_penalty"),
    seed: Some("seed"),
    effort: Some(["none", "low", "medium", "high"]),
    schema: SchemaForm::Strict,
    log_probabilities: true,
    replayed: &["reasoning_details"],
    prices: Some(Prices::PerToken),
    embeddings: Some(Embeddings { dimensions: Some("dimensions") }),
    ..Dialect::PLAIN
};
