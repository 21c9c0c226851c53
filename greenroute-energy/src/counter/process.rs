//! Processor time of this process and of the whole machine.

use greenroute_core::{Error, ErrorKind, Result};
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The processor time of this process, all threads, also those that have ended.
#[cfg(unix)]
pub(super) fn own_time() -> Result<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u32::try_from(time.tv_nsec).unwrap_or(0);
    Ok(Duration::new(seconds, nanos))
}

/// Not told by this system through a safe interface.
#[cfg(not(unix))]
pub(super) fn own_time() -> Result<Duration> {
    Err(fault("this operating system does not tell a process its own processor time"))
}

/// Processor time of the machine since it started, in ticks that are the same for both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MachineTime {
    pub(super) busy: u64,
    pub(super) idle: u64,
}

/// From the text of `/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal. Waiting for input and
/// output is idle; time stolen by a hypervisor is not this machine's.
pub(super) fn machine_time(stat: &str) -> Result<MachineTime> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "));
    let line = line.ok_or_else(|| fault("/proc/stat has no line for all processors"))?;
    let mut ticks = line.split_whitespace().map(str::parse::<u64>);
    let mut next = || ticks.next().and_then(std::result::Result::ok);
    let fields = (next(), next(), next(), next(), next());
    let (Some(user), Some(nice), Some(system), Some(idle), iowait) = fields else {
        return Err(fault("/proc/stat has less than four numbers for all processors"));
    };
    let interrupts = next().unwrap_or(0).saturating_add(next().unwrap_or(0));
    Ok(MachineTime {
        busy: user.saturating_add(nice).saturating_add(system).saturating_add(interrupts),
        idle: idle.saturating_add(iowait.unwrap_or(0)),
    })
}

/// The first `N` bytes of a file that the kernel writes while it is read: no more of it is asked for.
pub(super) fn head<const N: usize>(path: &Path) -> io::Result<String> {
    first::<N>(&File::open(path)?)
}

/// The same of a file that is kept open, since opening takes longer than reading: for what is read around every call
/// and never goes away.
#[derive(Debug)]
pub(super) struct Kept {
    path: PathBuf,
    file: File,
}

impl Kept {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|error| cannot_read(path, error))?;
        Ok(Self { path: path.to_owned(), file })
    }

    pub(super) fn head<const N: usize>(&self) -> Result<String> {
        let text = (&self.file).rewind().and_then(|()| first::<N>(&self.file));
        text.map_err(|error| cannot_read(&self.path, error))
    }
}

fn first<const N: usize>(mut file: &File) -> io::Result<String> {
    let mut bytes = [0; N];
    let read = file.read(&mut bytes)?;
    Ok(String::from_utf8_lossy(bytes.get(..read).unwrap_or_default()).into_owned())
}

pub(super) fn cannot_read(path: &Path, error: io::Error) -> Error {
    fault(format!("{} cannot be read", path.display())).with_source(error)
}

pub(super) fn fault(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Meter, "counter", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_stat_is_read_and_bad_ones_are_told() {
        let time = machine_time("cpu  100 5 50 800 20 3 2 9 0 0\ncpu0 1 2 3 4\n").unwrap();
        assert_eq!(time, MachineTime { busy: 160, idle: 820 });
        assert_eq!(machine_time("cpu  100 5 50 800\n").unwrap(), MachineTime { busy: 155, idle: 800 });
        for bad in ["", "intr 1 2", "cpu  1 2 x 4", "cpu  1 2"] {
            assert_eq!(machine_time(bad).unwrap_err().kind(), &ErrorKind::Meter, "{bad}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn own_time_grows_with_work() {
        let before = own_time().unwrap();
        let mut sum = 0_u64;
        while own_time().unwrap() < before + Duration::from_millis(5) {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(sum > 0);
    }
}
