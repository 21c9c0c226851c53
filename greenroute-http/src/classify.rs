use crate::delay;
use crate::headers::Headers;
use greenroute_core::{Error, ErrorKind};
use serde_json::Value;
use std::borrow::Cow;
use std::time::{Duration, SystemTime};

/// Errors show at most so many characters of what a server said.
const EXCERPT: usize = 500;

/// A vendor's own reading of its failures; `None` where the status says it all.
pub type Classifier = fn(&Failure<'_>) -> Option<Classified>;

/// An answer that is an error, as the server gave it.
#[derive(Debug, Clone, Copy)]
pub struct Failure<'a> {
    /// The HTTP status. For an error inside a body that was sent as a success: what its `code` states, else 0.
    pub status: u16,
    /// The headers.
    pub headers: &'a Headers,
    /// The body, or what was alone in its array; null where it is not JSON.
    pub body: &'a Value,
    /// The body as text.
    pub text: &'a str,
}

/// What a failure is, in words of what to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classified {
    /// What went wrong.
    pub kind: ErrorKind,
    /// What happened, for people.
    pub message: String,
    /// How long the server asks to wait; `None`: as [`Failure::delay`] says.
    pub retry_after: Option<Duration>,
}

impl<'a> Failure<'a> {
    /// An error inside a body that was sent as a success, such as a stream's error event.
    #[must_use]
    pub fn in_band(body: &'a Value) -> Self {
        let mut failure = Self { status: 0, headers: Headers::none(), body: alone(body), text: "" };
        failure.status = failure.stated_status().unwrap_or(0);
        failure
    }

    /// What stands under `error`, or the body itself where it has none: vendors put the rest of what they say there.
    #[must_use]
    pub fn error(&self) -> &'a Value {
        self.body.get("error").map_or(self.body, alone)
    }

    /// The error's `code` as text, whether it came as text or as a number.
    #[must_use]
    pub fn code(&self) -> Option<Cow<'a, str>> {
        match self.error().get("code").or_else(|| self.body.get("code"))? {
            Value::String(code) => Some(Cow::Borrowed(code)),
            Value::Number(code) => Some(Cow::Owned(code.to_string())),
            _ => None,
        }
    }

    /// What the server says happened: `error.message`, `error`, `message`, `detail` or the first of `errors`.
    #[must_use]
    pub fn message(&self) -> Option<&'a str> {
        let (error, body) = (self.error(), self.body);
        let first = body.get("errors").and_then(|errors| errors.get(0)?.get("message"));
        [error.get("message"), Some(error), body.get("message"), body.get("detail"), first]
            .into_iter()
            .flatten()
            .find_map(Value::as_str)
            .map(str::trim)
            // Control characters say nothing to people.
            .filter(|message| message.contains(|sign: char| !sign.is_control() && !sign.is_whitespace()))
    }

    /// How long the server asks to wait, of at most a year; a time that is past is zero.
    ///
    /// The first that is there of `retry-after-ms`, `retry-after` (seconds or a date), Google's `RetryInfo`, and the
    /// reset headers of whatever has nothing remaining.
    #[must_use]
    pub fn delay(&self, now: SystemTime) -> Option<Duration> {
        delay::asked(self.headers, Some(self.error()), now)
    }

    /// What plain HTTP semantics say; of a failure without a status that the server failed.
    #[must_use]
    pub fn by_status(&self) -> Classified {
        let kind = match self.status {
            300..=399 => ErrorKind::Decode,
            401 => ErrorKind::Authentication,
            402 => ErrorKind::QuotaExhausted { until: None },
            403 | 407 | 451 => ErrorKind::PermissionDenied,
            404 | 410 => ErrorKind::ModelNotFound,
            408 | 504 | 524 => ErrorKind::Timeout,
            429 => ErrorKind::RateLimited { after: None },
            503 | 529 => ErrorKind::Overloaded,
            501 => ErrorKind::Unsupported,
            409 => ErrorKind::Server,
            400..=499 => ErrorKind::InvalidRequest,
            _ => ErrorKind::Server,
        };
        Classified { kind, message: self.told(), retry_after: None }
    }

    /// The status that an error inside a body states: `{"error": {"code": 503}}`.
    fn stated_status(&self) -> Option<u16> {
        self.code()?.parse().ok().filter(|code| (400..=599).contains(code))
    }

    /// For people and not yet cut: what is cut could hide a part of a key from the redaction.
    fn told(&self) -> String {
        let said = match (self.redirected(), self.message()) {
            (Some(place), _) => {
                format!("redirected to {place}, which is not followed: the key would travel with it")
            }
            (None, Some(message)) => message.to_owned(),
            (None, None) if !self.body.is_null() => self.body.to_string(),
            (None, None) if self.text.trim().is_empty() => "nothing was said".to_owned(),
            (None, None) => {
                format!("{}: {}", self.headers.media_type().unwrap_or_default(), self.text)
            }
        };
        if self.status == 0 { said } else { format!("HTTP {}: {said}", self.status) }
    }

    /// Where a redirect leads, without what could hold a key.
    fn redirected(&self) -> Option<String> {
        let location = self.headers.get("location").filter(|_| (300..=399).contains(&self.status))?;
        let url = reqwest::Url::parse(location).ok();
        Some(
            url.and_then(|url| url.host_str().map(str::to_owned))
                .unwrap_or_else(|| "another path".to_owned()),
        )
    }
}

impl Classified {
    /// The error that says so, from `origin`, with a message of bounded length.
    #[must_use]
    pub fn into_error(self, origin: &str) -> Error {
        let kind = match self.kind {
            ErrorKind::RateLimited { after } => ErrorKind::RateLimited { after: after.or(self.retry_after) },
            kind => kind,
        };
        let error = Error::new(kind, origin, excerpt(&self.message));
        match self.retry_after {
            Some(after) => error.with_retry_after(after),
            None => error,
        }
    }
}

/// What is alone in an array, else the value itself.
pub(crate) fn alone(value: &Value) -> &Value {
    match value.as_array().map(Vec::as_slice) {
        Some([only]) => only,
        _ => value,
    }
}

/// The beginning of `text` on one line.
pub(crate) fn excerpt(text: &str) -> String {
    let mut short = String::new();
    let mut length = 0;
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if length > 0 {
            short.push(' ');
            length += 1;
        }
        for c in word.chars() {
            if length >= EXCERPT {
                short.push('…');
                return short;
            }
            short.push(c);
            length += 1;
        }
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;
    use std::time::UNIX_EPOCH;

    #[test]
    fn an_error_within_a_body_goes_by_the_status_that_it_states() {
        let kind = |body: Value| Failure::in_band(&body).by_status().kind;
        assert_eq!(kind(json!({"error": {"code": 503, "status": "UNAVAILABLE"}})), ErrorKind::Overloaded);
        assert_eq!(kind(json!([{"error": {"code": "429"}}])), ErrorKind::RateLimited { after: None });
        assert_eq!(kind(json!({"error": {"code": 7, "message": "no status"}})), ErrorKind::Server);
        assert_eq!(kind(json!({"error": {"code": null}})), ErrorKind::Server);
        assert_eq!(kind(json!({"type": "error", "error": {"type": "overloaded_error"}})), ErrorKind::Server);
        assert_eq!(kind(json!("gone")), ErrorKind::Server);
    }

    #[test]
    fn a_code_may_be_text_or_a_number() {
        let code = |body: Value| Failure::in_band(&body).code().map(Cow::into_owned);
        assert_eq!(
            code(json!({"error": {"code": "model_decommissioned"}})).as_deref(),
            Some("model_decommissioned")
        );
        assert_eq!(code(json!({"error": {"code": 400}})).as_deref(), Some("400"));
        assert_eq!(code(json!({"code": "at_the_top"})).as_deref(), Some("at_the_top"));
        assert_eq!(code(json!({"error": {"code": null}})), None);
        assert_eq!(code(json!({"error": "a bare string", "code": 5})).as_deref(), Some("5"));
    }

    #[test]
    fn a_wait_is_told_in_the_kind_as_well() {
        let after = Some(Duration::from_secs(3));
        let limited = Classified {
            kind: ErrorKind::RateLimited { after: None },
            message: "slow".to_owned(),
            retry_after: after,
        };
        let error = limited.clone().into_error("acme");
        assert_eq!((error.kind(), error.retry_after()), (&ErrorKind::RateLimited { after }, after));
        let overloaded = Classified { kind: ErrorKind::Overloaded, ..limited };
        assert_eq!(overloaded.into_error("acme").retry_after(), after);
    }

    #[test]
    fn an_excerpt_is_one_line_of_bounded_length() {
        assert_eq!(excerpt("  a\r\n\tb\u{0}c  "), "a b c");
        assert_eq!(excerpt(&"ü".repeat(500)).chars().count(), 500);
        assert_eq!(excerpt(&"ü".repeat(501)).chars().count(), 501, "the cut is marked");
        assert_eq!(excerpt(""), "");
    }

    #[test]
    fn a_message_of_control_characters_alone_says_nothing() {
        let body = serde_json::json!({"error": {"message": "\u{0}\n"}});
        let failure = Failure::in_band(&body);
        assert_eq!(failure.message(), None);
        assert!(failure.by_status().into_error("acme").message().contains("message"));
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
        ];
        let keys = prop::sample::select(vec![
            "error",
            "errors",
            "code",
            "message",
            "detail",
            "details",
            "retryDelay",
        ]);
        leaf.prop_recursive(4, 24, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map(keys.clone().prop_map(str::to_owned), inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_body_panics_or_makes_a_long_message(body in values(), status in any::<u16>()) {
            let text = body.to_string();
            let known = Failure { status, headers: Headers::none(), body: alone(&body), text: &text };
            for failure in [known, Failure::in_band(&body)] {
                let error = failure.by_status().into_error("acme");
                prop_assert!(error.message().chars().count() <= EXCERPT + 1);
                prop_assert!(!error.message().is_empty());
                let _ = (failure.code(), failure.delay(UNIX_EPOCH));
            }
        }
    }
}
