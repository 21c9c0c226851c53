//! The few words of JSON Schema that the scenarios use.

use crate::conformance::{Outcome, demand, fail};
use serde_json::{Map, Value};

/// Whether `value` has the form that `schema` asks for.
pub(super) fn fits(schema: &Value, value: &Value) -> Outcome {
    let is = match schema.get("type").and_then(Value::as_str) {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        // A whole number may be written as 7.0.
        Some("integer") => {
            value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|it| it.fract() == 0.0)
        }
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        _ => true,
    };
    demand(is, || format!("`{value}` is not of the type in {schema}"))?;
    if let Some(allowed) = schema.get("enum").and_then(Value::as_array) {
        demand(allowed.contains(value), || format!("`{value}` is none of {allowed:?}"))?;
    }
    if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
        values.iter().try_for_each(|value| fits(items, value))?;
    }
    let Some(object) = value.as_object() else { return Ok(()) };
    for key in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
        let has = key.as_str().is_some_and(|key| object.contains_key(key));
        demand(has, || format!("{key} is missing in `{value}`"))?;
    }
    let none = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    for (key, value) in object {
        match properties.get(key) {
            Some(schema) => fits(schema, value)?,
            None if schema.get("additionalProperties") == Some(&Value::Bool(false)) => {
                return fail(format!("`{key}` is more than the schema has"));
            }
            None => {}
        }
    }
    Ok(())
}

/// Whether `text` is JSON of that form.
pub(super) fn reads_as(schema: &Value, text: &str) -> Outcome {
    match serde_json::from_str::<Value>(text) {
        Ok(value) => fits(schema, &value),
        Err(error) => fail(format!("`{text}` is no JSON: {error}")),
    }
}
