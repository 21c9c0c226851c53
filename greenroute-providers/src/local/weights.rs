//! Tensors of a file as the forward pass wants them: checked, in formats with a fast kernel, immutable.

use super::fault::FileFault;
use super::kernel::Format;
use super::matrix::{Linear, tensor};
use super::tensor_entry::TensorEntry;
use candle_core::quantized::GgmlDType;
use candle_core::{Device, Tensor};

/// In what form matrices are held in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// As they are in the file: `Q8_0`, `Q4_K`, `Q6_K`, `Q4_0` and `Q5_0` to the bit, other quantised formats rounded
    /// to eight bits. Inputs of a product are rounded to sixteen bits, on a GPU to eight.
    #[default]
    Stored,
    /// Rounded to eight bits per weight, `Q8_0`, at loading.
    Eight,
    /// Rounded to four bits per weight, `Q4_K`, at loading, and to eight where a row is not a multiple of 256.
    Four,
    /// As 32-bit floats: the same weights without any further rounding, in four to seven times the memory. A
    /// reference to hold the other against.
    Floats,
}

impl Precision {
    /// How many bytes a tensor of a file will take in memory.
    pub(super) fn held(self, entry: &TensorEntry) -> u64 {
        let wide = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let elements = entry.elements();
        let [columns, rows] = [entry.dims.last(), entry.dims.get(entry.dims.len().wrapping_sub(2))];
        let blocks =
            |dtype: GgmlDType| (elements / wide(dtype.block_size())).saturating_mul(wide(dtype.type_size()));
        let whole =
            |dtype: GgmlDType| columns.is_some_and(|columns| columns.is_multiple_of(dtype.block_size()));
        let stored = match entry.dtype {
            GgmlDType::F32 | GgmlDType::F16 | GgmlDType::BF16 => GgmlDType::F32,
            GgmlDType::Q4K | GgmlDType::Q6K => entry.dtype,
            _ => GgmlDType::Q8_0,
        };
        // Vectors and small tables are floats whatever is asked for; they hardly count.
        match self {
            _ if rows.is_none() => blocks(GgmlDType::F32),
            Self::Stored => blocks(stored),
            Self::Four if whole(GgmlDType::Q4K) => blocks(GgmlDType::Q4K),
            Self::Four | Self::Eight if whole(GgmlDType::Q8_0) => blocks(GgmlDType::Q8_0),
            Self::Four | Self::Eight | Self::Floats => blocks(GgmlDType::F32),
        }
    }

    /// How many numbers there are in all tensors of a file, and how many bytes they will take in memory.
    pub(super) fn size(self, source: &impl Tensors) -> (u64, u64) {
        source.entries().fold((0, 0), |(numbers, bytes), entry| {
            (numbers.saturating_add(entry.elements()), bytes.saturating_add(self.held(entry)))
        })
    }

    /// And how many more for a moment, while it is loaded.
    pub(super) fn passing(self, entry: &TensorEntry) -> u64 {
        let stored = u64::try_from(entry.bytes).unwrap_or(u64::MAX);
        match (self, entry.dtype) {
            (Self::Floats, _) | (Self::Stored, GgmlDType::F32 | GgmlDType::F16 | GgmlDType::BF16) => stored,
            // Large ones are copied once more, to where they stay.
            (Self::Stored, GgmlDType::Q8_0 | GgmlDType::Q4K | GgmlDType::Q6K) => stored,
            (Self::Stored, GgmlDType::Q4_0 | GgmlDType::Q5_0) => stored.saturating_add(self.held(entry)),
            // What is rounded is floats before, and there twice after.
            _ => Self::Floats.held(entry).saturating_add(stored.max(self.held(entry))),
        }
    }
}

/// A file, or several, with named tensors: what all families load from.
pub(super) trait Tensors {
    fn tensor(&self, name: &str) -> Option<&TensorEntry>;

    /// All of them, in no order.
    fn entries(&self) -> impl Iterator<Item = &TensorEntry>;

    /// The bytes of a tensor as they are stored.
    fn bytes(&mut self, name: &str) -> Result<Vec<u8>, FileFault>;

    /// Where matrices that are loaded from it are put; `None` for the kernels of this crate.
    fn device(&self) -> Option<&Device>;
}

/// The matrix `name`, which must have `rows` and `columns`.
pub(super) fn linear(
    source: &mut impl Tensors,
    precision: Precision,
    name: &str,
    rows: usize,
    columns: usize,
) -> Result<Linear, FileFault> {
    let entry = entry(source, name, &[rows, columns])?;
    let bytes = source.bytes(name)?;
    let device = source.device();
    if precision == Precision::Stored {
        return Ok(Linear::stored(entry.dtype, bytes, rows, columns, device)?);
    }
    let floats = tensor(bytes, entry.dtype, &entry.dims)?.dequantize(&Device::Cpu)?;
    Ok(match precision {
        Precision::Eight => Linear::quantised(&floats, Format::Q8_0, device)?,
        Precision::Four => Linear::quantised(&floats, Format::Q4K, device)?,
        Precision::Stored | Precision::Floats => Linear::floats(floats, device)?,
    })
}

/// The vector `name`, which must have `len` elements, as floats.
pub(super) fn vector(source: &mut impl Tensors, name: &str, len: usize) -> Result<Tensor, FileFault> {
    table(source, name, &[len])
}

/// The tensor `name`, which must have the dimensions `dims`, as floats.
pub(super) fn table(source: &mut impl Tensors, name: &str, dims: &[usize]) -> Result<Tensor, FileFault> {
    let entry = entry(source, name, dims)?;
    Ok(tensor(source.bytes(name)?, entry.dtype, &entry.dims)?.dequantize(&Device::Cpu)?)
}

fn entry(source: &impl Tensors, name: &str, expected: &[usize]) -> Result<TensorEntry, FileFault> {
    let entry = source.tensor(name).ok_or_else(|| FileFault::Missing(name.to_owned()))?;
    if entry.dims != expected {
        let (found, expected) = (entry.dims.clone(), expected.to_vec());
        return Err(FileFault::Shape { name: name.to_owned(), found, expected });
    }
    Ok(entry.clone())
}
