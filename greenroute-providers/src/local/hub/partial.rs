use super::checksum::{Checksum, Sum};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// A blob that is not whole yet, under the name by which the other tools continue it too.
pub(super) struct Partial {
    path: PathBuf,
    file: File,
    sum: Sum,
    fresh: Sum,
    length: u64,
    resumed: bool,
}

impl Partial {
    /// Where what is there of the blob at `blob` lies.
    pub(super) fn path(blob: &Path) -> PathBuf {
        let mut path = blob.as_os_str().to_owned();
        path.push(".incomplete");
        path.into()
    }

    /// What is there of the blob at `blob`, or nothing.
    pub(super) fn open(blob: &Path, checksum: &Checksum, size: u64) -> io::Result<Self> {
        let path = Self::path(blob);
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(&path)?;
        let fresh = checksum.start(size);
        let (mut sum, mut length) = (fresh.clone(), 0_u64);
        let mut buffer = vec![0; 1 << 20];
        loop {
            let read = file.read(&mut buffer)?;
            let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
            sum.add(bytes);
            length = length.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        }
        let mut partial = Self { path, file, sum, fresh, length, resumed: length > 0 };
        if length > size {
            partial.clear()?;
        }
        Ok(partial)
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Whether it was continued, and so may be of pieces that do not belong together.
    pub(super) fn is_resumed(&self) -> bool {
        self.resumed
    }

    /// It goes on by another answer.
    pub(super) fn resume(&mut self) {
        self.resumed = self.length > 0;
    }

    /// Forgets all that is there.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.sum = self.fresh.clone();
        self.length = 0;
        self.resumed = false;
        Ok(())
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.sum.add(bytes);
        self.length = self.length.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        Ok(())
    }

    /// The sum of all that is there.
    pub(super) fn sum(&self) -> String {
        self.sum.clone().finish()
    }

    /// It is whole: from here on it is the blob. Where that cannot be, some of it may not be on the disk, and
    /// nothing is left.
    pub(super) fn keep(self, blob: &Path) -> io::Result<()> {
        let kept = self.file.sync_all().and_then(|()| fs::rename(&self.path, blob));
        if kept.is_err() {
            self.discard();
        }
        kept
    }

    /// Leaves nothing behind; where that fails too there is nothing else to try.
    pub(super) fn discard(self) {
        drop(self.file);
        fs::remove_file(&self.path).ok();
    }
}
