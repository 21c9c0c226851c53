//! What the numbers beside an answer mean.

use super::dialect::{Dialect, Unit};
use super::wire;
use greenroute_core::units::Tokens;
use greenroute_core::{ServerTiming, TimingSource, Usage};
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;

/// The tokens that `body` counts; `None` where it does not, or not both sides.
///
/// The prompt includes what was cached, and the completion what was thought, unless the total shows that thinking
/// was counted beside it.
pub(super) fn usage(body: &Value) -> Option<Usage> {
    let counted = wire::Tokens::deserialize(body.get("usage")?).ok()?;
    let prompt = counted.prompt_tokens?;
    let completion = match (counted.completion_tokens, counted.total_tokens) {
        (Some(completion), _) => completion,
        (None, Some(total)) => total.checked_sub(prompt)?,
        (None, None) => return None,
    };
    let details = counted.prompt_tokens_details;
    let read = details.cached_tokens.or(counted.prompt_cache_hit_tokens).or(counted.cached_tokens);
    let read = read.unwrap_or(0).min(prompt);
    let written = details.cache_write_tokens.unwrap_or(0).min(prompt - read);
    let reasoning = counted.completion_tokens_details.reasoning_tokens.unwrap_or(0);
    let beside = [prompt, completion, reasoning].into_iter().try_fold(0, u64::checked_add);
    let thought_beside = reasoning > 0 && beside.is_some() && beside == counted.total_tokens;
    let (visible, reasoning) = if thought_beside {
        (completion, reasoning)
    } else {
        let inside = reasoning.min(completion);
        (completion - inside, inside)
    };
    Some(Usage {
        input_uncached: Tokens::new(prompt - read - written),
        cache_read: Tokens::new(read),
        // Who tells these keeps them for minutes: OpenAI, and OpenRouter for Claude.
        cache_write_5m: Tokens::new(written),
        cache_write_1h: Tokens::ZERO,
        output_visible: Tokens::new(visible),
        output_reasoning: Tokens::new(reasoning),
    })
}

/// The times that `body` tells, or else what `elapsed` in the vendor's front end.
pub(super) fn timing(body: &Value, dialect: &Dialect, elapsed: Option<Duration>) -> Option<ServerTiming> {
    let told = dialect.times.and_then(|times| {
        let read = |pointer: &str| {
            let number = body.pointer(pointer)?.as_f64()?;
            Duration::try_from_secs_f64(match times.unit {
                Unit::Seconds => number,
                Unit::Milliseconds => number / 1000.0,
            })
            .ok()
        };
        let (queue, prefill, decode) = (read(times.queue), read(times.prefill), read(times.decode));
        let compute = read(times.compute);
        let elapsed = compute.map(|compute| compute.saturating_add(queue.unwrap_or_default()));
        let timing =
            ServerTiming { queue, prefill, decode, elapsed, ..ServerTiming::by(TimingSource::ModelCompute) };
        timing.compute().map(|_| timing)
    });
    told.or_else(|| {
        elapsed.map(|elapsed| ServerTiming {
            elapsed: Some(elapsed),
            ..ServerTiming::by(TimingSource::FrontendElapsed)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialects::{groq, llama_server, vllm};
    use proptest::prelude::*;
    use serde_json::json;

    fn counted(usage: impl Into<Value>) -> Option<Usage> {
        super::usage(&json!({ "usage": usage.into() }))
    }

    #[test]
    fn a_prompt_includes_what_was_cached_and_an_answer_what_was_thought() {
        let usage = counted(json!({
            "prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150,
            "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30},
            "completion_tokens_details": {"reasoning_tokens": 20},
        }));
        let expected = Usage {
            input_uncached: Tokens::new(10),
            cache_read: Tokens::new(60),
            cache_write_5m: Tokens::new(30),
            cache_write_1h: Tokens::ZERO,
            output_visible: Tokens::new(30),
            output_reasoning: Tokens::new(20),
        };
        assert_eq!(usage, Some(expected));
        let deepseek = counted(json!({
            "prompt_tokens": 9, "completion_tokens": 1, "prompt_cache_hit_tokens": 8, "prompt_cache_miss_tokens": 1,
        }));
        assert_eq!(deepseek.map(|usage| usage.cache_read.get()), Some(8));
        let together = counted(json!({"prompt_tokens": 9, "completion_tokens": 1, "cached_tokens": 7}));
        assert_eq!(together.map(|usage| (usage.cache_read.get(), usage.input_uncached.get())), Some((7, 2)));
    }

    #[test]
    fn thinking_counted_beside_the_answer_is_added_where_the_total_says_so() {
        let usage = counted(json!({
            "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 35,
            "completion_tokens_details": {"reasoning_tokens": 20},
        }))
        .unwrap();
        assert_eq!((usage.output_visible.get(), usage.output_reasoning.get()), (5, 20));
    }

    #[test]
    fn an_unknown_number_is_not_zero() {
        for usage in
            [json!(null), json!({}), json!({"prompt_tokens": 3}), json!({"prompt_tokens": "3"}), json!([])]
        {
            assert_eq!(counted(usage.clone()), None, "{usage}");
        }
        let odd = json!({"prompt_tokens": 3, "completion_tokens": 2, "prompt_tokens_details": "none"});
        assert_eq!(counted(odd), Some(Usage::new(Tokens::new(3), Tokens::new(2))));
    }

    #[test]
    fn each_server_tells_its_times_in_its_own_unit_and_the_queue_apart() {
        let times = |body: Value, dialect| {
            let timing = timing(&body, dialect, None)?;
            Some((timing.queue.map(|queue| queue.as_micros()), timing.compute()?.as_micros(), timing.source))
        };
        let source = TimingSource::ModelCompute;
        let at_groq = json!({"usage": {
            "queue_time": 0.25, "prompt_time": 0.02, "completion_time": 0.08, "total_time": 0.1,
        }});
        assert_eq!(times(at_groq, &groq::DIALECT), Some((Some(250_000), 100_000, source)));
        let total_only = json!({"usage": {"queue_time": 0.25, "total_time": 0.1}});
        assert_eq!(times(total_only, &groq::DIALECT), Some((Some(250_000), 100_000, source)));
        let at_llama = json!({"timings": {"prompt_ms": 6.5, "predicted_ms": 838.5}});
        assert_eq!(times(at_llama, &llama_server::DIALECT), Some((None, 845_000, source)));
        let at_vllm = json!({"metrics": {
            "time_to_first_token_ms": 85.0, "generation_time_ms": 1240.0, "queue_time_ms": 12.0,
        }});
        assert_eq!(times(at_vllm, &vllm::DIALECT), Some((Some(12_000), 1_325_000, source)));
        for odd in [json!({}), json!({"usage": {"total_time": -1.0}}), json!({"usage": {"total_time": "1"}})]
        {
            assert_eq!(times(odd, &groq::DIALECT), None);
        }
    }

    proptest! {
        #[test]
        fn the_buckets_sum_to_what_the_provider_counts(
            prompt in 0u64..1 << 40, completion in 0u64..1 << 40, cached in 0u64..1 << 41,
            written in 0u64..1 << 41, reasoning in 0u64..1 << 41, beside: bool,
        ) {
            let total = prompt + completion + if beside { reasoning } else { 0 };
            let usage = counted(json!({
                "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total,
                "prompt_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written},
                "completion_tokens_details": {"reasoning_tokens": reasoning},
            })).unwrap();
            prop_assert_eq!(usage.input_tokens().get(), prompt);
            prop_assert_eq!(usage.total_tokens().get(), total);
        }
    }
}
