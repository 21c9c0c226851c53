use super::answer::Answer;
use futures_core::Stream;
use futures_util::{StreamExt, stream};
use greenroute_core::Result;
use greenroute_core::chat::ChatEvent;
use std::collections::VecDeque;

/// The events of an answer whose lines come one by one: pieces, and in the end its whole or an error. What follows
/// that end is not read.
pub(super) fn events<L>(lines: L, answer: Answer) -> impl Stream<Item = Result<ChatEvent>> + Send + 'static
where
    L: Stream<Item = Result<String>> + Send + Unpin + 'static,
{
    let reading = Reading { lines, answer, ready: VecDeque::new(), ended: false };
    stream::unfold(reading, |mut reading| async move {
        let event = reading.next().await?;
        Some((event, reading))
    })
}

struct Reading<L> {
    lines: L,
    answer: Answer,
    ready: VecDeque<ChatEvent>,
    ended: bool,
}

impl<L: Stream<Item = Result<String>> + Unpin> Reading<L> {
    async fn next(&mut self) -> Option<Result<ChatEvent>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.ended |= matches!(event, ChatEvent::Done(_));
                return Some(Ok(event));
            }
            if self.ended {
                return None;
            }
            let read = match self.lines.next().await {
                Some(line) => line.and_then(|line| self.answer.take(&line)),
                None => Err(self.answer.cut()),
            };
            match read {
                Ok(events) => self.ready.extend(events),
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
        }
    }
}
