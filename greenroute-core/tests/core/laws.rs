//! What holds whatever happens.

use crate::support::*;
use futures_util::StreamExt;
use greenroute_core::receipt::Outcome;
use greenroute_core::units::Quantity;
use greenroute_core::*;
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;

fn kinds() -> impl Strategy<Value = ErrorKind> {
    let after = prop_oneof![Just(None), (0u64..40).prop_map(|s| Some(Duration::from_secs(s)))];
    prop_oneof![
        Just(ErrorKind::Authentication),
        Just(ErrorKind::QuotaExhausted { until: None }),
        Just(ErrorKind::ContextOverflow),
        Just(ErrorKind::InvalidRequest),
        Just(ErrorKind::ContentFiltered),
        after.prop_map(|after| ErrorKind::RateLimited { after }),
        Just(ErrorKind::Overloaded),
        Just(ErrorKind::Server),
        Just(ErrorKind::Timeout),
        Just(ErrorKind::Connection),
        Just(ErrorKind::StreamError),
        Just(ErrorKind::Decode),
        Just(ErrorKind::ModelFault),
        Just(ErrorKind::Internal),
    ]
}

fn plays() -> impl Strategy<Value = Play> {
    let answer =
        (0.0..20.0f64, 0.0..2.0f64, prop::option::of(0.0..1e4f64)).prop_map(|(after, gap, reading)| {
            let play = says("one two three four").after(after).gap(gap);
            reading.map_or(play.clone(), |joules| play.reading(joules))
        });
    let failure = (kinds(), 0.0..20.0f64, prop::option::of(0.0..1e4f64)).prop_map(|(kind, after, spent)| {
        let play = fails(kind).after(after);
        spent.map_or(play.clone(), |joules| play.spending(joules))
    });
    let broken = (kinds(), 0usize..5, 0.0..2.0f64)
        .prop_map(|(kind, pieces, gap)| says("one two three four").gap(gap).breaking(pieces, kind));
    let cut = (0usize..5, 0.0..9.0f64)
        .prop_map(|(pieces, left)| says("one two three four").truncated(pieces).leaving(left));
    prop_oneof![
        2 => answer,
        6 => failure,
        1 => broken,
        1 => cut,
        1 => (0.0..9.0f64).prop_map(|joules| never().leaving(joules)),
        1 => (0usize..4).prop_map(|pieces| says("one two three").silent(pieces)),
    ]
}

#[derive(Debug, Clone)]
struct Run {
    scripts: [Vec<Play>; 3],
    policy: Policy,
    streamed: bool,
    /// Dropped after so many seconds.
    dropped: Option<f64>,
}

fn runs() -> impl Strategy<Value = Run> {
    let scripts = prop::array::uniform3(prop::collection::vec(plays(), 0..5));
    let policy = (1u64..60, 1u32..6, 0u32..4).prop_map(|(seconds, max_attempts, max_retries)| Policy {
        deadline: Duration::from_secs(seconds),
        max_attempts,
        max_retries,
        ..Policy::default()
    });
    (scripts, policy, any::<bool>(), prop::option::of(0.0..40.0f64))
        .prop_map(|(scripts, policy, streamed, dropped)| Run { scripts, policy, streamed, dropped })
}

/// The ending of a run, if it was not dropped, and the receipt in the ledger.
async fn act(run: &Run) -> (Option<Result<Answer>>, Vec<Receipt>, Duration) {
    let (house, cloud) = players();
    let [small, medium, large] = run.scripts.clone();
    house.on("small", small);
    cloud.on("medium", medium).on("large", large);
    let runtime = TestRuntime::new();
    let store = Arc::new(MemoryStore::new());
    let router =
        router_at(&runtime, &house, &cloud).policy(run.policy).store(Arc::clone(&store)).build().unwrap();
    let work = async {
        if !run.streamed {
            return router.chat("Why?").await;
        }
        let mut stream = router.chat_stream("Why?").await?;
        let mut pieces = String::new();
        loop {
            match stream.next().await.expect("no stream just ends")? {
                AnswerEvent::Text(text) => pieces.push_str(&text),
                AnswerEvent::Done(answer) => {
                    assert_eq!(pieces, answer.text);
                    assert!(stream.next().await.is_none());
                    return Ok(*answer);
                }
                _ => {}
            }
        }
    };
    let limit = run.dropped.map_or(Duration::MAX, Duration::from_secs_f64);
    let end = tokio::time::timeout(limit, work).await.ok();
    let took = runtime.elapsed();
    router.close().await;
    (end, store.recent(9).await.unwrap(), took)
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().unwrap().block_on(work)
}

/// What holds for every receipt.
fn check(receipt: &Receipt, policy: &Policy) -> Result<(), TestCaseError> {
    prop_assert!(receipt.attempts.len() <= usize::try_from(policy.max_attempts).unwrap());
    for attempt in &receipt.attempts {
        if let Some(reading) = &attempt.reading {
            let (total, part) = (receipt.energy, reading.energy);
            prop_assert!(
                total.low() >= part.low() && total.value() >= part.value() && total.high() >= part.high()
            );
            prop_assert!(total.method() <= part.method());
        }
        if let Some(part) = attempt.emissions {
            prop_assert!(
                receipt.emissions.value() >= part.value() && receipt.emissions.high() >= part.high()
            );
        }
        match (receipt.cost.usd(), attempt.cost.usd()) {
            (Some(total), Some(part)) => prop_assert!(total.high() >= part.high()),
            (Some(_), None) => prop_assert!(false, "a sum with an unknown part is known"),
            (None, _) => {}
        }
    }
    let parts: f64 = receipt
        .attempts
        .iter()
        .filter_map(|a| a.reading.as_ref())
        .map(|r| r.energy.value().as_joules())
        .sum();
    let total = receipt.energy.value().as_joules();
    prop_assert!(
        (total - parts - receipt.deciding.energy.value().as_joules()).abs() <= 1e-9 * total.max(1.0)
    );
    let starts: Vec<_> = receipt.attempts.iter().map(|attempt| attempt.started_at).collect();
    prop_assert!(starts.is_sorted());
    let answers = receipt.attempts.iter().filter(|a| matches!(a.outcome, Outcome::Answered { .. })).count();
    prop_assert!(answers <= 1);
    Ok(())
}

/// Two numbers that went through JSON.
fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-12 * a.abs().max(b.abs())
}

fn same<T: Quantity>(a: &Estimate<T>, b: &Estimate<T>) -> bool {
    near(a.low().base(), b.low().base())
        && near(a.value().base(), b.value().base())
        && near(a.high().base(), b.high().base())
        && a.method() == b.method()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_call_ends_in_an_answer_or_an_error_and_one_receipt(run in runs()) {
        let (end, receipts, took) = block_on(act(&run));
        prop_assert!(took <= run.policy.deadline, "it took {took:?}");
        match &end {
            Some(Ok(answer)) => {
                prop_assert_eq!(std::slice::from_ref(&answer.receipt), &receipts[..]);
                let last = answer.receipt.attempts.last().unwrap();
                let answered = matches!(last.outcome, Outcome::Answered { .. });
                prop_assert!(answered, "{:?}", last.outcome);
                prop_assert_eq!(&last.requested, &answer.advice.model);
            }
            Some(Err(error)) => {
                let receipt = error.receipt().expect("an error after deciding carries its receipt");
                prop_assert_eq!(std::slice::from_ref(receipt), &receipts[..]);
                let last = receipt.attempts.last().unwrap();
                let failed = matches!(&last.outcome, Outcome::Failed { kind, .. } if kind == error.kind().name());
                prop_assert!(failed, "{error:?} after {:?}", last.outcome);
                prop_assert_eq!(last.requested.to_string(), error.origin());
            }
            None => {
                prop_assert_eq!(receipts.len(), 1);
                prop_assert!(receipts[0].has_note(NoteCode::Cancelled));
            }
        }
        for receipt in &receipts {
            check(receipt, &run.policy)?;
        }
    }

    #[test]
    fn receipts_survive_json(run in runs()) {
        let (_, receipts, _) = block_on(act(&run));
        for receipt in receipts {
            let json = serde_json::to_string(&receipt).unwrap();
            let read: Receipt = serde_json::from_str(&json).map_err(|error| TestCaseError::fail(format!("{error}: {json}")))?;
            prop_assert_eq!(&read.id, &receipt.id);
            prop_assert_eq!(&read.notes, &receipt.notes);
            prop_assert!(same(&read.energy, &receipt.energy) && same(&read.emissions, &receipt.emissions));
            prop_assert_eq!(read.attempts.len(), receipt.attempts.len());
            for (read, attempt) in read.attempts.iter().zip(&receipt.attempts) {
                prop_assert_eq!(&read.outcome, &attempt.outcome);
                prop_assert_eq!((&read.usage, read.duration), (&attempt.usage, attempt.duration));
                prop_assert_eq!(read.reading.is_some(), attempt.reading.is_some());
                prop_assert!(same(&read.forecast.energy, &attempt.forecast.energy));
            }
            // Written again, it is the same text: nothing is lost on the way.
            let again: Receipt = serde_json::from_str(&serde_json::to_string(&read).unwrap()).unwrap();
            prop_assert_eq!(again, read);
        }
    }
}
