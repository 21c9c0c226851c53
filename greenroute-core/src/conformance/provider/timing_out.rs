use super::Subject;
use crate::chat::ChatRequest;
use crate::conformance::{Finding, Outcome, demand};
use crate::error::{Error, ErrorKind};
use std::time::Duration;

/// Too little time is a `Timeout`, or a `Connection` error where there was none to connect in, unless the answer was
/// faster; it never hangs, and the next prompt is answered as before.
pub async fn gives_up_in_time(subject: &Subject) -> Outcome {
    let before = subject.answer().await?;
    let in_time = |error: Error| match error.kind() {
        ErrorKind::Timeout | ErrorKind::Connection => Ok(()),
        _ => Err(Finding::from(error)),
    };
    for timeout in [Duration::ZERO, Duration::from_nanos(1), Duration::from_millis(1)] {
        let request = ChatRequest { timeout: Some(timeout), ..subject.asking(&subject.prompt) };
        let begun = subject.runtime.elapsed();
        subject.chat(request.clone()).await?.map_or_else(in_time, |answer| subject.spoke(&answer))?;
        subject.stream(request).await?.map_or_else(in_time, |streamed| subject.spoke(&streamed.done))?;
        let passed = subject.runtime.elapsed().saturating_sub(begun);
        let soon = passed < Duration::from_secs(10).max(subject.patience / 10);
        demand(soon, || format!("a timeout of {timeout:?} took {passed:?}"))?;
    }
    subject.alike("the answer after a timeout", &before, &subject.answer().await?)
}

/// No timeout, and the longest that there is, are answered.
pub async fn stands_an_endless_timeout(subject: &Subject) -> Outcome {
    for timeout in [None, Some(Duration::MAX), Some(Duration::from_secs(u64::MAX))] {
        let request = ChatRequest { timeout, ..subject.asking(&subject.prompt) };
        subject.spoke(&subject.chat(request.clone()).await??)?;
        subject.spoke(&subject.stream(request).await??.done)?;
    }
    Ok(())
}
