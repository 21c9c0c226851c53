use super::Subject;
use crate::chat::{ChatRequest, ChatResponse, Effort, Message, Role, Sampling};
use crate::conformance::{Outcome, demand, same};
use crate::error::ErrorKind;
use crate::model::ModelKey;
use crate::note::{Note, NoteCode};
use crate::units::Energy;
use std::collections::BTreeSet;
use std::time::Duration;

/// The answer to the subject's prompt, whole and from a stream.
async fn both(subject: &Subject) -> Result<[ChatResponse; 2], crate::conformance::Finding> {
    let whole = subject.answer().await?;
    Ok([whole, subject.stream(subject.asking(&subject.prompt)).await??.done])
}

/// It shows itself with `{}` and `{:?}`, in the same words every time.
pub async fn shows_itself(subject: &Subject) -> Outcome {
    let shown = || (subject.provider.to_string(), format!("{:?}", subject.provider));
    let before = shown();
    let told = !before.0.trim().is_empty() && !before.1.trim().is_empty();
    demand(told, || format!("it shows itself as {before:?}"))?;
    subject.answer().await?;
    same("how it shows itself with `{}`", &before.0, &subject.provider.to_string())
}

/// Its cards are the same before and after it has answered.
pub async fn keeps_its_cards(subject: &Subject) -> Outcome {
    let before = subject.provider.models();
    subject.answer().await?;
    same("its cards", &before, &subject.provider.models())
}

/// The model that answered has a name, the same whole and in pieces.
pub async fn names_the_model_that_answered(subject: &Subject) -> Outcome {
    let [whole, streamed] = both(subject).await?;
    let named = !whole.returned.model.as_str().trim().is_empty();
    demand(named, || "the model that answered has no name".to_owned())?;
    same("the model that answered", &whole.returned, &streamed.returned)
}

/// A longer prompt has more input.
pub async fn counts_more_for_a_longer_prompt(subject: &Subject) -> Outcome {
    let twice = format!("{} {}", subject.prompt, subject.prompt);
    let once = subject.answer().await?.usage.usage().input_tokens();
    let twice = subject.chat(subject.asking(&twice)).await??.usage.usage().input_tokens();
    demand(twice > once, || format!("{once} in for a prompt, {twice} for twice as much"))
}

/// The same prompt has the same input, whole and in pieces, also where the answer is cut short.
pub async fn counts_the_same_input_every_time(subject: &Subject) -> Outcome {
    let [whole, streamed] = both(subject).await?;
    let short = ChatRequest { max_output_tokens: Some(2), ..subject.asking(&subject.prompt) };
    let cut = subject.chat(short.clone()).await??;
    let cut_stream = subject.stream(short).await??.done;
    let read = whole.usage.usage().input_tokens();
    for (what, answer) in [("streamed", &streamed), ("cut", &cut), ("streamed and cut", &cut_stream)] {
        same(&format!("the input of a prompt, {what}"), &read, &answer.usage.usage().input_tokens())?;
    }
    same("who counted", &whole.usage.is_approximate(), &streamed.usage.is_approximate())
}

/// Energy that it states is more than nothing, no less than its idle part, and has a meter's name; whole or in
/// pieces, it is stated.
pub async fn states_energy_that_is_some(subject: &Subject) -> Outcome {
    let [whole, streamed] = both(subject).await?;
    same("whether energy is stated", &whole.stated.is_some(), &streamed.stated.is_some())?;
    for stated in [&whole.stated, &streamed.stated].into_iter().flatten() {
        let some = stated.energy.low() >= Energy::ZERO && stated.energy.value() > Energy::ZERO;
        demand(some, || format!("it states {stated}"))?;
        let idle = stated.idle.is_none_or(|idle| idle.value() <= stated.energy.value());
        demand(idle, || format!("more than all of {stated} is idle"))?;
        demand(!stated.meter.name.trim().is_empty(), || format!("no meter is named: {stated}"))?;
    }
    Ok(())
}

/// The parts of the time that it tells are no more than the whole.
pub async fn tells_parts_within_the_whole(subject: &Subject) -> Outcome {
    for answer in both(subject).await? {
        let Some(timing) = answer.timing else { continue };
        let parts: Duration = [timing.queue, timing.prefill, timing.decode].into_iter().flatten().sum();
        // Vendors round.
        let slack = Duration::from_millis(2);
        let fits = timing.elapsed.is_none_or(|elapsed| parts <= elapsed + slack);
        demand(fits, || format!("the parts are {parts:?}, and the timing is {timing:?}"))?;
    }
    Ok(())
}

/// Ids of the answer and the request, where it gives them, say something and come once.
pub async fn marks_every_call(subject: &Subject) -> Outcome {
    let (mut responses, mut requests) = (BTreeSet::new(), BTreeSet::new());
    for answer in both(subject).await?.into_iter().chain([subject.answer().await?]) {
        for (what, seen, id) in [
            ("answers", &mut responses, answer.served.response_id),
            ("requests", &mut requests, answer.served.request_id),
        ] {
            let Some(id) = id else { continue };
            demand(!id.trim().is_empty(), || format!("an id of its {what} is empty"))?;
            demand(seen.insert(id.clone()), || format!("two of its {what} have the id `{id}`"))?;
        }
    }
    Ok(())
}

/// Notes say something, none twice; what could not be done as asked is noted on a streamed answer as on a whole
/// one.
pub async fn notes_the_same_whole_and_in_pieces(subject: &Subject) -> Outcome {
    let sampling = Sampling {
        temperature: Some(0.5),
        top_p: Some(0.9),
        top_k: Some(7),
        repetition_penalty: Some(1.5),
        seed: Some(7),
    };
    let effort = Some(Effort::High);
    let request = ChatRequest { sampling, effort, ..subject.asking(&subject.prompt) };
    let settings = |answer: &ChatResponse| -> Result<Vec<Note>, crate::conformance::Finding> {
        for (index, note) in answer.notes.iter().enumerate() {
            demand(!note.text.trim().is_empty(), || format!("a note of {:?} is empty", note.code))?;
            let again = answer.notes.iter().skip(index + 1).any(|other| other == note);
            demand(!again, || format!("it notes twice: `{note}`"))?;
        }
        let setting = |note: &&Note| note.code == NoteCode::Setting;
        Ok(answer.notes.iter().filter(setting).cloned().collect())
    };
    let whole = settings(&subject.chat(request.clone()).await??)?;
    let streamed = settings(&subject.stream(request).await??.done)?;
    same("the notes on settings, streamed", &whole, &streamed)
}

/// Its errors name it, and what nobody can answer twice better than once is not to be tried again.
pub async fn names_itself_in_its_errors(subject: &Subject) -> Outcome {
    let name = subject.provider.name();
    let unknown = ModelKey::new(name.as_str(), "no-such-model-as-this");
    for request in [
        ChatRequest { model: unknown, ..subject.asking(&subject.prompt) },
        subject.request(vec![Message::text(Role::User, "")]),
        subject.asking(&subject.overlong),
    ] {
        // Whether it refuses each is asked elsewhere.
        let Err(error) = subject.chat(request).await? else { continue };
        let named = error.origin().contains(name.as_str());
        demand(named, || format!("`{name}` is not in the origin `{}`", error.origin()))?;
        let shown = error.to_string();
        demand(shown.contains(error.message()), || format!("`{shown}` lacks `{}`", error.message()))?;
        let again = error.is_retryable() || error.retry_after().is_some();
        demand(!again, || format!("it is to be tried again: {error}"))?;
        let elsewhere = *error.kind() != ErrorKind::InvalidRequest;
        same("whether another model may be asked", &elsewhere, &error.can_fall_back())?;
        // A meter may well see what reading the prompt took.
        let nothing = error.spent().iter().find(|reading| reading.energy.value() == Energy::ZERO);
        demand(nothing.is_none(), || format!("its refusal states a reading of nothing: {nothing:?}"))?;
    }
    Ok(())
}
