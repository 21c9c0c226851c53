//! Where weights lie.

use memmap2::MmapMut;
use std::ops::Deref;

/// Bytes that do not change. Many of them lie in large pages where the system has some: to read through them at
/// each token is then a third faster, for the CPU fetches ahead only within a page.
#[derive(Debug)]
pub(super) enum Memory {
    Small(Vec<u8>),
    Large(MmapMut),
}

/// Below some large pages there is little to gain.
const LARGE: usize = 8 << 20;

impl Memory {
    pub(super) fn of(bytes: Vec<u8>) -> Self {
        if bytes.len() < LARGE {
            return Self::Small(bytes);
        }
        Self::filled(bytes.len(), |large| large.copy_from_slice(&bytes))
    }

    /// So many zeros, that `fill` may change.
    pub(super) fn filled(len: usize, fill: impl FnOnce(&mut [u8])) -> Self {
        if len >= LARGE
            && let Ok(mut large) = MmapMut::map_anon(len)
        {
            // A hint; a system that does not take it serves small pages.
            #[cfg(target_os = "linux")]
            let _ = large.advise(memmap2::Advice::HugePage);
            fill(&mut large);
            return Self::Large(large);
        }
        let mut small = vec![0; len];
        fill(&mut small);
        Self::Small(small)
    }
}

impl Deref for Memory {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Small(bytes) => bytes,
            Self::Large(bytes) => bytes,
        }
    }
}
