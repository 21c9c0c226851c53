//! Matrices of weights, and the products with them.

use super::kernel::{Blocks, Format, product};
use super::placed::Placed;
use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{CpuStorage, CustomOp1, Device, Error, Layout, Result, Shape, Tensor, bail};
use std::borrow::Cow;
use std::sync::Arc;

/// A matrix to multiply with, `[rows, columns]`.
#[derive(Debug, Clone)]
pub(super) struct Linear(Form);

#[derive(Debug, Clone)]
enum Form {
    Floats(Tensor),
    /// One or more matrices of as many columns, one below the other.
    Blocks(Arc<[Arc<Blocks>]>),
    Placed(Placed),
}

/// On a `device` multiplies candle, and without one the kernels here.
impl Linear {
    /// One of 32-bit floats.
    pub(super) fn floats(weights: Tensor, device: Option<&Device>) -> Result<Self> {
        match device {
            Some(device) => Ok(Self(Form::Placed(Placed::floats(&weights, device)?))),
            None => Ok(Self(Form::Floats(weights))),
        }
    }

    /// One that is kept as it is stored where there are kernels for that: else whole and half floats become
    /// 32-bit ones, and all others eight-bit ones, those of four and five bits without a loss.
    pub(super) fn stored(
        dtype: GgmlDType,
        bytes: Vec<u8>,
        rows: usize,
        columns: usize,
        device: Option<&Device>,
    ) -> Result<Self> {
        let (format, bytes) = match dtype {
            GgmlDType::Q8_0 => (Format::Q8_0, bytes),
            GgmlDType::Q4K => (Format::Q4K, bytes),
            GgmlDType::Q6K => (Format::Q6K, bytes),
            GgmlDType::Q4_0 => (Format::Q8_0, q8_0_from_q4_0(&bytes)),
            GgmlDType::Q5_0 => (Format::Q8_0, q8_0_from_q5_0(&bytes)),
            other => {
                let floats = tensor(bytes, other, &[rows, columns])?.dequantize(&Device::Cpu)?;
                return match other {
                    GgmlDType::F32 | GgmlDType::F16 | GgmlDType::BF16 => Self::floats(floats, device),
                    _ => Self::quantised(&floats, Format::Q8_0, device),
                };
            }
        };
        Self::blocks(format, rows, columns, bytes, device)
    }

    /// One that is rounded to `format` if its columns are whole blocks of that, else to eight bits, else not.
    pub(super) fn quantised(floats: &Tensor, format: Format, device: Option<&Device>) -> Result<Self> {
        let (rows, columns) = floats.dims2()?;
        let format = if columns.is_multiple_of(format.block_len()) { format } else { Format::Q8_0 };
        if !columns.is_multiple_of(format.block_len()) {
            return Self::floats(floats.clone(), device);
        }
        let bytes = QTensor::quantize(floats, dtype(format))?.data()?.into_owned();
        Self::blocks(format, rows, columns, bytes, device)
    }

    fn blocks(
        format: Format,
        rows: usize,
        columns: usize,
        bytes: Vec<u8>,
        device: Option<&Device>,
    ) -> Result<Self> {
        if let Some(device) = device {
            return Ok(Self(Form::Placed(Placed::blocks(dtype(format), rows, columns, bytes, device)?)));
        }
        match Blocks::new(format, rows, columns, bytes) {
            Some(blocks) => Ok(Self(Form::Blocks([Arc::new(blocks)].into()))),
            None => bail!("the bytes of a matrix are not those of {rows} rows of {columns}"),
        }
    }

    /// One whose product is those of all `parts`, side by side. Nothing quantised is copied.
    pub(super) fn stacked(parts: &[Self]) -> Result<Self> {
        if let Some(all) = parts.iter().map(Self::placed).collect::<Option<Vec<_>>>() {
            return Ok(Self(Form::Placed(Placed::stacked(&all)?)));
        }
        let blocks = |part: &Self| match &part.0 {
            Form::Blocks(blocks) => Some(blocks.to_vec()),
            Form::Floats(_) | Form::Placed(_) => None,
        };
        if let Some(all) = parts.iter().map(blocks).collect::<Option<Vec<_>>>() {
            let all = all.concat();
            let columns = all.first().map_or(0, |part| part.columns());
            if all.iter().any(|part| part.columns() != columns) {
                bail!("matrices of different inputs cannot be stacked");
            }
            return Ok(Self(Form::Blocks(all.into())));
        }
        let floats = parts.iter().map(Self::to_floats).collect::<Result<Vec<_>>>()?;
        Ok(Self(Form::Floats(Tensor::cat(&floats, 0)?)))
    }

    fn placed(&self) -> Option<&Placed> {
        match &self.0 {
            Form::Placed(placed) => Some(placed),
            Form::Blocks(_) | Form::Floats(_) => None,
        }
    }

    fn to_floats(&self) -> Result<Tensor> {
        match &self.0 {
            Form::Placed(_) => bail!("matrices in different places cannot be stacked"),
            Form::Floats(weights) => Ok(weights.clone()),
            Form::Blocks(parts) => {
                let (rows, columns) = shape(parts);
                let mut floats = Vec::with_capacity(rows * columns);
                for part in parts.iter() {
                    (0..part.rows()).for_each(|row| {
                        part.decode_row(row, &mut floats);
                    });
                }
                Tensor::from_vec(floats, (rows, columns), &Device::Cpu)
            }
        }
    }

    /// `x · Wᵀ` over the last dimension of `x`.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match &self.0 {
            Form::Blocks(parts) => x.contiguous()?.apply_op1_no_bwd(&Product(parts)),
            // One product of all rows: a batch of products would read the weights once for each.
            Form::Floats(weights) => by_rows(x, |x| x.matmul(&weights.t()?)),
            Form::Placed(placed) => by_rows(x, |x| placed.forward(x)),
        }
    }

    /// Its rows `ids`, the only ones that are turned into floats.
    pub(super) fn rows(&self, ids: &[u32]) -> Result<Tensor> {
        match &self.0 {
            Form::Placed(placed) => placed.rows(ids),
            Form::Floats(weights) => weights.index_select(&Tensor::new(ids, &Device::Cpu)?, 0),
            Form::Blocks(parts) => {
                let (_, columns) = shape(parts);
                let mut rows = Vec::with_capacity(ids.len() * columns);
                for id in ids {
                    let mut index = usize::try_from(*id).map_err(Error::wrap)?;
                    let holder = parts.iter().find(|part| {
                        let held = index < part.rows();
                        index -= if held { 0 } else { part.rows() };
                        held
                    });
                    if !holder.is_some_and(|part| part.decode_row(index, &mut rows)) {
                        bail!("there is no row {id}");
                    }
                }
                Tensor::from_vec(rows, (ids.len(), columns), &Device::Cpu)
            }
        }
    }
}

/// What candle calls it.
fn dtype(format: Format) -> GgmlDType {
    match format {
        Format::Q8_0 => GgmlDType::Q8_0,
        Format::Q4K => GgmlDType::Q4K,
        Format::Q6K => GgmlDType::Q6K,
    }
}

/// The product of `x` as a matrix, with the leading dimensions of `x`.
fn by_rows(x: &Tensor, product: impl FnOnce(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
    let (columns, leading) = x.dims().split_last().ok_or_else(|| Error::Msg("no inputs".into()))?;
    let out = product(&x.reshape((leading.iter().product::<usize>(), *columns))?)?;
    let mut dims = leading.to_vec();
    dims.push(out.dim(1)?);
    out.reshape(dims)
}

/// Rows and columns of all together.
fn shape(parts: &[Arc<Blocks>]) -> (usize, usize) {
    (parts.iter().map(|part| part.rows()).sum(), parts.first().map_or(0, |part| part.columns()))
}

struct Product<'a>(&'a [Arc<Blocks>]);

impl CustomOp1 for Product<'_> {
    fn name(&self) -> &'static str {
        "quantised-product"
    }

    fn cpu_fwd(&self, x: &CpuStorage, at: &Layout) -> Result<(CpuStorage, Shape)> {
        let (rows, columns) = shape(self.0);
        let Some((start, end)) = at.contiguous_offsets() else { bail!("inputs must be contiguous") };
        let Some(x) = x.as_slice::<f32>()?.get(start..end) else {
            bail!("inputs reach beyond their storage")
        };
        let mut dims = at.dims().to_vec();
        match dims.last_mut() {
            Some(last) if *last == columns => *last = rows,
            _ => bail!("inputs of shape {dims:?} do not fit {columns} columns"),
        }
        Ok((CpuStorage::F32(product(self.0.iter().map(AsRef::as_ref), x)), Shape::from(dims)))
    }
}

/// A tensor of a file's bytes.
pub(super) fn tensor(bytes: Vec<u8>, dtype: GgmlDType, dims: &[usize]) -> Result<QTensor> {
    QTensor::new(QStorage::from_data(Cow::Owned(bytes), &Device::Cpu, dtype)?, dims)
}

const Q4_0_BYTES: usize = 18;
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

/// As from `Q5_0`, which only has one bit more.
fn q8_0_from_q4_0(blocks: &[u8]) -> Vec<u8> {
    let blocks = blocks.as_chunks::<Q4_0_BYTES>().0;
    let mut out = Vec::with_capacity(blocks.len() * Q8_0_BYTES);
    for [scale_low, scale_high, nibbles @ ..] in blocks {
        out.extend([*scale_low, *scale_high]);
        out.extend(nibbles.map(|byte| (byte & 15).wrapping_sub(8)));
        out.extend(nibbles.map(|byte| (byte >> 4).wrapping_sub(8)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_and_five_bits_become_eight_without_a_loss() {
        for (dtype, size) in [(GgmlDType::Q4_0, Q4_0_BYTES), (GgmlDType::Q5_0, Q5_0_BYTES)] {
            // Many patterns of the payload; the scale must stay finite.
            let mut blocks = Vec::new();
            for seed in 0..64_u32 {
                blocks.extend([0x66, 0x2e]);
                blocks
                    .extend((2..size).map(|i| (seed * 97 + u32::try_from(i).unwrap() * 31).to_le_bytes()[0]));
            }
            let before = tensor(blocks.clone(), dtype, &[64, 32]).unwrap().dequantize(&Device::Cpu).unwrap();
            let ids: Vec<u32> = (0..64).collect();
            let after = Linear::stored(dtype, blocks, 64, 32, None).unwrap().rows(&ids).unwrap();
            assert_eq!(before.to_vec2::<f32>().unwrap(), after.to_vec2::<f32>().unwrap());
        }
    }

    #[test]
    fn stacked_matrices_multiply_as_each_alone_whatever_their_forms() {
        let random = |rows: usize| Tensor::randn(0.0_f32, 1.0, (rows, 256), &Device::Cpu).unwrap();
        let (a, b, c) = (random(5), random(70), random(3));
        let eight = Linear::quantised(&a, Format::Q8_0, None).unwrap();
        let four = Linear::quantised(&b, Format::Q4K, None).unwrap();
        let floats = Linear::floats(c, None).unwrap();
        let x = Tensor::randn(0.0_f32, 1.0, (2, 3, 256), &Device::Cpu).unwrap();
        for parts in [vec![eight.clone(), four.clone()], vec![eight, four, floats]] {
            let stacked = Linear::stacked(&parts).unwrap();
            let each: Vec<Tensor> = parts.iter().map(|part| part.forward(&x).unwrap()).collect();
            let each = Tensor::cat(&each, 2).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let all = stacked.forward(&x).unwrap();
            assert_eq!(all.dims(), [2, 3, each.len() / 6]);
            let all = all.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            assert!(all.iter().zip(&each).all(|(a, b)| (a - b).abs() < 1e-2));
            let rows: Vec<Vec<f32>> =
                parts.iter().flat_map(|part| part.to_floats().unwrap().to_vec2::<f32>().unwrap()).collect();
            let picked = stacked.rows(&[6, 0, 74]).unwrap().to_vec2::<f32>().unwrap();
            assert_eq!(picked, [rows[6].clone(), rows[0].clone(), rows[74].clone()]);
            assert!(stacked.rows(&[78]).is_err());
        }
    }
}
