use super::answer::{Call, Fault, Heard};
use futures_core::Stream;
use futures_util::StreamExt;
use futures_util::stream::unfold;
use greenroute_core::chat::ChatEvent;
use greenroute_core::{Error, ErrorKind, Result};
use greenroute_http::SseItem;
use serde_json::Value;
use std::collections::VecDeque;

/// The line that ends a stream; nothing after it counts.
const END: &str = "[DONE]";

/// What the provider sends, as the events of one answer.
pub(super) fn events<S>(items: S, call: Call) -> impl Stream<Item = Result<ChatEvent>> + Send + 'static
where
    S: Stream<Item = Result<SseItem>> + Send + Unpin + 'static,
{
    let listener = Listener { items, heard: Heard::default(), call: Some(call), ready: VecDeque::new() };
    unfold(listener, |mut listener| async move {
        let event = listener.next().await?;
        Some((event, listener))
    })
}

struct Listener<S> {
    items: S,
    heard: Heard,
    /// Until the answer is complete or has failed.
    call: Option<Call>,
    ready: VecDeque<ChatEvent>,
}

impl<S: Stream<Item = Result<SseItem>> + Unpin> Listener<S> {
    async fn next(&mut self) -> Option<Result<ChatEvent>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(Ok(event));
            }
            self.call.as_ref()?;
            match self.items.next().await {
                None => return self.end(None),
                Some(Err(error)) => return self.end(Some(error)),
                Some(Ok(SseItem::Comment(comment))) => self.heard.hear_comment(comment),
                Some(Ok(SseItem::Event { name, data })) => match data.trim() {
                    END => return self.end(None),
                    "" => {}
                    data => {
                        if let Err(fault) = self.hear(&name, data) {
                            let error = self.error(fault);
                            return self.end(Some(error));
                        }
                    }
                },
            }
        }
    }

    fn hear(&mut self, event: &str, data: &str) -> Result<(), Fault> {
        let Some(call) = &self.call else {
            return Ok(());
        };
        let piece: Value = serde_json::from_str(data)
            .map_err(|error| Fault::Unreadable(format!("a piece of the stream is no JSON: {error}")))?;
        if event == "error" {
            return Err(Fault::Reported(piece));
        }
        let added = self.heard.hear(piece, &call.provider.0.dialect)?;
        let thinking = Some(added.thinking).filter(|text| !text.is_empty()).map(ChatEvent::Thinking);
        let text = Some(added.text).filter(|text| !text.is_empty()).map(ChatEvent::Text);
        self.ready.extend(thinking.into_iter().chain(text));
        Ok(())
    }

    fn error(&self, fault: Fault) -> Error {
        let Some(call) = &self.call else {
            return Error::new(ErrorKind::Internal, "openai", "a stream failed after its end");
        };
        let origin = call.request.model.to_string();
        let error = match fault {
            Fault::Unreadable(what) => Error::new(ErrorKind::Decode, origin.as_str(), what),
            Fault::Reported(body) => call.provider.0.client.error_in(&body, &origin),
        };
        // Whoever has heard the beginning shall not hear it again from another model.
        if self.heard.has_begun() {
            Error::new(ErrorKind::StreamError, origin, error.message())
        } else {
            error
        }
    }

    /// The end of the answer: it is complete, whatever came after that, or it broke off.
    fn end(&mut self, broken: Option<Error>) -> Option<Result<ChatEvent>> {
        let call = self.call.take()?;
        let heard = std::mem::take(&mut self.heard);
        if heard.is_finished() {
            return Some(heard.answer(call).map(|answer| ChatEvent::Done(Box::new(answer))));
        }
        Some(Err(broken.unwrap_or_else(|| {
            let message = "the stream ended before the answer was complete";
            let kind = ErrorKind::StreamTruncated { partial: heard.into_text() };
            Error::new(kind, call.request.model.to_string(), message)
        })))
    }
}
