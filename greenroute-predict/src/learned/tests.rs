use super::*;
use crate::latent::TASKS;
use crate::prior::sample::{prior, profile};
use greenroute_core::units::Probability;
use greenroute_core::{ErrorKind, PromptProfile, ReceiptId};
use serde_json::{Value, json};

fn key(at: usize) -> ModelKey {
    ModelKey::new("local", format!("m{at}"))
}

fn good(model: ModelKey, receipt: Option<u128>, judge: Option<&str>) -> Verdict {
    Verdict {
        receipt: receipt.map(ReceiptId::from_u128),
        model,
        profile: profile(1, 0.0),
        score: Probability::ONE,
        judge: judge.map(Arc::from),
    }
}

fn place(task: usize, lowering: f32) -> Place {
    let mut tasks = [0.0; TASKS];
    tasks[task] = 1.0;
    Place { tasks, lowering }
}

/// One verdict on a prompt of the second task.
fn hear(learned: &mut Learned, verdict: &Verdict) {
    learned.hear(verdict, &place(1, 0.25), &prior().tasks);
}

/// A memory of many parts.
fn full() -> Learned {
    let mut learned = Learned::default();
    for at in 0..60 {
        let judge = ["ann", "bob", "cid"].get(at % 4).copied();
        hear(&mut learned, &good(key(at % 5), Some((at / 2) as u128), judge));
    }
    learned
}

fn restored(snapshot: &Value) -> greenroute_core::Result<Learned> {
    Learned::from_bytes(&serde_json::to_vec(snapshot).unwrap(), &prior().tasks)
}

fn snapshot(learned: &Learned) -> Value {
    serde_json::from_slice(&learned.to_bytes("0badcafe")).unwrap()
}

#[test]
fn a_model_that_was_forgotten_begins_anew_also_for_who_judged_it_before() {
    let mut learned = Learned::default();
    (0..30).for_each(|_| hear(&mut learned, &good(key(0), None, Some("ann"))));
    (1..=MODELS).for_each(|at| hear(&mut learned, &good(key(at), None, Some("ann"))));
    assert_eq!(learned.weight(&key(0), "grade-school maths"), 0.0);
    hear(&mut learned, &good(key(0), None, Some("ann")));
    assert_eq!(learned.weight(&key(0), "grade-school maths"), 1.0, "what was forgotten came back");
    // Also when others were heard before him.
    (1..=MODELS).for_each(|at| hear(&mut learned, &good(key(at), None, Some("ann"))));
    (0..40).for_each(|at| hear(&mut learned, &good(key(0), Some(at), None)));
    let before = learned.weight(&key(0), "grade-school maths");
    hear(&mut learned, &good(key(0), None, Some("ann")));
    let after = learned.weight(&key(0), "grade-school maths");
    assert!((after - (before * faded(1.0) + 1.0)).abs() < 1e-9, "{before} became {after}");
}

#[test]
fn the_same_verdicts_make_the_same_bytes() {
    let bytes = full().to_bytes("0badcafe");
    assert_eq!(bytes, full().to_bytes("0badcafe"));
    let again = Learned::from_bytes(&bytes, &prior().tasks).unwrap();
    assert_eq!((&again, again.to_bytes("0badcafe")), (&full(), bytes));
}

#[test]
fn a_snapshot_names_no_judge_and_no_call() {
    let mut learned = Learned::default();
    let receipt = ReceiptId::from_u128(0x1234_5678_9abc);
    let verdict = good(key(0), Some(0x1234_5678_9abc), Some("ada.lovelace@example.org"));
    hear(&mut learned, &verdict);
    let text = String::from_utf8(learned.to_bytes("0badcafe")).unwrap();
    for secret in ["ada", "lovelace", "example", receipt.as_str()] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[test]
fn a_verdict_on_nothing_known_leaves_the_memory_as_it_was() {
    let before = full();
    let mut learned = before.clone();
    for strange in [0.0, -1.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let nowhere = Place { tasks: [strange; TASKS], lowering: strange };
        learned.hear(&good(key(0), Some(999), Some("ann")), &nowhere, &prior().tasks);
    }
    assert_eq!(learned, before);
}

#[test]
fn numbers_that_no_verdicts_make_are_refused() {
    let whole = snapshot(&full());
    assert_eq!(restored(&whole).unwrap(), full());
    let share = whole["judges"].as_object().unwrap().keys().next().unwrap().clone();
    let cell = "/models/0/1/cells/grade-school maths";
    let strange = [json!(-1.0), json!(1e300), json!(null), json!("1")];
    let mut hostile = Vec::new();
    for place in [
        format!("{cell}/clock"),
        format!("{cell}/tally/0"),
        format!("{cell}/tally/1"),
        format!("/judges/{share}/clock"),
        format!("/judges/{share}/tally/0"),
    ] {
        hostile.extend(strange.iter().map(|value| (place.clone(), value.clone())));
    }
    hostile.push((format!("{cell}/tally/2"), json!(1e8)));
    // More than the weight is worth.
    hostile.push((format!("{cell}/tally/1"), json!(145.0)));
    // From the future: a tick at the end of all numbers could not be counted on.
    for place in ["/models/0/1/tick", &format!("{cell}/born"), &format!("/judges/{share}/tick"), "/tick"] {
        hostile.push((place.to_owned(), json!(u64::MAX)));
    }
    for (place, value) in hostile {
        let mut bad = whole.clone();
        *bad.pointer_mut(&place).unwrap() = value.clone();
        let error = restored(&bad).expect_err(&format!("{value} at {place}"));
        assert_eq!(*error.kind(), ErrorKind::Decode, "{value} at {place}");
    }
}

#[test]
fn a_snapshot_with_more_than_is_ever_kept_is_refused_or_cut() {
    let whole = snapshot(&full());
    let one = whole["models"][0].clone();
    let mut many = whole.clone();
    let models = (0..=MODELS).map(|at| json!([key(at), one[1]]));
    many["models"] = models.collect();
    assert_eq!(*restored(&many).unwrap_err().kind(), ErrorKind::Decode);
    let share = whole["judges"].as_object().unwrap().values().next().unwrap();
    let mut many = whole.clone();
    many["judges"] = (0..20_000).map(|at| (at.to_string(), share.clone())).collect();
    assert_eq!(*restored(&many).unwrap_err().kind(), ErrorKind::Decode);
    // The latest calls are what is remembered of too many, and the first judges of each.
    let mut many = whole.clone();
    many["receipts"] = (0..50_000).map(|call| json!([call, [1, 2, 3, 4, 5]])).collect();
    let kept = snapshot(&restored(&many).unwrap())["receipts"].clone();
    assert_eq!(kept.as_array().unwrap().len(), 1_024);
    assert_eq!(kept[1_023], json!([49_999, [1, 2, 3]]));
    // Tasks that nobody knows are not kept.
    let mut many = whole;
    let cells = many.pointer_mut("/models/0/1/cells").unwrap().as_object_mut().unwrap();
    let cell = cells.values().next().unwrap().clone();
    cells.extend((0..10_000).map(|at| (format!("task {at}"), cell.clone())));
    assert_eq!(restored(&many).unwrap(), full());
}

#[test]
fn deep_and_doubled_json_is_refused_or_harmless() {
    let deep = "[".repeat(1 << 20);
    let error = Learned::from_bytes(deep.as_bytes(), &prior().tasks).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Decode);
    let mut twice = snapshot(&full());
    let one = twice["models"][0].clone();
    twice["models"].as_array_mut().unwrap().push(one);
    assert_eq!(restored(&twice).unwrap(), full());
}

#[test]
fn many_judges_are_kept_by_thousands_and_the_longest_unheard_begins_anew() {
    let mut learned = Learned::default();
    let say = |learned: &mut Learned, name: &str| hear(learned, &good(key(0), None, Some(name)));
    say(&mut learned, "first");
    for at in 0..9_000 {
        say(&mut learned, &format!("judge {at}"));
    }
    let kept = snapshot(&learned)["judges"].as_object().unwrap().len();
    assert!((6_000..=8_192).contains(&kept), "{kept}");
    // Whoever was heard lately is still known: the twenty-first verdict moves out his first.
    (0..40).for_each(|_| say(&mut learned, "last"));
    let weight = learned.weight(&key(0), "grade-school maths");
    say(&mut learned, "last");
    assert!(learned.weight(&key(0), "grade-school maths") <= weight, "one judge is worth more and more");
}

#[test]
fn hand_made_profiles_teach_by_their_capabilities() {
    let outlook = crate::Outlook::new(prior(), "0badcafe");
    let asked = greenroute_core::model::CapabilityWeights::single(greenroute_core::model::Capability::Code);
    let profile = PromptProfile::by_hand(asked, f64::NAN);
    let verdict = Verdict { profile, ..good(key(0), None, None) };
    greenroute_core::Expecter::learn(&outlook, &[verdict]).unwrap();
    assert_eq!(outlook.learned().weight(&key(0), "code writing"), 1.0);
}
