//! The dial: from always the large model to always the cheapest, and how far it may be turned under a floor.

use super::clusters::Clusters;
use super::number;
use ndarray::{ArrayView1, ArrayView2};
use serde::{Deserialize, Serialize};

/// A place of the dial: the model with the most `success + bonus (if it is the large one) − price · joules / scale` is
/// asked, where the scale is the large model's mean joules.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// What success is given up, at most, for saving as much as the large model takes.
    pub price: f64,
    /// By how much another model has to be likelier right than the large one before it is asked although nothing is to be
    /// saved; 0 where something is.
    pub bonus: f64,
}

/// What choices brought on some prompts, beside always asking the large model.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// The share of the large model's right answers.
    pub attained: f64,
    /// The share of its joules that was not spent; below 0 where more was.
    pub saved: f64,
    /// The standard error of `attained`, had other clusters been drawn: see [`Tally::new`].
    pub error: f64,
    /// The part of it that is chance of prompts alone, at most all of it: the standard error inside the clusters drawn.
    pub inside: f64,
    /// How many prompts and clusters there were.
    pub prompts: usize,
    /// See `prompts`.
    pub clusters: usize,
    /// How many of the large model's answers were right.
    pub right: f64,
}

/// How sure a floor is to be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Confidence {
    /// The standard errors between what was attained and what is promised, if many clusters were seen: 1.645 for 95 %. Of
    /// few, it is Student's quantile of the same confidence.
    pub errors: f64,
    /// What the floor is to hold on by itself; none: on average over all to come.
    pub horizon: Option<Horizon>,
}

/// Prompts to come, whose own chance is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Horizon {
    /// How many prompts.
    pub prompts: usize,
    /// The clusters (questions or tasks, as the tally's are) that they are of.
    pub clusters: usize,
}

/// A position that keeps a floor.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Setting {
    /// Where the dial stands.
    pub position: Position,
    /// The joules that a price is for: the large model's mean.
    pub scale: f64,
    /// The share of the large model's success that is promised: at least the floor.
    pub bound: f64,
    /// What it attained and saved where it was chosen.
    pub tally: Tally,
}

impl Confidence {
    /// One-sided 95 %, on average over all prompts to come.
    pub const USUAL: Self = Self { errors: 1.645, horizon: None };

    /// One-sided 95 % on any such prompts by themselves.
    #[must_use]
    pub const fn on(horizon: Horizon) -> Self {
        Self { horizon: Some(horizon), ..Self::USUAL }
    }

    /// What is promised of what was attained, as if one more right answer had been lost: where few choices differ from the
    /// large model, what was seen says too little of what was not.
    #[must_use]
    pub fn bound(&self, tally: &Tally) -> f64 {
        let seen = tally.error.powi(2);
        let inside = tally.inside.powi(2).min(seen);
        let times = |had: usize, come: usize| number(had) / number(come.max(1));
        let own = self.horizon.map_or(0.0, |Horizon { prompts, clusters }| {
            inside * times(tally.prompts, prompts) + (seen - inside) * times(tally.clusters, clusters)
        });
        let one = tally.right.max(f64::MIN_POSITIVE).recip();
        let errors = student(self.errors, number(tally.clusters) - 1.0);
        tally.attained - one - errors * (seen + own + one * one).sqrt()
    }
}

/// Student's quantile at the confidence that the normal law has at `z`, for so many degrees of freedom: the expansion of
/// Fisher and Cornish (1960; Abramowitz and Stegun 26.7.5), within 2 % of it from two degrees on. Of fewer, nothing is sure.
fn student(z: f64, freedom: f64) -> f64 {
    if freedom < 2.0 {
        return f64::INFINITY;
    }
    let square = z * z;
    let first = (square + 1.0) / 4.0;
    let second = ((5.0 * square + 16.0) * square + 3.0) / 96.0;
    let third = (((3.0 * square + 19.0) * square + 17.0) * square - 15.0) / 384.0;
    z * (1.0 + (first + (second + third / freedom) / freedom) / freedom)
}

impl Position {
    /// The large model, whatever is asked.
    pub const LARGE: Self = Self { price: 0.0, bonus: f64::INFINITY };

    /// All that are tried, from always the large model to almost always the cheapest.
    #[must_use]
    pub fn all() -> Vec<Self> {
        const STEPS: u32 = 200;
        let bonus = |step: u32| Self { price: 0.0, bonus: 0.3 * (1.0 - f64::from(step) / 40.0).powi(2) };
        // From a thousandth to three, evenly in logarithms.
        let price = |step: u32| Self {
            price: (1e-3_f64.ln() + f64::from(step) / f64::from(STEPS) * 3e3_f64.ln()).exp(),
            bonus: 0.0,
        };
        [Self::LARGE].into_iter().chain((0..=40).map(bonus)).chain((0..=STEPS).map(price)).collect()
    }

    /// Which model is asked, of those with this success and these joules. Of equals, the first.
    #[must_use]
    pub fn choose(
        &self,
        success: ArrayView1<'_, f64>,
        joules: ArrayView1<'_, f64>,
        large: usize,
        scale: f64,
    ) -> usize {
        if self.bonus == f64::INFINITY {
            return large;
        }
        let mut best = (large, f64::NEG_INFINITY);
        for (model, (success, joules)) in success.iter().zip(joules).enumerate() {
            let bonus = if model == large { self.bonus } else { 0.0 };
            let worth = success + bonus - self.price * joules / scale;
            if worth > best.1 {
                best = (model, worth);
            }
        }
        best.0
    }

    /// [`choose`](Self::choose) for every row.
    #[must_use]
    pub fn choices(
        &self,
        success: ArrayView2<'_, f64>,
        joules: ArrayView2<'_, f64>,
        large: usize,
        scale: f64,
    ) -> Vec<usize> {
        success
            .rows()
            .into_iter()
            .zip(joules.rows())
            .map(|(success, joules)| self.choose(success, joules, large, scale))
            .collect()
    }
}

impl Setting {
    /// Which model is asked on each row.
    #[must_use]
    pub fn choices(
        &self,
        success: ArrayView2<'_, f64>,
        joules: ArrayView2<'_, f64>,
        large: usize,
    ) -> Vec<usize> {
        self.position.choices(success, joules, large, self.scale)
    }
}

impl Tally {
    /// Of the choices `chosen` on prompts with these outcomes (prompts, models), which chance drew in `clusters`: questions
    /// with their variants, or tasks where those to come are others. The error is that over clusters or that over prompts,
    /// whichever is larger: few clusters tell little of their own variance.
    #[must_use]
    pub fn new(
        chosen: &[usize],
        right: ArrayView2<'_, f64>,
        joules: ArrayView2<'_, f64>,
        large: usize,
        clusters: &Clusters,
    ) -> Self {
        let rows = right.rows().into_iter().zip(joules.rows()).zip(chosen);
        let (mut ours, mut theirs, mut spent, mut most) = (0.0, 0.0, 0.0, 0.0);
        for ((right, joules), model) in rows.clone() {
            let at = |of: ArrayView1<'_, f64>, model: usize| of.get(model).copied().unwrap_or_default();
            ours += at(right, *model);
            theirs += at(right, large);
            spent += at(joules, *model);
            most += at(joules, large);
        }
        let attained = ratio(ours, theirs);
        // The delta method for a ratio of means, both over the same prompts; of clusters, by the sums over each.
        let off = rows.map(|((right, _), model)| {
            let at = |model: usize| right.get(model).copied().unwrap_or_default();
            at(*model) - attained * at(large)
        });
        let squares: f64 = off.clone().map(|off| off * off).sum();
        let sums = clusters.sums(off.map(|off| [off]));
        let count = clusters.count();
        let few = number(count) / number(count.saturating_sub(1).max(1));
        let between: f64 = few * sums.iter().map(|[sum]| sum * sum).sum::<f64>();
        let error = |squares: f64| if theirs > 0.0 { squares.sqrt() / theirs } else { 0.0 };
        Self {
            attained,
            saved: 1.0 - ratio(spent, most),
            error: error(squares.max(between)),
            inside: error(squares),
            prompts: chosen.len(),
            clusters: count,
            right: theirs,
        }
    }
}

/// `a / b`, and 1 where there is nothing to divide by.
fn ratio(a: f64, b: f64) -> f64 {
    if b > 0.0 { a / b } else { 1.0 }
}

/// What every position brings on prompts with this expected success and these expected joules, and these outcomes: so the
/// expectations are to come from fits that did not see the prompts.
#[derive(Debug, Clone, PartialEq)]
pub struct Dial {
    scale: f64,
    places: Vec<(Position, Tally)>,
}

impl Dial {
    /// Tries every position, with the large model's column, and [what chance draws](Tally::new).
    #[must_use]
    pub fn new(
        success: ArrayView2<'_, f64>,
        spending: ArrayView2<'_, f64>,
        right: ArrayView2<'_, f64>,
        joules: ArrayView2<'_, f64>,
        (large, clusters): (usize, &Clusters),
    ) -> Self {
        let scale = spending.column(large).mean().filter(|mean| *mean > 0.0).unwrap_or(1.0);
        let tried = |position: Position| {
            let chosen = position.choices(success, spending, large, scale);
            (position, Tally::new(&chosen, right, joules, large, clusters))
        };
        Self { scale, places: Position::all().into_iter().map(tried).collect() }
    }

    /// Of the positions whose bound is at least `floor`, the one that saves most. The large model always keeps a floor of 1
    /// or less: it is what the floor is a share of.
    #[must_use]
    pub fn set(&self, floor: f64, confidence: &Confidence) -> Setting {
        let same =
            Tally { attained: 1.0, saved: 0.0, error: 0.0, inside: 0.0, prompts: 0, clusters: 0, right: 0.0 };
        let large = self.places.iter().find(|(position, _)| *position == Position::LARGE);
        let tally = large.map_or(same, |(_, tally)| *tally);
        let always = Setting { position: Position::LARGE, scale: self.scale, bound: 1.0, tally };
        self.places
            .iter()
            .map(|(position, tally)| Setting {
                position: *position,
                scale: self.scale,
                bound: confidence.bound(tally),
                tally: *tally,
            })
            .filter(|setting| setting.bound >= floor)
            .fold(always, |best, setting| if setting.tally.saved > best.tally.saved { setting } else { best })
    }

    /// What each position brought.
    #[must_use]
    pub fn places(&self) -> &[(Position, Tally)] {
        &self.places
    }
}

#[cfg(test)]
mod tests {
    use super::super::chance::Chance;
    use super::*;
    use ndarray::{Array2, array};

    /// Expected success, what was right, joules.
    type World = (Array2<f64>, Array2<f64>, Array2<f64>);

    /// Prompts whose small model is right as often as it is expected to, and the large one always a little oftener.
    fn world(prompts: usize, seed: u64) -> World {
        let mut chance = Chance::new(seed);
        let mut success = Array2::zeros((prompts, 2));
        let mut right = Array2::zeros((prompts, 2));
        for (mut success, mut right) in success.rows_mut().into_iter().zip(right.rows_mut()) {
            let gain = 0.4 * chance.share() - 0.1;
            success.assign(&array![0.6 - gain, 0.6]);
            right.assign(&success.mapv(|success| f64::from(u8::from(chance.share() < success))));
        }
        let joules = Array2::from_shape_fn((prompts, 2), |(_, model)| if model == 0 { 1.0 } else { 5.0 });
        (success, right, joules)
    }

    fn dial(world: &World) -> Dial {
        let (success, right, joules) = world;
        Dial::new(
            success.view(),
            joules.view(),
            right.view(),
            joules.view(),
            (1, &Clusters::each(right.nrows())),
        )
    }

    #[test]
    fn a_floor_holds_in_almost_all_worlds() {
        let worlds = 120;
        let broken = (0..worlds).filter(|seed| {
            let setting = dial(&world(1500, *seed)).set(0.98, &Confidence::USUAL);
            let (success, right, joules) = world(20_000, 1_000_000 + seed);
            let chosen = setting.choices(success.view(), joules.view(), 1);
            Tally::new(&chosen, right.view(), joules.view(), 1, &Clusters::each(20_000)).attained < 0.98
        });
        // At one in twenty, more than fourteen of them would break in one of a thousand such tests.
        let broken = broken.count();
        assert!(broken <= 14, "{broken} of {worlds} broke");
    }

    #[test]
    fn a_floor_on_few_prompts_wants_more_than_one_on_average() {
        let dial = dial(&world(4000, 5));
        let usual = dial.set(0.97, &Confidence::USUAL);
        let few = dial.set(0.97, &Confidence::on(Horizon { prompts: 1000, clusters: 1000 }));
        assert!(usual.tally.saved > few.tally.saved && few.tally.attained > usual.tally.attained);
        assert!(usual.tally.saved > 0.2 && usual.bound >= 0.97 && few.bound >= 0.97);
    }

    #[test]
    fn where_nothing_can_be_promised_the_large_model_is_asked() {
        let (success, mut right, joules) = world(50, 1);
        right.column_mut(0).fill(0.0);
        let dial =
            Dial::new(success.view(), joules.view(), right.view(), joules.view(), (1, &Clusters::each(50)));
        let setting = dial.set(1.0, &Confidence::USUAL);
        assert_eq!((setting.position, setting.bound, setting.tally.saved), (Position::LARGE, 1.0, 0.0));
        assert!(setting.choices(success.view(), joules.view(), 1).iter().all(|model| *model == 1));
    }

    #[test]
    fn a_tally_is_a_share_of_the_large_model() {
        let right = array![[1.0, 1.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]];
        let joules = array![[1.0, 4.0], [1.0, 4.0], [1.0, 4.0], [1.0, 4.0]];
        let tally = Tally::new(&[0, 1, 0, 0], right.view(), joules.view(), 1, &Clusters::each(4));
        assert!((tally.attained - 1.0).abs() < 1e-12 && (tally.saved - 9.0 / 16.0).abs() < 1e-12);
        // By hand: one prompt won and one lost, of three right; four clusters make the variance between them 4 / 3 of it.
        assert!((tally.error - (2.0 * 4.0 / 3.0_f64).sqrt() / 3.0).abs() < 1e-12);
        assert_eq!((tally.clusters, tally.right), (4, 3.0));
    }

    #[test]
    fn a_cluster_wins_or_loses_as_a_whole() {
        let right = array![[0.0, 1.0], [0.0, 1.0], [1.0, 0.0], [1.0, 0.0], [1.0, 1.0], [1.0, 1.0]];
        let joules = Array2::ones((6, 2));
        let error = |of: [u8; 6]| {
            let clusters = Clusters::by(of.map(Some));
            Tally::new(&[0; 6], right.view(), joules.view(), 1, &clusters).error
        };
        // By hand: two lost in the first, two won in the second, of four right.
        assert!((error([0, 0, 1, 1, 2, 2]) - (8.0 * 3.0 / 2.0_f64).sqrt() / 4.0).abs() < 1e-12);
        // What cancels inside clusters is still chance of prompts.
        assert!((error([0, 1, 0, 1, 2, 2]) - 4.0_f64.sqrt() / 4.0).abs() < 1e-12);
    }

    /// Tasks on which the small model gains or loses as a whole, whatever is expected of a prompt.
    fn tasks(count: usize, seed: u64) -> (World, Clusters) {
        let mut chance = Chance::new(seed);
        let prompts = count * 100;
        let (mut success, mut right) = (Array2::zeros((prompts, 2)), Array2::zeros((prompts, 2)));
        let clusters = Clusters::by((0..prompts).map(|row| Some(row / 100)));
        let mut gain = 0.0;
        for (at, (mut success, mut right)) in success.rows_mut().into_iter().zip(right.rows_mut()).enumerate()
        {
            if at % 100 == 0 {
                gain = 0.9 * chance.share() - 0.4;
            }
            success.assign(&array![0.5 + 0.2 * chance.share(), 0.6]);
            right.assign(&array![0.6 - gain, 0.6].mapv(|p| f64::from(u8::from(chance.share() < p))));
        }
        let joules = Array2::from_shape_fn((prompts, 2), |(_, model)| if model == 0 { 1.0 } else { 5.0 });
        ((success, right, joules), clusters)
    }

    #[test]
    fn a_floor_for_tasks_to_come_counts_tasks_and_not_prompts() {
        let (worlds, floor) = (60, 0.97);
        let broken = |by_task: bool| {
            let broken = (0..worlds).filter(|seed| {
                let ((success, right, joules), task) = tasks(14, *seed);
                let clusters = if by_task { task } else { Clusters::each(right.nrows()) };
                let dial =
                    Dial::new(success.view(), joules.view(), right.view(), joules.view(), (1, &clusters));
                let setting = dial.set(floor, &Confidence::USUAL);
                let ((success, right, joules), clusters) = tasks(400, 1_000 + seed);
                let chosen = setting.choices(success.view(), joules.view(), 1);
                Tally::new(&chosen, right.view(), joules.view(), 1, &clusters).attained < floor
            });
            broken.count()
        };
        // At one in twenty, more than eight of them would break in one of a hundred such tests.
        let (tasks, prompts) = (broken(true), broken(false));
        assert!(tasks <= 8 && prompts > 12, "{tasks} by tasks, {prompts} by prompts, of {worlds}");
    }

    #[test]
    fn small_tasks_to_come_have_more_chance_of_their_own() {
        let tally = Tally {
            attained: 1.0,
            saved: 0.5,
            error: 0.005,
            inside: 0.004,
            prompts: 6000,
            clusters: 60,
            right: 1e9,
        };
        let bound = |prompts, clusters| Confidence::on(Horizon { prompts, clusters }).bound(&tally);
        // By hand: 16 of the 25 parts of the variance are of prompts, 9 of tasks; seen 25.
        let expected = |parts: f64| 1.0 - student(1.645, 59.0) * parts.sqrt() / 1000.0;
        assert!((bound(6000, 60) - expected(25.0 + 25.0)).abs() < 1e-6);
        assert!((bound(1500, 60) - expected(25.0 + 64.0 + 9.0)).abs() < 1e-6);
        assert!((bound(1500, 15) - expected(25.0 + 64.0 + 36.0)).abs() < 1e-6);
    }

    #[test]
    fn few_clusters_want_students_quantile() {
        for (freedom, quantile) in [(2.0, 2.920), (4.0, 2.132), (13.0, 1.771), (60.0, 1.671)] {
            assert!((student(1.645, freedom) / quantile - 1.0).abs() < 0.02, "{freedom}");
        }
        let tally = Tally {
            attained: 1.0,
            saved: 0.5,
            error: 0.001,
            inside: 0.001,
            prompts: 9,
            clusters: 2,
            right: 100.0,
        };
        assert_eq!(Confidence::USUAL.bound(&tally), f64::NEG_INFINITY);
    }
}
