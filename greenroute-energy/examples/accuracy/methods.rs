//! The fitted methods: each is fitted without a family and then predicts that family.

use crate::features::{self, Board, USUAL_OUTPUT};
use crate::fit;
use crate::runs::Run;
use std::collections::BTreeSet;

/// Prompts are priced at `PREFILL` times the operations of their tokens: the roofline's judgement.
pub(crate) const PREFILL: f64 = 2.5;
/// Residuals of the log-log fits are far wider than those of the physical ones.
const WIDE: f64 = 1.0;
const NARROW: f64 = 0.2;

/// A way to predict joules per output token.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fitted {
    PerToken,
    PerOperation,
    Card,
    CardRhythm,
    Deployed,
    DeployedRhythm,
    Phys5,
    Phys5NoGain,
    Roofline,
    CopyTdp,
    CopyPeak,
    CopyRoofline,
    RequestTdp,
    RequestRoofline,
    RequestPower,
    BlindRoofline,
    BlindPhys5,
}

/// What a method has learnt.
#[derive(Debug, Clone)]
pub(crate) struct Learnt {
    /// The method's own coefficients.
    pub(crate) own: Vec<f64>,
    /// The gain on B200, of phys5.
    pub(crate) gain: f64,
    /// The roofline's coefficients, where the method builds on it.
    pub(crate) roofline: Vec<f64>,
}

impl Fitted {
    pub(crate) const ALL: [(Self, &'static str); 17] = [
        (Self::PerToken, "tokens only: one J/token"),
        (Self::PerOperation, "active parameters: one J/FLOP"),
        (Self::Card, "model card (T0): log-log"),
        (Self::BlindPhys5, "model card: phys5, B=64, H100"),
        (Self::BlindRoofline, "model card: roofline, B=64, H100 [blind]"),
        (Self::CardRhythm, "T0 + inter-token latency (T1): log-log"),
        (Self::Deployed, "batch, GPU, #GPU (T2): log-log"),
        (Self::Phys5, "T2: phys5"),
        (Self::Phys5NoGain, "T2: phys5 without a gain per GPU"),
        (Self::Roofline, "T2: roofline [roofline]"),
        (Self::DeployedRhythm, "T2 + ITL (T3): log-log"),
        (Self::RequestTdp, "ITL x n TDP u / B, one u"),
        (Self::RequestRoofline, "ITL, share of peak, roofline [throughput]"),
        (Self::CopyTdp, "throughput (M2): n TDP u, one u"),
        (Self::CopyPeak, "throughput, share of peak [throughput]"),
        (Self::CopyRoofline, "throughput, peak, roofline [throughput]"),
        (Self::RequestPower, "ITL and measured power [throughput]"),
    ];

    /// Fits on the runs that `chosen` names.
    pub(crate) fn learn(self, runs: &[Run], chosen: &dyn Fn(&Run) -> bool) -> Learnt {
        let part: Vec<&Run> = runs.iter().filter(|run| chosen(run)).collect();
        let logs = |part: &[&Run]| part.iter().map(|run| run.joules.ln()).collect::<Vec<_>>();
        let log_log = |row: fn(&Run) -> Vec<f64>| {
            let rows: Vec<_> = part.iter().map(|run| row(run)).collect();
            learnt(fit::line(&rows, &logs(&part), WIDE))
        };
        let terms = |row: fn(&Run) -> Vec<f64>, flags: bool, part: &[&Run]| {
            let rows: Vec<_> = part.iter().map(|run| row(run)).collect();
            let on_b200: Vec<f64> = part.iter().map(|run| features::flag(run.gpu == "B200")).collect();
            let sum = fit::sum(&rows, flags.then_some(&on_b200[..]), &logs(part));
            Learnt { own: sum.factors, gain: sum.gain, roofline: Vec::new() }
        };
        let own_phys5 = |run: &Run| features::phys5(run, Board::of(run));
        let own_roofline = |run: &Run| features::roofline(run, Board::of(run));
        // Where every device has a copy of the attention and a part of the batch, the formula does not apply: such runs are
        // predicted, but nothing is learnt from them.
        let one_copy: Vec<&Run> = part.iter().copied().filter(|run| run.data_parallel <= 1.0).collect();
        match self {
            Self::PerToken => log_log(|_| Vec::new()),
            Self::PerOperation => {
                let values: Vec<f64> = part.iter().map(|run| (run.joules / run.active).ln()).collect();
                learnt(fit::line(&vec![Vec::new(); part.len()], &values, WIDE))
            }
            Self::Card => log_log(features::card),
            Self::CardRhythm => log_log(features::card_and_rhythm),
            Self::Deployed => log_log(features::deployed),
            Self::DeployedRhythm => log_log(features::deployed_and_rhythm),
            Self::Phys5 | Self::BlindPhys5 => terms(own_phys5, true, &part),
            Self::Phys5NoGain => terms(own_phys5, false, &part),
            Self::Roofline | Self::BlindRoofline => {
                let found = terms(own_roofline, false, &one_copy);
                Learnt { roofline: found.own, ..learnt(Vec::new()) }
            }
            Self::CopyTdp
            | Self::CopyPeak
            | Self::CopyRoofline
            | Self::RequestTdp
            | Self::RequestRoofline
            | Self::RequestPower => {
                let roofline = terms(own_roofline, false, &one_copy).own;
                let rows: Vec<_> = one_copy.iter().map(|run| self.blend(run, &roofline)).collect();
                let target = |run: &&Run| (self.without_prompt(run, &roofline) / self.full(run)).ln();
                let values: Vec<f64> = one_copy.iter().map(target).collect();
                Learnt { roofline, ..learnt(fit::line(&rows, &values, NARROW)) }
            }
        }
    }

    /// Joules per output token.
    pub(crate) fn predict(self, learnt: &Learnt, run: &Run) -> f64 {
        let own = &learnt.own;
        let gained = |board_is_b200: bool| if board_is_b200 { learnt.gain.exp() } else { 1.0 };
        match self {
            Self::PerToken => fit::at(own, &[]).exp(),
            Self::PerOperation => fit::at(own, &[]).exp() * run.active,
            Self::Card => fit::at(own, &features::card(run)).exp(),
            Self::CardRhythm => fit::at(own, &features::card_and_rhythm(run)).exp(),
            Self::Deployed => fit::at(own, &features::deployed(run)).exp(),
            Self::DeployedRhythm => fit::at(own, &features::deployed_and_rhythm(run)).exp(),
            Self::Phys5 => gained(run.gpu == "B200") * dot(&features::phys5(run, Board::of(run)), own),
            Self::Phys5NoGain => dot(&features::phys5(run, Board::of(run)), own),
            // As EcoLogits counts GPUs: always 16 bits.
            Self::BlindPhys5 => dot(&features::phys5(run, Board::blind(run, 2.0)), own),
            Self::Roofline => dot(&features::roofline(run, Board::of(run)), &learnt.roofline),
            Self::BlindRoofline => {
                dot(&features::roofline(run, Board::blind(run, run.bytes)), &learnt.roofline)
            }
            Self::CopyTdp
            | Self::CopyPeak
            | Self::CopyRoofline
            | Self::RequestTdp
            | Self::RequestRoofline
            | Self::RequestPower => {
                let power = self.full(run) * fit::at(own, &self.blend(run, &learnt.roofline)).exp();
                power + self.prompt(run, &learnt.roofline)
            }
        }
    }

    fn full(self, run: &Run) -> f64 {
        match self {
            Self::CopyTdp | Self::CopyPeak | Self::CopyRoofline => features::full_power(run),
            Self::RequestPower => run.watts * run.seconds_per_token / run.batch,
            _ => features::full_power_by_rhythm(run),
        }
    }

    fn blend(self, run: &Run, roofline: &[f64]) -> Vec<f64> {
        let board = Board::of(run);
        let full = self.full(run);
        let share = (features::computing(run, board) / full).ln();
        match self {
            Self::CopyPeak => vec![share],
            Self::CopyRoofline | Self::RequestRoofline => {
                let usual = Run { output: USUAL_OUTPUT, task: String::new(), ..run.clone() };
                vec![share, (dot(&features::roofline(&usual, board), roofline) / full).ln()]
            }
            _ => Vec::new(),
        }
    }

    /// The prompt's part of an output token's energy, as the roofline has it; the copy's own throughput has paid for it.
    fn prompt(self, run: &Run, roofline: &[f64]) -> f64 {
        if matches!(self, Self::CopyTdp | Self::CopyPeak | Self::CopyRoofline) {
            return 0.0;
        }
        let terms = features::roofline(run, Board::of(run));
        terms.last().zip(roofline.last()).map_or(0.0, |(term, factor)| term * factor)
    }

    /// What is left of the truth for the answer; never less than three tenths.
    fn without_prompt(self, run: &Run, roofline: &[f64]) -> f64 {
        (run.joules - self.prompt(run, roofline)).max(0.3 * run.joules)
    }
}

fn learnt(own: Vec<f64>) -> Learnt {
    Learnt { own, gain: 0.0, roofline: Vec::new() }
}

pub(crate) fn dot(terms: &[f64], factors: &[f64]) -> f64 {
    terms.iter().zip(factors).map(|(term, factor)| term * factor).sum()
}

/// The prompt length of the prompt-heavy task, in tokens, as the roofline's fit has it: a nuisance, which the file
/// does not tell.
pub(crate) fn prompt_tokens(learnt: &Learnt) -> f64 {
    learnt.roofline.last().map_or(f64::NAN, |factor| factor / PREFILL)
}

/// Predictions for every family by a fit on the others.
pub(crate) fn held_out(method: Fitted, runs: &[Run]) -> Vec<f64> {
    held_out_on(method, runs, &|_| true)
}

/// The same by a fit on the `chosen` of the others; not a number where there are none.
pub(crate) fn held_out_on(method: Fitted, runs: &[Run], chosen: &dyn Fn(&Run) -> bool) -> Vec<f64> {
    let mut predicted = vec![f64::NAN; runs.len()];
    let families: BTreeSet<&str> = runs.iter().map(|run| run.family.as_str()).collect();
    for family in families {
        let others = |run: &Run| run.family != family && chosen(run);
        if !runs.iter().any(|run| others(run) && run.data_parallel <= 1.0) {
            continue;
        }
        let learnt = method.learn(runs, &others);
        for (run, joules) in runs.iter().zip(&mut predicted).filter(|(run, _)| run.family == family) {
            *joules = method.predict(&learnt, run);
        }
    }
    predicted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runs::read;

    #[test]
    fn what_cannot_be_held_out_is_no_number_and_no_panic() {
        let columns = "task,model_id,family,architecture,total_params_billions,activated_params_billions,\
            weight_precision,gpu_model,num_gpus,max_num_seqs,avg_batch_size,avg_output_len,energy_per_token_joules,\
            avg_power_watts,output_throughput_tokens_per_sec,median_itl_ms";
        let row = |family: u32, batch: u32| {
            format!("gpqa,m{family},f{family},Dense,8,8,bfloat16,H100,1,64,{batch},900,0.5,500,{batch}00,20")
        };
        let rows: Vec<_> = (1..=3).flat_map(|family| [8, 16, 32].map(|batch| row(family, batch))).collect();
        let runs = read(&format!("{columns}\n{}\n", rows.join("\n"))).unwrap().runs;
        assert_eq!(runs.len(), 9);
        for (method, name) in Fitted::ALL {
            assert!(held_out(method, &runs).iter().all(|joules| joules.is_finite()), "{name}");
            let on_another = held_out_on(method, &runs, &|run| run.gpu == "B200");
            assert!(on_another.iter().all(|joules| joules.is_nan()), "{name}");
            // The other runs of its own family teach a run nothing.
            let alone = held_out_on(method, &runs, &|run| run.family == "f1");
            assert!(
                runs.iter().zip(alone).all(|(run, joules)| joules.is_nan() == (run.family == "f1")),
                "{name}"
            );
        }
    }
}
