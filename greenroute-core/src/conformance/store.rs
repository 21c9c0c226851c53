//! What a [`ConversationStore`] promises: turns in order, each commit whole, and of two writers exactly one wins.
//!
//! Run it over an empty store.

use super::{AsyncCheck, Finding, Outcome, Scenario, demand, fail, same, sample, scenarios};
use crate::chat::{Block, Message, Role};
use crate::conversation::{Append, Conversation, ConversationId, ConversationStore, Turn};
use crate::error::{ErrorKind, Result as Done};
use crate::model::ModelKey;
use futures_util::future::join_all;

/// Every scenario. They begin conversations under ids of their own.
pub const ALL: &[Scenario<AsyncCheck<dyn ConversationStore>>] = scenarios![
    async
    finds_what_was_created,
    refuses_an_id_that_is_taken,
    knows_no_conversation_that_was_not_created,
    appends_in_order,
    gives_the_tail_oldest_first,
    gives_back_every_block_as_it_was,
    refuses_a_stale_head_and_keeps_the_turns,
    appends_the_turns_of_a_receipt_once,
    lets_one_of_many_writers_win,
    changes_the_active_model_from_what_is_expected,
    deletes_a_conversation_with_its_turns,
    lists_the_newest_first,
    keeps_conversations_apart,
];

async fn begin(store: &dyn ConversationStore, id: &str) -> Result<ConversationId, Finding> {
    let id = ConversationId::new(format!("conformance-{id}"));
    store.create(&Conversation::new(id.clone(), "Sky — 空", sample::at(0))).await?;
    Ok(id)
}

/// A user's turn and its answer, under one receipt.
fn exchange(number: u64, expected_head: u64) -> Append {
    let receipt = sample::receipt(0x5702_e000_0000_u128 + u128::from(number), 1.0);
    let turns = vec![
        sample::turn(Role::User, &format!("question {number}"), &receipt),
        sample::turn(Role::Assistant, &format!("answer {number}"), &receipt),
    ];
    Append { expected_head, turns, receipt: Some(receipt) }
}

async fn texts(
    store: &dyn ConversationStore,
    id: &ConversationId,
    limit: usize,
) -> Result<Vec<String>, Finding> {
    Ok(store.tail(id, limit).await?.iter().map(|turn| turn.message.plain_text()).collect())
}

fn refused<T>(what: &str, kind: &ErrorKind, done: Done<T>) -> Outcome {
    match done {
        Ok(_) => fail(format!("{what} was taken")),
        Err(error) => same(&format!("the kind of the error of {what}"), kind, error.kind()),
    }
}

/// A conversation comes back as it was made, without turns whatever its head said.
pub async fn finds_what_was_created(store: &dyn ConversationStore) -> Outcome {
    let id = ConversationId::new("conformance-create");
    let made = Conversation::new(id.clone(), "Why is the sky \"blue\"? 空 👩‍🚀", sample::at(7));
    store.create(&Conversation { head: 3, ..made.clone() }).await?;
    same("the conversation", &made, &store.find(&id).await?)?;
    same("its turns", &Vec::new(), &store.tail(&id, usize::MAX).await?)
}

/// The same id again is a `Conflict`, and the first conversation stays.
pub async fn refuses_an_id_that_is_taken(store: &dyn ConversationStore) -> Outcome {
    let id = begin(store, "taken").await?;
    let second = store.create(&Conversation::new(id.clone(), "another", sample::at(9))).await;
    refused("an id that is taken", &ErrorKind::Conflict, second)?;
    same("the title", &"Sky — 空".to_owned(), &store.find(&id).await?.title)
}

/// Everything asked of an unknown conversation is `ConversationNotFound`.
pub async fn knows_no_conversation_that_was_not_created(store: &dyn ConversationStore) -> Outcome {
    let id = ConversationId::new("conformance-nobody");
    let kind = ErrorKind::ConversationNotFound;
    let model = ModelKey::new("conformance", "small");
    refused("find", &kind, store.find(&id).await)?;
    refused("tail", &kind, store.tail(&id, 5).await)?;
    refused("append", &kind, store.append(&id, exchange(1, 0)).await)?;
    refused("set_active_model", &kind, store.set_active_model(&id, None, &model).await)?;
    refused("delete", &kind, store.delete(&id).await)?;
    refused("find after append", &kind, store.find(&id).await)
}

/// The head counts turns, and every turn stands where it was put.
pub async fn appends_in_order(store: &dyn ConversationStore) -> Outcome {
    let id = begin(store, "append").await?;
    for number in 0..3 {
        let head = store.append(&id, exchange(100 + number, 2 * number)).await?;
        same("the new head", &(2 * number + 2), &head)?;
        same("the head found", &head, &store.find(&id).await?.head)?;
    }
    let expected = ["question 100", "answer 100", "question 101", "answer 101", "question 102", "answer 102"];
    same("the turns", &expected.map(str::to_owned).to_vec(), &texts(store, &id, usize::MAX).await?)
}

/// The last turns, in the order in which they were said; none for zero.
pub async fn gives_the_tail_oldest_first(store: &dyn ConversationStore) -> Outcome {
    let id = begin(store, "tail").await?;
    for number in 0..3 {
        store.append(&id, exchange(200 + number, 2 * number)).await?;
    }
    let last = ["answer 201", "question 202", "answer 202"].map(str::to_owned).to_vec();
    same("the last three", &last, &texts(store, &id, 3).await?)?;
    same("a limit of zero", &Vec::new(), &texts(store, &id, 0).await?)?;
    same("a limit beyond the first", &6, &texts(store, &id, 100).await?.len())
}

/// Text in any script, images, tool calls and results, and opaque blocks survive, and so do a turn's time, model
/// and receipt.
pub async fn gives_back_every_block_as_it_was(store: &dyn ConversationStore) -> Outcome {
    let id = begin(store, "blocks").await?;
    let maker = ModelKey::new("conformance", "openai/gpt-oss-20b");
    let arguments = serde_json::json!({"q": "Ω \"quoted\" \\ \n", "n": [1, -2.5, null, true], "": {}});
    let blocks = vec![
        Block::text("🌍👩‍👩‍👧 日本語 لماذا \u{0}\u{feff}\r\n\t'; DROP TABLE turns; --"),
        Block::text(""),
        Block::Image { media_type: "image/png".to_owned(), base64: "iVBORw0KGgo=".to_owned() },
        Block::ToolCall { id: "c1".to_owned(), name: "look_up".to_owned(), arguments: arguments.clone() },
        Block::ToolResult { id: "c1".to_owned(), content: "x".repeat(200_000), is_error: true },
        Block::Opaque { made_by: maker.clone(), content: arguments },
    ];
    let receipt = sample::receipt(0xb10c, 1.0);
    let turn = |role, model| Turn {
        message: Message { role, blocks: blocks.clone() },
        at: sample::at(3) + std::time::Duration::from_millis(250),
        model,
        receipt: Some(receipt.id.clone()),
    };
    let turns = vec![turn(Role::System, None), turn(Role::User, None), turn(Role::Assistant, Some(maker))];
    let append = Append { expected_head: 0, turns: turns.clone(), receipt: Some(receipt.clone()) };
    store.append(&id, append).await?;
    let found = store.tail(&id, usize::MAX).await?;
    demand(turns == found, || "the turns came back changed".to_owned())
}

/// Who has not seen the last turns gets a `Conflict`, whether behind or ahead, and nothing is written.
pub async fn refuses_a_stale_head_and_keeps_the_turns(store: &dyn ConversationStore) -> Outcome {
    let id = begin(store, "stale").await?;
    store.append(&id, exchange(300, 0)).await?;
    for head in [0, 1, 3, u64::MAX] {
        let late = store.append(&id, exchange(301, head)).await;
        refused(&format!("a head of {head} where there are 2 turns"), &ErrorKind::Conflict, late)?;
    }
    same("the head", &2, &store.find(&id).await?.head)?;
    same("the turns", &2, &texts(store, &id, usize::MAX).await?.len())?;
    // A conflict leaves no trace: the same receipt is welcome with the right head.
    same("the head after all", &4, &store.append(&id, exchange(301, 2)).await?)
}

/// Settling a receipt again changes nothing and gives the head, although the head has moved.
pub async fn appends_the_turns_of_a_receipt_once(store: &dyn ConversationStore) -> Outcome {
    let id = begin(store, "idempotent").await?;
    for again in 0..3 {
        let head = store.append(&id, exchange(400, 0)).await?;
        same(&format!("the head after {again} repetitions"), &2, &head)?;
    }
    store.append(&id, exchange(401, 2)).await?;
    same("the head of a late repetition", &4, &store.append(&id, exchange(400, 0)).await?)?;
    same("the turns", &4, &texts(store, &id, usize::MAX).await?.len())
}

/// Of many writers who have seen the same head, exactly one is taken, and its turns stand together.
pub async fn lets_one_of_many_writers_win(store: &dyn ConversationStore) -> Outcome {
    let id = begin(store, "race").await?;
    for round in 0..5 {
        let head = 2 * round;
        let writers = (0..8).map(|writer| store.append(&id, exchange(500 + 10 * round + writer, head)));
        let ends = join_all(writers).await;
        let won = ends.iter().filter(|end| end.is_ok()).count();
        same("how many writers were taken", &1, &won)?;
        let other = ends
            .iter()
            .filter_map(|end| end.as_ref().err())
            .find(|error| *error.kind() != ErrorKind::Conflict);
        demand(other.is_none(), || format!("a writer who lost got {other:?}"))?;
    }
    let said = texts(store, &id, usize::MAX).await?;
    same("the turns", &10, &said.len())?;
    for pair in said.chunks(2) {
        let numbers: Vec<&str> = pair.iter().filter_map(|text| text.split(' ').nth(1)).collect();
        let together = matches!(numbers.as_slice(), [question, answer] if question == answer);
        demand(together, || format!("{pair:?} stand together"))?;
    }
    Ok(())
}

/// Compare and set: only who knows the present model may change it.
pub async fn changes_the_active_model_from_what_is_expected(store: &dyn ConversationStore) -> Outcome {
    let id = begin(store, "active").await?;
    let [small, large] = ["small", "large"].map(|model| ModelKey::new("conformance", model));
    let active = || async { Ok::<_, Finding>(store.find(&id).await?.active_model) };
    same("the model of a new conversation", &None, &active().await?)?;
    let early = store.set_active_model(&id, Some(&small), &large).await;
    refused("a change from a model that is not active", &ErrorKind::Conflict, early)?;
    store.set_active_model(&id, None, &small).await?;
    same("the model", &Some(small.clone()), &active().await?)?;
    let late = store.set_active_model(&id, None, &large).await;
    refused("a change from no model", &ErrorKind::Conflict, late)?;
    store.set_active_model(&id, Some(&small), &large).await?;
    same("the model", &Some(large), &active().await?)?;
    same("the head", &0, &store.find(&id).await?.head)
}

/// What is deleted is gone, turns included; its id can be used again.
pub async fn deletes_a_conversation_with_its_turns(store: &dyn ConversationStore) -> Outcome {
    let id = begin(store, "delete").await?;
    store.append(&id, exchange(600, 0)).await?;
    store.delete(&id).await?;
    refused("find", &ErrorKind::ConversationNotFound, store.find(&id).await)?;
    refused("a second delete", &ErrorKind::ConversationNotFound, store.delete(&id).await)?;
    let listed = store.list(usize::MAX).await?;
    demand(listed.iter().all(|conversation| conversation.id != id), || "it is still listed".to_owned())?;
    begin(store, "delete").await?;
    same("the turns of its successor", &0, &texts(store, &id, usize::MAX).await?.len())
}

/// At most so many conversations, the newest first.
pub async fn lists_the_newest_first(store: &dyn ConversationStore) -> Outcome {
    let ids = [1_u64, 2, 3].map(|number| (number, ConversationId::new(format!("conformance-list-{number}"))));
    for (number, id) in &ids {
        store.create(&Conversation::new(id.clone(), "", sample::at(1_000 + number))).await?;
    }
    let listed = store.list(usize::MAX).await?.into_iter().map(|conversation| conversation.id);
    let ours: Vec<ConversationId> = listed.filter(|id| ids.iter().any(|(_, known)| known == id)).collect();
    let expected: Vec<ConversationId> = ids.iter().rev().map(|(_, id)| id.clone()).collect();
    same("the order", &expected, &ours)?;
    same("the limit", &2, &store.list(2).await?.len())?;
    same("a limit of zero", &0, &store.list(0).await?.len())
}

/// Turns, heads, models and deletions of one conversation do not touch another.
pub async fn keeps_conversations_apart(store: &dyn ConversationStore) -> Outcome {
    let (one, two) = (begin(store, "apart-1").await?, begin(store, "apart-2").await?);
    store.append(&one, exchange(700, 0)).await?;
    store.append(&two, exchange(701, 0)).await?;
    store.set_active_model(&one, None, &ModelKey::new("conformance", "small")).await?;
    store.delete(&one).await?;
    same("the other's turns", &2, &texts(store, &two, usize::MAX).await?.len())?;
    same("the other's model", &None, &store.find(&two).await?.active_model)
}
