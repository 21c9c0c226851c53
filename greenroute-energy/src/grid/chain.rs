use super::{HourlyShapes, YearlyAverages};
use async_trait::async_trait;
use greenroute_core::{Error, ErrorKind, GridIntensity, GridReading, Result, Zone};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::SystemTime;

/// Sources in order, best first: the first that can give a zone does.
///
/// Whatever is given names the sources that were passed over and why, so that a typical hour is never taken for the
/// present one. All are asked for the same zone: a chain degrades in time, never in place.
#[derive(Debug, Clone)]
pub struct Chain(Vec<Link>);

#[derive(Debug, Clone)]
struct Link {
    source: Arc<dyn GridIntensity>,
    /// Whether it only refines what follows, where it knows the zone: that it does not is no loss worth telling.
    refines: bool,
}

impl Chain {
    /// A chain of these sources, best first.
    #[must_use]
    pub fn new(sources: Vec<Arc<dyn GridIntensity>>) -> Self {
        Self(sources.into_iter().map(|source| Link { source, refines: false }).collect())
    }

    /// What needs no network: typical hours where a zone has them, else yearly averages. That a zone has no typical
    /// hours, as most of the world, is not told.
    #[must_use]
    pub fn bundled() -> Self {
        let mut chain = Self::new(vec![Arc::new(YearlyAverages)]);
        chain.0.insert(0, Link { source: Arc::new(HourlyShapes), refines: true });
        chain
    }

    /// With a better source of some zones in front of all others. That it does not know the rest of the world is not
    /// told.
    #[must_use]
    pub fn with_first_where_known(mut self, source: impl GridIntensity) -> Self {
        self.0.insert(0, Link { source: Arc::new(source), refines: true });
        self
    }

    /// With a better source in front of all others.
    #[must_use]
    pub fn with_first(mut self, source: impl GridIntensity) -> Self {
        self.0.insert(0, Link { source: Arc::new(source), refines: false });
        self
    }
}

/// What has been asked in vain.
#[derive(Default)]
struct Tried {
    /// Every reason, and whether a reading tells it.
    reasons: Vec<(String, bool)>,
    /// The first failure that is not just a zone or a question unknown to the source: that may pass.
    fault: Option<Error>,
}

impl Tried {
    fn note(&mut self, link: &Link, error: Error) {
        let unknown = *error.kind() == ErrorKind::Unsupported;
        self.reasons.push((error.to_string(), !(unknown && link.refines)));
        if !unknown {
            self.fault.get_or_insert(error);
        }
    }

    fn mark(&self, mut reading: GridReading) -> GridReading {
        let told = self.reasons.iter().filter(|(_, told)| *told).map(|(why, _)| Cow::from(why.clone()));
        reading.passed_over.splice(0..0, told);
        reading
    }

    fn into_error(self, zone: &Zone) -> Error {
        let reasons: Vec<String> = self.reasons.into_iter().map(|(why, _)| why).collect();
        let reasons = if reasons.is_empty() { "there is no source".to_owned() } else { reasons.join("; ") };
        let message = format!("nothing is known of zone {zone}: {reasons}");
        let Some(fault) = self.fault else { return Error::new(ErrorKind::Unsupported, ORIGIN, message) };
        let error = Error::new(fault.kind().clone(), ORIGIN, message).with_retryable(fault.is_retryable());
        let error = match fault.retry_after() {
            Some(after) => error.with_retry_after(after),
            None => error,
        };
        error.with_source(fault)
    }
}

const ORIGIN: &str = "grid chain";

#[async_trait]
impl GridIntensity for Chain {
    async fn intensity(&self, zone: &Zone, at: SystemTime) -> Result<GridReading> {
        let mut tried = Tried::default();
        for link in &self.0 {
            match link.source.intensity(zone, at).await {
                Ok(reading) => return Ok(tried.mark(reading)),
                Err(error) => tried.note(link, error),
            }
        }
        Err(tried.into_error(zone))
    }

    async fn forecast(&self, zone: &Zone, from: SystemTime, to: SystemTime) -> Result<Vec<GridReading>> {
        let mut tried = Tried::default();
        for link in &self.0 {
            match link.source.forecast(zone, from, to).await {
                Ok(readings) if readings.is_empty() => {
                    let message = format!("the forecast for zone {zone} was empty");
                    tried.note(link, Error::new(ErrorKind::Unsupported, ORIGIN, message));
                }
                Ok(readings) => return Ok(readings.into_iter().map(|reading| tried.mark(reading)).collect()),
                Err(error) => tried.note(link, error),
            }
        }
        Err(tried.into_error(zone))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroute_core::Method;
    use greenroute_core::units::CarbonIntensity;
    use greenroute_core::{Basis, Estimate};
    use std::time::Duration;

    /// A source that answers for one zone, or fails always in the same way.
    #[derive(Debug)]
    struct Live {
        zone: &'static str,
        fails: Option<ErrorKind>,
    }

    #[async_trait]
    impl GridIntensity for Live {
        async fn intensity(&self, zone: &Zone, _at: SystemTime) -> Result<GridReading> {
            match &self.fails {
                Some(kind) => Err(Error::new(kind.clone(), "live", "no route").with_retry_after(MINUTE)),
                None if zone.as_str() == self.zone => {
                    let grams = CarbonIntensity::from_grams_per_kwh(123.0);
                    let exact = Estimate::exact(grams, Method::Reported);
                    Ok(GridReading::new(zone.clone(), exact, Basis::Average, "live", "now"))
                }
                None => Err(Error::new(ErrorKind::Unsupported, "live", format!("no zone {zone}"))),
            }
        }

        async fn forecast(&self, zone: &Zone, from: SystemTime, _to: SystemTime) -> Result<Vec<GridReading>> {
            match self.fails {
                Some(_) => Ok(Vec::new()),
                None => Ok(vec![self.intensity(zone, from).await?]),
            }
        }
    }

    const MINUTE: Duration = Duration::from_secs(60);
    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn zone(id: &str) -> Zone {
        id.parse().unwrap()
    }

    fn chain(fails: Option<ErrorKind>) -> Chain {
        Chain::bundled().with_first(Live { zone: "FR", fails })
    }

    #[tokio::test]
    async fn the_first_source_that_can_answers_and_nothing_was_passed_over() {
        let reading = chain(None).intensity(&zone("FR"), NOW).await.unwrap();
        assert_eq!(reading.intensity.value().as_grams_per_kwh(), 123.0);
        assert!(reading.passed_over.is_empty());
    }

    #[tokio::test]
    async fn a_source_of_some_zones_is_told_where_it_fails_and_not_where_it_knows_nothing() {
        let chain = |fails| Chain::bundled().with_first_where_known(Live { zone: "GB", fails });
        let france = chain(None).intensity(&zone("FR"), NOW).await.unwrap();
        assert!(france.passed_over.is_empty());
        let britain = chain(Some(ErrorKind::Connection)).intensity(&zone("GB"), NOW).await.unwrap();
        assert_eq!(britain.passed_over, ["live: no route"]);
    }

    #[tokio::test]
    async fn what_was_passed_over_is_told_in_order() {
        let texas = chain(None).intensity(&zone("US-TEX-ERCO"), NOW).await.unwrap();
        assert!(texas.source.contains("typical hour"));
        assert_eq!(texas.passed_over, ["live: no zone US-TEX-ERCO"]);
        let france = chain(Some(ErrorKind::Connection)).intensity(&zone("FR"), NOW).await.unwrap();
        assert_eq!(france.passed_over, ["live: no route"], "that France has no typical hours is no loss");
        let bundled: Vec<Arc<dyn GridIntensity>> = vec![Arc::new(HourlyShapes), Arc::new(YearlyAverages)];
        let plain = Chain::new(bundled).intensity(&zone("FR"), NOW).await.unwrap();
        assert_eq!(plain.passed_over, ["hourly shapes: no hourly shape is known for zone FR"]);
        assert_eq!(france.zone, zone("FR"));
    }

    #[tokio::test]
    async fn a_zone_that_nobody_knows_is_an_error_and_never_another_place() {
        let error = chain(None).intensity(&zone("DE-BY"), NOW).await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Unsupported);
        for why in ["DE-BY", "live: no zone", "hourly shapes: no", "yearly averages: no"] {
            assert!(error.message().contains(why), "{error}");
        }
        let none = Chain::new(Vec::new()).intensity(&zone("FR"), NOW).await.unwrap_err();
        assert_eq!(none.kind(), &ErrorKind::Unsupported);
    }

    #[tokio::test]
    async fn a_fault_that_may_pass_is_not_mistaken_for_an_unknown_zone() {
        let error = chain(Some(ErrorKind::Overloaded)).intensity(&zone("DE-BY"), NOW).await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Overloaded);
        assert!(error.is_retryable());
        assert_eq!(error.retry_after(), Some(MINUTE));
    }

    #[tokio::test]
    async fn a_forecast_degrades_in_the_same_way() {
        let to = NOW + 2 * 60 * MINUTE;
        let texas = zone("US-TEX-ERCO");
        let readings = chain(Some(ErrorKind::Overloaded)).forecast(&texas, NOW, to).await.unwrap();
        assert_eq!(readings.len(), 2);
        for reading in &readings {
            assert!(reading.passed_over.iter().any(|why| why.contains("was empty")));
        }
        let error = chain(None).forecast(&zone("SE"), NOW, to).await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Unsupported);
        let backwards = chain(Some(ErrorKind::Overloaded)).forecast(&texas, to, NOW).await.unwrap_err();
        assert_eq!(backwards.kind(), &ErrorKind::Config);
        assert!(backwards.message().contains("`to`"));
    }
}
