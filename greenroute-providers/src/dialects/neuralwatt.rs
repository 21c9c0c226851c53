//! Neuralwatt, which measures the energy of each answer and states it; in a stream in a comment.

use crate::openai::{Dialect, SchemaForm};

/// Its settings.
pub const DIALECT: Dialect = Dialect {
    name: "neuralwatt",
    display_name: "Neuralwatt",
    base_url: "https://api.neuralwatt.com/v1",
    base_url_variable: "NEURALWATT_BASE_URL",
    key_variable: "NEURALWATT_API_KEY",
    schema: SchemaForm::Plain,
    ..Dialect::PLAIN
};
