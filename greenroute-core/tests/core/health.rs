use crate::support::*;
use futures_util::StreamExt;
use greenroute_core::rank::Rule;
use greenroute_core::receipt::Purpose;
use greenroute_core::*;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// A router that may ask each model once, and nobody but the small one, which is left alone as soon as it fails.
fn alone(house: &Scripted, cloud: &Scripted, deadline: f64) -> Router {
    let objective = Objective { only: Some([key("house/small")].into()), ..anybody() };
    let breaker = Some(Breaker { failures: 1, ..Breaker::default() });
    let policy = Policy { max_retries: 0, deadline: seconds(deadline), breaker, ..Policy::default() };
    router(house, cloud).objective(objective).policy(policy).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_used_up_quota_is_not_asked_for_again_until_it_is_filled() {
    let (house, cloud) = players();
    let until = TestRuntime::new().now() + seconds(100.0);
    house.on("small", [fails(ErrorKind::QuotaExhausted { until: Some(until) }), says("full again")]);
    let router = router(&house, &cloud).build().unwrap();
    let first = router.chat("Why?").await.unwrap();
    assert_eq!(first.receipt.attempts.len(), 2);
    assert_eq!(router.paused()[0].model, key("house/small"));

    let second = router.chat("Why?").await.unwrap();
    assert_eq!(second.receipt.attempts.len(), 1, "nobody asks the empty one");
    let note = second.receipt.notes.iter().find(|note| note.code == NoteCode::Paused).unwrap();
    assert_eq!(
        note.text,
        "house/small: left alone until 2026-11-21T10:01:40.000Z: as the script says (quota_exhausted)"
    );
    let ranking = router.route("Why?").await.unwrap();
    let excluded = ranking.excluded.iter().find(|excluded| excluded.model == key("house/small")).unwrap();
    assert!(matches!(excluded.rule, Rule::Paused { .. }));

    sleep(seconds(101.0)).await;
    assert_eq!(router.chat("Why?").await.unwrap().text, "full again");
    assert!(router.paused().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_model_that_keeps_failing_is_left_alone_and_then_tried_by_one() {
    let (house, cloud) = players();
    house.on("small", (0..6).map(|_| fails(ErrorKind::Server)).chain([says("well again").after(2.0)]));
    let policy = Policy { max_retries: 0, ..Policy::default() };
    let router = router(&house, &cloud).policy(policy).build().unwrap();
    for _ in 0..8 {
        router.chat("Why?").await.unwrap();
    }
    assert_eq!(house.asked().len(), 5, "three of eight calls spared it");
    sleep(seconds(31.0)).await;
    router.chat("Why?").await.unwrap();
    assert_eq!(house.asked().len(), 6, "tried, and failed again");
    sleep(seconds(31.0)).await;
    router.chat("Why?").await.unwrap();
    assert_eq!(house.asked().len(), 6, "the second pause is twice as long");
    sleep(seconds(30.0)).await;
    let (one, other) = tokio::join!(router.chat("Why?"), router.chat("Why?"));
    let texts = [one.unwrap().text, other.unwrap().text];
    assert_eq!(house.asked().len(), 7, "one of two tries it");
    assert!(texts.contains(&"well again".to_owned()), "{texts:?}");
    assert_eq!(router.chat("Why?").await.unwrap().advice.model, key("house/small"));
}

#[tokio::test(start_paused = true)]
async fn where_nobody_else_is_left_the_pause_is_waited_for_if_there_is_time() {
    let (house, cloud) = players();
    house.on("small", [fails(ErrorKind::Overloaded), says("well again")]);
    let patient = alone(&house, &cloud, 60.0);
    assert_eq!(patient.chat("Why?").await.unwrap_err().kind(), &ErrorKind::Overloaded);
    let answer = patient.chat("Why?").await.unwrap();
    assert_eq!((answer.text.as_str(), answer.receipt.attempts.len()), ("well again", 1));

    let (house, cloud) = players();
    house.on("small", [fails(ErrorKind::Overloaded)]);
    let hasty = alone(&house, &cloud, 10.0);
    hasty.chat("Why?").await.unwrap_err();
    let error = hasty.chat("Why?").await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::NoCandidate);
    assert!(error.message().contains("house/small: left alone until 2026"), "{error}");
    assert_eq!(error.retry_after(), Some(seconds(30.0)));
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_waiting_leaves_a_receipt_too() {
    let (house, cloud) = players();
    house.on("small", [fails(ErrorKind::Overloaded)]);
    let ledger = Arc::new(MemoryStore::new());
    let breaker = Some(Breaker { failures: 1, ..Breaker::default() });
    let objective = Objective { only: Some([key("house/small")].into()), ..anybody() };
    let policy = Policy { max_retries: 0, breaker, ..Policy::default() };
    let router = router(&house, &cloud).objective(objective).policy(policy);
    let router = router.ledger(Arc::clone(&ledger)).build().unwrap();
    router.chat("Why?").await.unwrap_err();
    assert!(tokio::time::timeout(seconds(5.0), router.chat("Why?")).await.is_err(), "it waits");
    router.close().await;
    let receipts = ledger.recent(9).await.unwrap();
    assert_eq!(receipts.len(), 2);
    let cancelled = receipts.iter().find(|receipt| receipt.has_note(NoteCode::Cancelled)).unwrap();
    assert!(cancelled.attempts.is_empty() && cancelled.has_note(NoteCode::Paused), "{cancelled:#}");
    // To ask for the ranking alone is no call.
    router.route("Why?").await.unwrap();
    router.close().await;
    assert_eq!(ledger.recent(9).await.unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_wrong_key_to_become_right() {
    let (house, cloud) = players();
    house.on("small", [fails(ErrorKind::Authentication), says("the key is in place")]);
    let runtime = TestRuntime::new();
    let patient = alone(&house, &cloud, 600.0);
    patient.chat("Why?").await.unwrap_err();
    let error = patient.chat("Why?").await.unwrap_err();
    assert!(error.message().contains("(authentication)"), "{error}");
    assert_eq!((error.kind(), runtime.elapsed()), (&ErrorKind::NoCandidate, Duration::ZERO));
    sleep(error.retry_after().unwrap()).await;
    assert_eq!(patient.chat("Why?").await.unwrap().text, "the key is in place");
}

#[tokio::test(start_paused = true)]
async fn a_delay_that_does_not_fit_spares_the_next_call_the_question() {
    let (house, cloud) = players();
    house.on("small", [fails(ErrorKind::RateLimited { after: Some(seconds(700.0)) })]);
    let router = router(&house, &cloud).build().unwrap();
    for _ in 0..3 {
        router.chat("Why?").await.unwrap();
    }
    assert_eq!(house.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_next_call_is_spared_whether_or_not_this_one_could_retry() {
    let (house, cloud) = players();
    house.on("small", [fails(ErrorKind::RateLimited { after: Some(seconds(20.0)) }), says("patience")]);
    let policy = Policy { max_retries: 0, ..Policy::default() };
    let router = router(&house, &cloud).policy(policy).build().unwrap();
    for _ in 0..3 {
        router.chat("Why?").await.unwrap();
    }
    assert_eq!(house.asked().len(), 1, "twenty seconds are not over");
    sleep(seconds(20.0)).await;
    assert_eq!(router.chat("Why?").await.unwrap().text, "patience");
}

#[tokio::test(start_paused = true)]
async fn a_patient_call_waits_where_a_hasty_one_could_not() {
    let (house, cloud) = players();
    let limited = || fails(ErrorKind::RateLimited { after: Some(seconds(20.0)) });
    house.on("small", [limited().after(0.5), limited().after(1.0), says("patience")]);
    let router = router(&house, &cloud).build().unwrap();
    let hasty = router.chat(Prompt { deadline: Some(seconds(10.0)), ..Prompt::from("Why?") });
    let (hasty, patient) = tokio::join!(hasty, router.chat("Why?"));
    assert_eq!(hasty.unwrap().advice.model, key("cloud/medium"));
    assert_eq!(patient.unwrap().text, "patience");
}

#[tokio::test(start_paused = true)]
async fn a_call_does_not_ask_again_whom_its_own_failures_put_to_rest() {
    let (house, cloud) = players();
    house.on("small", (0..99).map(|_| fails(ErrorKind::Server)));
    let router = router(&house, &cloud).build().unwrap();
    for asked in [3, 5, 5] {
        router.chat("Why?").await.unwrap();
        assert_eq!(house.asked().len(), asked);
    }
    sleep(seconds(40.0)).await;
    router.chat("Why?").await.unwrap();
    assert_eq!(house.asked().len(), 6, "one try after the pause, and no more");
    let left = router.paused()[0].until.duration_since(TestRuntime::new().now()).unwrap();
    assert!(left > seconds(90.0) && left < seconds(110.0), "the second pause is a minute: {left:?}");
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_for_the_one_that_tries_it_are_answered_too() {
    let (house, cloud) = players();
    house.on("small", [fails(ErrorKind::Overloaded), says("well again").after(2.0)]);
    let patient = alone(&house, &cloud, 300.0);
    let begun = tokio::time::Instant::now();
    patient.chat("Why?").await.unwrap_err();
    let answers = patient.chat_many(vec!["Why?"; 9], NonZeroUsize::new(9).unwrap()).await;
    for answer in answers {
        let answer = answer.unwrap();
        assert_eq!(answer.receipt.attempts.len(), 1);
        assert!(answer.receipt.has_note(NoteCode::Paused));
    }
    assert!(begun.elapsed() < seconds(34.0), "soon after the first: {:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_try_that_is_dropped_is_left_to_the_next() {
    let (house, cloud) = players();
    house.on("small", [fails(ErrorKind::Authentication), never(), says("well again")]);
    let router = router(&house, &cloud).build().unwrap();
    router.chat("Why?").await.unwrap();
    sleep(seconds(31.0)).await;
    let dropped = tokio::time::timeout(seconds(1.0), router.chat("Why?")).await;
    assert!(dropped.is_err() && house.asked().len() == 2);
    assert_eq!(router.chat("Why?").await.unwrap().text, "well again");
}

#[tokio::test(start_paused = true)]
async fn a_hasty_caller_does_not_make_a_model_look_ill() {
    let (house, cloud) = players();
    house.on("small", (0..9).map(|_| never()));
    let hasty = alone(&house, &cloud, 0.001);
    for _ in 0..9 {
        assert_eq!(hasty.chat("Why?").await.unwrap_err().kind(), &ErrorKind::Timeout);
    }
    assert!(hasty.paused().is_empty());
}

#[tokio::test(start_paused = true)]
async fn without_a_breaker_everybody_is_asked_every_time() {
    let (house, cloud) = players();
    house.on("small", (0..9).map(|_| fails(ErrorKind::QuotaExhausted { until: None })));
    let router =
        router(&house, &cloud).policy(Policy { breaker: None, ..Policy::default() }).build().unwrap();
    for _ in 0..9 {
        assert_eq!(router.chat("Why?").await.unwrap().receipt.attempts.len(), 2);
    }
    assert!(router.paused().is_empty());
}

#[tokio::test(start_paused = true)]
async fn retries_of_all_calls_together_are_bounded() {
    let (house, cloud) = players();
    house.on("small", (0..1000).map(|_| fails(ErrorKind::Overloaded)));
    let router =
        router(&house, &cloud).policy(Policy { breaker: None, ..Policy::default() }).build().unwrap();
    let mut retries = 0;
    let mut spared = 0;
    for _ in 0..100 {
        let receipt = router.chat("Why?").await.unwrap().receipt;
        retries += receipt.attempts.iter().filter(|attempt| attempt.purpose == Purpose::Retry).count();
        spared += usize::from(receipt.has_note(NoteCode::Paused));
    }
    assert_eq!(retries, 30, "ten at first, and one for each five calls");
    assert!(spared > 80, "{spared} receipts say why");
}

#[tokio::test(start_paused = true)]
async fn many_prompts_are_answered_in_order_so_many_at_once() {
    let (house, cloud) = players();
    let plays = (0..20).map(|number| says(&format!("answer {number}")).after(1.0));
    house.on("small", plays);
    let runtime = TestRuntime::new();
    let router = router_at(&runtime, &house, &cloud).build().unwrap();
    let prompts =
        (0..20).map(|number| if number == 3 { String::new() } else { format!("question {number}") });
    let answers = router.chat_many(prompts, NonZeroUsize::new(5).unwrap()).await;
    assert_eq!(answers.len(), 20);
    assert_eq!(answers[3].as_ref().unwrap_err().kind(), &ErrorKind::InvalidRequest);
    assert_eq!(answers[0].as_ref().unwrap().text, "answer 0");
    assert_eq!(answers[19].as_ref().unwrap().text, "answer 18");
    assert!(runtime.elapsed() >= seconds(4.0) && runtime.elapsed() < seconds(5.0), "{:?}", runtime.elapsed());
}

fn limits(concurrent: u32, per_minute: u32) -> Limits {
    Limits { concurrent: concurrent.try_into().ok(), per_minute: per_minute.try_into().ok() }
}

fn asking(model: &str, timeout: f64) -> chat::ChatRequest {
    let messages = vec![chat::Message::text(chat::Role::User, "Why?")];
    chat::ChatRequest { timeout: Some(seconds(timeout)), ..chat::ChatRequest::new(key(model), messages) }
}

#[tokio::test(start_paused = true)]
async fn calls_above_the_limit_wait_for_their_turn() {
    let (house, _) = players();
    house.on("small", (0..9).map(|_| says("there").after(10.0)));
    let runtime = TestRuntime::new();
    let limited = Limited::new(house.clone(), limits(2, 0), runtime.clone());
    assert_eq!(limited.to_string(), format!("{house}, limited to 2 at once"));
    let chats = (0..4).map(|_| limited.chat(asking("house/small", 60.0)));
    let answers = futures_util::future::join_all(chats).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(runtime.elapsed(), seconds(20.0));
    assert_eq!(house.requests()[3].timeout, Some(seconds(50.0)), "the wait is taken off its time");

    let mut stream = limited.chat_stream(asking("house/small", 60.0)).await.unwrap();
    let held = limited.chat_stream(asking("house/small", 60.0)).await.unwrap();
    let error = limited.chat(asking("house/small", 5.0)).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::RateLimited { after: None });
    while stream.next().await.is_some() {}
    drop(held);
    assert!(limited.chat(asking("house/small", 60.0)).await.is_ok(), "streams give their permits back");
}

#[tokio::test(start_paused = true)]
async fn a_minutes_worth_may_come_at_once_and_then_as_earned() {
    let (house, _) = players();
    house.on("small", (0..99).map(|_| says("there")));
    let runtime = TestRuntime::new();
    let limited = Limited::new(house.clone(), limits(0, 6), runtime.clone());
    for _ in 0..6 {
        limited.chat(asking("house/small", 1.0)).await.unwrap();
    }
    assert_eq!(runtime.elapsed(), Duration::ZERO);
    let error = limited.chat(asking("house/small", 1.0)).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(seconds(10.0)));
    limited.chat(asking("house/small", 60.0)).await.unwrap();
    assert_eq!(runtime.elapsed(), seconds(10.0));
    let calls = Arc::new(limited);
    futures_util::future::join_all((0..3).map(|_| calls.chat(asking("house/small", 600.0)))).await;
    assert_eq!(runtime.elapsed(), seconds(40.0));
}

#[tokio::test(start_paused = true)]
async fn turns_that_nobody_took_are_not_lost() {
    let (house, _) = players();
    let runtime = TestRuntime::new();
    let limited = Limited::new(house.clone(), limits(0, 6), runtime.clone());
    for _ in 0..6 {
        limited.chat(asking("house/small", 1.0)).await.unwrap();
    }
    let waiting = (0..50).map(|_| limited.chat(asking("house/small", 900.0)));
    let given_up = tokio::time::timeout(seconds(5.0), futures_util::future::join_all(waiting)).await;
    assert!(given_up.is_err() && house.asked().len() == 6);
    limited.chat(asking("house/small", 900.0)).await.unwrap();
    assert_eq!(runtime.elapsed(), seconds(10.0), "as if the fifty had never asked");
}

#[tokio::test(start_paused = true)]
async fn who_was_never_sent_is_booked_as_nothing_and_falls_back() {
    let (house, cloud) = players();
    house.on("small", [never()]);
    let runtime = TestRuntime::new();
    let limited = Arc::new(Limited::new(house.clone(), limits(1, 0), runtime.clone()));
    let held = Arc::clone(&limited);
    let held = tokio::spawn(async move { held.chat(asking("house/small", 9999.0)).await });
    tokio::task::yield_now().await;
    let router = three().into_iter().fold(
        Router::builder(accountant(), world(), runtime.clone()).objective(anybody()),
        RouterBuilder::card,
    );
    let policy = Policy { max_retries: 0, ..Policy::default() };
    let router = router.policy(policy).provider(limited).provider(cloud.clone()).build().unwrap();
    let answer =
        router.chat(Prompt { deadline: Some(seconds(100.0)), ..Prompt::from("Why?") }).await.unwrap();
    let [first, second] = &answer.receipt.attempts[..] else { panic!("{}", answer.receipt) };
    assert_eq!((&first.requested, &second.requested), (&key("house/small"), &key("cloud/medium")));
    assert!(first.reading.is_none() && !answer.receipt.has_note(NoteCode::Unmetered), "{:#}", answer.receipt);
    held.abort();
}

#[tokio::test(start_paused = true)]
async fn a_broken_stream_begins_anew_where_that_is_wanted() {
    let (house, cloud) = players();
    house.on("small", [says("one two three four").truncated(2)]);
    cloud.on("medium", [says("five six").breaking(1, ErrorKind::StreamError)]);
    cloud.on("large", [says("seven eight")]);
    let router = router(&house, &cloud).build().unwrap();
    let prompt = Prompt { restart: true, ..Prompt::from("Count.") };
    let mut stream = router.chat_stream(prompt.clone()).await.unwrap();
    let (mut text, mut restarts, mut answer) = (String::new(), 0, None);
    while let Some(event) = stream.next().await {
        match event.unwrap() {
            AnswerEvent::Text(piece) => text.push_str(&piece),
            AnswerEvent::Restarted { why } => {
                assert!(why.contains('/'), "{why}");
                (text, restarts) = (String::new(), restarts + 1);
            }
            AnswerEvent::Done(done) => answer = Some(*done),
            other => panic!("{other:?}"),
        }
    }
    let answer = answer.unwrap();
    assert_eq!((text.as_str(), answer.text.as_str(), restarts), ("seven eight", "seven eight", 2));
    assert_eq!(answer.receipt.attempts.len(), 3);
    assert!(answer.receipt.attempts.iter().all(|attempt| attempt.reading.is_some()), "all of it was spent");

    // Attempts stay bounded, and without the wish the error is told at once.
    for (restart, attempts) in [(true, 4), (false, 1)] {
        for (player, model) in [(&house, "small"), (&cloud, "medium"), (&cloud, "large")] {
            player.on(model, (0..9).map(|_| says("one two three").truncated(1)));
        }
        let mut stream = router.chat_stream(Prompt { restart, ..prompt.clone() }).await.unwrap();
        let mut end = None;
        while let Some(event) = stream.next().await {
            end = Some(event);
        }
        let error = end.unwrap().unwrap_err();
        assert_eq!(error.receipt().unwrap().attempts.len(), attempts, "{error}");
        sleep(seconds(9999.0)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn where_nobody_can_begin_anew_the_error_is_still_the_streams_own() {
    let (house, cloud) = players();
    house.on("small", [says("one two three four").truncated(2)]);
    let breaker = Some(Breaker { failures: 1, ..Breaker::default() });
    let objective = Objective { only: Some([key("house/small")].into()), ..anybody() };
    let policy = Policy { breaker, ..Policy::default() };
    let router = router(&house, &cloud).objective(objective).policy(policy).build().unwrap();
    let mut stream = router.chat_stream(Prompt { restart: true, ..Prompt::from("Count.") }).await.unwrap();
    let mut end = None;
    while let Some(event) = stream.next().await {
        end = Some(event);
    }
    let error = end.unwrap().unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::StreamTruncated { partial: "one two ".to_owned() });
    assert_eq!(error.receipt().unwrap().attempts.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_conversation_may_come_with_the_prompt() {
    let (house, cloud) = players();
    let router = router(&house, &cloud).build().unwrap();
    let said = |role, text: &str| chat::Message::text(role, text);
    let history = vec![said(chat::Role::User, "Name a river."), said(chat::Role::Assistant, "The Rhine.")];
    let prompt = Prompt { history, ..Prompt::from("Name another.") };
    router.chat(prompt.clone()).await.unwrap();
    let texts: Vec<_> = house.requests()[0].messages.iter().map(chat::Message::plain_text).collect();
    assert_eq!(texts, ["Name a river.", "The Rhine.", "Name another."]);
    let error = router.chat(prompt.conversation("c1")).await.unwrap_err();
    assert!(error.message().contains("`history` must be empty"), "{error}");
}
