use super::exp::exp;
use crate::latent::TASKS;
use greenroute_core::units::{Probability, Quantity, Tokens};
use greenroute_core::{Estimate, Expectation, Method};

/// One number a task.
pub(crate) type PerTask = [f32; TASKS];

/// What is believed of one model: worked out once for each card, and read for every prompt.
#[derive(Debug, Clone, PartialEq)]
pub struct Belief {
    /// The logit of success at each task.
    pub logits: PerTask,
    /// The variance of each.
    pub variances: PerTask,
    /// The logit of success at a task that nobody knows.
    pub level: f32,
    /// The variance of that.
    pub level_variance: f32,
    /// What it writes, as factors on what a typical model writes: low, middling, high.
    pub verbosity: [f64; 3],
    /// The quantile of 95 %, in standard deviations, as it was found on models left out.
    pub reach: f32,
}

/// A prompt, as beliefs are asked about it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) tasks: &'a PerTask,
    /// How much harder it is than its tasks, in logits.
    pub(crate) lowering: f32,
    /// How little it is like any task, from 0 to 1.
    pub(crate) novelty: f32,
    pub(crate) output: Typical,
}

/// What a typical model writes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Typical {
    /// Tokens: low, middling, high.
    ends: [f64; 3],
    method: Method,
}

impl From<Estimate<Tokens>> for Typical {
    fn from(output: Estimate<Tokens>) -> Self {
        let ends = [output.low(), output.value(), output.high()].map(Quantity::base);
        Self { ends, method: output.method().min(Method::Modelled) }
    }
}

impl Typical {
    /// What a model of this verbosity writes in its place.
    #[inline]
    fn by(&self, verbosity: [f64; 3]) -> Estimate<Tokens> {
        let ([a, b, c], [low, middle, high]) = (self.ends, verbosity);
        let tokens = |count: f64| Tokens::from_base(count).max(Tokens::new(1));
        Estimate::banded(tokens(a * low), tokens(b * middle), tokens(c * high), self.method)
    }
}

/// Logits beyond these differ by less than 0.3 % of success.
const FAR: f32 = 6.0;

impl Question<'_> {
    /// What one model will do.
    #[inline]
    pub(crate) fn answer(&self, belief: &Belief) -> Expectation {
        let [mean, variance] = self.logit(belief, dot(self.tasks, &belief.logits, &belief.variances));
        let [[low], [middle], [high]] = shares(&[mean], &[belief.reach], &[variance]);
        self.expectation(belief, [low, middle, high])
    }

    /// The same of the first `count` of several models, worked out side by side, to the last bit, behind `all`.
    #[inline]
    pub(crate) fn answer_all<const N: usize>(
        &self,
        beliefs: &[&Belief; N],
        count: usize,
        all: &mut Vec<Expectation>,
    ) {
        let mut sums = [[[0.0f32; 4]; 2]; N];
        for (sums, belief) in sums.iter_mut().zip(beliefs) {
            *sums = dot(self.tasks, &belief.logits, &belief.variances);
        }
        let (mut mean, mut reach, mut variance) = ([0.0f32; N], [0.0f32; N], [0.0f32; N]);
        let lanes = mean.iter_mut().zip(&mut reach).zip(&mut variance);
        for ((((mean, reach), variance), belief), sums) in lanes.zip(beliefs).zip(sums) {
            [*mean, *variance] = self.logit(belief, sums);
            *reach = belief.reach;
        }
        let [low, middle, high] = shares(&mean, &reach, &variance);
        let shares = low.into_iter().zip(middle).zip(high);
        let each = beliefs.iter().zip(shares);
        all.extend(
            each.take(count)
                .map(|(belief, ((low, middle), high))| self.expectation(belief, [low, middle, high])),
        );
    }

    #[inline]
    fn expectation(&self, belief: &Belief, shares: [f32; 3]) -> Expectation {
        let of = |share: f32| Probability::from_fraction(f64::from(share));
        let [low, middle, high] = shares;
        let success = Estimate::banded(of(low), of(middle), of(high), Method::Modelled);
        Expectation { success, output: self.output.by(belief.verbosity) }
    }

    /// The logit of success and its variance.
    #[inline]
    fn logit(&self, belief: &Belief, sums: [[f32; 4]; 2]) -> [f32; 2] {
        let [mean, variance] = sums.map(|parts| parts.iter().sum::<f32>());
        let known = 1.0 - self.novelty;
        let mean = known * mean + self.novelty * belief.level - self.lowering;
        let variance = known * variance + self.novelty * belief.level_variance;
        // Numbers that no profiler makes leave nothing but the model's general ability.
        let sane = mean.is_finite() && variance.is_finite() && variance >= 0.0;
        if sane { [mean, variance] } else { [belief.level, belief.level_variance] }
    }
}

/// The low, the middle and the high share of success, by logits, the quantiles' reach and variances.
#[inline]
fn shares<const N: usize>(mean: &[f32; N], reach: &[f32; N], variance: &[f32; N]) -> [[f32; N]; 3] {
    let (mut low, mut middle, mut high) = ([0.0; N], [0.0; N], [0.0; N]);
    for lane in 0..N {
        #[expect(clippy::indexing_slicing, reason = "so many lanes has each array")]
        {
            let (mean, variance) = (mean[lane].clamp(-FAR, FAR), variance[lane]);
            let (odds, step) = (exp(-mean), exp((reach[lane] * variance.sqrt()).min(FAR)));
            // The mean of a logistic curve over a normal error (MacKay 1992).
            let narrowed = -mean / (1.0 + std::f32::consts::FRAC_PI_8 * variance).sqrt();
            low[lane] = 1.0 / (1.0 + odds * step);
            middle[lane] = 1.0 / (1.0 + exp(narrowed));
            high[lane] = 1.0 / (1.0 + odds / step);
        }
    }
    [low, middle, high]
}

/// Two sums of products over the tasks, each in four parts, in one pass.
#[inline]
fn dot(weights: &PerTask, first: &PerTask, second: &PerTask) -> [[f32; 4]; 2] {
    let mut parts = [[0.0f32; 4]; 2];
    let (weights, _) = weights.as_chunks::<4>();
    let (first, _) = first.as_chunks::<4>();
    let (second, _) = second.as_chunks::<4>();
    let [a, b] = &mut parts;
    for ((weight, x), y) in weights.iter().zip(first).zip(second) {
        for lane in 0..4 {
            #[expect(clippy::indexing_slicing, reason = "four lanes of arrays of four")]
            {
                a[lane] += weight[lane] * x[lane];
                b[lane] += weight[lane] * y[lane];
            }
        }
    }
    parts
}
