use greenroute_core::{Error, ErrorKind, Result};
use serde_json::Value;
use std::borrow::Cow;
use std::cmp::Reverse;
use std::env::VarError;
use std::fmt;
use std::sync::Arc;

const REDACTED: &str = "[secret]";

/// A key. It prints as `[secret]`, cannot be serialised and cannot be compared.
#[derive(Clone)]
pub struct Secret(Arc<str>);

impl Secret {
    /// A key, without the white space and line ends around it that copying leaves.
    pub fn new(key: impl Into<String>) -> Self {
        Self(Arc::from(key.into().trim()))
    }

    /// The key in the environment variable `variable`.
    ///
    /// # Errors
    ///
    /// `Config`, naming the variable, where it is not set, empty or not printable ASCII.
    pub fn from_env(variable: &str) -> Result<Self> {
        Self::from_lookup(variable, std::env::var(variable))
    }

    fn from_lookup(variable: &str, found: Result<String, VarError>) -> Result<Self> {
        let error = |what: &str| Error::new(ErrorKind::Config, "settings", format!("{variable} {what}"));
        let secret = match found {
            Ok(key) => Self::new(key),
            Err(VarError::NotPresent) => return Err(error("is not set")),
            Err(VarError::NotUnicode(_)) => return Err(error("is not printable ASCII")),
        };
        secret.fault().map_or(Ok(secret), |fault| Err(error(fault)))
    }

    /// The key itself. What it is put into must not be printed.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Why no server can be sent this key, such as "is empty"; `None` where one can.
    #[must_use]
    pub fn fault(&self) -> Option<&'static str> {
        if self.0.is_empty() {
            Some("is empty")
        } else if !self.0.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            Some("is not printable ASCII")
        } else {
            None
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl From<&str> for Secret {
    fn from(key: &str) -> Self {
        Self::new(key)
    }
}

impl From<String> for Secret {
    fn from(key: String) -> Self {
        Self::new(key)
    }
}

/// Shorter keys are stand-ins for servers that want none, such as "x": cut out, they would garble every message.
const SHORTEST: usize = 4;
/// Shorter keys could be a part of a code that is still to be read, such as "key" in `invalid_api_key`.
const CERTAIN: usize = 16;

/// The keys of one client, also as they stand within quotes or in a URL, to be taken out of whatever a server says.
#[derive(Debug, Clone, Default)]
pub(crate) struct Redaction(Vec<Secret>);

impl Redaction {
    pub(crate) fn add(&mut self, secret: &Secret) {
        if secret.0.len() < SHORTEST {
            return;
        }
        let quoted = format!("{:?}", secret.reveal());
        let quoted = quoted.get(1..quoted.len() - 1).unwrap_or_default().to_owned();
        for form in [secret.reveal().to_owned(), quoted, escaped(secret, false), escaped(secret, true)] {
            if self.0.iter().all(|known| known.reveal() != form) {
                self.0.push(Secret::new(form));
            }
        }
        // A key that contains another goes first, or its rest would stay.
        self.0.sort_by_key(|secret| Reverse(secret.0.len()));
    }

    /// Takes them out of a text for people.
    pub(crate) fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.cut(text, SHORTEST)
    }

    /// Takes those out of every string of `value` that cannot be anything else, before anybody reads it.
    pub(crate) fn value(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Cow::Owned(redacted) = self.cut(text, CERTAIN) {
                    *text = redacted;
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.value(field)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn cut<'a>(&self, text: &'a str, shortest: usize) -> Cow<'a, str> {
        let mut text = Cow::Borrowed(text);
        for secret in self.0.iter().filter(|secret| secret.0.len() >= shortest) {
            if text.contains(secret.reveal()) {
                text = Cow::Owned(text.replace(secret.reveal(), REDACTED));
            }
        }
        text
    }
}

/// As it stands in a URL, with the digits of its escapes in upper or in lower case.
fn escaped(secret: &Secret, lower: bool) -> String {
    let mut text = String::new();
    for byte in secret.0.bytes() {
        match (byte, lower) {
            (b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~', _) => {
                text.push(char::from(byte));
            }
            (_, false) => text.push_str(&format!("%{byte:02X}")),
            (_, true) => text.push_str(&format!("%{byte:02x}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::ffi::OsString;

    #[test]
    fn a_secret_prints_as_nothing() {
        let secret = Secret::new("canary-4711");
        assert_eq!(format!("{secret} {secret:?} {secret:#?}"), "[secret] [secret] [secret]");
        assert_eq!(secret.reveal(), "canary-4711");
    }

    #[test]
    fn what_copying_leaves_around_a_key_is_cut() {
        assert_eq!(Secret::new(" \tcanary-4711\r\n").reveal(), "canary-4711");
    }

    #[test]
    fn a_variable_that_holds_no_key_is_named_and_never_shown() {
        let message = |found| {
            let error = Secret::from_lookup("THE_API_KEY", found).unwrap_err();
            assert_eq!(*error.kind(), ErrorKind::Config);
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("canary"), "{shown}");
            error.message().to_owned()
        };
        assert_eq!(message(Err(VarError::NotPresent)), "THE_API_KEY is not set");
        assert_eq!(message(Ok(" \n".to_owned())), "THE_API_KEY is empty");
        assert_eq!(message(Ok("canary\u{7}".to_owned())), "THE_API_KEY is not printable ASCII");
        assert_eq!(message(Ok("canary-ü".to_owned())), "THE_API_KEY is not printable ASCII");
        let raw = OsString::from("canary");
        assert_eq!(message(Err(VarError::NotUnicode(raw))), "THE_API_KEY is not printable ASCII");
        assert_eq!(Secret::from_lookup("K", Ok("canary-4711\n".to_owned())).unwrap().reveal(), "canary-4711");
        let unset = Secret::from_env("GREENROUTE_HTTP_NEVER_SET").unwrap_err();
        assert_eq!(unset.message(), "GREENROUTE_HTTP_NEVER_SET is not set");
    }

    #[test]
    fn a_key_within_another_leaves_no_rest() {
        let mut redaction = Redaction::default();
        redaction.add(&Secret::new("abcd"));
        redaction.add(&Secret::new("abcdef"));
        assert_eq!(redaction.text("key abcdef, key abcd."), "key [secret], key [secret].");
        assert_eq!(redaction.text("no key"), "no key");
    }

    #[test]
    fn a_key_within_quotes_is_found() {
        let mut redaction = Redaction::default();
        redaction.add(&Secret::new(r#"a"b\c"#));
        assert_eq!(redaction.text(r#"a"b\c "a\"b\\c""#), r#"[secret] "[secret]""#);
    }

    #[test]
    fn a_key_within_a_url_is_found() {
        let mut redaction = Redaction::default();
        redaction.add(&Secret::new("Canary+/4711="));
        assert_eq!(redaction.text("/m?key=Canary%2B%2F4711%3D&alt=sse"), "/m?key=[secret]&alt=sse");
        assert_eq!(redaction.text("/m?key=Canary%2b%2f4711%3d"), "/m?key=[secret]");
        assert_eq!(redaction.text("Canary+/4711="), "[secret]");
    }

    #[test]
    fn what_may_be_a_word_is_cut_from_messages_alone() {
        let mut redaction = Redaction::default();
        for key in ["x", "none", "sk-canary-0123456"] {
            redaction.add(&Secret::new(key));
        }
        let mut value = json!({"code": "nonexistent", "error": ["sk-canary-0123456!", 1, null]});
        redaction.value(&mut value);
        assert_eq!(value, json!({"code": "nonexistent", "error": ["[secret]!", 1, null]}));
        assert_eq!(redaction.text("nonexistent"), "[secret]xistent");
    }
}
