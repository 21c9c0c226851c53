use sha2::Digest;

/// What the hub states of a file's bytes; the blob in the cache is named by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Checksum {
    /// Of large files.
    Sha256(String),
    /// Git's name for the file's content: the SHA-1 of its length and bytes.
    GitBlob(String),
}

impl Checksum {
    pub(super) fn value(&self) -> &str {
        match self {
            Self::Sha256(value) | Self::GitBlob(value) => value,
        }
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Sha256(_) => "SHA-256",
            Self::GitBlob(_) => "git blob id",
        }
    }

    /// The sum of no bytes yet, of a file that will have `size` of them.
    pub(super) fn start(&self, size: u64) -> Sum {
        match self {
            Self::Sha256(_) => Sum::Sha256(sha2::Sha256::new()),
            Self::GitBlob(_) => Sum::GitBlob(sha1::Sha1::new_with_prefix(format!("blob {size}\0"))),
        }
    }
}

#[derive(Clone)]
pub(super) enum Sum {
    Sha256(sha2::Sha256),
    GitBlob(sha1::Sha1),
}

impl Sum {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(sum) => sum.update(bytes),
            Self::GitBlob(sum) => sum.update(bytes),
        }
    }

    pub(super) fn finish(self) -> String {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        match self {
            Self::Sha256(sum) => hex(&sum.finalize()),
            Self::GitBlob(sum) => hex(&sum.finalize()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_git_and_sha256sum() {
        let of = |checksum: Checksum| {
            let mut sum = checksum.start(6);
            sum.add(b"hel");
            sum.add(b"lo\n");
            sum.finish()
        };
        assert_eq!(of(Checksum::GitBlob(String::new())), "ce013625030ba8dba906f756967f9e9ca394464a");
        let sha256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
        assert_eq!(of(Checksum::Sha256(String::new())), sha256);
    }
}
