use super::cache::{CONFIG, INDEX, RepoCache, TOKENIZER, WEIGHTS};
use super::model::{Files, HubModel, is_path};
use super::partial::Partial;
use super::remote::{Described, Listing, Remote};
use super::{Hub, fault, space};
use greenroute_core::{Error, ErrorKind, Result};
use std::fs::{self, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How often a download may break off without a new byte before it is given up.
const MOST_BARREN: u32 = 3;
const PAUSE: Duration = Duration::from_millis(200);

/// How far a fetch has come.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// The file that the last bytes are of.
    pub file: String,
    /// How many bytes of the model are here, those of earlier calls included. Fewer than before where a file
    /// begins again.
    pub bytes: u64,
    /// How many it has.
    pub total: u64,
}

pub(super) type Report<'a> = dyn FnMut(Progress) + Send + 'a;

/// Fetches what is missing and gives what a user of the model opens.
pub(super) fn fetch(hub: &Hub, model: &HubModel, cache: &RepoCache, report: &mut Report) -> Result<PathBuf> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| fault::io(&hub.cache, error))?;
    let fetched = runtime.block_on(async {
        let remote = Remote::new(hub, model)?;
        let Listing { commit, mut files } = match remote.list().await {
            Ok(listing) => listing,
            // A branch whose head cannot be asked for: what it was the last time is better than nothing. A download
            // that breaks off later is an error: the head is known then, and it is not what is here.
            Err(error) if matches!(error.kind(), ErrorKind::Connection | ErrorKind::Timeout) => {
                let last = cache.reference(model.revision_name());
                return last.and_then(|commit| cache.find(&commit, model.files()).ok()).ok_or(error);
            }
            Err(error) => return Err(error),
        };
        let wanted = select(model, &files.keys().map(String::as_str).collect::<Vec<_>>())?;
        let wanted = wanted.into_iter().map(|path| match files.remove(&path) {
            Some(Some(file)) => Ok(file),
            Some(None) => Err(fault::no_checksum(model, &path)),
            None => Err(fault::no_file(model, &path)),
        });
        let wanted = wanted.collect::<Result<Vec<_>>>()?;
        let total = wanted.iter().map(|file| file.size).fold(0, u64::saturating_add);
        let mut fetch = Fetch { hub, model, cache, remote, commit, done: 0, total, report };
        fetch.all(&wanted).await
    });
    // A name that is still being looked up is not waited for.
    runtime.shutdown_background();
    fetched
}

/// The files of a model, from the names of all files there are.
fn select(model: &HubModel, names: &[&str]) -> Result<Vec<String>> {
    let there = |name: &str| names.contains(&name);
    let mut wanted = match model.files() {
        Files::Gguf(file) => return Ok(vec![file.clone()]),
        Files::Safetensors => vec![CONFIG.to_owned(), TOKENIZER.to_owned()],
    };
    if there(WEIGHTS) || !there(INDEX) {
        wanted.push(WEIGHTS.to_owned());
    } else {
        wanted.push(INDEX.to_owned());
        let is_shard = |name: &&&str| name.starts_with("model-") && name.ends_with(".safetensors");
        wanted.extend(names.iter().filter(is_shard).map(|name| (*name).to_owned()));
    }
    match wanted.iter().find(|name| !there(name) || !is_path(name)) {
        Some(missing) => Err(fault::no_file(model, missing)),
        None => Ok(wanted),
    }
}

struct Fetch<'a, 'r> {
    hub: &'a Hub,
    model: &'a HubModel,
    cache: &'a RepoCache,
    remote: Remote<'a>,
    commit: String,
    done: u64,
    total: u64,
    report: &'a mut Report<'r>,
}

/// How an answer with bytes ended.
enum Ended {
    Early,
    Whole,
    TooLong,
}

impl Fetch<'_, '_> {
    async fn all(&mut self, wanted: &[Described]) -> Result<PathBuf> {
        let blobs = self.cache.blobs();
        fs::create_dir_all(&blobs).map_err(|error| fault::io(&blobs, error))?;
        self.room(wanted, &blobs)?;
        for file in wanted {
            let blob = self.cache.blob(file.checksum.value());
            if !self.cache.snapshot(&self.commit).join(&file.path).is_file() {
                if !blob.is_file() {
                    let _lock = self.lock(file).await?;
                    if !blob.is_file() {
                        self.download(file, &blob).await?;
                    }
                }
                let link = self.cache.link(&self.commit, &file.path, file.checksum.value());
                link.map_err(|error| fault::io(&blob, error))?;
            }
            self.done = self.done.saturating_add(file.size);
            self.tell(file, 0);
        }
        if self.model.commit().is_none() {
            let refer = self.cache.refer(self.model.revision_name(), &self.commit);
            refer.map_err(|error| fault::io(&blobs, error))?;
        }
        let found = self.cache.find(&self.commit, self.model.files());
        found.map_err(|missing| fault::no_file(self.model, &missing.join("`, `")))
    }

    fn tell(&mut self, file: &Described, of_file: u64) {
        let bytes = self.done.saturating_add(of_file);
        (self.report)(Progress { file: file.path.clone(), bytes, total: self.total });
    }

    /// Refuses before the first byte what cannot be finished.
    fn room(&self, wanted: &[Described], blobs: &Path) -> Result<()> {
        let missing = |file: &&Described| !self.cache.blob(file.checksum.value()).is_file();
        let begun = |file: &Described| {
            let partial = Partial::path(&self.cache.blob(file.checksum.value()));
            fs::metadata(partial).map_or(0, |found| found.len())
        };
        let missing: Vec<_> = wanted.iter().filter(missing).collect();
        let left = missing.iter().map(|file| file.size.saturating_sub(begun(file)));
        let needed = left.fold(0, u64::saturating_add);
        match (missing.iter().max_by_key(|file| file.size), space::free(blobs)) {
            (Some(file), Some(free)) if free < needed => {
                Err(fault::full(self.hub, &file.path, needed, Some(free)))
            }
            _ => Ok(()),
        }
    }

    /// Waits while another process downloads the same file, as long as it gets on with it.
    async fn lock(&self, file: &Described) -> Result<fs::File> {
        let blob = self.cache.blob(file.checksum.value());
        let lock = self.cache.lock(file.checksum.value()).map_err(|error| fault::io(&blob, error))?;
        let seen = || fs::metadata(Partial::path(&blob)).map_or(0, |found| found.len());
        let (mut last, mut since) = (seen(), Instant::now());
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(lock),
                // A file system without locks: two downloads at once would both fail the checksum, at worst.
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
                    return Ok(lock);
                }
                Err(TryLockError::Error(error)) => return Err(fault::io(&blob, error)),
                Err(TryLockError::WouldBlock) if since.elapsed() > self.hub.timeout => {
                    return Err(fault::locked(self.model, &file.path));
                }
                Err(TryLockError::WouldBlock) => sleep(PAUSE / 2).await,
            }
            let now = seen();
            if now != last {
                (last, since) = (now, Instant::now());
            }
        }
    }

    async fn download(&mut self, file: &Described, blob: &Path) -> Result<()> {
        let broken = |error| fault::io(blob, error);
        let mut partial = Partial::open(blob, &file.checksum, file.size).map_err(broken)?;
        let (mut barren, mut afresh) = (0, false);
        loop {
            let before = partial.length();
            let ended = match self.receive(file, &mut partial).await {
                Ok(ended) => ended,
                Err(Stop::Write(error)) if space::is_full(&error) => {
                    partial.discard();
                    return Err(self.full(file, error));
                }
                Err(Stop::Write(error)) => return Err(broken(error)),
                Err(Stop::Remote(error))
                    if *error.kind() == ErrorKind::Connection && barren < MOST_BARREN =>
                {
                    Ended::Early
                }
                Err(Stop::Remote(error)) => return Err(error),
            };
            if matches!(ended, Ended::Early) {
                barren = if partial.length() > before { 0 } else { barren + 1 };
                if barren > MOST_BARREN {
                    return Err(fault::cut(self.model, file, partial.length()));
                }
                partial.resume();
                sleep(PAUSE * barren).await;
                continue;
            }
            let found = partial.sum();
            if matches!(ended, Ended::Whole) && found == file.checksum.value() {
                return partial.keep(blob).map_err(|error| {
                    if space::is_full(&error) { self.full(file, error) } else { broken(error) }
                });
            }
            if !partial.is_resumed() || afresh {
                partial.discard();
                return Err(fault::wrong(self.model, file, matches!(ended, Ended::Whole).then_some(found)));
            }
            // What was left by another call, or continued by another answer, may be of another file.
            afresh = true;
            partial.clear().map_err(broken)?;
        }
    }

    fn full(&self, file: &Described, error: io::Error) -> Error {
        let free = space::free(&self.cache.blobs());
        fault::full(self.hub, &file.path, file.size, free).with_source(error)
    }

    /// Takes one answer's bytes.
    async fn receive(&mut self, file: &Described, partial: &mut Partial) -> Result<Ended, Stop> {
        if partial.length() == file.size {
            return Ok(Ended::Whole);
        }
        let mut pieces =
            self.remote.open(&self.commit, file, partial.length()).await.map_err(Stop::Remote)?;
        if pieces.from_start && partial.length() > 0 {
            partial.clear().map_err(Stop::Write)?;
        }
        while let Some(piece) = self.remote.next(&file.path, &mut pieces).await.map_err(Stop::Remote)? {
            let length = u64::try_from(piece.len()).unwrap_or(u64::MAX).saturating_add(partial.length());
            if length > file.size {
                return Ok(Ended::TooLong);
            }
            partial.write(&piece).map_err(Stop::Write)?;
            self.tell(file, length);
        }
        Ok(if partial.length() == file.size { Ended::Whole } else { Ended::Early })
    }
}

enum Stop {
    Remote(Error),
    Write(io::Error),
}
