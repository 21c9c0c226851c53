//! GreenPT, which states the energy of each answer by its own model, and how long it computed.

use crate::openai::{Dialect, SchemaForm, Times};

/// Its settings.
pub const DIALECT: Dialect = Dialect {
    name: "greenpt",
    display_name: "GreenPT",
    base_url: "https://api.greenpt.ai/v1",
    base_url_variable: "GREENPT_BASE_URL",
    key_variable: "GREENPT_API_KEY",
    schema: SchemaForm::Plain,
    times: Some(Times { compute: "/impact/inferenceTime/total", ..Times::IN_MILLISECONDS }),
    ..Dialect::PLAIN
};
