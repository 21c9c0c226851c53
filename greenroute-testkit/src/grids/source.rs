use crate::asked::{Asked, AskedChat, Recorded};
use crate::reply::Reply;
use crate::said::SaidChat;
use crate::vendor::{Model, Trouble, Vendor};
use serde_json::Value;
use std::fmt::Debug;

/// What a source of intensities needs to be a [`Vendor`], which it is without models.
pub(crate) trait Source: Debug + Send + Sync + 'static {
    const NAME: &'static str;
    const BASE_PATH: &'static str;
    const KEY_HEADERS: &'static [(&'static str, &'static str)];

    fn answer(&self, request: &Recorded) -> Result<Reply, Trouble>;

    fn refuse(&self, trouble: &Trouble) -> Reply;
}

impl<T: Source> Vendor for T {
    fn name(&self) -> &'static str {
        T::NAME
    }

    fn base_path(&self) -> &'static str {
        T::BASE_PATH
    }

    fn key_headers(&self) -> &'static [(&'static str, &'static str)] {
        T::KEY_HEADERS
    }

    fn models(&self) -> &'static [Model] {
        &[]
    }

    fn read(&self, request: &Recorded) -> Result<Asked, Reply> {
        self.answer(request).map(Asked::Own).map_err(|trouble| self.refuse(&trouble))
    }

    fn chat(&self, _asked: &AskedChat, _said: &SaidChat) -> Reply {
        self.refuse(&Trouble::NoSuchPath)
    }

    fn error(&self, trouble: &Trouble) -> Reply {
        self.refuse(trouble)
    }

    fn midway(&self) -> String {
        String::new()
    }

    fn ends(&self, _frame: &str) -> bool {
        false
    }

    fn tells_usage(&self, _frame: &str) -> bool {
        false
    }
}

/// Refuses a request that is no GET, or whose query has a field that is none of these.
pub(crate) fn only(request: &Recorded, fields: &[&str]) -> Result<(), Trouble> {
    if request.method != "GET" {
        return Err(Trouble::Invalid(format!("{} is not allowed here", request.method)));
    }
    match request.query.keys().find(|name| !fields.contains(&name.as_str())) {
        Some(unknown) => Err(Trouble::Invalid(format!("the parameter `{unknown}` is not known"))),
        None => Ok(()),
    }
}

/// A field of the query that must be there.
pub(crate) fn need<'a>(request: &'a Recorded, name: &str) -> Result<&'a str, Trouble> {
    let value = request.query.get(name).map(String::as_str).filter(|value| !value.is_empty());
    value.ok_or_else(|| Trouble::Invalid(format!("the parameter `{name}` is missing")))
}

/// A field of the query that must be one of these where it is there.
pub(crate) fn one_of<'a>(
    request: &'a Recorded,
    name: &str,
    values: &[&str],
) -> Result<Option<&'a str>, Trouble> {
    match request.query.get(name).map(String::as_str) {
        Some(value) if !values.contains(&value) => {
            Err(Trouble::Invalid(format!("`{name}` may not be `{value}`")))
        }
        value => Ok(value),
    }
}

/// A number as vendors write it: without a fraction where it has none.
pub(crate) fn number(value: f64) -> Value {
    format!("{value}").parse().map_or(Value::Null, Value::Number)
}
