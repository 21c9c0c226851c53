use super::Subject;
use crate::chat::{ChatRequest, FinishReason, Message, Role};
use crate::conformance::{Finding, Outcome, demand, fail, same};
use crate::units::{Energy, Tokens};
use std::collections::BTreeSet;
use std::time::Duration;

/// Two words of an answer to stop at: one in the middle, and the last.
pub(super) fn stop_texts(free: &str) -> Result<(&str, &str), Finding> {
    let words: Vec<&str> = free.split_whitespace().filter(|word| word.chars().count() > 2).collect();
    match (words.get(words.len() / 2), words.last()) {
        (Some(middle), Some(last)) => Ok((middle, last)),
        _ => fail(format!("the prompt must be answered with a dozen words, not `{free}`")),
    }
}

/// The name is not empty and stays.
pub async fn keeps_its_name(subject: &Subject) -> Outcome {
    let name = subject.provider.name();
    demand(!name.as_str().trim().is_empty(), || "its name is empty".to_owned())?;
    same("its name", &name, &subject.provider.name())
}

/// Every card is valid, carries the provider's name and no other card's key; the subject's model is among them.
pub async fn describes_its_models(subject: &Subject) -> Outcome {
    let (name, cards) = (subject.provider.name(), subject.provider.models());
    let mut keys = BTreeSet::new();
    for card in &cards {
        card.validate()?;
        same("the provider of a card", &name, &card.key.provider)?;
        demand(keys.insert(&card.key), || format!("{} has two cards", card.key))?;
    }
    subject.card().map(|_| ())
}

/// A plain prompt gets text and a reason to stop, from a model under the provider's own name.
pub async fn answers_a_prompt(subject: &Subject) -> Outcome {
    let answer = subject.answer().await?;
    demand(!answer.text().trim().is_empty(), || format!("no text came: {answer:?}"))?;
    let done = matches!(answer.finish_reason, FinishReason::Stop | FinishReason::Length);
    demand(done, || format!("it stopped for {:?}", answer.finish_reason))?;
    same("the provider that answered", &subject.provider.name(), &answer.returned.provider)
}

/// Input and output are counted, both more than nothing, and the output is no longer than was asked for.
pub async fn counts_its_tokens(subject: &Subject) -> Outcome {
    let usage = *subject.answer().await?.usage.usage();
    let (read, written) = (usage.input_tokens(), usage.output_tokens());
    demand(read > Tokens::ZERO && written > Tokens::ZERO, || format!("{read} in, {written} out"))?;
    demand(written.get() <= subject.max_output_tokens, || {
        format!("{written} came where {} were asked for", subject.max_output_tokens)
    })
}

/// Where it says how long it computed, that fits into the time that passed; where it gives a reading, it is of
/// something.
pub async fn tells_sane_time_and_energy(subject: &Subject) -> Outcome {
    let begun = subject.runtime.elapsed();
    let answer = subject.answer().await?;
    // Two clocks differ by a little.
    let passed = subject.runtime.elapsed().saturating_sub(begun) + Duration::from_millis(50);
    if let Some(timing) = &answer.timing {
        let parts = [timing.queue, timing.prefill, timing.decode, timing.elapsed, timing.compute()];
        let fits = parts.into_iter().flatten().all(|part| part <= passed);
        demand(fits, || format!("{passed:?} passed, and the timing is {timing:?}"))?;
    }
    let nothing = answer.reading.filter(|reading| reading.energy.value() == Energy::ZERO);
    demand(nothing.is_none(), || "the reading is of no energy".to_owned())
}

/// Temperature 0 and the same seed give the same answer.
pub async fn repeats_itself_when_greedy(subject: &Subject) -> Outcome {
    if !subject.repeatable {
        return Err(Finding::DoesNotApply("the subject is not repeatable".to_owned()));
    }
    let (one, other) = (subject.answer().await?, subject.answer().await?);
    same("the second answer", &one.blocks, &other.blocks)?;
    same("its reason to stop", &one.finish_reason, &other.finish_reason)?;
    let written = (one.usage.usage().output_tokens(), other.usage.usage().output_tokens());
    same("its tokens", &written.0, &written.1)
}

/// An answer cut at the limit says so.
pub async fn stops_at_the_output_limit(subject: &Subject) -> Outcome {
    for limit in [1, 3] {
        let request = ChatRequest { max_output_tokens: Some(limit), ..subject.asking(&subject.prompt) };
        let answer = subject.chat(request).await??;
        let written = answer.usage.usage().output_tokens();
        demand(written.get() <= limit, || format!("{written} came where {limit} were asked for"))?;
        same("the reason to stop", &FinishReason::Length, &answer.finish_reason)?;
    }
    Ok(())
}

/// The answer ends before a stop text, which is no part of it, whole or in pieces.
pub async fn stops_before_a_stop_text(subject: &Subject) -> Outcome {
    let free = subject.answer().await?.text();
    let (stop, _) = stop_texts(&free)?;
    let request = ChatRequest { stop: vec![stop.to_owned()], ..subject.asking(&subject.prompt) };
    let answer = subject.chat(request.clone()).await??;
    demand(!answer.text().contains(stop), || format!("`{stop}` is in `{}`", answer.text()))?;
    let streamed = subject.stream(request).await??;
    let pieces = streamed.pieces.concat();
    demand(!pieces.contains(stop), || format!("`{stop}` is in the pieces `{pieces}`"))?;
    if subject.repeatable {
        let before = free.split(stop).next().unwrap_or_default();
        same("the text before the stop text", &before.trim_end(), &answer.text().trim_end())?;
        same("the reason to stop", &FinishReason::Stop, &answer.finish_reason)?;
    }
    Ok(())
}

/// Standing instructions are read: they are part of the input.
pub async fn reads_a_system_message(subject: &Subject) -> Outcome {
    let alone = subject.answer().await?.usage.usage().input_tokens();
    let system = "You are a patient teacher of arithmetic who answers in plain English words.";
    let messages =
        vec![Message::text(Role::System, system), Message::text(Role::User, subject.prompt.as_str())];
    let answer = subject.chat(subject.request(messages)).await??;
    let read = answer.usage.usage().input_tokens();
    demand(!answer.text().trim().is_empty(), || "no text came".to_owned())?;
    demand(read > alone, || format!("{alone} in without instructions, {read} with them"))
}

/// Earlier turns are read: they are part of the input.
pub async fn reads_the_history(subject: &Subject) -> Outcome {
    let alone = subject.answer().await?.usage.usage().input_tokens();
    let messages = vec![
        Message::text(Role::User, "What is the capital of France?"),
        Message::text(Role::Assistant, "Paris."),
        Message::text(Role::User, "And of Italy?"),
        Message::text(Role::Assistant, "Rome."),
        Message::text(Role::User, subject.prompt.as_str()),
    ];
    let answer = subject.chat(subject.request(messages)).await??;
    let read = answer.usage.usage().input_tokens();
    demand(!answer.text().trim().is_empty(), || "no text came".to_owned())?;
    demand(read > alone, || format!("{alone} in without history, {read} with it"))
}
