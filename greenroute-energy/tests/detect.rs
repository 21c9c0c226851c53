//! The best counters of a machine, over stand-ins for its files and libraries.

#![cfg(test)]
#![cfg(target_os = "linux")]

mod fake_nvml;

use fake_nvml::FakeNvml;
use greenroute_core::chat::{Block, ChatRequest, ChatResponse, FinishReason, Message, Role};
use greenroute_core::model::{Privacy, Window};
use greenroute_core::units::{Power, Tokens};
use greenroute_core::{
    Boundary, Counted, ErrorKind, Estimate, Method, ModelCard, ModelKey, ModelProvider, NoteCode, Reading,
    Usage, completion_fn,
};
use greenroute_energy::counter::{Counter as _, Detected, NvmlSettings, Sources, detect, detect_in};
use greenroute_energy::{Machine, Metered};
use std::fs::{create_dir_all, write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

fn machine() -> Machine {
    let watts_per_thread = Estimate::scaled(Power::from_watts(4.0), 0.3, 3.0, Method::Modelled);
    Machine { cpu: "test".into(), threads: 8, tdp: None, is_virtual: false, watts_per_thread }
}

fn zone(folder: &Path, id: &str, name: &str, microjoules: u64) {
    let zone = folder.join(id);
    create_dir_all(&zone).unwrap();
    write(zone.join("name"), name).unwrap();
    write(zone.join("max_energy_range_uj"), "262143328850").unwrap();
    write(zone.join("energy_uj"), microjoules.to_string()).unwrap();
}

fn found(zones: &[(&str, &str)], gpus: Option<NvmlSettings>) -> Detected {
    let folder = tempfile::tempdir().unwrap();
    for (id, name) in zones {
        zone(folder.path(), id, name, 1);
    }
    detect_in(&machine(), &Sources { gpus, powercap: folder.path().into() }).unwrap()
}

fn names(found: &Detected) -> String {
    found.counter.id().name.into_owned()
}

fn notes(found: &Detected) -> String {
    assert!(found.notes.iter().all(|note| note.code == NoteCode::MeterDegraded));
    found.notes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_part_of_the_machine_is_counted_once() {
    let fake = FakeNvml::new(&["pids self:1"]);
    let package = ("intel-rapl:0", "package-0");
    let with_memory = found(&[package, ("intel-rapl:0:0", "dram")], Some(fake.settings()));
    assert_eq!(names(&with_memory), "nvml+rapl+rest");
    assert_eq!((notes(&with_memory), with_memory.counter.boundary()), (String::new(), Boundary::Server));
    let without = found(&[package], Some(fake.settings()));
    assert_eq!((names(&without), notes(&without)), ("nvml+rapl+ram_power+rest".to_owned(), String::new()));
    assert_eq!(names(&found(&[package], None)), "rapl+ram_power+rest");
}

#[test]
fn a_platform_counter_has_memory_in_it_and_is_not_used_beside_a_gpu() {
    let platform = ("intel-rapl:0", "psys");
    let alone = found(&[platform], None);
    assert_eq!((names(&alone), alone.counter.boundary()), ("rapl".to_owned(), Boundary::Server));
    let fake = FakeNvml::new(&["pids self:1"]);
    let beside = found(&[platform], Some(fake.settings()));
    assert_eq!(
        (names(&beside).as_str(), beside.counter.boundary()),
        ("nvml+cpu_time_tdp+ram_power+rest", Boundary::Server)
    );
    assert!(notes(&beside).contains("perhaps with the GPU"), "{}", notes(&beside));
}

#[test]
fn nothing_that_was_counted_is_added_again_as_the_rest_of_the_machine() {
    let fake = FakeNvml::new(&["watts 400", "pids self:1"]);
    let found = found(&[], Some(fake.settings()));
    let before = found.counter.sample().unwrap();
    std::thread::sleep(Duration::from_millis(200));
    let spent = found.counter.sample().unwrap().since(before);
    let reading = spent.reading(found.counter.boundary(), found.counter.id());
    let whole = reading.to_facility(&greenroute_energy::local_overheads());
    let ratio = whole.energy.value().as_joules() / reading.energy.value().as_joules();
    assert!((ratio - 1.0).abs() < 1e-12, "one machine has no facility, and its server is in the reading");
    assert!(whole.idle.is_none_or(|idle| idle.value() <= whole.energy.value()));
}

#[test]
fn whatever_is_counted_worse_is_noted() {
    let fake = FakeNvml::new(&["energy 3", "pids self:1"]);
    let found_ = found(&[], Some(fake.settings()));
    assert_eq!(names(&found_), "nvml+cpu_time_tdp+ram_power+rest");
    let said = notes(&found_);
    for says in
        ["no energy counter", "has no processor package", "processor time is used, on test (8 threads"]
    {
        assert!(said.contains(says), "{said}");
    }
    let broken = FakeNvml::new(&["init 9"]);
    let said = notes(&found(&[("intel-rapl:0", "package-0")], Some(broken.settings())));
    assert!(said.contains("no GPU is counted: NVML") && said.contains("load the NVIDIA driver"), "{said}");
}

#[test]
fn a_reading_of_several_parts_is_as_weak_as_the_weakest_that_weighs() {
    let fake = FakeNvml::new(&["watts 400", "pids self:1"]);
    let found = found(&[], Some(fake.settings()));
    let before = found.counter.sample().unwrap();
    std::thread::sleep(Duration::from_millis(200));
    let spent = found.counter.sample().unwrap().since(before);
    // 400 W for 0.2 s, with the board's part of the rest of the machine, which is not added a second time.
    assert!(spent.energy.as_joules() > 90.0 && spent.modelled < spent.energy * 0.1, "{spent:?}");
    assert_eq!(found.counter.tend().unwrap(), Some(Duration::from_millis(100)), "the most impatient part's");
}

#[test]
fn a_part_that_fails_costs_the_sample_and_is_named() {
    let fake = FakeNvml::new(&["pids self:1"]);
    let found = found(&[], Some(fake.settings()));
    fake.set(&["handle 15"]);
    let error = found.counter.sample().unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Meter);
    assert!(error.message().starts_with("nvml: ") && error.message().contains("fell off the bus"), "{error}");
    assert!(found.counter.tend().is_err());
}

/// A model that takes 300 ms for an answer, during which `meanwhile` happens.
fn model(meanwhile: impl Fn() + Send + Sync + 'static) -> impl ModelProvider {
    let window = Window { context: 8, max_output: None };
    let card = ModelCard::new(ModelKey::new("house", "slow"), window, Privacy::Local);
    let meanwhile = Arc::new(meanwhile);
    completion_fn(card, move |request: ChatRequest| {
        let meanwhile = Arc::clone(&meanwhile);
        async move {
            tokio::time::sleep(Duration::from_millis(150)).await;
            meanwhile();
            tokio::time::sleep(Duration::from_millis(150)).await;
            let usage = Counted::Reported(Usage::new(Tokens::new(1), Tokens::new(1)));
            Ok(ChatResponse::new(request.model, vec![Block::text("hi")], FinishReason::Stop, usage))
        }
    })
}

fn request() -> ChatRequest {
    ChatRequest::new(ModelKey::new("house", "slow"), vec![Message::text(Role::User, "hi")])
}

#[tokio::test]
async fn calls_at_once_share_the_boards_of_a_machine() {
    let fake = FakeNvml::new(&["boards 2", "watts 200", "pids self:1"]);
    let counter = found(&[], Some(fake.settings())).counter;
    let before = counter.sample().unwrap();
    let metered = Metered::new(model(|| {}), Arc::clone(&counter));
    let answers = futures_util::future::join_all((0..4).map(|_| metered.chat(request()))).await;
    let readings: Vec<Reading> = answers.into_iter().map(|answer| answer.unwrap().reading.unwrap()).collect();
    let sum: f64 = readings.iter().map(|reading| reading.energy.value().as_joules()).sum();
    let all = counter.sample().unwrap().since(before).energy.as_joules();
    assert!(sum <= all * (1.0 + 1e-9) && sum > 400.0 * 0.3 * 1.2 - 10.0, "{sum} J of {all} J");
    for reading in readings {
        assert_eq!(reading.meter.name, "nvml+cpu_time_tdp+ram_power+rest");
        // Four of them share what two boards draw in 0.3 s.
        let share = reading.energy.value().as_joules() / sum;
        assert!((0.1..0.5).contains(&share), "{reading} of {sum} J");
    }
}

#[tokio::test]
async fn a_board_that_is_lost_in_a_call_costs_its_reading_and_the_answer_says_so() {
    let fake = Arc::new(FakeNvml::new(&["pids self:1"]));
    let counter = found(&[], Some(fake.settings())).counter;
    let lost = Arc::clone(&fake);
    let metered = Metered::new(model(move || lost.set(&["handle 15"])), counter);
    let answer = metered.chat(request()).await.unwrap();
    assert_eq!((answer.text().as_str(), &answer.reading), ("hi", &None));
    let [note] = answer.notes.as_slice() else { panic!("{:?}", answer.notes) };
    assert_eq!(note.code, NoteCode::MeterDegraded);
    assert!(note.text.contains("not counted by nvml+") && note.text.contains("fell off the bus"), "{note}");
    fake.set(&["pids self:1"]);
    let brief = Metered::new(model(|| {}), found(&[], Some(fake.settings())).counter);
    assert!(brief.chat(request()).await.unwrap().reading.is_some());
}

#[test]
fn this_machine_has_a_counter_whatever_it_lacks() {
    let found = detect(&Machine::detect()).unwrap();
    assert!(found.counter.sample().is_ok());
    let said = format!("{}{}", notes(&found), found.absent.join(""));
    assert!(names(&found).contains("nvml") || said.contains("NVML"), "{said}");
    assert!(names(&found).contains("rapl") || said.contains("RAPL"), "{said}");
}
