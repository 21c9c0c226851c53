use crate::support::*;
use futures_util::StreamExt;
use greenroute_core::chat::FinishReason;
use greenroute_core::receipt::Outcome;
use greenroute_core::*;
use std::time::Duration;

/// Everything that a stream gives, read to its end.
async fn read(mut stream: AnswerStream) -> (Vec<String>, Result<Answer>) {
    let mut pieces = Vec::new();
    let end = loop {
        match stream.next().await.expect("a stream ends in `Done` or an error") {
            Ok(AnswerEvent::Text(text)) => pieces.push(text),
            Ok(AnswerEvent::Thinking(text)) => pieces.push(format!("({text})")),
            Ok(AnswerEvent::Done(answer)) => break Ok(*answer),
            Err(error) => break Err(error),
            Ok(other) => panic!("{other:?}"),
        }
    };
    // Nothing follows, however often it is asked.
    assert!(stream.next().await.is_none());
    assert!(stream.next().await.is_none());
    (pieces, end)
}

#[tokio::test(start_paused = true)]
async fn pieces_come_and_then_the_whole_answer_once() {
    let (house, cloud) = players();
    house.on("small", [says("Rayleigh scattering it is").after(1.0).gap(0.5).reading(4.0)]);
    let runtime = TestRuntime::new();
    let router = router_at(&runtime, &house, &cloud).build().unwrap();
    let stream = router.chat_stream("Why is the sky blue?").await.unwrap();
    assert_eq!(runtime.elapsed(), Duration::from_millis(1500), "the first piece is there");
    let (pieces, answer) = read(stream).await;
    let answer = answer.unwrap();
    assert_eq!(pieces, ["Rayleigh ", "scattering ", "it ", "is"]);
    assert_eq!(answer.text, pieces.concat());
    let attempt = answer.receipt.answered().unwrap();
    assert_eq!(attempt.duration, Duration::from_millis(3500));
    assert_eq!(attempt.outcome, Outcome::Answered { finish_reason: FinishReason::Stop });
    assert_joules(answer.receipt.energy.value(), 4.0);
}

#[tokio::test(start_paused = true)]
async fn what_follows_the_end_is_not_heard() {
    let (house, cloud) = players();
    house.on("small", [says("that is all").going_on()]);
    let router = router(&house, &cloud).build().unwrap();
    let (pieces, answer) = read(router.chat_stream("Why?").await.unwrap()).await;
    assert_eq!(pieces.concat(), answer.unwrap().text);
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_pieces_is_an_answer() {
    let (house, cloud) = players();
    house.on("small", [says("").finish(FinishReason::Length)]);
    let router = router(&house, &cloud).build().unwrap();
    let (pieces, answer) = read(router.chat_stream("Why?").await.unwrap()).await;
    assert!(pieces.is_empty());
    assert_eq!(answer.unwrap().finish_reason, FinishReason::Length);
}

#[tokio::test(start_paused = true)]
async fn thinking_is_shown_apart() {
    let (house, cloud) = players();
    house.on("small", [says("forty two").thinking(1)]);
    let router = router(&house, &cloud).build().unwrap();
    let (pieces, answer) = read(router.chat_stream("Why?").await.unwrap()).await;
    assert_eq!(pieces, ["(hmm, let me see )", "forty ", "two"]);
    assert_eq!(answer.unwrap().text, "forty two");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_just_ends_is_truncated_and_booked_by_what_was_heard() {
    let (house, cloud) = players();
    house.on("small", [says("one two three four five").truncated(3)]);
    let router = router(&house, &cloud).build().unwrap();
    let (pieces, end) = read(router.chat_stream("Why?").await.unwrap()).await;
    let error = end.unwrap_err();
    assert_eq!(pieces.concat(), "one two three ");
    assert_eq!(error.kind(), &ErrorKind::StreamTruncated { partial: "one two three ".into() });
    let receipt = error.receipt().unwrap();
    assert!(cloud.requests().is_empty(), "what was heard is not said again by another model");
    let usage = receipt.attempts[0].usage.unwrap();
    assert!(usage.is_approximate() && usage.usage().output_tokens().get() >= 3, "{usage:?}");
    assert!(receipt.energy.value() > receipt.deciding.energy.value());
    assert!(receipt.has_note(NoteCode::UsageApproximate), "{receipt:#}");
    assert!(receipt.has_note(NoteCode::ZoneUnknown) && receipt.has_note(NoteCode::Unpriced), "{receipt:#}");
}

#[tokio::test(start_paused = true)]
async fn a_fault_after_the_first_piece_ends_the_stream() {
    for kind in [ErrorKind::StreamError, ErrorKind::Overloaded, ErrorKind::Connection] {
        let (house, cloud) = players();
        house.on("small", [says("one two three").breaking(2, kind.clone()).spending(6.0)]);
        let router = router(&house, &cloud).build().unwrap();
        let (pieces, end) = read(router.chat_stream("Why?").await.unwrap()).await;
        let error = end.unwrap_err();
        assert_eq!((pieces.len(), error.kind()), (2, &kind));
        let receipt = error.receipt().unwrap();
        assert_eq!((receipt.attempts.len(), house.requests().len()), (1, 1));
        assert_joules(receipt.energy.value(), 6.0);
    }
}

#[tokio::test(start_paused = true)]
async fn before_the_first_piece_another_model_may_be_asked() {
    let faults = [
        fails(ErrorKind::Authentication),
        says("").breaking(0, ErrorKind::Authentication),
        says("").breaking(0, ErrorKind::StreamError),
        says("").truncated(0),
    ];
    for fault in faults {
        let (house, cloud) = players();
        house.on("small", [fault.clone()]);
        let router = router(&house, &cloud).build().unwrap();
        let (_, answer) = read(router.chat_stream("Why?").await.unwrap_or_else(|error| {
            panic!("{fault:?}: {error:?}");
        }))
        .await;
        let answer = answer.unwrap();
        assert_eq!(answer.text, "medium says so");
        assert_eq!(answer.receipt.attempts.len(), 2);
        assert!(answer.receipt.has_note(NoteCode::FellBack));
    }
}

#[tokio::test(start_paused = true)]
async fn before_the_first_piece_the_same_model_may_be_asked_again() {
    let (house, cloud) = players();
    house.on("small", [says("").breaking(0, ErrorKind::Overloaded), says("at last")]);
    let router = router(&house, &cloud).build().unwrap();
    let (_, answer) = read(router.chat_stream("Why?").await.unwrap()).await;
    assert_eq!((answer.unwrap().text.as_str(), house.requests().len()), ("at last", 2));
}

#[tokio::test(start_paused = true)]
async fn the_deadline_holds_in_the_middle_of_a_stream() {
    let (house, cloud) = players();
    house.on("small", [says("one two three four").gap(2.0).leaving(7.0)]);
    let runtime = TestRuntime::new();
    let router = router_at(&runtime, &house, &cloud).build().unwrap();
    let prompt = Prompt::from("Why?").deadline(Duration::from_secs(5));
    let (pieces, end) = read(router.chat_stream(prompt).await.unwrap()).await;
    let error = end.unwrap_err();
    assert_eq!((pieces.len(), error.kind()), (2, &ErrorKind::Timeout));
    assert_eq!(runtime.elapsed(), Duration::from_secs(5));
    // The stream was dropped before the books were closed.
    assert_joules(error.receipt().unwrap().energy.value(), 7.0);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_never_begins_or_falls_silent_ends_at_the_deadline() {
    for (play, pieces_wanted) in
        [(never(), 0), (says("one two three").silent(1), 1), (says("one").silent(0), 0)]
    {
        let (house, cloud) = players();
        house.on("small", [play]);
        let runtime = TestRuntime::new();
        let router = router_at(&runtime, &house, &cloud).build().unwrap();
        let prompt = Prompt::from("Why?").deadline(Duration::from_secs(4));
        let error = match router.chat_stream(prompt).await {
            Err(error) => error,
            Ok(stream) => {
                let (pieces, end) = read(stream).await;
                assert_eq!(pieces.len(), pieces_wanted);
                end.unwrap_err()
            }
        };
        assert_eq!((error.kind(), runtime.elapsed()), (&ErrorKind::Timeout, Duration::from_secs(4)));
        assert_eq!(error.receipt().unwrap().attempts.len(), 1);
    }
}

/// Thinking takes energy like everything that a model writes.
#[tokio::test(start_paused = true)]
async fn thoughts_that_broke_off_are_booked() {
    let (house, cloud) = players();
    house.on("small", [says("forty two").thinking(50).truncated(40)]);
    let router = router(&house, &cloud).build().unwrap();
    let (_, end) = read(router.chat_stream("Why?").await.unwrap()).await;
    let error = end.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::StreamTruncated { partial: String::new() });
    let usage = error.receipt().unwrap().attempts[0].usage.unwrap();
    assert!(usage.usage().output_tokens().get() > 40, "{usage:?}");
}
