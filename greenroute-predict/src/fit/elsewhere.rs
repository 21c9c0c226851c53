//! What outcomes of other sources say about a prompt that there are no outcomes like: whether a strong model would be
//! right where a weaker one is wrong.
//!
//! Each source has its own models, so that no two models of it are those that a hint is for; a source in which both
//! answered speaks by them. Sources differ in what carries over: where the tasks of one differ in their form, what its
//! prompts are about and how they look go together, and only the looks carry over to other forms. That is seen without
//! outcomes, by the share of the cues' variance that lies between tasks.

use super::data::Outcomes;
use super::design::{Blend, Design};
use super::number;
use super::ridge::Ridge;
use super::strata::{FEW, ranked, share};
use crate::text::Features;
use greenroute_core::Result;
use ndarray::{Array2, ArrayView2, Axis};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The strongest of a source's models that stand for a strong one; the others stand for the weak one.
const STRONG: f64 = 1.0 / 3.0;
/// From which share of the cues' variance between tasks on the tasks of a source differ in form.
const FORMS: f64 = 1.0 / 3.0;
/// Probabilities are kept so far from 0 and 1.
const SURE: f64 = 0.02;

/// Hints from other sources: see the module.
#[derive(Debug, Clone)]
pub struct Elsewhere {
    design: Design,
    parts: Vec<Part>,
}

#[derive(Debug, Clone)]
struct Part {
    blend: Blend,
    /// From a row to whether a strong and whether a weak model is right.
    heads: Ridge,
    rows: f64,
    middle: f64,
    spread: f64,
}

/// Rows of one source, with how often a strong and how often a weak model of it is right.
struct Lessons {
    rows: Vec<usize>,
    right: Array2<f64>,
}

impl Elsewhere {
    /// Learns from the rows of `outcomes` that are given, of which `features` are the texts, for the models named
    /// `strong` and `weak`. What the rows are decides what may be known: whoever asks about a prompt leaves out its
    /// source and its variants.
    ///
    /// # Errors
    /// [`Internal`](greenroute_core::ErrorKind::Internal) where a feature is not finite.
    pub fn fit(
        outcomes: &Outcomes,
        features: &[Features],
        rows: &[usize],
        strong: &str,
        weak: &str,
    ) -> Result<Self> {
        let of = |rows: &[usize]| rows.iter().filter_map(|row| features.get(*row)).collect::<Vec<_>>();
        let design = Design::new(of(rows));
        let mut sources: BTreeMap<Arc<str>, Vec<usize>> = BTreeMap::new();
        for row in rows {
            if let Some(prompt) = outcomes.prompts.get(*row) {
                sources.entry(Arc::clone(&prompt.source)).or_default().push(*row);
            }
        }
        let mut parts = Vec::new();
        for rows in sources.values() {
            let Some(lessons) =
                Lessons::of_pair(outcomes, rows, strong, weak).or_else(|| Lessons::of_strata(outcomes, rows))
            else {
                continue;
            };
            let looks = design.rows(of(&lessons.rows), &Blend::LOOKS);
            let tasks = lessons.rows.iter().filter_map(|row| outcomes.prompts.get(*row));
            let forms = between(looks.view(), tasks.map(|prompt| &*prompt.group));
            let (blend, penalty) = if forms > FORMS { (Blend::LOOKS, 300.0) } else { (Blend::WHOLE, 3000.0) };
            let x = design.rows(of(&lessons.rows), &blend);
            let heads = Ridge::fit(x.view(), lessons.right.view(), penalty)?;
            parts.push(Part { blend, heads, rows: number(lessons.rows.len()), middle: 0.0, spread: 1.0 });
        }
        let mut found = Self { design, parts };
        found.standardise(&of(rows));
        Ok(found)
    }

    /// Whether any source had something to say.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// For each text, how much it calls for a strong model: in standard deviations over the prompts that this was learned
    /// from, each source weighing by its prompts. All 0 where no source had anything to say.
    #[must_use]
    pub fn hints<'a>(&self, features: impl IntoIterator<Item = &'a Features>) -> Vec<f64> {
        let features: Vec<_> = features.into_iter().collect();
        let all: f64 = self.parts.iter().map(|part| part.rows).sum();
        let mut hints = vec![0.0; features.len()];
        for part in &self.parts {
            for (hint, worth) in hints.iter_mut().zip(part.worth(&self.design, &features)) {
                *hint += part.rows / all * (worth - part.middle) / part.spread;
            }
        }
        hints
    }

    fn standardise(&mut self, features: &[&Features]) {
        for part in &mut self.parts {
            let worth = part.worth(&self.design, features);
            let (middle, spread) = moments(&worth);
            (part.middle, part.spread) = (middle, if spread > 0.0 { spread } else { 1.0 });
        }
    }
}

impl Part {
    /// The probability that a strong model is right times the one that a weak model is wrong.
    fn worth(&self, design: &Design, features: &[&Features]) -> Vec<f64> {
        let sure = |right: Option<&f64>| right.map_or(0.5, |right| right.clamp(SURE, 1.0 - SURE));
        let right = self.heads.predict(design.rows(features.iter().copied(), &self.blend).view());
        right.rows().into_iter().map(|row| sure(row.get(0)) * (1.0 - sure(row.get(1)))).collect()
    }
}

impl Lessons {
    /// By the very two models, where both answered enough.
    fn of_pair(outcomes: &Outcomes, rows: &[usize], strong: &str, weak: &str) -> Option<Self> {
        let (strong, weak) = (outcomes.model(strong)?, outcomes.model(weak)?);
        Self::of(outcomes, rows, &[strong], &[weak])
    }

    /// By the source's stronger and weaker models.
    fn of_strata(outcomes: &Outcomes, rows: &[usize]) -> Option<Self> {
        let models = ranked(outcomes, rows);
        let strong =
            (1..models.len()).rfind(|count| number(*count) <= STRONG * number(models.len()) + 0.5)?;
        let (strong, weak) = models.split_at_checked(strong)?;
        Self::of(outcomes, rows, strong, weak)
    }

    fn of(outcomes: &Outcomes, rows: &[usize], strong: &[usize], weak: &[usize]) -> Option<Self> {
        let known: Vec<(usize, [f64; 2])> = rows
            .iter()
            .filter_map(|row| Some((*row, [share(outcomes, *row, strong)?, share(outcomes, *row, weak)?])))
            .collect();
        let (rows, right): (Vec<usize>, Vec<[f64; 2]>) = known.into_iter().unzip();
        (rows.len() >= FEW).then(|| Self { rows, right: Array2::from(right) })
    }
}

/// The share of the variance of all columns that lies between groups, from 0 to 1; 0 where nothing varies.
fn between<'a>(rows: ArrayView2<'_, f64>, groups: impl Iterator<Item = &'a str>) -> f64 {
    let mut members: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (row, group) in groups.enumerate().take(rows.nrows()) {
        members.entry(group).or_default().push(row);
    }
    let Some(mean) = rows.mean_axis(Axis(0)) else { return 0.0 };
    let square = |value: f64| value * value;
    let all: f64 = (&rows - &mean).mapv(square).sum();
    let inside = members.values().filter_map(|members| {
        let rows = rows.select(Axis(0), members);
        Some(number(members.len()) * (rows.mean_axis(Axis(0))? - &mean).mapv(square).sum())
    });
    let inside: f64 = inside.sum();
    if all > 0.0 { inside / all } else { 0.0 }
}

/// Mean and standard deviation; of nothing, both 0.
pub(super) fn moments(values: &[f64]) -> (f64, f64) {
    let count = number(values.len().max(1));
    let mean = values.iter().sum::<f64>() / count;
    (mean, (values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / count).sqrt())
}

#[cfg(test)]
mod tests {
    use super::super::data::Prompt;
    use super::*;
    use crate::text::{CUES, DIMENSIONS};

    fn prompt(row: usize, source: &str, group: &str) -> Prompt {
        let text = format!("{source} {row}");
        let (source, group, group_id) = (source.into(), group.into(), text.clone());
        Prompt { id: text.clone(), source, text, caps: vec![], group, group_id, meta: serde_json::Map::new() }
    }

    /// About one of two topics, and of one of two looks.
    fn text(topic: bool, look: bool) -> Features {
        let mut features = Features::default();
        features.embedding[usize::from(topic)] = 1.0;
        features.embedding[DIMENSIONS - 1] = 1.0;
        features.cues = [0.5; CUES];
        features.cues[0] = f32::from(u8::from(look));
        features
    }

    /// A source of 400 prompts: the strong models are right everywhere, the weak ones not where `hard` says so.
    fn source(
        name: &str,
        group: impl Fn(bool, bool) -> &'static str,
        hard: impl Fn(bool, bool) -> bool,
    ) -> (Outcomes, Vec<Features>) {
        let (mut prompts, mut outcomes, mut features) = (Vec::new(), Vec::new(), Vec::new());
        for row in 0..400 {
            let (topic, look) = (row % 2 == 1, row % 4 > 1);
            let one = prompt(row, name, group(topic, look));
            for (model, right) in [("a", true), ("b", !hard(topic, look)), ("c", !hard(topic, look))] {
                outcomes.push((
                    one.id.clone(),
                    format!("{name}:{model}").into(),
                    f32::from(u8::from(right)),
                    None,
                ));
            }
            prompts.push(one);
            features.push(text(topic, look));
        }
        (Outcomes::new(prompts, outcomes), features)
    }

    fn hint(found: &Elsewhere, topic: bool, look: bool) -> f64 {
        found.hints([&text(topic, look)])[0]
    }

    #[test]
    fn tasks_of_one_form_say_which_topics_are_hard() {
        let group = |topic, _| if topic { "law" } else { "art" };
        let (outcomes, features) = source("quiz", group, |topic, _| topic);
        let rows: Vec<usize> = (0..400).collect();
        let found = Elsewhere::fit(&outcomes, &features, &rows, "x", "y").unwrap();
        assert!(hint(&found, true, false) > 0.9 && hint(&found, false, true) < -0.9);
        let mean: f64 = found.hints(&features).iter().sum::<f64>() / 400.0;
        assert!(mean.abs() < 1e-9, "hints are standardised over what they were learned from");
    }

    #[test]
    fn tasks_of_several_forms_say_which_looks_are_hard_and_nothing_of_topics() {
        let group = |_, look| if look { "code" } else { "chat" };
        let (outcomes, features) = source("mixed", group, |topic, look| topic && look);
        let rows: Vec<usize> = (0..400).collect();
        let found = Elsewhere::fit(&outcomes, &features, &rows, "x", "y").unwrap();
        assert!(hint(&found, false, true) > hint(&found, false, false) + 1.0);
        assert!((hint(&found, true, true) - hint(&found, false, true)).abs() < 1e-9);
    }

    #[test]
    fn a_source_that_knows_both_models_speaks_by_them() {
        let group = |topic, _| if topic { "law" } else { "art" };
        let (outcomes, features) = source("quiz", group, |topic, _| topic);
        let rows: Vec<usize> = (0..400).collect();
        // Turned round, the weak one of the two gains where the strong one fails.
        let found = Elsewhere::fit(&outcomes, &features, &rows, "quiz:b", "quiz:a").unwrap();
        assert!(hint(&found, true, false) < hint(&found, false, false));
    }

    #[test]
    fn few_prompts_or_a_single_model_say_nothing() {
        let group = |topic, _| if topic { "law" } else { "art" };
        let (outcomes, features) = source("quiz", group, |topic, _| topic);
        let few: Vec<usize> = (0..99).collect();
        let found = Elsewhere::fit(&outcomes, &features, &few, "x", "y").unwrap();
        assert!(found.is_empty());
        assert_eq!(found.hints(&features[..2]), [0.0, 0.0]);
        let single = (0..400).map(|row| (format!("quiz {row}"), "only".into(), 1.0, None)).collect();
        let single = Outcomes::new(outcomes.prompts.clone(), single);
        let rows: Vec<usize> = (0..400).collect();
        assert!(Elsewhere::fit(&single, &features, &rows, "x", "y").unwrap().is_empty());
    }

    #[test]
    fn variance_between_groups_is_a_share() {
        let rows = ndarray::array![[0.0, 1.0], [0.0, 3.0], [2.0, 1.0], [2.0, 3.0]];
        assert!((between(rows.view(), ["a", "a", "b", "b"].into_iter()) - 0.5).abs() < 1e-12);
        assert_eq!(between(rows.view(), ["a"; 4].into_iter()), 0.0);
        assert_eq!(between(Array2::zeros((2, 3)).view(), ["a", "b"].into_iter()), 0.0);
    }
}
