use super::{Coefficients, Footprint};
use serde::Serialize;

/// What EcoLogits' formula asks for: one end of every range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Inputs {
    /// Active parameters, in billions.
    pub active: f64,
    /// All parameters, in billions.
    pub total: f64,
    /// Tokens written. What was read is no input of EcoLogits.
    pub output_tokens: f64,
    /// From the request to the end of the answer, in seconds; infinite where it was not measured.
    pub request_latency: f64,
    /// Tokens per second of the model, if published.
    pub tps: Option<f64>,
    /// Seconds to the first token, if published.
    pub ttft: Option<f64>,
    /// Energy of the facility per energy of its machines.
    pub pue: f64,
    /// Litres that the facility evaporates per kWh of its machines.
    pub wue: f64,
    /// What a kilowatt-hour of the grid causes.
    pub mix: Mix,
}

/// What a kilowatt-hour of a grid causes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mix {
    /// kgCO2e, kgSbe and MJ per kWh.
    pub footprint: Footprint,
    /// Litres of water per kWh.
    pub wue: f64,
}

/// Every step of EcoLogits' formula, under its own names: energy in kWh, times in seconds, memory in GB, water in
/// litres, `gwp` in kgCO2e, `adpe` in kgSbe, `pe` in MJ.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the names are EcoLogits'; the formulas are in METHOD.md")]
pub struct Dag {
    pub gpu_energy: f64,
    pub generation_latency: f64,
    pub model_required_memory: f64,
    pub gpu_required_count: f64,
    pub server_energy: f64,
    pub request_it_energy: f64,
    pub request_energy: f64,
    pub request_usage_gwp: f64,
    pub request_usage_adpe: f64,
    pub request_usage_pe: f64,
    pub request_usage_wcf: f64,
    pub server_gpu_embodied_gwp: f64,
    pub server_gpu_embodied_adpe: f64,
    pub server_gpu_embodied_pe: f64,
    pub request_embodied_gwp: f64,
    pub request_embodied_adpe: f64,
    pub request_embodied_pe: f64,
}

impl Dag {
    /// The formula of EcoLogits 0.11.3, `ecologits/impacts/llm.py`, step by step in its order.
    #[must_use]
    pub fn of(inputs: &Inputs, by: &Coefficients) -> Self {
        let per_token = by.gpu_energy_alpha * (by.gpu_energy_beta * by.batch_size).exp() * inputs.active
            + by.gpu_energy_gamma;
        let gpu_energy = inputs.output_tokens * (per_token / 1000.0);
        let seconds_per_token = inputs.tps.map_or_else(
            || by.latency_alpha * inputs.active + by.latency_beta * by.batch_size + by.latency_gamma,
            |tps| 1.0 / tps,
        );
        let expected = inputs.output_tokens * seconds_per_token + inputs.ttft.unwrap_or(0.0);
        let generation_latency =
            if inputs.request_latency < expected { inputs.request_latency } else { expected };
        let model_required_memory = by.memory(inputs.total);
        let gpus = by.boards(inputs.total);
        let servers = gpus / by.server_gpu_count;
        let server_energy = (generation_latency / 3600.0) * by.server_power * servers * (1.0 / by.batch_size);
        let request_it_energy = server_energy + gpus * gpu_energy;
        let request_energy = inputs.pue * request_it_energy;
        let usage = inputs.mix.footprint.times(request_energy);
        let hardware = by.server_embodied.times(servers).plus(by.gpu_embodied.times(gpus));
        let embodied = |whole: f64| generation_latency * whole / (by.server_lifetime * by.batch_size);
        Self {
            gpu_energy,
            generation_latency,
            model_required_memory,
            gpu_required_count: gpus,
            server_energy,
            request_it_energy,
            request_energy,
            request_usage_gwp: usage.gwp,
            request_usage_adpe: usage.adpe,
            request_usage_pe: usage.pe,
            request_usage_wcf: request_it_energy * (inputs.wue + inputs.pue * inputs.mix.wue),
            server_gpu_embodied_gwp: hardware.gwp,
            server_gpu_embodied_adpe: hardware.adpe,
            server_gpu_embodied_pe: hardware.pe,
            request_embodied_gwp: embodied(hardware.gwp),
            request_embodied_adpe: embodied(hardware.adpe),
            request_embodied_pe: embodied(hardware.pe),
        }
    }
}

impl Coefficients {
    /// GB that a model of so many billion parameters takes: its weights and a fifth more.
    fn memory(&self, billions: f64) -> f64 {
        1.2 * billions * self.model_quantization_bits / 8.0
    }

    /// GPUs that hold it, in a power of two.
    #[must_use]
    pub fn boards(&self, billions: f64) -> f64 {
        power_of_two((self.memory(billions) / self.gpu_memory).ceil())
    }
}

/// The least power of two that is at least `needed`.
fn power_of_two(needed: f64) -> f64 {
    let mut count = 1.0;
    while count < needed {
        count *= 2.0;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boards_come_in_powers_of_two_without_end() {
        for (needed, boards) in [(0.0, 1.0), (1.0, 1.0), (2.0, 2.0), (3.0, 4.0), (8.0, 8.0), (122.0, 128.0)] {
            assert_eq!(power_of_two(needed), boards);
        }
        assert_eq!(power_of_two(f64::NAN), 1.0);
        assert_eq!(power_of_two(f64::INFINITY), f64::INFINITY);
    }
}
