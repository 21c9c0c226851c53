//! What the centre makes of typical hours: when work is cleanest, and objectives that lean with the grid.

#![cfg(test)]

use futures_core::future::BoxFuture;
use greenroute_core::model::{ModelKey, Privacy, Size, Span, Window};
use greenroute_core::units::Energy;
use greenroute_core::{
    Accountant, Advisor, CarbonAware, Catalog, Change, GridIntensity, GridSnapshot, ModelCard, NoteCode,
    Objective, Runtime, Zone, cleanest,
};
use greenroute_energy::grid::{HourlyShapes, YearlyAverages};
use greenroute_energy::{Machine, ladder, sites};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const HOUR: Duration = Duration::from_secs(3600);

fn california() -> Zone {
    "US-CAL-CISO".parse().unwrap()
}

/// The first of June 2026 in California, so many hours after midnight by its own clock, seven behind Greenwich.
fn june(hour: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_780_272_000) + HOUR * u32::try_from(hour + 7).unwrap()
}

#[derive(Debug)]
struct At(SystemTime);

impl Runtime for At {
    fn now(&self) -> SystemTime {
        self.0
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }

    fn sleep(&self, _duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }

    fn spawn(&self, _task: BoxFuture<'static, ()>) {}

    fn unique_id(&self) -> u128 {
        0
    }
}

#[tokio::test]
async fn in_california_work_of_the_evening_waits_for_the_sun() {
    let window = june(19)..june(19 + 24);
    let forecast = HourlyShapes.forecast(&california(), window.start, window.end).await.unwrap();
    let found = cleanest(&forecast, window.clone(), 3 * HOUR, Energy::from_kwh(1.0)).unwrap();
    assert!((june(24 + 8)..=june(24 + 14)).contains(&found.start), "{found}");
    assert!(found.unknown.is_zero() && found.uncertain, "typical hours have wide bands: {found}");
    let Some(Change::Saved(saved)) = found.avoided else { panic!("{found}") };
    assert!((50.0..400.0).contains(&saved.as_grams()), "{found}");
    // From the morning on there is nothing to wait for.
    let day = june(10)..june(13);
    let found = cleanest(&forecast, day.clone(), 3 * HOUR, Energy::from_kwh(1.0));
    assert!(found.is_err(), "that morning was before the forecast");
}

#[tokio::test]
async fn an_objective_leans_with_the_hour_of_the_zone() {
    let note = async |hour: u64| {
        let size = |billions| Size {
            total: Span::known(billions),
            active: Span::known(billions),
            bytes_per_parameter: Some(2.0),
        };
        let card = |name: &str, billions: f64| {
            let window = Window { context: 8192, max_output: None };
            let mut card = ModelCard::new(ModelKey::new("cloud", name), window, Privacy::Remote);
            (card.size, card.zone) = (Some(size(billions)), Some(california()));
            Arc::new(card)
        };
        let catalog = Catalog::new([card("small", 8.0), card("large", 70.0)]).unwrap();
        let at = june(hour);
        let grid = GridSnapshot::gather(YearlyAverages::world(), &HourlyShapes, [california()], at).await;
        let accountant = Accountant::new(ladder(&Machine::detect()), sites());
        let advisor = Advisor::new(Arc::new(catalog), Arc::new(accountant), grid, Arc::new(At(at)));
        let objective = Objective::balanced().carbon_aware(CarbonAware::default());
        let ranking = advisor.advise(&"Why is the sky blue?".into(), &objective).unwrap();
        let note = ranking.notes.into_iter().find(|note| note.code == NoteCode::CarbonAware);
        note.unwrap().to_string()
    };
    let (noon, night) = (note(12).await, note(23).await);
    assert!(noon.contains("US-CAL-CISO is cleaner than") && noon.contains("to 98.0 % of the best"), "{noon}");
    assert!(!night.contains("is cleaner than"), "{night}");
}
