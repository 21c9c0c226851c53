//! What can be wrong with a model file, and how it reaches the user.

use super::NAME;
use greenroute_core::{Error, ErrorKind};
use std::path::Path;

/// The architectures that have a forward pass here.
const ARCHITECTURES: &str = "gemma3";

/// What is wrong with a model file.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileFault {
    #[error("cannot be read")]
    Io(#[from] std::io::Error),
    #[error("is no GGUF file")]
    NotGguf,
    #[error("is GGUF version {0}; versions 2 and 3 are known here")]
    Version(u32),
    #[error("is cut short: {needed} bytes are wanted at byte {at} of {size}")]
    Truncated { at: u64, needed: u64, size: u64 },
    #[error("claims {count} {what}, more than the {most} that are believed")]
    TooMany { what: &'static str, count: u64, most: u64 },
    #[error("has text that is no UTF-8 at byte {at}")]
    NotUtf8 { at: u64 },
    #[error("has a value of unknown kind {kind} before byte {at}")]
    ValueKind { kind: u32, at: u64 },
    #[error("has `{0}` twice")]
    Twice(String),
    #[error("has a tensor `{name}` that {fault}")]
    Tensor { name: String, fault: &'static str },
    #[error("has a tensor `{name}` of shape {found:?} where {expected:?} is needed")]
    Shape { name: String, found: Vec<usize>, expected: Vec<usize> },
    #[error("lacks `{0}`")]
    Missing(String),
    #[error("has a `{key}` that must be {allowed}")]
    WrongValue { key: String, allowed: &'static str },
    #[error("is of architecture `{0}`; supported here: {ARCHITECTURES}")]
    Architecture(String),
    #[error("cannot be loaded")]
    Candle(#[from] candle_core::Error),
}

impl FileFault {
    /// The error for whoever asked to open `path`.
    pub(super) fn at(self, path: &Path) -> Error {
        let error = Error::new(ErrorKind::Config, NAME, format!("`{}` {self}", path.display()));
        match self {
            Self::Io(source) => error.with_source(source),
            Self::Candle(source) => error.with_source(source),
            _ => error,
        }
    }
}
