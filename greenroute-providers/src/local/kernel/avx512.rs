//! For x86 with AVX-512 (F, BW, VL): 32 weights at a time, for up to eight rows of inputs.
#![expect(
    clippy::indexing_slicing,
    reason = "kernels: whoever calls them counts rows, and blocks are of fixed size"
)]

use super::Kernel;
use super::activations::{Lanes, Tile};
use super::band::{self, BAND};
use super::block::{Format, Q4K, Q6K, six_bits};
use std::arch::x86_64::*;

pub(super) fn kernel(format: Format, rows: usize) -> Kernel {
    match (format, rows) {
        (Format::Q8_0, 8) => q8_0::<8>,
        (Format::Q8_0, 4) => q8_0::<4>,
        (Format::Q8_0, 2) => q8_0::<2>,
        (Format::Q8_0, _) => q8_0::<1>,
        (Format::Q4K, 8) => q4_k::<8>,
        (Format::Q4K, 4) => q4_k::<4>,
        (Format::Q4K, 2) => q4_k::<2>,
        (Format::Q4K, _) => q4_k::<1>,
        (Format::Q6K, 8) => q6_k::<8>,
        (Format::Q6K, 4) => q6_k::<4>,
        (Format::Q6K, 2) => q6_k::<2>,
        (Format::Q6K, _) => q6_k::<1>,
    }
}

/// As [`kernel`], for a CPU that also has VNNI: it multiplies and adds in one step.
pub(super) fn kernel_vnni(format: Format, rows: usize) -> Kernel {
    match (format, rows) {
        (Format::Q8_0, 8) => q8_0_vnni::<8>,
        (Format::Q8_0, 4) => q8_0_vnni::<4>,
        (Format::Q8_0, 2) => q8_0_vnni::<2>,
        (Format::Q8_0, _) => q8_0_vnni::<1>,
        _ => kernel(format, rows),
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "a load takes a pointer")]
fn inputs(lanes: &Lanes) -> __m512i {
    // SAFETY: the reference is to 64 bytes.
    unsafe { _mm512_loadu_si512((&raw const *lanes).cast()) }
}

#[inline]
#[target_feature(enable = "avx")]
#[expect(unsafe_code, reason = "a load takes a pointer")]
fn bytes(bytes: &[u8; 32]) -> __m256i {
    // SAFETY: the reference is to 32 bytes.
    unsafe { _mm256_loadu_si256((&raw const *bytes).cast()) }
}

#[inline]
#[target_feature(enable = "avx")]
#[expect(unsafe_code, reason = "a load takes a pointer")]
fn sums_of(sums: &[i32; 8]) -> __m256i {
    // SAFETY: the reference is to 32 bytes.
    unsafe { _mm256_loadu_si256((&raw const *sums).cast()) }
}

#[inline]
#[target_feature(enable = "f16c")]
fn half(low: u8, high: u8) -> __m128 {
    _mm_cvtph_ps(_mm_cvtsi32_si128(i32::from(u16::from_le_bytes([low, high]))))
}

/// Two inputs, for each row of a band.
#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "put together from its halves it would not be one load")]
fn pair(pair: &[i16; 2]) -> __m512i {
    // SAFETY: the reference is to 4 bytes.
    _mm512_set1_epi32(unsafe { (&raw const *pair).cast::<i32>().read_unaligned() })
}

#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "a store takes a pointer")]
fn sixteen(numbers: __m512) -> [f32; BAND] {
    let mut out = [0.0; BAND];
    // SAFETY: the reference is to 64 bytes.
    unsafe { _mm512_storeu_ps(out.as_mut_ptr(), numbers) }
    out
}

/// To `sums` the products of pairs.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn add_products(sums: __m512i, weights: __m512i, inputs: __m512i) -> __m512i {
    _mm512_add_epi32(sums, _mm512_madd_epi16(weights, inputs))
}

/// The kernel of `Q8_0` as `$name`, for a CPU with `$features`, where `$add` adds products to sums.
macro_rules! q8_0 {
    ($name:ident, $features:literal, $add:path) => {
        #[target_feature(enable = $features)]
        fn $name<const M: usize>(rows: &[u8], tile: Tile<'_>, at: usize, out: &mut [&mut [f32]]) {
            let places = tile.lanes.as_chunks::<M>().0;
            // Whole numbers add up to the same in any order: with few rows of inputs there are several sums for
            // each, or every addition would wait for the one before it.
            let ways = const {
                if M > 4 {
                    1
                } else if M > 2 {
                    2
                } else {
                    4
                }
            };
            for (index, band) in band::blocks(rows).chunks_exact(tile.width).enumerate() {
                let mut totals = [_mm512_setzero_ps(); M];
                for ([scales, numbers @ ..], xs) in band.iter().zip(places) {
                    let scales = _mm512_cvtph_ps(bytes(scales));
                    // 32 products of 2^7 · 2^15 at most fit 32 bits.
                    let mut sums = [[_mm512_setzero_si512(); M]; 4];
                    for (four, numbers) in numbers.as_chunks::<4>().0.iter().enumerate() {
                        for (part, numbers) in numbers.iter().enumerate() {
                            let weights = _mm512_cvtepi8_epi16(bytes(numbers));
                            for i in 0..M {
                                let inputs = pair(&xs[i].0.as_chunks::<2>().0[4 * four + part]);
                                let sum = &mut sums[part % ways][i];
                                *sum = $add(*sum, weights, inputs);
                            }
                        }
                    }
                    for i in 0..M {
                        let mut sum = sums[0][i];
                        for others in &sums[1..ways] {
                            sum = _mm512_add_epi32(sum, others[i]);
                        }
                        totals[i] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), scales, totals[i]);
                    }
                }
                for i in 0..M {
                    let results = _mm512_mul_ps(_mm512_set1_ps(tile.scales[i]), totals[i]);
                    band::put(sixteen(results), &mut out[i][at + index * BAND..]);
                }
            }
        }
    };
}

q8_0!(q8_0, "avx512f,avx512bw,avx512vl,f16c,fma", add_products);
q8_0!(q8_0_vnni, "avx512f,avx512bw,avx512vl,avx512vnni,f16c,fma", _mm512_dpwssd_epi32);

#[target_feature(enable = "avx512f,avx512bw,avx512vl,f16c,fma")]
fn q4_k<const M: usize>(rows: &[u8], tile: Tile<'_>, at: usize, out: &mut [&mut [f32]]) {
    let places = tile.lanes.as_chunks::<M>().0.as_chunks::<8>().0;
    let lane_sums = tile.sums.as_chunks::<8>().0;
    let blocks = rows.as_chunks::<Q4K>().0;
    for (index, row) in blocks.chunks_exact(tile.width / 8).enumerate() {
        let mut totals = [_mm512_setzero_ps(); M];
        let mut below = [_mm256_setzero_ps(); M];
        for (b, ([s0, s1, o0, o1, packed @ ..], xs)) in row.iter().zip(places).enumerate() {
            let (scales, offsets) = six_bits(packed);
            let numbers = packed.last_chunk::<128>().map_or(&[][..], |numbers| numbers.as_chunks::<32>().0);
            let mut sums = [_mm512_setzero_si512(); M];
            for (pair, numbers) in numbers.iter().enumerate() {
                let wide = _mm512_cvtepu8_epi16(bytes(numbers));
                let low = _mm512_and_si512(wide, _mm512_set1_epi16(15));
                let low = _mm512_mullo_epi16(low, _mm512_set1_epi16(i16::from(scales[2 * pair])));
                let high = _mm512_srli_epi16(wide, 4);
                let high = _mm512_mullo_epi16(high, _mm512_set1_epi16(i16::from(scales[2 * pair + 1])));
                for i in 0..M {
                    sums[i] = _mm512_add_epi32(sums[i], _mm512_madd_epi16(low, inputs(&xs[2 * pair][i])));
                    sums[i] =
                        _mm512_add_epi32(sums[i], _mm512_madd_epi16(high, inputs(&xs[2 * pair + 1][i])));
                }
            }
            let scale = _mm512_broadcastss_ps(half(*s0, *s1));
            let offset = _mm256_broadcastss_ps(half(*o0, *o1));
            let offsets = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(u64::from_le_bytes(offsets).cast_signed()));
            for i in 0..M {
                totals[i] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums[i]), scale, totals[i]);
                let part = _mm256_mullo_epi32(offsets, sums_of(&lane_sums[i * row.len() + b]));
                below[i] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(part), offset, below[i]);
            }
        }
        for i in 0..M {
            let below = _mm512_reduce_add_ps(_mm512_zextps256_ps512(below[i]));
            out[i][at + index] = tile.scales[i] * (_mm512_reduce_add_ps(totals[i]) - below);
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,f16c,fma")]
fn q6_k<const M: usize>(rows: &[u8], tile: Tile<'_>, at: usize, out: &mut [&mut [f32]]) {
    let places = tile.lanes.as_chunks::<M>().0.as_chunks::<8>().0;
    let blocks = rows.as_chunks::<Q6K>().0;
    let (fifteen, three, bias) = (_mm256_set1_epi8(15), _mm256_set1_epi8(3), _mm512_set1_epi16(32));
    for (index, row) in blocks.chunks_exact(tile.width / 8).enumerate() {
        let mut totals = [_mm512_setzero_ps(); M];
        for (block, xs) in row.iter().zip(places) {
            let (parts, _) = block.as_chunks::<32>();
            let mut sums = [_mm512_setzero_si512(); M];
            for side in 0..2 {
                let high = bytes(&parts[4 + side]);
                for part in 0..4 {
                    let at = 4 * side + part;
                    let low = bytes(&parts[2 * side + part % 2]);
                    let low = if part < 2 { low } else { _mm256_srli_epi16(low, 4) };
                    let low = _mm256_and_si256(low, fifteen);
                    let top = match part {
                        0 => high,
                        1 => _mm256_srli_epi16(high, 2),
                        2 => _mm256_srli_epi16(high, 4),
                        _ => _mm256_srli_epi16(high, 6),
                    };
                    let top = _mm256_slli_epi16(_mm256_and_si256(top, three), 4);
                    let wide = _mm512_sub_epi16(_mm512_cvtepu8_epi16(_mm256_or_si256(low, top)), bias);
                    let factor = |byte: u8| _mm256_set1_epi16(i16::from(byte.cast_signed()));
                    let left = _mm512_castsi256_si512(factor(block[192 + 2 * at]));
                    let factors = _mm512_inserti64x4(left, factor(block[193 + 2 * at]), 1);
                    let weights = _mm512_mullo_epi16(wide, factors);
                    for i in 0..M {
                        let product = _mm512_madd_epi16(weights, inputs(&xs[at][i]));
                        sums[i] = _mm512_add_epi32(sums[i], product);
                    }
                }
            }
            let scale = _mm512_broadcastss_ps(half(block[208], block[209]));
            for i in 0..M {
                totals[i] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums[i]), scale, totals[i]);
            }
        }
        for i in 0..M {
            out[i][at + index] = tile.scales[i] * _mm512_reduce_add_ps(totals[i]);
        }
    }
}
