//! Providers over the fake server, for the benches that need a wire.

use greenroute::http::Timeouts;
use greenroute::model::{EnergyProfile, Privacy, Window};
use greenroute::providers::{claude::Claude, dialects::groq, gemini::Gemini, ollama::Ollama, openai::OpenAi};
use greenroute::units::Energy;
use greenroute::{ModelCard, ModelKey, Result, RouterBuilder, presets};
use greenroute_testkit::FakeServer;

/// A model of each kind of wire, the thriftiest first.
pub(crate) const MODELS: [(&str, &str); 5] = [
    ("ollama", "bench"),
    ("groq", "bench"),
    ("openai", "bench"),
    ("gemini", "bench"),
    ("anthropic", "bench"),
];

/// The card of one of them.
pub(crate) fn card(provider: &str, model: &str, joules_per_token: f64) -> ModelCard {
    let window = Window { context: 4096, max_output: Some(1024) };
    let mut card = ModelCard::new(ModelKey::new(provider, model), window, Privacy::Remote);
    card.energy_profile = Some(EnergyProfile {
        overhead_joules: Energy::ZERO,
        joules_per_input_token: Energy::from_joules(joules_per_token / 10.0),
        joules_per_output_token: Energy::from_joules(joules_per_token),
    });
    card
}

/// A router over all of [`MODELS`], and nothing of the shipped catalog.
pub(crate) fn router(server: &FakeServer, timeouts: Timeouts) -> Result<RouterBuilder> {
    let key = server.key();
    let mut cards =
        (1..).zip(MODELS).map(|(rank, (provider, model))| card(provider, model, 0.1 * f64::from(rank)));
    let mut card = || cards.next().map(|card| vec![card]).unwrap_or_default();
    let ollama = Ollama::builder().base_url(server.url("ollama")).timeouts(timeouts).key(key).models(card());
    let groq =
        OpenAi::of(&groq::DIALECT).base_url(server.url("groq")).timeouts(timeouts).key(key).models(card());
    let openai = OpenAi::builder().base_url(server.url("openai")).timeouts(timeouts).key(key).models(card());
    let gemini = Gemini::builder().base_url(server.url("gemini")).timeouts(timeouts).key(key).models(card());
    let claude =
        Claude::builder().base_url(server.url("anthropic")).timeouts(timeouts).key(key).models(card());
    Ok(presets::bare()?
        .provider(ollama.build()?)
        .provider(groq.build()?)
        .provider(openai.build()?)
        .provider(gemini.build()?)
        .provider(claude.build()?))
}
