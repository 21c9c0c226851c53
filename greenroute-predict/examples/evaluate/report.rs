//! What was measured, as it stands in the file; [`tables`](super::tables) shows it to people.

use greenroute_predict::fit::metrics::{Gap, Interval, Recovery, Reliability};
use greenroute_predict::fit::pool::Duel;
use serde::Serialize;
use std::collections::BTreeMap;

/// Figures by target, such as `0.99`: the share of the large model's success that was asked for.
pub(crate) type ByTarget<T> = BTreeMap<String, T>;

/// Everything: pools by name, and `mmlu`.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Report {
    /// What the prompts are that were scored.
    pub(crate) scored_on: &'static str,
    #[serde(flatten)]
    pub(crate) pools: BTreeMap<String, Pooled>,
    /// Pools of which nothing can be said, and why.
    pub(crate) left_out: BTreeMap<String, String>,
    pub(crate) mmlu: Option<Against>,
}

impl Report {
    /// A pool's scores; where there are none, why.
    pub(crate) fn add(&mut self, name: &str, scores: Option<Pooled>, why: impl FnOnce() -> String) {
        match scores {
            Some(scores) => drop(self.pools.insert(name.to_owned(), scores)),
            None => drop(self.left_out.insert(name.to_owned(), why())),
        }
    }
}

/// A pool: what the dial brought on prompts that it was not set on.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Pooled {
    /// How many prompts were scored.
    pub(crate) prompts: usize,
    /// The share of the large model's joules that was not spent.
    pub(crate) saved: ByTarget<f64>,
    /// The share of the large model's right answers.
    pub(crate) attained: ByTarget<f64>,
    /// What the dial promised: the lower bound, on the fit alone, of what is attained; the mean where it was set several
    /// times.
    pub(crate) bound: ByTarget<f64>,
    /// The 95 % bootstrap interval of `saved` over the scored questions, with their variants.
    pub(crate) saved_interval: ByTarget<Interval>,
    /// The one of `attained`.
    pub(crate) attained_interval: ByTarget<Interval>,
    /// The share of bootstraps that attain the target.
    pub(crate) held: ByTarget<f64>,
    /// Models mixed by chance.
    pub(crate) random: Random,
    pub(crate) always_small: Point,
    pub(crate) always_large: Point,
    /// The model that is right most often.
    pub(crate) best_single: Point,
    /// Who knows every outcome: the cheapest model that is right, the cheapest of all where none is.
    pub(crate) oracle: Point,
    /// Expected calibration error of P(right) over all pairs of a prompt and a model, in bins of equal mass.
    pub(crate) ece: Option<f64>,
    /// Predicted beside observed.
    pub(crate) reliability: Reliability,
    /// Where tasks are never seen: had others been drawn.
    pub(crate) over_tasks: Option<OverTasks>,
    /// `held` at a target of 0.99; where tasks are never seen, over questions or over tasks, whichever held more rarely.
    pub(crate) floor_held: Option<f64>,
    /// What the dial would have saved, had it been set on the very prompts that are scored: more than can be had, and what
    /// studies often quote.
    pub(crate) tuned_on_scored: ByTarget<f64>,
    /// With a dial whose floor is to hold by itself on as many prompts as are scored, and clusters of them.
    pub(crate) on_as_many: Option<Beside>,
}

impl Pooled {
    /// With the main figures of another dial beside.
    pub(crate) fn beside(self, Self { saved, attained, bound, held, floor_held, .. }: Self) -> Self {
        Self { on_as_many: Some(Beside { saved, attained, bound, held, floor_held }), ..self }
    }
}

/// Bootstraps that draw tasks, and prompts inside of each: what one should expect of tasks to come.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct OverTasks {
    /// The 95 % interval of what was attained.
    pub(crate) attained_interval: ByTarget<Interval>,
    /// The share of bootstraps that attain the target.
    pub(crate) held: ByTarget<f64>,
}

/// The main figures of another dial.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Beside {
    pub(crate) saved: ByTarget<f64>,
    pub(crate) attained: ByTarget<f64>,
    pub(crate) bound: ByTarget<f64>,
    pub(crate) held: ByTarget<f64>,
    pub(crate) floor_held: Option<f64>,
}

/// The best mixtures of models by chance.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Random {
    /// What the one saves that attains the target.
    pub(crate) saved: ByTarget<f64>,
    /// What that one attains: the target.
    pub(crate) attained: ByTarget<f64>,
    /// What the one attains that spends as many joules as were spent here.
    pub(crate) attained_at_equal_energy: ByTarget<f64>,
}

/// Something without a dial.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Point {
    pub(crate) saved: f64,
    pub(crate) attained: f64,
}

/// A score between two models, by what it was learned from.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Against {
    /// Nothing of this source was learned from.
    pub(crate) zero_shot_apgr: Option<f64>,
    /// 1500 of its prompts were, drawn by seeds.
    pub(crate) labels_1500_apgr: Option<f64>,
    /// Of other subjects only.
    pub(crate) leave_subjects_out_apgr: Option<f64>,
    /// Of other questions, inside the fit.
    pub(crate) cross_validated_apgr: Option<f64>,
    pub(crate) strong: Answering,
    pub(crate) weak: Answering,
    /// All measures, by setting.
    pub(crate) settings: BTreeMap<String, Protocol>,
    /// The same two models on sources that nothing was learned from.
    pub(crate) elsewhere: BTreeMap<String, Protocol>,
}

/// A model, and the mean worth of its answers on the scored prompts.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Answering {
    pub(crate) model: String,
    pub(crate) right: Option<f64>,
}

/// RouteLLM's measures of one setting, as means over seeds.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Protocol {
    #[serde(flatten)]
    pub(crate) recovery: Recovery,
    /// The 95 % bootstrap interval of `apgr`; its ends are means over seeds too.
    pub(crate) interval: Interval,
    /// Scored prompts, by the first seed.
    pub(crate) prompts: usize,
    /// How many seeds.
    pub(crate) seeds: usize,
    /// The standard deviation of `apgr` over them.
    pub(crate) spread: f64,
}

impl Protocol {
    /// Over runs, each with its interval and its prompts; `None` of none.
    pub(crate) fn mean(runs: &[(Recovery, Interval, usize)]) -> Option<Self> {
        let count = f64::from(u32::try_from(runs.len()).ok()?);
        let prompts = runs.first()?.2;
        let mean =
            |of: &dyn Fn(&(Recovery, Interval, usize)) -> f64| runs.iter().map(of).sum::<f64>() / count;
        let apgr = mean(&|run| run.0.apgr);
        Some(Self {
            recovery: Recovery { apgr, cpt50: mean(&|run| run.0.cpt50), cpt80: mean(&|run| run.0.cpt80) },
            interval: Interval { low: mean(&|run| run.1.low), high: mean(&|run| run.1.high) },
            prompts,
            seeds: runs.len(),
            spread: mean(&|run| (run.0.apgr - apgr).powi(2)).sqrt(),
        })
    }
}

impl Against {
    /// From settings that could be measured, or not.
    pub(crate) fn new(
        duel: &Duel,
        gap: Option<&Gap>,
        settings: BTreeMap<&str, Option<Protocol>>,
        elsewhere: BTreeMap<String, Protocol>,
    ) -> Self {
        let settings: BTreeMap<String, Protocol> =
            settings.into_iter().filter_map(|(name, protocol)| Some((name.to_owned(), protocol?))).collect();
        let apgr = |name: &str| settings.get(name).map(|protocol| protocol.recovery.apgr);
        let answering = |model: &str, right| Answering { model: model.to_owned(), right };
        Self {
            zero_shot_apgr: apgr("zero-shot"),
            labels_1500_apgr: apgr("1500 labels"),
            leave_subjects_out_apgr: apgr("subjects left out"),
            cross_validated_apgr: apgr("cross-validated in the fit").or_else(|| apgr("all labels")),
            strong: answering(&duel.strong, gap.map(Gap::strong)),
            weak: answering(&duel.weak, gap.map(Gap::weak)),
            settings,
            elsewhere,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_protocol_is_the_mean_of_its_runs() {
        let run = |apgr: f64| {
            let recovery = Recovery { apgr, cpt50: apgr / 2.0, cpt80: 0.8 };
            (recovery, Interval { low: apgr - 0.1, high: apgr + 0.1 }, 7)
        };
        let found = Protocol::mean(&[run(0.6), run(0.7)]).unwrap();
        assert!((found.recovery.apgr - 0.65).abs() < 1e-12 && (found.spread - 0.05).abs() < 1e-12);
        assert!((found.interval.low - 0.55).abs() < 1e-12 && (found.recovery.cpt50 - 0.325).abs() < 1e-12);
        assert_eq!((found.prompts, found.seeds), (7, 2));
        assert!(Protocol::mean(&[]).is_none());
    }

    #[test]
    fn the_file_has_the_names_that_are_agreed() {
        let protocol = Protocol::mean(&[(
            Recovery { apgr: 0.6, cpt50: 0.3, cpt80: 0.7 },
            Interval { low: 0.5, high: 0.7 },
            9,
        )]);
        let duel = Duel { source: "quiz".into(), strong: "a".into(), weak: "b".into() };
        let settings = BTreeMap::from([("zero-shot", protocol), ("1500 labels", None)]);
        let pooled = Pooled {
            prompts: 3,
            saved: BTreeMap::from([("0.99".into(), 0.4)]),
            attained: BTreeMap::from([("0.99".into(), 0.995)]),
            bound: BTreeMap::new(),
            saved_interval: BTreeMap::new(),
            attained_interval: BTreeMap::new(),
            held: BTreeMap::new(),
            random: Random { saved: BTreeMap::from([("0.99".into(), 0.1)]), ..Random::default() },
            always_small: Point::default(),
            always_large: Point { saved: 0.0, attained: 1.0 },
            best_single: Point::default(),
            oracle: Point::default(),
            ece: Some(0.02),
            reliability: Reliability::of(&[(0.5, 1.0)]),
            over_tasks: None,
            floor_held: Some(0.96),
            tuned_on_scored: BTreeMap::new(),
            on_as_many: None,
        };
        let report = Report {
            scored_on: "held-out prompts",
            pools: BTreeMap::from([("quiz_pool".into(), pooled)]),
            left_out: BTreeMap::new(),
            mmlu: Some(Against::new(&duel, None, settings, BTreeMap::new())),
        };
        let json = serde_json::to_value(&report).unwrap();
        let at = |path: &str| json.pointer(path).and_then(serde_json::Value::as_f64);
        assert_eq!(at("/mmlu/zero_shot_apgr"), Some(0.6));
        assert_eq!(at("/mmlu/settings/zero-shot/cpt50"), Some(0.3));
        assert!(json.pointer("/mmlu/labels_1500_apgr").unwrap().is_null());
        for (path, value) in [
            ("saved/0.99", 0.4),
            ("attained/0.99", 0.995),
            ("random/saved/0.99", 0.1),
            ("ece", 0.02),
            ("floor_held", 0.96),
        ] {
            assert_eq!(at(&format!("/quiz_pool/{path}")), Some(value), "{path}");
        }
    }
}
