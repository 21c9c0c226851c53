//! Mistral. It wants ids of tool calls to be nine letters and digits: those of other vendors are rewritten on their
//! way, calls and results alike.

use crate::openai::{Dialect, Embeddings, SchemaForm};

/// Its settings.
pub const DIALECT: Dialect = Dialect {
    name: "mistral",
    display_name: "Mistral",
    base_url: "https://api.mistral.ai/v1",
    base_url_variable: "MISTRAL_BASE_URL",
    key_variable: "MISTRAL_API_KEY",
    seed: Some("random_seed"),
    schema: SchemaForm::Strict,
    // It says its usage unasked, and refuses fields that it does not know.
    stream_usage: false,
    call_id_length: Some(9),
    embeddings: Some(Embeddings { dimensions: Some("output_dimension") }),
    ..Dialect::PLAIN
};
