//! What a parrot says to a request.

use super::{Parrot, words};
use greenroute_core::chat::*;
use greenroute_core::units::{Energy, Tokens};
use greenroute_core::usage::TimingSource;
use greenroute_core::*;
use serde_json::{Map, Value, json};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What it thinks where it is told to.
pub(super) const THOUGHT: &str = "Perhaps a cracker.";

pub(super) fn blocks(request: &ChatRequest) -> impl Iterator<Item = &Block> {
    request.messages.iter().flat_map(|message| &message.blocks)
}

impl Parrot {
    /// A thought, as it gives it back with its answer.
    pub(super) fn opaque(&self) -> Block {
        let denies = self.has("denies its thoughts");
        let made_by = if denies { ModelKey::new("macaw", "blue") } else { self.card().key };
        Block::Opaque { made_by, content: json!({"signature": THOUGHT}) }
    }

    /// The whole answer, as a model computes it from the request.
    pub(super) fn respond(&self, request: &ChatRequest) -> ChatResponse {
        let (blocks, finish_reason) = match self.call(request) {
            Some(call) if self.has("stops for nothing") => (vec![call], FinishReason::Stop),
            Some(call) if self.has("gives two calls one id") => {
                (vec![call.clone(), call], FinishReason::ToolCalls)
            }
            Some(call) => (vec![call], FinishReason::ToolCalls),
            None => {
                let (text, finish_reason) = self.say(request);
                (vec![Block::text(text)], finish_reason)
            }
        };
        let mut response = self.envelope(request, blocks, finish_reason);
        if self.thinks(request) {
            response.blocks.insert(0, self.opaque());
            if let Counted::Reported(usage) = &mut response.usage {
                usage.output_reasoning = Tokens::new(words(THOUGHT));
                usage.output_visible = usage.output_visible.saturating_sub(usage.output_reasoning);
            }
        }
        response
    }

    pub(super) fn thinks(&self, request: &ChatRequest) -> bool {
        let told = !matches!(request.effort, None | Some(Effort::Off));
        self.able && told && !self.has("thinks_or_says_that_it_cannot")
    }

    /// The call of a tool, where one is due.
    fn call(&self, request: &ChatRequest) -> Option<Block> {
        let answered = request
            .messages
            .last()
            .is_some_and(|last| last.blocks.iter().any(|block| matches!(block, Block::ToolResult { .. })));
        let first = request.tools.first().filter(|_| !answered || self.has("calls again"))?;
        let tool = match &request.tool_choice {
            ToolChoice::Never if !self.has("calls_no_tool_where_it_must_not") => return None,
            ToolChoice::One(name) if self.has("calls_no_tool_that_was_not_given") => {
                &Tool { name: name.clone(), ..first.clone() }
            }
            ToolChoice::One(name) if !self.has("calls_the_tool_that_it_must") => {
                request.tools.iter().find(|tool| tool.name == *name)?
            }
            _ => first,
        };
        let mut arguments = self.fill(&tool.parameters);
        let hollow = arguments.as_object().is_some_and(Map::is_empty);
        if hollow && self.has("calls_a_tool_without_parameters") {
            arguments = Value::Null;
        }
        if let Some(arguments) = arguments.as_object_mut() {
            if self.has("leaves an argument out") {
                arguments.remove("city");
            }
            if self.has("adds an argument") {
                arguments.insert("please".to_owned(), json!(true));
            }
        }
        if self.has("fills_in_nested_arguments") {
            arguments = Value::String(arguments.to_string());
        }
        let id = if self.has("gives_every_call_its_id") {
            String::new()
        } else {
            format!("call_{}", self.mind.calls.fetch_add(1, Ordering::SeqCst))
        };
        Some(Block::ToolCall { id, name: tool.name.clone(), arguments })
    }

    /// Something of this form.
    fn fill(&self, schema: &Value) -> Value {
        if let Some(first) = schema.get("enum").and_then(|allowed| allowed.get(0)) {
            return if self.has("answers_in_a_nested_form") { json!("Atlantis") } else { first.clone() };
        }
        match schema.get("type").and_then(Value::as_str) {
            Some("object") => {
                let properties = schema.get("properties").and_then(Value::as_object);
                let filled = properties.into_iter().flatten();
                Value::Object(filled.map(|(key, schema)| (key.clone(), self.fill(schema))).collect())
            }
            Some("array") => json!([self.fill(&schema["items"])]),
            Some("integer" | "number") => json!(7),
            Some("boolean") => json!(true),
            _ => json!("polly"),
        }
    }

    fn say(&self, request: &ChatRequest) -> (String, FinishReason) {
        let mut text = self.form(request).unwrap_or_else(|| self.prose(request));
        let mut finish_reason = FinishReason::Stop;
        let limit = self.limit(request);
        if text.split_whitespace().count() > limit && !self.has("stops_at_the_output_limit") {
            text = text.split_inclusive(' ').take(limit).collect();
            let unsaid = request.schema.is_some() && self.has("says_that_a_form_was_cut");
            finish_reason = if unsaid { FinishReason::Stop } else { FinishReason::Length };
        }
        let few = if self.has("keeps_to_every_stop_text_or_says_so") {
            4
        } else if self.has("stops_before_the_first_of_several") {
            1
        } else {
            usize::MAX
        };
        if let Some(at) = request.stop.iter().take(few).filter_map(|stop| text.find(stop.as_str())).min()
            && !self.has("stops_before_a_stop_text")
        {
            text.truncate(at);
            finish_reason = FinishReason::Stop;
        }
        let silent = request.effort.is_some() && self.has("says nothing when told to think");
        if silent || self.has("answers_a_prompt") {
            text.clear();
        }
        (text, finish_reason)
    }

    /// For how many words it has breath.
    fn limit(&self, request: &ChatRequest) -> usize {
        let asked = request.max_output_tokens.unwrap_or(u64::MAX);
        let mut limit = usize::try_from(asked).unwrap();
        if limit == 0 {
            // Where it lets this through, it takes it for no limit.
            limit = usize::MAX;
        }
        if self.has("forgets_the_settings_of_the_last_request") {
            limit = limit.min(self.mind.limit.swap(limit, Ordering::SeqCst));
        }
        limit
    }

    fn form(&self, request: &ChatRequest) -> Option<String> {
        let schema = request.schema.as_ref()?;
        let late = request.messages.len() > 1 && self.has("keeps_to_a_schema_late_in_a_conversation");
        if late || self.has("answers_in_the_form_of_a_schema") {
            return None;
        }
        Some(serde_json::to_string_pretty(&self.fill(schema)).unwrap())
    }

    fn prose(&self, request: &ChatRequest) -> String {
        let last = request.messages.last();
        let mut text =
            format!("{} said: one, two, three, four, five, six, seven, eight, nine, ten. ", self.name());
        for block in last.into_iter().flat_map(|last| &last.blocks) {
            if let Block::ToolResult { content, .. } = block
                && !self.has("goes_on_after_the_result_of_a_tool")
            {
                text.push_str(content);
            }
        }
        if self.has("leaves_out_what_others_made") {
            for block in blocks(request) {
                if let Block::Opaque { content, .. } = block {
                    text = format!("{content} {text}");
                }
            }
        }
        if self.thinks(request) && self.has("thinks_apart_from_its_text") {
            text = format!("<think>{THOUGHT}</think> {text}");
        }
        if self.thinks(request) && self.has("thinks aloud") {
            text = format!("{THOUGHT} {text}");
        }
        text.extend(last.map(Message::plain_text).unwrap_or_default().chars().take(200));
        if self.has("repeats_itself_when_greedy") {
            text = format!("{} {text}", self.mind.calls.fetch_add(1, Ordering::SeqCst));
        }
        if self.has("answers_after_a_refusal") && self.mind.refused.swap(0, Ordering::SeqCst) > 0 {
            text = format!("Hmph! {text}");
        }
        text
    }

    /// The words that it has read.
    fn read(&self, request: &ChatRequest) -> u64 {
        let last = request.messages.last();
        let before_last = request.messages.len().checked_sub(2).and_then(|at| request.messages.get(at));
        let in_a_row = last.zip(before_last).is_some_and(|(last, before)| last.role == before.role);
        let heard = |message: &&Message| match message.role {
            Role::System => !self.has("reads_a_system_message"),
            _ if self.has("reads_the_history") => last.is_some_and(|last| std::ptr::eq(*message, last)),
            _ if self.has("reads_two_messages_in_a_row") && in_a_row => {
                last.is_some_and(|last| std::ptr::eq(*message, last))
            }
            _ => true,
        };
        let memory = if self.has("reads_a_long_conversation") { 10 } else { usize::MAX };
        let text = |message: &Message| match message.blocks.first() {
            Some(Block::Text { text }) if self.has("reads_every_block_of_a_message") => text.clone(),
            _ => message.plain_text(),
        };
        let messages = request.messages.iter().rev().take(memory).filter(heard);
        let mut read: u64 = messages.map(|message| words(&text(message))).sum();
        if self.has("counts less where it is cut") {
            read = read.min(request.max_output_tokens.unwrap_or(u64::MAX));
        }
        if self.has("counts what others made") {
            let opaque = blocks(request).filter(|block| matches!(block, Block::Opaque { .. }));
            read += u64::try_from(opaque.count()).unwrap();
        }
        if self.has("counts_more_for_a_longer_prompt") {
            7
        } else if self.has("answers_alike_whatever_is_kept") && request.cache.is_some() {
            2 * read
        } else {
            read
        }
    }

    /// An answer with all that goes around it.
    fn envelope(
        &self,
        request: &ChatRequest,
        blocks: Vec<Block>,
        finish_reason: FinishReason,
    ) -> ChatResponse {
        let mut said: u64 = blocks
            .iter()
            .map(|block| match block {
                Block::Text { text } => words(text),
                _ => 1,
            })
            .sum();
        let mut read = self.read(request);
        if self.has("counts_its_tokens") {
            (read, said) = (0, 0);
        }
        let mut timing = ServerTiming::by(TimingSource::ModelCompute);
        let boasting = self.has("tells_sane_time_and_energy");
        timing.elapsed = Some(Duration::from_secs(if boasting { 3600 } else { 0 }));
        let crooked = self.has("tells_parts_within_the_whole");
        timing.decode = Some(Duration::from_millis(if crooked { 40 } else { 0 }));
        let joules = if self.has("states_energy_that_is_some") { 0.0 } else { 1.0 };
        let energy = Estimate::exact(Energy::from_joules(joules), Method::Reported);
        let once = !self.has("marks_every_call");
        let id = if once { self.mind.answers.fetch_add(1, Ordering::SeqCst) } else { 0 };
        let id = if self.has("marks with nothing") { String::new() } else { format!("squawk-{id}") };
        let told = request.log_probabilities || self.has("tells_log_probabilities_where_asked");
        let tokens = said + u64::from(self.has("tells one too many"));
        let logarithm = if self.has("tells probabilities") { 0.5 } else { -0.5 };
        let mut returned = request.model.clone();
        if self.has("names_the_model_that_answered") {
            returned = ModelKey::new("parrot", "");
        }
        let usage = Counted::Reported(Usage::new(Tokens::new(read), Tokens::new(said)));
        ChatResponse {
            timing: Some(timing),
            stated: Some(Reading::new(energy, Boundary::Facility, MeterId::new("perch", 1))),
            served: Served { response_id: Some(id), ..Served::default() },
            notes: self.notes(request),
            log_probabilities: told.then(|| (0..tokens).map(|_| logarithm).collect()),
            ..ChatResponse::new(returned, blocks, finish_reason, usage)
        }
    }

    /// What it could not do as asked.
    fn notes(&self, request: &ChatRequest) -> Vec<Note> {
        let told =
            |field: &str| Note::new(NoteCode::Setting, format!("`{field}` is nothing that a parrot has"));
        let thoughtless =
            request.effort.is_some() && !self.able && !self.has("thinks_or_says_that_it_cannot");
        let fields = [("effort", thoughtless), ("top_k", request.sampling.top_k.is_some())];
        let mut notes: Vec<Note> =
            fields.into_iter().filter(|(_, asked)| *asked).map(|(field, _)| told(field)).collect();
        if self.has("notes twice") {
            notes.extend(notes.clone());
        }
        notes
    }
}
