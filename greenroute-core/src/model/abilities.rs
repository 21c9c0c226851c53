use super::{ModelCard, Score};
use crate::units::Probability;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

/// What a prompt asks for and a model is able to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// Multi-step reasoning.
    Reasoning,
    /// Calculation and proof.
    Math,
    /// Writing and reading programs.
    Code,
    /// Facts about the world.
    Knowledge,
    /// Fiction, verse, ideas.
    Creative,
    /// Following detailed instructions.
    Instruction,
    /// Languages other than English.
    Multilingual,
    /// What nearly every model can do.
    Simple,
}

impl Capability {
    /// All of them, in the order of [`CapabilityWeights`].
    pub const ALL: [Self; 8] = [
        Self::Reasoning,
        Self::Math,
        Self::Code,
        Self::Knowledge,
        Self::Creative,
        Self::Instruction,
        Self::Multilingual,
        Self::Simple,
    ];

    /// The name in data files and in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reasoning => "reasoning",
            Self::Math => "math",
            Self::Code => "code",
            Self::Knowledge => "knowledge",
            Self::Creative => "creative",
            Self::Instruction => "instruction",
            Self::Multilingual => "multilingual",
            Self::Simple => "simple",
        }
    }

    /// The benchmarks that measure it; the table is `GreenRouting`'s, so that its profiles can be used as they are.
    #[must_use]
    pub const fn benchmarks(self) -> &'static [&'static str] {
        match self {
            Self::Reasoning => &["arc_challenge", "bbh", "gpqa"],
            Self::Math => &["gsm8k", "math", "minerva_math"],
            Self::Code => &["humaneval", "mbpp", "livecodebench"],
            Self::Knowledge => &["mmlu", "triviaqa", "naturalqa"],
            Self::Creative => &["mt_bench_creative", "alpaca_eval"],
            Self::Instruction => &["ifeval", "mt_bench"],
            Self::Multilingual => &["mgsm", "flores"],
            Self::Simple => &[],
        }
    }

    /// Whether a score may be filed under `key`: a capability's own name or one of its benchmarks.
    pub(super) fn knows_score(key: &str) -> bool {
        Self::ALL.iter().any(|capability| capability.name() == key || capability.benchmarks().contains(&key))
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A capability's name that is none of the eight.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no capability: use reasoning, math, code, knowledge, creative, instruction, multilingual or simple"
)]
pub struct UnknownCapability(String);

impl FromStr for Capability {
    type Err = UnknownCapability;

    fn from_str(name: &str) -> Result<Self, UnknownCapability> {
        let found = Self::ALL.into_iter().find(|capability| capability.name() == name);
        found.ok_or_else(|| UnknownCapability(name.to_owned()))
    }
}

/// A weight for each capability; a profile's weights sum to one unless all are zero.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(from = "BTreeMap<Capability, f64>", into = "BTreeMap<Capability, f64>")]
pub struct CapabilityWeights([f64; 8]);

impl CapabilityWeights {
    /// Normalised to sum to one; what is not a positive finite number counts as zero.
    #[must_use]
    pub fn new(weights: impl IntoIterator<Item = (Capability, f64)>) -> Self {
        let mut held = [0.0; 8];
        for (capability, weight) in weights {
            for (slot, known) in held.iter_mut().zip(Capability::ALL) {
                if known == capability && weight.is_finite() && weight > 0.0 {
                    *slot = weight;
                }
            }
        }
        let sum: f64 = held.iter().sum();
        if sum > 0.0 {
            held = held.map(|weight| weight / sum);
        }
        Self(held)
    }

    /// Everything on one capability.
    #[must_use]
    pub fn single(capability: Capability) -> Self {
        Self::new([(capability, 1.0)])
    }

    /// The weight of one capability.
    #[must_use]
    pub fn get(&self, capability: Capability) -> f64 {
        self.iter().find(|(known, _)| *known == capability).map_or(0.0, |(_, weight)| weight)
    }

    /// Each capability with its weight.
    pub fn iter(&self) -> impl Iterator<Item = (Capability, f64)> + '_ {
        Capability::ALL.into_iter().zip(self.0)
    }

    /// The capability with the largest weight.
    #[must_use]
    pub fn primary(&self) -> Capability {
        let largest = self
            .iter()
            .fold((Capability::Simple, 0.0), |best, next| if next.1 > best.1 { next } else { best });
        largest.0
    }
}

impl From<BTreeMap<Capability, f64>> for CapabilityWeights {
    fn from(weights: BTreeMap<Capability, f64>) -> Self {
        Self::new(weights)
    }
}

impl From<CapabilityWeights> for BTreeMap<Capability, f64> {
    fn from(weights: CapabilityWeights) -> Self {
        weights.iter().filter(|(_, weight)| *weight > 0.0).collect()
    }
}

/// How good a model is at something, as a share of tasks solved, and whether a benchmark says so.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ability {
    /// The share of benchmark tasks solved.
    pub score: Probability,
    /// Whether it was guessed from the model's size, no benchmark being known.
    pub guessed: bool,
}

/// The abilities of a card, computed once: ranking reads them for every candidate of every prompt.
#[derive(Debug, Default)]
pub(super) struct Abilities(OnceLock<[Ability; 8]>);

/// A clone may be given other scores, so it computes its own.
impl Clone for Abilities {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// Derived from the card's other fields, so it never tells two cards apart.
impl PartialEq for Abilities {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Abilities {
    pub(super) fn of(&self, card: &ModelCard) -> &[Ability; 8] {
        self.0.get_or_init(|| Capability::ALL.map(|capability| ability(card, capability)))
    }
}

fn ability(card: &ModelCard, capability: Capability) -> Ability {
    if let Some(score) = card.scores.get(capability.name()) {
        return Ability { score: score.value, guessed: false };
    }
    let known = capability.benchmarks().iter().filter_map(|name| card.scores.get(*name));
    match mean(known) {
        Some(score) => Ability { score, guessed: false },
        None => Ability { score: guess(card, capability), guessed: true },
    }
}

fn mean<'a>(scores: impl Iterator<Item = &'a Score>) -> Option<Probability> {
    let (sum, count) =
        scores.fold((0.0, 0.0), |(sum, count), score| (sum + score.value.as_fraction(), count + 1.0));
    (count > 0.0).then(|| Probability::from_fraction(sum / count))
}

/// From the logarithm of the size, as `GreenRouting` does where a benchmark is missing; METHOD.md, "Success".
fn guess(card: &ModelCard, capability: Capability) -> Probability {
    let billions = card.size.as_ref().map_or(UNKNOWN_BILLIONS, |size| size.total.middle());
    let general = 0.25 + 0.08 * (1.0 + billions).log2();
    // Greetings and short rewrites are solved by models of any size.
    let floor = if capability == Capability::Simple { 0.75 } else { 0.05 };
    Probability::from_fraction(general.clamp(floor, 0.95))
}

/// A model of unknown size is taken for a middling one.
const UNKNOWN_BILLIONS: f64 = 30.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_sum_to_one_and_ignore_nonsense() {
        let weights = CapabilityWeights::new([
            (Capability::Code, 3.0),
            (Capability::Math, 1.0),
            (Capability::Simple, f64::NAN),
        ]);
        assert_eq!(weights.get(Capability::Code), 0.75);
        assert_eq!(weights.get(Capability::Simple), 0.0);
        assert_eq!(weights.primary(), Capability::Code);
        let json = serde_json::to_string(&weights).unwrap();
        assert_eq!(json, r#"{"math":0.25,"code":0.75}"#);
        assert_eq!(serde_json::from_str::<CapabilityWeights>(&json).unwrap(), weights);
    }

    #[test]
    fn an_unknown_capability_lists_the_known_ones() {
        let error = "maths".parse::<Capability>().unwrap_err().to_string();
        assert!(error.contains("`maths`") && error.contains("multilingual"), "{error}");
    }
}
