//! For every CPU; the compiler makes vectors of it where there are some.

use super::Kernel;
use super::activations::{LANES, Tile};
use super::band::{self, BAND};
use super::block::{self, Format, Q4, Q4K, Q6K};

/// One row of inputs at a time.
pub(super) fn kernel(format: Format) -> Kernel {
    match format {
        Format::Q8_0 => q8_0,
        Format::Q4K => q4_k,
        Format::Q6K => q6_k,
    }
}

const SUMS: usize = LANES / 2;

fn multiply_add(sums: &mut [i32; SUMS], weights: &[i16; LANES], x: &[i16; LANES]) {
    let pairs = weights.as_chunks::<2>().0.iter().zip(x.as_chunks::<2>().0);
    for (sum, ([w0, w1], [x0, x1])) in sums.iter_mut().zip(pairs) {
        *sum += i32::from(*w0) * i32::from(*x0) + i32::from(*w1) * i32::from(*x1);
    }
}

#[expect(clippy::cast_precision_loss, reason = "a sum of products is rounded here, once")]
fn scale_add<const N: usize>(totals: &mut [f32; N], sums: &[i32; N], scale: f32) {
    for (total, sum) in totals.iter_mut().zip(sums) {
        *total += scale * *sum as f32;
    }
}

#[expect(clippy::indexing_slicing, reason = "a kernel: whoever calls it counts rows")]
fn q8_0(rows: &[u8], tile: Tile<'_>, at: usize, out: &mut [&mut [f32]]) {
    let blocks = band::blocks(rows);
    for (out, blocks) in out[0][at..].chunks_mut(BAND).zip(blocks.chunks_exact(tile.width)) {
        let mut totals = [0.0; BAND];
        for ([scales, numbers @ ..], lanes) in blocks.iter().zip(tile.lanes) {
            let mut sums = [0; BAND];
            for (numbers, [x0, x1]) in numbers.iter().zip(lanes.0.as_chunks::<2>().0) {
                for (sum, [w0, w1]) in sums.iter_mut().zip(numbers.as_chunks::<2>().0) {
                    let (w0, w1) = (i32::from(w0.cast_signed()), i32::from(w1.cast_signed()));
                    *sum += w0 * i32::from(*x0) + w1 * i32::from(*x1);
                }
            }
            for ((total, sum), [low, high]) in totals.iter_mut().zip(sums).zip(scales.as_chunks::<2>().0) {
                scale_add(std::array::from_mut(total), &[sum], block::half(*low, *high));
            }
        }
        band::put(totals.map(|total| tile.scales[0] * total), out);
    }
}

#[expect(clippy::indexing_slicing, reason = "a kernel: whoever calls it counts rows")]
#[expect(clippy::cast_precision_loss, reason = "a sum of products is rounded here, once")]
fn q4_k(rows: &[u8], tile: Tile<'_>, at: usize, out: &mut [&mut [f32]]) {
    let blocks = rows.as_chunks::<Q4K>().0;
    for (out, row) in out[0][at..].iter_mut().zip(blocks.chunks_exact(tile.width / 8)) {
        let (mut totals, mut below) = ([0.0; SUMS], 0.0);
        let inputs = tile.lanes.as_chunks::<8>().0.iter().zip(tile.sums.as_chunks::<8>().0);
        for (block, (lanes, lane_sums)) in row.iter().zip(inputs) {
            let head = Q4::of(block);
            let mut sums = [0; SUMS];
            for (index, (lanes, scale)) in lanes.iter().zip(head.scales).enumerate() {
                let weights = block::q4(block, index).map(|weight| weight * i16::from(scale));
                multiply_add(&mut sums, &weights, &lanes.0);
            }
            scale_add(&mut totals, &sums, head.scale);
            let offsets = head.offsets.iter().zip(lane_sums).map(|(offset, sum)| i32::from(*offset) * sum);
            below += head.offset * offsets.sum::<i32>() as f32;
        }
        *out = tile.scales[0] * (totals.iter().sum::<f32>() - below);
    }
}

#[expect(clippy::indexing_slicing, reason = "a kernel: whoever calls it counts rows")]
fn q6_k(rows: &[u8], tile: Tile<'_>, at: usize, out: &mut [&mut [f32]]) {
    let blocks = rows.as_chunks::<Q6K>().0;
    for (out, row) in out[0][at..].iter_mut().zip(blocks.chunks_exact(tile.width / 8)) {
        let mut totals = [0.0; SUMS];
        for (block, lanes) in row.iter().zip(tile.lanes.as_chunks::<8>().0) {
            let mut sums = [0; SUMS];
            for (index, lanes) in lanes.iter().enumerate() {
                let (low, high) = block::q6_factors(block, index);
                let mut weights = block::q6(block, index);
                let (left, right) = weights.split_at_mut(SUMS);
                left.iter_mut().for_each(|weight| *weight *= i16::from(low));
                right.iter_mut().for_each(|weight| *weight *= i16::from(high));
                multiply_add(&mut sums, &weights, &lanes.0);
            }
            scale_add(&mut totals, &sums, block::q6_scale(block));
        }
        *out = tile.scales[0] * totals.iter().sum::<f32>();
    }
}
