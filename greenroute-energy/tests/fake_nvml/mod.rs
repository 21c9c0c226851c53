//! NVIDIA's library without a GPU: `nvml.c`, built by the machine's C compiler.

use greenroute_energy::counter::NvmlSettings;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const SOURCE: &str = include_str!("nvml.c");

/// A library of its own, whose boards do what `nvml.c` says of the given lines.
pub(crate) struct FakeNvml {
    folder: tempfile::TempDir,
    boards: u32,
}

impl FakeNvml {
    pub(crate) fn new(lines: &[&str]) -> Self {
        let boards = lines.iter().find_map(|line| line.strip_prefix("boards ")?.parse().ok()).unwrap_or(1);
        let fake = Self { folder: tempfile::tempdir().unwrap(), boards };
        fs::copy(built(), fake.library()).unwrap();
        fake.set(lines);
        fake
    }

    /// From now on, at once.
    pub(crate) fn set(&self, lines: &[&str]) {
        let written = self.folder().join("lines");
        fs::write(&written, lines.join("\n") + "\n").unwrap();
        fs::rename(written, self.folder().join("libnvidia-ml.so.1.conf")).unwrap();
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn library(&self) -> PathBuf {
        self.folder().join("libnvidia-ml.so.1")
    }

    /// All its boards, on a machine where processes can be seen.
    pub(crate) fn settings(&self) -> NvmlSettings {
        NvmlSettings {
            library: Some(self.library()),
            visible: Some((0..self.boards).map(|index| index.to_string()).collect::<Vec<_>>().join(",")),
            sees_processes: Some(true),
            ..NvmlSettings::default()
        }
    }
}

/// Built once for this source: by whichever thread and process comes first, so that nobody loads half of it.
fn built() -> PathBuf {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(build).clone()
}

fn build() -> PathBuf {
    let mut hash = DefaultHasher::new();
    SOURCE.hash(&mut hash);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let library = folder.join(format!("fake-nvml-{:x}.so", hash.finish()));
    if !library.exists() {
        let fresh = folder.join(format!("fake-nvml-{}.so", std::process::id()));
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fake_nvml/nvml.c");
        let built = Command::new("cc")
            .args(["-O1", "-shared", "-fPIC", "-pthread", "-o"])
            .args([&fresh, &source])
            .arg("-ldl")
            .output()
            .expect("these tests build a stand-in for NVIDIA's library: they need a C compiler named `cc`");
        assert!(built.status.success(), "cc: {}", String::from_utf8_lossy(&built.stderr));
        fs::rename(fresh, &library).unwrap();
    }
    library
}
