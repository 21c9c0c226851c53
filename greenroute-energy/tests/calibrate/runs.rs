//! A plan, run against a provider.

use super::world::{Call, Done, World, accountant, card, honest, key, metered, model};
use greenroute_core::model::{ModelCard, Privacy, Window};
use greenroute_core::units::Energy;
use greenroute_core::{Error, ErrorKind, ModelKey, ModelProvider, Result};
use greenroute_energy::calibrate::{Kind, Load, Plan, Report, Shape, Trial, Unfit, Verdict, run};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

async fn run_on(
    world: &Arc<World>,
    provider: &dyn ModelProvider,
    plan: &Plan,
) -> (Result<Report>, Vec<Trial>) {
    let mut told = Vec::new();
    let report =
        run(provider, &key(), plan, &accountant(), &**world, &mut |trial| told.push(trial.clone())).await;
    (report, told)
}

fn near(found: Energy, joules: f64, share: f64) -> bool {
    (found.as_joules() / joules - 1.0).abs() < share
}

fn judged(report: &Report, verdict: Verdict) -> Vec<&'static str> {
    let judged = report.checks().iter().filter(|check| check.verdict == verdict);
    judged.map(|check| check.name).collect()
}

fn failing(report: &Report) -> Vec<&'static str> {
    judged(report, Verdict::Failed)
}

fn warning(report: &Report) -> Vec<&'static str> {
    judged(report, Verdict::Warned)
}

#[tokio::test]
async fn a_run_finds_what_the_model_takes() {
    let world = World::new();
    let provider = metered(&world, card(), honest);
    let (report, told) = run_on(&world, &provider, &Plan::default()).await;
    let report = report.unwrap();
    assert_eq!((told.len(), report.trials().len()), (19, 19), "every call is told");
    let profile = report.profile();
    assert!(near(profile.overhead_joules, 2.0, 0.02), "{profile:?}");
    assert!(
        near(profile.joules_per_input_token, 0.01, 0.02) && near(profile.joules_per_output_token, 0.05, 0.02)
    );
    assert_eq!((report.fit().shape, profile.points, report.fit().set_aside), (Shape::Plane, 18, 0));
    assert_eq!(profile.as_of.unwrap().to_string(), "2026-11-21");
    assert_eq!(failing(&report), Vec::<&str>::new());
    assert!(report.is_sound());
    // 2 J, one word, one token.
    assert!(near(report.empty_prompt().unwrap(), 2.06, 1e-6));
}

#[tokio::test]
async fn the_page_tells_load_and_empty_prompt_on_lines_of_their_own() {
    let world = World::new();
    let ((), load) = Load::of(&*world, &*world, || world.work(12.0, 20.0));
    let provider = metered(&world, card(), honest);
    let report = run_on(&world, &provider, &Plan::default()).await.0.unwrap();
    assert!(report.to_string().contains("model load       not measured"), "{report}");
    let page = report.with_load(load).to_string();
    for line in [
        "calibration of local/tiny, read by dial@1 at the device, 2026-11-21",
        "model load       0.60 s, 12.0 J (measured) at the device, by dial@1",
        "empty prompt     2.06 J (median of 3; 1 in, 1 out)",
    ] {
        assert!(page.lines().any(|found| found == line), "`{line}` is not in\n{page}");
    }
    let rows = page
        .lines()
        .filter(|line| line.contains("20.0 W") && line.ends_with(" %") && !line.starts_with("ok"))
        .count();
    assert_eq!(rows, 19, "{page}");
    assert_eq!(page.lines().filter(|line| line.starts_with("ok ")).count(), 9, "{page}");
}

#[tokio::test]
async fn a_load_whose_counter_fails_costs_the_reading_only() {
    let world = World::new();
    world.broken.store(true, Ordering::SeqCst);
    let (loaded, load) = Load::of(&*world, &*world, || "the model");
    assert_eq!(loaded, "the model");
    assert!(load.reading.unwrap_err().contains("broken"));
}

#[tokio::test]
async fn failures_and_absurd_readings_are_told_and_left_out() {
    let world = World::new();
    let act = |call: Call| match call.place {
        3 | 8 => Err(Error::new(ErrorKind::ModelFault, "local/tiny", "it said nothing usable")),
        // A hundred times as much, in a hundred times the time.
        10 => honest(call).map(|done| Done { joules: 100.0 * done.joules, ..done }),
        // A megawatt.
        14 => honest(call).map(|done| Done { watts: 1e6, ..done }),
        _ => honest(call),
    };
    let provider = metered(&world, card(), act);
    let (report, told) = run_on(&world, &provider, &Plan { rounds: 4, ..Plan::default() }).await;
    let report = report.unwrap();
    let left_out: Vec<_> = told.iter().filter_map(|trial| trial.outcome.as_ref().err()).collect();
    assert_eq!(left_out.len(), 3, "{left_out:?}");
    assert!(left_out[0].contains("nothing usable") && left_out[2].contains("power that no machine has"));
    assert_eq!(report.fit().set_aside, 1);
    let profile = report.profile();
    assert!(
        near(profile.joules_per_output_token, 0.05, 0.05) && near(profile.overhead_joules, 2.0, 0.2),
        "{profile:?}"
    );
    assert!(warning(&report).contains(&"repeats agree") && report.is_sound(), "{report}");
    assert!(report.to_string().contains("left out: local/tiny: it said nothing usable"), "{report}");
}

#[tokio::test]
async fn a_provider_that_nobody_meters_is_a_meter_error_after_one_round() {
    let world = World::new();
    let provider = model(&world, card(), honest);
    let (report, told) = run_on(&world, &provider, &Plan::default()).await;
    let error = report.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Meter);
    assert!(error.message().contains("no answer has a reading"), "{error}");
    assert!(told.len() <= 9, "{} calls of 19 were made", told.len());
}

#[tokio::test]
async fn a_broken_counter_says_why_nothing_is_read() {
    let world = World::new();
    world.broken.store(true, Ordering::SeqCst);
    let provider = metered(&world, card(), honest);
    let error = run_on(&world, &provider, &Plan::default()).await.0.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Meter);
    assert!(error.message().contains("dial@1"), "{error}");
}

#[tokio::test]
async fn a_provider_that_only_fails_is_given_up_with_its_own_error() {
    let world = World::new();
    let refuses = |_| Err(Error::new(ErrorKind::Authentication, "local/tiny", "no key"));
    let provider = metered(&world, card(), refuses);
    let (report, told) = run_on(&world, &provider, &Plan::default()).await;
    assert_eq!(report.unwrap_err().kind(), &ErrorKind::Authentication);
    assert_eq!(told.len(), 3);
}

#[tokio::test]
async fn too_few_readings_say_how_many_are_missing() {
    let world = World::new();
    let act = |call: Call| match call.place {
        1..=4 => honest(call),
        _ => Err(Error::new(ErrorKind::ModelFault, "local/tiny", "no")),
    };
    let provider = metered(&world, card(), act);
    let plan = Plan { warm_ups: 0, ..Plan::default() };
    let error = run_on(&world, &provider, &plan).await.0.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Meter);
    let source = std::error::Error::source(&error).unwrap().downcast_ref::<Unfit>().unwrap();
    let Unfit::TooFewPoints { have, needed: 5 } = source else { panic!("{source:?}") };
    assert!((3..5).contains(have) && source.missing() == Some(5 - have), "{source}");
}

#[tokio::test]
async fn what_the_window_cannot_hold_is_cut_and_noted() {
    let world = World::new();
    let small = ModelCard::new(key(), Window { context: 1024, max_output: None }, Privacy::Local);
    let provider = metered(&world, small, honest);
    let report = run_on(&world, &provider, &Plan::default()).await.0.unwrap();
    let longest = report
        .trials()
        .iter()
        .filter(|trial| trial.asked.kind == Kind::Answer)
        .map(|trial| trial.asked.tokens);
    assert_eq!(longest.max(), Some(896));
    assert!(
        report.to_string().contains(
            "note   answers of 2000 tokens were cut to 896: all that fits the model's window of 1024"
        ),
        "{report}"
    );
    assert!(report.is_sound(), "{report}");
}

#[tokio::test]
async fn an_answer_that_ends_early_counts_for_what_it_wrote() {
    let world = World::new();
    let act = |call: Call| {
        let wrote = call.wanted.min(300);
        honest(Call { wanted: wrote, ..call })
    };
    let provider = metered(&world, card(), act);
    let report = run_on(&world, &provider, &Plan::default()).await.0.unwrap();
    assert!(near(report.profile().joules_per_output_token, 0.05, 0.03));
    assert!(report.to_string().contains("an answer of 2000 tokens ended after 300"), "{report}");
}

#[tokio::test]
async fn a_meter_that_tells_nothing_of_the_work_fails_the_checks() {
    // The same energy whatever was asked, in a time that follows the tokens.
    let world = World::new();
    let act = |call: Call| {
        let seconds = 0.1 + 0.0025 * call.wanted as f64;
        Ok(Done { output: call.wanted, joules: 30.0, watts: 30.0 / seconds })
    };
    let provider = metered(&world, card(), act);
    let report = run_on(&world, &provider, &Plan::default()).await.0.unwrap();
    let failed = failing(&report);
    for name in ["energy follows time", "order is stable", "more tokens take more"] {
        assert!(failed.contains(&name), "{name} in {failed:?}\n{report}");
    }
    assert!(warning(&report).contains(&"power is steady") && !report.is_sound(), "{report}");
}

/// The energies of a machine that does other work too: now and then a call takes a half more.
fn disturbed(call: Call) -> Result<Done> {
    let done = honest(call)?;
    let (more, watts) = [(1.0, 20.0), (1.5, 28.0), (0.9, 18.0), (1.15, 22.0)][(call.place * 7 % 4) as usize];
    Ok(Done { joules: more * done.joules, watts, ..done })
}

#[tokio::test]
async fn a_noisy_machine_warns_and_its_profile_holds() {
    let world = World::new();
    let provider = metered(&world, card(), disturbed);
    let report = run_on(&world, &provider, &Plan::default()).await.0.unwrap();
    assert!(report.is_sound() && warning(&report).contains(&"repeats agree"), "{report}");
    assert!(near(report.profile().joules_per_output_token, 0.05, 0.3), "{report}");
    assert!(report.to_string().contains("\nwarn   repeats agree"), "{report}");
}

#[tokio::test]
async fn a_power_that_no_machine_has_fails_and_one_call_of_it_warns() {
    let world = World::new();
    let act = |call: Call| honest(call).map(|done| Done { watts: 0.4, ..done });
    let report = run_on(&world, &metered(&world, card(), act), &Plan::default()).await.0.unwrap();
    assert_eq!(failing(&report), ["power is plausible"], "{report}");
    let act = |call: Call| {
        honest(call).map(|done| Done { watts: if call.place == 9 { 0.4 } else { 20.0 }, ..done })
    };
    let report = run_on(&world, &metered(&world, card(), act), &Plan::default()).await.0.unwrap();
    assert!(warning(&report).contains(&"power is plausible"), "{report}");
}

#[tokio::test]
async fn the_page_tells_what_of_the_band_is_the_meters() {
    let world = World::new();
    let provider = metered(&world, card(), honest);
    let page = run_on(&world, &provider, &Plan::default()).await.0.unwrap().to_string();
    // The dial is exact: all of the band is the calls'.
    assert!(page.contains("  of the meter   ×1.00 to ×1.00: what dial@1"), "{page}");
    let band = |line: &str| {
        let found = page.lines().find(|found| found.starts_with(line)).unwrap();
        found.split_once('×').unwrap().1.split_once(':').unwrap().0.to_owned()
    };
    assert_eq!(band("band"), band("  of the calls"));
}

#[tokio::test]
async fn a_size_off_the_line_is_found_out() {
    let world = World::new();
    let act = |call: Call| {
        let done = honest(call)?;
        Ok(Done { joules: if call.wanted >= 2000 { 2.5 * done.joules } else { done.joules }, ..done })
    };
    let provider = metered(&world, card(), act);
    let report = run_on(&world, &provider, &Plan::default()).await.0.unwrap();
    assert_eq!(failing(&report), ["sizes lie on one line"], "{report}");
}

#[tokio::test]
async fn an_unknown_model_and_a_bad_plan_are_refused_before_any_call() {
    let world = World::new();
    let provider = metered(&world, card(), |_| -> Result<Done> { panic!("nobody may be asked") });
    let other = ModelKey::new("local", "other");
    let ask = async |model: &ModelKey, plan: &Plan| {
        run(&provider, model, plan, &accountant(), &*world, &mut |_| {}).await.unwrap_err()
    };
    assert_eq!(ask(&other, &Plan::default()).await.kind(), &ErrorKind::ModelNotFound);
    let nothing = Plan { rounds: 0, ..Plan::default() };
    assert_eq!(ask(&key(), &nothing).await.kind(), &ErrorKind::Config);
    assert_eq!(greenroute_core::Runtime::elapsed(&*world), Duration::ZERO);
}

/// The clock of this machine.
#[derive(Debug)]
struct Now(std::time::Instant);

impl greenroute_core::Runtime for Now {
    fn now(&self) -> std::time::SystemTime {
        std::time::SystemTime::now()
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, duration: Duration) -> futures_core::future::BoxFuture<'static, ()> {
        Box::pin(async move { std::thread::sleep(duration) })
    }

    fn spawn(&self, _task: futures_core::future::BoxFuture<'static, ()>) {}

    fn unique_id(&self) -> u128 {
        0
    }
}

/// Has the processor compute for so many steps, which take as long each.
fn compute(steps: u64) -> u64 {
    (0..steps * 40_000).fold(1, |state: u64, step| state.wrapping_mul(6_364_136_223_846_793_005) ^ step)
}

#[tokio::test]
#[cfg(unix)]
async fn a_real_counter_finds_that_a_token_of_output_takes_work() {
    use greenroute_energy::counter::{Counter, CpuTime};
    use greenroute_energy::{Machine, Metered};
    let machine = Machine::detect();
    let counter: Arc<dyn Counter> = Arc::new(CpuTime::open(&machine).unwrap());
    let act = |call: Call| {
        std::hint::black_box(compute(5 + call.wanted + call.input / 8));
        Ok(Done { output: call.wanted, joules: 0.0, watts: 1.0 })
    };
    let provider = Metered::new(model(&World::new(), card(), act), counter);
    let plan = Plan { answers: vec![10, 50, 250], prompts: vec![400], ..Plan::default() };
    let clock = Now(std::time::Instant::now());
    let report = run(&provider, &key(), &plan, &accountant(), &clock, &mut |_| {}).await.unwrap();
    let profile = report.profile();
    let (read, written) = (profile.joules_per_input_token, profile.joules_per_output_token);
    assert!(written > Energy::ZERO && written > read * 2.0, "{report}");
    let verdict = |name| report.checks().iter().find(|check| check.name == name).unwrap().verdict;
    assert_eq!(
        (verdict("order is stable"), verdict("more tokens take more")),
        (Verdict::Passed, Verdict::Passed),
        "{report}"
    );
    assert_eq!(profile.meter.as_ref().unwrap().name, "cpu_time_tdp");
    assert!(
        profile.low < 0.6 && profile.high > 1.6,
        "its power is not measured, and the band says so: {report}"
    );
}

#[tokio::test]
async fn a_machine_that_gets_slower_during_the_run_is_found_out() {
    let world = World::new();
    let act = |call: Call| {
        let done = honest(call)?;
        Ok(Done { joules: done.joules * (1.0 + 0.03 * call.place as f64), ..done })
    };
    let provider = metered(&world, card(), act);
    let report = run_on(&world, &provider, &Plan::default()).await.0.unwrap();
    assert!(warning(&report).contains(&"level stays"), "{report}");
    assert_eq!(report.profile().points, 18, "nothing is left out without a word");
}
