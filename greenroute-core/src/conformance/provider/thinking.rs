use super::Subject;
use crate::chat::{Block, ChatRequest, ChatResponse, Effort, FinishReason, Message, Role};
use crate::conformance::{Finding, Outcome, demand, same};
use crate::model::ModelKey;
use crate::note::{Note, NoteCode};
use crate::units::Tokens;
use serde_json::json;

/// Room for the shortest thinking that vendors let one ask for.
const ROOM: u64 = 2048;

fn with_effort(subject: &Subject, effort: Effort) -> ChatRequest {
    ChatRequest { effort: Some(effort), ..subject.asking(&subject.prompt) }
}

/// The same with room to think.
fn thinking(subject: &Subject) -> ChatRequest {
    ChatRequest { max_output_tokens: Some(subject.room(ROOM)), ..with_effort(subject, Effort::High) }
}

fn opaque(answer: &ChatResponse) -> impl Iterator<Item = &ModelKey> {
    answer.blocks.iter().filter_map(|block| match block {
        Block::Opaque { made_by, .. } => Some(made_by),
        _ => None,
    })
}

/// However hard it shall think, it answers; where its limit left no room for text, it says so.
pub async fn answers_at_every_effort(subject: &Subject) -> Outcome {
    for effort in [Effort::Off, Effort::Low, Effort::Medium, Effort::High] {
        let answer = subject.chat(with_effort(subject, effort)).await??;
        if answer.finish_reason != FinishReason::Length {
            subject.spoke(&answer)?;
        }
    }
    Ok(())
}

/// Asked to think hard, it thinks, or a note says that it cannot be told to.
pub async fn thinks_or_says_that_it_cannot(subject: &Subject) -> Outcome {
    let streamed = subject.stream(thinking(subject)).await??;
    let noted = |note: &Note| note.code == NoteCode::Setting && note.text.contains("effort");
    let thought = !streamed.thinking.is_empty()
        || opaque(&streamed.done).next().is_some()
        || streamed.done.usage.usage().output_reasoning > Tokens::ZERO;
    demand(thought || streamed.done.notes.iter().any(noted), || {
        "no thinking came, and no note names the `effort` that was asked for".to_owned()
    })
}

/// What it thinks is no part of its text, and comes in pieces that are not empty.
pub async fn thinks_apart_from_its_text(subject: &Subject) -> Outcome {
    let streamed = subject.stream(thinking(subject)).await??;
    if streamed.thinking.is_empty() {
        return Err(Finding::DoesNotApply("it shows no thinking".to_owned()));
    }
    let (thought, text) = (streamed.thinking.concat(), streamed.done.text());
    demand(streamed.thinking.iter().all(|piece| !piece.is_empty()), || "a piece is empty".to_owned())?;
    same("the pieces joined", &text, &streamed.pieces.concat())?;
    let apart = !text.contains("<think") && !text.contains(thought.trim());
    demand(apart, || format!("the thinking `{thought}` is in the text `{text}`"))?;
    let whole = subject.chat(thinking(subject)).await??.text();
    demand(!whole.contains(thought.trim()), || format!("the thinking `{thought}` is in the text `{whole}`"))
}

/// Opaque blocks name the model that was asked as their maker, and are taken back with the next prompt; they come
/// whole as in pieces.
pub async fn takes_back_its_opaque_blocks(subject: &Subject) -> Outcome {
    let request = thinking(subject);
    let answers = [subject.chat(request.clone()).await??, subject.stream(request.clone()).await??.done];
    let makes = answers.each_ref().map(|answer| opaque(answer).next().is_some());
    if subject.repeatable {
        same("whether opaque blocks come, streamed", &makes[0], &makes[1])?;
    }
    if makes == [false; 2] {
        return Err(Finding::DoesNotApply("it makes no opaque blocks".to_owned()));
    }
    for answer in answers {
        for made_by in opaque(&answer) {
            same("the maker of an opaque block", &subject.model, made_by)?;
        }
        let mut next = request.clone();
        next.messages.push(Message { role: Role::Assistant, blocks: answer.blocks });
        next.messages.push(Message::text(Role::User, subject.prompt.as_str()));
        subject.spoke(&subject.chat(next).await??)?;
    }
    Ok(())
}

/// Opaque blocks of another maker are left out, and never read as text: the answer is as without them.
pub async fn leaves_out_what_others_made(subject: &Subject) -> Outcome {
    const SECRET: &str = "xylophonic";
    let asking = |foreign: Option<&ModelKey>| {
        let content = json!({"type": "thinking", "thinking": SECRET, "text": SECRET, "signature": "c2ln"});
        let block = foreign.map(|made_by| Block::Opaque { made_by: made_by.clone(), content });
        let blocks = block.into_iter().chain([Block::text("Paris.")]).collect();
        subject.request(vec![
            Message::text(Role::User, "What is the capital of France?"),
            Message { role: Role::Assistant, blocks },
            Message::text(Role::User, subject.prompt.as_str()),
        ])
    };
    let without = subject.chat(asking(None)).await??;
    let name = subject.provider.name();
    for maker in [ModelKey::new("no-such-provider", "thinker"), ModelKey::new(name.as_str(), "no-such-model")]
    {
        let answer = subject.chat(asking(Some(&maker))).await??;
        let read = |answer: &ChatResponse| answer.usage.usage().input_tokens();
        same(&format!("the input beside a block of {maker}"), &read(&without), &read(&answer))?;
        demand(!answer.text().contains(SECRET), || format!("it read a block of {maker}"))?;
        subject.alike("the answer beside it", &without, &answer)?;
    }
    Ok(())
}
