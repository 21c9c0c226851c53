//! The times of a call by our own clock, as meters and receipts have them.

use crate::support::*;
use futures_util::StreamExt;
use greenroute_core::*;
use std::sync::Arc;
use std::time::Duration;

/// A joule per second of a call, and a kilojoule per second until the first piece.
#[derive(Debug)]
struct Stopwatch;

impl EnergyMeter for Stopwatch {
    fn id(&self) -> MeterId {
        MeterId::new("stopwatch", 1)
    }

    fn rate(&self, card: &ModelCard) -> Result<EnergyRate, Skip> {
        PerToken.rate(card)
    }

    fn read(&self, work: &Work<'_>) -> Result<Reading, Skip> {
        let seconds = work.duration.ok_or_else(|| Skip("not timed".into()))?.as_secs_f64();
        let first = work.first_chunk.unwrap_or_default().as_secs_f64();
        Ok(measured(seconds + 1000.0 * first))
    }
}

/// A router whose `house/small` plays these.
fn timing(plays: impl IntoIterator<Item = Play>) -> Router {
    timing_into(&Arc::new(MemoryStore::new()), plays)
}

fn timing_into(store: &Arc<MemoryStore>, plays: impl IntoIterator<Item = Play>) -> Router {
    let (house, cloud) = players();
    house.on("small", plays);
    let once = Policy { max_attempts: 1, ..Policy::default() };
    let accountant = Accountant::new(Ladder::new(vec![Arc::new(Stopwatch)]), sites());
    router_by(accountant, &house, &cloud).policy(once).store(Arc::clone(store)).build().unwrap()
}

/// Joules, and the seconds until the first piece.
fn read(receipt: &Receipt) -> (f64, Option<f64>) {
    let attempt = &receipt.attempts[0];
    let joules = attempt.reading.as_ref().unwrap().energy.value().as_joules();
    (joules, attempt.time_to_first_chunk.map(|time| time.as_secs_f64()))
}

/// The receipt of a stream, however it ends.
async fn streamed(router: &Router) -> Receipt {
    let mut stream = router.chat_stream("Why?").await.unwrap();
    loop {
        match stream.next().await.unwrap() {
            Ok(AnswerEvent::Done(answer)) => return answer.receipt,
            Ok(_) => {}
            Err(error) => return error.receipt().unwrap().clone(),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_whole_has_a_duration_and_no_first_piece() {
    let router = timing([says("one two three").after(1.5)]);
    let receipt = router.chat("Why?").await.unwrap().receipt;
    assert_eq!(read(&receipt), (1.5, None));
    let json = serde_json::to_value(&receipt).unwrap();
    assert!(json["attempts"][0].get("time_to_first_chunk_seconds").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_stream_has_both() {
    let router = timing([says("one two three").after(1.0).gap(0.5)]);
    // 1 s, then half a second for each of three pieces and the end.
    let receipt = streamed(&router).await;
    assert_eq!(read(&receipt), (3.0 + 1500.0, Some(1.5)));
    let json = serde_json::to_value(&receipt).unwrap();
    assert_eq!(json["attempts"][0]["time_to_first_chunk_seconds"], 1.5);
    let table = format!("{receipt:#}");
    assert!(table.contains("answered in 3.00 s\n  began    after 1.50 s\n"), "{table}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_comes_in_one_piece_has_no_first_piece() {
    let router = timing([says("").after(1.0)]);
    assert_eq!(read(&streamed(&router).await), (1.0, None));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_breaks_off_is_timed_until_its_last_piece() {
    let router = timing([says("one two three").after(1.0).gap(0.5).silent(2)]);
    let receipt = streamed(&router).await;
    assert_eq!(read(&receipt), (2.0 + 1500.0, Some(1.5)));
    assert!(receipt.attempts[0].duration > Duration::from_secs(10), "our own clock waited for it");
}

/// Reads a stream to its end, so many seconds after each piece.
async fn leisurely(router: &Router, seconds: f64) -> Receipt {
    let mut stream = router.chat_stream("Why?").await.unwrap();
    loop {
        tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
        if let AnswerEvent::Done(answer) = stream.next().await.unwrap().unwrap() {
            return answer.receipt;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_knows_how_long_a_stream_took_that_waited_for_its_reader() {
    let plays = || says("one two three").after(4.0).gap(0.5);
    let router = timing([plays(), plays()]);
    let receipt = leisurely(&router, 0.1).await;
    assert_eq!(receipt.attempts[0].duration, Duration::from_millis(6400));
    assert_eq!(read(&receipt).0, 6.4 + 4500.0);
    let receipt = leisurely(&router, 5.0).await;
    let attempt = &receipt.attempts[0];
    assert_eq!((attempt.duration, attempt.reading.is_none()), (Duration::from_secs(26), true));
    assert_eq!(attempt.skipped[0].why, Skip("not timed".into()));
    assert_eq!(attempt.time_to_first_chunk, Some(Duration::from_millis(4500)));
}

#[tokio::test(start_paused = true)]
async fn a_reader_who_takes_his_time_is_not_metered_for_it() {
    let store = Arc::new(MemoryStore::new());
    let router = timing_into(&store, [says("one two three").after(1.0).gap(0.5)]);
    let mut stream = router.chat_stream("Why?").await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(matches!(stream.next().await, Some(Ok(AnswerEvent::Text(_)))));
    // Dropped after the first piece, which had come in time.
    drop(stream);
    router.close().await;
    assert_eq!(read(&store.recent(1).await.unwrap()[0]), (1.5 + 1500.0, Some(1.5)));
}
