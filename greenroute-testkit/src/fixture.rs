use crate::reply::{Body, Reply};
use bytes::Bytes;
use serde_json::Value;

/// A recorded exchange with a vendor: what was asked, and what came back. Where it is from and how sure its shape is
/// stands in its file, under `_meta`.
#[derive(Debug, Clone, PartialEq)]
pub struct Fixture {
    /// The body of the request; null where it had none.
    pub request: Value,
    /// The answer.
    pub reply: Reply,
}

macro_rules! fixtures {
    ($($name:literal,)*) => {
        const FILES: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../fixtures/", $name, ".json")))),*];

        impl Fixture {
            /// The names of all.
            pub const NAMES: &[&str] = &[$($name),*];
        }
    };
}

fixtures![
    "anthropic_count_tokens",
    "anthropic_error_400",
    "anthropic_error_400_sampling_removed",
    "anthropic_error_401",
    "anthropic_error_402",
    "anthropic_error_403",
    "anthropic_error_404",
    "anthropic_error_413",
    "anthropic_error_429_rate",
    "anthropic_error_429_spend",
    "anthropic_error_500",
    "anthropic_error_504",
    "anthropic_error_529",
    "anthropic_messages",
    "anthropic_models",
    "anthropic_prompt_cache",
    "anthropic_refusal",
    "anthropic_stream",
    "anthropic_stream_error_midway",
    "anthropic_stream_thinking_tool",
    "anthropic_structured_output",
    "anthropic_thinking",
    "anthropic_tool_result_followup",
    "anthropic_tool_use",
    "gemini_batch_embed",
    "gemini_count_tokens",
    "gemini_embed",
    "gemini_error_429_per_day",
    "gemini_error_429_per_minute",
    "gemini_error_500",
    "gemini_error_503_overloaded",
    "gemini_error_array_body",
    "gemini_error_bad_key",
    "gemini_error_missing_thought_signature",
    "gemini_error_model_not_found",
    "gemini_generate_content",
    "gemini_max_tokens_no_content",
    "gemini_models",
    "gemini_prompt_blocked",
    "gemini_stream",
    "gemini_stream_two_finish",
    "gemini_structured_output",
    "gemini_tool_call",
    "gemini_tool_result_followup",
    "greenpt_chat",
    "greenpt_stream",
    "groq_chat",
    "groq_error_400_model_decommissioned",
    "groq_error_400_tool_use_failed",
    "groq_error_401",
    "groq_error_404",
    "groq_error_413_tpm",
    "groq_error_429_tpd",
    "groq_error_429_tpm",
    "groq_error_498_flex",
    "groq_error_503",
    "groq_json_schema",
    "groq_models",
    "groq_stream",
    "groq_tool_call",
    "llamacpp_chat",
    "llamacpp_error_context",
    "llamacpp_error_loading",
    "llamacpp_stream",
    "melious_chat",
    "neuralwatt_chat",
    "neuralwatt_stream",
    "ollama_chat",
    "ollama_error",
    "ollama_stream",
    "openai_chat",
    "openai_embeddings",
    "openai_error_400",
    "openai_error_400_context",
    "openai_error_401",
    "openai_error_404",
    "openai_error_429_quota",
    "openai_error_429_rate",
    "openai_error_500",
    "openai_stream",
    "openai_stream_cut",
    "openai_stream_error_midway",
    "openai_stream_tool_call",
    "openai_tool_call",
    "vllm_chat_metrics",
];

impl Fixture {
    /// The fixture of this name.
    ///
    /// # Panics
    /// Where there is none of this name.
    #[must_use]
    #[track_caller]
    #[expect(
        clippy::panic,
        reason = "a misspelt name in a test is the test's defect, and is best told there"
    )]
    pub fn named(name: &str) -> Self {
        let Some((_, file)) = FILES.iter().find(|(known, _)| *known == name) else {
            panic!("no fixture is called `{name}`; there are {}", Self::NAMES.join(", "))
        };
        match serde_json::from_str::<Value>(file).ok().and_then(|file| Self::read(&file)) {
            Some(fixture) => fixture,
            None => panic!("the fixture `{name}` is not in the form of one"),
        }
    }

    fn read(file: &Value) -> Option<Self> {
        let answer = file.get("response")?;
        let headers = answer.get("headers")?.as_object()?;
        let headers =
            headers.iter().map(|(name, value)| Some((name.to_ascii_lowercase(), value.as_str()?.to_owned())));
        let body = if let Some(frames) = answer.get("sse_frames") {
            let frames = frames.as_array()?.iter().map(|frame| Some(Bytes::from(frame.as_str()?.to_owned())));
            Body::Frames(frames.collect::<Option<_>>()?)
        } else if let Some(lines) = answer.get("ndjson_lines") {
            Body::Frames(lines.as_array()?.iter().map(|line| Bytes::from(format!("{line}\n"))).collect())
        } else {
            Body::Json(answer.get("body")?.clone())
        };
        let reply = Reply {
            status: answer.get("status")?.as_u64()?.try_into().ok()?,
            headers: headers.collect::<Option<_>>()?,
            body,
        };
        Some(Self { request: file.get("request")?.get("body").cloned().unwrap_or_default(), reply })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fixture_can_be_read() {
        for name in Fixture::NAMES {
            let fixture = Fixture::named(name);
            assert!((200..600).contains(&fixture.reply.status), "{name}");
            assert!(!fixture.reply.media().is_empty(), "{name}");
        }
        assert_eq!(Fixture::NAMES.len(), std::fs::read_dir("fixtures").unwrap().count());
    }
}
