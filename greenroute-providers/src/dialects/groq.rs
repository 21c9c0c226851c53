//! Groq. Its gpt-oss models take a strict schema; of its other models the card says that they take none.
//!
//! Its limits per day fill up steadily, a request every few seconds: they are waited for like any other. A request
//! that reserves more tokens than a minute allows (413) is `RateLimited` too; a lower `max_output_tokens` mends it.

use crate::openai::{Dialect, Prices, SchemaForm, Times};

/// Its settings.
pub const DIALECT: Dialect = Dialect {
    name: "groq",
    display_name: "Groq",
    base_url: "https://api.groq.com/openai/v1",
    base_url_variable: "GROQ_BASE_URL",
    key_variable: "GROQ_API_KEY",
    output_limit: "max_completion_tokens",
    seed: Some("seed"),
    schema: SchemaForm::Strict,
    times: Some(Times {
        queue: "/usage/queue_time",
        prefill: "/usage/prompt_time",
        decode: "/usage/completion_time",
        compute: "/usage/total_time",
        ..Times::IN_SECONDS
    }),
    prices: Some(Prices::PerToken),
    batches: true,
    ..Dialect::PLAIN
};
