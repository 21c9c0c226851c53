//! From a request to its answer: the key, what was laid down, the vendor and its mind, the fault.

use crate::asked::{Asked, Recorded};
use crate::fault::Fault;
use crate::faults::{Faults, Tally};
use crate::fixture::Fixture;
use crate::line::{Handle, Line};
use crate::mind;
use crate::reply::Reply;
use crate::said::SaidChat;
use crate::spoil::Sending;
use crate::vendor::{Model, Trouble, Vendor};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::response::Response;
use bytes::Bytes;
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

/// The longest body that is read, in bytes.
const LONGEST: usize = 64 << 20;

/// What every request sees.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) key: String,
    pub(crate) latency: Duration,
    pub(crate) pace: Duration,
    pub(crate) recording: bool,
    pub(crate) played: BTreeMap<&'static str, Played>,
    pub(crate) log: Mutex<Vec<Arc<Recorded>>>,
    pub(crate) faults: RwLock<Option<Faults>>,
    /// How many requests the faults by share have seen.
    pub(crate) drawn: AtomicU64,
    /// How many requests came in all.
    pub(crate) seen: AtomicU64,
    /// How many answers it thought of itself: ids are made of it.
    pub(crate) answers: AtomicU64,
    pub(crate) tally: Mutex<Tally>,
}

/// One vendor, and what was laid down for it.
#[derive(Debug)]
pub(crate) struct Played {
    pub(crate) vendor: Arc<dyn Vendor>,
    pub(crate) models: Vec<Model>,
    pub(crate) faults: Mutex<VecDeque<Fault>>,
    pub(crate) replies: Mutex<VecDeque<Reply>>,
    pub(crate) always: RwLock<Option<Sending>>,
}

impl Played {
    pub(crate) fn new(vendor: Arc<dyn Vendor>, models: Vec<Model>) -> Self {
        Self {
            vendor,
            models,
            faults: Mutex::default(),
            replies: Mutex::default(),
            always: RwLock::default(),
        }
    }

    fn knows(&self, request: &Recorded, key: &str) -> bool {
        let headers = self.vendor.key_headers();
        let mut given = headers.iter().filter_map(|(name, prefix)| Some((request.header(name)?, *prefix)));
        headers.is_empty()
            || given.next().is_some_and(|(value, prefix)| value.strip_prefix(prefix) == Some(key))
    }
}

/// What a vendor, with these models more, says to a request that nothing was laid down for.
pub(crate) fn answer(vendor: &dyn Vendor, more: &[Model], request: &Recorded, number: u64) -> Reply {
    let mut asked = match vendor.read(request) {
        Ok(asked) => asked,
        Err(refusal) => return refusal,
    };
    let model = |id: &str, embeds: bool| {
        let own = more.iter().find(|model| model.id == id).cloned();
        let found = own.or_else(|| vendor.model(id)).filter(|model| model.embeds == embeds);
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
            let said = SaidChat { number, ..mind::say(chat) };
            Ok(vendor.chat(chat, &said).numbered(number))
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
            let mut models = vendor.models().to_vec();
            models.extend(more.iter().cloned());
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

/// Answers a request, or never does.
pub(crate) async fn handle(
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
    let always = read(&played.always).clone();
    if let Some(sending) = always {
        return sending.into_response();
    }
    state.seen.fetch_add(1, Ordering::Relaxed);
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
        let fault = self.fault(played, request, &reply)?.filter(|fault| fault.befalls(&reply, vendor));
        if let Some(fault) = fault {
            *locked(&self.tally).entry(fault.to_string()).or_default() += 1;
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
            None => {
                let number = self.answers.fetch_add(1, Ordering::Relaxed);
                (answer(played.vendor.as_ref(), &played.models, request, number), false)
            }
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
        let faults = read(&self.faults);
        let Some(faults) = &*faults else { return Ok(None) };
        let number = self.drawn.fetch_add(1, Ordering::Relaxed);
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

pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn written<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}
