use super::Subject;
use crate::chat::{ChatEvent, ChatRequest};
use crate::conformance::{Finding, Outcome, fail, same};
use futures_util::future::join_all;
use futures_util::{FutureExt, StreamExt};
use std::time::Duration;

/// Twenty chats and streams, dropped together before they were polled, on their way, and after a first piece, leave
/// nothing behind.
pub async fn stands_twenty_dropped_at_once(subject: &Subject) -> Outcome {
    let before = subject.answer().await?;
    let asking = || subject.asking(&subject.prompt);
    drop((0..20).map(|_| subject.provider.chat(asking())).collect::<Vec<_>>());
    let mut chats = Box::pin(join_all((0..20).map(|_| subject.provider.chat(asking()))));
    // A provider may well be done at once.
    let done = (&mut chats).now_or_never();
    drop(chats);
    done.into_iter().flatten().try_for_each(|done| done.map(|_| ()))?;
    let streams = join_all((0..20).map(|_| subject.provider.chat_stream(asking())));
    let mut begun = Vec::new();
    for stream in subject.within("twenty streams", streams).await? {
        begun.push(stream?);
    }
    for stream in begun.iter_mut().take(5) {
        match subject.within("a first event", stream.next()).await? {
            Some(event) => event.map(|_| ())?,
            None => return fail("a stream ended before its first event"),
        }
    }
    drop(begun);
    subject.alike("the answer after twenty drops", &before, &subject.answer().await?)
}

/// Sixteen at once, every other one streamed, are answered as each alone.
pub async fn answers_sixteen_at_once_as_alone(subject: &Subject) -> Outcome {
    let prompt = |number: usize| format!("{} You are number n{number}x.", subject.prompt);
    let mut alone = Vec::new();
    for number in 0..16 {
        alone.push(subject.chat(subject.asking(&prompt(number))).await??);
    }
    let together = join_all((0..16).map(async |number| {
        let request = subject.asking(&prompt(number));
        if number % 2 == 0 {
            return Ok::<_, Finding>(subject.chat(request).await??);
        }
        Ok(subject.stream(request).await??.done)
    }));
    for (number, (alone, beside)) in alone.iter().zip(together.await).enumerate() {
        let beside = beside?;
        subject.alike(&format!("the answer to number {number} beside others"), alone, &beside)?;
        let read = |answer: &crate::chat::ChatResponse| answer.usage.usage().input_tokens();
        same(&format!("the input of number {number} beside others"), &read(alone), &read(&beside))?;
    }
    Ok(())
}

/// Where it tells for how long it has computed, that ends soon after its stream is dropped.
pub async fn stops_computing_when_dropped(subject: &Subject) -> Outcome {
    let request =
        ChatRequest { max_output_tokens: Some(subject.room(1 << 20)), ..subject.asking(&subject.prompt) };
    let time = request.compute_time.clone();
    let mut events = subject.within("a stream", subject.provider.chat_stream(request)).await??;
    match subject.within("a first event", events.next()).await? {
        Some(event) => event.map(|_| ())?,
        None => return fail("the stream ended before its first event"),
    }
    drop(events);
    let Some(mut told) = time.total() else {
        return Err(Finding::DoesNotApply("it does not tell for how long it computes".to_owned()));
    };
    for _ in 0..20 {
        subject.runtime.sleep(Duration::from_millis(100)).await;
        let now = time.total().unwrap_or_default();
        if now == told {
            return Ok(());
        }
        told = now;
    }
    fail(format!("two seconds after it was dropped it still computes, {told:?} so far"))
}

/// Who reads a stream slowly reads all of it.
pub async fn waits_for_a_slow_reader(subject: &Subject) -> Outcome {
    let whole = subject.answer().await?;
    let request = subject.asking(&subject.prompt);
    let slow = async {
        let mut events = subject.provider.chat_stream(request).await?;
        let mut text = String::new();
        while let Some(event) = events.next().await {
            subject.runtime.sleep(Duration::from_millis(5)).await;
            match event? {
                ChatEvent::Text(piece) => text.push_str(&piece),
                ChatEvent::Thinking(_) => {}
                ChatEvent::Done(done) => {
                    same("the pieces joined", &done.text(), &text)?;
                    return subject.alike("the answer that was read slowly", &whole, &done);
                }
            }
        }
        fail("the stream ended without `Done`")
    };
    subject.within("a stream that is read slowly", slow).await?
}
