//! JSON Schema as `responseJsonSchema` takes it.

use greenroute_core::{Error, ErrorKind, ModelKey, Result};
use serde_json::{Map, Value, json};

/// What the API documents: <https://ai.google.dev/api/generate-content#generationconfig>, `responseJsonSchema`.
/// Everything else it takes and passes over, so that the answer need not match.
const TAKEN: &[&str] = &[
    "$id", "$anchor", "$ref", "type", "format", "title", "description", "enum", "minItems", "maxItems",
    "minimum", "maximum", "required", "propertyOrdering",
];
/// Holds schemas by name.
const NAMED: &[&str] = &["properties", "$defs"];
/// Holds a list of schemas.
const LISTED: &[&str] = &["prefixItems", "anyOf", "oneOf"];
/// Holds one schema, or a truth value.
const SINGLE: &[&str] = &["items", "additionalProperties"];
/// Says nothing about which values match.
const REMARKS: &[&str] =
    &["$schema", "$comment", "default", "examples", "example", "deprecated", "readOnly", "writeOnly"];

/// `schema` without its remarks, a `const` as an `enum` of one.
///
/// # Errors
/// [`ErrorKind::Unsupported`], naming the keyword that Gemini would pass over.
pub(super) fn for_gemini(schema: &Value, model: &ModelKey) -> Result<Value> {
    convert(schema).map_err(|keyword| {
        let message = format!("Gemini does not hold to the schema's keyword `{keyword}`");
        Error::new(ErrorKind::Unsupported, model.to_string(), message)
    })
}

fn convert(schema: &Value) -> Result<Value, String> {
    let Value::Object(keywords) = schema else {
        return Ok(schema.clone());
    };
    let mut taken = Map::new();
    for (keyword, value) in keywords {
        let word = keyword.as_str();
        let value = match value {
            _ if REMARKS.contains(&word) => continue,
            Value::Object(named) if NAMED.contains(&word) => {
                let each = named.iter().map(|(name, schema)| Ok((name.clone(), convert(schema)?)));
                Value::Object(each.collect::<Result<_, String>>()?)
            }
            Value::Array(listed) if LISTED.contains(&word) => {
                Value::Array(listed.iter().map(convert).collect::<Result<_, _>>()?)
            }
            one if SINGLE.contains(&word) => convert(one)?,
            Value::Array(values) if word == "enum" && !values.iter().all(plain) => return Err(keyword.clone()),
            one if word == "const" && plain(one) && !keywords.contains_key("enum") => {
                taken.insert("enum".to_owned(), json!([one]));
                continue;
            }
            other if TAKEN.contains(&word) => other.clone(),
            _ => return Err(keyword.clone()),
        };
        taken.insert(keyword.clone(), value);
    }
    Ok(Value::Object(taken))
}

/// What an `enum` may hold.
fn plain(value: &Value) -> bool {
    value.is_string() || value.is_number()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn convert(schema: &Value) -> Result<Value> {
        for_gemini(schema, &ModelKey::new("gemini", "m"))
    }

    #[test]
    fn what_gemini_holds_to_passes_as_it_is() {
        let schema = json!({
            "type": "object",
            "properties": {
                "kind": {"type": ["string", "null"], "enum": ["a", "b"], "title": "Kind"},
                "pattern": {"$ref": "#/$defs/pair"},
                "any": {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 3}, {"type": "boolean"}]},
                "list": {"type": "array", "items": {"type": "string", "format": "date"}, "minItems": 1}
            },
            "required": ["kind"],
            "additionalProperties": false,
            "$defs": {"pair": {"type": "array", "prefixItems": [{"type": "number"}, {"type": "number"}]}}
        });
        assert_eq!(convert(&schema).unwrap(), schema, "names of properties are no keywords");
    }

    #[test]
    fn remarks_go_and_a_constant_is_an_enum_of_one() {
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {"kind": {"const": "a", "default": "a", "examples": ["a"]}}
        });
        let taken = json!({"type": "object", "properties": {"kind": {"enum": ["a"]}}});
        assert_eq!(convert(&schema).unwrap(), taken);
    }

    #[test]
    fn a_keyword_that_would_be_passed_over_is_named() {
        for (keyword, schema) in [
            ("pattern", json!({"type": "string", "pattern": "^a"})),
            ("minLength", json!({"type": "object", "properties": {"a": {"minLength": 2}}})),
            ("allOf", json!({"anyOf": [{"items": {"allOf": []}}]})),
            ("not", json!({"$defs": {"a": {"not": {}}}})),
            ("enum", json!({"enum": ["a", null]})),
            ("const", json!({"const": {"a": 1}})),
            ("properties", json!({"properties": 3})),
        ] {
            let error = convert(&schema).unwrap_err();
            assert_eq!(*error.kind(), ErrorKind::Unsupported);
            let told = format!("gemini/m: Gemini does not hold to the schema's keyword `{keyword}`");
            assert_eq!(error.to_string(), told);
        }
    }
}
