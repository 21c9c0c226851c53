use super::Subject;
use super::answering::stop_texts;
use super::refusing::refuses_by;
use crate::chat::{CacheFor, ChatRequest, ChatResponse, Sampling};
use crate::conformance::{Outcome, demand, fail, same};
use crate::error::ErrorKind;
use crate::note::{Note, NoteCode};
use crate::units::Tokens;

fn sampled(subject: &Subject, sampling: Sampling) -> ChatRequest {
    ChatRequest { sampling, ..subject.asking(&subject.prompt) }
}

/// Sampling out of range is an `InvalidRequest` that names the field, before anything is answered.
pub async fn refuses_what_no_sampling_allows(subject: &Subject) -> Outcome {
    type Bend = fn(&mut Sampling);
    let bent: [(&str, Bend); 10] = [
        ("temperature", |sampling| sampling.temperature = Some(-0.1)),
        ("temperature", |sampling| sampling.temperature = Some(2.1)),
        ("temperature", |sampling| sampling.temperature = Some(f64::NAN)),
        ("top_p", |sampling| sampling.top_p = Some(0.0)),
        ("top_p", |sampling| sampling.top_p = Some(1.1)),
        ("top_p", |sampling| sampling.top_p = Some(f64::INFINITY)),
        ("top_k", |sampling| sampling.top_k = Some(0)),
        ("repetition_penalty", |sampling| sampling.repetition_penalty = Some(0.9)),
        ("repetition_penalty", |sampling| sampling.repetition_penalty = Some(2.1)),
        ("repetition_penalty", |sampling| sampling.repetition_penalty = Some(f64::NAN)),
    ];
    for (field, bend) in bent {
        let mut sampling = Sampling::default();
        bend(&mut sampling);
        let what = format!("{sampling:?}");
        let request = sampled(subject, sampling);
        refuses_by(subject, &what, &[ErrorKind::InvalidRequest], request.clone()).await?;
        if let Err(error) = subject.chat(request).await? {
            let named = error.message().contains(field);
            demand(named, || format!("the error of {what} does not name `{field}`: `{error}`"))?;
        }
    }
    Ok(())
}

/// What is just within the ranges is answered.
pub async fn answers_at_the_edges_of_sampling(subject: &Subject) -> Outcome {
    let plain = Sampling::default();
    for sampling in [
        plain,
        Sampling { temperature: Some(2.0), ..plain },
        Sampling { temperature: Some(1.0), top_p: Some(1.0), ..plain },
        Sampling { temperature: Some(1.0), top_p: Some(1e-6), ..plain },
        Sampling { temperature: Some(1.0), top_k: Some(1), ..plain },
        Sampling { temperature: Some(1.0), top_k: Some(u32::MAX), ..plain },
        Sampling { repetition_penalty: Some(1.0), ..plain },
        Sampling { repetition_penalty: Some(2.0), ..plain },
        Sampling { temperature: Some(0.0), seed: Some(0), ..plain },
        Sampling { temperature: Some(0.0), seed: Some(u64::MAX), ..plain },
    ] {
        match subject.chat(sampled(subject, sampling)).await? {
            Ok(answer) => subject.spoke(&answer)?,
            Err(error) => return fail(format!("{sampling:?} was refused: {error}")),
        }
    }
    Ok(())
}

/// Of several stop texts, the one that would come first ends the answer.
pub async fn stops_before_the_first_of_several(subject: &Subject) -> Outcome {
    let free = subject.answer().await?.text();
    let (first, later) = stop_texts(&free)?;
    let stops = [later, "q7#never", first];
    let request = ChatRequest { stop: stops.map(str::to_owned).to_vec(), ..subject.asking(&subject.prompt) };
    for text in
        [subject.chat(request.clone()).await??.text(), subject.stream(request).await??.pieces.concat()]
    {
        let found = stops.iter().find(|stop| text.contains(**stop));
        demand(found.is_none(), || format!("{found:?} is in `{text}`"))?;
        if subject.repeatable {
            let at = stops.iter().filter_map(|stop| free.find(*stop)).min().unwrap_or(free.len());
            let before = free.get(..at).unwrap_or_default();
            same("the text before it", &before.trim_end(), &text.trim_end())?;
        }
    }
    Ok(())
}

/// More stop texts than most vendors take are all kept to, noted, or refused: never forgotten in silence.
pub async fn keeps_to_every_stop_text_or_says_so(subject: &Subject) -> Outcome {
    let free = subject.answer().await?.text();
    let (stop, _) = stop_texts(&free)?;
    // Whoever takes only the first few forgets the one that matters.
    let mut stops: Vec<String> = (0..16).map(|count| format!("q{count}#never")).collect();
    stops.push(stop.to_owned());
    match subject.chat(ChatRequest { stop: stops, ..subject.asking(&subject.prompt) }).await? {
        Err(error) if matches!(error.kind(), ErrorKind::InvalidRequest | ErrorKind::Unsupported) => Ok(()),
        Err(error) => Err(error.into()),
        Ok(answer) => {
            let noted = |note: &Note| note.code == NoteCode::Setting && note.text.contains("stop");
            let kept = !answer.text().contains(stop) || answer.notes.iter().any(noted);
            demand(kept, || format!("`{stop}` is in `{}`, and no note says so", answer.text()))
        }
    }
}

/// An answer of no tokens is an `InvalidRequest`, or one of no tokens: never one without a limit.
pub async fn writes_nothing_where_nothing_is_wanted(subject: &Subject) -> Outcome {
    let request = ChatRequest { max_output_tokens: Some(0), ..subject.asking(&subject.prompt) };
    match subject.chat(request).await? {
        Ok(answer) => {
            let nothing = answer.usage.usage().output_tokens() == Tokens::ZERO && answer.text().is_empty();
            demand(nothing, || format!("`{}` came where nothing was asked for", answer.text()))
        }
        Err(error) if *error.kind() == ErrorKind::InvalidRequest => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// More output than the model can give is answered, or is an `InvalidRequest` or `ContextOverflow`.
pub async fn stands_a_limit_above_its_own(subject: &Subject) -> Outcome {
    let window = subject.card()?.window;
    let above = window.max_output.unwrap_or(window.context).saturating_add(1);
    for limit in [above, u64::MAX] {
        let request = ChatRequest { max_output_tokens: Some(limit), ..subject.asking(&subject.prompt) };
        match subject.chat(request).await? {
            Ok(answer) => subject.spoke(&answer)?,
            Err(error) if matches!(error.kind(), ErrorKind::InvalidRequest | ErrorKind::ContextOverflow) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Log-probabilities come only where they are asked for, and then they are logarithms of probabilities, one for
/// each token of the answer at the most.
pub async fn tells_log_probabilities_where_asked(subject: &Subject) -> Outcome {
    let unasked = subject.answer().await?.log_probabilities;
    demand(unasked.is_none(), || format!("nobody asked for {unasked:?}"))?;
    let request = ChatRequest { log_probabilities: true, ..subject.asking(&subject.prompt) };
    let sound = |answer: &ChatResponse| {
        let Some(told) = &answer.log_probabilities else { return Ok(()) };
        // A probability of one, rounded, lies a little above.
        let odd = told.iter().find(|value| !value.is_finite() || **value > 1e-6);
        demand(odd.is_none(), || format!("{odd:?} is no logarithm of a probability"))?;
        let (count, written) = (Tokens::from(told.len()), answer.usage.usage().output_tokens());
        demand(count <= written, || format!("{count} of them came for {written} tokens"))
    };
    sound(&subject.chat(request.clone()).await??)?;
    sound(&subject.stream(request).await??.done)
}

/// For how long the prompt shall be kept changes nothing in the answer, and no token of it is counted twice.
pub async fn answers_alike_whatever_is_kept(subject: &Subject) -> Outcome {
    let before = subject.answer().await?;
    for cache in [CacheFor::FiveMinutes, CacheFor::OneHour] {
        for _ in 0..2 {
            let request = ChatRequest { cache: Some(cache), ..subject.asking(&subject.prompt) };
            let answer = subject.chat(request).await??;
            subject.alike("the answer to a prompt that is kept", &before, &answer)?;
            let (once, now) = (before.usage.usage().input_tokens(), answer.usage.usage().input_tokens());
            same("the input of a prompt that is kept", &once, &now)?;
        }
    }
    Ok(())
}

/// Nothing of one request's settings stays for the next.
pub async fn forgets_the_settings_of_the_last_request(subject: &Subject) -> Outcome {
    let before = subject.answer().await?;
    let request = ChatRequest {
        stop: vec![", ".to_owned()],
        max_output_tokens: Some(2),
        log_probabilities: true,
        sampling: Sampling { temperature: Some(1.5), top_p: Some(0.5), ..Sampling::default() },
        ..subject.asking(&subject.prompt)
    };
    subject.chat(request).await??;
    let after = subject.answer().await?;
    subject.alike("the answer after other settings", &before, &after)?;
    if subject.repeatable {
        same("its reason to stop", &before.finish_reason, &after.finish_reason)?;
    }
    Ok(())
}
