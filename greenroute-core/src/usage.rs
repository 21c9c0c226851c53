//! Tokens and time of one call, in buckets that never overlap.

use crate::time::option_seconds;
use crate::units::Tokens;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Tokens of one call in disjoint buckets: every token is in exactly one, so that prices apply to each once.
///
/// The names of OpenTelemetry's GenAI conventions, which overlap, are the methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Input that was read in full.
    pub input_uncached: Tokens,
    /// Input taken from the provider's prompt cache.
    pub cache_read: Tokens,
    /// Input written to a cache that lives five minutes.
    pub cache_write_5m: Tokens,
    /// Input written to a cache that lives an hour.
    pub cache_write_1h: Tokens,
    /// Output that the user sees, tool calls included.
    pub output_visible: Tokens,
    /// Output spent on thinking.
    pub output_reasoning: Tokens,
}

impl Usage {
    /// Plain usage: uncached input, visible output.
    #[must_use]
    pub fn new(input: Tokens, output: Tokens) -> Self {
        Self { input_uncached: input, output_visible: output, ..Self::default() }
    }

    /// All input: uncached, read from a cache, and written to one.
    #[must_use]
    pub fn input_tokens(&self) -> Tokens {
        self.input_uncached + self.cache_read + self.cache_write_5m + self.cache_write_1h
    }

    /// All output: visible and reasoning.
    #[must_use]
    pub fn output_tokens(&self) -> Tokens {
        self.output_visible + self.output_reasoning
    }

    /// Input and output.
    #[must_use]
    pub fn total_tokens(&self) -> Tokens {
        self.input_tokens() + self.output_tokens()
    }
}

/// A usage and who counted it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counted {
    /// The model's own tokenizer or the provider's bill.
    Reported(Usage),
    /// A count made without the model's tokenizer, or of an answer that broke off.
    Approximate(Usage),
}

impl Counted {
    /// The usage, whoever counted.
    #[must_use]
    pub const fn usage(&self) -> &Usage {
        match self {
            Self::Reported(usage) | Self::Approximate(usage) => usage,
        }
    }

    /// Whether the count is only approximate.
    #[must_use]
    pub const fn is_approximate(&self) -> bool {
        matches!(self, Self::Approximate(_))
    }
}

/// Who measured the time of a call, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TimingSource {
    /// The model's server, around the computation itself.
    ModelCompute,
    /// The provider's front end: queue and network inside the provider count too.
    FrontendElapsed,
    /// Our own clock: everything counts.
    ClientWall,
}

/// Where the time of a call went, as far as anybody said. Queue time is never compute time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerTiming {
    /// Waiting for a slot.
    #[serde(
        rename = "queue_seconds",
        with = "option_seconds",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub queue: Option<Duration>,
    /// Reading the input.
    #[serde(
        rename = "prefill_seconds",
        with = "option_seconds",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub prefill: Option<Duration>,
    /// Writing the output.
    #[serde(
        rename = "decode_seconds",
        with = "option_seconds",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub decode: Option<Duration>,
    /// From arrival to the end, by `source`'s clock.
    #[serde(
        rename = "elapsed_seconds",
        with = "option_seconds",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub elapsed: Option<Duration>,
    /// Who measured.
    pub source: TimingSource,
}

impl ServerTiming {
    /// A timing of which only the source is known yet.
    #[must_use]
    pub const fn by(source: TimingSource) -> Self {
        Self { queue: None, prefill: None, decode: None, elapsed: None, source }
    }

    /// The time spent computing: prefill and decode where both are known, else what elapsed less the queue.
    #[must_use]
    pub fn compute(&self) -> Option<Duration> {
        match (self.prefill, self.decode, self.elapsed) {
            (Some(prefill), Some(decode), _) => Some(prefill.saturating_add(decode)),
            (_, _, Some(elapsed)) => Some(elapsed.saturating_sub(self.queue.unwrap_or_default())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn queue_time_is_not_compute_time() {
        let mut timing = ServerTiming::by(TimingSource::ModelCompute);
        assert_eq!(timing.compute(), None);
        timing.elapsed = Some(Duration::from_millis(300));
        timing.queue = Some(Duration::from_millis(200));
        assert_eq!(timing.compute(), Some(Duration::from_millis(100)));
        timing.prefill = Some(Duration::from_millis(20));
        timing.decode = Some(Duration::from_millis(50));
        assert_eq!(timing.compute(), Some(Duration::from_millis(70)));
    }

    proptest! {
        #[test]
        fn buckets_sum_to_the_totals(parts in proptest::array::uniform6(0u64..1 << 40)) {
            let [a, b, c, d, e, f] = parts.map(Tokens::new);
            let usage = Usage {
                input_uncached: a, cache_read: b, cache_write_5m: c, cache_write_1h: d,
                output_visible: e, output_reasoning: f,
            };
            prop_assert_eq!(usage.total_tokens().get(), parts.iter().sum::<u64>());
            prop_assert_eq!(usage.input_tokens() + usage.output_tokens(), usage.total_tokens());
        }
    }
}
