//! Fetches a model from the Hugging Face hub into the cache that other tools share, and prints where it lies.
//!
//! ```text
//! cargo run -p greenroute-providers --features hub --example fetch_model
//! cargo run -p greenroute-providers --features hub --example fetch_model -- owner/name [revision [file.gguf]]
//! ```
//!
//! `HF_ENDPOINT`, `HF_HOME`, `HF_TOKEN` and `HF_HUB_OFFLINE` mean what they mean elsewhere.

use greenroute_providers::local::hub::{Hub, HubModel};
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    match fetch() {
        Ok(path) => {
            writeln!(std::io::stdout(), "{path}").ok();
            ExitCode::SUCCESS
        }
        Err(error) => {
            writeln!(std::io::stderr(), "\n{error}").ok();
            ExitCode::FAILURE
        }
    }
}

fn fetch() -> greenroute_core::Result<String> {
    let mut arguments = std::env::args().skip(1);
    let mut model = match arguments.next() {
        Some(repo) => HubModel::new(repo)?,
        None => HubModel::flan_t5_base()?,
    };
    if let Some(revision) = arguments.next() {
        model = model.revision(revision)?;
    }
    if let Some(file) = arguments.next() {
        model = model.gguf(file)?;
    }
    let mut shown = 0;
    let path = Hub::from_env()?.fetch(&model, |progress| {
        if progress.bytes >= shown + 1_000_000 || progress.bytes == progress.total {
            shown = progress.bytes;
            let (bytes, total) = (progress.bytes / 1_000_000, progress.total / 1_000_000);
            write!(std::io::stderr(), "\r{bytes} of {total} MB, {:<40}", progress.file).ok();
        }
    })?;
    writeln!(std::io::stderr()).ok();
    Ok(path.display().to_string())
}
