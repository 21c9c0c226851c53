//! The head of a GGUF file, read as if a stranger had written it.
//!
//! Every length is held against the bytes that are left before anything is allocated, so that a broken or
//! hostile file costs at most its own size and ends in a [`FileFault`], never in a panic. candle's own reader
//! spends 32 bytes on every byte of an array, divides by an alignment of zero and multiplies dimensions
//! unchecked, so only its kernels are used here.

use super::fault::FileFault;
use super::tensor_entry::{TensorEntry, apart, place};
use super::weights::Tensors;
use candle_core::Device;
use candle_core::quantized::GgmlDType;
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

const MAX_ENTRIES: u64 = 1 << 16;
const MAX_NAME_BYTES: u64 = 1 << 16;
const MAX_TEXT_BYTES: u64 = 1 << 24;
const MAX_DIMS: u32 = 4;
const DEFAULT_ALIGNMENT: u64 = 32;

/// A value of the metadata, in the few shapes that models use. What nobody reads is skipped, not kept.
#[derive(Debug)]
pub(super) enum Value {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Bool(bool),
    Text(String),
    Texts(Texts),
    Ints(Vec<i32>),
    Floats(Vec<f32>),
    Bytes(Vec<u8>),
    Skipped,
}

/// Many short texts in one allocation.
#[derive(Debug, Default)]
pub(super) struct Texts {
    text: String,
    ends: Vec<usize>,
}

impl Texts {
    pub(super) fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.ends.push(self.text.len());
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn get(&self, index: usize) -> Option<&str> {
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied())?;
        self.text.get(start..end)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).filter_map(|index| self.get(index))
    }
}

/// An open file with its metadata and its table of tensors.
#[derive(Debug)]
pub(super) struct Gguf {
    metadata: HashMap<String, Value>,
    tensors: HashMap<String, TensorEntry>,
    file: File,
    device: Option<Device>,
}

impl Gguf {
    pub(super) fn open(path: &Path) -> Result<Self, FileFault> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        let mut reader = Reader { inner: BufReader::with_capacity(1 << 16, file), at: 0, size };
        let (metadata, tensors) = head(&mut reader)?;
        Ok(Self { metadata, tensors, file: reader.inner.into_inner(), device: None })
    }

    /// Has its matrices put on `device`.
    pub(super) fn on(self, device: Option<Device>) -> Self {
        Self { device, ..self }
    }

    /// Takes a value out of the metadata, so that large ones are not held twice.
    pub(super) fn take(&mut self, key: &str) -> Option<Value> {
        self.metadata.remove(key)
    }

    pub(super) fn text(&self, key: &str) -> Option<&str> {
        match self.metadata.get(key) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub(super) fn boolean(&self, key: &str) -> Option<bool> {
        match self.metadata.get(key) {
            Some(Value::Bool(value)) => Some(*value),
            _ => None,
        }
    }

    /// A whole number, or `None` where the key is missing.
    pub(super) fn whole(&self, key: &str) -> Result<Option<u64>, FileFault> {
        match self.metadata.get(key) {
            None => Ok(None),
            Some(Value::Unsigned(value)) => Ok(Some(*value)),
            Some(Value::Signed(value)) if *value >= 0 => Ok(Some(value.unsigned_abs())),
            Some(_) => {
                Err(FileFault::WrongValue { key: key.to_owned(), allowed: "a whole number, not negative" })
            }
        }
    }

    /// A finite number, or `None` where the key is missing.
    pub(super) fn number(&self, key: &str) -> Result<Option<f64>, FileFault> {
        match self.metadata.get(key) {
            None => Ok(None),
            Some(Value::Float(value)) if value.is_finite() => Ok(Some(*value)),
            Some(_) => Err(FileFault::WrongValue { key: key.to_owned(), allowed: "a finite number" }),
        }
    }
}

impl Tensors for Gguf {
    fn tensor(&self, name: &str) -> Option<&TensorEntry> {
        self.tensors.get(name)
    }

    fn entries(&self) -> impl Iterator<Item = &TensorEntry> {
        self.tensors.values()
    }

    fn bytes(&mut self, name: &str) -> Result<Vec<u8>, FileFault> {
        let entry = self.tensors.get(name).ok_or_else(|| FileFault::Missing(name.to_owned()))?;
        entry.read(&mut self.file)
    }

    fn device(&self) -> Option<&Device> {
        self.device.as_ref()
    }
}

type Head = (HashMap<String, Value>, HashMap<String, TensorEntry>);

fn head(reader: &mut Reader) -> Result<Head, FileFault> {
    let magic = reader.array::<4>()?;
    if magic != *b"GGUF" {
        return Err(FileFault::NotGguf);
    }
    let version = reader.u32()?;
    if !(2..=3).contains(&version) {
        return Err(FileFault::Version(version));
    }
    let tensor_count = reader.count("tensors", MAX_ENTRIES)?;
    let value_count = reader.count("metadata entries", MAX_ENTRIES)?;
    let mut metadata = HashMap::new();
    for _ in 0..value_count {
        let key = reader.name()?;
        let kind = reader.u32()?;
        let value = reader.value(kind)?;
        if metadata.insert(key.clone(), value).is_some() {
            return Err(FileFault::Twice(key));
        }
    }
    let mut found = Vec::new();
    for _ in 0..tensor_count {
        found.push(raw_entry(reader)?);
    }
    let alignment = match metadata.get("general.alignment") {
        None => DEFAULT_ALIGNMENT,
        Some(Value::Unsigned(alignment)) if alignment.is_power_of_two() && *alignment <= 1 << 20 => {
            *alignment
        }
        Some(_) => {
            let key = "general.alignment".to_owned();
            return Err(FileFault::WrongValue { key, allowed: "a power of two up to 1048576" });
        }
    };
    let data = reader.at.next_multiple_of(alignment);
    let mut tensors = HashMap::new();
    for (name, dtype, dims, offset) in found {
        let entry = place(&name, dtype, dims, data.checked_add(offset), reader.size)?;
        if tensors.insert(name.clone(), entry).is_some() {
            return Err(FileFault::Twice(name));
        }
    }
    apart(tensors.iter())?;
    Ok((metadata, tensors))
}

fn raw_entry(reader: &mut Reader) -> Result<(String, GgmlDType, Vec<u64>, u64), FileFault> {
    let name = reader.name()?;
    let rank = reader.u32()?;
    if rank == 0 || rank > MAX_DIMS {
        return Err(FileFault::Tensor { name, fault: "must have one to four dimensions" });
    }
    // The file counts from the innermost dimension.
    let mut dims = Vec::new();
    for _ in 0..rank {
        dims.insert(0, reader.u64()?);
    }
    let Some(dtype) = dtype(reader.u32()?) else {
        return Err(FileFault::Tensor { name, fault: "has a number format that is not known here" });
    };
    let offset = reader.u64()?;
    Ok((name, dtype, dims, offset))
}

/// The number formats of weights, by their number in the file.
fn dtype(number: u32) -> Option<GgmlDType> {
    Some(match number {
        0 => GgmlDType::F32,
        1 => GgmlDType::F16,
        2 => GgmlDType::Q4_0,
        3 => GgmlDType::Q4_1,
        6 => GgmlDType::Q5_0,
        7 => GgmlDType::Q5_1,
        8 => GgmlDType::Q8_0,
        10 => GgmlDType::Q2K,
        11 => GgmlDType::Q3K,
        12 => GgmlDType::Q4K,
        13 => GgmlDType::Q5K,
        14 => GgmlDType::Q6K,
        30 => GgmlDType::BF16,
        _ => return None,
    })
}

/// Reads little-endian values and knows how many bytes are left.
struct Reader {
    inner: BufReader<File>,
    at: u64,
    size: u64,
}

impl Reader {
    /// Takes note that `bytes` are about to be read.
    fn claim(&mut self, bytes: u64) -> Result<usize, FileFault> {
        let at = self.at;
        let end = at.checked_add(bytes).filter(|end| *end <= self.size);
        self.at = end.ok_or(FileFault::Truncated { at, needed: bytes, size: self.size })?;
        usize::try_from(bytes).map_err(|_| FileFault::Truncated { at, needed: bytes, size: self.size })
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], FileFault> {
        let mut bytes = [0; N];
        self.claim(u64::try_from(N).unwrap_or(u64::MAX))?;
        self.inner.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn bytes(&mut self, count: u64) -> Result<Vec<u8>, FileFault> {
        let mut bytes = vec![0; self.claim(count)?];
        self.inner.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn skip(&mut self, count: u64) -> Result<(), FileFault> {
        let bytes = self.claim(count)?;
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        Ok(self.inner.seek_relative(bytes)?)
    }

    fn u32(&mut self) -> Result<u32, FileFault> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, FileFault> {
        self.array().map(u64::from_le_bytes)
    }

    fn count(&mut self, what: &'static str, most: u64) -> Result<u64, FileFault> {
        let count = self.u64()?;
        if count > most { Err(FileFault::TooMany { what, count, most }) } else { Ok(count) }
    }

    fn name(&mut self) -> Result<String, FileFault> {
        let bytes = self.count("bytes in a name", MAX_NAME_BYTES)?;
        let at = self.at;
        String::from_utf8(self.bytes(bytes)?).map_err(|_| FileFault::NotUtf8 { at })
    }

    fn value(&mut self, kind: u32) -> Result<Value, FileFault> {
        Ok(match kind {
            0 => Value::Unsigned(u8::from_le_bytes(self.array()?).into()),
            1 => Value::Signed(i8::from_le_bytes(self.array()?).into()),
            2 => Value::Unsigned(u16::from_le_bytes(self.array()?).into()),
            3 => Value::Signed(i16::from_le_bytes(self.array()?).into()),
            4 => Value::Unsigned(self.u32()?.into()),
            5 => Value::Signed(i32::from_le_bytes(self.array()?).into()),
            6 => Value::Float(f32::from_le_bytes(self.array()?).into()),
            7 => Value::Bool(self.array::<1>()? != [0]),
            8 => {
                let count = self.count("bytes in a text", MAX_TEXT_BYTES)?;
                // Descriptions in the wild are not always valid UTF-8, and nothing depends on them.
                Value::Text(String::from_utf8_lossy(&self.bytes(count)?).into_owned())
            }
            9 => self.values()?,
            10 => Value::Unsigned(self.u64()?),
            11 => Value::Signed(i64::from_le_bytes(self.array()?)),
            12 => Value::Float(f64::from_le_bytes(self.array()?)),
            kind => return Err(FileFault::ValueKind { kind, at: self.at }),
        })
    }

    fn values(&mut self) -> Result<Value, FileFault> {
        let kind = self.u32()?;
        let count = self.u64()?;
        let width = match kind {
            0 | 1 | 7 => 1,
            2 | 3 => 2,
            4..=6 => 4,
            8 => return self.texts(count),
            10..=12 => 8,
            // An array of arrays: no model that is known here has one.
            kind => return Err(FileFault::ValueKind { kind, at: self.at }),
        };
        let bytes = count.saturating_mul(width);
        if matches!(kind, 0 | 1) {
            return Ok(Value::Bytes(self.bytes(bytes)?));
        }
        if !matches!(kind, 5 | 6) {
            self.skip(bytes)?;
            return Ok(Value::Skipped);
        }
        let bytes = self.bytes(bytes)?;
        let words = bytes.as_chunks::<4>().0.iter();
        Ok(match kind {
            5 => Value::Ints(words.map(|word| i32::from_le_bytes(*word)).collect()),
            _ => Value::Floats(words.map(|word| f32::from_le_bytes(*word)).collect()),
        })
    }

    fn texts(&mut self, count: u64) -> Result<Value, FileFault> {
        let mut texts = Texts::default();
        for _ in 0..count {
            let bytes = self.u64()?;
            let at = self.at;
            let bytes = self.bytes(bytes)?;
            texts.push(std::str::from_utf8(&bytes).map_err(|_| FileFault::NotUtf8 { at })?);
        }
        Ok(Value::Texts(texts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn text(text: &str) -> Vec<u8> {
        [&u64::try_from(text.len()).unwrap().to_le_bytes(), text.as_bytes()].concat()
    }

    /// A key, the number of its kind, and its bytes.
    fn entry(key: &str, kind: u32, value: &[u8]) -> Vec<u8> {
        [text(key), kind.to_le_bytes().to_vec(), value.to_vec()].concat()
    }

    fn tensor(name: &str, dims: &[u64], dtype: u32, offset: u64) -> Vec<u8> {
        let dims: Vec<u8> = dims.iter().flat_map(|dim| dim.to_le_bytes()).collect();
        let rank = u32::try_from(dims.len() / 8).unwrap().to_le_bytes();
        [text(name), rank.to_vec(), dims, dtype.to_le_bytes().to_vec(), offset.to_le_bytes().to_vec()]
            .concat()
    }

    fn opened(entries: &[Vec<u8>], tensors: &[Vec<u8>]) -> Result<Gguf, FileFault> {
        let mut bytes = b"GGUF\x03\0\0\0".to_vec();
        bytes.extend(u64::try_from(tensors.len()).unwrap().to_le_bytes());
        bytes.extend(u64::try_from(entries.len()).unwrap().to_le_bytes());
        bytes.extend(entries.concat());
        bytes.extend(tensors.concat());
        bytes.resize(bytes.len().next_multiple_of(32) + 256, 7);
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&bytes).unwrap();
        Gguf::open(file.path())
    }

    fn fault(entries: &[Vec<u8>], tensors: &[Vec<u8>]) -> String {
        opened(entries, tensors).unwrap_err().to_string()
    }

    fn array(kind: u32, count: u64) -> Vec<u8> {
        [kind.to_le_bytes().to_vec(), count.to_le_bytes().to_vec()].concat()
    }

    #[test]
    fn a_good_file_gives_its_values_and_bytes() {
        let entries = [entry("a", 4, &7_u32.to_le_bytes()), entry("b", 8, &text("hi")), entry("c", 7, &[1])];
        let mut gguf = opened(&entries, &[tensor("t", &[4, 2], 0, 0), tensor("u", &[32], 8, 32)]).unwrap();
        assert_eq!(
            (gguf.whole("a").unwrap(), gguf.text("b"), gguf.boolean("c")),
            (Some(7), Some("hi"), Some(true))
        );
        assert_eq!(
            (gguf.whole("z").unwrap(), crate::local::Precision::Stored.size(&gguf)),
            (None, (40, 160))
        );
        assert_eq!(gguf.tensor("t").unwrap().dims, [2, 4]);
        assert_eq!(gguf.bytes("t").unwrap(), vec![7; 32]);
        assert!(gguf.whole("b").is_err());
    }

    #[test]
    fn numbers_that_cannot_be_are_refused_before_they_cost_anything() {
        let huge = u64::MAX / 2;
        assert!(
            fault(&[entry("general.alignment", 4, &0_u32.to_le_bytes())], &[]).contains("general.alignment")
        );
        for kind in [0, 4, 5, 6, 8, 10] {
            assert!(fault(&[entry("a", 9, &array(kind, huge))], &[]).contains("cut short"), "{kind}");
        }
        assert!(fault(&[entry("a", 9, &array(9, 1))], &[]).contains("unknown kind 9"));
        assert!(fault(&[entry("a", 77, &[])], &[]).contains("unknown kind 77"));
        assert!(fault(&[entry("a", 8, &huge.to_le_bytes())], &[]).contains("bytes in a text"));
        assert!(fault(&[entry("a", 7, &[1]), entry("a", 7, &[1])], &[]).contains("`a` twice"));
        assert!(fault(&[], &[tensor("t", &[1 << 33, 1 << 33], 0, 0)]).contains("impossible size"));
        assert!(fault(&[], &[tensor("t", &[1 << 32, 1 << 29], 0, 0)]).contains("beyond the end"));
        assert!(fault(&[], &[tensor("t", &[4], 0, u64::MAX)]).contains("impossible size"));
        assert!(fault(&[], &[tensor("t", &[33], 8, 0)]).contains("whole number of blocks"));
        assert!(fault(&[], &[tensor("t", &[0], 0, 0)]).contains("whole number of blocks"));
        assert!(fault(&[], &[tensor("t", &[4, 0], 0, 0)]).contains("impossible size"));
        assert!(fault(&[], &[tensor("t", &[], 0, 0)]).contains("one to four dimensions"));
        assert!(fault(&[], &[tensor("t", &[4], 99, 0)]).contains("number format"));
    }
}
