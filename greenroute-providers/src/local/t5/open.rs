//! A T5 from its files, with its vocabulary.

use super::T5;
use crate::local::PromptStyle;
use crate::local::fault::FileFault;
use crate::local::gguf::Gguf;
use crate::local::hub_name::hub_name;
use crate::local::json::Settings;
use crate::local::network::Network;
use crate::local::open::Opened;
use crate::local::safetensors::Safetensors;
use crate::local::unigram::Unigram;
use crate::local::vocabulary::Vocabulary;
use crate::local::weights::Precision;
use std::path::Path;

/// A folder as transformers saves it: `config.json`, and `model.safetensors` or several files with an index.
pub(in crate::local) fn folder(path: &Path) -> Result<(Settings, Safetensors), FileFault> {
    let settings = Settings::open(path)?;
    match settings.architecture() {
        Some("t5" | "T5ForConditionalGeneration" | "T5WithLMHeadModel") => {}
        Some(other) => return Err(FileFault::Architecture(other.to_owned())),
        None => return Err(Settings::missing("model_type")),
    }
    Ok((settings, Safetensors::open(path)?))
}

/// The model in such a folder, with its `tokenizer.json`. It is called as on the hub where it lies in the hub's cache,
/// else as the folder is: what the settings say is what it was tuned from.
pub(in crate::local) fn open_folder(
    path: &Path,
    settings: &Settings,
    mut source: Safetensors,
    precision: Precision,
) -> Result<Opened, FileFault> {
    let unigram = Unigram::open(path, settings.whole("eos_token_id")?)?;
    let t5 = T5::from_settings(settings, &mut source, precision, unigram.len())?;
    let own = || path.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = hub_name(path).or_else(own);
    Ok(opened(name, unigram, t5, precision.size(&source)))
}

/// From a GGUF file of the architecture `t5`, as llama.cpp's converter writes it.
pub(in crate::local) fn open_gguf(gguf: &mut Gguf, precision: Precision) -> Result<Opened, FileFault> {
    let name = gguf.text("general.name").map(str::to_owned);
    let unigram = Unigram::from_gguf(gguf)?;
    let t5 = T5::from_gguf(gguf, precision, unigram.len())?;
    Ok(opened(name, unigram, t5, precision.size(gguf)))
}

fn opened(name: Option<String>, unigram: Unigram, t5: T5, (parameters, bytes): (u64, u64)) -> Opened {
    let vocabulary = Vocabulary::Unigram(Box::new(unigram));
    let (style, network) = (PromptStyle::Instruction, Network::T5(t5));
    Opened { name, style, vocabulary, network, parameters, bytes }
}
