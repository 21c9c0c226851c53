//! Concurrent chats with one local model, metered: every joule goes to exactly one of them.

#![cfg(test)]
#![cfg(feature = "local")]

use greenroute::chat::{ChatRequest, Message, Role};
use greenroute::energy::Metered;
use greenroute::energy::counter::{Counter, Sample};
use greenroute::providers::local::{LocalProvider, PromptStyle};
use greenroute::units::Energy;
use greenroute::{Boundary, MeterId, ModelProvider, Result};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Ten watts, whatever is done; it remembers what it showed first and last.
#[derive(Debug)]
struct TenWatts {
    started: Instant,
    shown: Mutex<Vec<f64>>,
}

impl Counter for TenWatts {
    fn id(&self) -> MeterId {
        MeterId::new("ten_watts", 1)
    }

    fn sample(&self) -> Result<Sample> {
        let joules = 10.0 * self.started.elapsed().as_secs_f64();
        self.shown.lock().unwrap().push(joules);
        Ok(Sample::exact(Energy::from_joules(joules)))
    }

    fn boundary(&self) -> Boundary {
        Boundary::Device
    }

    fn tend(&self) -> Result<Option<Duration>> {
        Ok(None)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readings_of_chats_at_once_sum_to_the_counter() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/greenroute-providers/tests/fixtures/tiny-gemma3.gguf");
    let provider = LocalProvider::builder(file)
        .style(PromptStyle::Raw)
        .concurrency(3.try_into().unwrap())
        .build()
        .unwrap();
    let key = provider.models()[0].key.clone();
    let counter = Arc::new(TenWatts { started: Instant::now(), shown: Mutex::default() });
    let metered = Metered::new(provider, counter.clone());
    let chat = |tokens: u64| {
        let messages = vec![Message::text(Role::User, "the cat sat on the mat")];
        metered
            .chat(ChatRequest { max_output_tokens: Some(tokens), ..ChatRequest::new(key.clone(), messages) })
    };
    // Twelve short ones and a long one over three lanes: some wait, all end at different times.
    let responses = futures_util::future::join_all((1..=12).map(chat).chain([chat(120)])).await;
    let readings: Vec<f64> = responses
        .into_iter()
        .map(|response| response.unwrap().reading.unwrap().energy.value().as_joules())
        .collect();
    let shown = counter.shown.lock().unwrap();
    let (first, last) = (shown.first().unwrap(), shown.last().unwrap());
    let sum: f64 = readings.iter().sum();
    assert!((sum - (last - first)).abs() < 1e-9, "{sum} of {}", last - first);
    // The long one was computed for longest, though others were open for nearly as long.
    assert!(readings.iter().take(12).all(|reading| reading < &readings[12]), "{readings:?}");
}
