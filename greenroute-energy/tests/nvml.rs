//! The counter of NVIDIA's GPUs over a stand-in for their library.

#![cfg(test)]
#![cfg(unix)]

mod fake_nvml;

use fake_nvml::FakeNvml;
use greenroute_core::units::Power;
use greenroute_core::{Boundary, ErrorKind, MeterId, Method};
use greenroute_energy::counter::{Counter, Nvml, NvmlSettings, Sample};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

const ALONE: &str = "pids self:50";

fn open(fake: &FakeNvml) -> Nvml {
    Nvml::open(&fake.settings()).unwrap()
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// What the counter says of what happens meanwhile, with the time that lay between its looks at the least and the
/// most.
fn during(nvml: &Nvml, meanwhile: impl FnOnce()) -> (Sample, f64, f64) {
    let outer = Instant::now();
    let before = nvml.sample().unwrap();
    let inner = Instant::now();
    meanwhile();
    let least = inner.elapsed().as_secs_f64();
    let after = nvml.sample().unwrap();
    (after.since(before), least, outer.elapsed().as_secs_f64())
}

/// A busy machine may let this much time go by between a counter's look and its clock's.
const SLACK: f64 = 0.025;

/// That it is `watts` for the time, but for the slack. What is wrong is wrong each time, and a busy machine is not.
fn assert_watts(nvml: &Nvml, watts: f64, time: Duration) -> Sample {
    let mut said = Vec::new();
    for _ in 0..5 {
        let (spent, least, most) = during(nvml, || sleep(time));
        assert!(spent.low <= spent.energy && spent.energy <= spent.high);
        let joules = spent.energy.as_joules();
        let (least, most) = (watts * (least - SLACK), watts * (most + SLACK));
        if (least..=most).contains(&joules) {
            return spent;
        }
        said.push(format!("{joules} J is not within {least} J to {most} J"));
    }
    panic!("{said:?}");
}

#[test]
fn the_energy_counter_counts() {
    let fake = FakeNvml::new(&["watts 300", ALONE]);
    let nvml = open(&fake);
    let spent = assert_watts(&nvml, 300.0, millis(250));
    let reading = spent.reading(nvml.boundary(), nvml.id());
    assert_eq!((reading.method(), reading.boundary), (Method::Measured, Boundary::Device));
    assert_eq!(reading.meter, MeterId::new("nvml", 1));
    // The counter may be a step of 100 ms late at either end.
    assert!(spent.grain.as_joules() > 20.0 && spent.grain.as_joules() < 45.0, "{}", spent.grain);
    assert!(reading.energy.low() < spent.energy * 0.9 && reading.energy.high() > spent.energy * 1.1);
    assert!(nvml.notes().is_empty(), "{:?}", nvml.notes());
}

#[test]
fn a_window_shorter_than_a_step_of_the_counter_is_power_times_time() {
    let fake = FakeNvml::new(&["watts 200", "period_ms 100000000", ALONE]);
    let nvml = open(&fake);
    let spent = assert_watts(&nvml, 200.0, millis(30));
    assert!(spent.high > spent.energy * 1.2 && spent.low < spent.energy * 0.81, "and its band says so");
    // The board was at rest before: the window's power is between then and now.
    fake.set(&["watts 100", "period_ms 100000000", ALONE]);
    let before = nvml.sample().unwrap();
    fake.set(&["watts 500", "period_ms 100000000", ALONE]);
    sleep(millis(20));
    let spent = nvml.sample().unwrap().since(before);
    assert!(spent.high.as_joules() >= 4.0 * spent.low.as_joules(), "{spent:?}");
}

#[test]
fn what_power_stood_in_for_is_made_up_for_by_the_counter() {
    let fake = FakeNvml::new(&["watts 100", "frozen 1000000", ALONE]);
    let nvml = open(&fake);
    sleep(millis(50));
    let stood_in = nvml.sample().unwrap().energy.as_joules();
    assert!(stood_in > 4.0, "{stood_in}");
    // It has counted two joules where more had stood in: nothing now, and less of what follows.
    fake.set(&["watts 100", "frozen 1002000", ALONE]);
    sleep(millis(110));
    let told = nvml.sample().unwrap().energy.as_joules();
    assert!((told - stood_in).abs() < 1e-6, "{told} after {stood_in}");
    fake.set(&["watts 100", "frozen 1300000", ALONE]);
    sleep(millis(110));
    let all = nvml.sample().unwrap().energy.as_joules();
    assert!((all - 300.0).abs() < 1e-6, "{all} J of the counter's 300 J");
}

#[test]
fn a_board_without_a_counter_is_its_power_added_up() {
    let fake = FakeNvml::new(&["watts 150", "energy 3", ALONE]);
    let nvml = open(&fake);
    assert!(nvml.notes().join(" ").contains("no energy counter"), "{:?}", nvml.notes());
    assert_eq!(nvml.tend().unwrap(), Some(millis(50)));
    let outer = Instant::now();
    let (spent, ..) = during(&nvml, || {
        sleep(millis(100));
        nvml.tend().unwrap();
        fake.set(&["watts 450", "energy 3", ALONE]);
        nvml.tend().unwrap();
        sleep(millis(100));
    });
    // Each of the two powers held for 100 ms at the least, and for the rest of the time one of them, or their mean.
    let (joules, rest) = (spent.energy.as_joules(), outer.elapsed().as_secs_f64() - 0.2);
    assert!((60.0..=60.0 + 450.0 * rest).contains(&joules), "{joules} J of 60 J");
}

#[test]
fn the_power_of_a_moment_is_taken_where_the_driver_tells_it_and_the_average_where_not() {
    for lines in [["watts 150", "energy 3", "power 3", ALONE], ["watts 150", "energy 3", "field 3", ALONE]] {
        assert_watts(&open(&FakeNvml::new(&lines)), 150.0, millis(60));
    }
    let fake = FakeNvml::new(&["energy 3", "power 3", "field 3", ALONE]);
    assert!(Nvml::open(&fake.settings()).unwrap_err().message().contains("not available"));
}

#[test]
fn the_power_of_a_moment_is_taken_again_after_it_was_missing_once() {
    let moment = ["energy 3", "watts 100", "field_type 0", "field_value 200000", ALONE];
    let fake = FakeNvml::new(&moment);
    let nvml = open(&fake);
    assert_watts(&nvml, 200.0, millis(40));
    fake.set(&["energy 3", "watts 100", "field 3", ALONE]);
    nvml.sample().unwrap();
    assert_watts(&nvml, 100.0, millis(40));
    fake.set(&moment);
    nvml.sample().unwrap();
    assert_watts(&nvml, 200.0, millis(40));
}

#[test]
fn a_counter_that_was_reset_is_told_by_power_and_goes_on() {
    let fake = FakeNvml::new(&["watts 100", ALONE]);
    let nvml = open(&fake);
    let (spent, _, most) = during(&nvml, || {
        sleep(millis(110));
        fake.set(&["watts 100", "joules -900", ALONE]);
    });
    assert!(
        spent.energy.as_joules() > 9.0 && spent.energy.as_joules() <= 100.0 * (most + SLACK),
        "{spent:?}"
    );
    // What stood in for the time before is not taken off what comes after.
    assert_watts(&nvml, 100.0, millis(200));
}

#[test]
fn a_leap_that_no_board_can_draw_is_not_believed() {
    let fake = FakeNvml::new(&["watts 100", ALONE]);
    let nvml = open(&fake);
    let (spent, _, most) = during(&nvml, || {
        sleep(millis(110));
        fake.set(&["watts 100", "joules 5000000", ALONE]);
    });
    assert!(spent.energy.as_joules() <= 100.0 * (most + SLACK), "{spent:?}");
}

#[test]
fn a_counter_that_stands_still_is_told_by_power() {
    let fake = FakeNvml::new(&["watts 100", "frozen 77", ALONE]);
    assert_watts(&open(&fake), 100.0, millis(300));
}

#[test]
fn powers_that_cannot_be_are_errors() {
    for value in ["nan", "-5", "1e12", "inf"] {
        let field = format!("field_value {value}");
        let fake = FakeNvml::new(&["energy 3", "field_type 0", &field, ALONE]);
        let error = Nvml::open(&fake.settings()).unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Meter, "{value}");
        assert!(error.message().contains("cannot be"), "{value}: {error}");
    }
    let fake = FakeNvml::new(&["energy 3", "field 3", "watts 4000000", ALONE]);
    assert!(Nvml::open(&fake.settings()).unwrap_err().message().contains("cannot be"));
}

#[test]
fn a_lost_board_is_an_error_until_it_is_back() {
    let fake = FakeNvml::new(&["watts 100", "boards 2", ALONE]);
    let nvml = open(&fake);
    let before = nvml.sample().unwrap();
    fake.set(&["watts 100", "boards 2", "1.handle 15", ALONE]);
    let error = nvml.sample().unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Meter);
    assert!(error.message().contains("board 1") && error.message().contains("fell off the bus"), "{error}");
    assert!(nvml.tend().is_err());
    fake.set(&["watts 100", "boards 2", ALONE]);
    sleep(millis(110));
    assert!(nvml.sample().unwrap().energy > before.energy);
    fake.set(&["watts 100", "boards 2", "energy 15", ALONE]);
    assert!(nvml.sample().unwrap_err().message().contains("fell off the bus"));
}

#[test]
fn what_does_not_start_says_why_and_what_to_do() {
    for (lines, says) in [
        (["init 9"], "load the NVIDIA driver"),
        (["init 4"], "may not talk to it"),
        (["init 18"], "machine not started anew"),
        (["boards 0"], "no GPU that this process may use"),
        (["handle 15"], "fell off the bus"),
    ] {
        let error = Nvml::open(&FakeNvml::new(&lines).settings()).unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Meter);
        assert!(error.message().contains(says), "{lines:?}: {error}");
    }
    let nowhere =
        NvmlSettings { library: Some("/nowhere/libnvidia-ml.so.1".into()), ..NvmlSettings::default() };
    assert!(Nvml::open(&nowhere).unwrap_err().message().contains("does not start"));
}

#[test]
fn every_board_of_this_process_counts_once() {
    let fake = FakeNvml::new(&["boards 3", "0.watts 100", "1.watts 200", "2.watts 400", ALONE]);
    let seeing = |visible: &str| NvmlSettings { visible: Some(visible.to_owned()), ..fake.settings() };
    for (visible, watts) in [
        ("0,1,2", 700.0),
        ("1", 200.0),
        ("2,0", 500.0),
        ("1,1,GPU-1-of-the-fake", 200.0),
        ("GPU-2", 400.0),
        ("0,-1,2", 100.0),
        ("0,7,2", 100.0),
    ] {
        let nvml = Nvml::open(&seeing(visible)).unwrap();
        sleep(millis(110));
        nvml.sample().unwrap();
        assert_watts(&nvml, watts, millis(110));
    }
    for none in ["", "-1", "GPU-nobody", "NoDevFiles"] {
        assert_eq!(Nvml::open(&seeing(none)).unwrap_err().kind(), &ErrorKind::Meter, "{none}");
    }
    assert!(
        Nvml::open(&seeing("0,7")).unwrap().notes().join(" ").contains("names board 7, which is not there")
    );
}

#[test]
fn a_board_that_cannot_be_counted_is_left_out_with_a_note() {
    let fake = FakeNvml::new(&["boards 2", "0.handle 15", "1.watts 200", ALONE]);
    let nvml = open(&fake);
    let said = nvml.notes().join(" ");
    assert!(said.contains("board 0 is not counted") && said.contains("fell off the bus"), "{said}");
    assert_watts(&nvml, 200.0, millis(120));
}

#[test]
fn boards_of_several_kinds_may_be_counted_in_another_order_than_cudas() {
    let fake = FakeNvml::new(&["boards 2", "1.name Other-GPU", ALONE]);
    assert!(open(&fake).notes().join(" ").contains("CUDA_DEVICE_ORDER"));
}

#[test]
fn a_shared_board_is_shared_by_the_time_of_each_process() {
    let fake = FakeNvml::new(&["watts 100", "pids 99:70,self:30"]);
    let nvml = open(&fake);
    let spent = assert_watts(&nvml, 30.0, millis(150));
    assert!(spent.low.as_joules() < 0.6 * spent.energy.as_joules(), "and the band says so");
    // Of whose work nothing is told.
    let equal = FakeNvml::new(&["watts 100", "utilization 3", "pids 98:1,99:1,self:1,97:9"]);
    assert_watts(&open(&equal), 25.0, millis(150));
}

#[test]
fn a_board_on_which_this_process_is_not_costs_it_nothing_until_it_is() {
    let fake = FakeNvml::new(&["watts 100", "boards 2", "0.pids 99:50", "1.pids"]);
    let nvml = open(&fake);
    assert_watts(&nvml, 0.0, millis(120));
    fake.set(&["watts 100", "boards 2", "0.pids 99:50", "1.pids self:50"]);
    sleep(millis(210));
    nvml.tend().unwrap();
    assert_watts(&nvml, 100.0, millis(120));
}

#[test]
fn where_no_process_can_be_seen_the_board_is_taken_as_its_own_with_a_wide_band() {
    for lines in [["watts 100", "pids"], ["watts 100", "processes 4"]] {
        let fake = FakeNvml::new(&lines);
        let nvml = Nvml::open(&NvmlSettings { sees_processes: Some(false), ..fake.settings() }).unwrap();
        let spent = assert_watts(&nvml, 100.0, millis(120));
        assert!(spent.low < spent.energy * 0.3, "{spent:?}");
        assert!(nvml.notes().join(" ").contains("container"));
    }
}

#[test]
fn a_driver_that_does_not_tell_who_is_there_is_noted() {
    let fake = FakeNvml::new(&["watts 100", "boards 2", "1.processes 4", "pids self:1"]);
    let notes = open(&fake).notes().join(" ");
    assert!(
        notes.contains("board 1 (Fake-GPU) does not tell who uses it") && !notes.contains("board 0"),
        "{notes}"
    );
    let all = NvmlSettings { everybody: true, ..fake.settings() };
    assert!(Nvml::open(&all).unwrap().notes().is_empty(), "all of it is counted anyway");
}

#[test]
fn an_instance_of_a_divided_board_pays_for_its_slices() {
    let fake = FakeNvml::new(&["watts 700", "mig 1", "slices 3", ALONE]);
    let whole = Nvml::open(&fake.settings()).unwrap_err();
    assert!(whole.message().contains("name the instance"), "{whole}");
    let instance = NvmlSettings { visible: Some("MIG-0-of-the-fake".into()), ..fake.settings() };
    let spent = assert_watts(&Nvml::open(&instance).unwrap(), 300.0, millis(120));
    assert!(
        spent.high.as_joules() > 1.9 * spent.energy.as_joules()
            && spent.low.as_joules() < 0.5 * spent.energy.as_joules()
    );
}

#[test]
fn the_idle_part_is_known_where_the_board_was_seen_empty_or_is_told() {
    let fake = FakeNvml::new(&["watts 60", "pids"]);
    let nvml = open(&fake);
    fake.set(&["watts 300", ALONE]);
    sleep(millis(1010));
    nvml.tend().unwrap();
    let (spent, least, most) = during(&nvml, || sleep(millis(150)));
    let idle = spent.idle.unwrap().as_joules();
    assert!((60.0 * least - 0.1..=60.0 * most + 0.1).contains(&idle), "{idle}");
    let busy = FakeNvml::new(&["watts 300", ALONE]);
    assert_eq!(during(&open(&busy), || sleep(millis(110))).0.idle, None);
    let told = NvmlSettings { idle: Some(Power::from_watts(25.0)), ..busy.settings() };
    let (spent, least, most) = during(&Nvml::open(&told).unwrap(), || sleep(millis(110)));
    let idle = spent.idle.unwrap().as_joules();
    assert!((25.0 * least - 0.1..=25.0 * most + 0.1).contains(&idle), "{idle}");
}

#[test]
fn the_idle_part_is_known_from_when_a_busy_board_was_first_seen_empty() {
    let fake = FakeNvml::new(&["watts 300", ALONE]);
    let nvml = open(&fake);
    assert_eq!(during(&nvml, || sleep(millis(10))).0.idle, None);
    fake.set(&["watts 60", "pids"]);
    sleep(millis(1010));
    nvml.tend().unwrap();
    fake.set(&["watts 300", ALONE]);
    sleep(millis(210));
    nvml.tend().unwrap();
    let (spent, least, most) = during(&nvml, || sleep(millis(150)));
    let idle = spent.idle.unwrap().as_joules();
    assert!((60.0 * least - 0.1..=60.0 * most + 0.1).contains(&idle), "{idle}");
}

#[test]
fn a_driver_that_takes_its_time_over_processes_holds_up_nobody() {
    let fake = FakeNvml::new(&["watts 100", "pids self:50,99:50"]);
    let nvml = Arc::new(open(&fake));
    fake.set(&["watts 100", "pids self:50,99:50", "slow_ms 1200"]);
    sleep(millis(210));
    let slow = Arc::clone(&nvml);
    let tending = std::thread::spawn(move || {
        let begun = Instant::now();
        slow.tend().unwrap();
        begun.elapsed()
    });
    sleep(millis(100));
    let begun = Instant::now();
    nvml.sample().unwrap();
    let took = begun.elapsed();
    assert!(!tending.is_finished() && took < millis(1000), "{took:?}");
    assert!(tending.join().unwrap() >= millis(1200));
}

#[test]
fn it_is_looked_after_at_the_pace_of_its_steps() {
    let fake = FakeNvml::new(&["watts 100", ALONE]);
    assert_eq!(open(&fake).tend().unwrap(), Some(millis(100)));
}
