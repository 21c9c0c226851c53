//! The stronger and the weaker models of a source, where nobody says which are.

use super::data::Outcomes;
use super::number;
use std::collections::BTreeMap;

/// Fewer prompts of a source say nothing.
pub(super) const FEW: usize = 100;
/// The share of a source's prompts that a model must have answered to be counted in.
const MOST: f64 = 0.9;

/// The models that answered most of `rows`, from the one that was right oftenest; of equals, by name.
pub(super) fn ranked(outcomes: &Outcomes, rows: &[usize]) -> Vec<usize> {
    let mut models: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
    for answer in rows.iter().flat_map(|row| outcomes.answers(*row)) {
        let (answered, right) = models.entry(answer.model).or_default();
        *answered += 1;
        *right += usize::from(answer.is_right());
    }
    let mut ranked: Vec<(f64, usize)> = models
        .into_iter()
        .filter(|(_, (answered, _))| number(*answered) >= MOST * number(rows.len()))
        .map(|(model, (answered, right))| (number(right) / number(answered), model))
        .collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    ranked.into_iter().map(|(_, model)| model).collect()
}

/// The share of right answers among those of `models` to one prompt; `None` where none of them answered.
pub(super) fn share(outcomes: &Outcomes, row: usize, models: &[usize]) -> Option<f64> {
    let answers = models.iter().filter_map(|model| outcomes.answer(row, *model));
    let (count, right) = answers.fold((0_usize, 0_usize), |(count, right), answer| {
        (count + 1, right + usize::from(answer.is_right()))
    });
    (count > 0).then(|| number(right) / number(count))
}
