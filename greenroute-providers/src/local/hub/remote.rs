//! What is asked of the hub, all of it by `hf-hub` and none of it for longer than the hub may be silent.

use super::checksum::Checksum;
use super::model::{HubModel, is_commit, is_hex};
use super::{Hub, ORIGIN, fault};
use futures_core::stream::BoxStream;
use futures_util::StreamExt;
use greenroute_core::{Error, ErrorKind, Result};
use hf_hub::repository::{HFRepository, ModelInfo, RepoTreeEntry, RepoTypeModel};
use hf_hub::{HFClient, HFResult};
use std::collections::BTreeMap;
use std::future::Future;

/// More files than any model has; a listing without an end is cut here.
const MOST_FILES: usize = 20_000;

/// No header can hold it, so none is sent. Without a token of its own `hf-hub` would look for one itself.
const NO_TOKEN: &str = "\n";

pub(super) struct Remote<'a> {
    hub: &'a Hub,
    model: &'a HubModel,
    client: HFClient,
    repo: HFRepository<RepoTypeModel>,
}

/// A file as the hub describes it.
#[derive(Debug, Clone)]
pub(super) struct Described {
    pub(super) path: String,
    pub(super) size: u64,
    pub(super) checksum: Checksum,
}

/// A model's files at one commit.
pub(super) struct Listing {
    pub(super) commit: String,
    /// By path; those without a checksum are `None`.
    pub(super) files: BTreeMap<String, Option<Described>>,
}

/// Pieces of a file.
pub(super) struct Pieces {
    stream: BoxStream<'static, HFResult<Vec<u8>>>,
    /// Whether they begin at the file's first byte although later ones were asked for.
    pub(super) from_start: bool,
}

impl<'a> Remote<'a> {
    pub(super) fn new(hub: &'a Hub, model: &'a HubModel) -> Result<Self> {
        let client = HFClient::builder()
            .endpoint(&hub.endpoint)
            .token(hub.token.as_deref().unwrap_or(NO_TOKEN))
            .cache_dir(&hub.cache)
            .user_agent(concat!("greenroute/", env!("CARGO_PKG_VERSION")))
            .retry_max_attempts(2)
            .build()
            .map_err(|error| fault::remote(hub, model, None, error))?;
        let (owner, name) = hf_hub::split_id(model.repo());
        let repo = client.model(owner, name);
        Ok(Self { hub, model, client, repo })
    }

    /// The files at the model's revision, and which commit that is.
    pub(super) async fn list(&self) -> Result<Listing> {
        let info = self.described().await?;
        let fault = |what| Error::new(ErrorKind::Decode, ORIGIN, format!("{}: the hub {what}", self.model));
        let commit = info.sha.filter(|sha| is_commit(sha)).ok_or_else(|| fault("names no commit"))?;
        if self.model.commit().is_some_and(|asked| asked != commit) {
            return Err(fault("answers with another commit"));
        }
        let mut large = BTreeMap::new();
        for sibling in info.siblings.into_iter().flatten() {
            large.insert(sibling.rfilename, sibling.lfs.and_then(|lfs| lfs.sha256));
        }
        let listed = self.repo.list_tree().revision(commit.as_str()).recursive(true).limit(MOST_FILES).send();
        let mut listed = Box::pin(listed.map_err(|error| fault::remote(self.hub, self.model, None, error))?);
        let mut files = BTreeMap::new();
        while let Some(entry) = self.patiently(None, async { listed.next().await.transpose() }).await? {
            let RepoTreeEntry::File { oid, size, path, lfs, .. } = entry else { continue };
            let checksum = match (lfs, large.remove(&path).flatten()) {
                (Some(_), Some(sum)) if sum.len() == 64 && is_hex(&sum) => Some(Checksum::Sha256(sum)),
                (None, None) if oid.len() == 40 && is_hex(&oid) => Some(Checksum::GitBlob(oid)),
                _ => None,
            };
            let described = checksum.map(|checksum| Described { path: path.clone(), size, checksum });
            files.insert(path, described);
        }
        Ok(Listing { commit, files })
    }

    /// The model's description, with the SHA-256 of its large files.
    ///
    /// `hf-hub` 1.0 has no setting for the latter, and does not read it from its listing of files (it expects
    /// `sha256` where the hub says `oid`). It joins the parts of the address without a change, though, so
    /// the revision and the query go where the name ends.
    async fn described(&self) -> Result<ModelInfo> {
        let (owner, name) = hf_hub::split_id(self.model.repo());
        let name = format!("{name}/revision/{}?blobs=true", encoded(self.model.revision_name()));
        let asked = self.client.model(owner, name);
        self.patiently(None, asked.info().send()).await
    }

    /// The file's bytes after the first `from`.
    pub(super) async fn open(&self, commit: &str, file: &Described, from: u64) -> Result<Pieces> {
        let asked = self.repo.download_file_stream().filename(file.path.as_str()).revision(commit);
        let range = (from > 0).then_some(from..file.size);
        let (length, stream) = self.patiently(Some(&file.path), asked.maybe_range(range).send()).await?;
        let stream = stream.map(|piece| piece.map(Vec::from)).boxed();
        Ok(Pieces { stream, from_start: from == 0 || length == Some(file.size) })
    }

    /// The next piece, or `None` after the last.
    pub(super) async fn next(&self, file: &str, pieces: &mut Pieces) -> Result<Option<Vec<u8>>> {
        self.patiently(Some(file), async { pieces.stream.next().await.transpose() }).await
    }

    async fn patiently<T>(&self, file: Option<&str>, asked: impl Future<Output = HFResult<T>>) -> Result<T> {
        match tokio::time::timeout(self.hub.timeout, asked).await {
            Ok(answer) => answer.map_err(|error| fault::remote(self.hub, self.model, file, error)),
            Err(_) => Err(fault::silent(self.hub, self.model, file)),
        }
    }
}

/// As one part of an address.
fn encoded(revision: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let part = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    revision.bytes().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::encoded;

    #[test]
    fn a_revision_is_one_part_of_an_address() {
        assert_eq!(encoded("refs/pr/1?x=%"), "refs%2Fpr%2F1%3Fx%3D%25");
        assert_eq!(encoded("v1.0-rc_2~"), "v1.0-rc_2~");
    }
}
