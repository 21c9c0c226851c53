//! Success on tasks that were not seen: what a strong model gained over a middling one on prompts of other sources that
//! look alike. What they are about does not carry over; how they look does.

use super::data::Outcomes;
use super::design::{Blend, Design};
use super::number;
use super::ridge::{Novelty, Ridge, Sums};
use super::strata::{FEW, ranked, share};
use crate::text::Features;
use greenroute_core::Result;
use ndarray::{Array2, ArrayView1, Axis};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The penalty of each source's ridge.
const PENALTY: f64 = 300.0;
/// Standard errors by which a gain may be larger than what is foretold: one-sided 95 %.
const ERRORS: f64 = 1.645;

/// The gains of several sources.
#[derive(Debug, Clone, PartialEq)]
pub struct Carried {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq)]
struct Part {
    source: Arc<str>,
    rows: f64,
    ridge: Ridge,
    novelty: Novelty,
    /// The variance of one prompt's gain around what is foretold.
    variance: f64,
}

/// What sources say of some texts.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// The sources, in alphabetical order.
    pub sources: Vec<Arc<str>>,
    /// The prompts that each learned from.
    rows: Vec<f64>,
    /// (texts, sources): gains, and the variance of each.
    gain: Array2<f64>,
    variance: Array2<f64>,
}

/// What a strong model gains on a text, a difference of probabilities.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gain {
    /// What is likeliest.
    pub value: f64,
    /// What it is at most, with 95 % confidence in the regressions: far above `value` where the text looks like nothing
    /// that was learned from.
    pub most: f64,
}

impl Carried {
    /// Learns the gain from the rows of `outcomes` that are given, each source for itself. A source's strong models are the
    /// quarter that is right oftenest, its middling ones those from two fifths to thirteen twentieths; of two, each is one.
    /// What the rows are decides what may be known: whoever asks about a task leaves out its prompts and their variants.
    ///
    /// # Errors
    /// As [`Sums::solve`].
    pub fn fit(outcomes: &Outcomes, features: &[Features], design: &Design, rows: &[usize]) -> Result<Self> {
        let mut by_source: BTreeMap<&Arc<str>, Vec<usize>> = BTreeMap::new();
        for row in rows {
            if let Some(prompt) = outcomes.prompts.get(*row) {
                by_source.entry(&prompt.source).or_default().push(*row);
            }
        }
        let mut parts = Vec::new();
        for (source, rows) in by_source {
            let gains = gains(outcomes, &rows);
            if gains.len() < FEW {
                continue;
            }
            let texts = gains.iter().filter_map(|(row, _)| features.get(*row));
            let x = design.rows(texts, &Blend::LOOKS);
            let y: Vec<[f64; 1]> = gains.iter().map(|(_, gain)| [*gain]).collect();
            let y = Array2::from(y);
            let sums = Sums::new(x.view(), y.view());
            let ridge = sums.solve(PENALTY)?;
            let off = &y - &ridge.predict(x.view());
            parts.push(Part {
                source: Arc::clone(source),
                rows: number(gains.len()),
                ridge,
                novelty: sums.novelty(PENALTY)?,
                variance: (&off * &off).mean().unwrap_or_default(),
            });
        }
        Ok(Self { parts })
    }

    /// What each source says of each text.
    #[must_use]
    pub fn tell<'a>(&self, features: impl IntoIterator<Item = &'a Features>, design: &Design) -> Told {
        let x = design.rows(features, &Blend::LOOKS);
        let shape = (x.nrows(), self.parts.len());
        let (mut gain, mut variance) = (Array2::zeros(shape), Array2::zeros(shape));
        for (at, part) in self.parts.iter().enumerate() {
            gain.column_mut(at).assign(&part.ridge.predict(x.view()).column(0));
            variance.column_mut(at).assign(&(part.novelty.of(x.view()) * part.variance));
        }
        let sources = self.parts.iter().map(|part| Arc::clone(&part.source)).collect();
        Told { sources, rows: self.parts.iter().map(|part| part.rows).collect(), gain, variance }
    }
}

impl Told {
    /// The gain on each text by the sources that `may` speak, each weighing by its prompts. None where none may.
    #[must_use]
    pub fn gains(&self, may: impl Fn(&str) -> bool) -> Option<Vec<Gain>> {
        let weights: Vec<f64> = self
            .sources
            .iter()
            .zip(&self.rows)
            .map(|(source, rows)| if may(source) { *rows } else { 0.0 })
            .collect();
        let all: f64 = weights.iter().sum();
        let sum = |values: ArrayView1<'_, f64>, power: i32| -> f64 {
            weights.iter().zip(values).map(|(weight, value)| (weight / all).powi(power) * value).sum()
        };
        let both = self.gain.rows().into_iter().zip(self.variance.rows());
        let gain = |(gain, variance)| {
            let value = sum(gain, 1);
            Gain { value, most: value + ERRORS * sum(variance, 2).sqrt() }
        };
        (all > 0.0).then(|| both.map(gain).collect())
    }

    /// What is said of these texts alone.
    #[must_use]
    pub fn select(&self, texts: &[usize]) -> Self {
        let of = |all: &Array2<f64>| all.select(Axis(0), texts);
        Self { gain: of(&self.gain), variance: of(&self.variance), ..self.clone() }
    }
}

/// The rows that strong and middling models of one source answered, with the difference of their shares of right answers.
fn gains(outcomes: &Outcomes, rows: &[usize]) -> Vec<(usize, f64)> {
    let models = ranked(outcomes, rows);
    let count = models.len();
    let (strong, middling) = match count {
        0 | 1 => return Vec::new(),
        2 => (0..1, 1..2),
        _ => (0..(count / 4).max(1), (count * 2 / 5).max(1)..(count * 13 / 20).max(2)),
    };
    let of = |range| models.get(range).unwrap_or_default();
    let (strong, middling) = (of(strong), of(middling));
    let gain = |row: usize| Some(share(outcomes, row, strong)? - share(outcomes, row, middling)?);
    rows.iter().filter_map(|row| Some((*row, gain(*row)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::data::Prompt;
    use super::*;

    /// A source whose strong model gains on texts that show the first cue, and on no others.
    fn world(source: &str) -> (Outcomes, Vec<Features>) {
        let (mut prompts, mut outcomes, mut features) = (Vec::new(), Vec::new(), Vec::new());
        for row in 0..300 {
            let shows = row % 3 == 0;
            let id = format!("{source} {row}");
            for (model, right) in [("strong", true), ("weak", !shows)] {
                let name: Arc<str> = format!("{source}:{model}").into();
                outcomes.push((id.clone(), name, f32::from(u8::from(right)), None));
            }
            prompts.push(Prompt {
                id,
                source: source.into(),
                text: String::new(),
                caps: Vec::new(),
                group: "".into(),
                group_id: String::new(),
                meta: serde_json::Map::new(),
            });
            let mut text = Features::default();
            text.cues[0] = f32::from(u8::from(shows));
            features.push(text);
        }
        (Outcomes::new(prompts, outcomes), features)
    }

    #[test]
    fn a_gain_carries_over_to_texts_that_look_alike() {
        let (outcomes, features) = world("quiz");
        let design = Design::new(&features);
        let rows: Vec<usize> = (0..300).collect();
        let told = Carried::fit(&outcomes, &features, &design, &rows).unwrap().tell(&features[..2], &design);
        assert_eq!(*told.sources, ["quiz".into()]);
        let gains = told.gains(|_| true).unwrap();
        assert!(gains[0].value > gains[1].value + 0.05, "{gains:?}");
        assert_eq!(told.select(&[1]).gains(|_| true).unwrap(), gains[1..]);
        assert_eq!(told.gains(|source| source != "quiz"), None);
    }

    #[test]
    fn what_looks_like_nothing_that_was_seen_may_gain_most() {
        let (outcomes, features) = world("quiz");
        let design = Design::new(&features);
        let rows: Vec<usize> = (0..300).collect();
        let carried = Carried::fit(&outcomes, &features, &design, &rows).unwrap();
        let mut odd = features[1].clone();
        odd.cues[0] = -4.0;
        let gains = carried.tell([&features[1], &odd], &design).gains(|_| true).unwrap();
        let doubt = |gain: Gain| gain.most - gain.value;
        assert!(doubt(gains[1]) > 1.8 * doubt(gains[0]) && doubt(gains[0]) > 0.0, "{gains:?}");
    }

    #[test]
    fn rows_that_are_left_out_are_not_read() {
        let (outcomes, features) = world("quiz");
        let design = Design::new(&features);
        let few: Vec<usize> = (0..99).collect();
        for rows in [&few[..], &[]] {
            let none = Carried::fit(&outcomes, &features, &design, rows).unwrap();
            assert_eq!(none.tell(&features, &design).gains(|_| true), None);
        }
    }
}
