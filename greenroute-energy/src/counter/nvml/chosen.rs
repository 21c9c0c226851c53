//! The boards that this process may use, opened.

use super::board::{Board, failed};
use super::visible::{Wanted, wanted};
use greenroute_core::Result;
use greenroute_core::units::Power;
use nvml_wrapper::{Device, Nvml as Library};

/// The boards of the list, each once. One that cannot be counted is left out, with a note.
pub(super) fn boards(
    library: &Library,
    list: Option<&str>,
    idle: Option<Power>,
    notes: &mut Vec<String>,
) -> Result<Vec<Board>> {
    let count = library.device_count();
    let count = count.map_err(|error| failed("it does not tell how many boards there are", error))?;
    let wanted = wanted(list);
    let named = wanted.is_some();
    let mut boards: Vec<Board> = Vec::new();
    for entry in wanted.unwrap_or_else(|| (0..count).map(Wanted::Index).collect()) {
        match find(library, &entry, count).and_then(|found| found.map(|found| open(&found, idle)).transpose())
        {
            Ok(Some(board)) => add(&mut boards, board),
            Ok(None) => {
                // CUDA hides what stands behind an entry that names nothing.
                notes.push(format!("CUDA_VISIBLE_DEVICES names {entry}, which is not there"));
                break;
            }
            Err(error) => notes.push(format!("{entry} is not counted: {}", error.message())),
        }
    }
    let several = boards.windows(2).any(|pair| matches!(pair, [one, two] if one.name != two.name));
    if named && several && std::env::var("CUDA_DEVICE_ORDER").as_deref() != Ok("PCI_BUS_ID") {
        let why =
            "boards of several kinds are counted in the order of the bus: set CUDA_DEVICE_ORDER=PCI_BUS_ID";
        notes.push(why.to_owned());
    }
    Ok(boards)
}

/// A board, and where an entry names an instance of a divided one, the instance.
struct Found<'lib> {
    board: Device<'lib>,
    instance: Option<Device<'lib>>,
}

fn find<'lib>(library: &'lib Library, entry: &Wanted, count: u32) -> Result<Option<Found<'lib>>> {
    let whole = |board| Found { board, instance: None };
    match entry {
        Wanted::Index(index) if *index < count => {
            let board = library.device_by_index(*index);
            board.map(whole).map(Some).map_err(|error| failed("it does not open", error))
        }
        Wanted::Index(_) => Ok(None),
        Wanted::Uuid(uuid) if uuid.starts_with("MIG-") => {
            let Ok(instance) = library.device_by_uuid(uuid.as_str()) else { return Ok(None) };
            let board = instance.mig_parent_device();
            let board = board.map_err(|error| failed("an instance has no board", error))?;
            Ok(Some(Found { board, instance: Some(instance) }))
        }
        Wanted::Uuid(uuid) => {
            let mut boards = (0..count).filter_map(|index| library.device_by_index(index).ok());
            let named = |board: &Device<'_>| board.uuid().is_ok_and(|full| full.starts_with(uuid.as_str()));
            Ok(boards.find(named).map(whole))
        }
    }
}

fn open(found: &Found<'_>, idle: Option<Power>) -> Result<Board> {
    let Found { board, instance } = found;
    let slices = match instance {
        Some(instance) => {
            let ours = instance.attributes().map(|attributes| attributes.gpu_instance_slice_count);
            let ours = ours.map_err(|error| failed("an instance does not tell its slices", error))?;
            let all = board.mig_device_count();
            Some((ours, all.map_err(|error| failed("a divided board does not tell its slices", error))?))
        }
        None if board.mig_mode().is_ok_and(|mode| mode.current == 1) => {
            return Err(super::fault(
                "it is divided (MIG), and its counter is not one instance's: name the instance (MIG-…) in \
                 CUDA_VISIBLE_DEVICES",
            ));
        }
        None => None,
    };
    Board::open(board, slices, idle)
}

/// Two instances of one board are more slices of it.
fn add(boards: &mut Vec<Board>, board: Board) {
    match boards.iter_mut().find(|known| known.index == board.index) {
        None => boards.push(board),
        Some(known) => {
            let both = known.slices.zip(board.slices);
            known.slices = both.map(|((known, all), (more, _))| (known + more, all));
        }
    }
}
