//! EcoLogits 0.11.3, exactly: for its users to compare and to migrate.
//!
//! [`impacts`] answers what `ecologits.tracers.utils.llm_impacts` answers: the same numbers, warnings and errors, from
//! the same tables. [`Dag`] is its formula with every step in between. [`EcoLogits`] is the same as a meter beside
//! greenroute's own, which are closer to measured truth (METHOD.md): its formula knows neither batch nor board, and
//! no input tokens.
//!
//! Its ranges combine end by end (least with least, greatest with greatest): they are no interval of confidence.
//!
//! ```
//! let impacts = greenroute_energy::ecologits::impacts("openai", "gpt-4o-mini", 250, Some(3.2), Some("FRA"))?;
//! assert!(impacts.usage.energy.min < impacts.usage.energy.max);
//! println!("{} kWh, {} kgCO2e", impacts.usage.energy, impacts.gwp());
//! # Ok::<(), greenroute_energy::ecologits::Refusal>(())
//! ```

mod dag;
mod meter;
mod method;
mod mixes;
mod models;
mod range;
mod status;

pub use dag::{Dag, Inputs, Mix};
pub use meter::EcoLogits;
pub use method::{Coefficients, Footprint};
pub(crate) use mixes::zone_code;
pub use mixes::{ZoneMix, mix};
pub use models::{Model, Provider, model, provider, providers};
pub use range::Range;
pub use status::{Refusal, Warning};

use greenroute_core::units::{Quantity, Tokens};
use serde::Serialize;

/// What EcoLogits says of one request.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Impacts {
    /// Of running it.
    pub usage: Usage,
    /// Of making the hardware, by the share of its life.
    pub embodied: Embodied,
    /// What to bear in mind, the model's before the zone's.
    #[serde(skip)]
    pub warnings: Vec<Warning>,
}

/// The impacts of running.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Usage {
    /// Energy of the facility, in kWh.
    pub energy: Range,
    /// Global warming potential, in kgCO2e.
    pub gwp: Range,
    /// Depletion of elements, in kgSbe.
    pub adpe: Range,
    /// Primary energy, in MJ.
    pub pe: Range,
    /// Water, in litres: on site and for the electricity.
    pub wcf: Range,
}

/// The impacts of making the hardware.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Embodied {
    /// Global warming potential, in kgCO2e.
    pub gwp: Range,
    /// Depletion of elements, in kgSbe.
    pub adpe: Range,
    /// Primary energy, in MJ.
    pub pe: Range,
}

impl Impacts {
    /// Global warming potential of running and making together, in kgCO2e.
    #[must_use]
    pub fn gwp(&self) -> Range {
        self.usage.gwp.plus(self.embodied.gwp)
    }

    /// Depletion of elements by both, in kgSbe.
    #[must_use]
    pub fn adpe(&self) -> Range {
        self.usage.adpe.plus(self.embodied.adpe)
    }

    /// Primary energy of both, in MJ.
    #[must_use]
    pub fn pe(&self) -> Range {
        self.usage.pe.plus(self.embodied.pe)
    }
}

/// What EcoLogits 0.11.3 says of one request: `llm_impacts(provider, model_name, output_token_count, request_latency,
/// electricity_mix_zone)`.
///
/// Names of providers and models are EcoLogits' (`google_genai`, `gpt-4o`), zones alpha-3 codes. `latency_seconds` is
/// the time of the whole request, `None` where it was not measured; without a `zone` it is the provider's.
///
/// # Errors
/// [`Refusal`]: EcoLogits' own errors, in its order, and a latency that is not a time.
pub fn impacts(
    provider: &str,
    model: &str,
    output_tokens: u64,
    latency_seconds: Option<f64>,
    zone: Option<&str>,
) -> Result<Impacts, Refusal> {
    let unknown = || Refusal::ModelNotRegistered { provider: provider.to_owned(), model: model.to_owned() };
    let known = models::model(provider, model).ok_or_else(unknown)?;
    let site = models::provider(provider).ok_or_else(unknown)?;
    let zone = zone.unwrap_or(site.zone);
    let mix = mix(zone).ok_or_else(|| Refusal::ZoneNotRegistered { zone: zone.to_owned() })?;
    let request_latency = latency_seconds.unwrap_or(f64::INFINITY);
    if request_latency.is_nan() || request_latency < 0.0 {
        return Err(Refusal::NotALatency);
    }
    let dags = known.dags(site, mix.mix, Tokens::new(output_tokens).base(), request_latency);
    let mut warnings = known.warnings.clone();
    warnings.extend(&mix.warnings);
    Ok(Impacts::of(&dags, warnings))
}

impl Model {
    /// The formula at both ends of every range.
    pub(super) fn dags(
        &self,
        site: &Provider,
        mix: Mix,
        output_tokens: f64,
        request_latency: f64,
    ) -> [Dag; 2] {
        let end = |at: fn(&Range) -> f64| {
            let inputs = Inputs {
                active: at(&self.active),
                total: at(&self.total),
                output_tokens,
                request_latency,
                tps: self.tps,
                ttft: self.ttft,
                pue: at(&site.pue),
                wue: at(&site.wue),
                mix,
            };
            Dag::of(&inputs, &Coefficients::default())
        };
        [end(|range| range.min), end(|range| range.max)]
    }
}

impl Impacts {
    fn of([least, most]: &[Dag; 2], warnings: Vec<Warning>) -> Self {
        let range = |of: fn(&Dag) -> f64| Range { min: of(least), max: of(most) };
        Self {
            usage: Usage {
                energy: range(|dag| dag.request_energy),
                gwp: range(|dag| dag.request_usage_gwp),
                adpe: range(|dag| dag.request_usage_adpe),
                pe: range(|dag| dag.request_usage_pe),
                wcf: range(|dag| dag.request_usage_wcf),
            },
            embodied: Embodied {
                gwp: range(|dag| dag.request_embodied_gwp),
                adpe: range(|dag| dag.request_embodied_adpe),
                pe: range(|dag| dag.request_embodied_pe),
            },
            warnings,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_come_in_ecologits_order() {
        let refusal = |provider, model, latency, zone| {
            impacts(provider, model, 10, latency, zone).unwrap_err().to_string()
        };
        assert_eq!(
            refusal("openai", "gpt-9", Some(-1.0), Some("XXX")),
            "Could not find model `gpt-9` for openai provider."
        );
        assert_eq!(
            refusal("openai", "gpt-4o", Some(-1.0), Some("XXX")),
            "Could not find electricity mix for `XXX` zone."
        );
        for not_a_time in [-1.0, f64::NAN, f64::NEG_INFINITY] {
            assert!(refusal("openai", "gpt-4o", Some(not_a_time), None).contains("latency"));
        }
    }

    #[test]
    fn a_latency_that_was_not_measured_is_no_limit() {
        let with = |latency| impacts("openai", "gpt-4o", 100, latency, None).unwrap();
        assert_eq!(with(None), with(Some(f64::INFINITY)));
        assert!(with(Some(0.1)).usage.energy.max < with(None).usage.energy.max);
        assert_eq!(with(None).warnings.len(), 2);
    }
}
