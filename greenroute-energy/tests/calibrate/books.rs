//! What receipts of a real router teach, and where it is kept.

use super::world::{Call, Done, World, accountant, card, honest, key, metered, model};
use super::{overheads, point, today};
use greenroute_core::model::{Deployment, EnergyProfile, LoadOffset, ModelCard, Privacy};
use greenroute_core::units::Energy;
use greenroute_core::{
    Accountant, Boundary, Catalog, EnergyMeter, EnergyRate, Error, ErrorKind, Estimate, Ladder, MeterId,
    Method, ModelKey, ModelProvider, Prompt, Reading, Receipt, Result, Router, Site, Sites, Skip, Spread,
    Work,
};
use greenroute_energy::calibrate::{Applied, CalibrationBook, PassedOver, Point, Series, Subject, Unfit};
use greenroute_energy::grid::YearlyAverages;
use proptest::prelude::*;
use std::sync::Arc;

fn router(world: &Arc<World>, provider: impl ModelProvider) -> Router {
    let builder = Router::builder(accountant(), YearlyAverages::world(), Arc::clone(world) as _);
    builder.provider(provider).build().unwrap()
}

fn book() -> CalibrationBook {
    CalibrationBook::new()
}

/// Receipts of short and long answers, as often as asked.
async fn receipts(router: &Router, times: u64) -> Vec<Receipt> {
    let mut receipts = Vec::new();
    for turn in 0..times {
        let prompt =
            Prompt::from("Why is the sky blue?").max_output_tokens([10, 100, 700][turn as usize % 3]);
        receipts.push(router.chat(prompt).await.unwrap().receipt);
    }
    receipts
}

fn apply(book: &mut CalibrationBook, router: &Router) -> Applied {
    book.apply(router.advisor().catalog(), router.advisor().accountant(), today())
}

fn learn(book: &mut CalibrationBook, router: &Router, receipts: &[Receipt]) -> u32 {
    let cards = router.advisor().catalog().snapshot();
    receipts.iter().map(|receipt| book.observe(receipt, &cards)).sum()
}

fn profile(router: &Router) -> Option<EnergyProfile> {
    router.advisor().catalog().snapshot().get(&key()).unwrap().energy_profile.clone()
}

/// Joules per token of output at the facility, which is the server here: half as much again as the device.
const PER_TOKEN: f64 = 0.05 * 1.5;

fn near(found: Energy, joules: f64, share: f64) -> bool {
    (found.as_joules() / joules - 1.0).abs() < share
}

/// The receipt with another energy of its first attempt.
fn with_energy(receipt: &Receipt, times: f64) -> Receipt {
    let mut receipt = receipt.clone();
    let reading = receipt.attempts[0].reading.as_mut().unwrap();
    reading.energy = reading.energy.map(|energy| energy * times);
    // In as much more time, so that its power is no reason to doubt it.
    receipt.attempts[0].duration = receipt.attempts[0].duration.mul_f64(times);
    receipt
}

#[tokio::test]
async fn what_receipts_teach_is_what_the_next_forecast_says() {
    let world = World::new();
    let router = router(&world, metered(&world, card(), honest));
    let before = receipts(&router, 9).await;
    let mut book = book();
    assert_eq!(learn(&mut book, &router, &before), 9);
    let applied = apply(&mut book, &router);
    let [change] = &applied.changed[..] else { panic!("{applied:?}") };
    assert_eq!((&change.model, change.as_of()), (&key(), Some(today())));
    assert!(change.to_string().contains("9 readings by dial@1 at the facility); before: none"), "{change}");
    let profile = profile(&router).unwrap();
    assert!(near(profile.joules_per_output_token, PER_TOKEN, 0.05), "{profile:?}");
    let after = receipts(&router, 1).await.remove(0).attempts.remove(0);
    let off = |attempt: &greenroute_core::receipt::Attempt| {
        let (told, read) = (&attempt.forecast, attempt.reading.as_ref().unwrap());
        assert_eq!(read.boundary, Boundary::Facility);
        // Of the tokens that were expected, and the five words of the prompt.
        let truth = 1.5 * (2.0 + 0.01 * 5.0 + 0.05 * told.output.value().get() as f64);
        (told.energy.value().as_joules() / truth).ln().abs()
    };
    assert_eq!(after.forecast.meter, MeterId::new("profile", 1));
    let (blind, taught) = (off(&before[0].attempts[0]), off(&after));
    assert!(taught < 0.1 && taught < blind, "{taught} after {blind}");
    assert!(apply(&mut book, &router).changed.is_empty(), "the same readings change nothing twice");
}

#[tokio::test]
async fn one_absurd_receipt_moves_nothing() {
    let world = World::new();
    let router = router(&world, metered(&world, card(), honest));
    let good = receipts(&router, 12).await;
    let mut book = book();
    learn(&mut book, &router, &good);
    let _ = apply(&mut book, &router);
    let before = profile(&router).unwrap();
    for times in [1000.0, 0.001] {
        let mut spoiled = book.clone();
        learn(&mut spoiled, &router, &[with_energy(&good[2], times)]);
        let _ = apply(&mut spoiled, &router);
        let after = profile(&router).unwrap();
        assert!(
            near(after.joules_per_output_token, before.joules_per_output_token.as_joules(), 0.02),
            "{after:?}"
        );
        assert!((after.high / before.high - 1.0).abs() < 0.05 && (after.low / before.low - 1.0).abs() < 0.05);
    }
}

#[tokio::test]
async fn what_only_a_model_says_teaches_nothing_unless_it_is_trusted() {
    let world = World::new();
    let mut slow = card();
    slow.speed =
        Some(greenroute_core::model::Speed { tokens_per_second: 20.0, time_to_first_chunk_seconds: 0.0 });
    let router = router(&world, model(&world, slow, honest));
    let receipts = receipts(&router, 6).await;
    let meter = receipts[0].attempts[0].reading.as_ref().unwrap().meter.clone();
    let mut strict = book();
    assert_eq!(learn(&mut strict, &router, &receipts), 0);
    assert_eq!(strict.passed_over().get(&PassedOver::NotMeasured), Some(&6));
    assert_eq!(learn(&mut book().trusting(meter), &router, &receipts), 6);
}

#[tokio::test]
async fn an_answer_of_an_unknown_model_and_a_failed_attempt_teach_nothing() {
    let world = World::new();
    let router = router(&world, metered(&world, card(), honest));
    let mut receipt = receipts(&router, 1).await.remove(0);
    let mut book = book();
    receipt.attempts[0].returned = Some(ModelKey::new("local", "tiny-2026-01-31"));
    assert_eq!(learn(&mut book, &router, std::slice::from_ref(&receipt)), 1, "a snapshot of the same model");
    receipt.attempts[0].returned = Some(ModelKey::new("local", "another"));
    assert_eq!(learn(&mut book, &router, std::slice::from_ref(&receipt)), 0);
    receipt.attempts[0].outcome = greenroute_core::receipt::Outcome::Cancelled;
    assert_eq!(learn(&mut book, &router, std::slice::from_ref(&receipt)), 0);
    let passed = book.passed_over();
    assert_eq!(
        (passed.get(&PassedOver::UnknownModel), passed.get(&PassedOver::NotAnswered)),
        (Some(&1), Some(&1))
    );
}

#[tokio::test]
async fn a_model_that_changes_is_noticed_and_followed() {
    let world = World::new();
    let act = |call: Call| {
        honest(call)
            .map(|done| Done { joules: if call.place < 24 { 1.0 } else { 2.0 } * done.joules, ..done })
    };
    let router = router(&world, metered(&world, card(), act));
    let mut book = book();
    let old = receipts(&router, 24).await;
    learn(&mut book, &router, &old);
    assert!(apply(&mut book, &router).drifted.is_empty());
    let new = receipts(&router, 9).await;
    learn(&mut book, &router, &new);
    let applied = apply(&mut book, &router);
    let [(model, factor)] = &applied.drifted[..] else { panic!("{applied:?}") };
    assert!(*model == key() && (factor - 2.0).abs() < 0.1, "{factor}");
    assert!(near(profile(&router).unwrap().joules_per_output_token, 2.0 * PER_TOKEN, 0.05));
    let fits: Vec<_> = book.series().next().unwrap().fits().collect();
    assert_eq!(fits.len(), 2, "the history keeps both");
    assert!(fits[0].drift.is_none() && fits[1].drift.is_some());
}

#[test]
fn prompts_of_another_size_are_no_drift() {
    let joules = |input: u64, output: u64| 2.0 + 0.01 * input as f64 + 0.05 * output as f64;
    let call = |input: u64, output: u64| point(input, output, joules(input, output));
    let short = (0..32_u64).map(|place| call(10, [10, 100, 700][place as usize % 3]));
    let mut series = series("tiny", short);
    // It believes that a token of input takes as much as one of output.
    let believed = super::prior(1.0, 0.05, 0.05, 10.0);
    assert!(series.fit(Some(&believed), today()).unwrap().drift.is_none());
    (0..12_u64).for_each(|place| series.add(call(3000, [10, 100, 700][place as usize % 3])).unwrap());
    let fit = series.fit(Some(&believed), today()).unwrap();
    assert_eq!((fit.drift, series.points().len()), (None, 44));
    assert!(near(fit.profile.joules_per_input_token, 0.01, 0.1), "{fit:?}");
}

#[tokio::test]
async fn a_few_receipts_do_not_outweigh_a_run() {
    let world = World::new();
    let router = router(&world, metered(&world, card(), honest));
    let mut book = book();
    let yesterday = "2026-11-20".parse().unwrap();
    let old = |point: Point| Point { on: yesterday, ..point };
    let run = (1..=9).map(|place| old(point(20 * place, 100 * place, 2.2 + 5.2 * place as f64)));
    book.insert(series("tiny", run));
    let newest = receipts(&router, 3).await;
    assert_eq!(learn(&mut book, &router, &newest), 3);
    let _ = apply(&mut book, &router);
    assert_eq!(profile(&router).unwrap().points, 9);
    let more = receipts(&router, 6).await;
    learn(&mut book, &router, &more);
    let _ = apply(&mut book, &router);
    let of_receipts = profile(&router).unwrap();
    assert_eq!((of_receipts.points, of_receipts.boundary), (9, Boundary::Facility));
}

#[tokio::test]
async fn a_profile_of_the_device_and_one_of_the_facility_foretell_the_same() {
    let world = World::new();
    let router = router(&world, metered(&world, card(), honest));
    let receipts = receipts(&router, 12).await;
    let told = |points: &dyn Fn(&mut CalibrationBook)| {
        let mut book = book();
        points(&mut book);
        assert_eq!(apply(&mut book, &router).changed.len(), 1);
        let snapshot = router.advisor().catalog().snapshot();
        let (card, accountant) = (snapshot.get(&key()).unwrap(), router.advisor().accountant());
        let tokens = |count| Estimate::exact(greenroute_core::units::Tokens::new(count), Method::Reported);
        let work = Work::expected(card, tokens(5), tokens(300));
        let reading = accountant.ladder().rate(card).unwrap().reading(&work);
        let widened = reading.to_facility(&accountant.sites().of(card, None).site.overheads).energy;
        (reading.boundary, widened)
    };
    let (facility, by_receipts) = told(&|book| assert_eq!(learn(book, &router, &receipts), 12));
    let at_device = [10_u64, 100, 700].repeat(4);
    let (device, by_run) = told(&|book| {
        let call = |&output: &u64| point(5, output, 2.0 + 0.01 * 5.0 + 0.05 * output as f64);
        book.insert(series("tiny", at_device.iter().map(call)));
    });
    assert_eq!((facility, device), (Boundary::Facility, Boundary::Device));
    assert!(near(by_run.value(), by_receipts.value().as_joules(), 0.02), "{by_run} {by_receipts}");
    assert!(near(by_run.high(), by_receipts.high().as_joules(), 0.05), "{by_run} {by_receipts}");
}

#[tokio::test]
async fn what_stood_by_hand_comes_back() {
    let world = World::new();
    let mut mine = card();
    let [overhead, input, output] = [1.0, 0.1, 1.0].map(Energy::from_joules);
    mine.energy_profile = Some(EnergyProfile::new(overhead, input, output));
    let router = router(&world, metered(&world, mine.clone(), honest));
    let mut book = book();
    let receipts = receipts(&router, 9).await;
    learn(&mut book, &router, &receipts);
    assert_eq!(apply(&mut book, &router).changed.len(), 1);
    assert_ne!(profile(&router), mine.energy_profile);
    let text = book.export().unwrap();
    let mut book = CalibrationBook::import(&text).unwrap();
    book.withdraw(&key(), router.advisor().catalog()).unwrap();
    assert_eq!(profile(&router), mine.energy_profile);
    assert_eq!(book.series().len(), 0);
    let other = book.withdraw(&ModelKey::new("no", "such"), router.advisor().catalog()).unwrap_err();
    assert_eq!(other.kind(), &ErrorKind::ModelNotFound);
}

fn subject(model: &str, version: u32) -> Subject {
    Subject {
        model: ModelKey::new("local", model),
        meter: MeterId::new("dial", version),
        boundary: Boundary::Device,
    }
}

fn series(model: &str, points: impl IntoIterator<Item = Point>) -> Series {
    let mut series = Series::new(subject(model, 1));
    points.into_iter().for_each(|point| series.add(point).unwrap());
    series
}

#[test]
fn memory_is_bounded() {
    let mut long = series("tiny", (0..1000).map(|place| point(10, 10 + place, 1.0 + place as f64)));
    assert_eq!(long.points().len(), 128);
    assert_eq!(long.points().next().unwrap().output_tokens.get(), 882, "the newest stay");
    for place in 0..100 {
        long.add(point(10, 10 + place * 20, 1.0 + place as f64 * f64::from(place as u32 % 7 + 1))).unwrap();
        let _ = long.fit(None, today());
    }
    assert!(long.fits().count() <= 32);
    let mut book = book();
    for place in 0..300 {
        book.insert(series(&format!("m{place}"), [point(10, 10, 1.0)]));
    }
    assert_eq!(book.series().len(), 256);
}

#[test]
fn readings_of_two_meters_are_never_mixed() {
    let mut series = Series::new(subject("tiny", 1));
    let read = |version, boundary| {
        let energy = Estimate::exact(Energy::from_joules(5.0), Method::Measured);
        Reading::new(energy, boundary, MeterId::new("dial", version))
    };
    let counted = super::counted(10, 10);
    assert!(series.observe(&counted, &read(1, Boundary::Device), None, today()).is_ok());
    for other in [read(2, Boundary::Device), read(1, Boundary::Facility)] {
        assert_eq!(series.observe(&counted, &other, None, today()), Err(PassedOver::OtherMeter));
    }
    assert_eq!((series.points().len(), series.passed_over().get(&PassedOver::OtherMeter)), (1, Some(&2)));
}

/// A meter while whose work somebody sets a profile by hand, once.
#[derive(Debug)]
struct Meddled {
    catalog: Arc<Catalog>,
    profile: EnergyProfile,
    done: std::sync::atomic::AtomicBool,
}

impl EnergyMeter for Meddled {
    fn id(&self) -> MeterId {
        MeterId::new("meddled", 1)
    }

    fn rate(&self, _: &ModelCard) -> Result<EnergyRate, Skip> {
        if !self.done.swap(true, std::sync::atomic::Ordering::SeqCst) {
            let set = |card: &mut ModelCard| card.energy_profile = Some(self.profile.clone());
            self.catalog.revise(&key(), set).unwrap();
        }
        Ok(super::rate(1.0, 0.01, 0.05, 4.0))
    }

    fn read(&self, _: &Work<'_>) -> Result<Reading, Skip> {
        Err(Skip("it only forecasts".into()))
    }
}

#[test]
fn a_profile_set_by_hand_meanwhile_is_not_lost() {
    let catalog = Arc::new(Catalog::new([Arc::new(card())]).unwrap());
    let [overhead, input, output] = [1.0, 0.1, 1.0].map(Energy::from_joules);
    let profile = EnergyProfile::new(overhead, input, output);
    let meter = Meddled { catalog: Arc::clone(&catalog), profile: profile.clone(), done: false.into() };
    let sites = Sites::new(Site::new(overheads()), Site::new(overheads()));
    let accountant = Accountant::new(Ladder::new(vec![Arc::new(meter)]), sites);
    let mut book = book();
    book.insert(series("tiny", (1..=9).map(|place| point(20, 100 * place, 5.0 * place as f64))));
    assert!(book.apply(&catalog, &accountant, today()).changed.is_empty());
    let found = || catalog.snapshot().get(&key()).unwrap().energy_profile.clone();
    assert_eq!(found(), Some(profile.clone()));
    assert_eq!(book.apply(&catalog, &accountant, today()).changed.len(), 1);
    assert_ne!(found(), Some(profile.clone()));
    book.withdraw(&key(), &catalog).unwrap();
    assert_eq!(found(), Some(profile));
}

/// A roofline of one joule per token at batch 1, that heeds offsets and gets better with the batch.
#[derive(Debug)]
struct Roofline {
    heeds: bool,
}

impl EnergyMeter for Roofline {
    fn id(&self) -> MeterId {
        MeterId::new("roofline", 1)
    }

    fn rate(&self, card: &ModelCard) -> Result<EnergyRate, Skip> {
        let deployment = card.deployment.as_ref().ok_or(Skip("no deployment".into()))?;
        let batch = deployment.batch.ok_or(Skip("no batch".into()))?;
        let heeded = |offset: &&LoadOffset| self.heeds && (offset.batch / batch).log2().abs() <= 1.0;
        let factor = deployment.offsets.iter().find(heeded).map_or(1.0, |offset| offset.factor);
        let output = Energy::from_joules(factor / batch);
        Ok(EnergyRate::per_token(
            output,
            Spread::of(0.57, 2.08),
            Method::Modelled,
            Boundary::Device,
            self.id(),
        ))
    }

    fn read(&self, work: &Work<'_>) -> Result<Reading, Skip> {
        Ok(self.rate(work.card)?.reading(work))
    }
}

fn served(batch: Option<f64>, deployed: bool) -> ModelCard {
    let mut card = ModelCard::new(ModelKey::new("local", "tiny"), card().window, Privacy::Remote);
    card.deployment = deployed.then(|| Deployment { batch, ..Deployment::new("H100", 1) });
    card
}

/// Calls at a batch, that took `times` as much as the roofline says.
fn at_batch(batch: f64, times: f64) -> impl Iterator<Item = Point> {
    (0..5).map(move |place| {
        let output = 100 * (place + 1);
        point(20, output, times * output as f64 / batch).with_batch(Some(batch))
    })
}

fn applied_to(card: ModelCard, points: impl Iterator<Item = Point>, heeds: bool) -> (Catalog, Applied) {
    let accountant = Accountant::new(
        Ladder::new(vec![Arc::new(Roofline { heeds })]),
        Sites::new(Site::new(overheads()), Site::new(overheads())),
    );
    let catalog = Catalog::new([Arc::new(card)]).unwrap();
    let mut book = book();
    book.insert(series("tiny", points));
    let applied = book.apply(&catalog, &accountant, today());
    (catalog, applied)
}

#[test]
fn a_deployment_of_known_load_gets_offsets() {
    let points = at_batch(8.0, 1.4).chain(at_batch(64.0, 0.7));
    let (catalog, applied) = applied_to(served(Some(8.0), true), points, true);
    let snapshot = catalog.snapshot();
    let card = snapshot.get(&key()).unwrap();
    let offsets = &card.deployment.as_ref().unwrap().offsets;
    let [eight, many] = &offsets[..] else { panic!("{offsets:?}") };
    assert!((eight.factor / 1.4 - 1.0).abs() < 0.01 && (many.factor / 0.7 - 1.0).abs() < 0.01, "{offsets:?}");
    assert_eq!((eight.batch.round(), many.batch.round(), eight.points), (8.0, 64.0, 5));
    assert!(card.energy_profile.is_none(), "a line that is not keyed by the load would be wrong at another");
    let forecast = Roofline { heeds: true }.rate(card).unwrap().output.as_joules();
    assert!((forecast * 8.0 / 1.4 - 1.0).abs() < 0.01, "the next forecast is corrected: {forecast}");
    let told = applied.changed[0].to_string();
    assert!(told.contains("roofline@1 ×1.40 at a batch of 8"), "{told}");
}

#[test]
fn offsets_of_other_loads_and_meters_stay() {
    let mut card = served(Some(8.0), true);
    let old = |meter: &'static str, batch| LoadOffset {
        meter: MeterId::new(meter, 1),
        batch,
        factor: 1.2,
        low: 0.8,
        high: 1.25,
        points: 3,
        as_of: None,
    };
    let known = vec![old("roofline", 7.0), old("roofline", 256.0), old("throughput", 8.0)];
    card.deployment.as_mut().unwrap().offsets = known.clone();
    let (catalog, _) = applied_to(card, at_batch(8.0, 1.4), true);
    let snapshot = catalog.snapshot();
    let offsets = &snapshot.get(&key()).unwrap().deployment.as_ref().unwrap().offsets;
    let factors: Vec<_> =
        offsets.iter().map(|it| (it.meter.name.as_ref(), it.batch.round(), it.points)).collect();
    assert_eq!(factors, [("roofline", 8.0, 5), ("roofline", 256.0, 3), ("throughput", 8.0, 3)]);
    assert!((offsets[0].factor - 1.4).abs() < 0.01, "the old offset is not applied twice");
}

#[test]
fn what_cannot_be_corrected_says_why() {
    let unfit = |card, points: Vec<Point>, heeds| {
        let (catalog, applied) = applied_to(card, points.into_iter(), heeds);
        assert!(
            applied.changed.is_empty()
                && catalog.snapshot().cards().all(|card| card.energy_profile.is_none())
        );
        applied.unfit.into_iter().next().unwrap().1
    };
    let loaded: Vec<_> = at_batch(8.0, 1.4).collect();
    let unloaded: Vec<_> = loaded.iter().map(|point| Point { batch: None, ..point.clone() }).collect();
    assert_eq!(unfit(served(None, true), unloaded.clone(), true), Unfit::NoLoadKey);
    assert_eq!(unfit(served(None, false), unloaded, true), Unfit::NoLoadKey);
    assert_eq!(unfit(served(Some(8.0), true), loaded.clone(), false), Unfit::NothingToCorrect);
    let mut elsewhere = served(Some(8.0), true);
    elsewhere.key = ModelKey::new("local", "other");
    assert_eq!(unfit(elsewhere, loaded, true), Unfit::NoCard);
}

#[test]
fn a_provider_that_reports_every_answer_is_calibrated_whatever_its_load() {
    let reported = |point: Point| {
        let energy = Estimate::exact(point.energy.value(), Method::Reported);
        Point { energy, batch: None, ..point }
    };
    let points = (1..=9).map(|place| reported(point(20, 100 * place, 3.0 + 0.4 * (100 * place) as f64)));
    let (catalog, applied) = applied_to(served(None, false), points, true);
    assert_eq!(applied.changed.len(), 1, "{applied:?}");
    let snapshot = catalog.snapshot();
    let profile = snapshot.get(&key()).unwrap().energy_profile.clone().unwrap();
    assert!(near(profile.joules_per_output_token, 0.4, 0.01), "{profile:?}");
}

fn tampered(text: &str, from: &str, to: &str) -> Error {
    assert!(text.contains(from), "`{from}` is not in {text}");
    Series::import(&subject("tiny", 1), &text.replace(from, to)).unwrap_err()
}

#[test]
fn an_import_refuses_what_is_not_meant() {
    let mut series = series("tiny", (1..=6).map(|place| point(20, 100 * place, 5.0 * place as f64)));
    series.fit(None, today()).unwrap();
    let text = series.export().unwrap();
    assert_eq!(Series::import(&subject("tiny", 1), &text).unwrap(), series);
    let refused = |subject: &Subject| Series::import(subject, &text).unwrap_err().to_string();
    assert!(refused(&subject("huge", 1)).contains("it is of local/tiny, not of local/huge"));
    assert!(refused(&subject("tiny", 2)).contains("by dial@1, not by dial@2"));
    let facility = Subject { boundary: Boundary::Facility, ..subject("tiny", 1) };
    assert!(refused(&facility).contains("at the device, not at the facility"));
    for (from, to, says) in [
        ("\"version\": 1,\n  \"calibration\"", "\"version\": 2,\n  \"calibration\"", "version 2, not"),
        ("\"greenroute-calibration\"", "\"something-else\"", "`something-else`"),
        ("\"joules\": 5.0", "\"joules\": -5.0", "cannot be read"),
        (
            "\"output_tokens\": 100",
            "\"output_tokens\": 0",
            "point 1 cannot be used: it wrote or read no tokens",
        ),
        ("\"duration_seconds\": 0.25", "\"duration_seconds\": 1e-9", "no machine has"),
        ("\"prior_share\": 0.0", "\"prior_share\": 7.0", "a fit is not of dial@1"),
    ] {
        let error = tampered(&text, from, to);
        assert_eq!(error.kind(), &ErrorKind::Config);
        assert!(error.to_string().contains(says), "{from}: {error}");
    }
    let bare = serde_json::to_string(&series).unwrap();
    assert_eq!(serde_json::from_str::<Series>(&bare).unwrap(), series);
    let bad = bare.replace("\"output_tokens\":100", "\"output_tokens\":0");
    assert_ne!(bad, bare);
    assert!(serde_json::from_str::<Series>(&bad).is_err(), "no way around the check");
    for nonsense in ["", "[]", "{}", "<html>busy</html>", "{\"format\":3}"] {
        assert_eq!(Series::import(&subject("tiny", 1), nonsense).unwrap_err().kind(), &ErrorKind::Config);
        assert_eq!(CalibrationBook::import(nonsense).unwrap_err().kind(), &ErrorKind::Config);
    }
    assert!(CalibrationBook::import(&text).is_err(), "a series is no book");
}

#[test]
fn units_stand_in_the_fields() {
    let mut series = series("tiny", (1..=6).map(|place| point(20, 100 * place, 5.0 * place as f64)));
    series.fit(None, today()).unwrap();
    let text = series.export().unwrap();
    for field in [
        "input_tokens",
        "output_tokens",
        "joules",
        "duration_seconds",
        "overhead_joules",
        "joules_per_output_token",
    ] {
        assert!(text.contains(&format!("\"{field}\"")), "{field} in {text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_book_survives_the_way_through_a_file(
        calls in prop::collection::vec((1u64..5000, 1u64..5000, 0.1..1e4f64, prop::option::of(1.0..512.0f64)), 1..40),
        models in 1usize..4,
    ) {
        let mut book = book().trusting(MeterId::new("cpu_time_tdp", 1));
        for place in 0..models {
            let points = calls.iter().map(|&(input, output, joules, batch)| point(input, output, joules).with_batch(batch));
            let mut series = series(&format!("m{place}"), points);
            let _ = series.fit(Some(&super::prior(1.0, 0.01, 0.1, 4.0)), today());
            book.insert(series);
        }
        let text = book.export().unwrap();
        let read = CalibrationBook::import(&text).unwrap();
        prop_assert_eq!(read.export().unwrap(), text);
        prop_assert_eq!(read, book);
    }
}

#[test]
fn the_meters_of_the_ladder_heed_what_was_measured() {
    use greenroute_core::model::{Size, Span};
    // Without and with a throughput another meter forecasts.
    for (tokens_per_second, meter) in [(None, "roofline"), (Some(2000.0), "throughput")] {
        let mut card = served(Some(32.0), true);
        let known = Span::known(8.0);
        card.size = Some(Size { total: known, active: known, bytes_per_parameter: Some(2.0) });
        card.deployment.as_mut().unwrap().tokens_per_second = tokens_per_second;
        let accountant = accountant();
        let before = accountant.ladder().rate(&card).unwrap();
        assert_eq!(before.meter.name, meter);
        let points = (1..=6).map(|place| {
            let output = 100 * place;
            let joules = 1.4 * (before.input.as_joules() * 20.0 + before.output.as_joules() * output as f64);
            let squared = 1.4 * before.output_squared.as_joules() * (output * output) as f64;
            point(20, output, joules + squared).with_batch(Some(32.0))
        });
        let catalog = Catalog::new([Arc::new(card.clone())]).unwrap();
        let mut book = book();
        book.insert(series("tiny", points));
        let applied = book.apply(&catalog, &accountant, today());
        assert_eq!(applied.changed.len(), 1, "{applied:?}");
        let after = accountant.ladder().rate(catalog.snapshot().get(&card.key).unwrap()).unwrap();
        let times = after.output.as_joules() / before.output.as_joules();
        assert!((times / 1.4 - 1.0).abs() < 0.03, "{meter}: {times}");
        let width = |rate: &EnergyRate| {
            let one = Estimate::with_spread(Energy::from_joules(1.0), rate.spread, rate.method);
            one.high().as_joules() / one.low().as_joules()
        };
        assert!(width(&after) < 0.8 * width(&before), "{meter}: {} {}", width(&after), width(&before));
    }
}
