use crate::fields::Wrong;
use serde_json::Value;

const KEYWORDS: [&str; 14] = [
    "$defs",
    "$ref",
    "additionalProperties",
    "allOf",
    "anyOf",
    "const",
    "definitions",
    "description",
    "enum",
    "format",
    "items",
    "properties",
    "required",
    "type",
];
const FORMATS: [&str; 10] =
    ["date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uri", "uuid"];

/// Holds a schema of `output_config.format` against the part of JSON Schema that the API compiles.
pub(super) fn check(schema: &Value, path: &str) -> Result<(), Wrong> {
    let wrong = |message: String| Err(Wrong::Rule { path: path.to_owned(), message });
    let Value::Object(members) = schema else {
        return Err(Wrong::Type { path: path.to_owned(), wanted: "an object", got: schema.clone() });
    };
    let kind = members.get("type").and_then(Value::as_str).unwrap_or("any");
    for (keyword, value) in members {
        match keyword.as_str() {
            "title" | "default" => {}
            "minItems" if value.as_u64().is_some_and(|least| least < 2) => {}
            "format" if !FORMATS.iter().any(|format| value == format) => {
                return wrong(format!("{path}: For 'string' type, format {value} is not supported"));
            }
            known if KEYWORDS.contains(&known) => {}
            other => return wrong(format!("{path}: For '{kind}' type, property '{other}' is not supported")),
        }
    }
    if kind == "object" && members.get("additionalProperties") != Some(&Value::Bool(false)) {
        return wrong(format!(
            "{path}: For 'object' type, 'additionalProperties' must be explicitly set to false"
        ));
    }
    let named =
        ["properties", "$defs", "definitions"].into_iter().filter_map(|key| members.get(key)?.as_object());
    let mut inner: Vec<&Value> = named.flat_map(|named| named.values()).collect();
    inner.extend(members.get("items"));
    let several = ["anyOf", "allOf"].into_iter().filter_map(|key| members.get(key)?.as_array());
    inner.extend(several.flatten());
    inner.into_iter().try_for_each(|schema| check(schema, path))
}
