//! The layout that Hugging Face tools share: `blobs/` by checksum, `snapshots/<commit>/` of links to them,
//! `refs/` from branches to commits, and locks beside the repositories.

use super::model::{Files, HubModel, is_commit, is_path};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{fs, io};

pub(super) const CONFIG: &str = "config.json";
pub(super) const TOKENIZER: &str = "tokenizer.json";
pub(super) const WEIGHTS: &str = "model.safetensors";
pub(super) const INDEX: &str = "model.safetensors.index.json";

/// One repository in the cache.
#[derive(Debug, Clone)]
pub(super) struct RepoCache {
    folder: PathBuf,
    locks: PathBuf,
}

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl RepoCache {
    pub(super) fn new(cache: &Path, model: &HubModel) -> Self {
        let name = format!("models--{}", model.repo().replace('/', "--"));
        Self { folder: cache.join(&name), locks: cache.join(".locks").join(name) }
    }

    pub(super) fn snapshot(&self, commit: &str) -> PathBuf {
        self.folder.join("snapshots").join(commit)
    }

    pub(super) fn blobs(&self) -> PathBuf {
        self.folder.join("blobs")
    }

    pub(super) fn blob(&self, checksum: &str) -> PathBuf {
        self.blobs().join(checksum)
    }

    /// The commit that a branch or tag had when it was last asked for.
    pub(super) fn reference(&self, revision: &str) -> Option<String> {
        let text = fs::read_to_string(self.folder.join("refs").join(revision)).ok()?;
        Some(text.trim().to_owned()).filter(|commit| is_commit(commit))
    }

    pub(super) fn refer(&self, revision: &str, commit: &str) -> io::Result<()> {
        let path = self.folder.join("refs").join(revision);
        fs::create_dir_all(path.parent().unwrap_or(&self.folder))?;
        fs::write(path, commit)
    }

    /// The file that whoever downloads a blob holds a lock of; never removed, as others may wait for it.
    pub(super) fn lock(&self, checksum: &str) -> io::Result<fs::File> {
        fs::create_dir_all(&self.locks)?;
        let path = self.locks.join(format!("{checksum}.lock"));
        fs::OpenOptions::new().create(true).write(true).truncate(false).open(path)
    }

    /// What a user of the model opens: the snapshot's folder or the one file; else the files that are missing.
    pub(super) fn find(&self, commit: &str, files: &Files) -> Result<PathBuf, Vec<String>> {
        let snapshot = self.snapshot(commit);
        let missing = |names: Vec<String>| -> Vec<String> {
            names.into_iter().filter(|name| !snapshot.join(name).is_file()).collect()
        };
        let (opened, wanted) = match files {
            Files::Gguf(file) => (snapshot.join(file), vec![file.clone()]),
            Files::Safetensors => {
                let mut wanted = vec![CONFIG.to_owned(), TOKENIZER.to_owned()];
                if snapshot.join(INDEX).is_file() && !snapshot.join(WEIGHTS).is_file() {
                    wanted.extend(shards(&snapshot.join(INDEX)).ok_or_else(|| vec![INDEX.to_owned()])?);
                } else {
                    wanted.push(WEIGHTS.to_owned());
                }
                (snapshot.clone(), wanted)
            }
        };
        let missing = missing(wanted);
        if missing.is_empty() { Ok(opened) } else { Err(missing) }
    }

    /// Lets `file` of the snapshot be the blob, by a relative link as the other tools make it, so that the cache
    /// may be moved.
    pub(super) fn link(&self, commit: &str, file: &str, checksum: &str) -> io::Result<()> {
        let pointer = self.snapshot(commit).join(file);
        fs::create_dir_all(pointer.parent().unwrap_or(&self.folder))?;
        if pointer.is_file() {
            return Ok(());
        }
        // A link to nowhere, such as of a blob that was deleted by hand.
        if pointer.is_symlink() {
            fs::remove_file(&pointer)?;
        }
        let up = "../".repeat(file.split('/').count() + 1);
        match link(Path::new(&format!("{up}blobs/{checksum}")), &self.blob(checksum), &pointer) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            other => other,
        }
    }
}

#[cfg(unix)]
fn link(relative: &Path, _: &Path, pointer: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(relative, pointer)
}

// Links need a privilege there, and the other tools copy too.
#[cfg(not(unix))]
fn link(_: &Path, blob: &Path, pointer: &Path) -> io::Result<()> {
    fs::copy(blob, pointer).map(|_| ())
}

/// The files that an index of several names; `None` where it cannot be read or names what is no file beside it.
fn shards(index: &Path) -> Option<BTreeSet<String>> {
    let index: Index = serde_json::from_slice(&fs::read(index).ok()?).ok()?;
    let shards: BTreeSet<_> = index.weight_map.into_values().collect();
    (!shards.is_empty() && shards.iter().all(|shard| is_path(shard))).then_some(shards)
}
