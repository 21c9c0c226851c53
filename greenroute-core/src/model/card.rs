use super::abilities::{Abilities, Ability, Capability};
use super::digest::Digest;
use super::{Deployment, EnergyProfile, ModelKey, Pricing, undated};
use crate::error::{Error, ErrorKind, Result};
use crate::grid::Zone;
use crate::time::Date;
use crate::units::Probability;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

/// What is known of one model at one provider. Facts come from data files or the user; the code holds none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelCard {
    /// Its name in greenroute.
    pub key: ModelKey,
    /// Its name for people.
    pub display_name: String,
    /// Other names by which users ask for it.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// How many parameters it has, where that is public or credibly bounded.
    #[serde(default)]
    pub size: Option<Size>,
    /// How much it reads and writes.
    pub window: Window,
    /// What it takes besides text.
    #[serde(default)]
    pub accepts: Accepts,
    /// Whether it turns text into vectors instead of answering: then no prompt goes to it.
    #[serde(default)]
    pub embeds: bool,
    /// What it is able to do; `None` where nothing is excluded.
    #[serde(default)]
    pub capabilities: Option<Vec<Capability>>,
    /// Shares of tasks solved, by benchmark or by capability name.
    #[serde(default)]
    pub scores: BTreeMap<String, Score>,
    /// How fast it answers.
    #[serde(default)]
    pub speed: Option<Speed>,
    /// What it runs on, where that is known.
    #[serde(default)]
    pub deployment: Option<Deployment>,
    /// What calibration found.
    #[serde(default)]
    pub energy_profile: Option<EnergyProfile>,
    /// How it is paid for.
    #[serde(default)]
    pub pricing: Pricing,
    /// Whether the prompt leaves the machine.
    pub privacy: Privacy,
    /// The grid zone of the machines it runs on, where that is known.
    #[serde(default)]
    pub zone: Option<Zone>,
    /// The first day on which it no longer answers.
    #[serde(default)]
    pub retirement: Option<Date>,
    /// Where these facts were read, where that differs from the file's source.
    #[serde(default)]
    pub source: Option<String>,
    /// When they were read, where that differs from the file's date.
    #[serde(default)]
    pub as_of: Option<Date>,
    #[serde(skip)]
    abilities: Abilities,
    #[serde(skip)]
    digest: Digest,
}

/// A range of billions of parameters; a known size has equal ends.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// The smallest credible number.
    pub low: f64,
    /// The largest credible number.
    pub high: f64,
}

/// The size of a model, in billions of parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Size {
    /// All parameters.
    pub total: Span,
    /// The parameters used per token: fewer in a mixture of experts.
    pub active: Span,
    /// Bytes per parameter as served, where that is known: 2 for bf16, about 0.6 for a 4-bit quantisation.
    #[serde(default)]
    pub bytes_per_parameter: Option<f64>,
}

/// How much a model reads and writes, in its own tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Input and output together.
    pub context: u64,
    /// The longest output, where it is bounded apart.
    #[serde(default)]
    pub max_output: Option<u64>,
}

/// What a model takes besides text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Accepts {
    /// Images.
    pub images: bool,
    /// Tools.
    pub tools: bool,
    /// A JSON Schema for the answer.
    pub schema: bool,
}

/// A share of tasks solved, and who says so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// The share, between 0 and 1.
    pub value: Probability,
    /// Where it was published.
    pub source: Cow<'static, str>,
}

/// How fast a model answers, as its users see it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Speed {
    /// Output tokens per second of one answer.
    pub tokens_per_second: f64,
    /// Seconds until the first of them.
    #[serde(default)]
    pub time_to_first_chunk_seconds: f64,
}

/// Whether the prompt leaves the user's own machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Privacy {
    /// It does not.
    Local,
    /// It does.
    Remote,
}

impl Span {
    /// A known number.
    #[must_use]
    pub const fn known(billions: f64) -> Self {
        Self { low: billions, high: billions }
    }

    /// The geometric middle of the range: sizes are uncertain by factors.
    #[must_use]
    pub fn middle(&self) -> f64 {
        if self.low == self.high { self.low } else { (self.low * self.high).sqrt() }
    }
}

impl Speed {
    /// The time for an answer of `output_tokens`.
    #[must_use]
    pub fn duration(&self, output_tokens: f64) -> Duration {
        Duration::try_from_secs_f64(self.seconds(output_tokens)).unwrap_or(Duration::MAX)
    }

    pub(crate) fn seconds(&self, output_tokens: f64) -> f64 {
        self.time_to_first_chunk_seconds + output_tokens / self.tokens_per_second
    }
}

impl ModelCard {
    /// A card with nothing but what every card has.
    #[must_use]
    pub fn new(key: ModelKey, window: Window, privacy: Privacy) -> Self {
        Self {
            display_name: key.model.to_string(),
            key,
            aliases: Vec::new(),
            size: None,
            window,
            accepts: Accepts::default(),
            embeds: false,
            capabilities: None,
            scores: BTreeMap::new(),
            speed: None,
            deployment: None,
            energy_profile: None,
            pricing: Pricing::Unpriced,
            privacy,
            zone: None,
            retirement: None,
            source: None,
            as_of: None,
            abilities: Abilities::default(),
            digest: Digest::default(),
        }
    }

    /// How good it is at each capability of [`Capability::ALL`], in that order.
    ///
    /// Computed at the first call and kept: a shared card does not change, and a clone computes its own.
    #[must_use]
    pub fn abilities(&self) -> &[Ability; 8] {
        self.abilities.of(self)
    }

    /// A number for its key, its scores and its size, by which tables of models find it quickly: computed at the first
    /// call and kept, as [`ModelCard::abilities`] are: change a clone, or the card in the [catalog](crate::Catalog), and
    /// not a card that was asked. Cards that agree in these have equal numbers in every process and on every machine; a
    /// changed one has another.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.digest.of(self)
    }

    /// The card without the numbers that were computed of it, perhaps before its last change.
    pub(crate) fn afresh(self) -> Self {
        Self { abilities: Abilities::default(), digest: Digest::default(), ..self }
    }

    /// Whether the card claims `capability`, or makes no claim at all.
    #[must_use]
    pub fn claims(&self, capability: Capability) -> bool {
        self.capabilities.as_ref().is_none_or(|claimed| claimed.contains(&capability))
    }

    /// Whether its provider may mean it by `name`: its id, one of its aliases, or its id with the date of a snapshot,
    /// such as `claude-haiku-4-5-20251001` for `claude-haiku-4-5`.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        let id = self.key.model.as_str();
        id == name || self.aliases.iter().any(|alias| alias == name) || undated(name) == Some(id)
    }

    /// When the oldest of its facts was read, prices included; `None` where no date is known.
    #[must_use]
    pub fn read_at(&self) -> Option<Date> {
        let priced = match &self.pricing {
            Pricing::Listed(list) => Some(list.as_of),
            Pricing::Unpriced | Pricing::Electricity => None,
        };
        self.as_of.into_iter().chain(priced).min()
    }

    /// Checks every number of the card.
    ///
    /// # Errors
    /// [`ErrorKind::Config`], naming the card, the field and what is allowed.
    pub fn validate(&self) -> Result<()> {
        let fault = |field: &str, allowed: &str, found: String| {
            let message = format!("`{field}` of the card must be {allowed}, not {found}");
            Err(Error::new(ErrorKind::Config, self.key.to_string(), message))
        };
        let positive = |number: f64| number.is_finite() && number > 0.0;
        if self.key.provider.as_str().is_empty() || self.key.model.as_str().is_empty() {
            return fault("key", "a provider and a model", "empty".into());
        }
        if self.window.context == 0 {
            return fault("window.context", "at least 1 token", "0".into());
        }
        if let Some(size) = &self.size {
            for (field, span) in [("size.total", size.total), ("size.active", size.active)] {
                if !(positive(span.low) && positive(span.high) && span.low <= span.high) {
                    return fault(field, "two positive numbers in order", format!("{span:?}"));
                }
            }
            if size.active.high > size.total.high {
                return fault("size.active", "at most size.total", size.active.high.to_string());
            }
            if let Some(bytes) = size.bytes_per_parameter.filter(|&bytes| !(positive(bytes) && bytes <= 8.0))
            {
                return fault("size.bytes_per_parameter", "above 0 and at most 8", bytes.to_string());
            }
        }
        if let Some(speed) = &self.speed {
            if !positive(speed.tokens_per_second) {
                let found = speed.tokens_per_second.to_string();
                return fault("speed.tokens_per_second", "a positive number", found);
            }
            let first = speed.time_to_first_chunk_seconds;
            if !(first.is_finite() && first >= 0.0) {
                return fault(
                    "speed.time_to_first_chunk_seconds",
                    "finite and at least 0",
                    first.to_string(),
                );
            }
        }
        let wrong = self.deployment.as_ref().and_then(Deployment::fault);
        if let Some((field, allowed, found)) =
            wrong.or(self.energy_profile.as_ref().and_then(EnergyProfile::fault))
        {
            return fault(field, allowed, found);
        }
        if let Pricing::Listed(list) = &self.pricing
            && !list.is_unambiguous()
        {
            let allowed = "periods that begin on different days, each with one tier from 0 and no two alike";
            return fault("pricing.listed", allowed, "ambiguous".into());
        }
        match self.scores.keys().find(|key| !Capability::knows_score(key)) {
            Some(key) => {
                fault("scores", "filed under a capability or one of its benchmarks", format!("`{key}`"))
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card() -> ModelCard {
        let window = Window { context: 8192, max_output: None };
        ModelCard::new(ModelKey::new("local", "tiny"), window, Privacy::Local)
    }

    #[test]
    fn a_bad_card_names_the_field_and_what_is_allowed() {
        let says = |card: &ModelCard| card.validate().unwrap_err().to_string();
        assert!(card().validate().is_ok());
        let mut bad = card();
        bad.window.context = 0;
        assert_eq!(says(&bad), "local/tiny: `window.context` of the card must be at least 1 token, not 0");
        let mut bad = card();
        bad.speed = Some(Speed { tokens_per_second: -3.0, time_to_first_chunk_seconds: 0.0 });
        assert!(says(&bad).contains("`speed.tokens_per_second`"));
        let mut bad = card();
        let value = Probability::from_fraction(0.5);
        bad.scores.insert("mmlu_typo".into(), Score { value, source: "x".into() });
        assert!(says(&bad).contains("`mmlu_typo`"));
    }

    #[test]
    fn a_known_benchmark_beats_a_guess_from_the_size() {
        let mut card = card();
        let value = Probability::from_fraction(0.9);
        card.scores.insert("mmlu".into(), Score { value, source: "x".into() });
        let of = |card: &ModelCard, wanted| {
            let mut both = Capability::ALL.into_iter().zip(*card.abilities());
            both.find(|(capability, _)| *capability == wanted).unwrap().1
        };
        assert_eq!(of(&card, Capability::Knowledge), Ability { score: value, guessed: false });
        assert!(of(&card, Capability::Math).guessed);
        // A clone with other scores does not inherit what was computed before.
        let mut other = card.clone();
        other.scores.clear();
        assert!(of(&other, Capability::Knowledge).guessed);
    }
}
