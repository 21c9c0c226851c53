use crate::asked::{Asked, Recorded};
use crate::fault::Fault;
use crate::faults::{Faults, Tally};
use crate::fixture::Fixture;
use crate::line::{Door, Handle, Line, Lines};
use crate::mind;
use crate::reply::Reply;
use crate::spoil::Sending;
use crate::vendor::{Model, Trouble, Vendor};
use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::response::Response;
use bytes::Bytes;
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The longest body that is read, in bytes.
const LONGEST: usize = 64 << 20;

/// A server that plays every vendor. When it is dropped it is gone, with every connection.
#[derive(Debug)]
pub struct FakeServer {
    address: SocketAddr,
    state: Arc<Shared>,
    lines: Arc<Lines>,
    accepting: JoinHandle<()>,
}

/// How a [`FakeServer`] is to be.
#[derive(Debug, Clone)]
pub struct Builder {
    port: u16,
    key: String,
    latency: Duration,
    pace: Duration,
    recording: bool,
    vendors: Vec<Arc<dyn Vendor>>,
    models: Vec<(String, Model)>,
}

#[derive(Debug)]
struct Shared {
    key: String,
    latency: Duration,
    pace: Duration,
    recording: bool,
    played: BTreeMap<&'static str, Played>,
    log: Mutex<Vec<Arc<Recorded>>>,
    faults: RwLock<Option<Faults>>,
    /// How many requests the faults by share have seen.
    seen: AtomicU64,
    tally: Mutex<Tally>,
}

#[derive(Debug)]
struct Played {
    vendor: Arc<dyn Vendor>,
    models: Vec<Model>,
    faults: Mutex<VecDeque<Fault>>,
    replies: Mutex<VecDeque<Reply>>,
    always: RwLock<Option<Sending>>,
}

impl FakeServer {
    /// A server on a free port of this machine, as [`Builder`] has it by default.
    ///
    /// # Errors
    /// Where there is no free port.
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// A server that is not as by default.
    #[must_use]
    pub fn builder() -> Builder {
        Builder {
            port: 0,
            key: "test-key-5f2d9c7a".to_owned(),
            latency: Duration::ZERO,
            pace: Duration::ZERO,
            recording: true,
            vendors: crate::vendors::all(),
            models: Vec::new(),
        }
    }

    /// The base URL that a client of this vendor is given: no slash at its end.
    ///
    /// # Panics
    /// Where it plays no such vendor.
    #[must_use]
    #[track_caller]
    pub fn url(&self, vendor: &str) -> String {
        let vendor = &self.played(vendor).vendor;
        format!("http://{}/{}{}", self.address, vendor.name(), vendor.base_path())
    }

    /// The vendors that it plays.
    pub fn vendors(&self) -> impl Iterator<Item = &'static str> {
        self.state.played.keys().copied()
    }

    /// The key that every vendor takes.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.state.key
    }

    /// The requests so far, the refused ones too, in the order in which they came.
    #[must_use]
    pub fn requests(&self) -> Vec<Recorded> {
        locked(&self.state.log).iter().map(|request| Recorded::clone(request)).collect()
    }

    /// Forgets requests, the tally and everything that was laid down for later.
    pub fn clear(&self) {
        locked(&self.state.log).clear();
        locked(&self.state.tally).clear();
        *self.state.faults.write().unwrap_or_else(PoisonError::into_inner) = None;
        for played in self.state.played.values() {
            locked(&played.faults).clear();
            locked(&played.replies).clear();
            *played.always.write().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    /// The vendor's next request that is not refused for its key gets this reply, whatever it asks. Several form a
    /// queue.
    ///
    /// # Panics
    /// Where it plays no such vendor.
    #[track_caller]
    pub fn reply_with(&self, vendor: &str, reply: Reply) {
        locked(&self.played(vendor).replies).push_back(reply);
    }

    /// From now on every request to the vendor gets this reply: neither key nor body are looked at, nothing is
    /// recorded and no fault befalls it. It is the quickest answer that the server can give.
    ///
    /// # Panics
    /// Where it plays no such vendor.
    #[track_caller]
    pub fn reply_always(&self, vendor: &str, reply: Reply) {
        let sending = Sending::new(reply, self.state.pace);
        *self.played(vendor).always.write().unwrap_or_else(PoisonError::into_inner) = Some(sending);
    }

    /// The fault befalls the vendor's next request. Several form a queue.
    ///
    /// # Panics
    /// Where it plays no such vendor.
    #[track_caller]
    pub fn fault_next(&self, vendor: &str, fault: Fault) {
        locked(&self.played(vendor).faults).push_back(fault);
    }

    /// The fault befalls so many of the vendor's next requests.
    ///
    /// # Panics
    /// Where it plays no such vendor.
    #[track_caller]
    pub fn fault_times(&self, vendor: &str, fault: Fault, times: usize) {
        locked(&self.played(vendor).faults).extend(std::iter::repeat_n(fault, times));
    }

    /// From now on faults befall a share of all requests that have none of their own.
    pub fn faults(&self, faults: Faults) {
        self.state.seen.store(0, Ordering::Relaxed);
        *self.state.faults.write().unwrap_or_else(PoisonError::into_inner) = Some(faults);
    }

    /// How often each fault befell a request.
    #[must_use]
    pub fn tally(&self) -> Tally {
        locked(&self.state.tally).clone()
    }

    #[track_caller]
    #[expect(
        clippy::panic,
        reason = "a misspelt name in a test is the test's defect, and is best told there"
    )]
    fn played(&self, vendor: &str) -> &Played {
        let Some(played) = self.state.played.get(vendor) else {
            let names: Vec<&str> = self.vendors().collect();
            panic!("no vendor `{vendor}` is played here; there are {}", names.join(", "))
        };
        played
    }
}

impl Drop for FakeServer {
    fn drop(&mut self) {
        self.accepting.abort();
        self.lines.close_all();
    }
}

impl Builder {
    /// The port; 0 is any that is free, and the default.
    #[must_use]
    pub fn port(self, port: u16) -> Self {
        Self { port, ..self }
    }

    /// The key that is taken.
    #[must_use]
    pub fn key(self, key: impl Into<String>) -> Self {
        Self { key: key.into(), ..self }
    }

    /// What passes before every answer's headers; nothing by default.
    #[must_use]
    pub fn latency(self, latency: Duration) -> Self {
        Self { latency, ..self }
    }

    /// What passes before every frame of a stream; nothing by default.
    #[must_use]
    pub fn pace(self, pace: Duration) -> Self {
        Self { pace, ..self }
    }

    /// Whether requests are kept; by default they are. A server that answers a hundred thousand should not.
    #[must_use]
    pub fn recording(self, recording: bool) -> Self {
        Self { recording, ..self }
    }

    /// A vendor more, or instead of the one of its name.
    #[must_use]
    pub fn vendor(mut self, vendor: impl Vendor) -> Self {
        self.vendors.push(Arc::new(vendor));
        self
    }

    /// A model more that this vendor serves.
    #[must_use]
    pub fn model(mut self, vendor: impl Into<String>, model: Model) -> Self {
        self.models.push((vendor.into(), model));
        self
    }

    /// Starts it, on the runtime that this is called in.
    ///
    /// # Errors
    /// Where the port is taken.
    pub async fn start(self) -> io::Result<FakeServer> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).await?;
        let address = listener.local_addr()?;
        let more = self.models;
        let played = self.vendors.into_iter().map(|vendor| {
            let own = more.iter().filter(|(name, _)| name == vendor.name()).map(|(_, model)| model.clone());
            (vendor.name(), Played::new(Arc::clone(&vendor), own.collect()))
        });
        let state = Arc::new(Shared {
            key: self.key,
            latency: self.latency,
            pace: self.pace,
            recording: self.recording,
            played: played.collect(),
            log: Mutex::default(),
            faults: RwLock::default(),
            seen: AtomicU64::new(0),
            tally: Mutex::default(),
        });
        let lines = Arc::new(Lines::default());
        let door = Door { listener, lines: Arc::clone(&lines) };
        let service = Router::new().fallback(handle).with_state(Arc::clone(&state));
        let service = service.into_make_service_with_connect_info::<Handle>();
        let serving = axum::serve(door, service);
        let accepting = tokio::spawn(async move {
            // It accepts until it is aborted.
            let _ = serving.await;
        });
        Ok(FakeServer { address, state, lines, accepting })
    }
}

impl Played {
    fn new(vendor: Arc<dyn Vendor>, models: Vec<Model>) -> Self {
        Self {
            vendor,
            models,
            faults: Mutex::default(),
            replies: Mutex::default(),
            always: RwLock::default(),
        }
    }

    fn model(&self, id: &str) -> Option<Model> {
        let own = self.models.iter().find(|model| model.id == id).cloned();
        own.or_else(|| self.vendor.model(id))
    }

    /// What the vendor says to a request that nothing was laid down for.
    fn answer(&self, request: &Recorded) -> Reply {
        let vendor = self.vendor.as_ref();
        let mut asked = match vendor.read(request) {
            Ok(asked) => asked,
            Err(refusal) => return refusal,
        };
        let model = |id: &str, embeds: bool| {
            let found = self.model(id).filter(|model| model.embeds == embeds);
            found.ok_or_else(|| vendor.error(&Trouble::NoSuchModel(id.to_owned())))
        };
        let fits = |tokens: u64, model: &Model| {
            let window = model.window;
            if tokens <= window { Ok(()) } else { Err(vendor.error(&Trouble::TooLong { tokens, window })) }
        };
        let mut answer = || match &mut asked {
            Asked::Chat(chat) => {
                let model = model(&chat.model, false)?;
                fits(chat.tokens(), &model)?;
                chat.max_tokens = Some(chat.max_tokens.unwrap_or(u64::MAX).min(model.max_output));
                Ok(vendor.chat(chat, &mind::say(chat)))
            }
            Asked::Count(chat) => {
                model(&chat.model, false)?;
                Ok(vendor.count(chat, chat.tokens()))
            }
            Asked::Embed(embed) => {
                let model = model(&embed.model, true)?;
                let tokens = embed.texts.iter().map(|text| mind::count_words(text)).max().unwrap_or(0);
                fits(tokens, &model)?;
                let tokens = embed.texts.iter().map(|text| mind::count_words(text)).sum();
                let vectors = embed.texts.iter().map(|text| mind::vector_of(text, embed.dimensions));
                Ok(vendor.embed(embed, &vectors.collect::<Vec<_>>(), tokens))
            }
            Asked::List(list) => {
                let mut models = self.vendor.models().to_vec();
                models.extend(self.models.iter().cloned());
                if let Some(only) = &list.only {
                    models.retain(|model| model.id == *only);
                    if models.is_empty() {
                        return Err(vendor.error(&Trouble::NoSuchModel(only.clone())));
                    }
                }
                Ok(vendor.list(list, &models))
            }
            Asked::Own(reply) => Ok(reply.clone()),
        };
        answer().unwrap_or_else(|refusal: Reply| refusal)
    }

    fn knows(&self, request: &Recorded, key: &str) -> bool {
        let headers = self.vendor.key_headers();
        let mut given = headers.iter().filter_map(|(name, prefix)| Some((request.header(name)?, *prefix)));
        headers.is_empty()
            || given.next().is_some_and(|(value, prefix)| value.strip_prefix(prefix) == Some(key))
    }
}

async fn handle(
    State(state): State<Arc<Shared>>,
    ConnectInfo(Handle(line)): ConnectInfo<Handle>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().strip_prefix('/').unwrap_or_default();
    let (name, path) = path.split_at(path.find('/').unwrap_or(path.len()));
    let Some((vendor, played)) = state.played.get_key_value(name) else {
        let names: Vec<&str> = state.played.keys().copied().collect();
        return plain(404, &format!("no vendor `{name}` is played here; there are {}", names.join(", ")));
    };
    let Ok(raw) = axum::body::to_bytes(body, LONGEST).await else {
        return plain(413, "the body broke off, or is too long");
    };
    if !state.latency.is_zero() {
        tokio::time::sleep(state.latency).await;
    }
    let always = played.always.read().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some(sending) = always {
        return sending.into_response();
    }
    let request = Arc::new(recorded(vendor, path, &parts, raw));
    if state.recording {
        locked(&state.log).push(Arc::clone(&request));
    }
    match state.send(played, &request, &line).await {
        Ok(response) => response,
        Err(told) => plain(400, &told),
    }
}

impl Shared {
    /// # Errors
    /// What a header of this server's own asks for and is not to be had.
    async fn send(&self, played: &Played, request: &Recorded, line: &Line) -> Result<Response, String> {
        let vendor = played.vendor.as_ref();
        let (reply, laid_down) = self.reply(played, request)?;
        let fault = self.fault(played, request, &reply)?;
        if let Some(fault) = fault {
            if fault.befalls(&reply, vendor) {
                *locked(&self.tally).entry(fault.to_string()).or_default() += 1;
            }
            if laid_down && !fault.spoils() {
                // It is still to come.
                locked(&played.replies).push_front(reply.clone());
            }
            match fault {
                Fault::DropBeforeHeaders => line.reset(),
                Fault::CloseBeforeHeaders => line.close(),
                _ => {}
            }
            if let Fault::DropBeforeHeaders | Fault::CloseBeforeHeaders | Fault::StallBeforeHeaders = fault {
                // hyper lets go of this when the connection ends.
                return std::future::pending().await;
            }
            if let Some(instead) = fault.instead(vendor) {
                return Ok(Sending::new(instead, self.pace).into_response());
            }
        }
        let sending = Sending::new(reply, self.pace);
        Ok(match fault {
            Some(fault) => sending.spoilt(fault, vendor),
            None => sending,
        }
        .into_response())
    }

    /// The reply, and whether it was laid down for this vendor.
    fn reply(&self, played: &Played, request: &Recorded) -> Result<(Reply, bool), String> {
        if !played.knows(request, &self.key) {
            return Ok((played.vendor.error(&Trouble::Key), false));
        }
        if let Some(name) = request.header("x-fake-reply") {
            let known = Fixture::NAMES.contains(&name);
            return if known {
                Ok((Reply::fixture(name), false))
            } else {
                Err(format!("no fixture is called `{name}`"))
            };
        }
        let laid_down = locked(&played.replies).pop_front();
        Ok(match laid_down {
            Some(reply) => (reply, true),
            None => (played.answer(request), false),
        })
    }

    fn fault(&self, played: &Played, request: &Recorded, reply: &Reply) -> Result<Option<Fault>, String> {
        let vendor = played.vendor.as_ref();
        if let Some(name) = request.header("x-fake-fault") {
            return name.parse().map(Some).map_err(|unknown: crate::UnknownFault| unknown.to_string());
        }
        if let Some(fault) = locked(&played.faults).pop_front() {
            return Ok(Some(fault));
        }
        let faults = self.faults.read().unwrap_or_else(PoisonError::into_inner);
        let Some(faults) = &*faults else { return Ok(None) };
        let number = self.seen.fetch_add(1, Ordering::Relaxed);
        Ok(faults.draw(number).find(|fault| fault.befalls(reply, vendor)))
    }
}

fn recorded(vendor: &'static str, path: &str, parts: &Parts, raw: Bytes) -> Recorded {
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in &parts.headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        headers
            .entry(name.as_str().to_owned())
            .and_modify(|known| *known = format!("{known}, {value}"))
            .or_insert_with(|| value.into_owned());
    }
    let fields = parts.uri.query().unwrap_or_default().split('&').filter(|field| !field.is_empty());
    let query = fields.map(|field| {
        let (name, value) = field.split_once('=').unwrap_or((field, ""));
        (decoded(name), decoded(value))
    });
    Recorded {
        vendor,
        method: parts.method.as_str().to_owned(),
        path: decoded(&path.replace('+', "%2B")),
        query: query.collect(),
        headers,
        body: serde_json::from_slice(&raw).unwrap_or(Value::Null),
        raw,
    }
}

/// A part of a URL without its escapes.
fn decoded(text: &str) -> String {
    let mut rest = text.as_bytes();
    let mut plain = Vec::with_capacity(text.len());
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    while let [byte, tail @ ..] = rest {
        let escaped = match tail {
            [high, low, ..] if *byte == b'%' => {
                digit(*high).zip(digit(*low)).map(|(high, low)| high * 16 + low)
            }
            _ => None,
        };
        plain.push(escaped.unwrap_or(if *byte == b'+' { b' ' } else { *byte }));
        rest = if escaped.is_some() { tail.get(2..).unwrap_or_default() } else { tail };
    }
    String::from_utf8_lossy(&plain).into_owned()
}

fn plain(status: u16, text: &str) -> Response {
    Sending::new(Reply::raw(status, "text/plain", text.to_owned()), Duration::ZERO).into_response()
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
