//! Against EcoLogits 0.11.3.

use super::compare::{Comparison, Fault, field, number, object, optional, optional_text, text, whole};
use greenroute_energy::ecologits::{self, Coefficients, Dag, Footprint, Impacts, Inputs, Mix, Range};
use serde_json::{Value, json};

/// `llm_impacts`: all impacts, the warnings or the error, and the rows of the tables that they come from.
pub(crate) fn impacts(case: &Value, comparison: &mut Comparison) -> Result<(), Fault> {
    let (provider, model) = (text(case, "provider")?, text(case, "model")?);
    let tokens = whole(field(case, "output_tokens")?).ok_or("`output_tokens` is no whole number")?;
    let (latency, zone) = (optional(case, "request_latency_s")?, optional_text(case, "zone")?);
    let answer = ecologits::impacts(provider, model, tokens, latency, zone);
    let (warnings, error) = match &answer {
        Ok(impacts) => (impacts.warnings.iter().map(|warning| warning.code()).collect(), vec![]),
        Err(refusal) => (vec![], vec![refusal.code()]),
    };
    comparison.tree("warnings", &json!(warnings), field(case, "warnings")?);
    comparison.tree("errors", &json!(error), field(case, "errors")?);
    let ours = answer.as_ref().map_or(Value::Null, told);
    comparison.tree("expect", &ours, field(case, "expect")?);
    if let Some(inputs) = case.get("inputs").filter(|inputs| !inputs.is_null()) {
        comparison.tree("inputs", &rows(provider, model, zone).ok_or("its tables lack a row")?, inputs);
    }
    Ok(())
}

fn told(impacts: &Impacts) -> Value {
    json!({
        "usage": impacts.usage,
        "embodied": impacts.embodied,
        "total_energy": impacts.usage.energy,
        "total_gwp": impacts.gwp(),
        "total_adpe": impacts.adpe(),
        "total_pe": impacts.pe(),
        "total_wcf": impacts.usage.wcf,
    })
}

/// What the tables say of a model and its place.
fn rows(provider: &str, model: &str, zone: Option<&str>) -> Option<Value> {
    let (model, site) = (ecologits::model(provider, model)?, ecologits::provider(provider)?);
    let zone = zone.unwrap_or(site.zone);
    let Mix { footprint, wue } = ecologits::mix(zone)?.mix;
    Some(json!({
        "active_params_b": model.active, "total_params_b": model.total, "tps": model.tps, "ttft": model.ttft,
        "pue": site.pue, "wue": site.wue, "zone_resolved": zone,
        "mix_gwp": footprint.gwp, "mix_adpe": footprint.adpe, "mix_pe": footprint.pe, "mix_wue": wue,
    }))
}

/// `dag`: every step in between, at both ends of inputs that are ranges.
pub(crate) fn dag(case: &Value, comparison: &mut Comparison) -> Result<(), Fault> {
    let inputs = field(case, "inputs")?;
    let [least, most] = [end(inputs, |range| range.min)?, end(inputs, |range| range.max)?];
    for (step, theirs) in object(case, "expect")? {
        match (least.get(step), most.get(step)) {
            (Some(min), Some(max)) => comparison.tree(step, &json!({ "min": min, "max": max }), theirs),
            _ => return Err(format!("the formula has no step `{step}`")),
        }
    }
    Ok(())
}

fn end(inputs: &Value, of: fn(Range) -> f64) -> Result<Value, Fault> {
    let at = |name: &str| Ok::<_, Fault>(of(range(inputs, name)?));
    let defaults = Coefficients::default();
    let by = Coefficients {
        batch_size: optional(inputs, "batch_size")?.unwrap_or(defaults.batch_size),
        model_quantization_bits: optional(inputs, "model_quantization_bits")?
            .unwrap_or(defaults.model_quantization_bits),
        ..defaults
    };
    let factor = |name: &str| number(inputs, &format!("if_electricity_mix_{name}"));
    let footprint = Footprint { gwp: factor("gwp")?, adpe: factor("adpe")?, pe: factor("pe")? };
    let inputs = Inputs {
        active: at("model_active_parameter_count")?,
        total: at("model_total_parameter_count")?,
        output_tokens: number(inputs, "output_token_count")?,
        request_latency: optional(inputs, "request_latency")?.unwrap_or(f64::INFINITY),
        tps: optional(inputs, "tps")?,
        ttft: optional(inputs, "ttft")?,
        pue: at("datacenter_pue")?,
        wue: at("datacenter_wue")?,
        mix: Mix { footprint, wue: factor("wue")? },
    };
    serde_json::to_value(Dag::of(&inputs, &by)).map_err(|error| error.to_string())
}

/// A range, or a number for both its ends.
fn range(inputs: &Value, name: &str) -> Result<Range, Fault> {
    let value = field(inputs, name)?;
    match value.as_f64() {
        Some(both) => Ok(Range { min: both, max: both }),
        None => Ok(Range { min: number(value, "min")?, max: number(value, "max")? }),
    }
}
