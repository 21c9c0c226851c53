//! The inputs of a product, rounded.

/// The numbers that share one scale in the smallest blocks of weights.
pub(super) const LANES: usize = 32;

/// 32 inputs, each to be multiplied by its row's scale. Aligned so that a load never crosses a line of the cache.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(super) struct Lanes(pub(super) [i16; LANES]);

/// Rows of inputs, in tiles of some rows that a kernel takes at once.
#[derive(Debug)]
pub(super) struct Activations {
    /// Lanes per row.
    width: usize,
    /// By tile, by place in the row, by row.
    lanes: Vec<Lanes>,
    /// The sum of each row's lanes, by row, by place.
    sums: Vec<i32>,
    /// By row.
    scales: Vec<f32>,
}

/// Some rows of inputs that a kernel takes at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tile<'a> {
    /// Lanes per row.
    pub(super) width: usize,
    /// By place in the row, by row.
    pub(super) lanes: &'a [Lanes],
    /// By row, by place.
    pub(super) sums: &'a [i32],
    pub(super) scales: &'a [f32],
}

impl Activations {
    /// Those of `x`, rows of `columns`, a multiple of 32; in tiles of as many rows as there are left, but at most
    /// `largest`, a power of two, and always a power of two.
    pub(super) fn new(x: &[f32], columns: usize, largest: usize) -> Self {
        let width = columns / LANES;
        let rows = x.len() / columns;
        let mut all = Self {
            width,
            lanes: vec![Lanes([0; LANES]); rows * width],
            sums: Vec::with_capacity(rows * width),
            scales: Vec::with_capacity(rows),
        };
        for (first, count) in tiles(rows, largest) {
            for row in 0..count {
                let x = x.get((first + row) * columns..(first + row + 1) * columns).unwrap_or_default();
                all.push(x, first * width + row, count);
            }
        }
        all
    }

    /// Adds a row, of which every `step`-th of the lanes from `at` on is to hold a part.
    fn push(&mut self, row: &[f32], at: usize, step: usize) {
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
        let places = self.lanes.iter_mut().skip(at).step_by(step);
        for (chunk, place) in chunks.iter().zip(places) {
            *place = Lanes(chunk.map(|x| nearest(x * inverse)));
            self.sums.push(place.0.iter().map(|lane| i32::from(*lane)).sum());
        }
    }

    pub(super) fn rows(&self) -> usize {
        self.scales.len()
    }

    /// The tile of `count` rows from `first` on.
    pub(super) fn tile(&self, (first, count): (usize, usize)) -> Option<Tile<'_>> {
        let (from, to) = (first * self.width, (first + count) * self.width);
        Some(Tile {
            width: self.width,
            lanes: self.lanes.get(from..to)?,
            sums: self.sums.get(from..to)?,
            scales: self.scales.get(first..first + count)?,
        })
    }
}

/// First row and number of rows of every tile.
pub(super) fn tiles(rows: usize, largest: usize) -> impl Iterator<Item = (usize, usize)> {
    let mut first = 0;
    std::iter::from_fn(move || {
        let left = rows - first;
        let count = if left >= largest { largest } else { 1 << left.checked_ilog2()? };
        first += count;
        Some((first - count, count))
    })
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
        let x = Activations::new(&row, 64, 8);
        let tile = x.tile((0, 1)).unwrap();
        let back = tile.lanes.iter().flat_map(|lanes| lanes.0).map(|lane| f32::from(lane) * tile.scales[0]);
        assert!(back.zip(&row).all(|(back, x)| (back - x).abs() <= x.abs().max(79507.0) / 65533.0));
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut row = row.clone();
            row[40] = bad;
            assert!(!Activations::new(&row, 64, 8).scales[0].is_finite(), "{bad}");
        }
        assert!(Activations::new(&[0.0; 32], 32, 8).scales[0].abs() < TINY);
    }

    #[test]
    fn tiles_are_as_large_as_they_can_be() {
        let found = |rows, largest| tiles(rows, largest).map(|(_, count)| count).collect::<Vec<_>>();
        assert_eq!(found(15, 8), [8, 4, 2, 1]);
        assert_eq!(found(9, 4), [4, 4, 1]);
        assert_eq!(found(2, 1), [1, 1]);
        assert!(found(0, 8).is_empty());
    }
}
