//! JSON files of a model folder, held to a size and to numbers that can be.

use super::fault::FileFault;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The bytes of `folder/file`, at most `most` of them.
pub(super) fn bytes(folder: &Path, file: &str, most: u64) -> Result<Vec<u8>, FileFault> {
    let read = || {
        let opened = match File::open(folder.join(file)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let count = opened.metadata()?.len();
        if count > most {
            return Err(FileFault::TooMany { what: "bytes", count, most });
        }
        let mut bytes = Vec::new();
        opened.take(most).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    };
    read().map_err(|fault| fault.inside(file))?.ok_or_else(|| FileFault::Missing(file.to_owned()))
}

/// Any JSON, of few parts: in memory each takes many times its bytes in the file.
#[derive(Debug, Default)]
pub(super) struct Small(pub(super) Value);

const MAX_PARTS: usize = 1 << 14;

impl<'de> Deserialize<'de> for Small {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Parts(&mut 0).deserialize(deserializer).map(Self)
    }
}

/// Counts the parts that were met so far.
struct Parts<'a>(&'a mut usize);

impl<'de> DeserializeSeed<'de> for Parts<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        *self.0 += 1;
        if *self.0 > MAX_PARTS {
            return Err(D::Error::custom(format!("more than {MAX_PARTS} values")));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Parts<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at most {MAX_PARTS} values")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = seq.next_element_seed(Parts(self.0))? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut values = serde_json::Map::new();
        while let Some(key) = map.next_key()? {
            values.insert(key, map.next_value_seed(Parts(self.0))?);
        }
        Ok(Value::Object(values))
    }
}

/// The settings of a model.
#[derive(Debug)]
pub(super) struct Settings(Value);

impl Settings {
    const FILE: &str = "config.json";
    const MAX_BYTES: u64 = 1 << 20;

    pub(super) fn open(folder: &Path) -> Result<Self, FileFault> {
        let bytes = bytes(folder, Self::FILE, Self::MAX_BYTES)?;
        let inside = |error: serde_json::Error| FileFault::from(error).inside(Self::FILE);
        Ok(Self(serde_json::from_slice::<Small>(&bytes).map_err(inside)?.0))
    }

    fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    pub(super) fn wrong(key: &str, allowed: &'static str) -> FileFault {
        FileFault::WrongValue { key: key.to_owned(), allowed }.inside(Self::FILE)
    }

    pub(super) fn missing(key: &str) -> FileFault {
        FileFault::Missing(key.to_owned()).inside(Self::FILE)
    }

    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_str()
    }

    /// What kind of model it is: `model_type`, or the first of `architectures`.
    pub(super) fn architecture(&self) -> Option<&str> {
        self.text("model_type").or_else(|| self.get("architectures")?.get(0)?.as_str())
    }

    pub(super) fn boolean(&self, key: &str) -> Result<Option<bool>, FileFault> {
        let known = |value: &Value| value.as_bool().ok_or_else(|| Self::wrong(key, "true or false"));
        self.get(key).map(known).transpose()
    }

    pub(super) fn whole(&self, key: &str) -> Result<Option<u64>, FileFault> {
        let known =
            |value: &Value| value.as_u64().ok_or_else(|| Self::wrong(key, "a whole number, not negative"));
        self.get(key).map(known).transpose()
    }

    pub(super) fn number(&self, key: &str) -> Result<Option<f64>, FileFault> {
        let finite = |value: &Value| value.as_f64().filter(|number| number.is_finite());
        let known = |value: &Value| finite(value).ok_or_else(|| Self::wrong(key, "a finite number"));
        self.get(key).map(known).transpose()
    }
}
