use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;

/// A JSON object that is read field by field and then [done](Self::done) with: what was not read by then is unknown.
///
/// Null counts as absent.
#[derive(Debug)]
pub struct Fields<'a> {
    path: String,
    map: &'a Map<String, Value>,
    unread: BTreeSet<&'a str>,
}

/// A field that breaks a rule.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Wrong {
    /// It is required, and is not there.
    Missing {
        /// Such as `messages[0].role`.
        path: String,
    },
    /// There is no such field.
    Unknown {
        /// The field.
        path: String,
        /// Its value.
        got: Value,
    },
    /// It is of another type.
    Type {
        /// The field.
        path: String,
        /// Such as `a string`.
        wanted: &'static str,
        /// Its value.
        got: Value,
    },
    /// It is a number below the least or above the greatest.
    Range {
        /// The field.
        path: String,
        /// The bound that it breaks.
        bound: f64,
        /// Whether it is above the greatest, rather than below the least.
        above: bool,
        /// Its value.
        got: Value,
    },
    /// It is none of the words that are allowed.
    Word {
        /// The field.
        path: String,
        /// The words.
        wanted: Vec<&'static str>,
        /// Its value.
        got: String,
    },
    /// It breaks some other rule.
    Rule {
        /// The field.
        path: String,
        /// The rule, in the vendor's words.
        message: String,
    },
}

impl Wrong {
    /// The field.
    #[must_use]
    pub fn path(&self) -> &str {
        match self {
            Self::Missing { path }
            | Self::Unknown { path, .. }
            | Self::Type { path, .. }
            | Self::Range { path, .. }
            | Self::Word { path, .. }
            | Self::Rule { path, .. } => path,
        }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { path } => write!(f, "{path} is required"),
            Self::Unknown { path, .. } => write!(f, "{path} is not a known field"),
            Self::Type { path, wanted, got } => write!(f, "{path} must be {wanted}, but is {got}"),
            Self::Range { path, bound, above: true, got } => {
                write!(f, "{path} must be at most {bound}, but is {got}")
            }
            Self::Range { path, bound, above: false, got } => {
                write!(f, "{path} must be at least {bound}, but is {got}")
            }
            Self::Word { path, wanted, got } => {
                write!(f, "{path} must be one of {}, but is {got}", wanted.join(", "))
            }
            Self::Rule { message, .. } => f.write_str(message),
        }
    }
}

impl<'a> Fields<'a> {
    /// The fields of an object that stands at `path` in the body; the body's own path is empty.
    ///
    /// # Errors
    /// [`Wrong::Type`] where it is no object.
    pub fn of(value: &'a Value, path: impl Into<String>) -> Result<Self, Wrong> {
        let path = path.into();
        match value {
            Value::Object(map) => Ok(Self { path, map, unread: map.keys().map(String::as_str).collect() }),
            other => Err(Wrong::Type { path, wanted: "an object", got: other.clone() }),
        }
    }

    /// Where a field stands in the body, such as `messages[0].role`.
    #[must_use]
    pub fn path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// A value of any type.
    pub fn any(&mut self, key: &str) -> Option<&'a Value> {
        self.unread.remove(key);
        self.map.get(key).filter(|value| !value.is_null())
    }

    /// A string.
    ///
    /// # Errors
    /// [`Wrong::Type`].
    pub fn text(&mut self, key: &str) -> Result<Option<&'a str>, Wrong> {
        self.typed(key, "a string", Value::as_str)
    }

    /// A string that must be there.
    ///
    /// # Errors
    /// [`Wrong::Missing`], [`Wrong::Type`].
    pub fn need_text(&mut self, key: &str) -> Result<&'a str, Wrong> {
        self.text(key)?.ok_or_else(|| self.missing(key))
    }

    /// One of these words.
    ///
    /// # Errors
    /// [`Wrong::Type`], [`Wrong::Word`].
    pub fn word(&mut self, key: &str, words: &[&'static str]) -> Result<Option<&'a str>, Wrong> {
        match self.text(key)? {
            Some(word) if !words.contains(&word) => {
                Err(Wrong::Word { path: self.path(key), wanted: words.to_vec(), got: word.to_owned() })
            }
            word => Ok(word),
        }
    }

    /// True or false.
    ///
    /// # Errors
    /// [`Wrong::Type`].
    pub fn flag(&mut self, key: &str) -> Result<Option<bool>, Wrong> {
        self.typed(key, "a boolean", Value::as_bool)
    }

    /// A number in a range.
    ///
    /// # Errors
    /// [`Wrong::Type`], [`Wrong::Range`].
    pub fn number(&mut self, key: &str, range: RangeInclusive<f64>) -> Result<Option<f64>, Wrong> {
        let number = self.typed(key, "a number", Value::as_f64)?;
        number.map_or(Ok(None), |number| {
            self.within(key, number, *range.start(), *range.end()).map(|()| Some(number))
        })
    }

    /// An integer in a range.
    ///
    /// # Errors
    /// [`Wrong::Type`], [`Wrong::Range`].
    pub fn integer(&mut self, key: &str, range: RangeInclusive<i64>) -> Result<Option<i64>, Wrong> {
        let Some(integer) = self.typed(key, "an integer", Value::as_i64)? else { return Ok(None) };
        #[expect(clippy::cast_precision_loss, reason = "it is for the words of an error only")]
        let (number, least, most) = (integer as f64, *range.start() as f64, *range.end() as f64);
        if range.contains(&integer) {
            Ok(Some(integer))
        } else {
            self.within(key, number, least, most).map(|()| None)
        }
    }

    /// A number of things: an integer of at least this.
    ///
    /// # Errors
    /// [`Wrong::Type`], [`Wrong::Range`].
    pub fn count(&mut self, key: &str, least: u32) -> Result<Option<u64>, Wrong> {
        Ok(self.integer(key, i64::from(least)..=i64::MAX)?.and_then(|count| u64::try_from(count).ok()))
    }

    /// An array.
    ///
    /// # Errors
    /// [`Wrong::Type`].
    pub fn list(&mut self, key: &str) -> Result<Option<&'a [Value]>, Wrong> {
        self.typed(key, "an array", |value| value.as_array().map(Vec::as_slice))
    }

    /// An array that must be there.
    ///
    /// # Errors
    /// [`Wrong::Missing`], [`Wrong::Type`].
    pub fn need_list(&mut self, key: &str) -> Result<&'a [Value], Wrong> {
        self.list(key)?.ok_or_else(|| self.missing(key))
    }

    /// An array of objects, each with its path.
    ///
    /// # Errors
    /// [`Wrong::Type`].
    pub fn objects(&mut self, key: &str) -> Result<Vec<Fields<'a>>, Wrong> {
        let path = self.path(key);
        let list = self.list(key)?.unwrap_or_default().iter().enumerate();
        list.map(|(place, value)| Fields::of(value, format!("{path}[{place}]"))).collect()
    }

    /// An array of strings.
    ///
    /// # Errors
    /// [`Wrong::Type`].
    pub fn texts(&mut self, key: &str) -> Result<Option<Vec<String>>, Wrong> {
        self.typed(key, "an array of strings", |value| {
            value.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect()
        })
    }

    /// An object.
    ///
    /// # Errors
    /// [`Wrong::Type`].
    pub fn object(&mut self, key: &str) -> Result<Option<Fields<'a>>, Wrong> {
        let path = self.path(key);
        self.any(key).map(|value| Fields::of(value, path)).transpose()
    }

    /// A rule of the vendor's that this field breaks.
    #[must_use]
    pub fn rule(&self, key: &str, message: impl Into<String>) -> Wrong {
        Wrong::Rule { path: self.path(key), message: message.into() }
    }

    /// That this field is required.
    #[must_use]
    pub fn missing(&self, key: &str) -> Wrong {
        Wrong::Missing { path: self.path(key) }
    }

    /// Every field is read now.
    ///
    /// # Errors
    /// [`Wrong::Unknown`], for the first that was not.
    pub fn done(self) -> Result<(), Wrong> {
        let Some(key) = self.unread.first() else { return Ok(()) };
        Err(Wrong::Unknown { path: self.path(key), got: self.map.get(*key).cloned().unwrap_or_default() })
    }

    fn typed<T>(
        &mut self,
        key: &str,
        wanted: &'static str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, Wrong> {
        let Some(value) = self.any(key) else { return Ok(None) };
        let wrong = || Wrong::Type { path: self.path(key), wanted, got: value.clone() };
        read(value).map(Some).ok_or_else(wrong)
    }

    fn within(&self, key: &str, number: f64, least: f64, most: f64) -> Result<(), Wrong> {
        if (least..=most).contains(&number) {
            return Ok(());
        }
        let above = number > most;
        let got = self.map.get(key).cloned().unwrap_or_default();
        Err(Wrong::Range { path: self.path(key), bound: if above { most } else { least }, above, got })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_field_that_nobody_read_is_unknown() {
        let body = json!({"a": 1, "b": {"c": true, "d": null}});
        let mut fields = Fields::of(&body, "").unwrap();
        assert_eq!(fields.integer("a", 0..=9), Ok(Some(1)));
        let mut inner = fields.object("b").unwrap().unwrap();
        assert_eq!(inner.flag("c"), Ok(Some(true)));
        fields.done().unwrap();
        assert_eq!(inner.done().unwrap_err().to_string(), "b.d is not a known field");
    }

    #[test]
    fn types_ranges_and_words_are_held_to() {
        let body = json!({"a": "x", "t": 2.5, "n": 0, "w": "maybe", "l": [1]});
        let mut fields = Fields::of(&body, "").unwrap();
        let said = [
            fields.flag("a").unwrap_err().to_string(),
            fields.number("t", 0.0..=2.0).unwrap_err().to_string(),
            fields.count("n", 1).unwrap_err().to_string(),
            fields.word("w", &["yes", "no"]).unwrap_err().to_string(),
            fields.objects("l").unwrap_err().to_string(),
            fields.need_text("z").unwrap_err().to_string(),
            fields.integer("t", 0..=9).unwrap_err().to_string(),
        ];
        let wanted = [
            "a must be a boolean, but is \"x\"",
            "t must be at most 2, but is 2.5",
            "n must be at least 1, but is 0",
            "w must be one of yes, no, but is maybe",
            "l[0] must be an object, but is 1",
            "z is required",
            "t must be an integer, but is 2.5",
        ];
        assert_eq!(said, wanted);
    }
}
