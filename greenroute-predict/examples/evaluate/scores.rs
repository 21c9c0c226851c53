//! What is reported of choices.

use crate::pools::Outlook;
use crate::report::{ByTarget, OverTasks, Point, Pooled, Random};
use greenroute_predict::fit::cohort::Cohort;
use greenroute_predict::fit::dial::{Setting, Tally};
use greenroute_predict::fit::metrics::{Bootstrap, Reliability};
use greenroute_predict::fit::mixing::{Mixing, always, oracle};

/// The floors that are asked for, as the report writes them.
pub(crate) const TARGETS: [&str; 4] = ["0.95", "0.98", "0.99", "1.0"];
const ROUNDS: usize = 1000;
const SEED: u64 = 17;
/// What rounding may take from a share.
const EXACT: f64 = 1e-12;

/// The choices under one floor, and what was promised.
#[derive(Debug, Clone, Default)]
pub(crate) struct Choices {
    /// Which model each prompt went to.
    pub(crate) chosen: Vec<usize>,
    /// What was promised where the dial was set, one for each setting.
    pub(crate) bounds: Vec<f64>,
}

/// What other chance would have drawn beside other questions of the same tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drawn {
    /// Nothing: tasks are known.
    Questions,
    /// Other tasks: those that are scored stand for tasks that nobody has seen.
    Tasks,
}

/// The floor as a number.
pub(crate) fn floor(target: &str) -> f64 {
    target.parse().unwrap_or(1.0)
}

/// All that is reported of `choices` (by target), and of probabilities with what came true.
pub(crate) fn report(
    cohort: &Cohort,
    choices: &[(&str, Choices)],
    probabilities: &[(f64, f64)],
    drawn: Drawn,
) -> Pooled {
    let (right, joules) = (cohort.right.view(), cohort.joules.view());
    let questions = cohort.by_question();
    let mut over_tasks = (drawn == Drawn::Tasks).then(OverTasks::default);
    let mixing = Mixing::new(right, joules, cohort.large);
    let tally = |chosen: &[usize]| Tally::new(chosen, right, joules, cohort.large, &questions);
    let models = 0..cohort.right.ncols();
    let each: Vec<Tally> = models.map(|model| always(model, right, joules, cohort.large)).collect();
    let large = always(cohort.large, right, joules, cohort.large);
    let small = each.iter().max_by(|a, b| a.saved.total_cmp(&b.saved)).unwrap_or(&large);
    let best = each
        .iter()
        .max_by(|a, b| a.attained.total_cmp(&b.attained).then(a.saved.total_cmp(&b.saved)))
        .unwrap_or(&large);
    let reliability = Reliability::of(probabilities);
    let mut pooled = Pooled {
        prompts: cohort.len(),
        saved: ByTarget::new(),
        attained: ByTarget::new(),
        bound: ByTarget::new(),
        saved_interval: ByTarget::new(),
        attained_interval: ByTarget::new(),
        held: ByTarget::new(),
        random: Random::default(),
        always_small: point(small),
        always_large: point(&large),
        best_single: point(best),
        oracle: point(&tally(&oracle(right, joules))),
        ece: reliability.error(),
        reliability,
        over_tasks: None,
        floor_held: None,
        tuned_on_scored: ByTarget::new(),
        on_as_many: None,
    };
    for (target, choices) in choices {
        let (found, asked) = (tally(&choices.chosen), floor(target));
        let paid = paid(cohort, &choices.chosen);
        let sums = questions.sums(paid.iter().copied());
        let attained = Bootstrap::of(sums.len(), ROUNDS, SEED, |drawn| attained(drawn, &sums));
        let saved = Bootstrap::of(sums.len(), ROUNDS, SEED, |drawn| saved(drawn, &sums));
        if let Some(over) = &mut over_tasks {
            over.add(
                target,
                &Bootstrap::nested(&cohort.by_task(), ROUNDS, SEED, |drawn| self::attained(drawn, &paid)),
            );
        }
        let promised = choices.bounds.iter().sum::<f64>() / choices.bounds.iter().map(|_| 1.0).sum::<f64>();
        let put = |into: &mut ByTarget<f64>, value: Option<f64>| {
            into.extend(value.filter(|value| value.is_finite()).map(|value| ((*target).to_owned(), value)));
        };
        put(&mut pooled.saved, Some(found.saved));
        put(&mut pooled.attained, Some(found.attained));
        put(&mut pooled.bound, Some(promised));
        put(&mut pooled.held, attained.at_least(asked - EXACT));
        put(&mut pooled.random.saved, mixing.saved(asked));
        put(&mut pooled.random.attained, mixing.saved(asked).map(|_| asked));
        put(&mut pooled.random.attained_at_equal_energy, mixing.attained(found.saved));
        pooled.saved_interval.extend(saved.interval().map(|interval| ((*target).to_owned(), interval)));
        pooled.attained_interval.extend(attained.interval().map(|interval| ((*target).to_owned(), interval)));
    }
    let held = |held: &ByTarget<f64>| held.get("0.99").copied();
    let harder = over_tasks.as_ref().and_then(|over| held(&over.held));
    // The harder of the two tests.
    pooled.floor_held = held(&pooled.held).map(|held| harder.map_or(held, |harder| held.min(harder)));
    pooled.over_tasks = over_tasks;
    pooled
}

impl Choices {
    /// For each floor, the large model for every prompt.
    pub(crate) fn none(cohort: &Cohort) -> [(&'static str, Self); TARGETS.len()] {
        TARGETS.map(|target| (target, Self { chosen: vec![cohort.large; cohort.len()], bounds: Vec::new() }))
    }

    /// What a dial chooses for some rows, with what it promises.
    pub(crate) fn add(&mut self, setting: &Setting, rows: &[usize], outlook: &Outlook, large: usize) {
        self.bounds.push(setting.bound);
        let chosen = setting.choices(outlook.success.view(), outlook.joules.view(), large);
        for (row, model) in rows.iter().zip(chosen) {
            self.chosen.get_mut(*row).into_iter().for_each(|place| *place = model);
        }
    }
}

impl OverTasks {
    fn add(&mut self, target: &str, attained: &Bootstrap) {
        let held = attained.at_least(floor(target) - EXACT);
        self.held.extend(held.map(|held| (target.to_owned(), held)));
        self.attained_interval.extend(attained.interval().map(|interval| (target.to_owned(), interval)));
    }
}

/// The share of the large model's right answers in a round; of a round without any, nothing is said.
fn attained(drawn: &[u32], paid: &[[f64; 4]]) -> Option<f64> {
    let [ours, theirs, _, _] = summed(drawn, paid);
    (theirs > 0.0).then(|| ours / theirs)
}

/// The share of its joules that is saved.
fn saved(drawn: &[u32], paid: &[[f64; 4]]) -> Option<f64> {
    let [_, _, spent, most] = summed(drawn, paid);
    (most > 0.0).then(|| 1.0 - spent / most)
}

fn summed(drawn: &[u32], paid: &[[f64; 4]]) -> [f64; 4] {
    let mut sums = [0.0; 4];
    for (times, row) in drawn.iter().zip(paid) {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*times) * value);
    }
    sums
}

fn point(tally: &Tally) -> Point {
    Point { saved: tally.saved, attained: tally.attained }
}

/// For each prompt: right or not, the large model right or not, joules, the large model's.
fn paid(cohort: &Cohort, chosen: &[usize]) -> Vec<[f64; 4]> {
    let rows = cohort.right.rows().into_iter().zip(cohort.joules.rows()).zip(chosen);
    rows.map(|((right, joules), model)| {
        let [ours, theirs] = [*model, cohort.large].map(|at| right.get(at).copied().unwrap_or_default());
        let [spent, most] = [*model, cohort.large].map(|at| joules.get(at).copied().unwrap_or_default());
        [ours, theirs, spent, most]
    })
    .collect()
}
