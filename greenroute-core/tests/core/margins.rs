//! Marginal intensities stand aside.

use crate::support::*;
use greenroute_core::units::CarbonIntensity;
use greenroute_core::*;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

fn france() -> Zone {
    "FR".parse().unwrap()
}

fn always(grams: f64) -> Arc<Atlas> {
    Atlas::new(move |zone, _| Said::After(0.0, Ok(reading(zone.clone(), grams))))
}

fn build(marginal: &Arc<Atlas>) -> Router {
    let (house, cloud) = players();
    router(&house, &cloud).zone(france()).grid(always(50.0)).marginal(Arc::clone(marginal)).build().unwrap()
}

async fn chat(router: &Router, prompt: Prompt) -> Receipt {
    // Once for the source to be asked: nothing waits for what nothing is decided by.
    router.refresh_grid().await;
    router.chat(prompt).await.unwrap().receipt
}

#[tokio::test(start_paused = true)]
async fn the_margin_stands_aside_and_in_no_sum() {
    let receipt = chat(&build(&always(700.0)), "Why?".into()).await;
    let [attempt] = &receipt.attempts[..] else { panic!("{receipt:#}") };
    let kwh = attempt.reading.as_ref().unwrap().energy.value().as_kwh();
    let [aside] = &attempt.aside[..] else { panic!("{receipt:#}") };
    assert_eq!((aside.basis, aside.source.as_ref()), (Basis::Marginal, "test"));
    assert!((aside.emissions.value().as_grams() - 700.0 * kwh).abs() < 1e-12);
    assert!((attempt.emissions.unwrap().value().as_grams() - 50.0 * kwh).abs() < 1e-12);
    let total = receipt.emissions.value().as_grams();
    assert!((total - 50.0 * receipt.energy.value().as_kwh()).abs() < 1e-9 * total, "{receipt:#}");
    assert!(format!("{receipt:#}").contains("marginal (test, 2025)"), "{receipt:#}");
}

#[tokio::test(start_paused = true)]
async fn a_margin_that_is_not_known_is_noted_and_costs_no_call_its_time() {
    let hangs = Atlas::new(|_, _| Said::Never);
    let router = build(&hangs);
    let begun = tokio::time::Instant::now();
    router.chat("Why?").await.unwrap();
    assert_eq!(begun.elapsed(), Duration::ZERO);
    tokio::time::sleep(Duration::from_secs(31)).await;
    let receipt = router.chat("Why?").await.unwrap().receipt;
    assert!(receipt.attempts[0].aside.is_empty());
    let text = "the marginal intensity of FR is not known: no answer within 30s";
    assert!(receipt.notes.iter().any(|note| note.text == text), "{receipt:#}");
    assert!(!receipt.attempts[0].grid.zone.is_world(), "the average is another source's");
}

#[tokio::test(start_paused = true)]
async fn a_margin_that_ran_out_is_not_told() {
    let once = Atlas::new(|zone, nth| {
        let valid_until = Some(UNIX_EPOCH + Duration::from_secs(EPOCH + 300));
        let first = GridReading { valid_until, ..reading(zone.clone(), 700.0) };
        Said::After(0.0, if nth == 1 { Ok(first) } else { Err(ErrorKind::Server) })
    });
    let router = build(&once);
    assert_eq!(chat(&router, "Why?".into()).await.attempts[0].aside.len(), 1);
    tokio::time::sleep(Duration::from_secs(300)).await;
    let receipt = router.chat("Why?").await.unwrap().receipt;
    assert!(receipt.attempts[0].aside.is_empty());
    assert!(receipt.has_note(NoteCode::GridDegraded), "{receipt:#}");
}

#[tokio::test(start_paused = true)]
async fn a_chosen_zone_has_its_own_margin_and_a_chosen_intensity_none() {
    let marginal = Atlas::new(|zone, _| {
        Said::After(0.0, Ok(reading(zone.clone(), if zone.as_str() == "SE" { 300.0 } else { 700.0 })))
    });
    let router = build(&marginal);
    let sweden = || Prompt::from("Why?").zone("SE".parse().unwrap());
    router.chat(sweden()).await.unwrap();
    let receipt = chat(&router, sweden()).await;
    let attempt = &receipt.attempts[0];
    let kwh = attempt.reading.as_ref().unwrap().energy.value().as_kwh();
    assert!((attempt.aside[0].emissions.value().as_grams() - 300.0 * kwh).abs() < 1e-12, "{receipt:#}");
    let spain =
        || sweden().zone("ES".parse().unwrap()).carbon_intensity(CarbonIntensity::from_grams_per_kwh(1.0));
    router.chat(spain()).await.unwrap();
    let aside = &chat(&router, spain()).await.attempts[0].aside;
    assert_eq!(aside.len(), 1, "an average that is set says nothing of the margin");
    let set = Prompt::from("Why?").carbon_intensity(CarbonIntensity::from_grams_per_kwh(1.0));
    assert!(chat(&router, set).await.attempts[0].aside.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_number_on_another_basis_is_no_answer() {
    let (house, cloud) = players();
    let marginal = Atlas::new(|zone, _| {
        let reading = GridReading { basis: Basis::Marginal, ..reading(zone.clone(), 700.0) };
        Said::After(0.0, Ok(reading))
    });
    let router = router(&house, &cloud).zone(france()).grid(marginal).build().unwrap();
    let receipt = router.chat("Why?").await.unwrap().receipt;
    assert!(receipt.attempts[0].grid.zone.is_world());
    let text = "zone FR has no reading (the source gave a marginal intensity, where the average one was asked for): the \
                world average is used";
    assert!(receipt.notes.iter().any(|note| note.text == text), "{receipt:#}");
}
