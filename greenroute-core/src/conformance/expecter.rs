//! What an [`Expecter`] promises: probabilities in order, the same answer to the same question, and a memory that
//! can be taken out and put back.

use super::{Check, Finding, Outcome, Scenario, demand, fail, same, sample, scenarios};
use crate::error::ErrorKind;
use crate::expect::{Expectation, Expecter};
use crate::feedback::Verdict;
use crate::model::{Capability, CapabilityWeights, ModelCard, ModelKey, Privacy, Window};
use crate::profile::PromptProfile;
use crate::units::{Probability, Tokens};

/// Every scenario. They leave the expecter as they found it.
pub const ALL: &[Scenario<Check<dyn Expecter>>] = scenarios![
    expects_probabilities_in_order,
    expects_something_of_an_unknown_model,
    expects_the_same_of_many_as_of_each,
    is_pure_when_asked,
    restores_what_it_snapshots,
    refuses_garbage_and_keeps_its_memory,
    learns_from_verdicts_or_says_that_it_does_not,
    forgets_what_was_learned_since_a_snapshot,
];

fn bare() -> ModelCard {
    let window = Window { context: 8_192, max_output: None };
    ModelCard::new(ModelKey::new("conformance", "unknown"), window, Privacy::Remote)
}

fn profiles() -> Vec<PromptProfile> {
    let mut profiles = Vec::new();
    for capability in Capability::ALL {
        for difficulty in [1.0, 2.5, 5.0] {
            profiles.push(PromptProfile::by_hand(CapabilityWeights::single(capability), difficulty));
        }
    }
    profiles.push(PromptProfile::by_hand(CapabilityWeights::new([]), 3.0));
    profiles
}

fn all(expecter: &dyn Expecter) -> Vec<Expectation> {
    let cards = [sample::card("small"), sample::card("large"), bare()];
    let profiles = profiles();
    cards.iter().flat_map(|card| profiles.iter().map(|profile| expecter.expect(profile, card))).collect()
}

fn verdicts(score: f64) -> Vec<Verdict> {
    let score = Probability::from_fraction(score);
    let profile = PromptProfile::by_hand(CapabilityWeights::single(Capability::Math), 3.0);
    let verdict = Verdict { receipt: None, model: sample::card("small").key, profile, score, judge: None };
    vec![verdict; 40]
}

/// `low ≤ value ≤ high`, and a model writes something.
pub fn expects_probabilities_in_order(expecter: &dyn Expecter) -> Outcome {
    for expectation in all(expecter) {
        let Expectation { success, output } = &expectation;
        let ordered = success.low() <= success.value() && success.value() <= success.high();
        let numbers = success.low().as_fraction() >= 0.0 && success.high().as_fraction() <= 1.0;
        let writes = output.value() > Tokens::ZERO && output.low() <= output.value();
        demand(ordered && numbers && writes, || format!("{expectation:?}"))?;
    }
    Ok(())
}

/// A card without size or scores, and a profile without any weight, are expected of as well.
pub fn expects_something_of_an_unknown_model(expecter: &dyn Expecter) -> Outcome {
    for profile in profiles() {
        let success = expecter.expect(&profile, &bare()).success;
        demand(success.low() < success.high(), || {
            format!("nothing is known of the model, and its success is {success} without a band")
        })?;
    }
    Ok(())
}

/// Many cards at once, a card twice, and no card at all: as one after the other, in their order.
pub fn expects_the_same_of_many_as_of_each(expecter: &dyn Expecter) -> Outcome {
    let cards = [sample::card("small"), sample::card("large"), bare()];
    let [small, large, bare] = cards.each_ref();
    for asked in [vec![large, bare, small, large], vec![bare], Vec::new()] {
        for profile in profiles() {
            let each: Vec<Expectation> = asked.iter().map(|card| expecter.expect(&profile, card)).collect();
            let name = format!("the expectations of {} cards at once", asked.len());
            same(&name, &each, &expecter.expect_all(&profile, &asked))?;
        }
    }
    Ok(())
}

/// Asking changes nothing.
pub fn is_pure_when_asked(expecter: &dyn Expecter) -> Outcome {
    let memory = expecter.snapshot();
    same("the same question again", &all(expecter), &all(expecter))?;
    same("the memory after asking", &memory, &expecter.snapshot())
}

/// What a snapshot gives, a restore takes, and it changes nothing.
pub fn restores_what_it_snapshots(expecter: &dyn Expecter) -> Outcome {
    let (memory, before) = (expecter.snapshot(), all(expecter));
    expecter.restore(&memory)?;
    same("the memory after a restore", &memory, &expecter.snapshot())?;
    same("the expectations after a restore", &before, &all(expecter))
}

/// Bytes of somebody else, a cut and an overlong snapshot are `Decode` errors, and nothing changes.
pub fn refuses_garbage_and_keeps_its_memory(expecter: &dyn Expecter) -> Outcome {
    let (memory, before) = (expecter.snapshot(), all(expecter));
    let mut garbage = vec![b"not a snapshot".to_vec(), vec![0xff; 4_096], vec![0]];
    if !memory.is_empty() {
        garbage.push(memory.iter().copied().take(memory.len() / 2).collect());
        garbage.push(memory.iter().copied().chain([0x7f; 3]).collect());
    }
    for bytes in garbage {
        let start: Vec<u8> = bytes.iter().copied().take(16).collect();
        match expecter.restore(&bytes) {
            Ok(()) => return fail(format!("{} bytes that begin with {start:?} were taken", bytes.len())),
            Err(error) => same("the kind of the error", &ErrorKind::Decode, error.kind())?,
        }
        same("the memory after a refused restore", &memory, &expecter.snapshot())?;
        same("the expectations after a refused restore", &before, &all(expecter))?;
    }
    Ok(())
}

/// Learning moves the prediction with the verdicts, or is `Unsupported` and changes nothing.
pub fn learns_from_verdicts_or_says_that_it_does_not(expecter: &dyn Expecter) -> Outcome {
    let (memory, before) = (expecter.snapshot(), all(expecter));
    let ask = || {
        let profile = PromptProfile::by_hand(CapabilityWeights::single(Capability::Math), 3.0);
        expecter.expect(&profile, &sample::card("small")).success.value().as_fraction()
    };
    if let Err(error) = expecter.learn(&verdicts(0.0)) {
        same("the kind of the error", &ErrorKind::Unsupported, error.kind())?;
        same("the expectations after a refusal to learn", &before, &all(expecter))?;
        return same("the memory after a refusal to learn", &memory, &expecter.snapshot());
    }
    let low = ask();
    let learned = expecter.restore(&memory).and_then(|()| expecter.learn(&verdicts(1.0)));
    let high = ask();
    expecter.restore(&memory)?;
    learned?;
    let between = ask();
    demand(low <= between && between <= high && low < high, || {
        format!("{between} became {low} by forty bad answers and {high} by forty good ones")
    })
}

/// A restore puts back what was expected when the snapshot was taken; learning nothing changes nothing.
pub fn forgets_what_was_learned_since_a_snapshot(expecter: &dyn Expecter) -> Outcome {
    let (memory, before) = (expecter.snapshot(), all(expecter));
    if let Err(error) = expecter.learn(&[]) {
        return Err(Finding::DoesNotApply(format!("it does not learn: {error}")));
    }
    same("the expectations after learning nothing", &before, &all(expecter))?;
    let learned = expecter.learn(&verdicts(0.0));
    let changed = expecter.snapshot() != memory;
    expecter.restore(&memory)?;
    learned?;
    demand(changed, || "forty verdicts left the memory as it was".to_owned())?;
    same("the expectations after a restore", &before, &all(expecter))
}
