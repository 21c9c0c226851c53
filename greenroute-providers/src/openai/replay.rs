use serde_json::{Map, Value};

/// The fields of an answer that its vendor wants back with the results of tools.
#[derive(Debug, Default)]
pub(super) struct Replay(Map<String, Value>);

impl Replay {
    /// Keeps the `wanted` fields of a choice, or of a piece of one.
    pub(super) fn hear(&mut self, choice: &Value, wanted: &[&str]) {
        let whole = choice.get("message");
        for name in wanted {
            match whole.or_else(|| choice.get("delta")).and_then(|said| said.get(name)) {
                None | Some(Value::Null) => {}
                Some(value) if whole.is_some() => {
                    self.0.insert((*name).to_owned(), value.clone());
                }
                Some(piece) => join(self.0.entry(*name).or_insert(Value::Null), piece),
            }
        }
    }

    /// What is to come back, if anything is.
    pub(super) fn into_content(self) -> Option<Value> {
        (!self.0.is_empty()).then_some(Value::Object(self.0))
    }
}

/// Texts and lists go on, anything else takes the place of what was there.
fn join(known: &mut Value, more: &Value) {
    match (known, more) {
        (Value::String(known), Value::String(more)) => known.push_str(more),
        (Value::Array(known), Value::Array(more)) => more.iter().for_each(|entry| add(known, entry)),
        (known @ Value::Null, Value::Array(more)) => {
            let mut entries = Vec::new();
            more.iter().for_each(|entry| add(&mut entries, entry));
            *known = entries.into();
        }
        (known, more) => *known = more.clone(),
    }
}

/// OpenRouter cuts an entry of `reasoning_details` into pieces, and a model takes back only what it signed as a whole.
/// The index does not tell entries apart: in a stream it may be 0 for all of them.
fn add(known: &mut Vec<Value>, entry: &Value) {
    match (known.last_mut(), entry) {
        (Some(Value::Object(last)), Value::Object(entry)) if goes_on(last, entry) => {
            for (name, value) in entry {
                match (last.get_mut(name), value) {
                    (_, Value::Null) => {}
                    (Some(Value::String(text)), Value::String(more)) if is_cut(name) => text.push_str(more),
                    _ => {
                        last.insert(name.clone(), value.clone());
                    }
                }
            }
        }
        _ => known.push(entry.clone()),
    }
}

/// Whether `entry` is more of `last`, rather than a new one: what has its signature is complete.
fn goes_on(last: &Map<String, Value>, entry: &Map<String, Value>) -> bool {
    let told =
        |entry: &Map<String, Value>, name: &str| entry.get(name).filter(|value| !value.is_null()).cloned();
    let same = |name: &str| match (told(last, name), told(entry, name)) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    };
    let kind = entry.get("type").and_then(Value::as_str);
    matches!(kind, Some("reasoning.text" | "reasoning.summary"))
        && last.get("type") == entry.get("type")
        && told(last, "signature").is_none()
        && ["index", "id"].into_iter().all(same)
}

fn is_cut(name: &str) -> bool {
    matches!(name, "text" | "summary")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn heard(choices: &[Value]) -> Option<Value> {
        let mut replay = Replay::default();
        choices.iter().for_each(|choice| replay.hear(choice, &["reasoning_content", "reasoning_details"]));
        replay.into_content()
    }

    fn details(entries: &Value) -> Value {
        json!({ "delta": { "reasoning_details": entries } })
    }

    #[test]
    fn a_signed_thought_that_came_in_pieces_goes_back_as_one() {
        let text = |more: Value| {
            let mut entry = json!({"type": "reasoning.text", "format": "anthropic-claude-v1", "index": 0});
            entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            entry
        };
        let encrypted = json!({"type": "reasoning.encrypted", "data": "x", "index": 0});
        let pieces = [
            details(&json!([text(json!({"text": "Let", "signature": null}))])),
            details(&json!([text(json!({"text": " me see."}))])),
            details(&json!([text(json!({"signature": "s1"}))])),
            details(&json!([text(json!({"text": "Next", "signature": "s2"}))])),
            details(&json!([encrypted, encrypted])),
        ];
        let whole = [
            text(json!({"text": "Let me see.", "signature": "s1"})),
            text(json!({"text": "Next", "signature": "s2"})),
            encrypted.clone(),
            encrypted,
        ];
        assert_eq!(heard(&pieces), Some(json!({ "reasoning_details": whole })));
        // In a whole answer every entry is one already.
        let summary = json!({"type": "reasoning.summary", "summary": "a", "index": 0});
        let message = json!({"message": {"reasoning_details": [summary, summary]}});
        assert_eq!(heard(&[message]), Some(json!({"reasoning_details": [summary, summary]})));
    }

    #[test]
    fn entries_of_other_kinds_places_or_names_stay_apart() {
        let entry =
            |kind: &str, index: u64, id: &str| json!({"type": kind, "index": index, "id": id, "text": "a"});
        let entries = [
            entry("reasoning.text", 0, "i"),
            entry("reasoning.text", 1, "i"),
            entry("reasoning.text", 1, "j"),
            entry("reasoning.summary", 1, "j"),
            json!("no object"),
        ];
        assert_eq!(heard(&[details(&json!(entries))]), Some(json!({ "reasoning_details": entries })));
        let texts = [
            json!({"delta": {"reasoning_content": "H"}}),
            json!({"delta": {}}),
            json!({"delta": {"reasoning_content": "m."}}),
        ];
        assert_eq!(heard(&texts), Some(json!({"reasoning_content": "Hm."})));
        assert_eq!(heard(&[json!({"delta": {"reasoning_content": null}}), json!(7)]), None);
    }
}
