use super::{GridKeeper, Question};
use crate::error::{Error, ErrorKind, Result};
use crate::grid::{Basis, GridReading};
use crate::router::Inner;
use futures_util::future::{Either, select};
use futures_util::{FutureExt, StreamExt, stream};
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// How long a source may take over one zone: it may be several, one after the other, of which only the last answers.
const LIMIT: Duration = Duration::from_secs(30);
/// How many zones are asked for at once.
const AT_ONCE: usize = 16;

/// Zones that a source is being asked for. What has not landed when it is dropped counts as failed, so that no zone
/// waits for a task that is gone.
struct Flight {
    inner: Arc<Inner>,
    /// With the time that each is asked for.
    left: BTreeMap<Question, SystemTime>,
}

/// Asks for `questions` by a task of its own, which [`Router::close`](crate::Router::close) waits for.
pub(super) fn launch(inner: &Arc<Inner>, questions: Vec<(Question, SystemTime)>) {
    let running = inner.pending.begin();
    let mut flight = Flight { inner: Arc::clone(inner), left: questions.into_iter().collect() };
    inner.runtime.spawn(Box::pin(async move {
        flight.run().await;
        drop((flight, running));
    }));
}

impl Flight {
    async fn run(&mut self) {
        let inner = Arc::clone(&self.inner);
        let asked = self.left.clone().into_iter().map(|(question, at)| {
            let inner = &inner;
            async move {
                let answer = AssertUnwindSafe(inner.grid.answer(&question, at)).catch_unwind();
                let answer = match select(pin!(answer), inner.runtime.sleep(LIMIT)).await {
                    Either::Left((answer, _)) => answer.unwrap_or_else(|_| Err(panicked())),
                    Either::Right(_) => Err(too_late()),
                };
                (answer, question)
            }
        });
        let mut landing = stream::iter(asked).buffer_unordered(AT_ONCE);
        while let Some((answer, question)) = landing.next().await {
            self.left.remove(&question);
            inner.grid.land(&inner, [(question, answer)]);
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let lost = || Error::new(ErrorKind::Internal, "grid", "the task that asked was given up");
        let left = std::mem::take(&mut self.left);
        if !left.is_empty() {
            self.inner.grid.land(&self.inner, left.into_keys().map(|question| (question, Err(lost()))));
        }
    }
}

fn too_late() -> Error {
    Error::new(ErrorKind::Timeout, "grid", format!("no answer within {LIMIT:?}"))
}

fn panicked() -> Error {
    Error::new(ErrorKind::Internal, "grid", "the source panicked")
}

impl GridKeeper {
    /// What the source says to one question.
    async fn answer(&self, question: &Question, at: SystemTime) -> Result<GridReading> {
        let none = || Error::new(ErrorKind::Unsupported, "grid", "no source is set");
        let (wanted, reading) = match question {
            Question::Average(zone) => {
                (Basis::Average, self.average.as_ref().ok_or_else(none)?.intensity(zone, at).await?)
            }
            Question::Marginal(zone) => {
                (Basis::Marginal, self.marginal.as_ref().ok_or_else(none)?.marginal(zone, at).await?.0)
            }
        };
        believed(reading, wanted)
    }
}

/// A number on another basis than the `wanted` one is no answer, nor is the world's. A zone may have several names, so
/// that another one is believed.
pub(in crate::router) fn believed(reading: GridReading, wanted: Basis) -> Result<GridReading> {
    let message = if reading.basis != wanted {
        format!("the source gave a {} intensity, where the {wanted} one was asked for", reading.basis)
    } else if reading.zone.is_world() {
        "the source gave the world average".to_owned()
    } else {
        return Ok(reading);
    };
    Err(Error::new(ErrorKind::Decode, "grid", message))
}
