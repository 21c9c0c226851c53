//! Three reference models and an advisor over them: the real one, on a meter that reads the cards' own energy.

use crate::set::Tier;
use crate::still::{FromCard, Still};
use greenroute_core::model::{EnergyProfile, Privacy, Score, Size, Span, Window};
use greenroute_core::units::{CarbonIntensity, Energy, Factor, Probability, Pue};
use greenroute_core::{
    Accountant, Advisor, Basis, Catalog, Error, ErrorKind, Estimate, Expecter, GridReading, GridSnapshot,
    Ladder, Method, ModelCard, ModelKey, Overheads, PromptProfiler, Result, Site, Sites, Zone,
};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;

const CARDS: &str = include_str!("cards.json");

#[derive(Debug, Deserialize)]
struct CardsFile {
    source: String,
    cards: Vec<Row>,
}

#[derive(Debug, Deserialize)]
struct Row {
    tier: Tier,
    billions: f64,
    joules_per_input_token: f64,
    joules_per_output_token: f64,
    scores: BTreeMap<String, f64>,
}

/// The key of a tier's model.
pub(crate) fn key(tier: Tier) -> ModelKey {
    ModelKey::new("reference", tier.to_string())
}

/// An advisor over one model of each tier.
///
/// # Errors
/// [`ErrorKind::Decode`] where the cards' file is not one, [`ErrorKind::Config`] where a card is impossible.
pub(crate) fn advisor(profiler: Arc<dyn PromptProfiler>, expecter: Arc<dyn Expecter>) -> Result<Advisor> {
    let file: CardsFile = serde_json::from_str(CARDS)
        .map_err(|error| Error::new(ErrorKind::Decode, "cards.json", error.to_string()))?;
    let catalog = Catalog::new(file.cards.iter().map(|row| Arc::new(card(row, &file.source))))?;
    let none = Overheads {
        server: Estimate::exact(Factor::from_ratio(1.0), Method::Proxy),
        pue: Estimate::exact(Pue::from_ratio(1.0), Method::Proxy),
        source: "none: all three would have the same".into(),
    };
    let site = Site::new(none);
    let accountant = Accountant::new(Ladder::new(vec![Arc::new(FromCard)]), Sites::new(site.clone(), site));
    // Any intensity would do: it is the same for all three.
    let intensity = Estimate::exact(CarbonIntensity::from_grams_per_kwh(400.0), Method::Proxy);
    let grid = GridSnapshot::new(GridReading::new(
        Zone::world(),
        intensity,
        Basis::Average,
        "a round figure",
        "2026",
    ));
    let advisor = Advisor::new(Arc::new(catalog), Arc::new(accountant), grid, Arc::new(Still));
    Ok(advisor.profiler(profiler).expecter(expecter))
}

fn card(row: &Row, source: &str) -> ModelCard {
    let window = Window { context: 1 << 17, max_output: None };
    let mut card = ModelCard::new(key(row.tier), window, Privacy::Remote);
    let billions = Span::known(row.billions);
    card.size = Some(Size { total: billions, active: billions, bytes_per_parameter: None });
    card.energy_profile = Some(EnergyProfile::new(
        Energy::ZERO,
        Energy::from_joules(row.joules_per_input_token),
        Energy::from_joules(row.joules_per_output_token),
    ));
    for (benchmark, value) in &row.scores {
        let value = Probability::from_fraction(*value);
        card.scores.insert(benchmark.clone(), Score { value, source: source.to_owned().into() });
    }
    card
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroute_core::{HeuristicExpecter, HeuristicProfiler, Objective, Prompt};

    #[test]
    fn every_tier_is_ranked_and_a_larger_one_takes_more_energy() {
        let advisor = advisor(Arc::new(HeuristicProfiler), Arc::new(HeuristicExpecter)).unwrap();
        let ranking = advisor.advise(&Prompt::from("hello"), &Objective::eco()).unwrap();
        let joules = |tier: Tier| {
            let ranked =
                ranking.ranked.iter().find(|ranked| ranked.candidate.card().key == key(tier)).unwrap();
            ranked.candidate.energy().as_joules()
        };
        let [small, medium, large] = Tier::ALL.map(joules);
        assert!(0.0 < small && small < medium && medium < large, "{small} {medium} {large}");
        assert!(ranking.excluded.is_empty(), "{:?}", ranking.excluded);
    }
}
