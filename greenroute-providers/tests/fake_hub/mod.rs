//! A hub on loopback: real HTTP, the protocol as `hf-hub` and Python's `huggingface_hub` speak it, and faults.
//!
//! Small files redirect to a path of the hub itself and large ones to another host, as the real hub does;
//! the listing states a large file's SHA-256 as `oid`, the description as `sha256`.

mod http;

use http::{Answer, Request};
use serde_json::json;
use sha2::Digest;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
pub(crate) const REPO: &str = "tiny/model";
/// What the hub knows.
pub(crate) const TOKEN: &str = "hf_aTokenThatNobodyElseMaySee";

/// What goes wrong, until it is set otherwise.
#[derive(Clone, Default)]
pub(crate) struct Faults {
    /// Large files break off after so many bytes of each answer, so many times.
    pub(crate) cut: Option<(usize, usize)>,
    /// Large files say nothing more after so many bytes of each answer.
    pub(crate) stall: Option<usize>,
    /// Large files come with another byte in the middle.
    pub(crate) corrupt: bool,
    /// Large files come whole, whatever range is asked for.
    pub(crate) no_ranges: bool,
    /// The licence must be accepted; only this token's account has.
    pub(crate) gated: Option<&'static str>,
    /// The weights are said to have so many bytes.
    pub(crate) claimed_size: Option<u64>,
    /// The description says nothing.
    pub(crate) mute: bool,
    /// Everything is answered with this status, and with the token that was sent.
    pub(crate) status: Option<u16>,
}

/// A request that came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) cdn: bool,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) range: Option<String>,
    pub(crate) authorization: Option<String>,
}

#[derive(Default)]
struct State {
    files: BTreeMap<String, Vec<u8>>,
    faults: Faults,
    seen: Vec<Seen>,
}

pub(crate) struct FakeHub {
    state: Arc<Mutex<State>>,
    hub: SocketAddr,
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn git_blob(bytes: &[u8]) -> String {
    let mut sum = sha1::Sha1::new_with_prefix(format!("blob {}\0", bytes.len()));
    sum.update(bytes);
    sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn is_large(path: &str) -> bool {
    path.ends_with(".safetensors") || path.ends_with(".gguf")
}

impl FakeHub {
    pub(crate) fn start(files: &[(&str, Vec<u8>)]) -> Self {
        let files = files.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.clone())).collect();
        let state = Arc::new(Mutex::new(State { files, ..State::default() }));
        let [hub, cdn] = [(); 2].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
        let [at_hub, at_cdn] = [&hub, &cdn].map(|listener| listener.local_addr().unwrap());
        for (listener, is_cdn) in [(hub, false), (cdn, true)] {
            let state = Arc::clone(&state);
            std::thread::spawn(move || {
                for stream in listener.incoming().map_while(Result::ok) {
                    let state = Arc::clone(&state);
                    std::thread::spawn(move || serve(&state, stream, is_cdn, at_cdn));
                }
            });
        }
        Self { state, hub: at_hub }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.hub)
    }

    pub(crate) fn set(&self, faults: Faults) {
        self.state.lock().unwrap().faults = faults;
    }

    /// The requests since this was asked last.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.state.lock().unwrap().seen)
    }
}

fn serve(state: &Mutex<State>, mut stream: TcpStream, cdn: bool, at_cdn: SocketAddr) {
    let Some(request) = http::read(&mut stream) else { return };
    let (answer, faults) = {
        let mut state = state.lock().unwrap();
        state.seen.push(Seen {
            cdn,
            method: request.method.clone(),
            path: request.path.clone(),
            range: request.header("range"),
            authorization: request.header("authorization"),
        });
        let answer = if cdn { blob(&state, &request) } else { hub(&state, &request, at_cdn) };
        let mut faults = state.faults.clone();
        if let (true, "GET", Some((_, times))) = (cdn, request.method.as_str(), &mut state.faults.cut) {
            *times = times.saturating_sub(1);
        }
        faults.cut = faults.cut.filter(|(_, times)| cdn && *times > 0);
        (answer, faults)
    };
    if faults.mute && !cdn {
        std::thread::sleep(Duration::from_secs(20));
        return;
    }
    let stop = faults.cut.map(|(after, _)| after).or(faults.stall.filter(|_| cdn));
    let whole = answer.write(&mut stream, request.method == "HEAD", stop);
    if !whole && faults.stall.is_some() {
        std::thread::sleep(Duration::from_secs(20));
    }
}

/// The other host: knows blobs by their sum, and nothing of tokens.
fn blob(state: &State, request: &Request) -> Answer {
    if request.header("authorization").is_some() {
        return Answer::new(400).with("X-Error-Message", "a token has no business here");
    }
    let wanted = request.path.trim_start_matches("/blob/");
    let Some(bytes) = state.files.values().find(|bytes| sha256(bytes) == wanted) else {
        return Answer::new(404);
    };
    let mut bytes = bytes.clone();
    if state.faults.corrupt {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    }
    let answer = Answer::new(200).with("ETag", "\"of-the-store\"").with("Accept-Ranges", "bytes");
    match request.range(bytes.len()).filter(|_| !state.faults.no_ranges) {
        Some(range) => answer.part(&bytes, range),
        None => answer.body(bytes),
    }
}

fn hub(state: &State, request: &Request, at_cdn: SocketAddr) -> Answer {
    let refusal = |status, code: &str, text: &str| {
        Answer::new(status).with("X-Error-Code", code).with("X-Error-Message", text)
    };
    if request.header("user-agent").is_none() {
        return refusal(400, "", "who asks?");
    }
    let token = request.header("authorization").map(|value| value.replace("Bearer ", ""));
    if let Some(status) = state.faults.status {
        return refusal(status, "", &format!("seen: {}", token.unwrap_or_default()));
    }
    if token.as_ref().is_some_and(|token| !token.starts_with("hf_")) {
        return refusal(401, "", "Invalid credentials in Authorization header");
    }
    let path = request.path.trim_start_matches('/');
    let Some(rest) = ["api/models/", "api/resolve-cache/models/", ""]
        .iter()
        .find_map(|prefix| path.strip_prefix(prefix)?.strip_prefix(REPO))
    else {
        let status = if token.is_some() { 404 } else { 401 };
        return refusal(status, "RepoNotFound", "Repository not found");
    };
    let parts: Vec<_> = rest.trim_start_matches('/').split('/').collect();
    let (kind, revision, file) = match parts.as_slice() {
        [""] => ("revision", "main", String::new()),
        [kind @ ("revision" | "tree"), revision] => (*kind, *revision, String::new()),
        ["resolve", revision, file @ ..] => ("resolve", *revision, file.join("/")),
        [revision, file @ ..] if path.starts_with("api/resolve-cache/") => {
            ("small", *revision, file.join("/"))
        }
        _ => return Answer::new(404),
    };
    if !["main", COMMIT].contains(&revision) {
        return refusal(404, "RevisionNotFound", "Invalid rev id");
    }
    match kind {
        "revision" => describe(state, request.query.contains("blobs=true")),
        "tree" => list(state),
        _ => {
            if let Some(accepted) = state.faults.gated.filter(|accepted| token.as_deref() != Some(*accepted))
            {
                let _ = accepted;
                let status = if token.is_some() { 403 } else { 401 };
                return refusal(status, "GatedRepo", "Access to model tiny/model is restricted.");
            }
            resolve(state, request, kind == "small", &file, at_cdn)
        }
    }
}

fn resolve(state: &State, request: &Request, small: bool, file: &str, at_cdn: SocketAddr) -> Answer {
    let answer = |status| Answer::new(status).with("X-Repo-Commit", COMMIT).with("Accept-Ranges", "bytes");
    let Some(bytes) = state.files.get(file) else {
        return answer(404).with("X-Error-Code", "EntryNotFound").with("X-Error-Message", "Entry not found");
    };
    let etag = format!("\"{}\"", if is_large(file) { sha256(bytes) } else { git_blob(bytes) });
    if small {
        let answer = answer(200).with("ETag", &etag);
        return match request.range(bytes.len()) {
            Some(range) => answer.part(bytes, range),
            None => answer.body(bytes.clone()),
        };
    }
    if is_large(file) {
        let size = state.faults.claimed_size.unwrap_or(bytes.len().try_into().unwrap());
        let place = format!("http://localhost:{}/blob/{}", at_cdn.port(), sha256(bytes));
        let answer = answer(302).with("ETag", "\"of-the-redirect\"").with("Location", &place);
        return answer.with("X-Linked-Etag", &etag).with("X-Linked-Size", &size.to_string());
    }
    let place = format!("/api/resolve-cache/models/{REPO}/{COMMIT}/{file}");
    let size = bytes.len().to_string();
    answer(307).with("ETag", &etag).with("Location", &place).with("X-Linked-Size", &size)
}

fn size(state: &State, path: &str, bytes: &[u8]) -> u64 {
    let claimed = state.faults.claimed_size.filter(|_| is_large(path));
    claimed.unwrap_or(bytes.len().try_into().unwrap())
}

fn describe(state: &State, blobs: bool) -> Answer {
    let siblings = state.files.iter().map(|(path, bytes)| {
        let mut sibling = json!({ "rfilename": path });
        if blobs {
            sibling["size"] = size(state, path, bytes).into();
            sibling["blobId"] = git_blob(bytes).into();
            if is_large(path) {
                let size = size(state, path, bytes);
                sibling["lfs"] = json!({ "sha256": sha256(bytes), "size": size, "pointerSize": 134 });
            }
        }
        sibling
    });
    let siblings: Vec<_> = siblings.collect();
    Answer::new(200).json(&json!({
        "_id": "1", "id": REPO, "modelId": REPO, "sha": COMMIT, "private": false, "gated": false,
        "tags": [], "downloads": 1, "likes": 1, "siblings": siblings,
    }))
}

fn list(state: &State) -> Answer {
    let entries = state.files.iter().map(|(path, bytes)| {
        let size = size(state, path, bytes);
        let mut entry = json!({ "type": "file", "path": path, "size": size, "oid": git_blob(bytes) });
        if is_large(path) {
            entry["lfs"] = json!({ "oid": sha256(bytes), "size": size, "pointerSize": 134 });
        }
        entry
    });
    Answer::new(200).json(&entries.collect())
}
