//! Water and hardware beside energy, by core's suite.

use greenroute_core::conformance::{impact, run};
use greenroute_core::model::{Privacy, Size, Span, Speed, Window};
use greenroute_core::{ModelCard, ModelKey, Site};
use greenroute_energy::{WaterAndHardware, sites};
use std::sync::Arc;

fn card(provider: &str, privacy: Privacy) -> ModelCard {
    let window = Window { context: 8_192, max_output: None };
    let mut card = ModelCard::new(ModelKey::new(provider, "m"), window, privacy);
    let billions = Span::known(8.0);
    card.size = Some(Size { total: billions, active: billions, bytes_per_parameter: Some(2.0) });
    card.speed = Some(Speed { tokens_per_second: 80.0, time_to_first_chunk_seconds: 0.4 });
    card
}

#[test]
fn water_and_hardware_conform_wherever_a_model_runs() {
    let sites = sites();
    for (provider, privacy) in
        [("anthropic", Privacy::Remote), ("groq", Privacy::Remote), ("local", Privacy::Local)]
    {
        let card = card(provider, privacy);
        let site: Site = sites.of(&card, None).site.clone();
        let model = Arc::new(WaterAndHardware::default());
        let report = run(impact::ALL, &impact::Subject { model, card, site }, &[]);
        report.conforms().unwrap_or_else(|report| panic!("{provider}:\n{report}"));
    }
}
