//! Melious, which states the energy of each answer by its own model, cooling and all included.

use crate::openai::{Dialect, SchemaForm};

/// Its settings.
pub const DIALECT: Dialect = Dialect {
    name: "melious",
    display_name: "Melious",
    base_url: "https://api.melious.ai/v1",
    base_url_variable: "MELIOUS_BASE_URL",
    key_variable: "MELIOUS_API_KEY",
    schema: SchemaForm::Plain,
    ..Dialect::PLAIN
};
