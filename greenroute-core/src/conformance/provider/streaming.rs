use super::Subject;
use crate::chat::{ChatRequest, Message, Role};
use crate::conformance::{Outcome, demand, fail, same};
use futures_util::future::join;
use futures_util::{FutureExt, StreamExt};

/// The pieces joined are the text of `Done`, none is empty, and a long answer comes in more than one.
pub async fn streams_the_text_of_its_answer(subject: &Subject) -> Outcome {
    let streamed = subject.stream(subject.asking(&subject.prompt)).await??;
    same("the pieces joined", &streamed.done.text(), &streamed.pieces.concat())?;
    demand(streamed.pieces.iter().all(|piece| !piece.is_empty()), || "a piece is empty".to_owned())?;
    let count = streamed.pieces.len();
    demand(count > 1, || format!("`{}` came in {count} piece", streamed.done.text()))
}

/// A stream ends in exactly one `Done`, or one error, and nothing follows; short and cut answers as well.
pub async fn ends_a_stream_in_one_done(subject: &Subject) -> Outcome {
    for limit in [1, 2, subject.max_output_tokens] {
        let request = ChatRequest { max_output_tokens: Some(limit), ..subject.asking(&subject.prompt) };
        let streamed = subject.stream(request).await??;
        same("the pieces joined", &streamed.done.text(), &streamed.pieces.concat())?;
    }
    Ok(())
}

/// Whole or in pieces, it is the same answer, with the same count of tokens and the same reason to stop.
pub async fn streams_what_it_says_whole(subject: &Subject) -> Outcome {
    let whole = subject.answer().await?;
    let streamed = subject.stream(subject.asking(&subject.prompt)).await??.done;
    subject.alike("the streamed answer", &whole, &streamed)?;
    same("the provider that answered", &whole.returned.provider, &streamed.returned.provider)?;
    if subject.repeatable {
        same("its usage", &whole.usage, &streamed.usage)?;
        same("its reason to stop", &whole.finish_reason, &streamed.finish_reason)?;
    }
    Ok(())
}

/// Emoji of many characters, Chinese and right-to-left scripts: the pieces joined are still the text.
pub async fn keeps_unicode_whole_in_pieces(subject: &Subject) -> Outcome {
    for text in [
        "Repeat this three times: 👩‍👩‍👧‍👦🏳️‍🌈👍🏽🌍🇮🇳",
        "请用中文从一数到二十。",
        "عد من واحد إلى عشرين. ספור מאחת עד עשרים.",
        "Zählen Sie auf: Z\u{351}\u{36b}a\u{36c} \u{202e}abc\u{202c} \u{0} \u{feff}",
    ] {
        let streamed = subject.stream(subject.asking(text)).await??;
        same(
            &format!("the pieces of the answer to `{text}`"),
            &streamed.done.text(),
            &streamed.pieces.concat(),
        )?;
    }
    Ok(())
}

/// A stream dropped before it was read, and one dropped after its first piece, leave nothing behind.
pub async fn stands_a_dropped_stream(subject: &Subject) -> Outcome {
    let before = subject.answer().await?;
    for pieces in [0, 1] {
        let request = subject.asking(&subject.prompt);
        let mut events = subject.within("a stream", subject.provider.chat_stream(request)).await??;
        for _ in 0..pieces {
            match subject.within("a first event", events.next()).await? {
                Some(event) => event.map(|_| ())?,
                None => return fail("the stream ended before its first event"),
            }
        }
        drop(events);
        subject.alike("the answer after a dropped stream", &before, &subject.answer().await?)?;
    }
    Ok(())
}

/// A chat dropped while it was on its way leaves nothing behind.
pub async fn stands_a_dropped_chat(subject: &Subject) -> Outcome {
    let before = subject.answer().await?;
    for _ in 0..2 {
        let mut chat = subject.provider.chat(subject.asking(&subject.prompt));
        // Polled once, so that the work has begun; a provider may well be done at that.
        if let Some(done) = (&mut chat).now_or_never() {
            done?;
        }
        drop(chat);
        let mut stream = subject.provider.chat_stream(subject.asking(&subject.prompt));
        if let Some(begun) = (&mut stream).now_or_never() {
            drop(begun?);
        }
    }
    subject.alike("the answer after a dropped chat", &before, &subject.answer().await?)
}

/// Two chats at once, one of them streamed, give what they give alone.
pub async fn answers_two_at_once_as_alone(subject: &Subject) -> Outcome {
    let other = || {
        let history = ["Name three rivers.", "The Rhine, the Nile and the Ganges.", "Name three more."];
        let roles = [Role::User, Role::Assistant, Role::User];
        let said = roles.into_iter().zip(history).map(|(role, text)| Message::text(role, text));
        subject.request(said.collect())
    };
    let alone = (subject.answer().await?, subject.chat(other()).await??);
    let (one, two) = join(subject.answer(), subject.stream(other())).await;
    subject.alike("the answer beside another", &alone.0, &one?)?;
    subject.alike("the stream beside another", &alone.1, &two??.done)?;
    let (one, two) = join(subject.chat(other()), subject.answer()).await;
    subject.alike("the answer beside another", &alone.1, &one??)?;
    subject.alike("the answer beside another", &alone.0, &two?)
}
