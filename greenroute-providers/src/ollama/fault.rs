use greenroute_core::ErrorKind;
use greenroute_http::{Classified, Failure};
use serde_json::Value;

/// What Ollama and the servers inside it say of a prompt that does not fit. They have no code for it, and their
/// status is 400, 413 or 500.
const OVERLONG: [&str; 5] = [
    "exceed_context_size_error",
    "exceeds the available context size",
    "is larger than the max context size",
    "input length exceeds the context length",
    "prompt is longer than the context length",
];

/// Reads an error in Ollama's own words: a bare text under `error`, which may itself be the JSON of a server inside.
pub(super) fn classify(failure: &Failure<'_>) -> Option<Classified> {
    let message = failure.message()?;
    Some(Classified { kind: kind(message)?, message: inner(message), retry_after: None })
}

/// What a message tells beyond the status.
fn kind(message: &str) -> Option<ErrorKind> {
    let says = |text: &str| message.contains(text);
    if OVERLONG.iter().any(|text| says(text)) {
        Some(ErrorKind::ContextOverflow)
    } else if says("does not support") || is_about_thinking(message) {
        Some(ErrorKind::Unsupported)
    } else if says("maximum pending requests exceeded") {
        Some(ErrorKind::Overloaded)
    } else if says("model") && says("not found") {
        Some(ErrorKind::ModelNotFound)
    } else {
        None
    }
}

/// Whether a model was refused because it cannot think at all, or not as told.
pub(super) fn is_about_thinking(message: &str) -> bool {
    message.contains("does not support thinking")
        || (message.contains("think value") && message.contains("not supported"))
}

/// The message of the server inside, where one is wrapped.
fn inner(message: &str) -> String {
    let wrapped = serde_json::from_str::<Value>(message).ok();
    let text = wrapped.as_ref().and_then(|value| value.pointer("/error/message")).and_then(Value::as_str);
    text.unwrap_or(message).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(body: &Value) -> Option<(ErrorKind, String)> {
        classify(&Failure::in_band(body)).map(|classified| (classified.kind, classified.message))
    }

    #[test]
    fn an_overlong_prompt_is_known_in_all_its_wordings() {
        let wrapped = r#"{"error":{"code":400,"message":"request (8889 tokens) exceeds the available context size (4096 tokens), try increasing it","type":"exceed_context_size_error","n_prompt_tokens":8889,"n_ctx":4096}}"#;
        let (kind, message) = read(&json!({"error": wrapped})).unwrap();
        assert_eq!(kind, ErrorKind::ContextOverflow);
        assert_eq!(
            message,
            "request (8889 tokens) exceeds the available context size (4096 tokens), try increasing it"
        );
        for text in [
            "the prompt is longer than the context length currently available to the model; shorten the prompt",
            "the input length exceeds the context length",
        ] {
            assert_eq!(read(&json!({"error": text})).unwrap().0, ErrorKind::ContextOverflow, "{text}");
        }
    }

    #[test]
    fn what_a_model_cannot_do_and_what_is_not_there_are_told_apart() {
        for (text, expected) in [
            ("registry.ollama.ai/library/gemma3:270m does not support tools", Some(ErrorKind::Unsupported)),
            ("\"llama3.1:8b\" does not support thinking", Some(ErrorKind::Unsupported)),
            ("think value \"high\" is not supported for this model", Some(ErrorKind::Unsupported)),
            ("model 'nope' not found", Some(ErrorKind::ModelNotFound)),
            ("model \"nope\" not found, try pulling it first", Some(ErrorKind::ModelNotFound)),
            (
                "server busy, please try again.  maximum pending requests exceeded",
                Some(ErrorKind::Overloaded),
            ),
            ("llama runner process has terminated", None),
        ] {
            assert_eq!(read(&json!({"error": text})).map(|(kind, _)| kind), expected, "{text}");
        }
        assert_eq!(read(&json!({"error": {"code": 3}})), None);
        assert_eq!(read(&Value::Null), None);
    }
}
