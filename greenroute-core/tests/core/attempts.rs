use crate::support::*;
use greenroute_core::receipt::{Attempt, Outcome, Purpose};
use greenroute_core::units::{Energy, Usd};
use greenroute_core::*;
use std::sync::Arc;
use std::time::Duration;

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn policy(deadline: f64, max_attempts: u32, max_retries: u32) -> Policy {
    Policy { deadline: seconds(deadline), max_attempts, max_retries, ..Policy::default() }
}

fn models(receipt: &Receipt) -> Vec<String> {
    receipt.attempts.iter().map(|attempt| attempt.requested.to_string()).collect()
}

fn purposes(receipt: &Receipt) -> Vec<Purpose> {
    receipt.attempts.iter().map(|attempt| attempt.purpose).collect()
}

fn kind(attempt: &Attempt) -> &str {
    match &attempt.outcome {
        Outcome::Failed { kind, .. } => kind,
        other => panic!("{other:?} is no failure"),
    }
}

/// From the end of one attempt to the start of the next.
fn waits(receipt: &Receipt) -> Vec<Duration> {
    let pairs = receipt.attempts.windows(2);
    pairs
        .map(|pair| pair[1].started_at.duration_since(pair[0].started_at + pair[0].duration).unwrap())
        .collect()
}

/// The totals are the parts.
fn assert_adds_up(receipt: &Receipt) {
    let parts = receipt.attempts.iter().filter_map(|attempt| attempt.reading.as_ref());
    let sum: Energy = parts.map(|reading| reading.energy.value()).sum();
    assert_joules(receipt.energy.value(), (sum + receipt.deciding.energy.value()).as_joules());
}

#[tokio::test(start_paused = true)]
async fn a_busy_model_is_asked_again_after_a_growing_wait() {
    let (house, cloud) = players();
    house.on("small", [fails(ErrorKind::Overloaded), fails(ErrorKind::Server).after(2.0), says("at last")]);
    let answer = router(&house, &cloud).build().unwrap().chat("Why?").await.unwrap();
    assert_eq!(answer.text, "at last");
    assert_eq!(purposes(&answer.receipt), [Purpose::Answer, Purpose::Retry, Purpose::Retry]);
    let waits = waits(&answer.receipt);
    assert!(waits[0] >= seconds(0.375) && waits[0] <= seconds(0.5), "{waits:?}");
    assert!(waits[1] >= seconds(0.75) && waits[1] <= seconds(1.0), "{waits:?}");
    assert!(!answer.receipt.has_note(NoteCode::FellBack));
    assert_eq!(
        answer.advice.why,
        "the first of 3 candidates, and known to meet the floor; the energy bands of house/small and cloud/medium \
         overlap: their order is a best guess"
    );
}

#[tokio::test(start_paused = true)]
async fn after_the_retries_another_model_is_asked() {
    let (house, cloud) = players();
    house.on(
        "small",
        [fails(ErrorKind::Overloaded), fails(ErrorKind::Overloaded), fails(ErrorKind::Overloaded)],
    );
    let answer = router(&house, &cloud).build().unwrap().chat("Why?").await.unwrap();
    assert_eq!(models(&answer.receipt), ["house/small", "house/small", "house/small", "cloud/medium"]);
    assert_eq!(answer.receipt.attempts[3].purpose, Purpose::FallBack);
    let note = answer.receipt.notes.iter().find(|note| note.code == NoteCode::FellBack).unwrap();
    assert_eq!(note.text, "house/small failed, so cloud/medium was asked");
    assert_eq!(answer.advice.model, key("cloud/medium"));
    assert_eq!(answer.advice.why, "place 2 of 3, after those before it failed");
}

#[tokio::test(start_paused = true)]
async fn the_wait_that_a_provider_asks_for_is_kept_where_it_fits() {
    let limited = || fails(ErrorKind::RateLimited { after: Some(seconds(30.0)) });
    let (house, cloud) = players();
    house.on("small", [limited()]);
    let fits = router(&house, &cloud).policy(policy(31.0, 4, 2)).build().unwrap();
    let receipt = fits.chat("Why?").await.unwrap().receipt;
    assert_eq!(models(&receipt), ["house/small", "house/small"]);
    assert_eq!(waits(&receipt), [seconds(30.0)]);

    house.on("small", [limited()]);
    let runtime = TestRuntime::new();
    let tight = router_at(&runtime, &house, &cloud).policy(policy(30.0, 4, 2)).build().unwrap();
    let receipt = tight.chat("Why?").await.unwrap().receipt;
    assert_eq!(models(&receipt), ["house/small", "cloud/medium"]);
    assert_eq!(runtime.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn what_another_model_may_solve_is_handed_on_at_once() {
    let until = None;
    for failure in [
        ErrorKind::Authentication,
        ErrorKind::PermissionDenied,
        ErrorKind::ModelNotFound,
        ErrorKind::QuotaExhausted { until },
        ErrorKind::Unsupported,
        ErrorKind::ContextOverflow,
        ErrorKind::Timeout,
        ErrorKind::Decode,
        ErrorKind::Internal,
    ] {
        let (house, cloud) = players();
        house.on("small", [fails(failure.clone())]);
        let runtime = TestRuntime::new();
        let router = router_at(&runtime, &house, &cloud).build().unwrap();
        let receipt = router.chat("Why?").await.unwrap().receipt;
        assert_eq!(models(&receipt), ["house/small", "cloud/medium"], "{failure:?}");
        assert_eq!(purposes(&receipt), [Purpose::Answer, Purpose::FallBack]);
        assert_eq!(kind(&receipt.attempts[0]), failure.name());
        assert_eq!(runtime.elapsed(), Duration::ZERO, "{failure:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_our_own_fault_is_not_handed_on() {
    for failure in [
        ErrorKind::InvalidRequest,
        ErrorKind::ContentFiltered,
        ErrorKind::Cancelled,
        ErrorKind::BudgetExceeded { scope: "team".into(), until: None },
        ErrorKind::Config,
    ] {
        let (house, cloud) = players();
        house.on("small", [fails(failure.clone())]);
        let error = router(&house, &cloud).build().unwrap().chat("Why?").await.unwrap_err();
        assert_eq!(error.kind(), &failure);
        assert_eq!(error.to_string(), "house/small: as the script says");
        let receipt = error.receipt().unwrap();
        assert_eq!(models(receipt), ["house/small"]);
        assert_eq!(kind(&receipt.attempts[0]), failure.name());
        assert!(receipt.answered().is_none() && receipt.baseline.is_none());
        assert!(cloud.requests().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn unusable_output_is_asked_for_once_more() {
    let (house, cloud) = players();
    house.on(
        "small",
        [fails(ErrorKind::ModelFault).spending(3.0), fails(ErrorKind::ModelFault).spending(4.0)],
    );
    let receipt = router(&house, &cloud).build().unwrap().chat("Why?").await.unwrap().receipt;
    assert_eq!(models(&receipt), ["house/small", "house/small", "cloud/medium"]);
    let spent: Vec<f64> = receipt
        .attempts
        .iter()
        .map(|attempt| attempt.reading.as_ref().unwrap().energy.value().as_joules())
        .collect();
    assert_eq!(spent[..2], [3.0, 4.0]);
    assert_adds_up(&receipt);
}

#[tokio::test(start_paused = true)]
async fn attempts_are_counted_across_models() {
    let (house, cloud) = players();
    house.on("small", [fails(ErrorKind::Overloaded), fails(ErrorKind::Overloaded)]);
    cloud.on("medium", [fails(ErrorKind::Overloaded)]).on("large", [says("too late")]);
    let router = router(&house, &cloud).policy(policy(600.0, 3, 1)).build().unwrap();
    let error = router.chat("Why?").await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Overloaded);
    let receipt = error.receipt().unwrap();
    assert_eq!(models(receipt), ["house/small", "house/small", "cloud/medium"]);
    assert_eq!(cloud.asked(), ["medium"]);
}

#[tokio::test(start_paused = true)]
async fn the_last_attempt_does_not_wait_for_a_retry_that_will_not_come() {
    let (house, cloud) = players();
    house.on("small", [fails(ErrorKind::Overloaded)]);
    let runtime = TestRuntime::new();
    let router = router_at(&runtime, &house, &cloud).policy(policy(600.0, 1, 2)).build().unwrap();
    assert_eq!(router.chat("Why?").await.unwrap_err().kind(), &ErrorKind::Overloaded);
    assert_eq!(runtime.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn everybody_fails_and_the_last_error_says_so() {
    let (house, cloud) = players();
    house.on("small", [fails(ErrorKind::Authentication)]);
    cloud.on("medium", [fails(ErrorKind::PermissionDenied)]).on("large", [fails(ErrorKind::ModelNotFound)]);
    let error = router(&house, &cloud).build().unwrap().chat("Why?").await.unwrap_err();
    assert_eq!((error.kind(), error.origin()), (&ErrorKind::ModelNotFound, "cloud/large"));
    let receipt = error.receipt().unwrap();
    assert_eq!(models(receipt), ["house/small", "cloud/medium", "cloud/large"]);
    // Nobody ran, so nothing was spent, and nothing was paid.
    assert!(receipt.attempts.iter().all(|attempt| attempt.reading.is_none()));
    assert_eq!(receipt.energy.value(), receipt.deciding.energy.value());
    assert_eq!(receipt.cost.usd().unwrap().value(), Usd::ZERO);
}

#[tokio::test(start_paused = true)]
async fn one_deadline_holds_for_all_models() {
    let (house, cloud) = players();
    house.on("small", [fails(ErrorKind::Decode).after(6.0)]);
    cloud.on("medium", [never()]).on("large", [says("too late")]);
    let runtime = TestRuntime::new();
    let router = router_at(&runtime, &house, &cloud).policy(policy(10.0, 4, 2)).build().unwrap();
    let error = router.chat("Why?").await.unwrap_err();
    assert_eq!(runtime.elapsed(), seconds(10.0));
    assert_eq!(error.kind(), &ErrorKind::Timeout);
    assert_eq!(error.to_string(), "cloud/medium: the call's deadline passed");
    let receipt = error.receipt().unwrap();
    assert_eq!(models(receipt), ["house/small", "cloud/medium"]);
    assert_eq!(receipt.attempts[1].duration, seconds(4.0));
    assert_eq!(cloud.requests()[0].timeout, Some(seconds(4.0)));
}

#[tokio::test(start_paused = true)]
async fn the_prompts_deadline_beats_the_policys() {
    let (house, cloud) = players();
    house.on("small", [never()]);
    let runtime = TestRuntime::new();
    let router = router_at(&runtime, &house, &cloud).build().unwrap();
    let error = router.chat(Prompt::from("Why?").deadline(seconds(2.5))).await.unwrap_err();
    assert_eq!((error.kind(), runtime.elapsed()), (&ErrorKind::Timeout, seconds(2.5)));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_may_have_run_is_booked_between_nothing_and_all() {
    let (house, cloud) = players();
    house.on("small", [fails(ErrorKind::Timeout)]);
    let receipt = router(&house, &cloud).build().unwrap().chat("Why?").await.unwrap().receipt;
    let attempt = &receipt.attempts[0];
    let (booked, forecast) = (attempt.reading.as_ref().unwrap().energy, attempt.forecast.energy);
    assert_eq!((booked.low(), booked.high()), (Energy::ZERO, forecast.high()));
    assert_joules(booked.value(), forecast.value().as_joules() / 2.0);
    assert_eq!(booked.method(), Method::Proxy);
    assert!(attempt.emissions.is_some());
    let note = receipt.notes.iter().find(|note| note.code == NoteCode::Unmetered).unwrap();
    assert!(note.text.starts_with("house/small may have run before it failed"), "{note}");
    assert_adds_up(&receipt);
}

#[tokio::test(start_paused = true)]
async fn what_a_dropped_call_leaves_beats_a_guess() {
    let (house, cloud) = players();
    house.on("small", [never().leaving(5.0)]);
    let router = router(&house, &cloud).policy(policy(3.0, 4, 2)).build().unwrap();
    let error = router.chat("Why?").await.unwrap_err();
    let attempt = &error.receipt().unwrap().attempts[0];
    let energy = attempt.reading.as_ref().unwrap().energy;
    assert_eq!((energy.value(), energy.method()), (joules(5.0), Method::Measured));
    assert!(!error.receipt().unwrap().has_note(NoteCode::Unmetered));
}

#[tokio::test(start_paused = true)]
async fn what_failed_calls_spent_is_on_the_receipt() {
    let (house, cloud) = players();
    house.on("small", [fails(ErrorKind::Decode).spending(2.0).spending(5.0)]);
    cloud.on("medium", [fails(ErrorKind::Decode).spending(3.0)]).on("large", [says("yes").reading(10.0)]);
    let receipt = router(&house, &cloud).build().unwrap().chat("Why?").await.unwrap().receipt;
    let spent: Vec<f64> = receipt
        .attempts
        .iter()
        .map(|attempt| attempt.reading.as_ref().unwrap().energy.value().as_joules())
        .collect();
    // Both readings of the first; twice the device for the others.
    assert_eq!(spent, [7.0, 6.0, 20.0]);
    assert_adds_up(&receipt);
    assert_joules(receipt.energy.value(), 33.0);
    let grams: f64 =
        receipt.attempts.iter().map(|attempt| attempt.emissions.unwrap().value().as_grams()).sum();
    assert!((receipt.emissions.value().as_grams() - grams).abs() < 1e-12);
}

/// A list price for tokens that nobody counted is not zero dollars.
#[tokio::test(start_paused = true)]
async fn tokens_that_nobody_counted_are_not_free() {
    let (house, cloud) = players();
    house.on("small", [fails(ErrorKind::Unsupported)]);
    cloud.on("medium", [fails(ErrorKind::ModelFault).spending(3.0), says("yes")]);
    let receipt = router(&house, &cloud).build().unwrap().chat("Why?").await.unwrap().receipt;
    let cost = receipt.attempts[1].cost.usd().unwrap();
    assert_eq!(cost.low(), Usd::ZERO);
    assert!(cost.value() > Usd::ZERO && cost.high() > cost.value(), "{cost}");
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_panics_takes_the_call_along_and_is_booked() {
    #[derive(Debug)]
    struct Panics;

    impl std::fmt::Display for Panics {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("panics")
        }
    }

    #[async_trait::async_trait]
    impl ModelProvider for Panics {
        fn name(&self) -> model::ProviderName {
            "house".into()
        }

        fn models(&self) -> Vec<Arc<ModelCard>> {
            vec![Arc::new(card("house/small", 1.0, 0.5))]
        }

        async fn chat(&self, _request: chat::ChatRequest) -> Result<chat::ChatResponse> {
            panic!("out of range")
        }

        async fn chat_stream(
            &self,
            _request: chat::ChatRequest,
        ) -> Result<futures_core::stream::BoxStream<'static, Result<chat::ChatEvent>>> {
            panic!("out of range")
        }
    }

    let runtime: Arc<dyn Runtime> = TestRuntime::new();
    let store = Arc::new(MemoryStore::new());
    let router = Router::builder(accountant(), world(), runtime)
        .provider(Panics)
        .store(Arc::clone(&store))
        .build()
        .unwrap();
    let call = tokio::spawn({
        let router = router.clone();
        async move { router.chat("Why?").await.map(|_| ()) }
    });
    assert!(call.await.unwrap_err().is_panic());
    router.close().await;
    assert_eq!(store.recent(9).await.unwrap()[0].attempts[0].outcome, Outcome::Cancelled);
}
