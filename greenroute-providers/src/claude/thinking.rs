use super::rules::{ClaudeOff, ClaudeRules, ClaudeThinking};
use super::wire::Thinking;
use greenroute_core::chat::Effort;

/// The smallest budget of thinking that the API takes.
const LEAST_BUDGET: u64 = 1024;

/// How a request asks for thinking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Plan {
    pub(super) thinking: Option<Thinking>,
    pub(super) effort: Option<&'static str>,
    /// Whether the model will think, as far as is known.
    pub(super) thinks: bool,
    /// Why the asked effort is not followed.
    pub(super) unmet: Option<&'static str>,
}

/// What of a request excludes thinking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hindrance {
    /// A tool is forced. It wins: the caller's program waits for it.
    ForcedTool,
    /// The results of tools are there that were called without thinking. A budget cannot be begun with then.
    ToolLoop,
}

/// What `effort` becomes for a model of these rules, whose whole output has room for `max_tokens`.
pub(super) fn plan(
    effort: Option<Effort>,
    rules: Option<&ClaudeRules>,
    max_tokens: u64,
    hindrance: Option<Hindrance>,
) -> Plan {
    let Some(rules) = rules else {
        let unmet = effort.map(|_| "it is not known how this model takes it");
        return Plan { unmet, ..Plan::default() };
    };
    let Some(effort) = effort else {
        return Plan { thinks: rules.thinks_unasked, ..Plan::default() };
    };
    if effort == Effort::Off {
        return without(rules);
    }
    let why = match (rules.thinking, hindrance) {
        (None, _) => Some("this model does not think"),
        (_, Some(Hindrance::ForcedTool)) => Some("this model cannot think where a tool is forced"),
        (Some(ClaudeThinking::Budget), Some(Hindrance::ToolLoop)) => {
            Some("this model cannot begin to think between a call of a tool and its result")
        }
        (Some(ClaudeThinking::Budget), _) if max_tokens <= LEAST_BUDGET => {
            Some("thinking takes 1024 tokens at least, more than the output limit leaves")
        }
        _ => None,
    };
    if why.is_some() {
        return Plan { unmet: why, ..without(rules) };
    }
    let (level, wanted) = match effort {
        Effort::Off | Effort::Low => ("low", LEAST_BUDGET),
        Effort::Medium => ("medium", 4 * LEAST_BUDGET),
        Effort::High => ("high", 16 * LEAST_BUDGET),
    };
    if rules.thinking == Some(ClaudeThinking::Budget) {
        // Half of the output, so that thinking leaves room for the answer.
        let budget_tokens = wanted.min(max_tokens / 2).max(LEAST_BUDGET);
        let thinking = Some(Thinking::Enabled { budget_tokens });
        return Plan { thinking, thinks: true, ..Plan::default() };
    }
    Plan { thinking: Some(Thinking::Adaptive), effort: Some(level), thinks: true, unmet: None }
}

/// As little thinking as the model can do.
fn without(rules: &ClaudeRules) -> Plan {
    match (rules.thinks_unasked, rules.off) {
        (false, _) => Plan::default(),
        (true, Some(ClaudeOff::Disabled)) => Plan { thinking: Some(Thinking::Disabled), ..Plan::default() },
        (true, Some(ClaudeOff::BetweenTools)) => {
            Plan { thinking: Some(Thinking::BetweenTools), ..Plan::default() }
        }
        (true, None) => Plan { effort: Some("low"), thinks: true, ..Plan::default() },
    }
}

#[cfg(test)]
mod tests {
    use super::super::rules::{rules_of, shipped};
    use super::*;
    use proptest::prelude::*;

    fn planned(model: &str, effort: Effort, max_tokens: u64) -> Plan {
        hindered(model, effort, max_tokens, None)
    }

    fn hindered(model: &str, effort: Effort, max_tokens: u64, hindrance: Option<Hindrance>) -> Plan {
        let rules = shipped().unwrap();
        plan(Some(effort), rules_of(&rules, model), max_tokens, hindrance)
    }

    #[test]
    fn each_model_is_asked_in_its_own_words() {
        let adaptive =
            Plan { thinking: Some(Thinking::Adaptive), effort: Some("medium"), thinks: true, unmet: None };
        assert_eq!(planned("claude-sonnet-4-6", Effort::Medium, 9000), adaptive);
        let budget = Thinking::Enabled { budget_tokens: 4096 };
        assert_eq!(planned("claude-haiku-4-5", Effort::Medium, 64_000).thinking, Some(budget));
        assert_eq!(planned("claude-haiku-4-5", Effort::Off, 64_000), Plan::default());
        let off = |model| planned(model, Effort::Off, 9000);
        assert_eq!(off("claude-opus-5").thinking, Some(Thinking::Disabled));
        assert_eq!(off("claude-sonnet-5-5").thinking, Some(Thinking::BetweenTools));
        assert_eq!((off("claude-opus-5-5").thinking, off("claude-opus-5-5").effort), (None, Some("low")));
    }

    #[test]
    fn what_cannot_be_followed_says_why() {
        assert!(planned("claude-haiku-4-5", Effort::High, 1024).unmet.unwrap().contains("1024"));
        let forced = hindered("claude-opus-5", Effort::High, 9000, Some(Hindrance::ForcedTool));
        assert_eq!((forced.thinking, forced.thinks), (Some(Thinking::Disabled), false));
        assert!(forced.unmet.unwrap().contains("tool"));
        let old = planned("claude-3-opus-20240229", Effort::High, 9000);
        assert_eq!((old.thinking, old.unmet), (None, Some("this model does not think")));
        assert!(planned("mine", Effort::High, 9000).unmet.is_some());
        let in_loop = |model| hindered(model, Effort::High, 9000, Some(Hindrance::ToolLoop));
        assert!(in_loop("claude-haiku-4-5").unmet.unwrap().contains("between"));
        assert_eq!(in_loop("claude-sonnet-4-6").thinking, Some(Thinking::Adaptive));
        assert_eq!(plan(None, None, 9000, None), Plan::default());
    }

    proptest! {
        #[test]
        fn a_budget_is_at_least_1024_and_below_the_output_limit(limit in 1u64..200_000, level in 0..3usize) {
            let effort = [Effort::Low, Effort::Medium, Effort::High][level];
            match planned("claude-haiku-4-5", effort, limit) {
                Plan { thinking: Some(Thinking::Enabled { budget_tokens }), .. } => {
                    prop_assert!((1024..limit).contains(&budget_tokens));
                }
                plan => prop_assert!(limit <= 1024 && plan.unmet.is_some()),
            }
        }
    }
}
