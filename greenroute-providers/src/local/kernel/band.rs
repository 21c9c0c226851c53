//! `Q8_0` as it lies in memory: bands of sixteen rows, turned so that a lane of a register is a row. Sums then need
//! no adding up across lanes, and are made into floats once for 32 columns instead of for each row's.

use super::activations::LANES;
use super::block::{Q8_0, half};

/// The rows of a band; the last one is filled up with zeros.
pub(super) const BAND: usize = 16;

/// 32 columns of a band: the scale of each row, then for two columns after the other the two numbers of each row.
pub(super) type Block = [[u8; 2 * BAND]; 1 + LANES / 2];

/// The blocks of whole bands, as many per band as per row.
#[inline]
pub(super) fn blocks(bands: &[u8]) -> &[Block] {
    bands.as_chunks().0.as_chunks().0
}

/// Turns `rows`, each of so many bytes, into bands. What is beyond the last row stays as it is in `bands`.
pub(super) fn turn(rows: &[u8], row_bytes: usize, bands: &mut [u8]) {
    let size = row_bytes * BAND;
    for (rows, band) in rows.chunks(size).zip(bands.chunks_exact_mut(size)) {
        for (index, row) in rows.chunks_exact(row_bytes).enumerate() {
            let places: &mut [Block] = band.as_chunks_mut().0.as_chunks_mut().0;
            for (block, lines) in row.as_chunks::<Q8_0>().0.iter().zip(places) {
                for (pair, line) in block.as_chunks::<2>().0.iter().zip(lines) {
                    if let Some(place) = line.as_chunks_mut().0.get_mut(index) {
                        *place = *pair;
                    }
                }
            }
        }
    }
}

/// The numbers of row `index` of a band, added to the end of `out`.
pub(super) fn decode(band: &[u8], index: usize, out: &mut Vec<f32>) {
    for [scales, pairs @ ..] in blocks(band) {
        let of_row = |line: &[u8; 2 * BAND]| line.as_chunks().0.get(index).copied().unwrap_or([0; 2]);
        let [low, high] = of_row(scales);
        let scale = half(low, high);
        out.extend(pairs.iter().flat_map(of_row).map(|byte| scale * f32::from(byte.cast_signed())));
    }
}

/// Writes the results of a band to the start of `out`, without those of rows that only fill it up.
#[inline(always)]
pub(super) fn put(results: [f32; BAND], out: &mut [f32]) {
    match out.first_chunk_mut() {
        Some(out) => *out = results,
        None => out.iter_mut().zip(results).for_each(|(out, result)| *out = result),
    }
}
