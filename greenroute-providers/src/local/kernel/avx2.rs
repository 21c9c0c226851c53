//! For x86 with AVX2, FMA and F16C: 16 weights at a time, for up to four rows of inputs.
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
        (Format::Q8_0, 4) => q8_0::<4>,
        (Format::Q8_0, 2) => q8_0::<2>,
        (Format::Q8_0, _) => q8_0::<1>,
        (Format::Q4K, 4) => q4_k::<4>,
        (Format::Q4K, 2) => q4_k::<2>,
        (Format::Q4K, _) => q4_k::<1>,
        (Format::Q6K, 4) => q6_k::<4>,
        (Format::Q6K, 2) => q6_k::<2>,
        (Format::Q6K, _) => q6_k::<1>,
    }
}

/// The first and the second half of some lanes.
#[inline]
#[target_feature(enable = "avx")]
#[expect(unsafe_code, reason = "a load takes a pointer")]
fn inputs(lanes: &Lanes) -> [__m256i; 2] {
    let halves: &[[i16; 16]] = lanes.0.as_chunks().0;
    // SAFETY: each reference is to 32 bytes.
    unsafe {
        [_mm256_loadu_si256((&raw const halves[0]).cast()), _mm256_loadu_si256((&raw const halves[1]).cast())]
    }
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

/// Products of 32 pairs, added up by four.
#[inline]
#[target_feature(enable = "avx2")]
fn multiply(weights: [__m256i; 2], lanes: &Lanes) -> __m256i {
    let lanes = inputs(lanes);
    _mm256_add_epi32(_mm256_madd_epi16(weights[0], lanes[0]), _mm256_madd_epi16(weights[1], lanes[1]))
}

/// Unsigned bytes as whole words.
#[inline]
#[target_feature(enable = "avx2")]
fn widen(bytes: __m256i) -> [__m256i; 2] {
    let upper = _mm256_extracti128_si256(bytes, 1);
    [_mm256_cvtepu8_epi16(_mm256_castsi256_si128(bytes)), _mm256_cvtepu8_epi16(upper)]
}

#[inline]
#[target_feature(enable = "avx")]
fn total(sums: __m256) -> f32 {
    let four = _mm_add_ps(_mm256_castps256_ps128(sums), _mm256_extractf128_ps(sums, 1));
    let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
}

/// Two inputs, for each row of half a band.
#[inline]
#[target_feature(enable = "avx")]
#[expect(unsafe_code, reason = "put together from its halves it would not be one load")]
fn pair(pair: &[i16; 2]) -> __m256i {
    // SAFETY: the reference is to 4 bytes.
    _mm256_set1_epi32(unsafe { (&raw const *pair).cast::<i32>().read_unaligned() })
}

/// Those of half a band.
#[inline]
#[target_feature(enable = "avx")]
#[expect(unsafe_code, reason = "a load takes a pointer")]
fn side(line: &[u8; 2 * BAND], side: usize) -> __m128i {
    let sides: &[[u8; BAND]] = line.as_chunks().0;
    // SAFETY: the reference is to 16 bytes.
    unsafe { _mm_loadu_si128((&raw const sides[side]).cast()) }
}

#[inline]
#[target_feature(enable = "avx")]
#[expect(unsafe_code, reason = "a store takes a pointer")]
fn sixteen(sides: [__m256; 2]) -> [f32; BAND] {
    let mut out = [[0.0; BAND / 2]; 2];
    for (out, side) in out.iter_mut().zip(sides) {
        // SAFETY: the reference is to 32 bytes.
        unsafe { _mm256_storeu_ps(out.as_mut_ptr(), side) }
    }
    std::array::from_fn(|i| out[i / (BAND / 2)][i % (BAND / 2)])
}

#[target_feature(enable = "avx2,f16c,fma")]
fn q8_0<const M: usize>(rows: &[u8], tile: Tile<'_>, at: usize, out: &mut [&mut [f32]]) {
    let places = tile.lanes.as_chunks::<M>().0;
    for (index, band) in band::blocks(rows).chunks_exact(tile.width).enumerate() {
        let mut totals = [[_mm256_setzero_ps(); M]; 2];
        for ([scales, numbers @ ..], xs) in band.iter().zip(places) {
            for (half, totals) in totals.iter_mut().enumerate() {
                let scales = _mm256_cvtph_ps(side(scales, half));
                // 32 products of 2^7 · 2^15 at most fit 32 bits.
                let mut sums = [_mm256_setzero_si256(); M];
                for (pairs, numbers) in numbers.iter().enumerate() {
                    let weights = _mm256_cvtepi8_epi16(side(numbers, half));
                    for i in 0..M {
                        let inputs = pair(&xs[i].0.as_chunks::<2>().0[pairs]);
                        sums[i] = _mm256_add_epi32(sums[i], _mm256_madd_epi16(weights, inputs));
                    }
                }
                for i in 0..M {
                    totals[i] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sums[i]), scales, totals[i]);
                }
            }
        }
        for i in 0..M {
            let scale = _mm256_set1_ps(tile.scales[i]);
            let results = [_mm256_mul_ps(scale, totals[0][i]), _mm256_mul_ps(scale, totals[1][i])];
            band::put(sixteen(results), &mut out[i][at + index * BAND..]);
        }
    }
}

#[target_feature(enable = "avx2,f16c,fma")]
fn q4_k<const M: usize>(rows: &[u8], tile: Tile<'_>, at: usize, out: &mut [&mut [f32]]) {
    let places = tile.lanes.as_chunks::<M>().0.as_chunks::<8>().0;
    let lane_sums = tile.sums.as_chunks::<8>().0;
    let blocks = rows.as_chunks::<Q4K>().0;
    for (index, row) in blocks.chunks_exact(tile.width / 8).enumerate() {
        let mut totals = [_mm256_setzero_ps(); M];
        let mut below = [_mm256_setzero_ps(); M];
        for (b, ([s0, s1, o0, o1, packed @ ..], xs)) in row.iter().zip(places).enumerate() {
            let (scales, offsets) = six_bits(packed);
            let numbers = packed.last_chunk::<128>().map_or(&[][..], |numbers| numbers.as_chunks::<32>().0);
            // 32 products of 63 · 15 · 2^15 at most fit 32 bits.
            let mut sums = [_mm256_setzero_si256(); M];
            for (part, scale) in scales.into_iter().enumerate() {
                let numbers = bytes(&numbers[part / 2]);
                let numbers = if part % 2 == 0 { numbers } else { _mm256_srli_epi16(numbers, 4) };
                let factor = _mm256_set1_epi16(i16::from(scale));
                let weights = widen(_mm256_and_si256(numbers, _mm256_set1_epi8(15)));
                let weights = weights.map(|weights| _mm256_mullo_epi16(weights, factor));
                for i in 0..M {
                    sums[i] = _mm256_add_epi32(sums[i], multiply(weights, &xs[part][i]));
                }
            }
            let scale = _mm256_broadcastss_ps(half(*s0, *s1));
            let offset = _mm256_broadcastss_ps(half(*o0, *o1));
            let offsets = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(u64::from_le_bytes(offsets).cast_signed()));
            for i in 0..M {
                totals[i] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sums[i]), scale, totals[i]);
                let part = _mm256_mullo_epi32(offsets, sums_of(&lane_sums[i * row.len() + b]));
                below[i] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(part), offset, below[i]);
            }
        }
        for i in 0..M {
            out[i][at + index] = tile.scales[i] * (total(totals[i]) - total(below[i]));
        }
    }
}

#[target_feature(enable = "avx2,f16c,fma")]
fn q6_k<const M: usize>(rows: &[u8], tile: Tile<'_>, at: usize, out: &mut [&mut [f32]]) {
    let places = tile.lanes.as_chunks::<M>().0.as_chunks::<8>().0;
    let blocks = rows.as_chunks::<Q6K>().0;
    let (fifteen, three, bias) = (_mm256_set1_epi8(15), _mm256_set1_epi8(3), _mm256_set1_epi16(32));
    for (index, row) in blocks.chunks_exact(tile.width / 8).enumerate() {
        let mut totals = [_mm256_setzero_ps(); M];
        for (block, xs) in row.iter().zip(places) {
            let (parts, _) = block.as_chunks::<32>();
            let scale = _mm256_broadcastss_ps(half(block[208], block[209]));
            // The sums of half a block fit 32 bits, of a whole one they might not.
            for side in 0..2 {
                let mut sums = [_mm256_setzero_si256(); M];
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
                    let [left, right] = widen(_mm256_or_si256(low, top));
                    let factor = |byte: u8| _mm256_set1_epi16(i16::from(byte.cast_signed()));
                    let weights = [
                        _mm256_mullo_epi16(_mm256_sub_epi16(left, bias), factor(block[192 + 2 * at])),
                        _mm256_mullo_epi16(_mm256_sub_epi16(right, bias), factor(block[193 + 2 * at])),
                    ];
                    for i in 0..M {
                        sums[i] = _mm256_add_epi32(sums[i], multiply(weights, &xs[at][i]));
                    }
                }
                for i in 0..M {
                    totals[i] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sums[i]), scale, totals[i]);
                }
            }
        }
        for i in 0..M {
            out[i][at + index] = tile.scales[i] * total(totals[i]);
        }
    }
}
