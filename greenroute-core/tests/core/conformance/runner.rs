use greenroute_core::conformance::*;
use greenroute_core::{GreenRanker, Ranker};

fn passes(_: &dyn Ranker) -> Outcome {
    Ok(())
}

fn fails(_: &dyn Ranker) -> Outcome {
    Err(Finding::Failed("it is Monday".into()))
}

fn does_not_apply(_: &dyn Ranker) -> Outcome {
    Err(Finding::DoesNotApply("it takes images".into()))
}

fn panics(_: &dyn Ranker) -> Outcome {
    panic!("index {} out of range", 7)
}

const ALL: &[Scenario<Check<dyn Ranker>>] = &[
    Scenario { name: "passes", check: |ranker| passes(ranker) },
    Scenario { name: "fails", check: |ranker| fails(ranker) },
    Scenario { name: "does_not_apply", check: |ranker| does_not_apply(ranker) },
    Scenario { name: "panics", check: |ranker| panics(ranker) },
];

#[test]
fn every_scenario_is_reported() {
    let report = run(ALL, &GreenRanker, &[]);
    assert_eq!(report.verdicts().len(), 4);
    assert_eq!(report.failed().collect::<Vec<_>>(), ["fails", "panics"]);
    let report = report.conforms().unwrap_err();
    insta::assert_snapshot!(report, @r"
    passed   passes
    FAILED   fails           it is Monday
    skipped  does_not_apply  it takes images
    FAILED   panics          it panicked: index 7 out of range
    ");
}

#[test]
fn what_is_skipped_is_not_run_and_says_why() {
    let report =
        run(ALL, &GreenRanker, &[("fails", "not on Mondays"), ("panics", "known")]).conforms().unwrap();
    assert_eq!(report.verdict("fails"), Some(&Verdict::Skipped("not on Mondays".into())));
    assert_eq!(report.verdict("passes"), Some(&Verdict::Passed));
}

#[test]
fn skips_stand_where_their_scenarios_do() {
    let report = run(ALL, &GreenRanker, &[("panics", "known"), ("passes", "not today")]);
    let names: Vec<&str> = report.verdicts().iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["passes", "fails", "does_not_apply", "panics"]);
}

#[test]
fn reports_stand_side_by_side_in_a_table() {
    let good = ALL.get(..1).unwrap();
    let (all, some) =
        (run(ALL, &GreenRanker, &[]), run(ALL, &GreenRanker, &[("panics", "two\nlines | bars")]));
    let (one, wrong) = (run(good, &GreenRanker, &[]), run(good, &GreenRanker, &[("pass", "x")]));
    let reports = [("all", &all), ("a|b", &some), ("one", &one), ("wrong", &wrong)];
    insta::assert_snapshot!(table(&reports), @r"
    | scenario | all | a\|b | one | wrong |
    |---|---|---|---|---|
    | passes | passed | passed | passed | passed |
    | fails | **failed** | **failed** |  |  |
    | does_not_apply | – | – |  |  |
    | panics | **failed** | – |  |  |

    - all, `fails` failed: it is Monday
    - all, `panics` failed: it panicked: index 7 out of range
    - all, it takes images: `does_not_apply`
    - a|b, `fails` failed: it is Monday
    - a|b, it takes images: `does_not_apply`
    - a|b, two lines \| bars: `panics`
    - wrong failed: there is no scenario `pass` to skip
    ");
    assert_eq!(table(&[("one", &one)]).to_string(), "| scenario | one |\n|---|---|\n| passes | passed |\n");
}

#[test]
fn a_skip_that_names_nothing_or_says_nothing_is_a_failure() {
    let good = ALL.get(..1).unwrap();
    for (skip, says) in [(("fail", "x"), "no scenario `fail` to skip"), (("passes", " "), "has no reason")] {
        let report = run(good, &GreenRanker, &[skip]).conforms().unwrap_err();
        assert!(report.to_string().contains(says), "{report}");
    }
    assert!(run::<dyn Ranker>(&[], &GreenRanker, &[]).conforms().is_err(), "an empty suite proves nothing");
}

#[test]
fn a_suite_of_single_tests_must_be_complete() {
    assert_eq!(complete(ALL, &["passes", "fails", "does_not_apply", "panics"]), Ok(()));
    let says = |named: &[&str]| match complete(ALL, named) {
        Err(Finding::Failed(message)) => message,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        says(&["passes", "passes", "fails", "does_not_apply", "panicks"]),
        "`passes` is named 2 times; `panics` is missing; there is no scenario `panicks`"
    );
}

/// A scenario is a public function that takes the suite's subject; none may be missing from its `ALL`.
#[test]
fn every_function_of_a_suite_is_in_its_list() {
    macro_rules! names {
        ($($suite:ident: $($file:literal),+;)+) => {
            [$((
                stringify!($suite),
                concat!($(include_str!(concat!("../../../src/conformance/", $file))),+),
                $suite::ALL.iter().map(|scenario| scenario.name).collect::<Vec<_>>(),
            )),+]
        };
    }
    let suites = names! {
        embedder: "embedder.rs";
        expecter: "expecter.rs";
        grid: "grid.rs";
        ledger: "ledger.rs";
        meter: "meter.rs";
        profiler: "profiler.rs";
        provider: "provider/answering.rs", "provider/refusing.rs", "provider/streaming.rs", "provider/cancelling.rs", "provider/timing_out.rs", "provider/history.rs", "provider/settings.rs", "provider/telling.rs", "provider/thinking.rs", "provider/tools.rs", "provider/structured.rs", "provider/images.rs";
        ranker: "ranker.rs";
        runtime: "runtime.rs";
        store: "store.rs";
    };
    for (suite, source, listed) in suites {
        let functions: Vec<&str> = source
            .lines()
            .filter_map(|line| line.strip_prefix("pub fn ").or_else(|| line.strip_prefix("pub async fn ")))
            .filter_map(|rest| rest.split('(').next())
            .collect();
        assert!(!functions.is_empty(), "{suite}");
        for function in &functions {
            assert!(listed.contains(function), "{suite}::{function} is not in ALL");
        }
        assert_eq!(functions.len(), listed.len(), "{suite}");
    }
}
