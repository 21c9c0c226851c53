//! How well a model's success is told from its card alone: every reference model is left out in its turn, then a fifth of
//! the prompts. Tasks are those that the files name.
//!
//! `cargo run --release -p greenroute-predict --example left_out -- DIR [--without SOURCE]…`
#![expect(clippy::print_stdout, reason = "an example prints what it finds")]

use greenroute_core::model::Capability;
use greenroute_core::{Error, ErrorKind, Result};
use greenroute_predict::fit::cells::Cells;
use greenroute_predict::fit::data::{Outcomes, Prompt};
use greenroute_predict::fit::fold::Folds;
use greenroute_predict::fit::prior::{Score, fit};
use greenroute_predict::fit::reference::Reference;
use greenroute_predict::latent::{LATENT, TASKS};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let usage = || Error::new(ErrorKind::Config, "left_out", "usage: left_out DIR [--without SOURCE]…");
    let folder = words.next().ok_or_else(usage)?;
    let mut without = BTreeSet::new();
    while let Some(word) = words.next() {
        let source = words.next().filter(|_| word == "--without").ok_or_else(usage)?;
        without.insert(source);
    }
    let outcomes = Outcomes::read(folder)?.without(&without)?;
    let answered = |row: &usize| !outcomes.answers(*row).is_empty();
    let rows: Vec<usize> = (0..outcomes.prompts.len()).filter(answered).collect();
    let prompts: Vec<&Prompt> = rows.iter().filter_map(|row| outcomes.prompts.get(*row)).collect();

    // The largest tasks have a place each, the others share the last.
    let mut sizes: BTreeMap<String, usize> = BTreeMap::new();
    for prompt in &prompts {
        *sizes.entry(task(prompt)).or_default() += 1;
    }
    let mut names: Vec<(usize, String)> = sizes.into_iter().map(|(name, size)| (size, name)).collect();
    names.sort_unstable_by(|a, b| b.cmp(a));
    names.truncate(TASKS - 1);
    names.push((0, "others".into()));
    let place =
        |prompt: &Prompt| names.iter().position(|(_, name)| *name == task(prompt)).unwrap_or(names.len() - 1);
    let mut mixes = vec![[0.0; 8]; names.len()];
    let mut latents = vec![Vec::new(); outcomes.prompts.len()];
    for (row, prompt) in rows.iter().zip(&prompts) {
        let at = place(prompt);
        let mut latent = vec![0.0; LATENT];
        latent.iter_mut().skip(at).take(1).for_each(|weight| *weight = 1.0);
        latents.iter_mut().skip(*row).take(1).for_each(|slot| *slot = std::mem::take(&mut latent));
        for (slot, capability) in mixes.iter_mut().skip(at).take(1).flatten().zip(Capability::ALL) {
            *slot += if prompt.caps.iter().any(|name| name == capability.name()) { 1.0 } else { 0.0 };
        }
    }
    for mix in &mut mixes {
        let sum: f64 = mix.iter().sum();
        mix.iter_mut().for_each(|weight| *weight = if sum > 0.0 { *weight / sum } else { 0.125 });
    }
    let named: Vec<(Arc<str>, [f64; 8])> =
        names.iter().map(|(_, name)| Arc::from(name.as_str())).zip(mixes).collect();
    let references = Reference::shipped()?;
    let gather = |rows: Vec<usize>| {
        Cells::gather(&outcomes, rows, |row| {
            latents.get(row).map_or(&[], |latent: &Vec<f32>| latent.as_slice())
        })
    };

    let fitted = fit(&gather(rows.clone()), &named, &references)?;
    println!("{} models, {} tasks", fitted.report.models, named.len());
    show("models left out", fitted.report.left_out);
    let folds = Folds::grouped(prompts.iter().map(|prompt| prompt.group_id.as_str()), 5, 1);
    let part = |of: Vec<usize>| of.into_iter().filter_map(|at| rows.get(at).copied()).collect::<Vec<_>>();
    let known = fit(&gather(part(folds.outside(0))), &named, &references)?;
    show("prompts left out", known.score(&gather(part(folds.inside(0))), &references));
    println!("{:#?}", fitted.prior.doubt());
    Ok(())
}

/// A task as the files name it; MMLU's subjects are told apart by what they ask for.
fn task(prompt: &Prompt) -> String {
    let has = |capability: &str| prompt.caps.iter().any(|name| name == capability);
    let kind = if has("math") {
        "math"
    } else if has("reasoning") {
        "reasoning"
    } else {
        "knowledge"
    };
    if &*prompt.source == "mmlu" {
        format!("mmlu/{kind}")
    } else {
        format!("{}/{}", prompt.source, prompt.group)
    }
}

fn show(what: &str, score: Score) {
    let Score { cells, error, correlation, inside_tasks, auc, ece, coverage } = score;
    println!(
        "{what:18} cells {cells:4}  error {error:.4}  correlation {correlation:.3} (inside tasks {inside_tasks:.3})  \
         AUC {auc:.3}  ECE {ece:.4}  coverage of 90 % {coverage:.3}"
    );
}
