//! From a live source to a receipt: what fails degrades, is told, and never costs the answer.

use crate::world::{Clock, Fakes, HOUR, Hand, KEY, MINUTE, noon, quick, zone};
use futures_util::future::join_all;
use greenroute_core::chat::{Block, ChatRequest, ChatResponse, FinishReason};
use greenroute_core::model::{ModelCard, ModelKey, Privacy, Window};
use greenroute_core::units::Tokens;
use greenroute_core::{Accountant, Answer, Counted, GridIntensity, Router, Runtime, Usage, completion_fn};
use greenroute_energy::grid::live::{Cached, ElectricityMaps};
use greenroute_energy::grid::{Chain, YearlyAverages};
use greenroute_energy::{Machine, ladder, sites};
use greenroute_testkit::{Fault, RetryAfter};
use std::sync::Arc;

const MAPS: &str = "electricity_maps";

fn chain(fakes: &Fakes, hand: &Hand) -> Chain {
    let live = Cached::new(fakes.maps()).runtime(Arc::new(hand.clone()));
    Chain::new(vec![Arc::new(live), Arc::new(YearlyAverages)])
}

#[tokio::test]
async fn a_failing_source_gives_way_to_its_old_answer_and_then_to_the_year() {
    let fakes = Fakes::start().await;
    let hand = Hand::new();
    let chain = chain(&fakes, &hand);
    let ask = async || chain.intensity(&zone("DE"), hand.now()).await.unwrap();
    let live = ask().await;
    assert_eq!((&*live.source, live.passed_over.len()), ("Electricity Maps", 0));
    hand.pass(41 * MINUTE);
    fakes.world.advance(41 * MINUTE);
    fakes.server.fault_times(MAPS, Fault::Server500, 1000);
    let old = ask().await;
    assert_eq!((&*old.source, old.passed_over.len()), ("Electricity Maps", 1));
    hand.pass(4 * HOUR);
    let year = ask().await;
    assert!(year.source.contains("Our World in Data"), "{}", year.source);
    assert!(year.passed_over[0].starts_with("electricity maps: HTTP 500"), "{:?}", year.passed_over);
    assert_eq!(year.zone, zone("DE"));
    fakes.server.clear();
    fakes.world.advance(4 * HOUR);
    hand.pass(2 * HOUR);
    fakes.world.advance(2 * HOUR);
    assert_eq!(&*ask().await.source, "Electricity Maps");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_crowd_at_a_source_that_is_down_asks_it_once_and_all_are_answered() {
    let fakes = Fakes::start().await;
    fakes.server.fault_times(MAPS, Fault::RateLimited(RetryAfter::Seconds(60)), 1000);
    let chain = Arc::new(chain(&fakes, &Hand::new()));
    let tasks = (0..100).map(|number| {
        let chain = Arc::clone(&chain);
        let place = ["DE", "FR", "GB"][number % 3];
        tokio::spawn(async move { chain.intensity(&zone(place), noon()).await })
    });
    for outcome in join_all(tasks).await {
        let reading = outcome.unwrap().unwrap();
        assert!(reading.passed_over[0].contains("HTTP 429"), "{:?}", reading.passed_over);
    }
    assert!(fakes.asked(MAPS).len() <= 3, "at most once for each zone, and none after the first refusal");
}

async fn answer(grid: impl GridIntensity) -> Answer {
    let window = Window { context: 4096, max_output: None };
    let mut card = ModelCard::new(ModelKey::new("acme", "acme-8b"), window, Privacy::Remote);
    card.zone = Some(zone("DE"));
    let provider = completion_fn(card, async |request: ChatRequest| {
        let usage =
            Usage { input_uncached: Tokens::new(10), output_visible: Tokens::new(20), ..Usage::default() };
        let text = vec![Block::Text { text: "Blue.".to_owned() }];
        Ok(ChatResponse::new(request.model, text, FinishReason::Stop, Counted::Reported(usage)))
    });
    let accountant = Accountant::new(ladder(&Machine::detect()), sites());
    let clock = Arc::new(Clock::new());
    let router = Router::builder(accountant, YearlyAverages::world(), clock).grid(grid).provider(provider);
    router.build().unwrap().chat("Why is the sky blue?").await.unwrap()
}

#[tokio::test]
async fn a_receipt_names_the_live_source() {
    let fakes = Fakes::start().await;
    let answer = answer(chain(&fakes, &Hand::new())).await;
    let grid = &answer.receipt.attempts[0].grid;
    assert_eq!((&*grid.source, grid.intensity.value().as_grams_per_kwh()), ("Electricity Maps", 310.0));
}

#[tokio::test]
async fn whatever_a_source_does_the_answer_comes_with_its_receipt() {
    let fakes = Fakes::start().await;
    for fault in Fault::ALL {
        fakes.server.clear();
        fakes.server.fault_times(MAPS, *fault, 5);
        let answer = answer(chain(&fakes, &Hand::new())).await;
        let grid = &answer.receipt.attempts[0].grid;
        let live = grid.source == "Electricity Maps";
        assert!(live || !grid.passed_over.is_empty(), "{fault}: {grid:?}");
        assert_eq!(answer.text, "Blue.");
    }
    let nowhere =
        ElectricityMaps::builder(KEY).base_url("http://127.0.0.1:1/v3").timeouts(quick()).build().unwrap();
    let bare = answer(nowhere).await;
    let told = bare.receipt.notes.iter().any(|note| note.text.contains("no connection to 127.0.0.1"));
    assert!(told, "{:?}", bare.receipt.notes);
    assert!(bare.receipt.emissions.value().as_grams() > 0.0);
}
