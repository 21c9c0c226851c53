//! How much memory is left, so that a model that does not fit is refused before it is read.

use std::fs;
use std::path::Path;

/// The bytes that this process can still take before the machine swaps or the system ends it: what Linux calls
/// available, and at most what the control groups of this process leave. `None` where nobody tells.
pub(super) fn available() -> Option<u64> {
    available_in(Path::new("/"))
}

fn available_in(root: &Path) -> Option<u64> {
    let machine = fs::read_to_string(root.join("proc/meminfo")).ok().and_then(|text| meminfo(&text));
    machine.into_iter().chain(groups(root)).min()
}

/// `MemAvailable`, which counts caches that can be given up.
fn meminfo(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// What the process's group and each group above it leave, by version 2 of control groups. In a container, the
/// group's own folder is often mounted as if it were the root.
fn groups(root: &Path) -> Vec<u64> {
    let group = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let own = group.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default();
    let mount = root.join("sys/fs/cgroup");
    let folders = Path::new(own).ancestors().map(|path| mount.join(path));
    folders.filter_map(|folder| left(&folder)).collect()
}

/// The limit of a group less what it holds; files that are only cached do not count, as they can be given up.
fn left(folder: &Path) -> Option<u64> {
    let number = |name: &str| fs::read_to_string(folder.join(name)).ok()?.trim().parse::<u64>().ok();
    let cached = fs::read_to_string(folder.join("memory.stat")).ok().and_then(|text| {
        text.lines().find_map(|line| line.strip_prefix("inactive_file "))?.trim().parse::<u64>().ok()
    });
    let held = number("memory.current")?.saturating_sub(cached.unwrap_or(0));
    // A group without a limit says `max`, which is no number.
    Some(number("memory.max")?.saturating_sub(held))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    const MEMINFO: (&str, &str) =
        ("proc/meminfo", "MemTotal:  24000000 kB\nMemFree: 1 kB\nMemAvailable:   20000000 kB\n");

    #[test]
    fn the_tightest_limit_counts() {
        assert_eq!(available_in(tree(&[]).path()), None);
        assert_eq!(available_in(tree(&[MEMINFO]).path()), Some(20_000_000 * 1024));
        let inside = tree(&[
            MEMINFO,
            ("proc/self/cgroup", "0::/job/step\n"),
            ("sys/fs/cgroup/job/step/memory.max", "max\n"),
            ("sys/fs/cgroup/job/step/memory.current", "100\n"),
            ("sys/fs/cgroup/job/memory.max", "1000000000\n"),
            ("sys/fs/cgroup/job/memory.current", "700000000\n"),
            ("sys/fs/cgroup/job/memory.stat", "anon 500000000\ninactive_file 200000000\n"),
        ]);
        assert_eq!(available_in(inside.path()), Some(500_000_000));
        let container = tree(&[
            MEMINFO,
            ("proc/self/cgroup", "0::/\n"),
            ("sys/fs/cgroup/memory.max", "400\n"),
            ("sys/fs/cgroup/memory.current", "500\n"),
        ]);
        assert_eq!(available_in(container.path()), Some(0));
    }

    #[test]
    fn broken_files_count_as_silence() {
        let broken = tree(&[
            ("proc/meminfo", "MemAvailable: many kB\n"),
            ("proc/self/cgroup", "0::/\n"),
            ("sys/fs/cgroup/memory.max", "-5\n"),
            ("sys/fs/cgroup/memory.current", "500\n"),
        ]);
        assert_eq!(available_in(broken.path()), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_machine_tells() {
        assert!(available().unwrap() > 1 << 20);
    }
}
