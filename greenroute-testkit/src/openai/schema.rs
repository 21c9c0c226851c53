//! What OpenAI demands of a schema that an answer must follow to the letter.

use serde_json::Value;

/// Keywords that a strict schema may not have.
const REFUSED: [&str; 8] = [
    "oneOf",
    "allOf",
    "not",
    "if",
    "dependentRequired",
    "dependentSchemas",
    "patternProperties",
    "unevaluatedProperties",
];

/// # Errors
/// What is wrong with it, and where: `In context=(), …`.
pub(super) fn strict(schema: &Value) -> Result<(), String> {
    if schema.get("type").and_then(Value::as_str) != Some("object") {
        return Err("schema must be a JSON Schema of 'type: \"object\"'".to_owned());
    }
    hold(schema, &mut Vec::new())
}

fn hold(schema: &Value, at: &mut Vec<String>) -> Result<(), String> {
    let context = |at: &[String]| {
        let steps: Vec<String> = at.iter().map(|step| format!("'{step}'")).collect();
        format!("In context=({})", steps.join(", "))
    };
    if let Some(keyword) = REFUSED.iter().find(|keyword| schema.get(**keyword).is_some()) {
        return Err(format!("{}, '{keyword}' is not permitted.", context(at)));
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    if schema.get("type").and_then(Value::as_str) == Some("object") || properties.is_some() {
        if schema.get("additionalProperties") != Some(&Value::Bool(false)) {
            let told = "'additionalProperties' is required to be supplied and to be false.";
            return Err(format!("{}, {told}", context(at)));
        }
        let required = schema.get("required").and_then(Value::as_array);
        let names = properties.into_iter().flat_map(|properties| properties.keys());
        let is_required =
            |name: &&String| required.is_some_and(|known| known.iter().any(|known| known == *name));
        if let Some(missing) = names.into_iter().find(|name| !is_required(name)) {
            let told =
                "'required' is required to be supplied and to be an array including every key in properties.";
            return Err(format!("{}, {told} Missing '{missing}'.", context(at)));
        }
    }
    for key in ["properties", "$defs", "definitions"] {
        for (name, inner) in schema.get(key).and_then(Value::as_object).into_iter().flatten() {
            at.extend([key.to_owned(), name.clone()]);
            hold(inner, at)?;
            at.truncate(at.len() - 2);
        }
    }
    let items = schema.get("items").into_iter().map(|items| ("items".to_owned(), items));
    let ways = schema.get("anyOf").and_then(Value::as_array).into_iter().flatten().enumerate();
    for (step, inner) in items.chain(ways.map(|(place, way)| (format!("anyOf[{place}]"), way))) {
        at.push(step);
        hold(inner, at)?;
        at.pop();
    }
    Ok(())
}
