use super::check::{Check, Verdict, checks};
use super::plan::Kind;
use super::prior::band_of_meter;
use super::robust::median;
use super::run::Trial;
use super::{Fit, Load, Point, Series, Subject};
use greenroute_core::model::{EnergyProfile, ModelCard};
use greenroute_core::units::{Energy, Quantity};
use std::fmt;
use std::time::Duration;

/// What a calibration run found. Displayed, it is a page for people.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    series: Series,
    fit: Fit,
    trials: Vec<Trial>,
    checks: Vec<Check>,
    load: Option<Load>,
    notes: Vec<String>,
}

impl Report {
    pub(super) fn new(
        card: &ModelCard,
        series: Series,
        fit: Fit,
        trials: Vec<Trial>,
        notes: Vec<String>,
    ) -> Self {
        let checks = checks(&trials, &fit, card.window);
        Self { series, fit, trials, checks, load: None, notes }
    }

    /// With what loading the model took: a line of its own, and no part of the fit.
    #[must_use]
    pub fn with_load(self, load: Load) -> Self {
        Self { load: Some(load), ..self }
    }

    /// What was fitted.
    #[must_use]
    pub const fn fit(&self) -> &Fit {
        &self.fit
    }

    /// For the model's card.
    #[must_use]
    pub const fn profile(&self) -> &EnergyProfile {
        &self.fit.profile
    }

    /// The readings and the fit, to [export](Series::export) or to put into a [book](super::CalibrationBook::insert).
    #[must_use]
    pub const fn series(&self) -> &Series {
        &self.series
    }

    /// Every call, in its order.
    #[must_use]
    pub fn trials(&self) -> &[Trial] {
        &self.trials
    }

    /// Whether the readings hang together, check by check.
    #[must_use]
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// Whether no check failed. A check that warns does not make it unsound.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.checks.iter().all(|check| check.verdict != Verdict::Failed)
    }

    /// What next to no prompt and one token of answer took: the median of those calls; `None` where none was read.
    #[must_use]
    pub fn empty_prompt(&self) -> Option<Energy> {
        median(self.read(Kind::Empty).map(Point::joules)).map(Energy::from_joules)
    }

    fn read(&self, kind: Kind) -> impl Iterator<Item = &Point> {
        let of_kind = self.trials.iter().filter(move |trial| trial.asked.kind == kind);
        of_kind.filter_map(|trial| trial.outcome.as_ref().ok())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Subject { model, meter, boundary } = self.series.subject();
        write!(f, "calibration of {model}, read by {meter} at the {boundary}")?;
        match self.profile().as_of {
            Some(day) => writeln!(f, ", {day}\n")?,
            None => writeln!(f, "\n")?,
        }
        match &self.load {
            Some(load) => writeln!(f, "model load       {load}")?,
            None => writeln!(f, "model load       not measured")?,
        }
        match self.empty_prompt() {
            Some(energy) => {
                let calls = self.read(Kind::Empty).count();
                let input = median(self.read(Kind::Empty).map(Point::read)).unwrap_or(0.0);
                writeln!(f, "empty prompt     {energy} (median of {calls}; {input:.0} in, 1 out)")?;
            }
            None => writeln!(f, "empty prompt     not measured")?,
        }
        writeln!(f)?;
        table(f, &self.trials, &self.fit)?;
        writeln!(f)?;
        told(f, &self.series, &self.fit)?;
        writeln!(f)?;
        for check in &self.checks {
            writeln!(f, "{check}")?;
        }
        for note in &self.notes {
            writeln!(f, "note   {note}")?;
        }
        Ok(())
    }
}

fn table(f: &mut fmt::Formatter<'_>, trials: &[Trial], fit: &Fit) -> fmt::Result {
    writeln!(f, "call     asked round     in    out     energy       time      power     fitted     off")?;
    for Trial { asked, outcome } in trials {
        write!(f, "{:<8}{:>6}{:>6} ", asked.kind, asked.tokens, asked.round)?;
        let point = match outcome {
            Ok(point) => point,
            Err(why) => {
                writeln!(f, " left out: {why}")?;
                continue;
            }
        };
        let time = point
            .duration_seconds
            .map_or_else(|| "-".to_owned(), |it| Shown(Duration::from_base(it)).to_string());
        let power = point.watts().map_or_else(|| "-".to_owned(), |watts| format!("{watts:.1} W"));
        let energy = point.energy.value().to_string();
        let fitted = Energy::from_joules(fit.joules(point)).to_string();
        let (read, written) = (point.read(), point.written());
        write!(f, "{read:>6.0}{written:>7.0}{energy:>11}{time:>11}{power:>11}{fitted:>11}")?;
        writeln!(f, "{:>+7.1} %", 100.0 * fit.residual(point).exp_m1())?;
    }
    Ok(())
}

fn told(f: &mut fmt::Formatter<'_>, series: &Series, fit: &Fit) -> fmt::Result {
    let EnergyProfile { overhead_joules, joules_per_input_token, joules_per_output_token, low, high, .. } =
        &fit.profile;
    let meter = &series.subject().meter;
    writeln!(f, "a call           {overhead_joules}")?;
    writeln!(f, "a token read     {joules_per_input_token}")?;
    writeln!(f, "a token written  {joules_per_output_token}")?;
    writeln!(f, "band             ×{low:.2} to ×{high:.2}: nine calls of ten; every forecast carries it")?;
    let (lower, higher) = band_of_meter(series.points());
    let rest = |end: f64, of_meter: f64| (end * end - of_meter * of_meter).max(0.0).sqrt().exp();
    let (down, up) = (1.0 / rest(low.ln(), lower), rest(high.ln(), higher));
    writeln!(f, "  of the calls   ×{down:.2} to ×{up:.2}: how far they lie off this line")?;
    let (down, up) = ((-lower).exp(), higher.exp());
    writeln!(
        f,
        "  of the meter   ×{down:.2} to ×{up:.2}: what {meter} may be off as a whole, which no repeat shows"
    )?;
    let share = 100.0 * fit.prior_share;
    writeln!(
        f,
        "rests on         {} readings, {} set aside, and by {share:.1} % on the forecast before any",
        fit.profile.points, fit.set_aside
    )
}

/// A duration in the units of estimates.
pub(super) struct Shown(pub(super) Duration);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.write(f)
    }
}
