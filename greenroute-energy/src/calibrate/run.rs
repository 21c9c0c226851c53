use super::apply::uncalibrated;
use super::plan::{Asked, Kind, Plan};
use super::prior::Prior;
use super::report::{Report, Shown};
use super::{PassedOver, Point, Series, Subject, Unfit};
use greenroute_core::chat::ChatResponse;
use greenroute_core::units::Quantity;
use greenroute_core::{
    Accountant, Date, Error, ErrorKind, ModelCard, ModelKey, ModelProvider, NoteCode, Result, Runtime,
};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// One call of a plan, as it went.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// What was asked.
    pub asked: Asked,
    /// What was read, or in words why there is nothing to learn from it.
    pub outcome: Result<Point, String>,
}

/// `answer of 200, round 2: 214 in, 200 out, 12.4 J in 3.10 s`
impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Asked { kind, tokens, round } = self.asked;
        write!(f, "{kind} of {tokens}, round {round}: ")?;
        match &self.outcome {
            Ok(point) => {
                let (read, written) = (point.input_tokens.get(), point.output_tokens.get());
                write!(f, "{read} in, {written} out, {}", point.energy.value())?;
                point
                    .duration_seconds
                    .map_or(Ok(()), |it| write!(f, " in {}", Shown(Duration::from_base(it))))
            }
            Err(why) => write!(f, "left out: {why}"),
        }
    }
}

/// How many calls may go wrong before the first that does not.
const PATIENCE: usize = 3;
/// How many points a run must give.
const NEEDED: usize = 5;

/// Runs `plan` on a model of `provider`, one call at a time, and fits what was read. `tell` hears of every call when it
/// has ended.
///
/// The readings are those on the answers, so `provider` is a [`Metered`](crate::Metered) one, or one that states its
/// energy. What else runs on the machine is measured too: a calibration wants it idle.
///
/// A call that fails, or whose reading cannot be used, is told and left out. The fit leans on what `accountant` would
/// forecast without any calibration.
///
/// # Errors
/// [`ErrorKind::ModelNotFound`] where the provider has no such model; [`ErrorKind::Config`] for a plan that tells
/// nothing; the provider's own error where nothing but failures came; [`ErrorKind::Meter`] where no answer has a
/// reading, and, with [`Unfit`] as its source, where too few of them could be used or where they lie on no line.
pub async fn run(
    provider: &dyn ModelProvider,
    model: &ModelKey,
    plan: &Plan,
    accountant: &Accountant,
    runtime: &dyn Runtime,
    tell: &mut (dyn FnMut(&Trial) + Send),
) -> Result<Report> {
    plan.validate()?;
    let card = provider.models().into_iter().find(|card| card.key == *model).ok_or_else(|| {
        Error::new(ErrorKind::ModelNotFound, provider.name().as_str(), format!("there is no `{model}` here"))
    })?;
    let (calls, mut notes) = plan.calls(card.window);
    let mut run = Run::default();
    for (place, asked) in calls.into_iter().enumerate() {
        let began = runtime.elapsed();
        let answer = provider.chat(plan.request(model, asked, place + 1)).await;
        let took = runtime.elapsed().saturating_sub(began);
        let outcome = run.heard(&card, asked, answer, took, Date::of(runtime.now()));
        let trial = Trial { asked, outcome };
        tell(&trial);
        run.trials.push(trial);
        if let Some(hopeless) = run.hopeless(asked.round > 1) {
            return Err(hopeless);
        }
    }
    if let Some(hopeless) = run.hopeless(true) {
        return Err(hopeless);
    }
    let Some(mut series) = run.series.filter(|series| series.points().len() >= NEEDED) else {
        let have = run.trials.iter().filter(|trial| trial.asked.counts() && trial.outcome.is_ok()).count();
        return Err(Unfit::TooFewPoints { have, needed: NEEDED }.into());
    };
    let overheads = &accountant.sites().of(&card, None).site.overheads;
    let rate = accountant.ladder().rate(&uncalibrated(&card, None));
    let prior = rate.as_ref().map(|rate| Prior::of(rate, series.subject().boundary, overheads));
    let fit = series.fit_all(prior.as_ref(), Date::of(runtime.now()))?;
    notes.extend(run.notes);
    Ok(Report::new(&card, series, fit, run.trials, notes))
}

#[derive(Default)]
struct Run {
    trials: Vec<Trial>,
    series: Option<Series>,
    notes: Vec<String>,
    failures: usize,
    failed: Option<Error>,
    unmetered: Option<String>,
}

impl Run {
    /// What a call has to teach.
    fn heard(
        &mut self,
        card: &Arc<ModelCard>,
        asked: Asked,
        answer: Result<ChatResponse>,
        took: Duration,
        today: Date,
    ) -> Result<Point, String> {
        let answer = answer.map_err(|error| {
            let told = error.to_string();
            self.failures += 1;
            self.failed = Some(error);
            told
        })?;
        let Some(reading) = answer.reading.as_ref().or(answer.stated.as_ref()) else {
            let why = answer.notes.iter().find(|note| note.code == NoteCode::MeterDegraded);
            let told = why.map_or_else(|| PassedOver::Unmetered.to_string(), ToString::to_string);
            self.unmetered = Some(told.clone());
            return Err(told);
        };
        let computed = answer.timing.as_ref().and_then(|timing| timing.compute());
        let took = Some(computed.unwrap_or(took));
        let series = self.series.get_or_insert_with(|| {
            let (meter, boundary) = (reading.meter.clone(), reading.boundary);
            Series::new(Subject { model: card.key.clone(), meter, boundary })
        });
        let point = if asked.counts() {
            series.observe(&answer.usage, reading, took, today)
        } else {
            Point::new(&answer.usage, reading, took, today)
        };
        let point = point.map_err(|why| why.to_string())?;
        let written = point.output_tokens.get();
        if asked.kind == Kind::Answer && written.saturating_mul(2) < asked.tokens {
            let note = format!("an answer of {} tokens ended after {written}", asked.tokens);
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
        }
        Ok(point)
    }

    /// Why nothing more is to be hoped for, where nothing but failures came so far: three calls in a row that the
    /// provider could not answer, or a whole round without a reading. A coarse counter may miss a short call.
    fn hopeless(&mut self, round_is_over: bool) -> Option<Error> {
        if self.trials.iter().any(|trial| trial.outcome.is_ok()) {
            return None;
        }
        if self.failures >= PATIENCE && self.failures == self.trials.len() {
            return self.failed.take();
        }
        let why = self.unmetered.as_ref().filter(|_| round_is_over)?;
        Some(Error::new(ErrorKind::Meter, "calibration", format!("no answer has a reading: {why}")))
    }
}

impl Asked {
    /// Whether the fit rests on it.
    pub(super) const fn counts(&self) -> bool {
        !matches!(self.kind, Kind::WarmUp)
    }
}
