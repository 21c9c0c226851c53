//! What a parrot will not hear of.

use super::mind::blocks;
use super::{Parrot, words};
use crate::support::measured;
use greenroute_core::chat::*;
use greenroute_core::*;
use std::sync::atomic::Ordering;
use std::time::Duration;

fn is_image(block: &Block) -> bool {
    matches!(block, Block::Image { .. })
}

fn is_result(block: &Block) -> bool {
    matches!(block, Block::ToolResult { .. })
}

impl Parrot {
    /// Refuses what it must, but for what its flaw lets through.
    pub(super) fn check(&self, request: &ChatRequest) -> Result<()> {
        self.check_model(request)?;
        self.check_settings(request)?;
        self.check_history(request)?;
        if self.able { self.check_abilities(request) } else { self.check_inabilities(request) }
    }

    fn refuse(&self, kind: ErrorKind, flaw: &str, message: &str) -> Result<()> {
        if self.has(flaw) {
            return Ok(());
        }
        self.mind.refused.fetch_add(1, Ordering::SeqCst);
        let origin = if self.has("blames the wire") { "http" } else { "parrot" };
        let mut error = Error::new(kind, origin, message);
        if self.has("states a reading of nothing") {
            error = error.with_spent(measured(0.0));
        }
        let crooked = self.has("names_itself_in_its_errors");
        Err(if crooked { error.with_retryable(true) } else { error })
    }

    /// Fails where nothing is wrong.
    fn stumble(&self, flaw: &str, kind: ErrorKind, over: bool) -> Result<()> {
        if self.has(flaw) && over { Err(Error::new(kind, "parrot", "squawk")) } else { Ok(()) }
    }

    fn check_model(&self, request: &ChatRequest) -> Result<()> {
        let text: String = request.messages.iter().map(Message::plain_text).collect();
        let wordless = blocks(request).any(|block| is_result(block) || is_image(block));
        if request.model != self.card().key {
            self.refuse(ErrorKind::ModelNotFound, "refuses_an_unknown_model", "no such parrot")?;
        }
        if text.trim().is_empty() && !wordless {
            self.refuse(ErrorKind::InvalidRequest, "refuses_an_empty_prompt", "nothing to repeat")?;
        }
        if words(&text) > self.card().window.context {
            self.refuse(ErrorKind::ContextOverflow, "refuses_an_overlong_prompt", "too long to remember")?;
        }
        Ok(())
    }

    fn check_settings(&self, request: &ChatRequest) -> Result<()> {
        if !self.has("refuses_what_no_sampling_allows") {
            let nameless = self.has("names no field");
            request.sampling.validate().map_err(|error| {
                if nameless { Error::new(error.kind().clone(), "parrot", "out of range") } else { error }
            })?;
        }
        if request.max_output_tokens == Some(0) {
            let flaw = "writes_nothing_where_nothing_is_wanted";
            self.refuse(ErrorKind::InvalidRequest, flaw, "silence is no answer")?;
        }
        let hot = request.sampling.temperature == Some(2.0);
        self.stumble("answers_at_the_edges_of_sampling", ErrorKind::InvalidRequest, hot)?;
        let much = request.max_output_tokens == Some(u64::MAX);
        self.stumble("stands_a_limit_above_its_own", ErrorKind::Internal, much)?;
        let medium = request.effort == Some(Effort::Medium);
        self.stumble("answers_at_every_effort", ErrorKind::Server, medium)?;
        let endless = request.timeout == Some(Duration::MAX);
        self.stumble("stands_an_endless_timeout", ErrorKind::Internal, endless)
    }

    fn check_history(&self, request: &ChatRequest) -> Result<()> {
        let begins = request.messages.first().is_some_and(|first| first.role == Role::Assistant);
        self.stumble("stands_turns_in_any_order", ErrorKind::Internal, begins)?;
        let texts = || {
            blocks(request).filter_map(|block| match block {
                Block::Text { text } => Some(text.as_str()),
                _ => None,
            })
        };
        let empty = texts().any(str::is_empty);
        self.stumble("stands_empty_texts_among_others", ErrorKind::InvalidRequest, empty)?;
        let nul = texts().any(|text| text.contains('\0'));
        self.stumble("stands_strange_text", ErrorKind::Decode, nul)
    }

    fn check_inabilities(&self, request: &ChatRequest) -> Result<()> {
        let kind = || ErrorKind::Unsupported;
        if blocks(request).any(is_image) {
            self.refuse(kind(), "refuses_an_image_that_it_does_not_take", "it cannot see")?;
        }
        if !request.tools.is_empty() {
            self.refuse(kind(), "refuses_tools_that_it_does_not_take", "it has no hands")?;
        }
        if request.schema.is_some() {
            self.refuse(kind(), "refuses_a_schema_that_it_does_not_take", "it knows no forms")?;
        }
        Ok(())
    }

    fn check_abilities(&self, request: &ChatRequest) -> Result<()> {
        let kind = || ErrorKind::InvalidRequest;
        if request.schema.as_ref().is_some_and(|schema| !schema.is_object()) {
            self.refuse(kind(), "refuses_a_schema_that_is_none", "that is no form")?;
        }
        if let ToolChoice::One(name) = &request.tool_choice
            && request.tools.iter().all(|tool| tool.name != *name)
        {
            self.refuse(kind(), "calls_no_tool_that_was_not_given", "no such tool")?;
        }
        for block in blocks(request) {
            match block {
                Block::Image { media_type, base64 } if media_type != "image/png" || base64.contains('%') => {
                    self.refuse(kind(), "refuses_an_image_that_is_none", "that is no image")?;
                }
                Block::ToolCall { id, .. } => {
                    self.stumble("takes_the_calls_of_other_models", kind(), id.contains('.'))?;
                }
                Block::ToolResult { is_error, .. } => {
                    let flaw = "goes_on_after_the_failure_of_a_tool";
                    self.stumble(flaw, ErrorKind::ModelFault, *is_error)?;
                }
                Block::Opaque { .. } => {
                    let last = request.messages.len().saturating_sub(2);
                    let own = request.messages.get(last).is_some_and(|said| said.blocks.contains(block));
                    let crooked = own && *block == self.opaque();
                    self.stumble("takes_back_its_opaque_blocks", kind(), crooked)?;
                }
                _ => {}
            }
        }
        let results = |message: &Message| message.blocks.iter().filter(|block| is_result(block)).count();
        let two = request.messages.iter().any(|message| results(message) > 1);
        self.stumble("takes_two_results_at_once", kind(), two)?;
        let last = request.messages.last();
        let seen = blocks(request).any(is_image);
        self.stumble("takes_an_image", ErrorKind::Unsupported, seen)?;
        let earlier = seen && !last.is_some_and(|last| last.blocks.iter().any(is_image));
        self.stumble("takes_images_throughout_a_conversation", ErrorKind::Unsupported, earlier)
    }
}
