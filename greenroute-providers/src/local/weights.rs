//! Tensors of a file as the forward pass wants them: checked, in formats with a fast kernel, immutable.

use super::fault::FileFault;
use super::gguf::{Gguf, TensorEntry};
use super::kernel::Format;
use super::matrix::{Linear, tensor};
use candle_core::{Device, Error, Tensor};

type Result<T, E = Error> = std::result::Result<T, E>;

/// In what form matrices are held in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// As they are in the file: `Q8_0`, `Q4_K`, `Q6_K`, `Q4_0` and `Q5_0` to the bit, other quantised formats rounded
    /// to eight bits. Inputs of a product are rounded to sixteen bits.
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

/// The matrix `name`, which must have `rows` and `columns`.
pub(super) fn linear(
    gguf: &mut Gguf,
    precision: Precision,
    name: &str,
    rows: usize,
    columns: usize,
) -> Result<Linear, FileFault> {
    let entry = entry(gguf, name, &[rows, columns])?;
    let bytes = gguf.bytes(&entry)?;
    if precision == Precision::Stored {
        return Ok(Linear::stored(entry.dtype, bytes, rows, columns)?);
    }
    let floats = tensor(bytes, entry.dtype, &entry.dims)?.dequantize(&Device::Cpu)?;
    Ok(match precision {
        Precision::Eight => Linear::quantised(&floats, Format::Q8_0)?,
        Precision::Four => Linear::quantised(&floats, Format::Q4K)?,
        Precision::Stored | Precision::Floats => Linear::floats(floats),
    })
}

/// The vector `name`, which must have `len` elements, as floats.
pub(super) fn vector(gguf: &mut Gguf, name: &str, len: usize) -> Result<Tensor, FileFault> {
    let entry = entry(gguf, name, &[len])?;
    Ok(tensor(gguf.bytes(&entry)?, entry.dtype, &entry.dims)?.dequantize(&Device::Cpu)?)
}

fn entry(gguf: &Gguf, name: &str, expected: &[usize]) -> Result<TensorEntry, FileFault> {
    let entry = gguf.tensor(name).ok_or_else(|| FileFault::Missing(name.to_owned()))?;
    if entry.dims != expected {
        let (found, expected) = (entry.dims.clone(), expected.to_vec());
        return Err(FileFault::Shape { name: name.to_owned(), found, expected });
    }
    Ok(entry.clone())
}
