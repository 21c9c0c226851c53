use greenroute_core::Usage;
use greenroute_core::units::Tokens;
use serde_json::{Map, Value};

/// The provider's count in disjoint buckets, or `None` where it names no input or no output. Whatever the object holds,
/// the buckets sum to its `input_tokens`, `cache_creation_input_tokens`, `cache_read_input_tokens` and `output_tokens`.
pub(super) fn buckets(counted: &Value) -> Option<Usage> {
    let number = |name: &str| counted.get(name).and_then(Value::as_u64);
    let within = |object: &str, name: &str| counted.get(object)?.get(name)?.as_u64();
    let (input, output) = (number("input_tokens")?, number("output_tokens")?);
    let five = within("cache_creation", "ephemeral_5m_input_tokens").unwrap_or(0);
    let hour = within("cache_creation", "ephemeral_1h_input_tokens").unwrap_or(0);
    // In a stream the sum may have moved on while its parts are those of the beginning: the sum is billed. What the
    // parts do not tell was written for five minutes, which is what happens unasked.
    let written = number("cache_creation_input_tokens").unwrap_or(five.saturating_add(hour));
    let hour = hour.min(written);
    let thinking = within("output_tokens_details", "thinking_tokens").unwrap_or(0).min(output);
    Some(Usage {
        input_uncached: Tokens::new(input),
        cache_read: Tokens::new(number("cache_read_input_tokens").unwrap_or(0)),
        cache_write_5m: Tokens::new(written - hour),
        cache_write_1h: Tokens::new(hour),
        output_visible: Tokens::new(output - thinking),
        output_reasoning: Tokens::new(thinking),
    })
}

/// What a stream counted later replaces what it counted before: its numbers are cumulative.
pub(super) fn overwrite(counted: &mut Value, later: Value) {
    let Value::Object(later) = later else { return };
    if !counted.is_object() {
        *counted = Value::Object(Map::new());
    }
    if let Value::Object(counted) = counted {
        counted.extend(later.into_iter().filter(|(_, value)| !value.is_null()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn every_token_is_in_one_bucket() {
        let usage = buckets(&json!({
            "input_tokens": 3, "cache_creation_input_tokens": 30, "cache_read_input_tokens": 400,
            "output_tokens": 50, "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
            "output_tokens_details": {"thinking_tokens": 41},
        }));
        let expected = Usage {
            input_uncached: Tokens::new(3),
            cache_read: Tokens::new(400),
            cache_write_5m: Tokens::new(10),
            cache_write_1h: Tokens::new(20),
            output_visible: Tokens::new(9),
            output_reasoning: Tokens::new(41),
        };
        assert_eq!(usage, Some(expected));
    }

    #[test]
    fn without_parts_a_cache_was_written_for_five_minutes() {
        let usage =
            buckets(&json!({"input_tokens": 1, "output_tokens": 1, "cache_creation_input_tokens": 7}));
        assert_eq!(usage.unwrap().cache_write_5m, Tokens::new(7));
    }

    #[test]
    fn what_was_not_counted_is_not_zero() {
        for counted in [json!(null), json!({}), json!({"input_tokens": 3}), json!({"output_tokens": "3"})] {
            assert_eq!(buckets(&counted), None, "{counted}");
        }
    }

    fn number() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            Just(json!("7")),
            Just(json!(-3)),
            any::<u64>().prop_map(|n| json!(n)),
            (0u64..100_000).prop_map(|n| json!(n))
        ]
    }

    proptest! {
        #[test]
        fn buckets_sum_to_what_the_provider_bills(
            numbers in proptest::collection::vec(number(), 7), input in any::<u32>(), output in any::<u32>()
        ) {
            let [writes, reads, five, hour, thinking, ..] = &numbers[..] else { unreachable!() };
            let counted = json!({
                "input_tokens": input, "output_tokens": output, "cache_creation_input_tokens": writes,
                "cache_read_input_tokens": reads,
                "cache_creation": {"ephemeral_5m_input_tokens": five, "ephemeral_1h_input_tokens": hour},
                "output_tokens_details": {"thinking_tokens": thinking},
            });
            let usage = buckets(&counted).unwrap();
            let of = |value: &Value| value.as_u64();
            let written = of(writes).unwrap_or(of(five).unwrap_or(0).saturating_add(of(hour).unwrap_or(0)));
            let total = [u64::from(input), written, of(reads).unwrap_or(0), u64::from(output)];
            let total = total.into_iter().fold(0, u64::saturating_add);
            prop_assert_eq!(usage.total_tokens().get(), total);
        }
    }
}
