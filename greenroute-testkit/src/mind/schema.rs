use serde_json::{Map, Value, json};

/// A value that satisfies a JSON schema; also in Gemini's spelling of types, in capitals.
///
/// It reads `type`, `properties`, `required`, `items`, `enum`, `const`, `anyOf`, `oneOf`, `allOf`, `$ref` into the
/// same schema, bounds of numbers, lengths and counts, and the common formats. It does not read `pattern`.
#[must_use]
pub fn value_of(schema: &Value) -> Value {
    value(schema, schema, 12)
}

/// Deeper than `depth`, optional things are left out and what must be there is null: a schema may be endless.
fn value(schema: &Value, root: &Value, depth: u32) -> Value {
    let Some(deeper) = depth.checked_sub(1) else { return Value::Null };
    let of = |key: &str| schema.get(key);
    if let Some(target) = of("$ref").and_then(Value::as_str) {
        let found = target.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
        return found.map_or(Value::Null, |found| value(found, root, deeper));
    }
    if let Some(fixed) = of("const") {
        return fixed.clone();
    }
    if let Some(first) = of("enum").and_then(Value::as_array).and_then(|words| words.first()) {
        return first.clone();
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(first) = of(key).and_then(Value::as_array).and_then(|ways| ways.first()) {
            return value(first, root, deeper);
        }
    }
    if let Some(parts) = of("allOf").and_then(Value::as_array) {
        let mut whole = schema.as_object().cloned().unwrap_or_default();
        whole.remove("allOf");
        parts.iter().for_each(|part| join(&mut whole, part, root));
        return value(&Value::Object(whole), root, deeper);
    }
    let kind = match of("type") {
        Some(Value::String(kind)) => kind.to_ascii_lowercase(),
        Some(Value::Array(kinds)) => {
            kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or("null").to_owned()
        }
        _ if of("properties").is_some() => "object".to_owned(),
        _ if of("items").is_some() => "array".to_owned(),
        _ => "object".to_owned(),
    };
    match kind.as_str() {
        "object" => object(schema, root, deeper),
        "array" => {
            let least = of("minItems").and_then(Value::as_u64).unwrap_or(1);
            let item = of("items").map_or_else(|| json!("Oslo"), |items| value(items, root, deeper));
            (0..least).map(|_| item.clone()).collect()
        }
        "string" => json!(text(schema)),
        "integer" => json!(whole(number(schema))),
        "number" => json!(number(schema)),
        "boolean" => json!(true),
        _ => Value::Null,
    }
}

/// What is required; where nothing is said to be, everything.
fn object(schema: &Value, root: &Value, deeper: u32) -> Value {
    let none = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    let required = schema.get("required").and_then(Value::as_array);
    let wanted = |name: &str| match required {
        Some(names) => names.iter().any(|known| known == name),
        None => deeper > 8,
    };
    let made = properties.iter().filter(|(name, _)| wanted(name));
    made.map(|(name, schema)| (name.clone(), value(schema, root, deeper))).collect()
}

fn text(schema: &Value) -> String {
    let text = match schema.get("format").and_then(Value::as_str) {
        Some("date") => "2026-11-21",
        Some("date-time") => "2026-11-21T12:00:00Z",
        Some("time") => "12:00:00Z",
        Some("email") => "ola@example.org",
        Some("uri" | "url") => "https://example.org/",
        Some("uuid") => "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
        _ => "Oslo",
    };
    let bound =
        |key: &str| schema.get(key).and_then(Value::as_u64).and_then(|bound| usize::try_from(bound).ok());
    let mut text: String = text.chars().take(bound("maxLength").unwrap_or(usize::MAX)).collect();
    let missing = bound("minLength").unwrap_or(0).min(1 << 16).saturating_sub(text.chars().count());
    text.extend(std::iter::repeat_n('o', missing));
    text
}

/// Seven, or the number nearest to it that is allowed.
fn number(schema: &Value) -> f64 {
    let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
    let least = bound("minimum").into_iter().chain(bound("exclusiveMinimum").map(|bound| bound + 1.0));
    let most = bound("maximum").into_iter().chain(bound("exclusiveMaximum").map(|bound| bound - 1.0));
    let number = most.fold(7.0, f64::min);
    let number = least.fold(number, f64::max);
    match bound("multipleOf") {
        Some(step) if step > 0.0 => (number / step).ceil() * step,
        _ => number,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "an `as` from a float stops at the ends of the integers")]
fn whole(number: f64) -> i64 {
    number.ceil() as i64
}

/// Adds a part of `allOf` to the whole.
fn join(whole: &mut Map<String, Value>, part: &Value, root: &Value) {
    let target = part.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix('#'));
    let part = target.and_then(|pointer| root.pointer(pointer)).unwrap_or(part);
    for (key, value) in part.as_object().into_iter().flatten() {
        match (whole.get_mut(key), value) {
            (Some(Value::Object(known)), Value::Object(more)) => known.extend(more.clone()),
            (Some(Value::Array(known)), Value::Array(more)) => known.extend(more.iter().cloned()),
            _ => {
                whole.insert(key.clone(), value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_satisfies_its_schema() {
        let schema = json!({
            "type": "object",
            "properties": {
                "city": {"type": "string", "minLength": 6},
                "kind": {"enum": ["a", "b"]},
                "score": {"type": "integer", "minimum": 10, "maximum": 20},
                "share": {"type": ["null", "number"], "maximum": 1},
                "tags": {"type": "array", "items": {"$ref": "#/$defs/tag"}, "minItems": 2},
                "left out": {"type": "string"},
            },
            "required": ["city", "kind", "score", "share", "tags"],
            "$defs": {"tag": {"anyOf": [{"type": "BOOLEAN"}]}},
        });
        let wanted = json!({"city": "Oslooo", "kind": "a", "score": 10, "share": 1.0, "tags": [true, true]});
        assert_eq!(value_of(&schema), wanted);
    }

    #[test]
    fn an_endless_schema_ends() {
        let schema = json!({"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]});
        assert!(value_of(&schema).pointer("/next/next").is_some());
        assert_eq!(value_of(&json!({"$ref": "#"})), Value::Null);
    }

    #[test]
    fn parts_are_joined() {
        let schema = json!({"allOf": [
            {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
            {"properties": {"b": {"type": "integer"}}, "required": ["b"]},
        ]});
        assert_eq!(value_of(&schema), json!({"a": "Oslo", "b": 7}));
    }
}
