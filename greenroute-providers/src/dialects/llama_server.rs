//! `llama-server` of llama.cpp, on this machine or another.
//!
//! It serves one model and answers for it whatever model is asked for; the answer names the file. The model's card is
//! yours to give: window, what it accepts, `Privacy::Local` where the server runs on your own machine, and its
//! deployment, which decides how its energy is known.

use crate::openai::{Counting, Dialect, Embeddings, NoThinking, SchemaForm, Times};

/// Its settings.
pub const DIALECT: Dialect = Dialect {
    name: "llama-server",
    display_name: "llama-server",
    base_url: "http://localhost:8080/v1",
    base_url_variable: "LLAMA_SERVER_BASE_URL",
    key_variable: "LLAMA_API_KEY",
    needs_key: false,
    top_k: Some("top_k"),
    repetition_penalty: Some("repeat_penalty"),
    seed: Some("seed"),
    no_thinking: Some(NoThinking::Template),
    schema: SchemaForm::Plain,
    log_probabilities: true,
    times: Some(Times {
        prefill: "/timings/prompt_ms",
        decode: "/timings/predicted_ms",
        ..Times::IN_MILLISECONDS
    }),
    embeddings: Some(Embeddings { dimensions: None }),
    counting: Some(Counting::Template),
    ..Dialect::PLAIN
};
