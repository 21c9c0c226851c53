//! Where a tensor lies in a file, held against the file's size before anybody believes it.

use super::fault::FileFault;
use candle_core::quantized::GgmlDType;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

/// Where one tensor lies in the file; its bytes are known to be there.
#[derive(Debug, Clone)]
pub(super) struct TensorEntry {
    pub(super) dtype: GgmlDType,
    /// Outermost first: rows, then columns.
    pub(super) dims: Vec<usize>,
    pub(super) start: u64,
    pub(super) bytes: usize,
}

impl TensorEntry {
    /// How many numbers it holds.
    pub(super) fn elements(&self) -> u64 {
        let wide = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        self.dims.iter().copied().map(wide).fold(1, u64::saturating_mul)
    }

    /// The tensor's bytes as they are in `file`.
    pub(super) fn read(&self, file: &mut File) -> Result<Vec<u8>, FileFault> {
        let mut bytes = vec![0; self.bytes];
        file.seek(SeekFrom::Start(self.start))?;
        file.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

/// Refuses tensors of one file that lie on one another: they would take more memory than the file.
pub(super) fn apart<'a>(
    entries: impl Iterator<Item = (&'a String, &'a TensorEntry)>,
) -> Result<(), FileFault> {
    let mut places: Vec<_> = entries.map(|(name, entry)| (entry.start, entry.bytes, name)).collect();
    places.sort_unstable();
    let ends = places
        .iter()
        .map(|(start, bytes, _)| start.saturating_add(u64::try_from(*bytes).unwrap_or(u64::MAX)));
    match ends.zip(places.iter().skip(1)).find(|(end, (start, ..))| start < end) {
        None => Ok(()),
        Some((_, (.., name))) => {
            Err(FileFault::Tensor { name: (*name).clone(), fault: "lies on another one" })
        }
    }
}

/// Checks that a tensor's shape can be, and that all of its bytes lie in the file.
pub(super) fn place(
    name: &str,
    dtype: GgmlDType,
    dims: Vec<u64>,
    start: Option<u64>,
    file_size: u64,
) -> Result<TensorEntry, FileFault> {
    let fault = |fault| FileFault::Tensor { name: name.to_owned(), fault };
    let columns = dims.last().copied().unwrap_or(0);
    let block = u64::try_from(dtype.block_size()).unwrap_or(u64::MAX);
    if columns == 0 || columns % block != 0 {
        return Err(fault("has rows that are no whole number of blocks"));
    }
    let elements = dims.iter().try_fold(1_u64, |product, dim| product.checked_mul(*dim));
    let type_size = u64::try_from(dtype.type_size()).unwrap_or(u64::MAX);
    let bytes =
        elements.and_then(|elements| (elements / block).checked_mul(type_size)).filter(|bytes| *bytes > 0);
    let (Some(start), Some(bytes)) = (start, bytes) else { return Err(fault("has an impossible size")) };
    let end = start.checked_add(bytes);
    if end.is_none_or(|end| end > file_size) {
        return Err(fault("reaches beyond the end of the file"));
    }
    let dims = dims.into_iter().map(usize::try_from).collect::<Result<Vec<_>, _>>();
    match (dims, usize::try_from(bytes)) {
        (Ok(dims), Ok(bytes)) => Ok(TensorEntry { dtype, dims, start, bytes }),
        _ => Err(fault("is too large for this machine")),
    }
}
