use super::wire::UsageMetadata;
use crate::hosted::estimate;
use greenroute_core::chat::ChatRequest;
use greenroute_core::units::Tokens;
use greenroute_core::{Counted, Note, NoteCode, Usage};

/// What Gemini counted, or what was counted here where it did not; what does not add up is noted.
pub(super) fn counted(
    told: Option<&UsageMetadata>,
    request: Option<&ChatRequest>,
    written: &str,
    notes: &mut Vec<Note>,
) -> Counted {
    let Some(told) = told else {
        let input = request.map_or(Tokens::ZERO, estimate::input);
        return Counted::Approximate(Usage::new(input, estimate::output([written])));
    };
    let usage = buckets(told);
    if let Some(total) = told.total_token_count.map(Tokens::new)
        && total != usage.total_tokens()
    {
        let text = format!("Gemini counts {total} in all, and its parts sum to {}", usage.total_tokens());
        notes.push(Note::new(NoteCode::UsageApproximate, text));
    }
    Counted::Reported(usage)
}

/// Gemini's counts without overlap: its prompt includes what was cached, its candidates do not include thinking, and
/// what its own tools read is counted apart.
pub(super) fn buckets(told: &UsageMetadata) -> Usage {
    let count = |count: Option<u64>| Tokens::new(count.unwrap_or(0));
    let (prompt, cached) = (count(told.prompt_token_count), count(told.cached_content_token_count));
    Usage {
        input_uncached: prompt.saturating_sub(cached) + count(told.tool_use_prompt_token_count),
        cache_read: cached,
        output_visible: count(told.candidates_token_count),
        output_reasoning: count(told.thoughts_token_count),
        ..Usage::default()
    }
}
