//! Ridge regression in closed form.

use super::number;
use greenroute_core::{Error, ErrorKind, Result};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, s};
use std::ops::{AddAssign, SubAssign};
use std::thread;

/// Multiplications from which on a second thread pays.
const MANY: usize = 20_000_000;

/// A linear map that was fitted: `y = mean_y + (x − mean_x) W`.
#[derive(Debug, Clone, PartialEq)]
pub struct Ridge {
    /// What no input moves: for each output, its value at `x = 0`.
    pub offset: Array1<f64>,
    /// (inputs, outputs).
    pub weights: Array2<f64>,
}

/// How little a row is like those that a ridge was fitted to.
#[derive(Debug, Clone, PartialEq)]
pub struct Novelty {
    rows: f64,
    middle: Array1<f64>,
    inverse: Array2<f64>,
}

/// The sums that a ridge needs of its rows. They add up and can be taken away again, so that leaving rows out costs no
/// second pass over the rest; one pass serves any number of penalties.
#[derive(Debug, Clone, PartialEq)]
pub struct Sums {
    weight: f64,
    x: Array1<f64>,
    y: Array1<f64>,
    xx: Array2<f64>,
    xy: Array2<f64>,
}

impl Sums {
    /// No rows yet, of `inputs` and `outputs` columns.
    #[must_use]
    pub fn empty(inputs: usize, outputs: usize) -> Self {
        Self {
            weight: 0.0,
            x: Array1::zeros(inputs),
            y: Array1::zeros(outputs),
            xx: Array2::zeros((inputs, inputs)),
            xy: Array2::zeros((inputs, outputs)),
        }
    }

    /// Over the rows of `x` (rows, inputs) and `y` (rows, outputs); where one has more, the rest of it is left out.
    #[must_use]
    pub fn new(x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>) -> Self {
        let rows = x.nrows().min(y.nrows());
        let (x, y) = (x.slice(s![..rows, ..]), y.slice(s![..rows, ..]));
        if rows * x.ncols() * (x.ncols() + y.ncols()) < MANY {
            return Self::one(x, y);
        }
        let (x_top, x_rest) = x.split_at(Axis(0), rows / 2);
        let (y_top, y_rest) = y.split_at(Axis(0), rows / 2);
        thread::scope(|scope| {
            let top = scope.spawn(|| Self::one(x_top, y_top));
            let mut sums = Self::one(x_rest, y_rest);
            sums += &top.join().unwrap_or_else(|_| Self::one(x_top, y_top));
            sums
        })
    }

    /// As [`new`](Self::new), with each row counted `weights` times.
    #[must_use]
    pub fn weighted(x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>, weights: ArrayView1<'_, f64>) -> Self {
        let rows = x.nrows().min(y.nrows()).min(weights.len());
        let (x, y) = (x.slice(s![..rows, ..]), y.slice(s![..rows, ..]));
        let weights = weights.slice(s![..rows]);
        let column = weights.insert_axis(Axis(1));
        let (wx, wy) = (&x * &column, &y * &column);
        Self {
            weight: weights.sum(),
            x: wx.sum_axis(Axis(0)),
            y: wy.sum_axis(Axis(0)),
            xx: wx.t().dot(&x),
            xy: wx.t().dot(&y),
        }
    }

    fn one(x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>) -> Self {
        Self {
            weight: number(x.nrows()),
            x: x.sum_axis(Axis(0)),
            y: y.sum_axis(Axis(0)),
            xx: x.t().dot(&x),
            xy: x.t().dot(&y),
        }
    }

    /// The weights of all rows together: their number where none was weighted.
    #[must_use]
    pub const fn weight(&self) -> f64 {
        self.weight
    }

    /// The map that makes `Σ w (y − ŷ)² + penalty · ‖W‖²` least; what does not depend on inputs is not penalised. Without
    /// a row, everything is 0.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] where the penalty is not above 0, or an input or output is not finite.
    pub fn solve(&self, penalty: f64) -> Result<Ridge> {
        let (x, y) = (self.mean(&self.x), self.mean(&self.y));
        let right = &self.xy - &self.outer(&x, &y);
        let weights = self.solved(penalty, right)?;
        Ok(Ridge { offset: y - x.dot(&weights), weights })
    }

    /// What tells how far a row lies from these, as a ridge with this penalty sees it.
    ///
    /// # Errors
    /// As [`solve`](Self::solve).
    pub fn novelty(&self, penalty: f64) -> Result<Novelty> {
        let inverse = self.solved(penalty, Array2::eye(self.x.len()))?;
        Ok(Novelty { rows: self.weight, middle: self.mean(&self.x), inverse })
    }

    fn mean(&self, sums: &Array1<f64>) -> Array1<f64> {
        sums / self.weight.max(f64::MIN_POSITIVE)
    }

    fn outer(&self, a: &Array1<f64>, b: &Array1<f64>) -> Array2<f64> {
        let column = a.view().insert_axis(Axis(1));
        column.dot(&b.view().insert_axis(Axis(0))) * self.weight
    }

    fn solved(&self, penalty: f64, right: Array2<f64>) -> Result<Array2<f64>> {
        let x = self.mean(&self.x);
        let mut left = &self.xx - &self.outer(&x, &x);
        left.diag_mut().map_inplace(|value| *value += penalty);
        let found = if penalty > 0.0 { solved(left, right) } else { None };
        found.ok_or_else(|| {
            let what =
                format!("no ridge with penalty {penalty} over {} rows: an input is not finite", self.weight);
            Error::new(ErrorKind::Internal, "fit", what)
        })
    }
}

impl AddAssign<&Self> for Sums {
    fn add_assign(&mut self, other: &Self) {
        self.weight += other.weight;
        self.x += &other.x;
        self.y += &other.y;
        self.xx += &other.xx;
        self.xy += &other.xy;
    }
}

impl SubAssign<&Self> for Sums {
    fn sub_assign(&mut self, other: &Self) {
        self.weight -= other.weight;
        self.x -= &other.x;
        self.y -= &other.y;
        self.xx -= &other.xx;
        self.xy -= &other.xy;
    }
}

impl Ridge {
    /// [`Sums::new`] and [`Sums::solve`] at once.
    ///
    /// # Errors
    /// As [`Sums::solve`].
    pub fn fit(x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>, penalty: f64) -> Result<Self> {
        Sums::new(x, y).solve(penalty)
    }

    /// The outputs for each row of `x`: (rows, outputs).
    #[must_use]
    pub fn predict(&self, x: ArrayView2<'_, f64>) -> Array2<f64> {
        x.dot(&self.weights) + &self.offset
    }
}

impl Novelty {
    /// The variance of what the ridge foretells of each row of `x`, where that of one outcome around it is 1: the posterior
    /// one of weights with the variance `1 / penalty`, and that of the mean. Without rows, infinite.
    #[must_use]
    pub fn of(&self, x: ArrayView2<'_, f64>) -> Array1<f64> {
        let x = &x - &self.middle;
        let far = (x.dot(&self.inverse) * &x).sum_axis(Axis(1));
        far.mapv(|far| far.max(0.0) + self.rows.recip())
    }
}

/// Solves `left · X = right` for a symmetric, positive definite `left`, by Cholesky's decomposition; none where it is not.
#[expect(clippy::indexing_slicing, reason = "a numeric kernel: all indices are below the matrices' sizes")]
pub(super) fn solved(mut left: Array2<f64>, mut right: Array2<f64>) -> Option<Array2<f64>> {
    let size = left.nrows();
    for column in 0..size {
        let (_, mut below) = left.view_mut().split_at(Axis(0), column);
        let squares: f64 = below.slice(s![0, ..column]).iter().map(|value| value * value).sum();
        let pivot = below[[0, column]] - squares;
        if !(pivot.is_finite() && pivot > 0.0) {
            return None;
        }
        let root = pivot.sqrt();
        below[[0, column]] = root;
        let (first, mut rest) = below.split_at(Axis(0), 1);
        let first = first.slice(s![0, ..column]);
        for mut row in rest.rows_mut() {
            row[column] = (row[column] - row.slice(s![..column]).dot(&first)) / root;
        }
    }
    for at in 0..size {
        let (known, mut rest) = right.view_mut().split_at(Axis(0), at);
        let mut row = rest.row_mut(0);
        row -= &left.slice(s![at, ..at]).dot(&known);
        row /= left[[at, at]];
    }
    for at in (0..size).rev() {
        let (mut rest, known) = right.view_mut().split_at(Axis(0), at + 1);
        let mut row = rest.row_mut(at);
        row -= &left.slice(s![at + 1.., at]).dot(&known);
        row /= left[[at, at]];
    }
    right.iter().all(|value| value.is_finite()).then_some(right)
}

#[cfg(test)]
mod tests {
    use super::super::chance::Chance;
    use super::*;
    use ndarray::Array;

    fn noise(rows: usize, columns: usize, seed: u64) -> Array2<f64> {
        let mut chance = Chance::new(seed);
        Array::from_shape_simple_fn((rows, columns), || chance.share() - 0.5)
    }

    /// A map that is known, its rows, and their outputs without noise.
    fn world(rows: usize) -> (Array2<f64>, Array2<f64>, Array2<f64>) {
        let (x, weights) = (noise(rows, 12, 1), noise(12, 3, 2));
        let y = x.dot(&weights) + 0.25;
        (x, weights, y)
    }

    fn far(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
        (a - b).iter().fold(0.0, |far, value| value.abs().max(far))
    }

    #[test]
    fn a_linear_world_is_found_again() {
        let (x, weights, y) = world(400);
        let ridge = Ridge::fit(x.view(), y.view(), 1e-9).unwrap();
        assert!(far(&ridge.weights, &weights) < 1e-8);
        assert!(ridge.offset.iter().all(|offset| (offset - 0.25).abs() < 1e-8));
        assert!(far(&ridge.predict(x.view()), &y) < 1e-8);
    }

    #[test]
    fn a_solution_has_no_gradient_left() {
        let (x, y) = (noise(300, 20, 3), noise(300, 2, 4));
        for penalty in [0.1, 10.0, 1000.0] {
            let ridge = Ridge::fit(x.view(), y.view(), penalty).unwrap();
            let error = &y - &ridge.predict(x.view());
            let centred = &x - &x.mean_axis(Axis(0)).unwrap();
            let gradient = centred.t().dot(&error) - &ridge.weights * penalty;
            assert!(gradient.iter().all(|value| value.abs() < 1e-9), "{penalty}");
            assert!(error.sum_axis(Axis(0)).iter().all(|sum| sum.abs() < 1e-9), "the mean is not shrunk");
        }
    }

    #[test]
    fn rows_taken_away_were_never_there() {
        let (x, _, y) = world(400);
        let mut sums = Sums::new(x.view(), y.view());
        sums -= &Sums::new(x.slice(s![..150, ..]), y.slice(s![..150, ..]));
        let rest = Sums::new(x.slice(s![150.., ..]), y.slice(s![150.., ..]));
        assert!(far(&sums.solve(5.0).unwrap().weights, &rest.solve(5.0).unwrap().weights) < 1e-9);
        assert_eq!(sums.weight(), 250.0);
    }

    #[test]
    fn two_threads_find_what_one_finds() {
        let (x, y) = (noise(5000, 80, 5), noise(5000, 4, 6));
        assert!(x.nrows() * x.ncols() * (x.ncols() + y.ncols()) >= MANY);
        let (one, two) = (Sums::one(x.view(), y.view()), Sums::new(x.view(), y.view()));
        assert!(far(&one.solve(1.0).unwrap().weights, &two.solve(1.0).unwrap().weights) < 1e-9);
    }

    #[test]
    fn a_row_of_weight_two_counts_as_two_rows() {
        let (x, y) = (noise(30, 4, 7), noise(30, 2, 8));
        let weights: Array1<f64> = (0..30).map(|row| f64::from(row % 2) + 1.0).collect();
        let twice: Vec<usize> = (0..30).chain((0..30).filter(|row| row % 2 == 1)).collect();
        let (more_x, more_y) = (x.select(Axis(0), &twice), y.select(Axis(0), &twice));
        let weighted = Sums::weighted(x.view(), y.view(), weights.view()).solve(0.5).unwrap();
        let repeated = Ridge::fit(more_x.view(), more_y.view(), 0.5).unwrap();
        assert!(far(&weighted.weights, &repeated.weights) < 1e-9);
        assert!((weighted.offset - repeated.offset).iter().all(|value| value.abs() < 1e-9));
    }

    #[test]
    fn what_was_not_seen_is_new() {
        // By hand: four rows of one input with the sum of squares 4, and a penalty of 6.
        let x = ndarray::array![[1.0], [3.0], [3.0], [1.0]];
        let novelty = Sums::new(x.view(), x.view()).novelty(6.0).unwrap();
        let of = novelty.of(ndarray::array![[2.0], [7.0]].view());
        assert!((of[0] - 0.25).abs() < 1e-12 && (of[1] - 2.75).abs() < 1e-12, "{of}");
        assert!(Sums::empty(1, 1).novelty(6.0).unwrap().of(x.view()).iter().all(|of| of.is_infinite()));
        assert!(Sums::empty(1, 1).novelty(0.0).is_err());
    }

    #[test]
    fn what_cannot_be_solved_is_an_error() {
        let (mut x, _, y) = world(50);
        assert!(Ridge::fit(x.view(), y.view(), 0.0).is_err());
        x[[3, 3]] = f64::NAN;
        assert_eq!(*Ridge::fit(x.view(), y.view(), 1.0).unwrap_err().kind(), ErrorKind::Internal);
        let none = Sums::empty(3, 2).solve(1.0).unwrap();
        assert!(none.weights.iter().chain(&none.offset).all(|value| *value == 0.0));
    }
}
