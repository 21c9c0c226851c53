use super::answer::Answer;
use super::wire::GenerateResponse;
use futures_core::stream::BoxStream;
use futures_util::{Stream, StreamExt, stream};
use greenroute_core::chat::ChatEvent;
use greenroute_core::{Error, ErrorKind, Result};
use greenroute_http::{Client, SseItem};
use serde_json::Value;
use std::collections::VecDeque;

/// The answer in pieces, as they come. It is complete when the body ends and a reason to stop was given before: the
/// reason alone is not the end, text may follow it, and there is no other mark.
pub(super) fn events<S>(items: S, answer: Answer, client: Client) -> BoxStream<'static, Result<ChatEvent>>
where
    S: Stream<Item = Result<SseItem>> + Send + Unpin + 'static,
{
    let reading = Reading { items, answer: Some(answer), client, ready: VecDeque::new(), heard: false };
    stream::unfold(reading, |mut reading| async { Some((reading.next().await?, reading)) }).boxed()
}

struct Reading<S> {
    items: S,
    /// Gone once the stream has come to its end or broken.
    answer: Option<Answer>,
    client: Client,
    ready: VecDeque<ChatEvent>,
    /// Whether the caller has been given anything.
    heard: bool,
}

impl<S: Stream<Item = Result<SseItem>> + Unpin> Reading<S> {
    async fn next(&mut self) -> Option<Result<ChatEvent>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.heard = true;
                return Some(Ok(event));
            }
            let answer = self.answer.as_mut()?;
            let failed = match self.items.next().await {
                Some(Ok(SseItem::Event { data, .. })) => match read(&data) {
                    Ok(more) => {
                        self.ready.extend(answer.add(more));
                        continue;
                    }
                    Err(unread) => self.failure(unread),
                },
                Some(Ok(SseItem::Comment(_))) => continue,
                Some(Err(error)) => error,
                None => return self.end(),
            };
            self.answer = None;
            return Some(Err(failed));
        }
    }

    fn end(&mut self) -> Option<Result<ChatEvent>> {
        let answer = self.answer.take()?;
        if answer.has_ended() {
            return Some(answer.finish().map(|response| ChatEvent::Done(Box::new(response))));
        }
        let kind = ErrorKind::StreamTruncated { partial: answer.text() };
        let message = "the stream ended without a reason to stop";
        Some(Err(Error::new(kind, answer.origin(), message)))
    }

    fn failure(&self, unread: Unread) -> Error {
        let origin = self.answer.as_ref().map(Answer::origin).unwrap_or_default();
        let error = match unread {
            Unread::Reported(body) => self.client.error_in(&body, &origin),
            Unread::Broken(message) => Error::new(ErrorKind::Decode, origin.as_str(), message),
        };
        if !self.heard {
            return error;
        }
        let message = format!("the stream broke: {}", error.message());
        Error::new(ErrorKind::StreamError, origin, message).with_source(error)
    }
}

/// An event that is no piece of an answer.
enum Unread {
    /// It reports a failure.
    Reported(Value),
    /// It is not what Gemini sends; says what is wrong.
    Broken(String),
}

fn read(data: &str) -> Result<GenerateResponse, Unread> {
    let broken =
        |error: serde_json::Error| Unread::Broken(format!("an event is not the JSON expected: {error}"));
    let body: Value = serde_json::from_str(data).map_err(broken)?;
    let failed = |body: &Value| body.get("error").is_some_and(|error| !error.is_null());
    if failed(&body) || body.get(0).is_some_and(failed) {
        return Err(Unread::Reported(body));
    }
    serde_json::from_value(body).map_err(broken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroute_core::ModelKey;
    use greenroute_core::chat::{ChatRequest, FinishReason, Message, Role};
    use greenroute_http::{SseReader, Timeouts};
    use proptest::prelude::*;
    use std::sync::LazyLock;

    const PLAIN: &str = include_str!("../../tests/fixtures/wire/gemini_stream.json");
    const TWO_ENDS: &str = include_str!("../../tests/fixtures/wire/gemini_stream_two_finish.json");

    /// Sends nothing, and knows what errors mean.
    static CLIENT: LazyLock<Client> = LazyLock::new(|| {
        let client = Client::new("gemini", "http://localhost", Timeouts::default()).unwrap();
        client.classifier(crate::gemini::error::classify)
    });

    fn frames(recorded: &str) -> Vec<String> {
        let recorded: Value = serde_json::from_str(recorded).unwrap();
        let frames = recorded["response"]["sse_frames"].as_array().unwrap();
        frames.iter().map(|frame| frame.as_str().unwrap().to_owned()).collect()
    }

    /// What a caller hears of a body that comes in these chunks.
    fn heard<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<Result<ChatEvent>> {
        let mut reader = SseReader::new();
        let mut items = Vec::new();
        for chunk in chunks {
            reader.push(chunk);
            while let Some(item) = reader.pull().unwrap() {
                items.push(Ok(item));
            }
        }
        items.extend(reader.finish().map(Ok));
        let request = ChatRequest::new(ModelKey::new("gemini", "m"), vec![Message::text(Role::User, "hi")]);
        futures_util::FutureExt::now_or_never(
            events(stream::iter(items), Answer::to(request, vec![]), CLIENT.clone()).collect(),
        )
        .unwrap()
    }

    fn texts(events: &[Result<ChatEvent>]) -> String {
        let texts = events.iter().filter_map(|event| match event {
            Ok(ChatEvent::Text(text)) => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }

    #[test]
    fn a_recorded_stream_ends_in_its_whole_answer() {
        let body = frames(PLAIN).concat();
        let events = heard([body.as_bytes()]);
        assert_eq!(texts(&events), "Hi there.");
        let Some(Ok(ChatEvent::Done(done))) = events.last() else { panic!("{events:?}") };
        assert_eq!((done.text().as_str(), &done.finish_reason), ("Hi there.", &FinishReason::Stop));
        assert_eq!(done.usage.usage().total_tokens().get(), 53);
        assert_eq!((done.timing, done.notes.len()), (None, 0));
    }

    #[test]
    fn text_after_a_reason_to_stop_still_counts() {
        let body = frames(TWO_ENDS).concat();
        let events = heard([body.as_bytes()]);
        let Some(Ok(ChatEvent::Done(done))) = events.last() else { panic!("{events:?}") };
        assert_eq!(done.text(), "142");
        assert_eq!(done.usage.usage().total_tokens().get(), 246);
    }

    #[test]
    fn a_stream_without_a_reason_to_stop_is_cut() {
        let mut frames = frames(PLAIN);
        frames.pop();
        let events = heard([frames.concat().as_bytes()]);
        let error = events.last().unwrap().as_ref().unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::StreamTruncated { partial: "Hi there.".into() });
        let error = heard([]).pop().unwrap().unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::StreamTruncated { partial: String::new() });
    }

    #[test]
    fn a_reported_failure_is_what_it_is_until_something_was_heard() {
        let report = "data: {\"error\":{\"code\":503,\"message\":\"busy\",\"status\":\"UNAVAILABLE\"}}\n\n";
        let kinds = |body: String| heard([body.as_bytes()]).pop().unwrap().unwrap_err().kind().clone();
        assert_eq!(kinds(report.to_owned()), ErrorKind::Overloaded);
        let alone = report.replace("data: {", "data: [{").replace("}\n", "}]\n");
        assert_eq!(kinds(alone), ErrorKind::Overloaded, "in an array of one");
        assert_eq!(kinds(frames(PLAIN).remove(0) + report), ErrorKind::StreamError);
        let nothing =
            report.replace("{\"code\":503,\"message\":\"busy\",\"status\":\"UNAVAILABLE\"}", "null");
        let truncated = ErrorKind::StreamTruncated { partial: String::new() };
        assert_eq!(kinds(nothing), truncated, "an error that is none");
        assert_eq!(kinds("data: {not json\n\n".to_owned()), ErrorKind::Decode);
        assert_eq!(kinds(frames(PLAIN).remove(0) + "data: 7\n\n"), ErrorKind::StreamError);
    }

    proptest! {
        #[test]
        fn chunks_are_of_no_account(cuts in proptest::collection::vec(0usize..2000, 0..20)) {
            for recorded in [PLAIN, TWO_ENDS] {
                let body = frames(recorded).concat().replace("there", "thère 👩‍👩‍👧");
                let body = body.as_bytes();
                let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % body.len()).collect();
                cuts.extend([0, body.len()]);
                cuts.sort_unstable();
                let chunks = cuts.windows(2).map(|pair| &body[pair[0]..pair[1]]);
                prop_assert_eq!(format!("{:?}", heard(chunks)), format!("{:?}", heard([body])));
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut body = b"data: ".to_vec();
            body.extend(bytes);
            let events = heard([body.as_slice()]);
            prop_assert!(events.last().is_some_and(Result::is_err));
        }
    }
}
