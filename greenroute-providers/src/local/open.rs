//! A model from its files, whatever its family.

use super::fault::FileFault;
use super::gemma::Gemma;
use super::gguf::Gguf;
use super::hub_name::hub_name;
use super::network::Network;
use super::tensor_entry::TensorEntry;
use super::tokenizer::Tokenizer;
use super::vocabulary::Vocabulary;
use super::weights::{Precision, Tensors};
use super::{PromptStyle, t5};
use candle_core::Device;
use std::path::Path;

/// A model and what is told about its files.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) name: Option<String>,
    pub(super) style: PromptStyle,
    pub(super) vocabulary: Vocabulary,
    pub(super) network: Network,
    pub(super) parameters: u64,
    /// What the weights take in memory.
    pub(super) bytes: u64,
}

/// From a GGUF file, or a folder as transformers saves it, if its weights take at most `memory` bytes here; with a
/// `device`, matrices are put there.
pub(super) fn open(
    path: &Path,
    precision: Precision,
    memory: Option<u64>,
    device: Option<Device>,
) -> Result<Opened, FileFault> {
    if path.is_dir() {
        let (settings, source) = t5::folder(path)?;
        let source = source.on(device);
        fits(&source, precision, memory)?;
        return t5::open_folder(path, &settings, source, precision);
    }
    let mut gguf = Gguf::open(path)?.on(device);
    // First what the file is: one that cannot be served needs no memory.
    match gguf.text("general.architecture") {
        Some("gemma3" | "t5") => {}
        Some(other) => return Err(FileFault::Architecture(other.to_owned())),
        None => return Err(FileFault::Missing("general.architecture".into())),
    }
    fits(&gguf, precision, memory)?;
    match gguf.text("general.architecture") {
        Some("t5") => t5::open_gguf(&mut gguf, precision),
        _ => gemma(&mut gguf, precision),
    }
    .map(|opened| Opened { name: opened.name.or_else(|| hub_name(path)), ..opened })
}

fn gemma(gguf: &mut Gguf, precision: Precision) -> Result<Opened, FileFault> {
    let name = gguf.text("general.name").map(str::to_owned);
    let tuned = gguf.text("tokenizer.chat_template").is_some()
        || gguf.text("general.finetune") == Some("it")
        || name.as_deref().is_some_and(|name| name.to_ascii_lowercase().contains("-it"));
    let style = if tuned { PromptStyle::GemmaTurns } else { PromptStyle::QuestionAnswer };
    let vocabulary = Vocabulary::Merges(Box::new(Tokenizer::load(gguf)?));
    let network = Network::Gemma(Gemma::load(gguf, precision, vocabulary.len())?);
    let (parameters, bytes) = precision.size(gguf);
    Ok(Opened { name, style, vocabulary, network, parameters, bytes })
}

/// Refuses weights that would take more than `memory` while they are read: all of them as they will be held, and
/// what the last ones take more for a moment. On their way to a device only one is held at a time.
fn fits(source: &impl Tensors, precision: Precision, memory: Option<u64>) -> Result<(), FileFault> {
    let Some(available) = memory else { return Ok(()) };
    let rows =
        |entry: &TensorEntry| entry.dims.len().checked_sub(2).and_then(|at| entry.dims.get(at)).copied();
    let most_rows = source.entries().filter_map(rows).max();
    let (mut held, mut passing) = (0_u64, 0);
    for entry in source.entries() {
        let own = precision.held(entry);
        held = if source.device().is_some() { held.max(own) } else { held.saturating_add(own) };
        passing = passing.max(precision.passing(entry));
        // Up to three matrices of floats are copied into one; but not those of the vocabulary, which have most rows.
        if own == Precision::Floats.held(entry) && rows(entry) < most_rows {
            passing = passing.max(own.saturating_mul(3));
        }
    }
    let needed = held.saturating_add(passing);
    if needed > available { Err(FileFault::TooLarge { needed, available }) } else { Ok(()) }
}
