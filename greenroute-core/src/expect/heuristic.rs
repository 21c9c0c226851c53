use super::{Expectation, Expecter};
use crate::error::{Error, ErrorKind, Result};
use crate::estimate::{Estimate, Method};
use crate::feedback::Verdict;
use crate::model::ModelCard;
use crate::profile::PromptProfile;
use crate::units::Probability;

/// An expecter without weights: a logistic curve of the model's benchmark scores against the prompt's difficulty.
///
/// It is the fallback where no trained expecter is loaded, and the baseline that one must beat. Its curve was
/// chosen by hand and says so: [`Method::Proxy`], with a band of one logit, two where no benchmark is known.
#[derive(Debug, Clone, Copy, Default)]
pub struct HeuristicExpecter;

/// Logits per unit of benchmark score: a model at 0.9 is about six times as likely to be right as one at 0.6.
const STEEPNESS: f64 = 6.0;
/// The score at which a prompt of difficulty 1 is answered in half of all cases, and what each step adds.
/// The step is `GreenRouting`'s ladder of benchmark demands, the start lies lower, as its threshold is for success.
const DEMAND_AT_ONE: f64 = 0.05;
const DEMAND_PER_STEP: f64 = 0.175;

impl Expecter for HeuristicExpecter {
    fn expect(&self, profile: &PromptProfile, card: &ModelCard) -> Expectation {
        let mut ability = 0.0;
        let mut guessed = 0.0;
        for ((_, weight), held) in profile.capabilities.iter().zip(card.abilities()) {
            ability += weight * held.score.as_fraction();
            guessed += if held.guessed { weight } else { 0.0 };
        }
        let demand = DEMAND_AT_ONE + DEMAND_PER_STEP * (profile.difficulty - 1.0);
        let logit = STEEPNESS * (ability - demand);
        let width = 1.0 + guessed;
        // The odds against success; a step of one logit multiplies them by a constant.
        let (odds, step) = ((-logit).exp(), width.exp());
        let [low, value, high] = [odds * step, odds, odds / step].map(|odds| 1.0 / (1.0 + odds));
        let [low, value, high] = [low, value, high].map(Probability::from_fraction);
        Expectation { success: Estimate::banded(low, value, high, Method::Proxy), output: profile.output }
    }

    fn expect_all(&self, profile: &PromptProfile, cards: &[&ModelCard]) -> Vec<Expectation> {
        cards.iter().map(|card| self.expect(profile, card)).collect()
    }

    fn learn(&self, _verdicts: &[Verdict]) -> Result<()> {
        Err(Error::new(ErrorKind::Unsupported, "heuristic expecter", "it has no weights and does not learn"))
    }

    fn snapshot(&self) -> Vec<u8> {
        Vec::new()
    }

    fn restore(&self, snapshot: &[u8]) -> Result<()> {
        if snapshot.is_empty() {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Decode, "heuristic expecter", "the snapshot belongs to another expecter"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Capability, CapabilityWeights, ModelKey, Privacy, Score, Window};
    use proptest::prelude::*;

    fn card(score: f64) -> ModelCard {
        let window = Window { context: 8192, max_output: None };
        let mut card = ModelCard::new(ModelKey::new("p", "m"), window, Privacy::Remote);
        card.scores
            .insert("mmlu".into(), Score { value: Probability::from_fraction(score), source: "t".into() });
        card
    }

    proptest! {
        #[test]
        fn better_models_and_easier_prompts_succeed_more(a in 0.0..1.0f64, b in 0.0..1.0f64, d in 1.0..5.0f64, e in 1.0..5.0f64) {
            let success = |score: f64, difficulty: f64| {
                let profile = PromptProfile::by_hand(CapabilityWeights::single(Capability::Knowledge), difficulty);
                HeuristicExpecter.expect(&profile, &card(score)).success
            };
            prop_assert!(success(a.max(b), d).value() >= success(a.min(b), d).value());
            prop_assert!(success(a, d.min(e)).value() >= success(a, d.max(e)).value());
        }
    }

    #[test]
    fn a_guess_from_the_size_has_a_wider_band() {
        let profile = |capability| PromptProfile::by_hand(CapabilityWeights::single(capability), 2.0);
        let width = |capability| {
            let success = HeuristicExpecter.expect(&profile(capability), &card(0.6)).success;
            success.high().as_fraction() - success.low().as_fraction()
        };
        assert!(width(Capability::Math) > width(Capability::Knowledge));
    }
}
