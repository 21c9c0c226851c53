//! The best counters of a machine, over stand-ins for its files and libraries.

#![cfg(test)]
#![cfg(target_os = "linux")]

mod fake_nvml;

use fake_nvml::FakeNvml;
use greenroute_core::units::Power;
use greenroute_core::{Boundary, ErrorKind, Estimate, Method, NoteCode};
use greenroute_energy::Machine;
use greenroute_energy::counter::{Counter as _, Detected, NvmlSettings, Sources, detect, detect_in};
use std::fs::{create_dir_all, write};
use std::path::Path;
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
    assert_eq!(names(&with_memory), "nvml+rapl");
    assert_eq!((notes(&with_memory), with_memory.counter.boundary()), (String::new(), Boundary::Device));
    let without = found(&[package], Some(fake.settings()));
    assert_eq!((names(&without), notes(&without)), ("nvml+rapl+ram_power".to_owned(), String::new()));
    assert_eq!(names(&found(&[package], None)), "rapl+ram_power");
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
        ("nvml+cpu_time_tdp+ram_power", Boundary::Device)
    );
    assert!(notes(&beside).contains("perhaps with the GPU"), "{}", notes(&beside));
}

#[test]
fn whatever_is_counted_worse_is_noted() {
    let fake = FakeNvml::new(&["energy 3", "pids self:1"]);
    let found_ = found(&[], Some(fake.settings()));
    assert_eq!(names(&found_), "nvml+cpu_time_tdp+ram_power");
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
    assert!(spent.energy.as_joules() > 75.0 && spent.modelled < spent.energy * 0.1, "{spent:?}");
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

#[test]
fn this_machine_has_a_counter_whatever_it_lacks() {
    let found = detect(&Machine::detect()).unwrap();
    assert!(found.counter.sample().is_ok());
    let said = format!("{}{}", notes(&found), found.absent.join(""));
    assert!(names(&found).contains("nvml") || said.contains("NVML"), "{said}");
    assert!(names(&found).contains("rapl") || said.contains("RAPL"), "{said}");
}
