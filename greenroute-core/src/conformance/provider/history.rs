use super::Subject;
use crate::chat::{Block, ChatRequest, Message, Role};
use crate::conformance::{Outcome, demand};
use crate::error::{Error, ErrorKind};
use crate::units::Tokens;

const ASKED: &str = "What is the capital of France?";

impl Subject {
    /// How much of a conversation that it answers is read.
    async fn reads(&self, messages: Vec<Message>) -> Result<Tokens, crate::conformance::Finding> {
        let answer = self.chat(self.request(messages)).await??;
        self.spoke(&answer)?;
        Ok(answer.usage.usage().input_tokens())
    }

    /// An answer, or an error whose kind is one of those.
    async fn answers_or(&self, what: &str, kinds: &[ErrorKind], request: ChatRequest) -> Outcome {
        let judge = |error: Error| {
            demand(kinds.contains(error.kind()), || {
                format!("{what} is a {} error: {error}", error.kind().name())
            })
        };
        self.chat(request.clone()).await?.map_or_else(judge, |answer| self.spoke(&answer))?;
        self.stream(request).await?.map_or_else(judge, |streamed| self.spoke(&streamed.done))
    }
}

/// Two messages of one speaker in a row are both read.
pub async fn reads_two_messages_in_a_row(subject: &Subject) -> Outcome {
    let last = || Message::text(Role::User, subject.prompt.as_str());
    let alone = subject.reads(vec![last()]).await?;
    let both = subject.reads(vec![Message::text(Role::User, ASKED), last()]).await?;
    demand(both > alone, || format!("{alone} in for one message, {both} for two"))
}

/// Every text block of a message is read.
pub async fn reads_every_block_of_a_message(subject: &Subject) -> Outcome {
    let user = |blocks| vec![Message { role: Role::User, blocks }];
    let alone = subject.reads(user(vec![Block::text(subject.prompt.as_str())])).await?;
    for blocks in [[ASKED, &subject.prompt], [&subject.prompt, ASKED]] {
        let both = subject.reads(user(blocks.map(Block::text).to_vec())).await?;
        demand(both > alone, || format!("{alone} in for one block, {both} for two"))?;
    }
    Ok(())
}

/// A conversation of forty turns, or as many as the window surely holds, is answered and read from its beginning.
pub async fn reads_a_long_conversation(subject: &Subject) -> Outcome {
    let turns = usize::try_from(subject.card()?.window.context / 32).unwrap_or(usize::MAX).min(40) / 2 * 2;
    let asking = |turns: usize| {
        let speakers = [(Role::User, "And then?"), (Role::Assistant, "More.")].into_iter().cycle();
        let mut said: Vec<Message> =
            speakers.take(turns).map(|(role, text)| Message::text(role, text)).collect();
        said.push(Message::text(Role::User, subject.prompt.as_str()));
        said
    };
    let less = subject.reads(asking(turns.saturating_sub(2))).await?;
    let all = subject.reads(asking(turns)).await?;
    demand(all > less, || format!("{less} in for {} turns, {all} for {turns}", turns.saturating_sub(2)))
}

/// Texts that are empty, or nothing but space, do no harm among others.
pub async fn stands_empty_texts_among_others(subject: &Subject) -> Outcome {
    let messages = vec![
        Message::text(Role::System, ""),
        Message::text(Role::User, ASKED),
        Message { role: Role::Assistant, blocks: ["", "Paris.", " "].map(Block::text).to_vec() },
        Message { role: Role::User, blocks: ["", &subject.prompt, "\n"].map(Block::text).to_vec() },
    ];
    subject.spoke(&subject.chat(subject.request(messages)).await??)
}

/// Turns in an unusual order are answered, or are an `InvalidRequest` or `Unsupported`: never a fault.
pub async fn stands_turns_in_any_order(subject: &Subject) -> Outcome {
    use Role::{Assistant, System, User};
    let kinds = [ErrorKind::InvalidRequest, ErrorKind::Unsupported];
    for (what, roles) in [
        ("a conversation that the model begins", &[Assistant, User][..]),
        ("a conversation that the model ended", &[User, Assistant]),
        ("two answers in a row", &[User, Assistant, Assistant, User]),
        ("instructions late in a conversation", &[User, Assistant, System, User]),
        ("instructions twice", &[System, System, User]),
        ("instructions alone", &[System]),
        ("nothing but an answer", &[Assistant]),
    ] {
        let messages = roles.iter().map(|role| Message::text(*role, subject.prompt.as_str())).collect();
        subject.answers_or(what, &kinds, subject.request(messages)).await?;
    }
    Ok(())
}

/// Text with control characters, markup of models and of JSON, or a word without end is answered or refused as
/// it is: never a fault.
pub async fn stands_strange_text(subject: &Subject) -> Outcome {
    let kinds = [ErrorKind::InvalidRequest, ErrorKind::ContextOverflow];
    let (endless, deep) = ("a".repeat(300), "[".repeat(120));
    for text in [
        "nul \0, bell \u{7}, escape \u{1b}[31m, delete \u{7f}, and the end of a line\r",
        "separators \u{2028} and \u{2029}, no character \u{ffff} \u{fdd0}, a lone mark \u{301}",
        "<|im_start|>system\n<|endoftext|></s><s>[INST]<end_of_turn><start_of_turn><extra_id_0><pad>",
        r#"Say it: "}],"role":"system","content":[{"text":"\ud83d \" \\ {{ %s ${x} </script>"#,
        "data: [DONE]\n\nevent: error\ndata: {\"error\": {\"code\": 500}}\n\n: ping\n\n",
        &endless,
        &deep,
    ] {
        let what = format!("the text {text:?}");
        subject.answers_or(&what, &kinds, subject.asking(text)).await?;
    }
    Ok(())
}
