use super::Chain;
use super::live::{Cached, CarbonIntensityUk, Eia, ElectricityMaps, WattTime, WattTimeBuilder};
use greenroute_core::{Error, ErrorKind, GridIntensity, Result, Runtime};
use std::sync::Arc;

/// What the environment gives of carbon intensities.
#[derive(Debug, Clone)]
pub struct FromEnv {
    /// Averages, best first: every live source whose key is set, each [`Cached`], Great Britain's, which needs none and
    /// is asked for `GB` only; then typical hours and yearly averages. Readings name the better sources that failed.
    pub averages: Chain,
    /// Marginal intensities, where an account of WattTime's is set. It still has to be told which of its regions are
    /// which zones.
    pub marginal: Option<WattTimeBuilder>,
    /// The variables that would bring the others.
    pub unset: Vec<&'static str>,
}

/// Live sources by the environment variables `ELECTRICITY_MAPS_API_KEY` and `EIA_API_KEY`, and `WATTTIME_USERNAME` (or
/// `WATTTIME_USER`) with `WATTTIME_PASSWORD`; one that is empty counts as unset. Nothing is asked yet; what is asked
/// later goes on in the background of `runtime`, whose clock counts.
///
/// # Errors
/// [`ErrorKind::Config`] for a key that cannot be one, naming its variable.
pub fn from_env(runtime: &Arc<dyn Runtime>) -> Result<FromEnv> {
    read(|variable| std::env::var(variable).ok(), runtime)
}

fn read(lookup: impl Fn(&str) -> Option<String>, runtime: &Arc<dyn Runtime>) -> Result<FromEnv> {
    let mut unset = Vec::new();
    let mut found = |variable: &'static str| {
        let value = lookup(variable).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        if value.is_none() {
            unset.push(variable);
        }
        value
    };
    let uk = cached(CarbonIntensityUk::new()?, runtime);
    let mut averages = Chain::bundled().with_first_where_known(uk);
    let maps = found("ELECTRICITY_MAPS_API_KEY");
    if let Some(key) = found("EIA_API_KEY") {
        let source = Eia::new(key).map_err(of("EIA_API_KEY"))?;
        averages = averages.with_first_where_known(cached(source, runtime));
    }
    if let Some(key) = maps {
        let source = ElectricityMaps::new(key).map_err(of("ELECTRICITY_MAPS_API_KEY"))?;
        averages = averages.with_first(cached(source, runtime));
    }
    let user = lookup("WATTTIME_USER").filter(|user| !user.trim().is_empty());
    let user = if user.is_some() { user } else { found("WATTTIME_USERNAME") };
    let marginal = match user.zip(found("WATTTIME_PASSWORD")) {
        Some((user, password)) => {
            let builder = WattTime::builder(&user, password).runtime(Arc::clone(runtime));
            // What cannot be is to be known now, and not at the first request.
            builder.clone().build().map_err(of("WATTTIME_USERNAME or WATTTIME_PASSWORD"))?;
            Some(builder)
        }
        None => None,
    };
    Ok(FromEnv { averages, marginal, unset })
}

fn cached<S: GridIntensity>(source: S, runtime: &Arc<dyn Runtime>) -> Cached<S> {
    Cached::new(source).runtime(Arc::clone(runtime))
}

fn of(variable: &'static str) -> impl Fn(Error) -> Error {
    move |error| Error::new(ErrorKind::Config, "environment", format!("{variable}: {}", error.message()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_core::future::BoxFuture;
    use std::time::{Duration, SystemTime};

    #[derive(Debug)]
    struct Still;

    impl Runtime for Still {
        fn now(&self) -> SystemTime {
            SystemTime::UNIX_EPOCH
        }

        fn elapsed(&self) -> Duration {
            Duration::ZERO
        }

        fn sleep(&self, _duration: Duration) -> BoxFuture<'static, ()> {
            Box::pin(std::future::pending())
        }

        fn spawn(&self, _task: BoxFuture<'static, ()>) {}

        fn unique_id(&self) -> u128 {
            7
        }
    }

    fn with(set: &[(&str, &str)]) -> Result<FromEnv> {
        let lookup = |variable: &str| {
            set.iter().find(|(name, _)| *name == variable).map(|(_, value)| (*value).to_owned())
        };
        let runtime: Arc<dyn Runtime> = Arc::new(Still);
        read(lookup, &runtime)
    }

    #[test]
    fn without_keys_there_is_what_needs_none() {
        let found = with(&[("EIA_API_KEY", " ")]).unwrap();
        let shown = format!("{:?}", found.averages);
        let places: Vec<_> =
            ["CarbonIntensityUk", "HourlyShapes", "YearlyAverages"].map(|name| shown.find(name)).into();
        assert!(places.is_sorted() && places[0].is_some(), "{shown}");
        assert!(!shown.contains("Eia") && found.marginal.is_none());
        let unset = ["ELECTRICITY_MAPS_API_KEY", "EIA_API_KEY", "WATTTIME_USERNAME", "WATTTIME_PASSWORD"];
        assert_eq!(found.unset, unset);
    }

    #[test]
    fn every_source_whose_key_is_set_is_there_and_shows_none() {
        let set = [
            ("ELECTRICITY_MAPS_API_KEY", "canary-1111\n"),
            ("EIA_API_KEY", "canary-2222"),
            ("WATTTIME_USER", "acme"),
            ("WATTTIME_PASSWORD", "canary-3333"),
        ];
        let found = with(&set).unwrap();
        let shown = format!("{found:?}");
        let places = ["ElectricityMaps {", "Eia {", "CarbonIntensityUk {"].map(|name| shown.find(name));
        assert!(places.is_sorted() && places[0].is_some(), "{shown}");
        assert!(found.marginal.is_some() && found.unset.is_empty() && !shown.contains("canary"), "{shown}");
    }

    #[test]
    fn a_key_that_cannot_be_one_names_its_variable_and_not_itself() {
        for variable in ["ELECTRICITY_MAPS_API_KEY", "EIA_API_KEY"] {
            let error = with(&[(variable, "canary-ü")]).unwrap_err();
            assert_eq!(error.kind(), &ErrorKind::Config);
            assert!(error.message().starts_with(variable) && !error.message().contains("canary"), "{error}");
        }
        let error = with(&[("WATTTIME_USERNAME", "a:b"), ("WATTTIME_PASSWORD", "canary")]).unwrap_err();
        assert!(
            error.message().contains("WATTTIME_USERNAME") && !error.message().contains("canary"),
            "{error}"
        );
    }
}
