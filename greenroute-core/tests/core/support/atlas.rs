use async_trait::async_trait;
use greenroute_core::*;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

/// What an [`Atlas`] does when it is asked for a zone, for the how-manieth time.
type Says = dyn Fn(&Zone, usize) -> Said + Send + Sync;

/// One answer of an [`Atlas`].
#[expect(clippy::large_enum_variant, reason = "it is read once, where it is made")]
pub(crate) enum Said {
    /// After so many seconds.
    After(f64, Result<GridReading, ErrorKind>),
    Never,
    Panic,
}

/// A source that knows every zone by one rule, and counts how often it was asked for each.
pub(crate) struct Atlas {
    says: Box<Says>,
    asked: Mutex<HashMap<String, usize>>,
}

impl Atlas {
    pub(crate) fn new(says: impl Fn(&Zone, usize) -> Said + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { says: Box::new(says), asked: Mutex::default() })
    }

    /// How often it was asked for `zone`.
    pub(crate) fn asked(&self, zone: &str) -> usize {
        self.asked.lock().unwrap().get(zone).copied().unwrap_or_default()
    }

    async fn answer(&self, zone: &Zone) -> Result<GridReading> {
        let count = {
            let mut asked = self.asked.lock().unwrap();
            let count = asked.entry(zone.to_string()).or_default();
            *count += 1;
            *count
        };
        match (self.says)(zone, count) {
            Said::After(seconds, answer) => {
                tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
                answer.map_err(|kind| Error::new(kind, "atlas", format!("{zone} is not in it today")))
            }
            Said::Never => std::future::pending().await,
            Said::Panic => panic!("the atlas falls apart"),
        }
    }
}

impl fmt::Debug for Atlas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Atlas")
    }
}

#[async_trait]
impl GridIntensity for Atlas {
    async fn intensity(&self, zone: &Zone, _at: SystemTime) -> Result<GridReading> {
        self.answer(zone).await
    }

    async fn forecast(&self, _zone: &Zone, _from: SystemTime, _to: SystemTime) -> Result<Vec<GridReading>> {
        Err(Error::new(ErrorKind::Unsupported, "atlas", "no forecasts"))
    }
}

#[async_trait]
impl MarginalIntensity for Atlas {
    async fn marginal(&self, zone: &Zone, _at: SystemTime) -> Result<MarginalReading> {
        let reading = self.answer(zone).await?;
        Ok(MarginalReading(GridReading { basis: Basis::Marginal, ..reading }))
    }

    async fn marginal_forecast(
        &self,
        _zone: &Zone,
        _from: SystemTime,
        _to: SystemTime,
    ) -> Result<Vec<MarginalReading>> {
        Err(Error::new(ErrorKind::Unsupported, "atlas", "no forecasts"))
    }
}
