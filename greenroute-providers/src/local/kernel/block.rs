//! The blocks of a GGUF file, as ggml lays them out, one number after the other.

use super::activations::LANES;
use super::band::{self, BAND};

/// A format of weights that has kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::local) enum Format {
    /// 32 numbers: a scale, and a signed byte each.
    Q8_0,
    /// 256 numbers: two scales, eight pairs of six-bit factors for scale and offset, and four bits each.
    Q4K,
    /// 256 numbers: six bits each, sixteen signed factors, and a scale.
    Q6K,
}

pub(super) const Q8_0: usize = 34;
pub(super) const Q4K: usize = 144;
pub(super) const Q6K: usize = 210;

impl Format {
    /// Numbers per block.
    pub(in crate::local) fn block_len(self) -> usize {
        match self {
            Self::Q8_0 => LANES,
            Self::Q4K | Self::Q6K => 8 * LANES,
        }
    }

    pub(super) fn block_bytes(self) -> usize {
        match self {
            Self::Q8_0 => Q8_0,
            Self::Q4K => Q4K,
            Self::Q6K => Q6K,
        }
    }

    /// The rows of a matrix that lie in memory as one piece.
    pub(super) fn band(self) -> usize {
        match self {
            Self::Q8_0 => BAND,
            Self::Q4K | Self::Q6K => 1,
        }
    }

    /// The numbers of row `index` of a band, added to the end of `out`.
    pub(super) fn decode(self, bytes: &[u8], index: usize, out: &mut Vec<f32>) {
        match self {
            Self::Q8_0 => band::decode(bytes, index, out),
            Self::Q4K => {
                for block in bytes.as_chunks::<Q4K>().0 {
                    let Q4 { scale, offset, scales, offsets, .. } = Q4::of(block);
                    for (index, (s, o)) in (0..).zip(scales.into_iter().zip(offsets)) {
                        let (scale, offset) = (scale * f32::from(s), offset * f32::from(o));
                        out.extend(q4(block, index).map(|lane| scale * f32::from(lane) - offset));
                    }
                }
            }
            Self::Q6K => {
                for block in bytes.as_chunks::<Q6K>().0 {
                    let scale = q6_scale(block);
                    for index in 0..8 {
                        let (low, high) = q6_factors(block, index);
                        let lanes = q6(block, index);
                        let factors = [low; 16].into_iter().chain([high; 16]);
                        out.extend(
                            lanes.iter().zip(factors).map(|(q, f)| scale * f32::from(f) * f32::from(*q)),
                        );
                    }
                }
            }
        }
    }
}

/// The head of a `Q4_K` block: the numbers `q` of its part `i` stand for
/// `scale · scales[i] · q - offset · offsets[i]`.
pub(super) struct Q4 {
    pub(super) scale: f32,
    pub(super) offset: f32,
    pub(super) scales: [u8; 8],
    pub(super) offsets: [u8; 8],
}

impl Q4 {
    #[inline]
    pub(super) fn of(block: &[u8; Q4K]) -> Self {
        let [a, b, c, d, packed @ ..] = block;
        let (scales, offsets) = six_bits(packed);
        Self { scale: half(*a, *b), offset: half(*c, *d), scales, offsets }
    }
}

/// The eight scales and eight offsets in twelve bytes; what follows those is not looked at.
#[inline(always)]
pub(super) fn six_bits(packed: &[u8; Q4K - 4]) -> ([u8; 8], [u8; 8]) {
    let [a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, ..] = packed;
    let word = |a: &u8, b: &u8, c: &u8, d: &u8| u32::from_le_bytes([*a, *b, *c, *d]);
    let (a, b, c) = (word(a0, a1, a2, a3), word(b0, b1, b2, b3), word(c0, c1, c2, c3));
    let (low, top) = (0x0f0f_0f0f, 0x3030_3030);
    let join = |first: u32, second: u32| (u64::from(first) | u64::from(second) << 32).to_le_bytes();
    let scales = join(a & 0x3f3f_3f3f, c & low | a >> 2 & top);
    let offsets = join(b & 0x3f3f_3f3f, c >> 4 & low | b >> 2 & top);
    (scales, offsets)
}

/// The 32 numbers of part `index` of a `Q4_K` block.
#[inline]
#[expect(clippy::indexing_slicing, reason = "a kernel: index < 8, and a block is 16 + 4 · 32 bytes")]
pub(super) fn q4(block: &[u8; Q4K], index: usize) -> [i16; LANES] {
    let bytes = &block[16 + index / 2 * LANES..][..LANES];
    let shift = 4 * (index % 2);
    std::array::from_fn(|i| i16::from(bytes[i] >> shift & 15))
}

/// The scale of a `Q6_K` block.
#[inline]
pub(super) fn q6_scale([.., a, b]: &[u8; Q6K]) -> f32 {
    half(*a, *b)
}

/// The factors of the first and the second half of part `index` of a `Q6_K` block.
#[inline]
#[expect(clippy::indexing_slicing, reason = "a kernel: index < 8, and the factors are bytes 192 to 207")]
pub(super) fn q6_factors(block: &[u8; Q6K], index: usize) -> (i8, i8) {
    (block[192 + 2 * index].cast_signed(), block[193 + 2 * index].cast_signed())
}

/// The 32 numbers of part `index` of a `Q6_K` block.
#[inline]
#[expect(
    clippy::indexing_slicing,
    reason = "a kernel: index < 8, four bits lie in bytes 0 to 127, two in 128 to 191"
)]
pub(super) fn q6(block: &[u8; Q6K], index: usize) -> [i16; LANES] {
    let (half, part) = (index / 4, index % 4);
    let low = &block[64 * half + LANES * (part % 2)..][..LANES];
    let high = &block[128 + LANES * half..][..LANES];
    let (low_shift, high_shift) = (4 * (part / 2), 2 * part);
    std::array::from_fn(|i| i16::from(low[i] >> low_shift & 15 | (high[i] >> high_shift & 3) << 4) - 32)
}

/// The number in the two bytes of an IEEE half float.
#[inline]
pub(super) fn half(low: u8, high: u8) -> f32 {
    let bits = u16::from_le_bytes([low, high]);
    let magnitude = u32::from(bits & 0x7fff) << 13;
    let exponents_apart = f32::from_bits(239 << 23);
    let value = match bits & 0x7c00 {
        0x7c00 => f32::from_bits(magnitude | 0x7f80_0000),
        _ => f32::from_bits(magnitude) * exponents_apart,
    };
    f32::from_bits(value.to_bits() | u32::from(bits & 0x8000) << 16)
}
