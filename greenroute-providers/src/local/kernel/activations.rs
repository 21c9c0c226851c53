//! The inputs of a product, rounded.

/// The numbers that share one scale in the smallest blocks of weights.
pub(super) const LANES: usize = 32;

/// 32 inputs, each to be multiplied by its row's scale. Aligned so that a load never crosses a line of the cache.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(super) struct Lanes(pub(super) [i16; LANES]);

/// Rows of inputs.
#[derive(Debug)]
pub(super) struct Activations {
    /// Lanes per row.
    width: usize,
    lanes: Vec<Lanes>,
    /// The sum of each of `lanes`.
    sums: Vec<i32>,
    /// By row.
    scales: Vec<f32>,
}

impl Activations {
    /// Those of `x`, rows of `columns`, a multiple of 32.
    pub(super) fn new(x: &[f32], columns: usize) -> Self {
        let width = columns / LANES;
        let mut all =
            Self { width, lanes: Vec::with_capacity(x.len() / LANES), sums: Vec::new(), scales: Vec::new() };
        for row in x.chunks_exact(columns) {
            all.push(row);
        }
        all
    }

    fn push(&mut self, row: &[f32]) {
        let (chunks, _) = row.as_chunks::<LANES>();
        // What is not finite must stay so: a zero would hide the fault.
        let mut most = [0.0_f32; LANES];
        let mut fault = [0.0_f32; LANES];
        for chunk in chunks {
            for ((most, fault), x) in most.iter_mut().zip(&mut fault).zip(chunk) {
                *most = if x.abs() > *most { x.abs() } else { *most };
                *fault += x * 0.0;
            }
        }
        let most = most.iter().copied().fold(0.0, f32::max) + fault.iter().sum::<f32>();
        let inverse = if most > TINY { LARGEST / most } else { 0.0 };
        self.scales.push(if most <= TINY { 0.0 } else { most / LARGEST });
        for chunk in chunks {
            let lanes = chunk.map(|x| nearest(x * inverse));
            self.sums.push(lanes.iter().map(|lane| i32::from(*lane)).sum());
            self.lanes.push(Lanes(lanes));
        }
    }

    pub(super) fn rows(&self) -> usize {
        self.scales.len()
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    #[expect(clippy::indexing_slicing, reason = "asked by kernels, for rows that they were told of")]
    pub(super) fn row(&self, index: usize) -> &[Lanes] {
        &self.lanes[index * self.width..(index + 1) * self.width]
    }

    #[expect(clippy::indexing_slicing, reason = "asked by kernels, for rows that they were told of")]
    pub(super) fn sums(&self, index: usize) -> &[i32] {
        &self.sums[index * self.width..(index + 1) * self.width]
    }

    #[expect(clippy::indexing_slicing, reason = "asked by kernels, for rows that they were told of")]
    pub(super) fn scale(&self, index: usize) -> f32 {
        self.scales[index]
    }
}

const LARGEST: f32 = 32767.0;

/// What is smaller counts as zero, so that no reciprocal overflows.
const TINY: f32 = 1e-30;

/// To the nearest whole number, even where between two, of one that is at most 2^15.
fn nearest(x: f32) -> i16 {
    // So large that its last bit is worth one: the sum's last bits are the number, two's complement.
    const SHIFT: f32 = 12_582_912.0;
    let [low, high, ..] = (x + SHIFT).to_bits().to_le_bytes();
    i16::from_le_bytes([low, high])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_to_the_nearest() {
        for (x, expected) in
            [(0.0, 0), (-0.4, 0), (1.5, 2), (2.5, 2), (-2.6, -3), (32767.0, 32767), (-32767.0, -32767)]
        {
            assert_eq!(nearest(x), expected, "{x}");
        }
    }

    #[test]
    fn a_row_comes_back_and_its_faults_stay() {
        let row: Vec<f32> = (0..64_u16).map(|i| (f32::from(i) - 20.0).powi(3)).collect();
        let x = Activations::new(&row, 64);
        let back = x.row(0).iter().flat_map(|lanes| lanes.0).map(|lane| f32::from(lane) * x.scale(0));
        assert!(back.zip(&row).all(|(back, x)| (back - x).abs() <= x.abs().max(79507.0) / 65533.0));
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut row = row.clone();
            row[40] = bad;
            assert!(!Activations::new(&row, 64).scale(0).is_finite(), "{bad}");
        }
        assert!(Activations::new(&[0.0; 32], 32).scale(0).abs() < TINY);
    }
}
