//! Meters, rankers, profilers, expecters.

use super::catches;
use crate::support::*;
use greenroute_core::conformance::{expecter, impact, meter, profiler, ranker, run};
use greenroute_core::conversation::Turn;
use greenroute_core::model::{Capability, CapabilityWeights, Size, Span};
use greenroute_core::rank::{Candidate, Excluded, Rule};
use greenroute_core::units::{Emissions, Energy, Probability, Quantity, Tokens, Water};
use greenroute_core::*;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

fn sized() -> ModelCard {
    let mut card = card("house/small", 1.0, 0.5);
    card.size = Some(Size { total: Span::known(1.0), active: Span::known(1.0), bytes_per_parameter: None });
    card
}

#[test]
fn the_tests_own_meters_conform() {
    run(meter::ALL, &meter::Subject::new(Arc::new(PerToken), sized()), &[]).conforms().unwrap();
    let instrument =
        meter::Subject { reading: Some(measured(3.0)), ..meter::Subject::new(Arc::new(Instrument), sized()) };
    run(meter::ALL, &instrument, &[]).conforms().unwrap();
}

type Twist = fn(&Work<'_>, Reading) -> Result<Reading, Skip>;

/// A sound meter with one flaw.
#[derive(Debug)]
struct Crooked {
    name: &'static str,
    twist: Twist,
}

impl EnergyMeter for Crooked {
    fn id(&self) -> MeterId {
        MeterId::new(self.name, 1)
    }

    fn rate(&self, card: &ModelCard) -> Result<EnergyRate, Skip> {
        if self.name == "wordless" { Err(Skip(" ".into())) } else { PerToken.rate(card) }
    }

    fn read(&self, work: &Work<'_>) -> Result<Reading, Skip> {
        (self.twist)(work, PerToken.read(work).unwrap_or_else(|_| measured(9.0)))
    }
}

static CALLS: AtomicU32 = AtomicU32::new(0);

fn of(reading: &Reading, joules: f64) -> Result<Reading, Skip> {
    let energy = Estimate::exact(Energy::from_joules(joules), Method::Modelled);
    Ok(Reading { energy, meter: MeterId::new("crooked", 1), ..reading.clone() })
}

#[test]
fn a_crooked_meter_is_caught() {
    let flaws: [(&str, (&'static str, Twist)); 11] = [
        ("has_a_stable_id", (" ", |_, reading| Ok(reading))),
        ("reads_what_it_can", ("crooked", |_, _| Err(Skip("never".into())))),
        (
            "gives_the_same_reading_for_the_same_work",
            ("crooked", |_, reading| of(&reading, f64::from(CALLS.fetch_add(1, Ordering::SeqCst)))),
        ),
        (
            "never_takes_less_for_more_output",
            ("crooked", |work, reading| of(&reading, 1.0 / (1.0 + work.output.value().base()))),
        ),
        (
            "never_takes_less_for_more_input",
            ("crooked", |work, reading| of(&reading, 1.0 / (1.0 + work.input.value().base()))),
        ),
        (
            "never_takes_more_for_cached_input",
            ("crooked", |work, reading| {
                of(&reading, 1.0 + work.input.value().base() + 2.0 * work.cached_input.value().base())
            }),
        ),
        (
            "widens_with_uncertain_tokens",
            ("crooked", |work, reading| {
                if work.output.low() == work.output.high() { Ok(reading) } else { of(&reading, 1e6) }
            }),
        ),
        (
            "has_finite_quantiles",
            ("crooked", |work, reading| of(&reading, 1.0 + work.output.value().base().powi(20))),
        ),
        ("skips_what_it_cannot_read", ("crooked", |_, reading| of(&reading, 1.0))),
        (
            "forecasts_as_it_reads",
            ("crooked", |work, reading| of(&reading, 1.0 + 3.0 * work.output.value().base())),
        ),
        ("tells_nothing_without_a_reason", ("wordless", |_, reading| Ok(reading))),
    ];
    catches(meter::ALL, &flaws, |(name, twist)| {
        let crooked = Crooked { name, twist: *twist };
        Box::new(meter::Subject::new(Arc::new(crooked), sized()))
    });
}

fn at_home(model: impl ImpactModel) -> impact::Subject {
    let accountant = accountant();
    let site = accountant.place(&sized(), None).site.clone();
    impact::Subject { model: Arc::new(model), card: sized(), site }
}

#[test]
fn the_tests_own_impacts_conform() {
    run(impact::ALL, &at_home(Ponds), &[]).conforms().unwrap();
    let shared: Arc<dyn ImpactModel> = Arc::new(Ponds);
    run(impact::ALL, &at_home(shared), &[]).conforms().unwrap();
}

/// A sound model of impacts with one flaw.
#[derive(Debug)]
struct Murky(&'static str);

impl ImpactModel for Murky {
    fn id(&self) -> MeterId {
        MeterId::new(if self.0 == "has_a_stable_id" { "" } else { "murky" }, 1)
    }

    fn impacts(&self, work: &Work<'_>, reading: &Reading, placed: &Placed<'_>) -> Impacts {
        let mut told = Ponds.impacts(work, reading, placed);
        let litres = |litres| Some(Estimate::exact(Water::from_litres(litres), Method::Modelled));
        let grams = |grams| Some(Estimate::exact(Emissions::from_grams(grams), Method::Modelled));
        let joules = reading.energy.value().as_joules();
        match self.0 {
            "tells_what_it_can" => (told.water, told.embodied) = (litres(0.0), None),
            "tells_the_same_of_the_same_work" => {
                told.water = litres(f64::from(CALLS.fetch_add(1, Ordering::SeqCst)));
            }
            "has_finite_quantiles" => told.water = litres(1.0 / (joules * 0.0)),
            "never_takes_less_water_for_more_energy" => told.water = litres(1.0 / (1.0 + joules)),
            "never_embodies_less_for_longer_work" => {
                let seconds = work.duration.unwrap_or_default().as_secs_f64();
                told.embodied = grams(1.0 / (1.0 + seconds));
            }
            "names_its_sources" => told.sources.clear(),
            "says_why_something_is_missing" => told.missing.clear(),
            _ => {}
        }
        told
    }
}

#[test]
fn a_murky_model_of_impacts_is_caught() {
    let flaws: Vec<(&str, &'static str)> =
        impact::ALL.iter().map(|scenario| (scenario.name, scenario.name)).collect();
    catches(impact::ALL, &flaws, |flaw| Box::new(at_home(Murky(flaw))));
}

#[test]
fn every_ranker_conforms() {
    let mut rankers: Vec<Arc<dyn Ranker>> = vec![
        Arc::new(GreenRanker),
        Arc::new(WeightedRanker),
        Arc::new(GreenScore::default().none_qualifies(rank::NoneQualifies::Refuse)),
        Arc::new(GreenScore::dial(0.0).unwrap()),
        Arc::new(GreenScore::dial(1.0).unwrap()),
    ];
    for preset in ["quality_first", "balanced", "maximum_green"] {
        rankers.push(Arc::new(GreenScore::preset(preset).unwrap()));
    }
    for ranker in rankers {
        // Through the shared pointer, and through what it points to.
        run(ranker::ALL, &ranker, &[]).conforms().unwrap();
        run(ranker::ALL, &*ranker, &[]).conforms().unwrap();
    }
}

type Bend = fn(Ranking, Vec<Candidate>) -> Ranking;

/// A sound ranker with one flaw.
#[derive(Debug)]
struct Bent(Bend);

impl Ranker for Bent {
    fn rank(&self, profile: &PromptProfile, objective: &Objective, candidates: Vec<Candidate>) -> Ranking {
        (self.0)(GreenRanker.rank(profile, objective, candidates.clone()), candidates)
    }
}

#[test]
fn a_bent_ranker_is_caught() {
    let flaws: [(&str, Bend); 8] = [
        ("ranks_nobody_for_no_candidates", |mut ranking, _| {
            ranking.excluded.push(Excluded { model: key("a/b"), rule: Rule::Excluded });
            ranking
        }),
        ("ranks_a_single_candidate", |mut ranking, _| {
            ranking.ranked.pop();
            ranking
        }),
        ("ignores_the_order_given", |mut ranking, candidates| {
            let place = |key: &ModelKey| candidates.iter().position(|candidate| candidate.card().key == *key);
            ranking.ranked.sort_by_key(|ranked| place(&ranked.candidate.card().key));
            ranking
        }),
        ("ranks_or_excludes_everybody_once", |mut ranking, _| {
            ranking.ranked.extend(ranking.best().cloned());
            ranking
        }),
        ("puts_nobody_before_whoever_dominates", |mut ranking, _| {
            ranking.ranked.reverse();
            ranking
        }),
        ("gives_numbers_for_scores", |mut ranking, _| {
            ranking.ranked.iter_mut().for_each(|ranked| ranked.score = 0.0 / ranked.score);
            ranking
        }),
        ("scores_fall_along_the_order", |mut ranking, _| {
            ranking.ranked.iter_mut().for_each(|ranked| ranked.score = -ranked.score);
            ranking
        }),
        ("stands_extreme_values", |ranking, candidates| {
            let sum: f64 = candidates.iter().map(|c| c.energy().as_joules().powi(2)).sum();
            assert!(sum.is_finite(), "a sum of squares overflowed");
            ranking
        }),
    ];
    catches(ranker::ALL, &flaws, |bend| Box::new(Bent(*bend)) as Box<dyn Ranker>);
}

#[test]
fn the_heuristic_profiler_conforms() {
    run(profiler::ALL, &HeuristicProfiler, &[]).conforms().unwrap();
    let shared: Arc<dyn PromptProfiler> = Arc::new(HeuristicProfiler);
    run(profiler::ALL, &shared, &[]).conforms().unwrap();
}

type Misread = fn(&Prompt, &[Turn]) -> PromptProfile;

/// How it reads a prompt, and what it takes for the typical prompt of a capability.
#[derive(Debug, Clone, Copy)]
struct Misreads(Misread, fn(Capability) -> Capability);

impl PromptProfiler for Misreads {
    fn profile(&self, prompt: &Prompt, history: &[Turn]) -> PromptProfile {
        (self.0)(prompt, history)
    }

    fn centroid(&self, capability: Capability) -> PromptProfile {
        HeuristicProfiler.centroid((self.1)(capability))
    }
}

#[test]
fn a_profiler_that_misreads_is_caught() {
    fn sound(prompt: &Prompt, history: &[Turn]) -> PromptProfile {
        HeuristicProfiler.profile(prompt, history)
    }
    let misread: [(&str, Misread); 7] = [
        ("profiles_any_text", |prompt, history| {
            assert!(prompt.text.len() < 1 << 20, "too long");
            PromptProfile { capabilities: CapabilityWeights::default(), ..sound(prompt, history) }
        }),
        ("is_pure", |prompt, history| {
            let difficulty = 1.0 + f64::from(CALLS.fetch_add(1, Ordering::SeqCst) % 4);
            PromptProfile { difficulty, ..sound(prompt, history) }
        }),
        ("counts_a_longer_text_as_more_input", |prompt, history| {
            let input = Estimate::exact(Tokens::new(1), Method::Proxy);
            PromptProfile { input, ..sound(prompt, history) }
        }),
        ("counts_the_history", |prompt, _| sound(prompt, &[])),
        ("counts_the_system_message_and_tools", |prompt, history| {
            sound(&Prompt { system: None, ..prompt.clone() }, history)
        }),
        ("sees_what_the_model_must_take", |prompt, history| PromptProfile {
            needs: model::Accepts::default(),
            ..sound(prompt, history)
        }),
        ("bounds_the_output_by_the_limit", |prompt, history| {
            sound(&Prompt { max_output_tokens: None, ..prompt.clone() }, history)
        }),
    ];
    let mut flaws: Vec<_> =
        misread.map(|(name, misread)| (name, Misreads(misread, |capability| capability))).into();
    let simple = Misreads(sound, |_| Capability::Simple);
    flaws.push(("knows_the_typical_prompt_of_each_capability", simple));
    catches(profiler::ALL, &flaws, |misreads| Box::new(*misreads) as Box<dyn PromptProfiler>);
}

#[test]
fn expecters_conform() {
    run(expecter::ALL, &HeuristicExpecter, &[]).conforms().unwrap();
    let shared: Arc<dyn Expecter> = Arc::new(HeuristicExpecter);
    run(expecter::ALL, &shared, &[]).conforms().unwrap();
    // The heuristic does not learn; this one does, and must not be skipped.
    let report = run(expecter::ALL, &Learner::default(), &[]).conforms().unwrap();
    assert!(
        report.verdicts().iter().all(|(_, verdict)| *verdict == conformance::Verdict::Passed),
        "{report}"
    );
}

/// Shifts the heuristic's success by the verdicts on a model; with one flaw, or none.
#[derive(Debug, Default)]
struct Learner {
    shifts: Mutex<BTreeMap<String, f64>>,
    flaw: &'static str,
}

impl Expecter for Learner {
    fn expect(&self, profile: &PromptProfile, card: &ModelCard) -> Expectation {
        let mut expectation = HeuristicExpecter.expect(profile, card);
        let mut shifts = self.shifts.lock().unwrap();
        if self.flaw == "is_pure_when_asked" {
            *shifts.entry(card.key.to_string()).or_default() += 0.01;
        }
        let shift = shifts.get(&card.key.to_string()).copied().unwrap_or_default();
        let shifted =
            |p: Probability| Probability::from_fraction(p.as_fraction() * (1.0 + shift / 2.0) / 1.5);
        expectation.success = expectation.success.map(shifted);
        match self.flaw {
            "expects_probabilities_in_order" => {
                expectation.output = Estimate::exact(Tokens::ZERO, Method::Proxy);
            }
            "expects_something_of_an_unknown_model" => {
                expectation.success = Estimate::exact(expectation.success.value(), Method::Proxy);
            }
            _ => {}
        }
        expectation
    }

    fn expect_all(&self, profile: &PromptProfile, cards: &[&ModelCard]) -> Vec<Expectation> {
        let skipped = usize::from(self.flaw == "expects_the_same_of_many_as_of_each");
        cards.iter().skip(skipped).map(|card| self.expect(profile, card)).collect()
    }

    fn learn(&self, verdicts: &[Verdict]) -> Result<()> {
        let mut shifts = self.shifts.lock().unwrap();
        for verdict in verdicts {
            let goal = 2.0 * verdict.score.as_fraction() - 1.0;
            let goal = if self.flaw.starts_with("learns") { -goal } else { goal };
            let shift = shifts.entry(verdict.model.to_string()).or_default();
            *shift += (goal - *shift) / 10.0;
        }
        Ok(())
    }

    fn snapshot(&self) -> Vec<u8> {
        serde_json::to_vec(&*self.shifts.lock().unwrap()).unwrap()
    }

    fn restore(&self, snapshot: &[u8]) -> Result<()> {
        let mut shifts = self.shifts.lock().unwrap();
        match self.flaw {
            "restores_what_it_snapshots" => {
                shifts.insert("conformance/small".into(), 0.5);
                return Ok(());
            }
            "refuses_garbage_and_keeps_its_memory" => {
                *shifts = serde_json::from_slice(snapshot).unwrap_or_default();
                return Ok(());
            }
            "forgets_what_was_learned_since_a_snapshot" => return Ok(()),
            _ => {}
        }
        *shifts = serde_json::from_slice(snapshot)
            .map_err(|error| Error::new(ErrorKind::Decode, "learner", "no snapshot").with_source(error))?;
        Ok(())
    }
}

#[test]
fn a_flawed_expecter_is_caught() {
    let flaws: Vec<(&str, &'static str)> =
        expecter::ALL.iter().map(|scenario| (scenario.name, scenario.name)).collect();
    catches(expecter::ALL, &flaws, |flaw| {
        Box::new(Learner { flaw, ..Learner::default() }) as Box<dyn Expecter>
    });
}
