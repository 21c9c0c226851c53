use super::ORIGIN;
use greenroute_core::{Error, ErrorKind, Result};
use serde::Deserialize;
use std::fmt;

const FLAN_T5_BASE: &str = include_str!("../../../data/hub/flan_t5_base.toml");

/// Which files of which model on the hub, and at which revision.
///
/// By default they are `config.json`, `tokenizer.json` and the weights in safetensors, in one file or several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubModel {
    repo: String,
    revision: String,
    files: Files,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Files {
    Safetensors,
    Gguf(String),
}

#[derive(Deserialize)]
struct Pinned {
    repo: String,
    revision: String,
}

impl HubModel {
    /// The model `owner/name`, at the head of its branch `main`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for what cannot be a name on the hub.
    pub fn new(repo: impl Into<String>) -> Result<Self> {
        let repo = repo.into();
        let parts: Vec<_> = repo.split('/').collect();
        if parts.len() > 2 || !parts.iter().all(|part| is_name(part)) || repo.contains("--") {
            let message = format!("`{repo}` is no model of the hub: it must be `owner/name`");
            return Err(Error::new(ErrorKind::Config, ORIGIN, message));
        }
        Ok(Self { repo, revision: "main".into(), files: Files::Safetensors })
    }

    /// `google/flan-t5-base`, at a pinned commit.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for a data file that cannot be read, which this crate's tests would say first.
    pub fn flan_t5_base() -> Result<Self> {
        let pinned: Pinned = toml::from_str(FLAN_T5_BASE).map_err(|error| {
            Error::new(ErrorKind::Config, ORIGIN, "the pinned model cannot be read").with_source(error)
        })?;
        Self::new(pinned.repo)?.revision(pinned.revision)
    }

    /// At `revision`: a full commit hash, which pins every byte, or a branch or tag, which is asked for anew each
    /// time.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for what cannot be a revision.
    pub fn revision(mut self, revision: impl Into<String>) -> Result<Self> {
        self.revision = revision.into();
        if !is_path(&self.revision) {
            let message = format!("`{}` is no revision: a commit hash, branch or tag", self.revision);
            return Err(Error::new(ErrorKind::Config, ORIGIN, message));
        }
        Ok(self)
    }

    /// Only `file`, a GGUF file that holds the whole model; its path in the repository.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for what is no path to a GGUF file.
    pub fn gguf(mut self, file: impl Into<String>) -> Result<Self> {
        let file = file.into();
        if !is_path(&file) || !file.ends_with(".gguf") {
            let message = format!("`{file}` is no path of a GGUF file in a repository");
            return Err(Error::new(ErrorKind::Config, ORIGIN, message));
        }
        self.files = Files::Gguf(file);
        Ok(self)
    }

    /// Its name on the hub.
    #[must_use]
    pub fn repo(&self) -> &str {
        &self.repo
    }

    pub(super) fn revision_name(&self) -> &str {
        &self.revision
    }

    pub(super) fn files(&self) -> &Files {
        &self.files
    }

    /// The commit, where the revision is one.
    pub(super) fn commit(&self) -> Option<&str> {
        is_commit(&self.revision).then_some(self.revision.as_str())
    }
}

impl fmt::Display for HubModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` at `{}`", self.repo, self.revision)
    }
}

pub(super) fn is_commit(text: &str) -> bool {
    text.len() == 40 && is_hex(text)
}

pub(super) fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_name(text: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !text.is_empty() && !text.starts_with('.') && text.len() <= 96 && text.bytes().all(known)
}

/// Whether `text` names something below a folder, and nothing beside or above it: much of it comes from others.
pub(super) fn is_path(text: &str) -> bool {
    let odd = |c: char| c.is_control() || matches!(c, '\\' | ':' | '?' | '*' | '<' | '>' | '|' | '"');
    !text.contains(odd) && text.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_pinned_and_has_a_source() {
        let model = HubModel::flan_t5_base().unwrap();
        assert_eq!(model.repo(), "google/flan-t5-base");
        assert_eq!(model.commit(), Some(model.revision_name()));
        let facts: toml::Table = toml::from_str(FLAN_T5_BASE).unwrap();
        for key in ["source", "as_of"] {
            assert!(facts[key].as_str().is_some_and(|text| text.len() >= 10), "{key}");
        }
    }

    #[test]
    fn names_that_would_leave_the_cache_are_refused() {
        for repo in ["", "a/b/c", "../up", "a/..", "a/", "/a", "a b/c", "a/b?c", "a--b/c"] {
            assert!(HubModel::new(repo).is_err(), "{repo}");
        }
        let model = HubModel::new("owner/name").unwrap();
        for revision in ["", "..", "a/../b", "/a", "a\\b", "a\nb"] {
            assert!(model.clone().revision(revision).is_err(), "{revision}");
        }
        assert!(model.clone().revision("refs/pr/1").is_ok());
        for file in ["model.bin", "../model.gguf", "C:\\model.gguf", ".gguf/.."] {
            assert!(model.clone().gguf(file).is_err(), "{file}");
        }
        assert!(model.gguf("q4/model.gguf").is_ok());
    }
}
