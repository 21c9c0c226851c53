use super::{GridReading, Zone};
use crate::error::Result;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

/// The intensity of the plant that answers one more kilowatt-hour. A type of its own, so that it is never taken for the
/// average of a zone or summed with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MarginalReading(pub GridReading);

/// A source of marginal carbon intensities.
#[async_trait]
pub trait MarginalIntensity: fmt::Debug + Send + Sync + 'static {
    /// The marginal intensity of `zone` at a time.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) for a zone that the source does not know: never another
    /// place's value.
    async fn marginal(&self, zone: &Zone, at: SystemTime) -> Result<MarginalReading>;

    /// The marginal intensities of `zone` between two times, in order of time.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) where the source makes no forecasts.
    async fn marginal_forecast(
        &self,
        zone: &Zone,
        from: SystemTime,
        to: SystemTime,
    ) -> Result<Vec<MarginalReading>>;
}

const _: Option<&dyn MarginalIntensity> = None;

#[async_trait]
impl<T: MarginalIntensity + ?Sized> MarginalIntensity for Arc<T> {
    async fn marginal(&self, zone: &Zone, at: SystemTime) -> Result<MarginalReading> {
        (**self).marginal(zone, at).await
    }

    async fn marginal_forecast(
        &self,
        zone: &Zone,
        from: SystemTime,
        to: SystemTime,
    ) -> Result<Vec<MarginalReading>> {
        (**self).marginal_forecast(zone, from, to).await
    }
}
