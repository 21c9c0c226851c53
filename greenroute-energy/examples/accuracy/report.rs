//! The tables.
#![expect(clippy::print_stdout, reason = "a program for people")]

use crate::features::ROOFLINE_NAMES;
use crate::methods::{Fitted, Learnt, held_out, held_out_on, prompt_tokens};
use crate::runs::{PROMPT_HEAVY, Run};
use crate::stats::{Score, band, coverage, median, real, score};
use crate::{calibration, existing as others, pairs, shipped as meters};

/// The length that the study's fit gave the prompt-heavy task's prompts, for files on which nothing can be fitted.
const PROMPT: f64 = 2533.0;

fn line(name: &str, all: Option<Score>, middle: Option<Score>, rest: &str) {
    let Some(all) = all else { return };
    let middle = middle.map_or("    –".to_owned(), |score| format!("{:>5.1}", 100.0 * score.median));
    println!(
        "{name:<44} {:>6.1} {:>6.1} {:>6.2} {:>6.2} {:>5.1} {middle} {rest}",
        100.0 * all.median,
        100.0 * all.macro_median,
        all.factor_90,
        all.ratio,
        100.0 * all.within_2,
    );
}

fn heading(title: &str, rest: &str) {
    println!("\n{title}");
    println!(
        "{:<44} {:>6} {:>6} {:>6} {:>6} {:>5} {:>5} {rest}",
        "", "MdAPE", "macro", "x90", "ratio", "<2x", "32-256"
    );
}

fn usual_batch(run: &Run) -> bool {
    (32.0..=256.0).contains(&run.batch_limit)
}

/// What others compute, and simple products.
pub(crate) fn existing(runs: &[Run]) {
    heading(
        "estimators as they are, no refit (%, %, factor, predicted/true, %, % at batch 32 to 256)",
        " pairs",
    );
    let table: Vec<_> = runs.iter().map(others::all).collect();
    let names: Vec<&str> =
        table.first().map(|row| row.iter().map(|(name, _)| *name).collect()).unwrap_or_default();
    for (at, name) in names.iter().enumerate() {
        let predicted: Vec<f64> =
            table.iter().map(|row| row.get(at).map_or(f64::NAN, |(_, joules)| *joules)).collect();
        let (count, right) = pairs::ordered(runs, &predicted);
        let rest = if count == 0 { String::new() } else { format!("{:>5.1} of {count}", 100.0 * right) };
        line(name, score(runs, &predicted, &|_| true), score(runs, &predicted, &usual_batch), &rest);
    }
    for (name, key) in [
        ("active parameters (ranks only)", (|run: &Run| run.active) as fn(&Run) -> f64),
        ("all parameters (ranks only)", |run: &Run| run.total),
    ] {
        let predicted: Vec<f64> = runs.iter().map(key).collect();
        let (count, right) = pairs::ordered(runs, &predicted);
        if count > 0 {
            println!("{name:<87} {:>5.1}", 100.0 * right);
        }
    }
}

/// Everything that is fitted.
pub(crate) fn fitted(runs: &[Run]) {
    heading("fitted without the family that is predicted", " cov90  width  pairs");
    let all: Vec<(Fitted, &str, Vec<f64>)> =
        Fitted::ALL.iter().map(|&(method, name)| (method, name, held_out(method, runs))).collect();
    for (_, name, predicted) in &all {
        let cover = coverage(runs, predicted);
        let right = pairs::ordered(runs, predicted).1;
        let rest = format!("{:>6.1} {:>6.2} {:>6.1}", 100.0 * cover.share, cover.width, 100.0 * right);
        line(name, score(runs, predicted, &|_| true), score(runs, predicted, &usual_batch), &rest);
    }
    println!("[name]: what the meter of that name ships, by the fit on all runs");
    let of =
        |wanted: Fitted| all.iter().find(|(method, ..)| *method == wanted).map(|(.., predicted)| predicted);
    weak_spots(runs, &all);
    other_gpu(runs);
    calibrations(runs, &all);
    coefficients(runs, &all);
    shipped(runs, Some(&Fitted::Roofline.learn(runs, &|_| true)));
    let best = [Fitted::CopyPeak, Fitted::CopyRoofline, Fitted::Roofline, Fitted::BlindRoofline].map(of);
    if let [Some(peak), Some(copy), Some(roofline), Some(blind)] = best {
        aims(runs, peak, copy, roofline, blind);
    }
}

type Part = (&'static str, fn(&Run) -> bool);

fn weak_spots(runs: &[Run], all: &[(Fitted, &str, Vec<f64>)]) {
    let parts: [Part; 11] = [
        ("dense", |run| !run.moe() && !run.mamba),
        ("MoE", Run::moe),
        ("Mamba", |run| run.mamba),
        ("bf16", |run| run.bytes == 2.0),
        ("fp8", Run::fp8),
        ("mxfp4", |run| run.precision == "mxfp4"),
        ("chat", |run| run.task == "lm-arena-chat"),
        ("gpqa", |run| run.task == "gpqa"),
        ("fim", |run| run.task == PROMPT_HEAVY),
        ("H100", |run| run.gpu == "H100"),
        ("B200", |run| run.gpu == "B200"),
    ];
    println!("\nweak spots: MdAPE % / predicted over true");
    print!("{:<44}", "");
    parts.iter().for_each(|(name, _)| print!(" {name:>9}"));
    println!();
    for (_, name, predicted) in all {
        print!("{name:<44}");
        for (_, chosen) in &parts {
            let told = score(runs, predicted, chosen)
                .map_or("–".to_owned(), |score| format!("{:.0}/{:.2}", 100.0 * score.median, score.ratio));
            print!(" {told:>9}");
        }
        println!();
    }
    if let Some((.., predicted)) = all.iter().find(|(method, ..)| *method == Fitted::Roofline) {
        let mut families: Vec<&str> = runs.iter().map(|run| run.family.as_str()).collect();
        families.sort_unstable();
        families.dedup();
        print!("roofline by family:");
        for family in families {
            if let Some(score) = score(runs, predicted, &|run| run.family == family) {
                print!("  {family} {:.0}/{:.2}", 100.0 * score.median, score.ratio);
            }
        }
        println!();
    }
}

fn other_gpu(runs: &[Run]) {
    println!("\nfitted on one GPU without the family, applied to the other: MdAPE % / predicted over true");
    for method in [
        Fitted::Phys5NoGain,
        Fitted::Roofline,
        Fitted::CopyTdp,
        Fitted::CopyPeak,
        Fitted::CopyRoofline,
        Fitted::RequestRoofline,
    ] {
        let name = Fitted::ALL.iter().find(|(known, _)| *known == method).map_or("", |(_, name)| *name);
        print!("{name:<44}");
        for (from, to) in [("H100", "B200"), ("B200", "H100")] {
            let predicted = held_out_on(method, runs, &|run| run.gpu == from);
            let chosen = |run: &Run| run.gpu == to;
            if let Some(score) = score(runs, &predicted, &chosen) {
                let (low, high) = band(runs, &predicted, &chosen);
                print!(
                    "   {from} to {to} {:>4.1}/{:.2}, 90 % of truth x{low:.2} to x{high:.2}",
                    100.0 * score.median,
                    score.ratio
                );
            }
        }
        println!();
    }
}

fn calibrations(runs: &[Run], all: &[(Fitted, &str, Vec<f64>)]) {
    println!("\nafter k measured runs of the same deployment, MdAPE %      k=0    k=1    k=2    k=3    k=5");
    for (_, name, predicted) in all {
        print!("{name:<52}");
        for points in [0, 1, 2, 3, 5] {
            print!(" {:>6.1}", 100.0 * calibration::calibrated(runs, predicted, points));
        }
        println!();
    }
}

/// What the data files hold.
fn coefficients(runs: &[Run], all: &[(Fitted, &str, Vec<f64>)]) {
    println!("\ncoefficients by the fit on all runs, bands by the held-out predictions");
    for (method, name, predicted) in all {
        let learnt = method.learn(runs, &|_| true);
        let (low, high) = band(runs, predicted, &|_| true);
        print!("{name:<44} band {low:.3} {high:.3}");
        if !learnt.own.is_empty() {
            let shown: Vec<String> = learnt.own.iter().map(|value| format!("{value:.9e}")).collect();
            print!("  [{}]", shown.join(", "));
            if let Some(first) = learnt.own.first() {
                print!("  exp(first) {:.9}", first.exp());
            }
        }
        if learnt.gain != 0.0 {
            print!("  g_B200 {:.9}", learnt.gain);
        }
        println!();
    }
    let learnt = Fitted::Roofline.learn(runs, &|_| true);
    for (name, value) in ROOFLINE_NAMES.iter().zip(&learnt.roofline) {
        println!("roofline {name},{value:.9e}");
    }
    println!("prompts of {PROMPT_HEAVY}, as the fit has them: {:.0} tokens", prompt_tokens(&learnt));
}

/// The meters as shipped, on these runs; and whether they are the refit.
pub(crate) fn shipped(runs: &[Run], refit: Option<&Learnt>) {
    let prompt = refit.map_or(PROMPT, prompt_tokens);
    heading("the meters as shipped, asked for every run", " covered  width  most off the refit on this file");
    for (method, name) in Fitted::ALL {
        let answers: Vec<_> = runs.iter().filter_map(|run| meters::ask(method, run, prompt)).collect();
        if answers.is_empty() {
            continue;
        }
        let predicted: Vec<f64> =
            answers.iter().map(|answer| answer.as_ref().map_or(f64::NAN, |(value, ..)| *value)).collect();
        let (mut inside, mut widths) = (0, Vec::new());
        for (run, answer) in runs.iter().zip(&answers) {
            if let Ok((_, low, high)) = answer {
                inside += usize::from((*low..=*high).contains(&run.joules));
                widths.push(high / low);
            }
        }
        let refitted = refit.map(|_| method.learn(runs, &|_| true));
        let off = refitted.map_or("–".to_owned(), |learnt| {
            let each = runs.iter().zip(&predicted).filter(|(_, joules)| joules.is_finite());
            let most = each
                .map(|(run, joules)| (joules / method.predict(&learnt, run) - 1.0).abs())
                .fold(0.0, f64::max);
            if most < 1e-6 { format!("{most:.1e}: equal") } else { format!("{most:.1e}") }
        });
        let rest =
            format!("{:>7.1} {:>7.2}  {off}", 100.0 * real(inside) / real(widths.len()), median(&widths));
        line(name, score(runs, &predicted, &|_| true), score(runs, &predicted, &usual_batch), &rest);
        let mut skips: Vec<&str> =
            answers.iter().filter_map(|answer| answer.as_ref().err()).map(String::as_str).collect();
        let skipped = skips.len();
        skips.sort_unstable();
        skips.dedup();
        if let Some(first) = skips.first() {
            println!("    skipped {skipped} runs, such as: {first}");
        }
    }
}

fn aims(runs: &[Run], peak: &[f64], copy: &[f64], roofline: &[f64], blind: &[f64]) {
    println!("\naims");
    let error =
        |predicted: &[f64]| score(runs, predicted, &|_| true).map_or(f64::NAN, |score| 100.0 * score.median);
    let told = |what: &str, value: f64, met: bool| {
        println!("{what:<60} {value:>6.1}  {}", if met { "met" } else { "missed" });
    };
    told("telemetry (throughput): MdAPE <= 15 %", error(peak), error(peak) <= 15.0);
    told("telemetry (throughput and batch): MdAPE <= 15 %", error(copy), error(copy) <= 15.0);
    let after = 100.0 * calibration::calibrated(runs, copy, 1);
    told("telemetry after one calibration point: MdAPE <= 11 %", after, after <= 11.0);
    told("configuration (roofline): MdAPE <= 18 %", error(roofline), error(roofline) <= 18.0);
    for (what, predicted) in
        [("throughput", peak), ("throughput and batch", copy), ("roofline", roofline), ("blind", blind)]
    {
        let share = 100.0 * coverage(runs, predicted).share;
        told(
            &format!("coverage of the 90 % band, {what}: 85 to 95 %"),
            share,
            (85.0..=95.0).contains(&share),
        );
    }
    let right = 100.0 * pairs::ordered(runs, blind).1;
    told("blind ranking of two models: >= 93 %", right, right >= 93.0);
}
