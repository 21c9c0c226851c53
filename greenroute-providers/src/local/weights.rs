//! Tensors of a file as the forward pass wants them: checked, in formats with a fast kernel, immutable.

use super::fault::FileFault;
use super::gguf::{Gguf, TensorEntry};
use super::matrix::Linear;
use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{Device, Error, Tensor};
use std::borrow::Cow;

type Result<T, E = Error> = std::result::Result<T, E>;

/// In what form matrices are held in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// As they are in the file, but for formats without a fast kernel, which become eight-bit. Inputs of a product
    /// are rounded to eight bits as well, as llama.cpp does it.
    #[default]
    Stored,
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
    if precision == Precision::Floats {
        let tensor = tensor(gguf.bytes(&entry)?, entry.dtype, &entry.dims)?;
        return Ok(Linear::floats(tensor.dequantize(&Device::Cpu)?));
    }
    Ok(Linear::stored(load(gguf, &entry)?)?)
}

/// The vector `name`, which must have `len` elements, as floats.
pub(super) fn vector(gguf: &mut Gguf, name: &str, len: usize) -> Result<Tensor, FileFault> {
    let entry = entry(gguf, name, &[len])?;
    Ok(load(gguf, &entry)?.dequantize(&Device::Cpu)?)
}

fn entry(gguf: &Gguf, name: &str, expected: &[usize]) -> Result<TensorEntry, FileFault> {
    let entry = gguf.tensor(name).ok_or_else(|| FileFault::Missing(name.to_owned()))?;
    if entry.dims != expected {
        let (found, expected) = (entry.dims.clone(), expected.to_vec());
        return Err(FileFault::Shape { name: name.to_owned(), found, expected });
    }
    Ok(entry.clone())
}

fn load(gguf: &mut Gguf, entry: &TensorEntry) -> Result<QTensor, FileFault> {
    let bytes = gguf.bytes(entry)?;
    let dims = entry.dims.as_slice();
    // candle has no fast kernel for five bits: as eight bits prefill is five times and decoding twice as fast.
    Ok(match entry.dtype {
        GgmlDType::Q5_0 => tensor(q8_0_from_q5_0(&bytes), GgmlDType::Q8_0, dims)?,
        GgmlDType::Q5_1 => {
            let floats = tensor(bytes, GgmlDType::Q5_1, dims)?.dequantize(&Device::Cpu)?;
            QTensor::quantize(&floats, GgmlDType::Q8_0)?
        }
        dtype => tensor(bytes, dtype, dims)?,
    })
}

fn tensor(bytes: Vec<u8>, dtype: GgmlDType, dims: &[usize]) -> Result<QTensor> {
    QTensor::new(QStorage::from_data(Cow::Owned(bytes), &Device::Cpu, dtype)?, dims)
}

const Q5_0_BYTES: usize = 22;
const Q8_0_BYTES: usize = 34;

/// The same numbers in the other format, exactly: both are a scale times a small whole number.
///
/// A block of 32 is, in `Q5_0`, the scale as f16, 32 fifth bits, and 32 nibbles of which a byte holds the
/// `j`-th and the `j + 16`-th; in `Q8_0`, the scale and 32 signed bytes.
fn q8_0_from_q5_0(blocks: &[u8]) -> Vec<u8> {
    let blocks = blocks.as_chunks::<Q5_0_BYTES>().0;
    let mut out = Vec::with_capacity(blocks.len() * Q8_0_BYTES);
    for [scale_low, scale_high, a, b, c, d, nibbles @ ..] in blocks {
        out.extend([*scale_low, *scale_high]);
        let fifth = u32::from_le_bytes([*a, *b, *c, *d]);
        let bit = |at: usize| if fifth >> at & 1 == 1 { 16_u8 } else { 0 };
        out.extend(nibbles.iter().enumerate().map(|(j, byte)| (byte & 15 | bit(j)).wrapping_sub(16)));
        out.extend(nibbles.iter().enumerate().map(|(j, byte)| (byte >> 4 | bit(j + 16)).wrapping_sub(16)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_bits_become_eight_without_a_loss() {
        // Every byte pattern of the payload at once; the scale must stay finite.
        let mut blocks = Vec::new();
        for seed in 0..64_u32 {
            blocks.extend([0x66, 0x2e]);
            blocks.extend((0..20_u32).map(|i| (seed * 97 + i * 31).to_le_bytes()[0]));
        }
        let dims = [64, 32];
        let before =
            tensor(blocks.clone(), GgmlDType::Q5_0, &dims).unwrap().dequantize(&Device::Cpu).unwrap();
        let after = tensor(q8_0_from_q5_0(&blocks), GgmlDType::Q8_0, &dims).unwrap();
        let after = after.dequantize(&Device::Cpu).unwrap();
        assert_eq!(before.to_vec2::<f32>().unwrap(), after.to_vec2::<f32>().unwrap());
    }
}
