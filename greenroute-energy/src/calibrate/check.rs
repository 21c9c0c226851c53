use super::Point;
use super::fit::{Fit, correlation};
use super::plan::{Asked, Kind};
use super::robust::{count, median, quantile};
use super::run::Trial;
use greenroute_core::model::Window;
use std::fmt;

/// Whether the readings of a run hang together.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// What was looked at.
    pub name: &'static str,
    /// How it went.
    pub verdict: Verdict,
    /// What was found, in words.
    pub found: String,
}

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Passed,
    /// The readings scatter, as where the machine does other work too. The profile holds, and its band tells of it.
    Warned,
    /// The readings are not of this work: the profile is not to be relied on before it is known why.
    Failed,
    /// The run does not tell.
    Untold,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Verdict::Passed => "ok",
            Verdict::Warned => "warn",
            Verdict::Failed => "FAILED",
            Verdict::Untold => "untold",
        };
        write!(f, "{verdict:<7}{:<26}{}", self.name, self.found)
    }
}

/// From which correlation of energy and time on all is well, and below which time tells less than half of the energy.
const FOLLOWS: f64 = 0.9;
const HARDLY_FOLLOWS: f64 = 0.7;
/// What one machine, this whole one, may draw.
const WATTS: std::ops::RangeInclusive<f64> = 1.0..=20e3;
/// How far power and repeats may scatter, as a standard deviation of the logarithm and over the mean.
const STEADY: f64 = 0.35;
const REPEATS: f64 = 0.25;
/// How far the calls of one size may lie off the line in the middle, as the logarithms of 1.35 and 2.
const OFF: f64 = 0.3;
const FAR_OFF: f64 = std::f64::consts::LN_2;
/// How far the level may move during a run, as the logarithm of 1.25.
const MOVED: f64 = 0.223;

/// All checks of a run, over its answers and prompts: a counter may be too coarse for a call with next to nothing in it.
pub(super) fn checks(trials: &[Trial], fit: &Fit, window: Window) -> Vec<Check> {
    let counted: Vec<(Asked, &Point)> = trials
        .iter()
        .filter(|trial| matches!(trial.asked.kind, Kind::Answer | Kind::Prompt))
        .filter_map(|trial| Some((trial.asked, trial.outcome.as_ref().ok()?)))
        .collect();
    vec![
        follows_time(&counted),
        plausible_power(&counted),
        steady_power(&counted),
        stable_order(&counted),
        monotone(&counted),
        repeatable(&counted),
        on_the_line(&counted, fit),
        steady_level(&counted, fit),
        inside_window(trials, window),
    ]
}

impl Verdict {
    const fn warned_unless(passed: bool) -> Self {
        if passed { Self::Passed } else { Self::Warned }
    }

    const fn failed_unless(passed: bool) -> Self {
        if passed { Self::Passed } else { Self::Failed }
    }
}

fn check(name: &'static str, verdict: Option<Verdict>, found: String) -> Check {
    Check { name, verdict: verdict.unwrap_or(Verdict::Untold), found }
}

fn follows_time(counted: &[(Asked, &Point)]) -> Check {
    let pairs: Vec<(f64, f64)> =
        counted.iter().filter_map(|(_, point)| Some((point.duration_seconds?, point.joules()))).collect();
    let found = correlation(pairs.iter().copied());
    let verdict = match found {
        _ if pairs.len() < 3 => None,
        _ if found < HARDLY_FOLLOWS => Some(Verdict::Failed),
        _ => Some(Verdict::warned_unless(found >= FOLLOWS)),
    };
    check("energy follows time", verdict, format!("correlation {found:.3} over {} calls", pairs.len()))
}

fn watts(counted: &[(Asked, &Point)]) -> Vec<f64> {
    counted.iter().filter_map(|(_, point)| point.watts()).collect()
}

fn plausible_power(counted: &[(Asked, &Point)]) -> Check {
    let watts = watts(counted);
    let least = watts.iter().copied().reduce(f64::min);
    let most = watts.iter().copied().reduce(f64::max);
    let Some(((least, most), middle)) = least.zip(most).zip(median(watts)) else {
        return check("power is plausible", None, "nobody told a time".to_owned());
    };
    let all = WATTS.contains(&least) && WATTS.contains(&most);
    let verdict = if WATTS.contains(&middle) { Verdict::warned_unless(all) } else { Verdict::Failed };
    let found = format!("{least:.1} W to {most:.1} W, where 1 W to 20 kW can be");
    check("power is plausible", Some(verdict), found)
}

fn steady_power(counted: &[(Asked, &Point)]) -> Check {
    let watts: Vec<f64> = watts(counted).into_iter().map(f64::ln).collect();
    let Some(middle) = median(watts.iter().copied()).filter(|_| watts.len() >= 3) else {
        return check("power is steady", None, "fewer than three calls with a time".to_owned());
    };
    // The middle 80 % of a normal distribution are 2.563 standard deviations wide.
    let [low, high] = [0.1, 0.9].map(|share| quantile(watts.iter().copied(), share).unwrap_or(middle));
    let scatter = (high - low) / 2.563;
    let found = format!("{:.1} W, scattering by {:.0} %", middle.exp(), 100.0 * scatter);
    check("power is steady", Some(Verdict::warned_unless(scatter <= STEADY)), found)
}

/// The answers of one round in the order of what they wrote. One pair of four the wrong way round is a call that was
/// disturbed; more are an order that does not hold.
fn stable_order(counted: &[(Asked, &Point)]) -> Check {
    let mut answers: Vec<(u32, f64, f64)> = counted
        .iter()
        .filter(|(asked, _)| asked.kind == Kind::Answer)
        .map(|(asked, point)| (asked.round, point.written(), point.joules()))
        .collect();
    answers.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let neighbours = || answers.iter().zip(answers.iter().skip(1)).filter(|(a, b)| a.0 == b.0 && a.1 < b.1);
    let (pairs, wrong) = (neighbours().count(), neighbours().filter(|(a, b)| a.2 >= b.2).count());
    let verdict = if wrong * 4 > pairs { Verdict::Failed } else { Verdict::warned_unless(wrong == 0) };
    let found = format!("{} of {pairs} times the longer answer of a round took more", pairs - wrong);
    check("order is stable", (pairs > 0).then_some(verdict), found)
}

/// The calls by kind and size, in order.
fn sizes(counted: &[(Asked, &Point)]) -> Vec<((Kind, u64), Vec<f64>)> {
    let mut sizes: std::collections::BTreeMap<(Kind, u64), Vec<f64>> = std::collections::BTreeMap::new();
    for (asked, point) in counted {
        sizes.entry((asked.kind, asked.tokens)).or_default().push(point.joules());
    }
    sizes.into_iter().collect()
}

fn monotone(counted: &[(Asked, &Point)]) -> Check {
    let middles: Vec<(Kind, f64)> =
        sizes(counted).into_iter().filter_map(|((kind, _), joules)| Some((kind, median(joules)?))).collect();
    let neighbours = || middles.iter().zip(middles.iter().skip(1)).filter(|(a, b)| a.0 == b.0);
    let (pairs, wrong) = (neighbours().count(), neighbours().filter(|(a, b)| a.1 >= b.1).count());
    let found = format!("{} of {pairs} times by the median over all rounds", pairs - wrong);
    check("more tokens take more", (pairs > 0).then_some(Verdict::failed_unless(wrong == 0)), found)
}

fn repeatable(counted: &[(Asked, &Point)]) -> Check {
    let deviation = |joules: Vec<f64>| -> Option<f64> {
        let number = count(joules.len());
        let mean = joules.iter().sum::<f64>() / number;
        let squares: f64 = joules.iter().map(|it| (it - mean).powi(2)).sum();
        (joules.len() > 1).then(|| (squares / (number - 1.0)).sqrt() / mean)
    };
    let all = sizes(counted).into_iter().filter_map(|(size, joules)| Some((size, deviation(joules)?)));
    match all.max_by(|a, b| a.1.total_cmp(&b.1)) {
        Some(((kind, tokens), most)) => {
            let found = format!("within {:.0} %, the worst being the {kind} of {tokens}", 100.0 * most);
            check("repeats agree", Some(Verdict::warned_unless(most <= REPEATS)), found)
        }
        None => check("repeats agree", None, "nothing was repeated".to_owned()),
    }
}

fn on_the_line(counted: &[(Asked, &Point)], fit: &Fit) -> Check {
    let mut sizes: std::collections::BTreeMap<(Kind, u64), Vec<f64>> = std::collections::BTreeMap::new();
    for (asked, point) in counted {
        sizes.entry((asked.kind, asked.tokens)).or_default().push(fit.residual(point));
    }
    let middles = sizes.into_iter().filter_map(|(size, off)| Some((size, median(off)?)));
    match middles.max_by(|a, b| a.1.abs().total_cmp(&b.1.abs())) {
        Some(((kind, tokens), off)) => {
            let percent = 100.0 * off.exp_m1();
            let (set_aside, points) = (fit.set_aside, fit.profile.points);
            let found = format!(
                "the {kind} of {tokens} lies farthest off, {percent:+.0} %; {set_aside} of {points} calls set aside"
            );
            let verdict =
                if off.abs() > FAR_OFF { Verdict::Failed } else { Verdict::warned_unless(off.abs() <= OFF) };
            check("sizes lie on one line", Some(verdict), found)
        }
        None => check("sizes lie on one line", None, "nothing was read".to_owned()),
    }
}

/// The first third of the calls against the last: what else runs on the machine, or its heat, shows here.
fn steady_level(counted: &[(Asked, &Point)], fit: &Fit) -> Check {
    let third = counted.len() / 3;
    let off = |calls: &[(Asked, &Point)]| median(calls.iter().map(|(_, point)| fit.residual(point)));
    let first = counted.get(..third).and_then(off);
    let last = counted.get(counted.len() - third..).and_then(off);
    match first.zip(last).filter(|_| third >= 3) {
        Some((first, last)) => {
            let found =
                format!("the last third took {:+.0} % against the first", 100.0 * (last - first).exp_m1());
            check("level stays", Some(Verdict::warned_unless((last - first).abs() <= MOVED)), found)
        }
        None => check("level stays", None, "fewer than nine calls".to_owned()),
    }
}

fn inside_window(trials: &[Trial], window: Window) -> Check {
    let used = |point: &Point| {
        let read = point.input_tokens.get().saturating_add(point.cached_input_tokens.get());
        read.saturating_add(point.output_tokens.get())
    };
    let most = trials.iter().filter_map(|trial| trial.outcome.as_ref().ok()).map(used).max();
    let found = format!("{} of {} tokens at most", most.unwrap_or(0), window.context);
    check("window is respected", most.map(|most| Verdict::failed_unless(most <= window.context)), found)
}
