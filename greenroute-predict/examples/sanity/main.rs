//! How a profiler and a ranking behave on the sanity set: 300 prompts that a careful person has judged.
//!
//! `cargo run -p greenroute-predict --example sanity`
//!
//! Nothing is tuned on these figures, and nothing may be: `data/README.md` says why.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]

mod scores;
mod set;
#[path = "../support/still.rs"]
mod still;
mod world;

use greenroute_core::model::Capability;
use greenroute_core::{Advisor, Expecter, ModelKey, Objective, Prompt, PromptProfile, PromptProfiler};
use greenroute_predict::Brain;
use greenroute_predict::fit::metrics::spearman;
use scores::{Confusion, mean_absolute_error};
use set::{Case, Tier};
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

/// What is held against the set: its name, what profiles, what expects. This is the line to change for another.
fn judged() -> Result<Judged, String> {
    let brain = Arc::new(Brain::shipped().map_err(|error| error.to_string())?);
    Ok(("the shipped brain", Arc::clone(&brain) as Arc<dyn PromptProfiler>, brain))
}

/// A name, a profiler, an expecter.
type Judged = (&'static str, Arc<dyn PromptProfiler>, Arc<dyn Expecter>);

/// One prompt with all that was said of it.
struct Said {
    case: Case,
    profile: PromptProfile,
    /// What was chosen, by objective in the order of [`objectives`].
    chosen: Vec<Choice>,
}

/// A decision, with the joules that each tier was forecast to take.
struct Choice {
    tier: Tier,
    joules: BTreeMap<Tier, f64>,
}

fn objectives() -> [Objective; 3] {
    [Objective::eco(), Objective::balanced(), Objective::performance()]
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let (name, profiler, expecter) = judged()?;
    let advisor = world::advisor(profiler, expecter).map_err(|error| error.to_string())?;
    let said: Vec<Said> =
        set::read(set::FILE)?.into_iter().map(|case| ask(&advisor, case)).collect::<Result<_, _>>()?;
    println!("{} prompts of the sanity set, read by {name}\n", said.len());
    capabilities(&said);
    difficulties(&said);
    for (place, objective) in objectives().iter().enumerate() {
        tiers(&said, &objective.name, place);
    }
    groups("language", &said, |case| case.language.clone());
    groups("capability", &said, |case| case.capability.to_string());
    Ok(())
}

fn ask(advisor: &Advisor, case: Case) -> Result<Said, String> {
    let prompt = Prompt::from(case.text.as_str());
    let choose = |objective: &Objective| {
        let ranking = advisor.advise(&prompt, objective).map_err(|error| format!("{}: {error}", case.id))?;
        let tier_of = |key: &ModelKey| Tier::ALL.into_iter().find(|tier| world::key(*tier) == *key);
        let joules: BTreeMap<Tier, f64> = ranking
            .ranked
            .iter()
            .filter_map(|ranked| {
                let joules = ranked.candidate.energy().as_joules();
                Some((tier_of(&ranked.candidate.card().key)?, joules))
            })
            .collect();
        let best = ranking.best().and_then(|best| tier_of(&best.candidate.card().key));
        let tier = best.ok_or_else(|| format!("{}: nobody may answer", case.id))?;
        Ok(Choice { tier, joules })
    };
    let chosen = objectives().iter().map(choose).collect::<Result<_, String>>()?;
    Ok(Said { profile: advisor.profile(&prompt), chosen, case })
}

fn capabilities(said: &[Said]) {
    let mut confusion = Confusion::over(Capability::ALL);
    let mut near = Confusion::over([false, true]);
    for Said { case, profile, .. } in said {
        let primary = profile.capabilities.primary();
        confusion.add(case.capability, primary);
        near.add(true, case.capability == primary || case.also.contains(&primary));
    }
    println!("Capability that weighs most: {:.1} % right", 100.0 * confusion.accuracy());
    println!("One of those that the prompt needs: {:.1} %\n{confusion}", 100.0 * near.accuracy());
}

fn difficulties(said: &[Said]) {
    let mut confusion = Confusion::over(1..=5);
    let mut pairs = Vec::new();
    for Said { case, profile, .. } in said {
        pairs.push((f64::from(case.difficulty), profile.difficulty));
        confusion.add(case.difficulty, rounded(profile.difficulty));
    }
    let (meant, told): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    println!(
        "Difficulty, rounded: {:.1} % right, {:.1} % within one; Spearman {}, mean absolute error {}\n{confusion}",
        100.0 * confusion.accuracy(),
        100.0 * confusion.share(|meant, said| meant.abs_diff(said) <= 1),
        figure(spearman(&meant, &told)),
        figure(mean_absolute_error(&pairs)),
    );
}

fn tiers(said: &[Said], objective: &str, place: usize) {
    let mut confusion = Confusion::over(Tier::ALL);
    let mut joules: BTreeMap<&str, f64> = BTreeMap::new();
    let mut take = |who, choice: &Choice, tier: Tier| {
        *joules.entry(who).or_default() += choice.joules.get(&tier).copied().unwrap_or(f64::NAN);
    };
    for Said { case, chosen, .. } in said {
        let Some(choice) = chosen.get(place) else { continue };
        confusion.add(case.tier, choice.tier);
        take("the choices", choice, choice.tier);
        take("the careful person", choice, case.tier);
        take("always large", choice, Tier::Large);
    }
    println!(
        "Tier chosen under `{objective}`: {:.1} % right, {:.1} % too large, {:.1} % too small",
        100.0 * confusion.accuracy(),
        100.0 * confusion.share(|meant, said| said > meant),
        100.0 * confusion.share(|meant, said| said < meant),
    );
    let always =
        Tier::ALL.map(|tier| format!("{tier} {:.1} %", 100.0 * confusion.share(|meant, _| meant == tier)));
    println!("Right by always the same: {}", always.join(", "));
    let shown: Vec<_> = joules.iter().map(|(who, joules)| format!("{who} {joules:.0} J")).collect();
    println!("Forecast energy of all prompts: {}\n{confusion}", shown.join(", "));
}

/// Accuracy within each group: few prompts each, so only large differences mean anything.
fn groups(title: &str, said: &[Said], group: impl Fn(&Case) -> String) {
    let mut held: BTreeMap<String, Vec<&Said>> = BTreeMap::new();
    for one in said {
        held.entry(group(&one.case)).or_default().push(one);
    }
    let names: Vec<String> = objectives().iter().map(|objective| objective.name.to_string()).collect();
    println!(
        "{:>14}{:>9}{:>12}{:>12}  tier right, {}",
        title,
        "prompts",
        "capability",
        "difficulty",
        names.join(", ")
    );
    println!("{:>14}{:>9}{:>12}{:>12}", "", "", "right", "mean error");
    for (name, members) in held {
        let right = share(&members, |said| said.profile.capabilities.primary() == said.case.capability);
        let pairs: Vec<_> =
            members.iter().map(|said| (f64::from(said.case.difficulty), said.profile.difficulty)).collect();
        print!(
            "{name:>14}{:>9}{:>11.0}%{:>12}",
            members.len(),
            100.0 * right,
            figure(mean_absolute_error(&pairs))
        );
        for place in 0..names.len() {
            let right = share(&members, |said| {
                said.chosen.get(place).is_some_and(|choice| choice.tier == said.case.tier)
            });
            print!("{:>9.0}%", 100.0 * right);
        }
        println!();
    }
    println!();
}

fn share(members: &[&Said], right: impl Fn(&Said) -> bool) -> f64 {
    let mut confusion = Confusion::over([false, true]);
    for said in members {
        confusion.add(true, right(said));
    }
    confusion.accuracy()
}

/// The step from 1 to 5 that is nearest.
fn rounded(difficulty: f64) -> u8 {
    let above = |step: &&u8| difficulty >= f64::from(**step) - 0.5;
    [1, 2, 3, 4, 5].iter().filter(above).max().copied().unwrap_or(1)
}

fn figure(value: Option<f64>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| format!("{value:.2}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difficulty_is_rounded_to_its_nearest_step() {
        assert_eq!([1.0, 1.49, 1.5, 3.2, 4.5, 5.0].map(rounded), [1, 1, 2, 3, 5, 5]);
    }

    #[test]
    fn every_prompt_of_the_set_gets_a_tier_under_every_objective() {
        let (_, profiler, expecter) = judged().unwrap();
        let advisor = world::advisor(profiler, expecter).unwrap();
        for case in set::read(set::FILE).unwrap() {
            let said = ask(&advisor, case).unwrap();
            assert!(
                said.chosen.len() == objectives().len()
                    && said.chosen.iter().all(|choice| choice.joules.len() == 3)
            );
        }
    }
}
