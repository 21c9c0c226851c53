//! Products of quantised weights with floats, straight from the blocks of a GGUF file, those of `Q8_0` in another
//! order.
//!
//! Inputs are rounded to sixteen bits with one scale per row: finer than the eight bits per 32 numbers of other
//! engines, as quick (a multiply-add of sixteen-bit pairs is what every CPU has), and whole blocks of `Q4_K` and
//! `Q6_K` then add up in integers. However many rows there are, weights are read once, and a row's result is the
//! same to the last bit, whatever its company and the number of threads.

mod activations;
mod attend;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod band;
mod block;
mod memory;
mod portable;

use activations::{Activations, Tile, tiles};
use memory::Memory;
use rayon::prelude::*;
use std::sync::LazyLock;

pub(super) use attend::attend;
pub(super) use block::Format;

/// Weights in blocks, `[rows, columns]`.
#[derive(Debug)]
pub(super) struct Blocks {
    format: Format,
    rows: usize,
    columns: usize,
    bytes: Memory,
}

impl Blocks {
    /// `None` where the bytes are not as many as the shape says.
    pub(super) fn new(format: Format, rows: usize, columns: usize, bytes: Vec<u8>) -> Option<Self> {
        let fits = columns > 0
            && columns.is_multiple_of(format.block_len())
            && (columns / format.block_len()).checked_mul(format.block_bytes())?.checked_mul(rows)?
                == bytes.len();
        if !fits {
            return None;
        }
        let bytes = match format {
            Format::Q8_0 => {
                let row_bytes = bytes.len() / rows.max(1);
                let size = rows.checked_next_multiple_of(format.band())?.checked_mul(row_bytes)?;
                Memory::filled(size, |bands| band::turn(&bytes, row_bytes, bands))
            }
            Format::Q4K | Format::Q6K => Memory::of(bytes),
        };
        Some(Self { format, rows, columns, bytes })
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    /// Row `index` in floats, added to the end of `out`; whether there is such a row.
    pub(super) fn decode_row(&self, index: usize, out: &mut Vec<f32>) -> bool {
        let rows = self.format.band();
        let band = self.bytes.chunks(rows * self.row_bytes()).nth(index / rows);
        band.filter(|_| index < self.rows).map(|band| self.format.decode(band, index % rows, out)).is_some()
    }

    fn row_bytes(&self) -> usize {
        self.columns / self.format.block_len() * self.format.block_bytes()
    }
}

/// The products of some rows of weights, given by the bytes of their bands, with the rows of a tile: into `out`, by row of the
/// tile, from `at` on. Unsafe because the CPU must have what the kernel was compiled for.
type Kernel = unsafe fn(rows: &[u8], tile: Tile<'_>, at: usize, out: &mut [&mut [f32]]);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cpu {
    #[cfg(target_arch = "x86_64")]
    Vnni,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

static CPU: LazyLock<Cpu> = LazyLock::new(|| Cpu::all().next().unwrap_or(Cpu::Portable));

impl Cpu {
    /// All that this machine can run, best first.
    fn all() -> impl Iterator<Item = Self> {
        #[cfg(target_arch = "x86_64")]
        let fast = {
            let avx2 = is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("fma")
                && is_x86_feature_detected!("f16c");
            let avx512 = avx2
                && is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl");
            let vnni = avx512 && is_x86_feature_detected!("avx512vnni");
            let found = [(vnni, Self::Vnni), (avx512, Self::Avx512), (avx2, Self::Avx2)];
            found.into_iter().filter_map(|(found, cpu)| found.then_some(cpu))
        };
        #[cfg(not(target_arch = "x86_64"))]
        let fast = std::iter::empty();
        fast.chain([Self::Portable])
    }

    /// How many rows of inputs its kernels take at once.
    fn largest_tile(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Vnni | Self::Avx512 => 8,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => 4,
            Self::Portable => 1,
        }
    }

    /// The kernel for tiles of `rows`.
    fn kernel(self, format: Format, rows: usize) -> Kernel {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Vnni => avx512::kernel_vnni(format, rows),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => avx512::kernel(format, rows),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => avx2::kernel(format, rows),
            Self::Portable => portable::kernel(format),
        }
    }
}

/// Below so many multiplications the calling thread does them alone: to wake another would take longer.
const ALONE: usize = 1 << 15;

/// Pieces per thread, so that one that is held up does not hold up all.
const PIECES: usize = 4;

/// Rows of weights that are taken through all rows of inputs before the next ones: they stay in the cache. Whole bands.
const GROUP: usize = band::BAND;

/// Some rows of one matrix, and where their results go, by row of inputs.
struct Piece<'a> {
    format: Format,
    row_bytes: usize,
    weights: &'a [u8],
    out: Vec<&'a mut [f32]>,
}

/// `x · Wᵀ` for `W` the rows of all `matrices`, one below the other; the inputs lie in `x` row by row.
pub(super) fn product<'a>(matrices: impl Iterator<Item = &'a Blocks> + Clone, x: &[f32]) -> Vec<f32> {
    product_on(*CPU, matrices, x)
}

fn product_on<'a>(cpu: Cpu, matrices: impl Iterator<Item = &'a Blocks> + Clone, x: &[f32]) -> Vec<f32> {
    let columns = matrices.clone().next().map_or(1, Blocks::columns);
    let rows: usize = matrices.clone().map(Blocks::rows).sum();
    let x = Activations::new(x, columns, cpu.largest_tile());
    let mut out = vec![0.0; rows * x.rows()];
    if rows == 0 || x.rows() == 0 {
        return out;
    }
    let alone = rows * columns * x.rows() < ALONE || rayon::current_num_threads() == 1;
    let share = if alone { rows } else { rows.div_ceil(PIECES * rayon::current_num_threads()) };
    let share = share.next_multiple_of(GROUP);
    let mut left: Vec<&mut [f32]> = out.chunks_exact_mut(rows).collect();
    let mut pieces = Vec::new();
    for matrix in matrices {
        let row_bytes = matrix.row_bytes();
        for (index, weights) in matrix.bytes.chunks(row_bytes * share).enumerate() {
            // The rows that fill up the last band have no results.
            let count = share.min(matrix.rows - index * share);
            let out = left.iter_mut().filter_map(|row| row.split_off_mut(..count)).collect();
            pieces.push(Piece { format: matrix.format, row_bytes, weights, out });
        }
    }
    if alone {
        pieces.into_iter().for_each(|piece| piece.work(cpu, &x));
    } else {
        pieces.into_par_iter().with_max_len(1).for_each(|piece| piece.work(cpu, &x));
    }
    out
}

impl Piece<'_> {
    fn work(mut self, cpu: Cpu, x: &Activations) {
        // One tile alone has no use for rows that are still in the cache.
        let group = if x.rows() <= cpu.largest_tile() { usize::MAX } else { GROUP };
        for (index, weights) in self.weights.chunks(self.row_bytes.saturating_mul(group)).enumerate() {
            for (first, count) in tiles(x.rows(), cpu.largest_tile()) {
                let out = self.out.get_mut(first..first + count);
                let (Some(tile), Some(out)) = (x.tile((first, count)), out) else { continue };
                // SAFETY: the kernel is that of a CPU that was detected.
                #[expect(unsafe_code, reason = "kernels are compiled for more than every CPU has")]
                unsafe {
                    cpu.kernel(self.format, count)(weights, tile, index * GROUP, out);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
