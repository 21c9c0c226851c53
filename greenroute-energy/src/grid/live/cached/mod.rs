mod backoff;
mod keep;

use super::clock::Clock;
use async_trait::async_trait;
use greenroute_core::{
    Error, ErrorKind, GridIntensity, GridReading, MarginalIntensity, MarginalReading, Result, Runtime, Zone,
};
use keep::{Keep, Key, OLDEST, Span};
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Keeps what a source said for as long as it holds, and spares a source that fails.
///
/// * One zone is asked for once at a time: whoever asks meanwhile waits for the same answer.
/// * An answer is kept until its `valid_until`, from 30 seconds up to an hour; who asks a little ahead of time is given it
///   with the end that it has. Forecasts are kept for half an hour, and asked for up to the next full hour.
/// * After a failure the zone is left alone for 30 seconds, doubling up to an hour, or for as long as the server asks.
///   Where the failure is of the whole source (a lost connection, a limit, a time-out), so is every other zone; where
///   the key is refused, every zone too, unless others are still answered with it.
/// * While it fails, its last answer is given, with a wider band and the failure under `passed_over`, until it is three
///   hours old; then the failure is the answer.
///
/// What is asked for a time more than five minutes away from now is asked of the source each time.
///
/// With a [`Runtime`] nobody waits longer than three seconds: the request goes on in the background, and its answer is
/// there for who asks next. Without one a request ends when the last who waits for it gives up.
///
/// It is a [`GridIntensity`] around one, and a [`MarginalIntensity`] around one; their answers never mix.
pub struct Cached<S> {
    source: Arc<S>,
    keep: Arc<Keep>,
}

impl<S> Cached<S> {
    /// Around `source`, by this machine's clock.
    #[must_use]
    pub fn new(source: S) -> Self {
        Self { source: Arc::new(source), keep: Arc::new(Keep::new(Clock::default(), OLDEST)) }
    }

    /// By a runtime's clock, and with requests that go on in the background. Nothing is kept yet.
    #[must_use]
    pub fn runtime(self, runtime: Arc<dyn Runtime>) -> Self {
        let keep = Keep::new(Clock::of(runtime), self.keep.oldest);
        Self { keep: Arc::new(keep), ..self }
    }

    /// How old an answer may be that is given while the source fails; three hours unless told. Nothing is kept yet.
    #[must_use]
    pub fn oldest(self, oldest: Duration) -> Self {
        let keep = Keep::new(self.keep.clock.clone(), oldest);
        Self { keep: Arc::new(keep), ..self }
    }
}

impl<S: Send + Sync + 'static> Cached<S> {
    /// One number, by what asks the source for it.
    async fn one<F>(
        &self,
        marginal: bool,
        zone: &Zone,
        at: SystemTime,
        ask: impl FnOnce(Arc<S>, Zone) -> F + Send,
    ) -> Result<GridReading>
    where
        F: Future<Output = Result<GridReading>> + Send + 'static,
    {
        let key = Key { marginal, ahead: false, zone: zone.clone() };
        let asked = ask(Arc::clone(&self.source), zone.clone());
        let asked = async move { asked.await.map(|reading| vec![reading]) };
        let readings = if self.keep.is_now(at) {
            self.keep.get(key, Span::NOW, Span::NOW, asked).await?
        } else {
            self.keep.pass(&key, asked).await?
        };
        let none = || Error::new(ErrorKind::Internal, "cached grid", format!("zone {zone} has no number"));
        readings.into_iter().next().ok_or_else(none)
    }

    /// A forecast, by what asks the source for it up to a time.
    async fn ahead<F>(
        &self,
        marginal: bool,
        zone: &Zone,
        span: Span,
        ask: impl FnOnce(Arc<S>, Zone, SystemTime) -> F + Send,
    ) -> Result<Vec<GridReading>>
    where
        F: Future<Output = Result<Vec<GridReading>>> + Send + 'static,
    {
        let key = Key { marginal, ahead: true, zone: zone.clone() };
        let wide = span.to_full_hour();
        let asked = ask(Arc::clone(&self.source), zone.clone(), wide.1);
        self.keep.get(key, span, wide, asked).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: GridIntensity> GridIntensity for Cached<S> {
    async fn intensity(&self, zone: &Zone, at: SystemTime) -> Result<GridReading> {
        self.one(false, zone, at, move |source, zone| async move { source.intensity(&zone, at).await }).await
    }

    async fn forecast(&self, zone: &Zone, from: SystemTime, to: SystemTime) -> Result<Vec<GridReading>> {
        let ask = move |source: Arc<S>, zone: Zone, to| async move { source.forecast(&zone, from, to).await };
        self.ahead(false, zone, Span(from, to), ask).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: MarginalIntensity> MarginalIntensity for Cached<S> {
    async fn marginal(&self, zone: &Zone, at: SystemTime) -> Result<MarginalReading> {
        let ask = move |source: Arc<S>, zone: Zone| async move {
            source.marginal(&zone, at).await.map(|reading| reading.0)
        };
        self.one(true, zone, at, ask).await.map(MarginalReading)
    }

    async fn marginal_forecast(
        &self,
        zone: &Zone,
        from: SystemTime,
        to: SystemTime,
    ) -> Result<Vec<MarginalReading>> {
        let ask = move |source: Arc<S>, zone: Zone, to| async move {
            let readings = source.marginal_forecast(&zone, from, to).await?;
            Ok(readings.into_iter().map(|reading| reading.0).collect())
        };
        let readings = self.ahead(true, zone, Span(from, to), ask).await?;
        Ok(readings.into_iter().map(MarginalReading).collect())
    }
}

impl<S: fmt::Debug> fmt::Debug for Cached<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cached").field("source", &self.source).finish_non_exhaustive()
    }
}
