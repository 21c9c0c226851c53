//! Thought signatures: what the model has thought before it called a tool, sealed.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};

/// Models that refuse a tool call in the history without its signature.
const CHECKING: &[&str] = &[
    "gemini-3-flash-preview",
    "gemini-3.1-flash-lite",
    "gemini-3.1-pro-preview",
    "gemini-3.5-flash",
    "gemini-3.5-flash-lite",
    "gemini-3.6-flash",
    "gemini-3.7-flash",
    "gemini-3.8-flash",
    "gemini-4-argon",
];

/// What is documented to stand for a signature that was lost.
const STAND_IN: &str = "skip_thought_signature_validator";

/// Whether this model signs its calls of tools and wants the signatures back.
pub(super) fn is_checked(model: &str) -> bool {
    CHECKING.contains(&model)
}

/// This model's signature of what stands beside `content`.
pub(super) fn of(model: &str, content: &str) -> String {
    BASE64_STANDARD.encode(format!("{model}/{content}"))
}

/// Whether a signature is this model's of that call, or stands for it.
pub(super) fn holds(signature: &str, model: &str, call: &str) -> bool {
    signature == STAND_IN || signature == of(model, call)
}

/// Whether it is base64 of either alphabet, as the API's bytes are.
pub(super) fn is_bytes(text: &str) -> bool {
    BASE64_STANDARD.decode(text).is_ok() || BASE64_URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).is_ok()
}
