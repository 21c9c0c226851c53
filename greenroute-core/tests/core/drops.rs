use crate::support::*;
use futures_util::{FutureExt, StreamExt};
use greenroute_core::conversation::Conversation;
use greenroute_core::receipt::{Outcome, Purpose};
use greenroute_core::*;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

fn stored(house: &Scripted, cloud: &Scripted) -> (Router, Arc<MemoryStore>) {
    let store = Arc::new(MemoryStore::new());
    let router = router(house, cloud).store(Arc::clone(&store)).build().unwrap();
    (router, store)
}

async fn only(store: &MemoryStore) -> Receipt {
    let mut receipts = store.recent(usize::MAX).await.unwrap();
    assert_eq!(receipts.len(), 1);
    receipts.remove(0)
}

/// Lets `work` run for so many seconds, and drops it.
async fn drop_after<T>(seconds: f64, work: impl Future<Output = T>) {
    let limit = Duration::from_secs_f64(seconds);
    assert!(tokio::time::timeout(limit, work).await.is_err(), "it was done before it could be dropped");
}

#[tokio::test(start_paused = true)]
async fn a_stream_dropped_between_pieces_is_booked_as_cancelled() {
    let (house, cloud) = players();
    house.on("small", [says("one two three four").gap(1.0).leaving(8.0)]);
    let (router, store) = stored(&house, &cloud);
    let mut stream = router.chat_stream("Why?").await.unwrap();
    stream.next().await.unwrap().unwrap();
    stream.next().await.unwrap().unwrap();
    drop(stream);
    router.close().await;
    let receipt = only(&store).await;
    assert_eq!(receipt.attempts[0].outcome, Outcome::Cancelled);
    assert!(receipt.has_note(NoteCode::Cancelled));
    // What the meter left when the provider's stream was dropped.
    let reading = receipt.attempts[0].reading.as_ref().unwrap();
    assert_eq!((reading.energy.value(), reading.method()), (joules(8.0), Method::Measured));
    assert!(receipt.attempts[0].usage.unwrap().is_approximate());
}

#[tokio::test(start_paused = true)]
async fn a_stream_dropped_while_it_waits_is_booked_as_cancelled() {
    let (house, cloud) = players();
    house.on("small", [says("one two three four").gap(1.0).leaving(8.0)]);
    let (router, store) = stored(&house, &cloud);
    let mut stream = router.chat_stream("Why?").await.unwrap();
    stream.next().await.unwrap().unwrap();
    drop_after(0.5, stream.next()).await;
    drop(stream);
    router.close().await;
    let receipt = only(&store).await;
    assert_eq!(receipt.attempts[0].outcome, Outcome::Cancelled);
    assert_joules(receipt.energy.value(), 8.0);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_nobody_reads_is_booked_as_cancelled() {
    let (house, cloud) = players();
    house.on("small", [says("one two")]);
    let (router, store) = stored(&house, &cloud);
    drop(router.chat_stream("Why?").await.unwrap());
    router.close().await;
    let receipt = only(&store).await;
    assert_eq!(receipt.attempts[0].outcome, Outcome::Cancelled);
    assert!(receipt.energy.high() > receipt.deciding.energy.high());
}

#[tokio::test(start_paused = true)]
async fn a_dropped_chat_is_booked_as_cancelled() {
    let (house, cloud) = players();
    house.on("small", [says("too late").after(9.0).leaving(8.0)]);
    let (router, store) = stored(&house, &cloud);
    drop_after(4.0, router.chat("Why?")).await;
    router.close().await;
    let receipt = only(&store).await;
    assert_eq!(receipt.attempts[0].outcome, Outcome::Cancelled);
    assert_eq!(receipt.attempts[0].duration, Duration::from_secs(4));
    assert_joules(receipt.energy.value(), 8.0);
    assert!(receipt.baseline.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_dropped_chat_of_which_nobody_knows_is_booked_by_its_forecast() {
    let (house, cloud) = players();
    house.on("small", [never()]);
    let (router, store) = stored(&house, &cloud);
    drop_after(4.0, router.chat("Why?")).await;
    router.close().await;
    let receipt = only(&store).await;
    let attempt = &receipt.attempts[0];
    assert_eq!(attempt.reading.as_ref().unwrap().energy.high(), attempt.forecast.energy.high());
    assert!(receipt.has_note(NoteCode::Unmetered) && receipt.has_note(NoteCode::Cancelled));
}

#[tokio::test(start_paused = true)]
async fn a_chat_dropped_between_two_tries_keeps_the_first() {
    let (house, cloud) = players();
    house.on("small", [fails(ErrorKind::RateLimited { after: Some(Duration::from_secs(60)) }).spending(2.0)]);
    let (router, store) = stored(&house, &cloud);
    drop_after(30.0, router.chat("Why?")).await;
    router.close().await;
    let receipt = only(&store).await;
    assert_eq!(receipt.attempts.len(), 1);
    assert!(matches!(receipt.attempts[0].outcome, Outcome::Failed { .. }));
    assert!(receipt.has_note(NoteCode::Cancelled));
    assert_joules(receipt.energy.value(), 2.0);
}

#[tokio::test(start_paused = true)]
async fn a_chat_dropped_at_its_second_model_keeps_both() {
    let (house, cloud) = players();
    house.on("small", [fails(ErrorKind::Decode).spending(2.0)]);
    cloud.on("medium", [never().leaving(3.0)]);
    let (router, store) = stored(&house, &cloud);
    drop_after(1.0, router.chat("Why?")).await;
    router.close().await;
    let receipt = only(&store).await;
    let purposes: Vec<Purpose> = receipt.attempts.iter().map(|attempt| attempt.purpose).collect();
    assert_eq!(purposes, [Purpose::Answer, Purpose::FallBack]);
    assert_joules(receipt.energy.value(), 8.0);
}

#[tokio::test(start_paused = true)]
async fn a_chat_that_was_never_polled_took_nothing() {
    let (house, cloud) = players();
    let (router, store) = stored(&house, &cloud);
    drop(router.chat("Why?"));
    router.close().await;
    assert!(store.recent(9).await.unwrap().is_empty());
    assert!(router.route("Why?").await.is_ok());
    assert!(store.recent(9).await.unwrap().is_empty(), "routing is no call");
}

#[tokio::test(start_paused = true)]
async fn an_answer_dropped_while_it_is_stored_is_stored_all_the_same() {
    let slow = Duration::from_secs(5);
    for (appending, recording) in [(slow, Duration::ZERO), (Duration::ZERO, slow), (slow, slow)] {
        for streamed in [false, true] {
            let (house, cloud) = players();
            house.on("small", [says("here it is")]);
            let store = Difficult { appending, recording, ..Difficult::default() };
            let id = ConversationId::new("c1");
            store.create(&Conversation::new(id.clone(), "", UNIX_EPOCH)).await.unwrap();
            let router = router(&house, &cloud).store(store.clone()).build().unwrap();
            let prompt = Prompt::from("Why?").conversation(id.clone());
            if streamed {
                drop_after(3.0, router.chat_stream(prompt).await.unwrap().collect::<Vec<_>>()).await;
            } else {
                drop_after(3.0, router.chat(prompt)).await;
            }
            router.close().await;
            let receipt = only(&store.inner).await;
            assert!(receipt.answered().is_some());
            assert!(
                !receipt.has_note(NoteCode::Cancelled) && !receipt.has_note(NoteCode::NotStored),
                "{receipt:#}"
            );
            assert_eq!(store.inner.tail(&id, 9).await.unwrap().len(), 2);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_cannot_write_spoils_no_answer() {
    let (house, cloud) = players();
    let store = Difficult { refuses: true, ..Difficult::default() };
    let id = ConversationId::new("c1");
    store.create(&Conversation::new(id.clone(), "", UNIX_EPOCH)).await.unwrap();
    let router = router(&house, &cloud).store(store).build().unwrap();
    let answer = router.chat(Prompt::from("Why?").conversation(id)).await.unwrap();
    assert_eq!(answer.text, "small says so");
    let note = |code| answer.receipt.notes.iter().find(|note| note.code == code).unwrap().to_string();
    assert_eq!(note(NoteCode::NotStored), "the turn is not in the conversation: disk: it is full");
    assert_eq!(note(NoteCode::NotRecorded), "the receipt is not in the ledger: disk: it is full");
}

#[tokio::test(start_paused = true)]
async fn a_failed_call_is_in_the_ledger_too() {
    let (house, cloud) = players();
    house.on("small", [fails(ErrorKind::InvalidRequest)]);
    let (router, store) = stored(&house, &cloud);
    let error = router.chat("Why?").await.unwrap_err();
    assert_eq!(error.receipt(), Some(&only(&store).await));
}

#[tokio::test(start_paused = true)]
async fn closing_waits_only_for_what_is_left() {
    let (house, cloud) = players();
    house.on("small", (0..5).map(|_| never().leaving(1.0)));
    let store = Difficult { recording: Duration::from_secs(7), ..Difficult::default() };
    let runtime = TestRuntime::new();
    let router = router_at(&runtime, &house, &cloud).store(store.clone()).build().unwrap();
    assert!(router.close().now_or_never().is_some(), "nothing is left");
    for _ in 0..5 {
        drop_after(1.0, router.chat("Why?")).await;
    }
    let begun = runtime.elapsed();
    futures_util::future::join(router.close(), router.clone().close()).await;
    assert_eq!(runtime.elapsed() - begun, Duration::from_secs(7));
    assert_eq!(store.inner.recent(9).await.unwrap().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn without_a_store_nothing_is_left_to_write() {
    let (house, cloud) = players();
    house.on("small", [never()]);
    let router = router(&house, &cloud).build().unwrap();
    drop_after(1.0, router.chat("Why?")).await;
    assert!(router.close().now_or_never().is_some());
}
