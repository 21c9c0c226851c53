//! Against codecarbon 3.3.2.

use super::compare::{Comparison, Fault, counts, field, number, optional, optional_text, text, whole};
use greenroute_core::units::{Energy, Power, Pue, WaterIntensity};
use greenroute_energy::codecarbon::{
    self, Answer, Place, cloud_intensity, counted, intensity, load_power, machine_power, memory_modules,
    memory_power,
};
use greenroute_energy::counter::{CounterSteps, wrapped_step};
use serde_json::{Value, json};
use std::time::Duration;

const POUNDS_PER_MWH: f64 = 0.453_592_37;

/// `country_emissions`: also of countries that it does not know.
pub(crate) fn country(case: &Value, comparison: &mut Comparison) -> Result<(), Fault> {
    let inputs = field(case, "inputs")?;
    let answer = intensity(Place { country: optional_text(inputs, "country_iso3")?, region: None });
    emissions(&answer, case, comparison)
}

/// `region_emissions`: states, provinces and bidding zones.
pub(crate) fn region(case: &Value, comparison: &mut Comparison) -> Result<(), Fault> {
    let inputs = field(case, "inputs")?;
    let country = optional_text(inputs, "country_iso3")?;
    let answer = intensity(Place { country, region: optional_text(inputs, "region")? });
    emissions(&answer, case, comparison)
}

/// `cloud_emissions`: with the place to fall back on, where the case names one.
pub(crate) fn cloud(case: &Value, comparison: &mut Comparison) -> Result<(), Fault> {
    let inputs = field(case, "inputs")?;
    let country = optional_text(inputs, "country_iso3")?;
    let place = Place { country, region: optional_text(inputs, "geo_region")? };
    let answer = cloud_intensity(
        text(inputs, "provider")?,
        text(inputs, "region")?,
        country.is_some().then_some(place),
    );
    emissions(&answer, case, comparison)
}

fn emissions(answer: &Answer, case: &Value, comparison: &mut Comparison) -> Result<(), Fault> {
    let kwh = number(field(case, "inputs")?, "energy_kwh")?;
    let energy = Energy::try_from_joules(kwh * 3.6e6).map_err(|error| error.to_string())?;
    let grams = answer.intensity().as_grams_per_kwh();
    let year = match answer {
        Answer::Country(_, year) => year.parse::<u32>().ok(),
        _ => None,
    };
    let ours = json!({
        "kg_co2e": (energy * answer.intensity()).as_grams() / 1000.0,
        "intensity_g_per_kwh": grams,
        "source_lb_per_mwh": grams / POUNDS_PER_MWH,
        "year": year,
    });
    // How its number came about, in words and in shares of fuels, is no answer.
    let mut theirs = field(case, "expect")?.clone();
    if let Some(theirs) = theirs.as_object_mut() {
        theirs.retain(|name, _| !["fallback", "mix"].contains(&name.as_str()));
    }
    comparison.tree("expect", &ours, &theirs);
    Ok(())
}

/// `cpu_tdp`: which row of the table a processor's name finds.
pub(crate) fn processor(case: &Value, comparison: &mut Comparison) -> Result<(), Fault> {
    let found = codecarbon::processor(text(field(case, "inputs")?, "cpu_model")?);
    let ours = json!({
        "matched": found.map(|row| row.name),
        "tdp_w": found.and_then(|row| row.tdp).map(Power::as_watts),
    });
    comparison.tree("expect", &ours, field(case, "expect")?);
    Ok(())
}

/// `cpu_load_power`: the line or the Threadripper's curve, and the cubic one.
pub(crate) fn load(case: &Value, comparison: &mut Comparison) -> Result<(), Fault> {
    let inputs = field(case, "inputs")?;
    let (tdp, load) = (watts(inputs, "tdp_w")?, number(inputs, "load_pct")?);
    let ours = json!({
        "watts": load_power(tdp, load, text(inputs, "model")?).as_watts(),
        "watts_machine_cubic": machine_power(tdp, load).as_watts(),
    });
    comparison.tree("expect", &ours, field(case, "expect")?);
    Ok(())
}

/// `ram_power`.
pub(crate) fn memory(case: &Value, comparison: &mut Comparison) -> Result<(), Fault> {
    let inputs = field(case, "inputs")?;
    let gigabytes = number(inputs, "gb")?;
    let arm = field(inputs, "arm")?.as_bool().ok_or("`arm` is neither true nor false")?;
    let ours =
        json!({ "dimms": memory_modules(gigabytes), "watts": memory_power(gigabytes, arm).as_watts() });
    comparison.tree("expect", &ours, field(case, "expect")?);
    Ok(())
}

/// `rapl_sequence`: with wraps, gaps and resets.
pub(crate) fn rapl(case: &Value, comparison: &mut Comparison) -> Result<(), Fault> {
    let inputs = field(case, "inputs")?;
    let (shown, interval) = (counts(inputs, "readings_uj")?, number(inputs, "interval_s")?);
    let range = match field(inputs, "max_energy_range_uj")? {
        Value::Null => None,
        range => Some(whole(range).ok_or("`max_energy_range_uj` is no whole number")?),
    };
    let largest = shown.iter().flatten().copied().chain(range).max().unwrap_or_default();
    resolution(comparison, Energy::from_microjoules(largest), interval);
    let (mut total, mut deltas) = (Energy::ZERO, Vec::new());
    for pair in shown.windows(2) {
        let step = match pair {
            [Some(last), Some(now)] => wrapped_step(*last, *now, range).map(Energy::from_microjoules),
            _ => None,
        };
        let energy = step.map_or(Energy::ZERO, |step| counted(step.as_joules()));
        total = total + energy;
        deltas.push(delta(energy, energy.as_joules() / interval, json!({ "skipped": step.is_none() })));
    }
    comparison.tree(
        "expect",
        &json!({ "deltas": deltas, "total_kwh": total.as_kwh() }),
        field(case, "expect")?,
    );
    Ok(())
}

/// `gpu_counter_sequence`: with failures, returns and resets. The first two looks are those of opening and starting.
pub(crate) fn gpu(case: &Value, comparison: &mut Comparison) -> Result<(), Fault> {
    let inputs = field(case, "inputs")?;
    let looks = counts(inputs, "counter_mj")?;
    let theirs = |millijoules| counted(Energy::from_microjoules(millijoules).as_joules() * 1e3);
    let largest = looks.iter().flatten().copied().max().map_or(Energy::ZERO, theirs);
    resolution(comparison, largest, number(inputs, "interval_s")?);
    let mut shown = looks.into_iter().map(|look| look.map(theirs));
    let power =
        optional(inputs, "power_fallback_w")?.map(|_| watts(inputs, "power_fallback_w")).transpose()?;
    let interval = seconds(inputs, "interval_s")?;
    let started = shown.nth(1).ok_or("`counter_mj` has fewer than two looks")?;
    let (mut steps, mut total, mut deltas) = (CounterSteps::new(started), Energy::ZERO, Vec::new());
    for look in shown {
        let step = steps.step(look, power, interval);
        let (energy, power) = step.map_or((Energy::ZERO, Power::ZERO), |step| (step.energy, step.power));
        total = total + energy;
        deltas.push(delta(energy, power.as_watts(), json!({})));
    }
    comparison.tree(
        "expect",
        &json!({ "deltas": deltas, "total_kwh": total.as_kwh() }),
        field(case, "expect")?,
    );
    Ok(())
}

/// Codecarbon takes differences of a counter in floating-point kWh: their last digits are those of the counter.
fn resolution(comparison: &mut Comparison, largest: Energy, interval: f64) {
    let kwh = 8.0 * f64::EPSILON * largest.as_kwh();
    comparison.floor("_kwh", kwh);
    comparison.floor("power_w", Energy::from_kwh(kwh).as_joules() / interval);
}

fn delta(energy: Energy, watts: f64, mut with: Value) -> Value {
    if let Some(fields) = with.as_object_mut() {
        fields.insert("energy_kwh".to_owned(), json!(energy.as_kwh()));
        fields.insert("power_w".to_owned(), json!(watts));
    }
    with
}

/// `power_time`: energy, with the facility, and codecarbon's water, which counts the PUE twice.
pub(crate) fn power_time(case: &Value, comparison: &mut Comparison) -> Result<(), Fault> {
    let inputs = field(case, "inputs")?;
    let energy = watts(inputs, "watts")? * seconds(inputs, "seconds")?;
    let pue = Pue::try_from_ratio(number(inputs, "pue")?).map_err(|error| error.to_string())?;
    let wue =
        WaterIntensity::try_from_litres_per_kwh(number(inputs, "wue")?).map_err(|error| error.to_string())?;
    let facility = energy * pue;
    let ours = json!({
        "energy_kwh": energy.as_kwh(),
        "with_pue_kwh": facility.as_kwh(),
        "water_l_codecarbon": (facility * wue).as_litres(),
    });
    comparison.tree("expect", &ours, field(case, "expect")?);
    Ok(())
}

fn watts(inputs: &Value, name: &str) -> Result<Power, Fault> {
    Power::try_from_watts(number(inputs, name)?).map_err(|error| error.to_string())
}

fn seconds(inputs: &Value, name: &str) -> Result<Duration, Fault> {
    Duration::try_from_secs_f64(number(inputs, name)?).map_err(|error| format!("`{name}`: {error}"))
}
