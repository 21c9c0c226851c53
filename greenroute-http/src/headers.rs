use reqwest::header::HeaderMap;
use std::fmt;
use std::sync::LazyLock;

/// The headers of an answer.
#[derive(Clone, Default)]
pub struct Headers(HeaderMap);

impl Headers {
    /// No headers, as an error inside a body has.
    pub(crate) fn none() -> &'static Self {
        static NONE: LazyLock<Headers> = LazyLock::new(Headers::default);
        &NONE
    }

    /// The first value of the header called `name`, in whatever case; `None` also where it is not printable ASCII.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(|value| value.to_str().ok()).map(str::trim)
    }

    /// Every header with a printable value; names are in lower case.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?.trim())))
    }

    /// The content type without its parameters, in lower case.
    pub(crate) fn media_type(&self) -> Option<String> {
        let full = self.get("content-type")?;
        Some(full.split(';').next().unwrap_or(full).trim().to_ascii_lowercase())
    }
}

impl From<HeaderMap> for Headers {
    fn from(map: HeaderMap) -> Self {
        Self(map)
    }
}

impl fmt::Debug for Headers {
    /// Names alone: a value may repeat a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys().map(reqwest::header::HeaderName::as_str)).finish()
    }
}
