//! What it costs to put a counter around a call: `cargo bench -p greenroute-energy --bench counter`.
//!
//! Each line is one whole metered call of a model that answers at once: opening, the call, closing. Beside it the floor:
//! twice the same files read and the same library called, by the shortest way there is. The files and the library are
//! stand-ins, so that it runs anywhere: a real driver may take longer for its own part.

#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench prints its figures and may stop"
)]

#[path = "../tests/fake_nvml/mod.rs"]
mod fake_nvml;

use fake_nvml::FakeNvml;
use futures_util::FutureExt;
use greenroute_core::chat::{Block, ChatRequest, ChatResponse, FinishReason, Message, Role};
use greenroute_core::model::{Privacy, Window};
use greenroute_core::units::{Power, Tokens};
use greenroute_core::{Counted, Estimate, Method, ModelCard, ModelKey, ModelProvider, Usage, completion_fn};
use greenroute_energy::counter::{Composite, Counter, CpuTime, Nvml, RamPower, Rapl};
use greenroute_energy::{Machine, Metered};
use nvml_wrapper::Nvml as Library;
use std::fs::{create_dir_all, read_to_string, write};
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const CALLS: usize = 20_000;

fn main() {
    let machine = machine();
    let folder = tempfile::tempdir().unwrap();
    let zones = ["intel-rapl:0", "intel-rapl:1", "intel-rapl:0:0", "intel-rapl:1:0"];
    for (zone, name) in zones.iter().zip(["package-0", "package-1", "dram", "dram"]) {
        powercap(folder.path(), zone, name);
    }
    let fake = FakeNvml::new(&["boards 2", "watts 300", "pids self:50"]);

    println!("one metered call, microseconds; load {}", load());
    println!("{:<28}{:>9}{:>9}{:>9}{:>12}{:>12}", "counter", "first", "p50", "p99", "floor p50", "floor p99");
    let bare = provider();
    row("none (the call itself)", &bare, || {});
    let cpu: Arc<dyn Counter> = Arc::new(CpuTime::open(&machine).unwrap());
    metered("processor time", cpu.clone(), || {
        black_box(rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime));
    });
    let energy = zones.map(|zone| folder.path().join(zone).join("energy_uj"));
    let read_rapl = || {
        energy.iter().for_each(|file| drop(black_box(read_to_string(file).unwrap())));
        black_box(read_to_string("/proc/stat").unwrap());
    };
    let rapl: Arc<dyn Counter> = Arc::new(Rapl::open(folder.path()).unwrap());
    metered("RAPL, 4 zones", rapl.clone(), read_rapl);
    let read_memory = || drop(black_box(read_to_string("/proc/self/statm").unwrap()));
    let memory: Arc<dyn Counter> = Arc::new(RamPower::open(&machine).unwrap());
    metered("memory", memory.clone(), read_memory);
    let library = Library::builder().lib_path(fake.library().as_os_str()).init().unwrap();
    let boards = [library.device_by_index(0).unwrap(), library.device_by_index(1).unwrap()];
    let read_boards = || {
        for board in &boards {
            black_box(board.total_energy_consumption().unwrap());
        }
    };
    let nvml: Arc<dyn Counter> = Arc::new(Nvml::open(&fake.settings()).unwrap());
    metered("NVML, 2 boards", nvml.clone(), read_boards);
    metered("NVML + RAPL + memory", Arc::new(Composite::new(vec![nvml, rapl, memory])), || {
        read_boards();
        read_rapl();
        read_memory();
    });
    println!("load {}", load());
}

fn metered(name: &str, counter: Arc<dyn Counter>, floor: impl Fn()) {
    row(name, &Metered::new(provider(), counter), floor);
}

fn row(name: &str, provider: &impl ModelProvider, floor: impl Fn()) {
    let messages = vec![Message::text(Role::User, "hi")];
    let call = || {
        let request = ChatRequest::new(ModelKey::new("house", "echo"), messages.clone());
        let begun = Instant::now();
        let answer = provider.chat(request).now_or_never().unwrap().unwrap();
        let took = begun.elapsed();
        black_box(answer);
        took
    };
    let first = call();
    std::thread::sleep(Duration::from_millis(5));
    let calls = quantiles((0..CALLS).map(|_| call()).collect());
    let floors = quantiles(
        (0..CALLS)
            .map(|_| {
                let begun = Instant::now();
                floor();
                floor();
                begun.elapsed()
            })
            .collect(),
    );
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    println!(
        "{name:<28}{:>9.1}{:>9.2}{:>9.2}{:>12.2}{:>12.2}",
        micros(first),
        micros(calls.0),
        micros(calls.1),
        micros(floors.0),
        micros(floors.1)
    );
}

/// The median, and what one in a hundred passes.
fn quantiles(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort_unstable();
    let at = |hundredth: usize| times.get(times.len() * hundredth / 100).copied().unwrap_or_default();
    (at(50), at(99))
}

fn provider() -> Arc<dyn ModelProvider> {
    let window = Window { context: 8, max_output: None };
    let card = ModelCard::new(ModelKey::new("house", "echo"), window, Privacy::Local);
    Arc::new(completion_fn(card, |request: ChatRequest| async move {
        let usage = Counted::Reported(Usage::new(Tokens::new(1), Tokens::new(1)));
        Ok(ChatResponse::new(request.model, vec![Block::text("hi")], FinishReason::Stop, usage))
    }))
}

fn machine() -> Machine {
    let watts_per_thread = Estimate::scaled(Power::from_watts(4.0), 0.3, 3.0, Method::Modelled);
    Machine { cpu: "bench".into(), threads: 2, tdp: None, is_virtual: false, watts_per_thread }
}

fn powercap(folder: &Path, zone: &str, name: &str) {
    let zone = folder.join(zone);
    create_dir_all(&zone).unwrap();
    for (file, text) in [("name", name), ("max_energy_range_uj", "262143328850"), ("energy_uj", "5000000")] {
        write(zone.join(file), text).unwrap();
    }
}

fn load() -> String {
    read_to_string("/proc/loadavg").unwrap_or_default().trim().to_owned()
}
