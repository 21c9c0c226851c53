mod cards;
mod learning;
mod profiles;

use super::*;
use crate::latent::TASKS;
use crate::learned::{MODELS, MOST};
use crate::prior::sample::{card, prior, profile};
use greenroute_core::conformance::{expecter, run};
use greenroute_core::model::{Capability, CapabilityWeights, Score, Span};
use greenroute_core::rank::Candidate;
use greenroute_core::units::{Emissions, Energy, Probability};
use greenroute_core::{
    Catalog, Cost, ErrorKind, Estimate, Floor, Forecast, GreenRanker, MeterId, Method, ModelKey, Objective,
    Ranker, ReceiptId,
};
use proptest::prelude::*;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

fn outlook() -> Outlook {
    Outlook::new(prior(), "0badcafe")
}

fn verdict(model: &ModelKey, task: usize, good: bool, receipt: u128, judge: Option<&str>) -> Verdict {
    Verdict {
        receipt: Some(ReceiptId::from_u128(receipt)),
        model: model.clone(),
        profile: profile(task, 0.0),
        score: if good { Probability::ONE } else { Probability::ZERO },
        judge: judge.map(Arc::from),
    }
}

fn logit(outlook: &Outlook, card: &ModelCard, task: usize) -> f64 {
    let state = State { learned: outlook.learned(), ..State::default() };
    let mut stance = outlook.prior.stance(card);
    update(&mut stance, &state.learned.tallies(&card.key, &outlook.prior.tasks));
    stance.logits[task]
}

fn success(outlook: &Outlook, card: &ModelCard, task: usize) -> f64 {
    outlook.expect(&profile(task, 0.0), card).success.value().as_fraction()
}

/// Verdicts by people who are known by their receipts alone, good by this share, spread evenly.
fn told(model: &ModelKey, task: usize, count: u32, share: f64, first: u128) -> Vec<Verdict> {
    (0..count)
        .map(|at| {
            let good = (f64::from(at + 1) * share).floor() > (f64::from(at) * share).floor();
            verdict(model, task, good, first + u128::from(at), None)
        })
        .collect()
}
