use crate::call::Call;
use crate::classify::Classifier;
use crate::pool::Kind;
use crate::request::Request;
use crate::secret::{Redaction, Secret};
use crate::timeouts::Timeouts;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use greenroute_core::{Error, ErrorKind, Result};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use serde_json::Value;
use std::fmt;
use std::sync::Arc;

/// No answer is read whole that is larger, unless told.
const LARGEST: usize = 64 * 1024 * 1024;

/// One provider's HTTP client. Cheap to clone; all clients of a tokio runtime share their connections.
///
/// TLS certificates are verified against the system's and no redirect is followed. A proxy of the environment is used,
/// but not for this machine's own addresses. Over plain http a key travels readably: that is for servers of one's own.
#[derive(Clone)]
pub struct Client {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Clone)]
pub(crate) struct Inner {
    pub(crate) pool: Kind,
    pub(crate) origin: String,
    pub(crate) base: Url,
    base_text: String,
    pub(crate) timeouts: Timeouts,
    pub(crate) headers: HeaderMap,
    pub(crate) query: Vec<(&'static str, Secret)>,
    pub(crate) largest: usize,
    redaction: Arc<Redaction>,
    classifier: Option<Classifier>,
}

impl Client {
    /// A client for what lies under `base_url`, whose errors name `origin`, such as `groq`.
    ///
    /// # Errors
    ///
    /// `Config`, naming the setting: a base URL that is not http or https or that has a user, a query or a fragment;
    /// a timeout of zero; TLS that cannot be set up.
    pub fn new(origin: impl Into<String>, base_url: &str, timeouts: Timeouts) -> Result<Self> {
        let origin = origin.into();
        let base = base(base_url)
            .map_err(|fault| Error::new(ErrorKind::Config, origin.as_str(), format!("`base_url` {fault}")))?;
        timeouts.check(&origin)?;
        let pool = Kind::of(&base, timeouts.connect);
        let base_text = base.as_str().trim_end_matches('/').to_owned();
        let inner = Inner {
            pool,
            origin,
            base,
            base_text,
            timeouts,
            headers: HeaderMap::new(),
            query: Vec::new(),
            largest: LARGEST,
            redaction: Arc::default(),
            classifier: None,
        };
        // What cannot be set up is to be known now, and not at the first request.
        inner.http()?;
        Ok(Self { inner: Arc::new(inner) })
    }

    /// With a vendor's own reading of its failures.
    #[must_use]
    pub fn classifier(mut self, classifier: Classifier) -> Self {
        Arc::make_mut(&mut self.inner).classifier = Some(classifier);
        self
    }

    /// With a header on every request.
    ///
    /// # Errors
    ///
    /// `Config` where no such header can be sent.
    pub fn header(mut self, name: &'static str, value: &str) -> Result<Self> {
        let (name, value) = header(name, value)
            .map_err(|fault| Error::new(ErrorKind::Config, self.inner.origin.as_str(), fault))?;
        Arc::make_mut(&mut self.inner).headers.insert(name, value);
        Ok(self)
    }

    /// With a key on every request: `("authorization", "Bearer ", key)`. No error of this client will show it.
    ///
    /// # Errors
    ///
    /// `Config`, without the key, where it is empty or not printable ASCII.
    pub fn secret_header(mut self, name: &'static str, prefix: &str, secret: &Secret) -> Result<Self> {
        let config = |what: String| Error::new(ErrorKind::Config, self.inner.origin.as_str(), what);
        if let Some(fault) = secret.fault() {
            return Err(config(format!("the key for the header `{name}` {fault}")));
        }
        let (name, mut value) = header(name, &format!("{prefix}{}", secret.reveal())).map_err(config)?;
        value.set_sensitive(true);
        let inner = Arc::make_mut(&mut self.inner);
        inner.headers.insert(name, value);
        Arc::make_mut(&mut inner.redaction).add(secret);
        Ok(self)
    }

    /// With a key in the query of every request, for servers that take it nowhere else: their logs show it. No error of
    /// this client will.
    ///
    /// # Errors
    ///
    /// `Config`, without the key, where it is empty or not printable ASCII.
    pub fn secret_query(mut self, name: &'static str, secret: &Secret) -> Result<Self> {
        if let Some(fault) = secret.fault() {
            let message = format!("the key for the query's `{name}` {fault}");
            return Err(Error::new(ErrorKind::Config, self.inner.origin.as_str(), message));
        }
        let inner = Arc::make_mut(&mut self.inner);
        // As it stands there: with `+` for a blank, and `~` escaped.
        let mut url = inner.base.clone();
        url.query_pairs_mut().append_pair("", secret.reveal());
        let redaction = Arc::make_mut(&mut inner.redaction);
        if let Some(written) = url.query().and_then(|query| query.strip_prefix('=')) {
            redaction.add(&Secret::new(written));
        }
        redaction.add(secret);
        inner.query.push((name, secret.clone()));
        Ok(self)
    }

    /// With a user and a password on every request, as HTTP's Basic scheme has it. No error of this client will show
    /// the password, encoded or not.
    ///
    /// # Errors
    ///
    /// `Config`, without the password, where it is empty or not printable ASCII, or the user has a colon.
    pub fn basic_auth(mut self, user: &str, password: &Secret) -> Result<Self> {
        let fault =
            if user.contains(':') { Some("belongs to a user with a colon") } else { password.fault() };
        if let Some(fault) = fault {
            let message = format!("the password for Basic authentication {fault}");
            return Err(Error::new(ErrorKind::Config, self.inner.origin.as_str(), message));
        }
        Arc::make_mut(&mut Arc::make_mut(&mut self.inner).redaction).add(password);
        let encoded = Secret::new(STANDARD.encode(format!("{user}:{}", password.reveal())));
        self.secret_header("authorization", "Basic ", &encoded)
    }

    /// No answer is read whole that has more bytes; 64 MiB unless told.
    #[must_use]
    pub fn largest(mut self, bytes: usize) -> Self {
        Arc::make_mut(&mut self.inner).largest = bytes;
        self
    }

    /// What the errors name as their origin.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.inner.origin
    }

    /// The base URL, without a slash at its end.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.inner.base_text
    }

    /// A GET of `path` under the base URL. The path is plain text: what must be escaped in it will be. A slash at its end
    /// stays.
    pub fn get(&self, path: &str) -> Request {
        Request::new(self, Method::GET, path)
    }

    /// A POST to `path` under the base URL, as [`get`](Self::get) takes it.
    pub fn post(&self, path: &str) -> Request {
        Request::new(self, Method::POST, path)
    }

    /// A DELETE of `path` under the base URL, as [`get`](Self::get) takes it.
    pub fn delete(&self, path: &str) -> Request {
        Request::new(self, Method::DELETE, path)
    }

    /// The error inside a body that was sent as a success, such as a stream's error event: read by the classifier,
    /// with this client's keys taken out.
    #[must_use]
    pub fn error_in(&self, body: &Value, origin: &str) -> Error {
        self.call(origin.to_owned(), String::new()).in_band(body)
    }

    pub(crate) fn call(&self, origin: String, host: String) -> Call {
        let Inner { redaction, classifier, .. } = &*self.inner;
        Call { origin, host, redaction: redaction.clone(), classifier: *classifier }
    }
}

impl Inner {
    /// The connections of the runtime that asks.
    pub(crate) fn http(&self) -> Result<reqwest::Client> {
        self.pool.pool().map_err(|error| {
            let message = "the HTTP client could not be set up";
            Error::new(ErrorKind::Config, self.origin.as_str(), message).with_source(error.without_url())
        })
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("origin", &self.inner.origin)
            .field("base_url", &self.base_url())
            .field("timeouts", &self.inner.timeouts)
            .finish_non_exhaustive()
    }
}

pub(crate) fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let no_header = || format!("the header `{name}` cannot be sent");
    let value = HeaderValue::from_str(value).map_err(|_| no_header())?;
    Ok((HeaderName::from_bytes(name.as_bytes()).map_err(|_| no_header())?, value))
}

/// Faults never show the URL: it may hold a key.
fn base(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text.trim()).map_err(|_| "is no URL")?;
    if !matches!(url.scheme(), "http" | "https") {
        Err("must begin with http:// or https://")
    } else if !url.username().is_empty() || url.password().is_some() {
        Err("must not hold a user or a password")
    } else if url.query().is_some() || url.fragment().is_some() {
        Err("must not have a query or a fragment")
    } else {
        Ok(url)
    }
}
