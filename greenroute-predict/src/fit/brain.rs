//! A whole brain, fitted: heads, and behind them the prior.

use super::cells::Cells;
use super::data::Outcomes;
use super::heads::{self, Step};
use super::prior;
use super::reference::Reference;
use crate::heads::Heads;
use crate::latent::Latent;
use crate::prior::{Prior, TaskFacts};
use crate::text::Reader;
use crate::weights::{Draft, Weights};
use greenroute_core::{ErrorKind, Result};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What was fitted, and how well it does on what was left out.
#[derive(Debug)]
pub struct Trained {
    /// The file of weights, with the text features that it stands on.
    pub draft: Draft,
    /// How the heads do.
    pub heads: heads::Report,
    /// How the prior does on models that were left out; `None` where too few models of the outcomes have published scores,
    /// so that only the tasks are new and models are placed as the weights beneath place them.
    pub prior: Option<prior::Report>,
}

/// Fits a brain to `outcomes` on the text features of `base`.
///
/// # Errors
/// As [`heads::fit`]; and where too few models are known by their scores, as [`Prior::from_weights`] of `base`.
pub fn train(
    outcomes: &Outcomes,
    base: &Arc<Weights>,
    seed: u64,
    step: &(dyn Fn(Step) + Sync),
) -> Result<Trained> {
    let reader = Reader::new(Arc::clone(base))?;
    let fitted = heads::fit(outcomes, &reader, seed, step)?;
    step(Step::Next("placing models"));
    let draft = fitted.write(Draft::over(base));
    let read = Heads::read(&Weights::from_bytes(draft.to_bytes()?, "what was fitted")?)?;
    let latents: Vec<Vec<f32>> = fitted
        .features
        .iter()
        .take(outcomes.prompts.len())
        .map(|features| {
            let impression = read.impression(&features.embedding, &features.cues);
            Latent { tasks: &impression.tasks, excess: impression.excess, graded: impression.graded }.to_vec()
        })
        .collect();
    let latent = |row: usize| latents.get(row).map_or(&[][..], Vec::as_slice);
    let cells = Cells::gather(outcomes, 0..outcomes.prompts.len(), latent);
    let named: Vec<(Arc<str>, [f64; 8])> = read.names().iter().cloned().zip(fitted.mixes()).collect();
    let (placed, report) = match prior::fit(&cells, &named, &Reference::shipped()?) {
        Ok(placed) => (placed.prior, Some(placed.report)),
        Err(error) if *error.kind() == ErrorKind::Config => {
            (carried_over(Prior::from_weights(base)?, &named), None)
        }
        Err(error) => return Err(error),
    };
    Ok(Trained { draft: placed.draft(draft), heads: fitted.report, prior: report })
}

/// A prior for other tasks than it was fitted on: each is like the tasks in general, and no model has a record.
fn carried_over(prior: Prior, named: &[(Arc<str>, [f64; 8])]) -> Prior {
    let (offset, slope) = prior.general;
    let facts = |(name, mix): &(Arc<str>, [f64; 8])| TaskFacts {
        name: Arc::clone(name),
        mix: *mix,
        offset,
        slope,
        outcomes: 0.0,
    };
    Prior { tasks: named.iter().map(facts).collect(), records: BTreeMap::new(), ..prior }
}
