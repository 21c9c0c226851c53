//! Every provider of this crate through core's one suite: hosted ones over real HTTP against the fake vendors, local
//! ones with tiny models. `cargo test --test conformance -- --nocapture` prints the table.

#![cfg(test)]
#![cfg(feature = "hosted")]

mod clock;

use clock::Clock;
use greenroute_core::conformance::provider::{ALL, Subject};
use greenroute_core::conformance::{Report, Verdict, run_async, table};
use greenroute_core::model::{Accepts, ModelCard, ModelKey, Privacy, Window};
use greenroute_core::{ModelProvider, Result};
use greenroute_providers::claude::Claude;
use greenroute_providers::dialects::{groq, llama_server};
use greenroute_providers::gemini::Gemini;
use greenroute_providers::ollama::Ollama;
use greenroute_providers::openai::OpenAi;
use greenroute_testkit::FakeServer;
use std::sync::Arc;

/// What is not asked of a model, by name and reason.
type Skips = &'static [(&'static str, &'static str)];

const NOTHING: Skips = &[];
const ANSWERS_FOR_EVERY_NAME: Skips = &[
    ("refuses_an_unknown_model", "the server answers for every name"),
    ("answers_after_a_refusal", "one of its refusals is of an unknown model"),
];

/// A provider under test.
struct Tested {
    name: &'static str,
    provider: Arc<dyn ModelProvider>,
    card: ModelCard,
    skips: Skips,
    /// Scenarios that do not apply to this model, by words of their names. Besides these, only those may pass themselves
    /// over that want an ability which its card does not claim, or want it to be missing.
    without: Vec<&'static str>,
}

impl Tested {
    fn new(name: &'static str, provider: impl ModelProvider, card: &ModelCard) -> Self {
        // What a vendor's machines compute is not seen from here.
        let hosted = card.privacy == Privacy::Remote;
        let without = if hosted { vec!["stops_computing"] } else { Vec::new() };
        Self { name, provider: Arc::new(provider), card: card.clone(), skips: NOTHING, without }
    }

    /// Whether its card is a reason for a scenario to pass itself over.
    fn excuses(&self, why: &str) -> bool {
        let Accepts { images, tools, schema } = self.card.accepts;
        [(images, "images"), (tools, "tools"), (schema, "a schema"), (schema, "schema")].iter().any(
            |(takes, what)| {
                let negation = if *takes { "" } else { "no " };
                why == format!("the model takes {negation}{what}")
            },
        )
    }

    fn without<const N: usize>(mut self, words: [&'static str; N]) -> Self {
        self.without.extend(words);
        self
    }
}

fn card(provider: &str, model: &str) -> ModelCard {
    // Thinking takes a share of the output, by Claude's rules of more than a thousand tokens.
    let window = Window { context: 4096, max_output: Some(8192) };
    let mut card = ModelCard::new(ModelKey::new(provider, model), window, Privacy::Remote);
    card.accepts = Accepts { images: true, tools: true, schema: true };
    card
}

fn gemini(server: &FakeServer, name: &'static str, model: &str) -> Result<Tested> {
    let card = card("gemini", model);
    let gemini = Gemini::builder().key(server.key()).base_url(server.url("gemini")).model(card.clone());
    Ok(Tested::new(name, gemini.thoughts(true).build()?, &card))
}

fn claude(server: &FakeServer, name: &'static str, model: &str) -> Result<Tested> {
    let card = card("anthropic", model);
    let claude = Claude::builder().key(server.key()).base_url(server.url("anthropic")).model(card.clone());
    Ok(Tested::new(name, claude.build()?, &card))
}

fn openai(server: &FakeServer, name: &'static str, card: &ModelCard) -> Result<Tested> {
    let openai = OpenAi::builder().key(server.key()).base_url(server.url("openai")).model(card.clone());
    Ok(Tested::new(name, openai.build()?, card).without(["thinks_apart", "opaque"]))
}

fn ollama(server: &FakeServer, name: &'static str, model: &str) -> Result<Tested> {
    let card = card("ollama", model);
    let ollama = Ollama::builder().base_url(server.url("ollama")).model(card.clone());
    Ok(Tested::new(name, ollama.build()?, &card))
}

fn hosted(server: &FakeServer) -> Result<Vec<Tested>> {
    let mut plain = card("openai", "gpt-4o-mini");
    plain.accepts = Accepts::default();
    let mut oss = card("groq", "openai/gpt-oss-20b");
    oss.accepts.images = false;
    let groq = OpenAi::of(&groq::DIALECT).key(server.key()).base_url(server.url("groq")).model(oss.clone());
    let mut qwen = card("llama-server", "/models/Qwen3-1.7B-Q4_K_M.gguf");
    qwen.accepts.images = false;
    let llama = OpenAi::of(&llama_server::DIALECT).base_url(server.url("llamacpp")).model(qwen.clone());
    let llama = Tested::new("llama-server", llama.build()?, &qwen).without(["opaque"]);
    Ok(vec![
        gemini(server, "Gemini 2.5", "gemini-2.5-flash")?,
        gemini(server, "Gemini 3.8", "gemini-3.8-flash")?,
        claude(server, "Claude Haiku 4.5", "claude-haiku-4-5")?,
        claude(server, "Claude Sonnet 4.6", "claude-sonnet-4-6")?,
        claude(server, "Claude Opus 5.5", "claude-opus-5-5")?.without(["calls_the_tool_that_it_must"]),
        openai(server, "OpenAI 4.1", &card("openai", "gpt-4.1-mini"))?,
        openai(server, "OpenAI 5.4", &card("openai", "gpt-5.4-mini"))?,
        openai(server, "OpenAI, a plain card", &plain)?,
        Tested::new("Groq", groq.build()?, &oss).without(["opaque"]),
        Tested { skips: ANSWERS_FOR_EVERY_NAME, ..llama },
        ollama(server, "Ollama", "llama3.2:3b")?.without(["thinks_apart", "opaque"]),
        ollama(server, "Ollama, thinking", "gpt-oss:20b")?,
    ])
}

#[cfg(feature = "local")]
fn local() -> Result<Vec<Tested>> {
    use greenroute_providers::local::{LocalProvider, PromptStyle};
    const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/");
    let tested = |name, provider: LocalProvider| {
        let card = Arc::clone(&provider.models()[0]);
        Tested::new(name, provider, &card).without(["thinks_apart", "opaque"])
    };
    let gemma = LocalProvider::builder(format!("{FIXTURES}tiny-gemma3.gguf")).style(PromptStyle::Raw);
    Ok(vec![
        tested("Gemma 3, local", gemma.build()?),
        tested("T5, local, a folder", LocalProvider::open(format!("{FIXTURES}tiny-t5/gated"))?),
        tested("T5, local, a file", LocalProvider::open(format!("{FIXTURES}tiny-t5/gated.gguf"))?),
    ])
}

async fn report(tested: &Tested) -> Report {
    let (provider, model) = (Arc::clone(&tested.provider), tested.card.key.clone());
    let mut subject = Subject::new(provider, Arc::new(Clock::default()), model);
    subject.max_output_tokens = 60;
    if tested.card.window.context < 1024 {
        subject.prompt = "Count to ten.".to_owned();
    }
    run_async(ALL, &subject, tested.skips).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_provider_conforms() {
    let server = FakeServer::start().await.unwrap();
    #[cfg_attr(not(feature = "local"), expect(unused_mut, reason = "local ones join"))]
    let mut all = hosted(&server).unwrap();
    #[cfg(feature = "local")]
    all.extend(local().unwrap());
    let reports = futures_util::future::join_all(all.iter().map(report)).await;
    let named: Vec<_> = all.iter().zip(&reports).map(|(tested, report)| (tested.name, report)).collect();
    println!("{}", table(&named));
    for (tested, report) in all.iter().zip(reports) {
        let report = report.conforms().unwrap_or_else(|report| panic!("{}: {report}", tested.name));
        for (name, verdict) in report.verdicts() {
            if let Verdict::Skipped(why) = verdict {
                let named = tested.skips.iter().any(|(skipped, _)| skipped == name);
                let unable = tested.without.iter().any(|word| name.contains(word));
                assert!(
                    named || unable || tested.excuses(why),
                    "{}: {name} passes itself over: {why}",
                    tested.name
                );
            }
        }
    }
}
