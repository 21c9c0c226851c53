//! What can go wrong with the hub, and what to do about it.

use super::model::{Files, HubModel};
use super::remote::Described;
use super::{Hub, ORIGIN};
use greenroute_core::{Error, ErrorKind};
use hf_hub::HFError;
use std::io;
use std::path::Path;
use std::time::Duration;

/// More of what a server says is not repeated.
const LONGEST: usize = 200;

fn error(kind: ErrorKind, message: impl Into<String>) -> Error {
    Error::new(kind, ORIGIN, message)
}

fn what(model: &HubModel, file: Option<&str>) -> String {
    file.map_or_else(|| model.to_string(), |file| format!("`{file}` of {model}"))
}

/// What `hf-hub` reports. It is not kept as the source: it holds what the server said, signed addresses included.
pub(super) fn remote(hub: &Hub, model: &HubModel, file: Option<&str>, fault: HFError) -> Error {
    let what = what(model, file);
    match fault {
        HFError::RateLimited { retry_after, .. } => {
            let message =
                format!("{what}: {} asks for fewer requests; a token has a larger share", hub.endpoint);
            error(ErrorKind::RateLimited { after: retry_after }, message)
        }
        HFError::Http { context }
        | HFError::AuthRequired { context }
        | HFError::Forbidden { context }
        | HFError::Conflict { context }
        | HFError::RepoNotFound { context: Some(context), .. }
        | HFError::RevisionNotFound { context: Some(context), .. }
        | HFError::EntryNotFound { context: Some(context), .. } => {
            let said = said(hub, context.server_message.as_deref());
            let status = context.status.as_u16();
            answered(hub, model, file, status, context.error_code.as_deref().unwrap_or_default(), &said)
        }
        HFError::Request { source, .. } if source.is_timeout() => silent(hub, model, file),
        HFError::Request { source, .. } => {
            let (connect, source) = (source.is_connect(), source.without_url());
            let message = if connect {
                format!(
                    "{what}: {} cannot be reached: check the network, HF_ENDPOINT and proxies",
                    hub.endpoint
                )
            } else {
                format!("{what}: the connection broke off; what came is kept, fetch again")
            };
            error(ErrorKind::Connection, message).with_source(source)
        }
        HFError::Xet { operation, .. } => error(
            ErrorKind::Connection,
            format!("{what}: the hub's Xet store failed ({operation}); fetch again"),
        ),
        HFError::Io(source) => io(&hub.cache, source),
        HFError::MalformedResponse { .. } | HFError::Json(_) => {
            let message = format!("{what}: {} answers unlike a hub: check HF_ENDPOINT", hub.endpoint);
            error(ErrorKind::Decode, message)
        }
        HFError::Url(_) => error(ErrorKind::Config, "HF_ENDPOINT (`endpoint`) is no address of a web server"),
        _ => error(ErrorKind::Internal, format!("{what}: hf-hub failed")),
    }
}

fn answered(hub: &Hub, model: &HubModel, file: Option<&str>, status: u16, code: &str, said: &str) -> Error {
    let (endpoint, repo) = (&hub.endpoint, model.repo());
    let missing = |message| error(ErrorKind::ModelNotFound, message);
    match (status, code) {
        (401 | 403, "GatedRepo") => {
            let kind = if status == 401 { ErrorKind::Authentication } else { ErrorKind::PermissionDenied };
            let then = if hub.token.is_some() {
                "with the account of the token that is set (HF_TOKEN)"
            } else {
                "then set HF_TOKEN to a token of that account"
            };
            let message = format!("`{repo}` is gated: accept the licence at {endpoint}/{repo}, {then}{said}");
            error(kind, message)
        }
        (401 | 404, "RepoNotFound") => missing(format!(
            "{endpoint} has no model `{repo}` (wanted at `{}`), or it is private: check the name, or set HF_TOKEN",
            model.revision_name()
        )),
        (404, "RevisionNotFound") => missing(format!("`{repo}` has no revision `{}`", model.revision_name())),
        (404, _) => match file {
            Some(file) => no_file(model, file),
            None => missing(format!("{endpoint} has no {model}")),
        },
        (401, _) if hub.token.is_some() => {
            let message =
                format!("{endpoint} refuses the token: set HF_TOKEN to one of {endpoint}/settings/tokens");
            error(ErrorKind::Authentication, message + said)
        }
        (401, _) => {
            let message =
                format!("`{repo}` needs a token: accept its licence at {endpoint}/{repo}, set HF_TOKEN");
            error(ErrorKind::Authentication, message + said)
        }
        (403, _) => {
            let message = format!(
                "{endpoint} denies {}: accept its licence at {endpoint}/{repo}, and set HF_TOKEN to a token that \
                 may read it{said}",
                what(model, file)
            );
            error(ErrorKind::PermissionDenied, message)
        }
        (408 | 504, _) => silent(hub, model, file),
        (503, _) => {
            error(ErrorKind::Overloaded, format!("{endpoint} is overloaded; fetch again later{said}"))
        }
        (500.., _) => {
            error(ErrorKind::Server, format!("{}: {endpoint} failed with {status}{said}", what(model, file)))
        }
        _ => {
            error(ErrorKind::Decode, format!("{}: {endpoint} answers with {status}{said}", what(model, file)))
        }
    }
}

/// What the server says, fit for a message: short, of one line, and without the token should it be echoed.
fn said(hub: &Hub, text: Option<&str>) -> String {
    let mut text = text.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some(token) = &hub.token {
        text = text.replace(token, "[token]");
    }
    let short: String = text.chars().take(LONGEST).collect();
    if short.is_empty() { short } else { format!(" (it says: {short})") }
}

pub(super) fn silent(hub: &Hub, model: &HubModel, file: Option<&str>) -> Error {
    let seconds = hub.timeout.max(Duration::from_millis(1)).as_secs_f64();
    let what = what(model, file);
    let message =
        format!("{what}: {} said nothing for {seconds} s; what came is kept, fetch again", hub.endpoint);
    error(ErrorKind::Timeout, message)
}

pub(super) fn cut(model: &HubModel, file: &Described, length: u64) -> Error {
    let message = format!(
        "`{}` of {model}: the download broke off again and again, at {length} of {} bytes; what came is kept, \
         fetch again",
        file.path, file.size
    );
    error(ErrorKind::Connection, message)
}

/// `found` is the sum of as many bytes as were stated; without it more came.
pub(super) fn wrong(model: &HubModel, file: &Described, found: Option<String>) -> Error {
    let Described { path, size, checksum } = file;
    let (name, stated) = (checksum.name(), checksum.value());
    let what = match found {
        Some(found) => format!("has the {name} {found}, but the hub states {stated}"),
        None => format!("has more than its {size} bytes (its {name} would be {stated})"),
    };
    let message = format!(
        "`{path}` of {model} {what}; nothing of it is kept: fetch again, and check HF_ENDPOINT and proxies if it \
         stays so"
    );
    error(ErrorKind::Decode, message)
}

pub(super) fn no_checksum(model: &HubModel, file: &str) -> Error {
    error(
        ErrorKind::Decode,
        format!("the hub states no checksum of `{file}` of {model}, so it is not fetched"),
    )
}

pub(super) fn no_file(model: &HubModel, file: &str) -> Error {
    let wanted = match model.files() {
        Files::Gguf(_) => "check its path",
        Files::Safetensors => "config.json, tokenizer.json and safetensors are needed, or name a GGUF file",
    };
    error(ErrorKind::ModelNotFound, format!("{model} has no `{file}`: {wanted}"))
}

pub(super) fn locked(model: &HubModel, file: &str) -> Error {
    let message =
        format!("`{file}` of {model} is being fetched by another process, which does not get on with it");
    error(ErrorKind::Timeout, message)
}

pub(super) fn full(hub: &Hub, file: &str, needed: u64, free: Option<u64>) -> Error {
    let free = free.map_or_else(String::new, |free| format!(", where {free} are free"));
    let message = format!(
        "`{file}` does not fit: {needed} bytes are needed in `{}`{free}; make room, raise the limit of a file's \
         size, or set HF_HUB_CACHE to a folder elsewhere",
        hub.cache.display()
    );
    error(ErrorKind::Config, message)
}

pub(super) fn io(path: &Path, source: io::Error) -> Error {
    let message =
        format!("`{}` cannot be read or written: check the folder, or set HF_HUB_CACHE", path.display());
    error(ErrorKind::Config, message).with_source(source)
}

pub(super) fn no_thread(source: io::Error) -> Error {
    error(ErrorKind::Internal, "no thread can be started to fetch by").with_source(source)
}

pub(super) fn offline(hub: &Hub, model: &HubModel, missing: &[String]) -> Error {
    let missing = if missing.is_empty() {
        "nothing of it is there".into()
    } else {
        format!("`{}` missing", missing.join("`, `"))
    };
    let file = match model.files() {
        Files::Gguf(file) => format!(" {file}"),
        Files::Safetensors => String::new(),
    };
    let message = format!(
        "{model} is not whole in `{}` ({missing}), and the hub may not be asked: unset HF_HUB_OFFLINE, or run `hf \
         download {}{file} --revision {}` where there is a network and copy the cache",
        hub.cache.display(),
        model.repo(),
        model.revision_name()
    );
    error(ErrorKind::ModelNotFound, message)
}
