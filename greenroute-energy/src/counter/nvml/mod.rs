//! The energy counters of NVIDIA's GPUs.

mod board;
mod chosen;
mod share;
mod visible;

use super::process::fault;
use super::{Counter, Sample};
use board::{Board, Neighbours, STEP, failed};
use greenroute_core::units::Power;
use greenroute_core::{Boundary, MeterId, Result};
use nvml_wrapper::Nvml as Library;
use share::Share;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What to know of the GPUs beside what the driver tells.
#[derive(Debug, Clone, Default)]
pub struct NvmlSettings {
    /// NVIDIA's library; by default the system's own, such as `libnvidia-ml.so.1`.
    pub library: Option<PathBuf>,
    /// The boards that this process uses, written as in `CUDA_VISIBLE_DEVICES`; by default that variable itself.
    pub visible: Option<String>,
    /// What a board draws with nothing to do; by default the least that is seen while no process is on it.
    pub idle: Option<Power>,
    /// Whether the driver numbers processes as this process does; by default so, but for a container.
    pub sees_processes: Option<bool>,
    /// Whether all that a board draws is counted, whoever uses it; by default only this process's share.
    pub everybody: bool,
}

/// The energy of the NVIDIA GPUs that this process uses, its share of each where others use it too.
///
/// By the board's energy counter where it has one (Volta and later): `E = ΔE(counter) · share`. The counter moves in
/// steps, so that a shorter window, or one in which it stood still, is power times time, with a wider band; once the
/// counter has moved, that is made up for. A board without a counter is power times time all along, looked at every
/// 50 ms while a call is open. A counter that went back was reset: power times time for that window, and on from there.
///
/// The share is 1 where nobody else is on the board, 0 where this process is not, and else by the time for which each
/// process had work there. Of an instance of a divided board (MIG) it is its slices of all.
#[derive(Debug)]
pub struct Nvml {
    library: Library,
    boards: Mutex<Vec<Board>>,
    /// Beside the boards, so that looking for neighbours, which may take milliseconds, does not hold up a call.
    neighbours: Mutex<Vec<Neighbours>>,
    looked: Mutex<Instant>,
    own: u32,
    trusted: bool,
    everybody: bool,
    notes: Vec<String>,
}

/// How often a board without a counter is looked at.
const POWER_PERIOD: Duration = Duration::from_millis(50);
/// How often it is looked who else is there while nobody is, and while somebody is, or this process is nowhere.
const ALONE_PERIOD: Duration = Duration::from_secs(1);
const SHARED_PERIOD: Duration = Duration::from_millis(200);

impl Nvml {
    /// The GPUs that this process may use, counting from now.
    ///
    /// # Errors
    /// [`ErrorKind::Meter`](greenroute_core::ErrorKind::Meter): no library, no driver, no permission, no board that may
    /// be used, or one that has neither counter nor power; the message says which, and what to do.
    pub fn open(settings: &NvmlSettings) -> Result<Self> {
        let mut builder = Library::builder();
        if let Some(path) = &settings.library {
            builder.lib_path(path.as_os_str());
        }
        let library = builder.init().map_err(|error| failed("it does not start", error))?;
        let list = settings.visible.clone().or_else(|| std::env::var("CUDA_VISIBLE_DEVICES").ok());
        let mut notes = Vec::new();
        let boards = chosen::boards(&library, list.as_deref(), settings.idle, &mut notes)?;
        if boards.is_empty() {
            let why = if notes.is_empty() { "it shows no GPU that this process may use" } else { "" };
            return Err(fault(format!("NVML: {why}{}", notes.join("; "))));
        }
        for board in boards.iter().filter(|board| !board.counts) {
            notes.push(format!(
                "board {} ({}) has no energy counter: its power is added up",
                board.index, board.name
            ));
        }
        let trusted = settings.sees_processes.unwrap_or_else(sees_all_processes);
        if !trusted && !settings.everybody {
            notes.push("in a container it cannot be seen who else uses a GPU".to_owned());
        }
        let neighbours = boards.iter().map(|_| Neighbours::unknown(Share::WHOLE)).collect();
        let mut nvml = Self {
            library,
            boards: Mutex::new(boards),
            neighbours: Mutex::new(neighbours),
            looked: Mutex::new(Instant::now()),
            own: std::process::id(),
            trusted,
            everybody: settings.everybody,
            notes,
        };
        nvml.look_around();
        nvml.note_unseen();
        Ok(nvml)
    }

    /// What is less than it could be, in words.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The boards that are counted, in words.
    #[must_use]
    pub fn describe(&self) -> String {
        let boards = lock(&self.boards);
        let named: Vec<String> =
            boards.iter().map(|board| format!("board {} ({})", board.index, board.name)).collect();
        named.join(", ")
    }

    /// Says of which whole boards the driver does not tell who is there.
    fn note_unseen(&mut self) {
        if self.everybody || !self.trusted {
            return;
        }
        for (board, neighbours) in lock(&self.boards).iter().zip(lock(&self.neighbours).iter()) {
            if board.slices.is_none() && neighbours.are_unseen() {
                self.notes.push(format!(
                    "board {} ({}) does not tell who uses it: it is taken to be this process alone",
                    board.index, board.name
                ));
            }
        }
    }

    /// Looks who else is on each board, and what one draws on which nobody is.
    fn look_around(&self) {
        let known: Vec<(u32, Option<(u32, u32)>)> =
            lock(&self.boards).iter().map(|board| (board.index, board.slices)).collect();
        let before = lock(&self.neighbours).clone();
        let now: Vec<Neighbours> = known
            .iter()
            .zip(&before)
            .map(|((index, slices), before)| match (slices, self.library.device_by_index(*index)) {
                (Some((ours, all)), _) => Neighbours::unknown(Share::of_slices(*ours, *all)),
                (None, Ok(device)) => before.look(&device, self.own, self.trusted),
                // A lost board is told by whoever reads its counter.
                (None, Err(_)) => before.clone(),
            })
            .collect();
        for (board, neighbours) in lock(&self.boards).iter_mut().zip(&now) {
            if self.trusted && neighbours.are_none() {
                board.learn_idle(&self.library);
            }
        }
        *lock(&self.neighbours) = now;
        *lock(&self.looked) = Instant::now();
    }
}

impl Counter for Nvml {
    fn id(&self) -> MeterId {
        MeterId::new("nvml", 1)
    }

    fn boundary(&self) -> Boundary {
        Boundary::Device
    }

    fn sample(&self) -> Result<Sample> {
        let mut boards = lock(&self.boards);
        let share = |neighbours: &Neighbours| if self.everybody { Share::WHOLE } else { neighbours.share };
        let shares: Vec<Share> = lock(&self.neighbours).iter().map(share).collect();
        // Every board is looked at, also after one that fails: its energy is not to fall into a later call.
        let looks: Vec<Result<()>> =
            boards.iter_mut().zip(shares).map(|(board, share)| board.look(&self.library, share)).collect();
        looks.into_iter().collect::<Result<()>>()?;
        Ok(boards.iter().fold(Sample::ZERO, |sum, board| sum.beside(board.sum)))
    }

    fn tend(&self) -> Result<Option<Duration>> {
        let parts: Vec<f64> = lock(&self.neighbours).iter().map(|neighbours| neighbours.share.part).collect();
        let alone = parts.contains(&1.0) && parts.iter().all(|part| *part == 1.0 || *part == 0.0);
        if lock(&self.looked).elapsed() >= if alone { ALONE_PERIOD } else { SHARED_PERIOD } {
            self.look_around();
        }
        self.sample()?;
        let all_count = lock(&self.boards).iter().all(|board| board.counts);
        Ok(Some(if all_count { STEP } else { POWER_PERIOD }))
    }
}

fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether process numbers here are those of the driver: on Linux, in the first namespace, whose number is fixed.
fn sees_all_processes() -> bool {
    const FIRST: &str = "pid:[4026531836]";
    if !cfg!(target_os = "linux") {
        return true;
    }
    std::fs::read_link("/proc/self/ns/pid").is_ok_and(|namespace| namespace.as_os_str() == FIRST)
}
