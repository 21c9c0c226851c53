use crate::table::{number, rows};
use serde::Serialize;
use std::sync::OnceLock;

const TABLE: &str = include_str!("../../data/ecologits/coefficients.csv");

/// The coefficients of EcoLogits' method, under its own names. Each may be set to another value, as its
/// `compute_llm_impacts_dag` allows; [`Default`] is what 0.11.3 publishes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coefficients {
    /// Requests that a server handles at once.
    pub batch_size: f64,
    /// Bits per parameter.
    pub model_quantization_bits: f64,
    /// Wh per token and billion active parameters, at a batch of nothing.
    pub gpu_energy_alpha: f64,
    /// The exponent per request of the batch.
    pub gpu_energy_beta: f64,
    /// Wh per token.
    pub gpu_energy_gamma: f64,
    /// Seconds per token and billion active parameters.
    pub latency_alpha: f64,
    /// Seconds per token and request of the batch.
    pub latency_beta: f64,
    /// Seconds per token.
    pub latency_gamma: f64,
    /// GB on one GPU.
    pub gpu_memory: f64,
    /// What making one GPU took: kgCO2e, kgSbe, MJ.
    pub gpu_embodied: Footprint,
    /// GPUs in one server.
    pub server_gpu_count: f64,
    /// Power of a server without its GPUs, in kW.
    pub server_power: f64,
    /// What making one server took, its GPUs apart: kgCO2e, kgSbe, MJ.
    pub server_embodied: Footprint,
    /// For how long hardware serves, in seconds.
    pub server_lifetime: f64,
}

/// The three impacts that both use and manufacture have.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Footprint {
    /// Global warming potential, in kgCO2e.
    pub gwp: f64,
    /// Depletion of elements (ADPe), in kg of antimony equivalent.
    pub adpe: f64,
    /// Primary energy, in MJ.
    pub pe: f64,
}

impl Footprint {
    /// Each of the three by `scale`.
    #[must_use]
    pub fn times(self, scale: f64) -> Self {
        Self { gwp: self.gwp * scale, adpe: self.adpe * scale, pe: self.pe * scale }
    }

    /// Each of the three added.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self { gwp: self.gwp + other.gwp, adpe: self.adpe + other.adpe, pe: self.pe + other.pe }
    }
}

impl Default for Coefficients {
    fn default() -> Self {
        static PUBLISHED: OnceLock<Coefficients> = OnceLock::new();
        *PUBLISHED.get_or_init(|| Self::named(&|name| named(name).unwrap_or(f64::NAN)))
    }
}

impl Coefficients {
    fn named(value: &dyn Fn(&str) -> f64) -> Self {
        let footprint = |of: &str| Footprint {
            gwp: value(&format!("{of}_embodied_impact_gwp")),
            adpe: value(&format!("{of}_embodied_impact_adpe")),
            pe: value(&format!("{of}_embodied_impact_pe")),
        };
        Self {
            batch_size: value("batch_size"),
            model_quantization_bits: value("model_quantization_bits"),
            gpu_energy_alpha: value("gpu_energy_alpha"),
            gpu_energy_beta: value("gpu_energy_beta"),
            gpu_energy_gamma: value("gpu_energy_gamma"),
            latency_alpha: value("latency_alpha"),
            latency_beta: value("latency_beta"),
            latency_gamma: value("latency_gamma"),
            gpu_memory: value("gpu_memory"),
            gpu_embodied: footprint("gpu"),
            server_gpu_count: value("server_gpus"),
            server_power: value("server_power"),
            server_embodied: footprint("server"),
            server_lifetime: value("hardware_lifespan"),
        }
    }
}

fn named(name: &str) -> Option<f64> {
    rows(TABLE).find(|row| row.first() == Some(&name)).and_then(|row| number(&row, 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    #[test]
    fn every_coefficient_is_in_the_table_and_every_row_is_used() {
        let asked = RefCell::new(Vec::new());
        let published = Coefficients::named(&|name| {
            asked.borrow_mut().push(name.to_owned());
            named(name).unwrap()
        });
        assert_eq!(published, Coefficients::default());
        assert_eq!(asked.into_inner().len(), rows(TABLE).count());
        assert_eq!((published.batch_size, published.server_lifetime), (64.0, 3.0 * 365.0 * 86_400.0));
    }
}
