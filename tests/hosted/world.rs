use greenroute::http::Timeouts;
use greenroute::model::{Accepts, EnergyProfile, ModelCard, Privacy, Score, Window};
use greenroute::providers::{claude::Claude, gemini::Gemini, openai::OpenAi};
use greenroute::units::{Energy, Probability};
use greenroute::{Error, ModelKey, Objective, Policy, RouterBuilder, presets};
use greenroute_testkit::{FakeServer, Model};
use std::time::Duration;

/// Stands in every request; must stand nowhere else.
pub(crate) const CANARY: &str = "sk-canary-4b7d0f";

/// The models in the order in which they are asked: each takes ten times the energy of the one before.
pub(crate) const MODELS: [&str; 3] = ["openai/small", "gemini/medium", "anthropic/large"];

/// A server that serves [`MODELS`].
pub(crate) async fn server() -> FakeServer {
    FakeServer::builder()
        .key(CANARY)
        .model("openai", Model::chat("small"))
        .model("gemini", Model::chat("medium"))
        .model("anthropic", Model::chat("large"))
        .start()
        .await
        .unwrap()
}

pub(crate) fn card(name: &str, joules_per_token: f64) -> ModelCard {
    let (provider, model) = name.split_once('/').unwrap();
    let window = Window { context: 4096, max_output: Some(1024) };
    let mut card = ModelCard::new(ModelKey::new(provider, model), window, Privacy::Remote);
    card.accepts = Accepts { images: true, tools: true, schema: true };
    card.energy_profile = Some(EnergyProfile::new(
        Energy::ZERO,
        Energy::from_joules(joules_per_token / 10.0),
        Energy::from_joules(joules_per_token),
    ));
    for benchmark in ["mmlu", "gsm8k", "humaneval", "gpqa", "ifeval", "mgsm", "alpaca_eval", "simple"] {
        let value = Probability::from_fraction(0.95);
        card.scores.insert(benchmark.to_owned(), Score { value, source: "test".into() });
    }
    card
}

/// Short enough for a test that waits for one.
pub(crate) fn timeouts() -> Timeouts {
    Timeouts { idle: Duration::from_millis(400), total: Duration::from_secs(5), ..Timeouts::default() }
}

/// A router over [`MODELS`], with `key`.
pub(crate) fn router_with(server: &FakeServer, key: &str) -> RouterBuilder {
    let [small, medium, large] = MODELS;
    let openai = OpenAi::builder().key(key).base_url(server.url("openai")).timeouts(timeouts());
    let gemini = Gemini::builder().key(key).base_url(server.url("gemini")).timeouts(timeouts());
    let claude = Claude::builder().key(key).base_url(server.url("anthropic")).timeouts(timeouts());
    let only = MODELS.iter().map(|name| card(name, 1.0).key).collect();
    presets::bare()
        .unwrap()
        .provider(openai.model(card(small, 0.01)).build().unwrap())
        .provider(gemini.model(card(medium, 0.1)).build().unwrap())
        .provider(claude.model(card(large, 1.0)).build().unwrap())
        .objective(Objective { only: Some(only), ..Objective::balanced() })
        .policy(Policy { deadline: Duration::from_secs(5), ..Policy::default() })
}

pub(crate) fn router(server: &FakeServer) -> RouterBuilder {
    router_with(server, CANARY)
}

/// How often each vendor was asked.
pub(crate) fn asked(server: &FakeServer) -> [usize; 3] {
    let requests = server.requests();
    ["openai", "gemini", "anthropic"]
        .map(|vendor| requests.iter().filter(|request| request.vendor == vendor).count())
}

/// Everything that an error says of itself, its causes and its receipt included.
pub(crate) fn all_text(error: &Error) -> String {
    let mut text = format!("{error} {error:?} {error:#?}");
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!(" {cause} {cause:?}"));
        source = cause.source();
    }
    if let Some(receipt) = error.receipt() {
        text.push_str(&format!(
            "{receipt} {receipt:#} {receipt:?} {}",
            serde_json::to_string(receipt).unwrap()
        ));
    }
    text
}
