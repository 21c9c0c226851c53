//! One JSON Schema in, each vendor's form of it out. Vendors constrain decoding by a part of JSON Schema only, and
//! each by another part.
//!
//! The form that is sent may be narrower than the schema that was given, never wider: every answer that it lets pass
//! matches the given schema too. What cannot be said in a vendor's form is an error that names the keyword and where
//! it stands, so that the request can go to a vendor that takes it.

use greenroute_core::model::ModelKey;
use greenroute_core::{Error, ErrorKind, Note, NoteCode, Result};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The part of JSON Schema that a vendor takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// Keywords that it knows; annotations that constrain nothing are left out where it does not.
    keywords: &'static [&'static str],
    /// The formats of strings that it knows.
    formats: &'static [&'static str],
    /// Objects may have no properties but those named, and say so.
    closed: bool,
    /// Every property is required.
    filled: bool,
    /// A schema may lead back to itself.
    recursive: bool,
    /// The whole is one object, not one of several.
    object: bool,
}

const COMMON: &[&str] = &["$defs", "$ref", "anyOf", "definitions", "description", "enum", "title", "type"];
const FORMATS: &[&str] =
    &["date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uuid"];

/// `strict` structured output of OpenAI and Groq: OpenAI's guide "Structured model outputs", supported schemas.
pub(crate) const STRICT: Rules = Rules {
    keywords: &[
        "const",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "maxItems",
        "maximum",
        "minItems",
        "minimum",
        "multipleOf",
        "pattern",
    ],
    formats: FORMATS,
    closed: true,
    filled: true,
    recursive: true,
    object: true,
};

/// `output_config.format` of Claude: Anthropic's guide "Structured outputs", JSON Schema limitations.
pub(crate) const CLAUDE: Rules = Rules {
    keywords: &["const"],
    formats: &["date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uri", "uuid"],
    closed: true,
    filled: false,
    recursive: false,
    object: false,
};

/// `responseJsonSchema` of Gemini: the API reference's list of keywords.
pub(crate) const GEMINI: Rules = Rules {
    keywords: &["maxItems", "maximum", "minItems", "minimum", "prefixItems"],
    formats: FORMATS,
    closed: false,
    filled: false,
    recursive: true,
    object: false,
};

/// A schema in a vendor's form.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shaped {
    /// The form.
    pub(crate) schema: Value,
    /// What became narrower, for the answer's notes.
    pub(crate) note: Option<Note>,
}

/// `schema` as a vendor with these rules takes it, for `model`.
///
/// # Errors
/// [`ErrorKind::Unsupported`], naming the keyword and where it stands.
pub(crate) fn shape(schema: &Value, rules: &Rules, model: &ModelKey) -> Result<Shaped> {
    let mut shaper = Shaper { rules, optional: Vec::new() };
    let shaped = shaper.node(schema, "#").and_then(|shaped| {
        if rules.object && shaped.get("type").is_none_or(|kind| kind != "object") {
            return Err(Refusal::new("#", "whose root is not an object"));
        }
        check_references(&shaped, rules)?;
        Ok(shaped)
    });
    match shaped {
        Ok(schema) => Ok(Shaped { schema, note: shaper.note() }),
        Err(Refusal { at, what }) => {
            let message = format!("this model takes no schema {what} (at `{at}`)");
            Err(Error::new(ErrorKind::Unsupported, model.to_string(), message))
        }
    }
}

struct Refusal {
    at: String,
    what: String,
}

impl Refusal {
    fn new(at: &str, what: impl Into<String>) -> Self {
        Self { at: at.to_owned(), what: what.into() }
    }

    fn keyword(at: &str, keyword: &str) -> Self {
        Self::new(at, format!("with `{keyword}`"))
    }
}

struct Shaper<'a> {
    rules: &'a Rules,
    /// Properties that need not be there, but will be.
    optional: Vec<String>,
}

impl Shaper<'_> {
    fn node(&mut self, schema: &Value, at: &str) -> Result<Value, Refusal> {
        let Value::Object(given) = schema else {
            return Err(Refusal::new(at, "that is no object"));
        };
        if let Some(only) = single_all_of(given) {
            return self.node(&only, at);
        }
        let mut shaped = Map::new();
        for (keyword, value) in given {
            let here = format!("{at}/{keyword}");
            let part = match keyword.as_str() {
                "properties" | "$defs" | "definitions" => self.each_named(value, &here)?,
                "anyOf" | "prefixItems" if self.knows(keyword) => self.each(value, &here)?,
                "items" => self.node(value, &here)?,
                // Both are settled below, together with the properties.
                "additionalProperties" | "required" => continue,
                "format" => self.format(value, at)?,
                // Of several values the one that is said to be it.
                "enum" if given.contains_key("const") && !self.knows("const") => {
                    let one_of = value
                        .as_array()
                        .is_some_and(|all| given.get("const").is_some_and(|one| all.contains(one)));
                    if one_of {
                        continue;
                    }
                    return Err(Refusal::new(at, "that no value matches: its `const` is not in its `enum`"));
                }
                // Every vendor knows one value as a choice of one.
                "const" if !self.knows(keyword) => {
                    shaped.insert("enum".to_owned(), json!([value]));
                    continue;
                }
                "$ref" if !value.as_str().is_some_and(|to| to == "#" || to.starts_with("#/")) => {
                    return Err(Refusal::new(at, "with a `$ref` to another document"));
                }
                _ if self.knows(keyword) => value.clone(),
                _ if constrains_nothing(keyword) => continue,
                _ => return Err(Refusal::keyword(at, keyword)),
            };
            shaped.insert(keyword.clone(), part);
        }
        self.settle_object(given, &mut shaped, at)?;
        let says_something =
            ["type", "$ref", "anyOf", "enum", "const"].iter().any(|key| shaped.contains_key(*key));
        if self.rules.closed && !says_something {
            return Err(Refusal::new(at, "without a `type`"));
        }
        Ok(Value::Object(shaped))
    }

    fn knows(&self, keyword: &str) -> bool {
        COMMON.contains(&keyword) || self.rules.keywords.contains(&keyword)
    }

    fn each_named(&mut self, value: &Value, at: &str) -> Result<Value, Refusal> {
        let Value::Object(named) = value else {
            return Err(Refusal::new(at, "that is no object"));
        };
        let mut shaped = Map::new();
        for (name, schema) in named {
            shaped.insert(name.clone(), self.node(schema, &format!("{at}/{name}"))?);
        }
        Ok(Value::Object(shaped))
    }

    fn each(&mut self, value: &Value, at: &str) -> Result<Value, Refusal> {
        let Value::Array(schemas) = value else {
            return Err(Refusal::new(at, "that is no array"));
        };
        let shaped =
            schemas.iter().enumerate().map(|(index, schema)| self.node(schema, &format!("{at}/{index}")));
        shaped.collect::<Result<Vec<_>, _>>().map(Value::Array)
    }

    fn format(&self, value: &Value, at: &str) -> Result<Value, Refusal> {
        match value.as_str() {
            Some(format) if self.rules.formats.contains(&format) => Ok(value.clone()),
            _ => Err(Refusal::new(at, format!("with the `format` {value}"))),
        }
    }

    fn settle_object(
        &mut self,
        given: &Map<String, Value>,
        shaped: &mut Map<String, Value>,
        at: &str,
    ) -> Result<(), Refusal> {
        let required = given.get("required").and_then(Value::as_array);
        let is_object = |kind: &Value| {
            kind == "object" || kind.as_array().is_some_and(|kinds| kinds.contains(&json!("object")))
        };
        if !given.get("type").is_some_and(is_object) {
            if required.is_some_and(|required| !required.is_empty()) {
                return Err(Refusal::new(at, "with `required` where the `type` is not an object"));
            }
            return Ok(());
        }
        let more = given.get("additionalProperties");
        if self.rules.closed {
            if matches!(more, Some(Value::Object(_))) {
                return Err(Refusal::keyword(at, "additionalProperties"));
            }
            // With none named and none else allowed, only `{}` would be left.
            if !given.contains_key("properties") && more != Some(&Value::Bool(false)) {
                return Err(Refusal::new(at, "with an object whose properties are not named"));
            }
            shaped.insert("additionalProperties".to_owned(), Value::Bool(false));
        } else if let Some(more) = more {
            let more = if more.is_boolean() {
                more.clone()
            } else {
                self.node(more, &format!("{at}/additionalProperties"))?
            };
            shaped.insert("additionalProperties".to_owned(), more);
        }
        if self.rules.filled {
            let names = given.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::keys);
            let names: Vec<Value> = names.map(|name| Value::from(name.as_str())).collect();
            let known = |name: &&Value| required.is_some_and(|required| required.contains(name));
            let optional = names.iter().filter(|name| !known(name)).filter_map(Value::as_str);
            self.optional.extend(optional.map(str::to_owned));
            shaped.insert("required".to_owned(), Value::Array(names));
        } else if let Some(required) = required {
            shaped.insert("required".to_owned(), Value::Array(required.clone()));
        }
        Ok(())
    }

    fn note(&self) -> Option<Note> {
        let text = match self.optional.as_slice() {
            [] => return None,
            names => format!(
                "the schema's optional properties are always filled in, since this model knows no others: {}",
                names.join(", ")
            ),
        };
        Some(Note::new(NoteCode::Setting, text))
    }
}

/// Keywords that only describe: without them the same values match.
fn constrains_nothing(keyword: &str) -> bool {
    const ANNOTATIONS: [&str; 10] = [
        "$anchor",
        "$comment",
        "$id",
        "$schema",
        "default",
        "deprecated",
        "discriminator",
        "examples",
        "readOnly",
        "writeOnly",
    ];
    ANNOTATIONS.contains(&keyword)
}

/// `allOf` of one schema, which generators write to hang a description beside a `$ref`: the schema, so described.
fn single_all_of(given: &Map<String, Value>) -> Option<Value> {
    let [Value::Object(only)] = given.get("allOf")?.as_array()?.as_slice() else {
        return None;
    };
    let describes = |keyword: &String| {
        constrains_nothing(keyword) || ["title", "description"].contains(&keyword.as_str())
    };
    let mut rest = given.clone();
    rest.remove("allOf");
    if !rest.keys().all(describes) {
        return None;
    }
    rest.extend(only.clone());
    Some(Value::Object(rest))
}

/// Every reference leads somewhere, and no value is endless: with every property required, a list whose rest is a
/// property could not end.
fn check_references(root: &Value, rules: &Rules) -> Result<(), Refusal> {
    let mut references = BTreeSet::new();
    collect_references(root, &mut references);
    let mut open = Vec::new();
    for to in references {
        match root.pointer(to.trim_start_matches('#')) {
            Some(target) => open.push((to, target)),
            None => return Err(Refusal::new(to, "with a `$ref` that leads nowhere")),
        }
    }
    let mut ending = BTreeSet::new();
    loop {
        let before = open.len();
        open.retain(|(to, target)| {
            let ends = ends(target, &ending, rules);
            if ends {
                ending.insert(*to);
            }
            !ends
        });
        match open.first() {
            None => return Ok(()),
            Some((to, _)) if open.len() == before => {
                return Err(Refusal::new(to, "with a `$ref` that leads back to itself without an end"));
            }
            Some(_) => {}
        }
    }
}

fn collect_references<'a>(schema: &'a Value, into: &mut BTreeSet<&'a str>) {
    match schema {
        Value::Object(members) => {
            into.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|member| collect_references(member, into));
        }
        Value::Array(members) => members.iter().for_each(|member| collect_references(member, into)),
        _ => {}
    }
}

/// Whether some value of `schema` comes to an end, given the references that are known to; where a schema may not be
/// recursive at all, whether every value does.
fn ends(schema: &Value, ending: &BTreeSet<&str>, rules: &Rules) -> bool {
    if let Some(to) = schema.get("$ref").and_then(Value::as_str) {
        return ending.contains(to);
    }
    let each_ends = |schema: &Value| ends(schema, ending, rules);
    if let Some(options) = schema.get("anyOf").and_then(Value::as_array) {
        let mut options = options.iter();
        return if rules.recursive { options.any(each_ends) } else { options.all(each_ends) };
    }
    let required = schema.get("required").and_then(Value::as_array);
    let must_be = |name: &str| required.is_some_and(|required| required.iter().any(|known| known == name));
    let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    let mut counted = properties.filter(|(name, _)| !rules.recursive || must_be(name));
    let at_least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(0);
    let items = schema.get("items").filter(|_| !rules.recursive || at_least > 0);
    counted.all(|(_, schema)| each_ends(schema)) && items.is_none_or(each_ends)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shaped(schema: &Value, rules: &Rules) -> Result<Shaped> {
        shape(schema, rules, &ModelKey::new("p", "m"))
    }

    fn refused(schema: &Value, rules: &Rules) -> String {
        let error = shaped(schema, rules).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Unsupported);
        error.to_string()
    }

    #[test]
    fn a_strict_schema_names_every_property_and_closes_every_object() {
        let given = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "Where.", "default": "Oslo"},
                "days": {"type": "array", "items": {"type": "object", "properties": {"high": {"type": ["number", "null"]}}}},
            },
            "required": ["city"],
        });
        let Shaped { schema, note } = shaped(&given, &STRICT).unwrap();
        let expected = json!({
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "Where."},
                "days": {"type": "array", "items": {
                    "type": "object",
                    "properties": {"high": {"type": ["number", "null"]}},
                    "required": ["high"],
                    "additionalProperties": false,
                }},
            },
            "required": ["city", "days"],
            "additionalProperties": false,
        });
        assert_eq!(schema, expected);
        assert!(note.unwrap().text.ends_with("high, days"));
        // What has that form already is sent as it is, and nothing is noted.
        assert_eq!(shaped(&expected, &STRICT).unwrap(), Shaped { schema: expected, note: None });
    }

    #[test]
    fn one_value_among_several_stays_the_only_one() {
        let schema = |one: &str| json!({"type": "string", "const": one, "enum": ["a", "b"]});
        let narrowed = shaped(&schema("a"), &GEMINI).unwrap();
        assert_eq!(narrowed.schema, json!({"type": "string", "enum": ["a"]}));
        assert!(refused(&schema("c"), &GEMINI).contains("`const`"));
        assert_eq!(shaped(&schema("a"), &CLAUDE).unwrap().schema, schema("a"));
    }

    #[test]
    fn what_a_vendor_cannot_say_is_named_with_its_place() {
        let with =
            |property: Value| json!({"type": "object", "properties": {"a": property}, "required": ["a"]});
        let short = with(json!({"type": "string", "maxLength": 3}));
        for rules in [&STRICT, &CLAUDE, &GEMINI] {
            assert_eq!(
                refused(&short, rules),
                "p/m: this model takes no schema with `maxLength` (at `#/properties/a`)"
            );
        }
        for (property, what) in [
            (json!({"oneOf": [{"type": "string"}]}), "`oneOf`"),
            (json!({"allOf": [{"type": "string"}, {"type": "integer"}]}), "`allOf`"),
            (json!({"type": "string", "format": "uri"}), "the `format` \"uri\""),
            (json!({"type": "object", "additionalProperties": {"type": "string"}}), "`additionalProperties`"),
            (json!({"type": "object"}), "an object whose properties are not named"),
            (json!({"$ref": "https://example.org/x.json"}), "a `$ref` to another document"),
            (json!({"$ref": "#/$defs/none"}), "a `$ref` that leads nowhere"),
            (json!({}), "without a `type`"),
            (json!(true), "that is no object"),
        ] {
            let message = refused(&with(property), &STRICT);
            assert!(message.contains(what), "{what}: {message}");
        }
        assert!(refused(&json!({"type": "string"}), &STRICT).contains("whose root is not an object"));
        let bounded = with(json!({"type": "integer", "minimum": 1}));
        assert!(shaped(&bounded, &STRICT).is_ok() && shaped(&bounded, &GEMINI).is_ok());
        assert!(refused(&bounded, &CLAUDE).contains("`minimum`"));
    }

    #[test]
    fn an_endless_schema_is_refused_and_a_tree_is_not() {
        let list = |rest: Value, required: Value| {
            json!({
                "type": "object",
                "properties": {"value": {"type": "string"}, "rest": rest},
                "required": required,
            })
        };
        let optional = list(json!({"$ref": "#"}), json!(["value"]));
        assert!(refused(&optional, &STRICT).contains("leads back to itself"));
        assert!(shaped(&optional, &GEMINI).is_ok());
        assert!(refused(&optional, &CLAUDE).contains("leads back to itself"));
        let nullable = list(json!({"anyOf": [{"$ref": "#"}, {"type": "null"}]}), json!(["value", "rest"]));
        assert!(shaped(&nullable, &STRICT).is_ok());
        assert!(refused(&nullable, &CLAUDE).contains("leads back to itself"));
        let tree = list(json!({"type": "array", "items": {"$ref": "#"}}), json!(["value", "rest"]));
        assert!(shaped(&tree, &STRICT).is_ok());
    }

    #[test]
    fn what_only_describes_is_kept_or_left_out_and_never_refused() {
        let wrapped = json!({
            "type": "object",
            "properties": {"a": {"allOf": [{"$ref": "#/$defs/A"}], "description": "The a."}},
            "$defs": {"A": {"type": "string", "examples": ["x"]}},
        });
        let schema = shaped(&wrapped, &CLAUDE).unwrap().schema;
        assert_eq!(schema["properties"]["a"], json!({"$ref": "#/$defs/A", "description": "The a."}));
        assert_eq!(schema["$defs"]["A"], json!({"type": "string"}));
        assert_eq!(schema.get("required"), None, "a property that Claude may leave out stays optional");
        let constant = shaped(&json!({"const": "x"}), &GEMINI).unwrap().schema;
        assert_eq!(constant, json!({"enum": ["x"]}));
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let key = prop_oneof![
            Just("type"),
            Just("properties"),
            Just("items"),
            Just("anyOf"),
            Just("allOf"),
            Just("$ref"),
            Just("required"),
            Just("additionalProperties"),
            Just("format"),
            Just("$defs"),
            Just("minItems"),
        ];
        let leaf = prop_oneof![
            Just(json!("object")),
            Just(json!("#")),
            Just(json!("#/$defs/type")),
            Just(json!(false)),
            Just(json!(["a"])),
            Just(json!(1)),
            Just(json!(null)),
        ];
        leaf.prop_recursive(5, 40, 4, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
                proptest::collection::btree_map(key.clone().prop_map(str::to_owned), inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_schema_panics_and_what_was_shaped_stays_so(schema in any_json()) {
            for rules in [&STRICT, &CLAUDE, &GEMINI] {
                if let Ok(once) = shaped(&schema, rules) {
                    let twice = shaped(&once.schema, rules).unwrap();
                    prop_assert_eq!(&twice.schema, &once.schema);
                    prop_assert_eq!(twice.note, None);
                }
            }
        }
    }
}
