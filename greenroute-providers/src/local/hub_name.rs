//! What a model is called on the hub, by its place in the cache that Hugging Face's tools share.

use std::ffi::OsStr;
use std::path::Path;

/// `owner/name` of what lies in a folder `models--owner--name/snapshots/<commit>`, or is one.
pub(super) fn hub_name(path: &Path) -> Option<String> {
    let path = std::path::absolute(path).ok()?;
    path.ancestors().find_map(|folder| {
        let (commit, snapshots) = (name(folder)?, folder.parent()?);
        let is_commit = commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_commit || name(snapshots) != Some("snapshots") {
            return None;
        }
        // No name on the hub has two dashes in a row.
        let repo = name(snapshots.parent()?)?.strip_prefix("models--")?.replace("--", "/");
        let parts: Vec<&str> = repo.split('/').collect();
        (parts.len() <= 2 && parts.iter().all(|part| !part.is_empty())).then_some(repo)
    })
}

fn name(folder: &Path) -> Option<&str> {
    folder.file_name().and_then(OsStr::to_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn the_cache_tells_the_name() {
        let named = |path: &str| hub_name(Path::new(&path.replace("COMMIT", COMMIT)));
        let flan = Some("google/flan-t5-base".to_owned());
        assert_eq!(named("/hub/models--google--flan-t5-base/snapshots/COMMIT"), flan);
        assert_eq!(named("/hub/models--google--flan-t5-base/snapshots/COMMIT/"), flan);
        assert_eq!(named("models--google--flan-t5-base/snapshots/COMMIT/."), flan);
        assert_eq!(named("/hub/models--google--flan-t5-base/snapshots/COMMIT/q4/model.gguf"), flan);
        assert_eq!(named("/hub/models--gpt2/snapshots/COMMIT"), Some("gpt2".into()));
        for other in [
            "/models/flan-t5-base",
            "/hub/models--google--flan-t5-base",
            "/hub/models--google--flan-t5-base/snapshots/main",
            "/hub/models--google--flan-t5-base/blobs/COMMIT",
            "/hub/datasets--google--flan/snapshots/COMMIT",
            "/hub/models--a--b--c/snapshots/COMMIT",
            "/hub/models----b/snapshots/COMMIT",
            "/snapshots/COMMIT",
            "COMMIT",
            "/",
            "",
        ] {
            assert_eq!(named(other), None, "{other}");
        }
    }
}
