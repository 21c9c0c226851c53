use crate::vendor::Model;
use std::borrow::Cow;

/// The models that the fake serves.
pub(super) static MODELS: [Model; 7] = [
    roomy("claude-haiku-4-5"),
    roomy("claude-haiku-4-5-20251001"),
    roomy("claude-sonnet-4-6"),
    roomy("claude-opus-5"),
    roomy("claude-sonnet-5-5"),
    roomy("claude-opus-5-5"),
    Model::tiny_window(),
];

/// Room enough for a budget of thinking.
const fn roomy(id: &'static str) -> Model {
    Model { id: Cow::Borrowed(id), window: 4096, max_output: 8192, embeds: false, thinks: false }
}

/// What a model takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// `thinking.type` words.
    pub(super) thinking: &'static [&'static str],
    pub(super) thinks_unasked: bool,
    pub(super) effort: bool,
    pub(super) sampling: bool,
    pub(super) forced_tools: bool,
    pub(super) prefill: bool,
}

/// The name in an answer: an alias is answered by its snapshot.
pub(super) fn snapshot(model: &str) -> &str {
    if model == "claude-haiku-4-5" { "claude-haiku-4-5-20251001" } else { model }
}

/// What is taken by a model; one that is not named here takes what most do.
pub(super) fn of(model: &str) -> Rules {
    let old = Rules {
        thinking: &["enabled", "disabled"],
        thinks_unasked: false,
        effort: false,
        sampling: true,
        forced_tools: true,
        prefill: true,
    };
    match model {
        "claude-sonnet-4-6" => {
            Rules { thinking: &["enabled", "adaptive", "disabled"], effort: true, prefill: false, ..old }
        }
        "claude-opus-5" => Rules {
            thinking: &["adaptive", "disabled"],
            thinks_unasked: true,
            effort: true,
            sampling: false,
            prefill: false,
            ..old
        },
        "claude-sonnet-5-5" => {
            Rules { thinking: &["adaptive", "between_tools"], forced_tools: false, ..of("claude-opus-5") }
        }
        "claude-opus-5-5" => Rules { thinking: &["adaptive"], forced_tools: false, ..of("claude-opus-5") },
        _ => old,
    }
}
