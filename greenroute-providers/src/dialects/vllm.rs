//! vLLM's server, on this machine or another. The cards of its models are yours to give, as for
//! [`llama_server`](super::llama_server).
//!
//! It tells its times when started with `--enable-per-request-metrics`: those until the first token begin when the
//! request is scheduled, so that they hold no queue.

use crate::openai::{Counting, Dialect, Embeddings, SchemaForm, Times};

/// Its settings.
pub const DIALECT: Dialect = Dialect {
    name: "vllm",
    display_name: "vLLM",
    base_url: "http://localhost:8000/v1",
    base_url_variable: "VLLM_BASE_URL",
    key_variable: "VLLM_API_KEY",
    needs_key: false,
    top_k: Some("top_k"),
    repetition_penalty: Some("repetition_penalty"),
    seed: Some("seed"),
    effort: Some(["none", "low", "medium", "high"]),
    schema: SchemaForm::Plain,
    log_probabilities: true,
    times: Some(Times {
        queue: "/metrics/queue_time_ms",
        prefill: "/metrics/time_to_first_token_ms",
        decode: "/metrics/generation_time_ms",
        ..Times::IN_MILLISECONDS
    }),
    embeddings: Some(Embeddings { dimensions: Some("dimensions") }),
    counting: Some(Counting::Conversation),
    ..Dialect::PLAIN
};
