//! What can be wrong with a model file, and how it reaches the user.

use super::NAME;
use greenroute_core::{Error, ErrorKind};
use std::path::Path;

/// The architectures that have a forward pass here.
const ARCHITECTURES: &str = "gemma3, t5";

/// What is wrong with a model file.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileFault {
    #[error("cannot be read")]
    Io(#[from] std::io::Error),
    #[error("is no GGUF file")]
    NotGguf,
    #[error("is no safetensors file, or has a broken head")]
    NotSafetensors(#[source] serde_json::Error),
    #[error("is no JSON of the expected form")]
    Json(#[from] serde_json::Error),
    #[error("has a `{file}` that {fault}")]
    Inside { file: String, fault: Box<Self> },
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
    #[error("needs {} for its weights, and {} can be had", mega(*needed), mega(*available))]
    TooLarge { needed: u64, available: u64 },
    #[error("cannot be loaded")]
    Candle(#[from] candle_core::Error),
}

/// Rounded up: what is needed must not look smaller than it is.
fn mega(bytes: u64) -> String {
    format!("{} MB", bytes.div_ceil(1_000_000))
}

impl FileFault {
    /// The same fault of a file within a folder.
    pub(super) fn inside(self, file: &str) -> Self {
        Self::Inside { file: file.to_owned(), fault: Box::new(self) }
    }

    /// The error for whoever asked to open `path`.
    pub(super) fn at(self, path: &Path) -> Error {
        let error = Error::new(ErrorKind::Config, NAME, format!("`{}` {self}", path.display()));
        match self.innermost() {
            Self::Io(source) => error.with_source(source),
            Self::Candle(source) => error.with_source(source),
            Self::Json(source) | Self::NotSafetensors(source) => error.with_source(source),
            _ => error,
        }
    }

    fn innermost(self) -> Self {
        match self {
            Self::Inside { fault, .. } => fault.innermost(),
            fault => fault,
        }
    }
}
