//! RouteLLM's protocol on the prompts that two models answered: how soon a score that sends some to the strong one makes
//! up for its errors. With labels of other sources only, with a few of this one, with those of other subjects.

use crate::report::{Against, Protocol};
use crate::world::World;
use greenroute_core::Result;
use greenroute_predict::fit::chance::Chance;
use greenroute_predict::fit::data::{Answer, Prompt};
use greenroute_predict::fit::design::{Blend, Design};
use greenroute_predict::fit::elsewhere::Elsewhere;
use greenroute_predict::fit::fold::Folds;
use greenroute_predict::fit::metrics::{Gap, Interval, Recovery};
use greenroute_predict::fit::pool::Duel;
use greenroute_predict::fit::ridge::Ridge;
use greenroute_predict::text::Features;
use ndarray::{Array2, Axis};
use std::collections::{BTreeMap, HashSet};

/// Prompts that RouteLLM leaves out, since they resemble what its routers had been trained on, carry this flag.
const CONTAMINATED: &str = "routellm_contaminated";
/// A translation of a prompt of another source names that source so.
const TRANSLATION: &str = "translation_of";
/// The penalty of the ridge on what the strong model gains.
const PENALTY: f64 = 300.0;
/// With so many labels, their score and the hints of other sources weigh the same.
const EVEN: f64 = 750.0;
/// What hints weigh at least: they hold for subjects too that no label is of.
const HINT: f64 = 0.5;
/// Few labels, as RouteLLM's authors used of MMLU's validation set, and still fewer.
const LABELS: [usize; 3] = [100, 300, 1500];
/// Fewer prompts than these are not scored: chance would say more than they do.
const LEAST: usize = 100;
const FOLDS: usize = 5;
const ROUNDS: usize = 1000;

/// A prompt that both models answered.
struct Row<'a> {
    features: &'a Features,
    group: &'a str,
    /// What it shares with its variants alone.
    question: &'a str,
    weak: f64,
    strong: f64,
}

/// The prompts of one source, with all that is known of them before an outcome is looked at.
struct Target<'a> {
    rows: Vec<Row<'a>>,
    /// Those whose outcomes may be learned from.
    known: Vec<usize>,
    /// Those that are scored; the same ones where there is no folder to score on.
    scored: Vec<usize>,
    x: Array2<f64>,
    gain: Array2<f64>,
    /// What other sources say, learned without variants of the question.
    hint: Vec<f64>,
}

/// Scores of some rows.
type Scores = Vec<(usize, f64)>;

/// Everything for one pair of models; `None` where `fit` has too few prompts that both answered.
///
/// # Errors
/// Where a feature is not finite.
pub(crate) fn measure(fit: &World, test: Option<&World>, duel: &Duel) -> Result<Option<Against>> {
    let Some(target) = Target::new(fit, test, duel)? else { return Ok(None) };
    let chance = target.protocol(1, |_, _| Ok(target.scored.iter().map(|row| (*row, 0.0)).collect()))?;
    let oracle = target.protocol(1, |_, _| Ok(target.of(|row| row.strong - row.weak)))?;
    let hints = &target.hint;
    let zero = target.protocol(1, |_, _| {
        Ok(target.scored.iter().filter_map(|row| Some((*row, *hints.get(*row)?))).collect())
    })?;
    let mut settings = BTreeMap::from([("random", chance), ("oracle", oracle), ("zero-shot", zero)]);
    let labels = |count: usize| target.protocol(8, move |target, seed| target.few(count, seed));
    for (name, count) in [("100 labels", LABELS[0]), ("300 labels", LABELS[1]), ("1500 labels", LABELS[2])] {
        settings.insert(name, labels(count)?);
    }
    settings.insert("subjects left out", target.protocol(3, Target::by_subject)?);
    settings.insert("all labels", target.protocol(3, Target::by_question)?);
    let inside = Target::new(fit, None, duel)?.filter(|_| test.is_some());
    if let Some(inside) = inside {
        settings.insert("cross-validated in the fit", inside.protocol(3, Target::by_question)?);
    }
    let mut elsewhere = BTreeMap::new();
    for (source, protocol) in test.map(|test| unseen(fit, test, duel)).transpose()?.into_iter().flatten() {
        elsewhere.insert(source, protocol);
    }
    Ok(Some(Against::new(duel, target.gap(&target.scored).as_ref(), settings, elsewhere)))
}

/// The other sources of `test` that both models answered, scored by what other sources of `fit` say.
fn unseen(fit: &World, test: &World, duel: &Duel) -> Result<Vec<(String, Protocol)>> {
    let mut sources: Vec<_> = test.outcomes.prompts.iter().map(|prompt| prompt.source.clone()).collect();
    sources.sort_unstable();
    sources.dedup();
    sources.retain(|source| *source != duel.source);
    let mut found = Vec::new();
    for source in sources {
        let duel = Duel { source: source.clone(), ..duel.clone() };
        let rows = rows_of(test, &duel);
        if rows.is_empty() {
            continue;
        }
        let hint = hints(fit, &rows, &duel)?;
        let all: Vec<usize> = (0..rows.len()).collect();
        let target = Target {
            x: Array2::zeros((0, 0)),
            gain: Array2::zeros((0, 1)),
            known: Vec::new(),
            scored: all,
            rows,
            hint,
        };
        let scores = |target: &Target<'_>, _| Ok(target.hint.iter().copied().enumerate().collect());
        if let Some(protocol) = target.protocol(1, scores)? {
            found.push((source.to_string(), protocol));
        }
    }
    Ok(found)
}

fn rows_of<'a>(folder: &'a World, duel: &Duel) -> Vec<Row<'a>> {
    let models = folder.outcomes.model(&duel.weak).zip(folder.outcomes.model(&duel.strong));
    let Some((weak, strong)) = models else { return Vec::new() };
    let row = |row: usize| {
        let prompt = folder.outcomes.prompts.get(row).filter(|prompt| !prompt.has(CONTAMINATED))?;
        let worth = |model| folder.outcomes.answer(row, model).map(|answer: &Answer| f64::from(answer.score));
        let features = folder.features.get(row)?;
        let (weak, strong) = (worth(weak)?, worth(strong)?);
        Some(Row { features, group: &prompt.group, question: prompt.question(), weak, strong })
    };
    folder.outcomes.rows_of(std::slice::from_ref(&duel.source)).into_iter().filter_map(row).collect()
}

/// What sources of `fit` other than the duel's say of `rows`: each fifth by what was learned without its questions.
fn hints(fit: &World, rows: &[Row<'_>], duel: &Duel) -> Result<Vec<f64>> {
    let translated = |prompt: &Prompt| {
        prompt.meta.get(TRANSLATION).and_then(serde_json::Value::as_str) == Some(&*duel.source)
    };
    let folds = Folds::grouped(rows.iter().map(|row| row.question), FOLDS, 0);
    let mut hints = vec![0.0; rows.len()];
    for fold in 0..folds.count() {
        let inside = folds.inside(fold);
        let scored: Vec<&Row<'_>> = inside.iter().filter_map(|row| rows.get(*row)).collect();
        let questions: HashSet<&str> = scored.iter().map(|row| row.question).collect();
        let may = |prompt: &Prompt| {
            prompt.source != duel.source && !questions.contains(prompt.question()) && !translated(prompt)
        };
        let prompts = fit.outcomes.prompts.iter().enumerate();
        let allowed: Vec<usize> = prompts.filter(|(_, prompt)| may(prompt)).map(|(row, _)| row).collect();
        let elsewhere = Elsewhere::fit(&fit.outcomes, &fit.features, &allowed, &duel.strong, &duel.weak)?;
        for (row, said) in inside.iter().zip(elsewhere.hints(scored.iter().map(|row| row.features))) {
            hints.get_mut(*row).into_iter().for_each(|hint| *hint = said);
        }
    }
    Ok(hints)
}

impl<'a> Target<'a> {
    fn new(fit: &'a World, test: Option<&'a World>, duel: &Duel) -> Result<Option<Self>> {
        let mut rows = rows_of(fit, duel);
        let known: Vec<usize> = (0..rows.len()).collect();
        let scored = match test {
            Some(test) => {
                rows.extend(rows_of(test, duel));
                (known.len()..rows.len()).collect()
            }
            None => known.clone(),
        };
        if known.len() <= FOLDS || scored.is_empty() {
            return Ok(None);
        }
        let design = Design::new(&fit.features);
        let x = design.rows(rows.iter().map(|row| row.features), &Blend::WHOLE);
        let gain: Vec<[f64; 1]> = rows.iter().map(|row| [row.strong - row.weak]).collect();
        let hint = hints(fit, &rows, duel)?;
        Ok(Some(Self { rows, known, scored, x, gain: Array2::from(gain), hint }))
    }

    fn of(&self, what: impl Fn(&Row<'_>) -> f64) -> Scores {
        self.scored.iter().filter_map(|row| Some((*row, what(self.rows.get(*row)?)))).collect()
    }

    fn gap(&self, rows: &[usize]) -> Option<Gap> {
        let of =
            |what: fn(&Row<'_>) -> f64| rows.iter().filter_map(|row| self.rows.get(*row)).map(what).collect();
        Gap::new(of(|row| row.weak), of(|row| row.strong))
    }

    /// Measures what `score` gives by each of so many seeds; `None` where it gives nothing that can be measured.
    fn protocol(&self, seeds: u64, score: impl Fn(&Self, u64) -> Result<Scores>) -> Result<Option<Protocol>> {
        let mut runs: Vec<(Recovery, Interval, usize)> = Vec::new();
        for seed in 0..seeds {
            let (rows, scores): (Vec<usize>, Vec<f64>) = score(self, seed)?.into_iter().unzip();
            let measured = self.gap(&rows).and_then(|gap| {
                Some((gap.recovered_by(&scores, seed)?, gap.interval(&scores, ROUNDS, seed)?, rows.len()))
            });
            let Some(measured) = measured else { return Ok(None) };
            runs.push(measured);
        }
        Ok(Protocol::mean(&runs))
    }

    /// Scores of `scored`, learned from the outcomes of `known`.
    fn learned(&self, known: &[usize], scored: &[usize]) -> Result<Scores> {
        let of = |rows: &[usize]| self.x.select(Axis(0), rows);
        let ridge = Ridge::fit(of(known).view(), self.gain.select(Axis(0), known).view(), PENALTY)?;
        let gains = |rows: &[usize]| ridge.predict(of(rows).view()).column(0).to_vec();
        let hints =
            |rows: &[usize]| rows.iter().filter_map(|row| self.hint.get(*row).copied()).collect::<Vec<_>>();
        #[expect(clippy::cast_precision_loss, reason = "prompts are counted in thousands")]
        let weight = (EVEN / known.len().max(1) as f64).max(HINT);
        let gain = standard(&gains(known), gains(scored));
        let hint = standard(&hints(known), hints(scored));
        let scores = gain.iter().zip(hint).map(|(gain, hint)| gain + weight * hint);
        Ok(scored.iter().copied().zip(scores).collect())
    }

    /// From so many labels, drawn by the seed with all variants of a question; variants of theirs are not scored.
    fn few(&self, count: usize, seed: u64) -> Result<Scores> {
        let mut questions: Vec<&str> = self.known.iter().filter_map(|row| self.question(*row)).collect();
        questions.sort_unstable();
        let mut sizes: Vec<(&str, usize)> =
            questions.chunk_by(|a, b| a == b).filter_map(|same| Some((*same.first()?, same.len()))).collect();
        Chance::new(seed).shuffle(&mut sizes);
        let mut left = count;
        let drawn: HashSet<&str> = sizes
            .iter()
            .take_while(|(_, size)| {
                let more = left > 0;
                left = left.saturating_sub(*size);
                more
            })
            .map(|(question, _)| *question)
            .collect();
        let is_drawn = |row: &&usize| self.question(**row).is_some_and(|question| drawn.contains(question));
        let known: Vec<usize> = self.known.iter().filter(is_drawn).copied().collect();
        let scored: Vec<usize> = self.scored.iter().filter(|row| !is_drawn(row)).copied().collect();
        if left > 0 || scored.len() < LEAST { Ok(Vec::new()) } else { self.learned(&known, &scored) }
    }

    /// From all labels of other questions: in folds where the same prompts are learned from and scored.
    fn by_question(&self, seed: u64) -> Result<Scores> {
        if self.known == self.scored {
            return self.left_out(seed, |row| row.question);
        }
        self.learned(&self.but_variants(&self.known, &self.scored), &self.scored)
    }

    /// From all labels of other subjects, none of them a variant of a question of these.
    fn by_subject(&self, seed: u64) -> Result<Scores> {
        self.left_out(seed, |row| row.group)
    }

    fn left_out(&self, seed: u64, name: impl Fn(&Row<'a>) -> &'a str) -> Result<Scores> {
        let folds = Folds::grouped(self.rows.iter().map(name), FOLDS, seed);
        let inside = |rows: &[usize], fold: usize, inside: bool| -> Vec<usize> {
            let of = |row: &usize| folds.of().get(*row).is_some_and(|of| (*of == fold) == inside);
            rows.iter().filter(|row| of(row)).copied().collect()
        };
        let mut scores = Vec::new();
        for fold in 0..folds.count() {
            let scored = inside(&self.scored, fold, true);
            let known = self.but_variants(&inside(&self.known, fold, false), &scored);
            scores.extend(self.learned(&known, &scored)?);
        }
        scores.sort_by_key(|(row, _)| *row);
        Ok(scores)
    }

    /// Those of the rows `known` that are no variant of a question of `scored`.
    fn but_variants(&self, known: &[usize], scored: &[usize]) -> Vec<usize> {
        let questions: HashSet<&str> = scored.iter().filter_map(|row| self.question(*row)).collect();
        let other = |row: &&usize| self.question(**row).is_some_and(|question| !questions.contains(question));
        known.iter().filter(other).copied().collect()
    }

    fn question(&self, row: usize) -> Option<&'a str> {
        self.rows.get(row).map(|row| row.question)
    }
}

/// `values` in standard deviations of `of` from its mean.
fn standard(of: &[f64], values: Vec<f64>) -> Vec<f64> {
    let of = ndarray::aview1(of);
    let (mean, spread) = (of.mean().unwrap_or_default(), of.std(0.0));
    let scale = if spread > 0.0 { spread.recip() } else { 0.0 };
    values.into_iter().map(|value| (value - mean) * scale).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroute_predict::text::{CUES, DIMENSIONS};

    /// Two sources of 400 prompts, 200 questions in two variants each: the weak model fails on one of two topics. The
    /// target also has two subjects, each of both topics.
    fn world() -> World {
        let (mut prompts, mut outcomes, mut features) = (Vec::new(), Vec::new(), Vec::new());
        for row in 0..800_usize {
            let (source, hard) = (if row < 400 { "target" } else { "other" }, row / 2 % 2 == 1);
            let id = format!("{source} {row}");
            for (model, right) in [("strong", true), ("weak", !hard)] {
                let name = format!("{source}:{model}");
                outcomes.push((id.clone(), name.into(), f32::from(u8::from(right)), None));
            }
            prompts.push(Prompt {
                id,
                source: source.into(),
                text: String::new(),
                caps: Vec::new(),
                group: format!("subject {}", row / 4 % 2).into(),
                group_id: format!("{source} question {}", row / 2),
                meta: serde_json::Map::new(),
            });
            let mut text = Features::default();
            text.embedding[usize::from(hard)] = 1.0;
            text.embedding[DIMENSIONS - 1] = 1.0;
            text.cues = [0.5; CUES];
            features.push(text);
        }
        World { outcomes: greenroute_predict::fit::data::Outcomes::new(prompts, outcomes), features }
    }

    fn duel() -> Duel {
        Duel { source: "target".into(), strong: "target:strong".into(), weak: "target:weak".into() }
    }

    #[test]
    fn what_can_be_learned_is_found_in_every_setting() {
        let found = measure(&world(), None, &duel()).unwrap().unwrap();
        let apgr = |name: &str| found.settings[name].recovery.apgr;
        // Half of the prompts gain: the oracle's line rises to the half and stays there.
        assert!((apgr("oracle") - 0.75).abs() < 0.01);
        for name in ["zero-shot", "100 labels", "subjects left out", "all labels"] {
            assert!((apgr(name) - apgr("oracle")).abs() < 0.02, "{name}: {}", apgr(name));
        }
        assert!((apgr("random") - 0.5).abs() < 0.08);
        assert_eq!(found.labels_1500_apgr, None, "there are only 400 prompts");
        assert_eq!(found.cross_validated_apgr, Some(apgr("all labels")));
    }

    #[test]
    fn drawn_questions_are_scored_in_none_of_their_variants() {
        let world = world();
        let target = Target::new(&world, None, &duel()).unwrap().unwrap();
        for seed in 0..3 {
            let scored = target.few(101, seed).unwrap();
            // 51 questions of two variants each are drawn.
            assert_eq!(scored.len(), 400 - 102);
            let questions: HashSet<_> = scored.iter().filter_map(|(row, _)| target.question(*row)).collect();
            assert_eq!(questions.len(), 200 - 51);
        }
    }

    #[test]
    fn where_other_prompts_are_scored_all_labels_of_other_questions_are_learned_from() {
        let (fit, mut test) = (world(), world());
        // Half of what is scored are variants of what is known.
        for (row, prompt) in test.outcomes.prompts.iter_mut().enumerate().filter(|(row, _)| *row >= 200) {
            prompt.group_id = format!("new {}", row / 2);
        }
        let target = Target::new(&fit, Some(&test), &duel()).unwrap().unwrap();
        assert_eq!((target.known.len(), target.scored.len()), (400, 400));
        assert_eq!(target.but_variants(&target.known, &target.scored), (200..400).collect::<Vec<_>>());
        let scored: Vec<usize> = target.by_question(1).unwrap().into_iter().map(|(row, _)| row).collect();
        assert_eq!(scored, target.scored);
        assert_eq!(target.by_question(1).unwrap(), target.by_question(2).unwrap(), "no fold is drawn");
    }

    #[test]
    fn flagged_prompts_and_models_that_nobody_knows_are_left_out() {
        let mut world = world();
        world.outcomes.prompts[0].meta.insert(CONTAMINATED.into(), true.into());
        assert_eq!(rows_of(&world, &duel()).len(), 399);
        let unknown = Duel { weak: "nobody".into(), ..duel() };
        assert!(measure(&world, None, &unknown).unwrap().is_none());
    }
}
