//! What was learned, whole: profiles prompts and says what to expect of models, in microseconds.

mod talk;

use crate::heads::{Heads, Impression};
use crate::latent::Latent;
use crate::outlook::Outlook;
use crate::text::Reader;
use crate::weights::Weights;
use greenroute_core::conversation::Turn;
use greenroute_core::model::{Capability, CapabilityWeights};
use greenroute_core::profile::Load;
use greenroute_core::units::{Probability, Quantity, Tokens};
use greenroute_core::{
    Estimate, Expectation, Expecter, Method, ModelCard, Prompt, PromptProfile, PromptProfiler,
};
use greenroute_core::{Result, Verdict};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// The tasks that a profile names.
const NAMED: usize = 3;
/// What following instructions weighs at least where tools or a schema bind the answer, beside the rest's 1.
const BOUND: f64 = 0.3;

/// Everything learned, ready to decide with: a [`PromptProfiler`] and an [`Expecter`] in one, to be shared in an [`Arc`].
/// Only verdicts change it.
pub struct Brain {
    reader: Reader,
    heads: Heads,
    outlook: Outlook,
}

impl Brain {
    /// With the weights of this package.
    ///
    /// # Errors
    /// As [`Weights::shipped`] and [`new`](Self::new).
    pub fn shipped() -> Result<Self> {
        Self::new(Weights::shipped()?)
    }

    /// With a file of weights, as the trainer writes it.
    ///
    /// # Errors
    /// As [`Weights::open`] and [`new`](Self::new).
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::new(Arc::new(Weights::open(path)?))
    }

    /// With these weights.
    ///
    /// # Errors
    /// [`ErrorKind::Decode`](greenroute_core::ErrorKind::Decode) if a tensor is missing or not as expected, if the heads
    /// tell of other tasks than the prior knows, or if a golden text comes out otherwise.
    pub fn new(weights: Arc<Weights>) -> Result<Self> {
        let (heads, outlook) = (Heads::read(&weights)?, Outlook::from_weights(&weights)?);
        // The one hands weights to the other by place.
        if !outlook.prior().tasks().zip(heads.names()).all(|(known, told)| known == told) {
            return Err(weights.wrong("its heads and its prior do not have the same tasks in the same order"));
        }
        Ok(Self { reader: Reader::new(weights)?, heads, outlook })
    }

    /// What its weights say about themselves, and the text features beneath.
    #[must_use]
    pub const fn reader(&self) -> &Reader {
        &self.reader
    }

    /// What it expects of models, and what verdicts taught it.
    #[must_use]
    pub const fn outlook(&self) -> &Outlook {
        &self.outlook
    }

    /// The tasks that it knows, by name.
    #[must_use]
    pub fn tasks(&self) -> &[Arc<str>] {
        self.heads.names()
    }

    /// The likeliest tasks, and none that it is not at all.
    fn named(&self, tasks: &[f32]) -> Vec<(Arc<str>, f64)> {
        let mut top = [(0.0, None); NAMED];
        for (weight, name) in tasks.iter().zip(self.heads.names()) {
            let mut next = (*weight, Some(name));
            for place in &mut top {
                if next.0 > place.0 {
                    std::mem::swap(place, &mut next);
                }
            }
        }
        let named = top.into_iter().filter_map(|(weight, name)| Some((Arc::clone(name?), f64::from(weight))));
        let mut list = Vec::with_capacity(NAMED);
        list.extend(named);
        list
    }

    fn profile_of(&self, impression: &Impression, capabilities: CapabilityWeights) -> PromptProfile {
        let [down, up] = self.heads.band(impression.novelty).map(f64::from);
        let typical = Tokens::from_base(f64::from(impression.length.exp()).round().max(1.0));
        let latent =
            Latent { tasks: &impression.tasks, excess: impression.excess, graded: impression.graded }
                .to_vec();
        PromptProfile {
            tasks: self.named(&impression.tasks),
            latent,
            novelty: Probability::from_fraction(f64::from(impression.novelty)),
            output: Estimate::scaled(typical, down, up, Method::Modelled),
            ..PromptProfile::by_hand(capabilities, f64::from(impression.difficulty))
        }
    }
}

impl PromptProfiler for Brain {
    fn profile(&self, prompt: &Prompt, history: &[Turn]) -> PromptProfile {
        let load = Load::of(prompt, history);
        let impression = talk::with_mix(&self.reader, prompt, history, |embedding, cues| {
            self.heads.impression(embedding, cues)
        });
        let impression = impression.unwrap_or_else(|| {
            let simple = self.heads.typical(Capability::Simple);
            Impression { tasks: simple.tasks, ..Impression::NONE }
        });
        let mut capabilities = impression.weights();
        if load.needs.tools || load.needs.schema {
            capabilities = CapabilityWeights::new(capabilities.iter().map(|(capability, weight)| {
                let bound = capability == Capability::Instruction;
                (capability, if bound { weight.max(BOUND) } else { weight })
            }));
        }
        let limit = Tokens::new(prompt.max_output_tokens.unwrap_or(u64::MAX));
        let mut profile = self.profile_of(&impression, capabilities);
        profile.output = profile.output.map(|tokens| tokens.min(limit));
        profile.input = load.input();
        profile.needs = load.needs;
        profile
    }

    fn centroid(&self, capability: Capability) -> PromptProfile {
        let typical = self.heads.typical(capability);
        self.profile_of(&typical, typical.weights())
    }
}

impl Expecter for Brain {
    fn expect(&self, profile: &PromptProfile, card: &ModelCard) -> Expectation {
        self.outlook.expect(profile, card)
    }

    fn expect_all(&self, profile: &PromptProfile, cards: &[&ModelCard]) -> Vec<Expectation> {
        self.outlook.expect_all(profile, cards)
    }

    fn learn(&self, verdicts: &[Verdict]) -> Result<()> {
        self.outlook.learn(verdicts)
    }

    fn snapshot(&self) -> Vec<u8> {
        self.outlook.snapshot()
    }

    fn restore(&self, snapshot: &[u8]) -> Result<()> {
        self.outlook.restore(snapshot)
    }
}

impl fmt::Debug for Brain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Brain").field("weights", self.reader.weights()).finish_non_exhaustive()
    }
}
