//! Signatures over what the fake has thought: whoever alters a letter of it, or brings it to another model, is told so.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// A block of thinking as `model` made it.
pub(super) fn thinking(model: &str, text: &str) -> Value {
    json!({"type": "thinking", "thinking": text, "signature": sign(model, text)})
}

/// Thinking that nobody may read.
pub(super) fn redacted(model: &str) -> Value {
    json!({"type": "redacted_thinking", "data": sign(model, "redacted")})
}

/// What is wrong with a block of thinking that comes back to `model`.
pub(super) fn fault(model: &str, block: &Value) -> Option<&'static str> {
    let text = |name: &str| block.get(name).and_then(Value::as_str).unwrap_or_default();
    if text("type") == "redacted_thinking" {
        return (text("data") != sign(model, "redacted"))
            .then_some("Invalid `data` in `redacted_thinking` block");
    }
    (text("signature") != sign(model, text("thinking"))).then_some("Invalid `signature` in `thinking` block")
}

/// FNV-1a, 64 bits, of the model's name and the text, which no UTF-8 joins with this byte.
fn sign(model: &str, text: &str) -> String {
    let bytes = model.bytes().chain([0xff]).chain(text.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    STANDARD.encode(hash.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_is_good_for_its_own_model_and_its_own_words() {
        let block = thinking("claude-a", "So be it.");
        assert_eq!(fault("claude-a", &block), None);
        assert!(fault("claude-b", &block).unwrap().contains("`signature`"));
        let mut altered = block;
        altered["thinking"] = json!("So be it!");
        assert!(fault("claude-a", &altered).is_some());
        assert_eq!(fault("claude-a", &redacted("claude-a")), None);
        assert!(fault("claude-b", &redacted("claude-a")).unwrap().contains("`data`"));
    }
}
