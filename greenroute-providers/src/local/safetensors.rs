//! Safetensors files, one or several with an index, read as if a stranger had written them.
//!
//! The `safetensors` crate wants a file as one slice; here only the head is read at once, and then tensor by
//! tensor. No length is believed before it was held against the file.

use super::fault::FileFault;
use super::json;
use super::tensor_entry::{TensorEntry, apart, place};
use super::weights::Tensors;
use candle_core::Device;
use candle_core::quantized::GgmlDType;
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path};

const ONE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
const MAX_INDEX_BYTES: u64 = 1 << 24;
const MAX_HEAD_BYTES: u64 = 100_000_000;
const MAX_TENSORS: usize = 1 << 16;
const MAX_FILES: usize = 1 << 10;
const MAX_DIMS: usize = 4;

/// The open files of a folder and the table of their tensors.
#[derive(Debug)]
pub(super) struct Safetensors {
    files: Vec<File>,
    /// Each with the number of its file.
    tensors: HashMap<String, (usize, TensorEntry)>,
    device: Option<Device>,
}

impl Safetensors {
    /// `model.safetensors` in `folder`, or the files that its index names.
    pub(super) fn open(folder: &Path) -> Result<Self, FileFault> {
        let mut found = Self { files: Vec::new(), tensors: HashMap::new(), device: None };
        if folder.join(ONE).is_file() {
            found.add(folder, ONE)?;
            return Ok(found);
        }
        let index = match json::bytes(folder, INDEX, MAX_INDEX_BYTES) {
            Err(FileFault::Missing(_)) => return Err(FileFault::Missing(ONE.into())),
            index => index?,
        };
        let index: Index =
            serde_json::from_slice(&index).map_err(|error| FileFault::from(error).inside(INDEX))?;
        for name in &index.files {
            if !plain(name) {
                let key = "weight_map".to_owned();
                let allowed = "names of safetensors files beside it";
                return Err(FileFault::WrongValue { key, allowed }.inside(INDEX));
            }
            found.add(folder, name)?;
        }
        Ok(found)
    }

    /// Has its matrices put on `device`.
    pub(super) fn on(self, device: Option<Device>) -> Self {
        Self { device, ..self }
    }

    fn add(&mut self, folder: &Path, name: &str) -> Result<(), FileFault> {
        self.read(&folder.join(name)).map_err(|fault| fault.inside(name))
    }

    fn read(&mut self, path: &Path) -> Result<(), FileFault> {
        let mut file = File::open(path)?;
        let size = file.metadata()?.len();
        let mut length = [0; 8];
        let at = 0;
        if size < 8 {
            return Err(FileFault::Truncated { at, needed: 8, size });
        }
        file.read_exact(&mut length)?;
        let needed = u64::from_le_bytes(length);
        if needed > MAX_HEAD_BYTES {
            return Err(FileFault::TooMany { what: "bytes of head", count: needed, most: MAX_HEAD_BYTES });
        }
        if needed > size - 8 {
            return Err(FileFault::Truncated { at: 8, needed, size });
        }
        let mut head = vec![0; usize::try_from(needed).unwrap_or(0)];
        file.read_exact(&mut head)?;
        let Head(entries) = serde_json::from_slice(&head).map_err(FileFault::NotSafetensors)?;
        drop(head);
        let data = needed + 8;
        for (name, found) in entries {
            // What has another format is no weight; who asks for it hears that it is missing.
            let Some(dtype) = dtype(&found.dtype) else { continue };
            let [start, end] = found.data_offsets;
            let place = |dims: Vec<u64>| place(&name, dtype, dims, data.checked_add(start), size);
            let entry = place(found.shape.0)?;
            if end.checked_sub(start) != u64::try_from(entry.bytes).ok() {
                return Err(FileFault::Tensor { name, fault: "has offsets that do not fit its shape" });
            }
            if self.tensors.contains_key(&name) {
                return Err(FileFault::Twice(name));
            }
            self.tensors.insert(name, (self.files.len(), entry));
        }
        let own = self.tensors.iter().filter(|(_, (file, _))| *file == self.files.len());
        apart(own.map(|(name, (_, entry))| (name, entry)))?;
        self.files.push(file);
        Ok(())
    }
}

impl Tensors for Safetensors {
    fn tensor(&self, name: &str) -> Option<&TensorEntry> {
        self.tensors.get(name).map(|(_, entry)| entry)
    }

    fn entries(&self) -> impl Iterator<Item = &TensorEntry> {
        self.tensors.values().map(|(_, entry)| entry)
    }

    fn bytes(&mut self, name: &str) -> Result<Vec<u8>, FileFault> {
        let missing = || FileFault::Missing(name.to_owned());
        let (file, entry) = self.tensors.get(name).ok_or_else(missing)?;
        entry.read(self.files.get_mut(*file).ok_or_else(missing)?)
    }

    fn device(&self) -> Option<&Device> {
        self.device.as_ref()
    }
}

fn dtype(name: &str) -> Option<GgmlDType> {
    match name {
        "F32" => Some(GgmlDType::F32),
        "F16" => Some(GgmlDType::F16),
        "BF16" => Some(GgmlDType::BF16),
        _ => None,
    }
}

/// Whether `name` stays in its folder.
fn plain(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    matches!((parts.next(), parts.next()), (Some(Component::Normal(part)), None) if part == name)
        && Path::new(name).extension().is_some_and(|extension| extension == "safetensors")
}

#[derive(Deserialize)]
struct Entry {
    dtype: String,
    shape: Dims,
    data_offsets: [u64; 2],
}

/// Dimensions; more than there may be are not collected.
struct Dims(Vec<u64>);

impl<'de> Deserialize<'de> for Dims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Few;
        impl<'de> Visitor<'de> for Few {
            type Value = Dims;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "at most {MAX_DIMS} dimensions")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Dims, A::Error> {
                let mut dims = Vec::new();
                while let Some(dim) = seq.next_element()? {
                    if dims.len() == MAX_DIMS {
                        return Err(A::Error::invalid_length(MAX_DIMS + 1, &self));
                    }
                    dims.push(dim);
                }
                // A single number has no dimensions.
                if dims.is_empty() {
                    dims.push(1);
                }
                Ok(Dims(dims))
            }
        }
        deserializer.deserialize_seq(Few)
    }
}

struct Head(Vec<(String, Entry)>);

impl<'de> Deserialize<'de> for Head {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Head;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "at most {MAX_TENSORS} tensors by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Head, A::Error> {
                let mut entries = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    if name == "__metadata__" {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    }
                    if entries.len() == MAX_TENSORS {
                        return Err(A::Error::invalid_length(MAX_TENSORS + 1, &self));
                    }
                    entries.push((name, map.next_value()?));
                }
                Ok(Head(entries))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

#[derive(Deserialize)]
struct Index {
    #[serde(rename = "weight_map", deserialize_with = "files")]
    files: BTreeSet<String>,
}

/// The different files of a map from tensors to files.
fn files<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<String>, D::Error> {
    struct Files;
    impl<'de> Visitor<'de> for Files {
        type Value = BTreeSet<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "one to {MAX_FILES} files by the names of their tensors")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<BTreeSet<String>, A::Error> {
            let mut files = BTreeSet::new();
            while let Some((IgnoredAny, file)) = map.next_entry()? {
                files.insert(file);
                if files.len() > MAX_FILES {
                    break;
                }
            }
            if files.is_empty() || files.len() > MAX_FILES {
                return Err(A::Error::invalid_length(files.len(), &self));
            }
            Ok(files)
        }
    }
    deserializer.deserialize_map(Files)
}
