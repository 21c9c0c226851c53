//! Water, embodied emissions and other bases stand beside energy and emissions.

use crate::support::*;
use greenroute_core::model::ProviderName;
use greenroute_core::receipt::Outcome;
use greenroute_core::units::CarbonIntensity;
use greenroute_core::*;
use serde_json::json;

/// With water and hardware, and with a market-based intensity in the cloud.
fn telling() -> Accountant {
    let intensity = Estimate::exact(CarbonIntensity::from_grams_per_kwh(36.0), Method::Reported);
    let market = Site {
        market: Some(intensity),
        source: "its own report of 2025".into(),
        ..Site::new(overheads(1.6, 1.25))
    };
    Accountant::new(meters(), sites().with_provider(ProviderName::new("cloud"), market)).impact_model(Ponds)
}

#[tokio::test(start_paused = true)]
async fn water_and_hardware_are_summed_apart_from_energy_and_emissions() {
    let (house, cloud) = players();
    house.on("small", [says("Because.").after(2.0).reading(3600.0)]);
    let plain = router(&house, &cloud).build().unwrap().chat("Why?").await.unwrap().receipt;
    assert_eq!((plain.water, plain.embodied, &plain.attempts[0].impacts), (None, None, &None));
    assert!(!plain.has_note(NoteCode::ImpactUnknown), "nobody asked for it");

    house.on("small", [says("Because.").after(2.0).reading(3600.0)]);
    let receipt = router_by(telling(), &house, &cloud).build().unwrap().chat("Why?").await.unwrap().receipt;
    assert_eq!((receipt.energy, receipt.emissions), (plain.energy, plain.emissions));
    let litres = receipt.water.unwrap().value().as_litres();
    assert!((litres - 0.002).abs() < 1e-12, "{litres}");
    assert_eq!(receipt.embodied.unwrap().value().as_grams(), 2.0);
    assert!(!receipt.has_note(NoteCode::ImpactUnknown));

    let json = serde_json::to_value(&receipt).unwrap();
    assert_eq!(
        json["water"],
        json!({"litres": litres, "litres_low": litres, "litres_high": litres, "method": "modelled"})
    );
    assert_eq!(json["embodied"]["grams_co2e"], 2.0);
    assert_eq!(json["attempts"][0]["impacts"]["embodied"]["grams_co2e"], 2.0);
    assert_eq!(serde_json::from_value::<Receipt>(json).unwrap(), receipt);
}

#[tokio::test(start_paused = true)]
async fn a_sum_with_an_attempt_that_cannot_tell_is_not_told() {
    let (house, cloud) = players();
    house.on("small", [fails(ErrorKind::Timeout).after(3.0), fails(ErrorKind::Timeout).after(3.0)]);
    cloud.on("medium", [says("Because.").after(2.0)]);
    let receipt = router_by(telling(), &house, &cloud).build().unwrap().chat("Why?").await.unwrap().receipt;
    let failed = &receipt.attempts[0];
    assert!(matches!(failed.outcome, Outcome::Failed { .. }));
    let impacts = failed.impacts.as_ref().expect("it may have run");
    let energy = failed.reading.as_ref().unwrap().energy;
    let ratio = impacts.water.unwrap().high().as_litres() / energy.high().as_kwh();
    assert!((ratio - 2.0).abs() < 1e-9, "its water goes with its energy: {ratio}");
    assert_eq!(impacts.embodied, None);
    assert_eq!(receipt.embodied, None, "a part of a sum would be taken for the whole");
    let sum: f64 =
        receipt.attempts.iter().map(|a| a.impacts.as_ref().unwrap().water.unwrap().value().as_litres()).sum();
    assert!((receipt.water.unwrap().value().as_litres() / sum - 1.0).abs() < 1e-12);
    let told: Vec<_> = receipt.notes.iter().filter(|note| note.code == NoteCode::ImpactUnknown).collect();
    assert_eq!(told.len(), 1, "{receipt:#}");
    assert_eq!(told[0].text, "nobody timed it: its hardware is not told");
}

#[tokio::test(start_paused = true)]
async fn a_sum_without_an_attempt_that_nobody_could_meter_is_not_told() {
    let (house, cloud) = players();
    house.on("small", [fails(ErrorKind::Timeout).after(3.0).spending(3600.0)]);
    cloud.on("medium", [says("Because.").after(2.0).returned("cloud/mute")]);
    let mut mute = card("cloud/mute", 1.0, 0.5);
    mute.energy_profile = None;
    let router = router_by(telling(), &house, &cloud).card(mute);
    let receipt = router.build().unwrap().chat("Why?").await.unwrap().receipt;
    let answered = receipt.answered().unwrap();
    assert_eq!((answered.reading.is_none(), answered.usage.is_some()), (true, true), "{receipt:#}");
    assert!(receipt.attempts[0].impacts.as_ref().unwrap().water.is_some());
    assert_eq!((receipt.water, receipt.embodied), (None, None), "a part would be taken for the whole");
    assert!(receipt.has_note(NoteCode::Unmetered));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_never_ran_took_no_water() {
    let (house, cloud) = players();
    house.on("small", [fails(ErrorKind::Authentication)]);
    cloud.on("medium", [says("Because.").after(2.0)]);
    let receipt = router_by(telling(), &house, &cloud).build().unwrap().chat("Why?").await.unwrap().receipt;
    assert_eq!(receipt.attempts[0].impacts, None);
    assert_eq!(receipt.embodied.unwrap().value().as_grams(), 2.0);
}

#[tokio::test(start_paused = true)]
async fn they_have_rows_of_their_own() {
    let (house, cloud) = players();
    cloud.on("medium", [says("Because.").after(2.0)]);
    let only = Objective { only: Some([key("cloud/medium")].into()), ..anybody() };
    let router = router_by(telling(), &house, &cloud).objective(only).build().unwrap();
    let receipt = router.chat("Why?").await.unwrap().receipt;
    insta::assert_snapshot!(format!("{receipt:#}"), @r#"
    receipt    00000000000000000000000000000000
    attempt 1  cloud/medium answered in 2.00 s
      tokens   10 in, 20 out
      forecast 824 J (160 J–3.35 kJ, proxy) by per-token@1
      reading  420 J (336 J–525 J, modelled) by per-token@1
               not by instrument@1: no instrument
      grid     WORLD 480 gCO2e/kWh, average (test, 2025)
      emitted  56.0 mgCO2e (44.8 mgCO2e–70.0 mgCO2e, modelled)
      aside    4.20 mgCO2e (3.36 mgCO2e–5.25 mgCO2e, modelled), market-based (its own report of 2025)
      water    233 µL (187 µL–292 µL, modelled)
      embodied 2.00 gCO2e (modelled), in making the hardware
      cost     $0.0000300 (reported)
    deciding   0 J (modelled) in 0 s
    total      420 J (336 J–525 J, modelled) at the facility
               56.0 mgCO2e (44.8 mgCO2e–70.0 mgCO2e, modelled)
               $0.0000300 (reported)
    note       no zone is set: the world average is used
    "#);
    // The market's emissions are a tenth of the grid's, and are in no sum.
    let aside = &receipt.attempts[0].aside[0];
    assert_eq!((aside.basis, &*aside.source), (Basis::Market, "its own report of 2025"));
    let emissions = receipt.attempts[0].emissions.unwrap();
    let share = aside.emissions.value().as_grams() / emissions.value().as_grams();
    assert!((share - 36.0 / 480.0).abs() < 1e-12);
    assert_eq!(receipt.emissions, emissions);
}
