use crate::counter::Counter;
use greenroute_core::{Reading, Runtime};
use std::fmt;
use std::time::Duration;

/// What loading a model took: once per process, so that it is in no profile.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    /// How long.
    pub took: Duration,
    /// Its energy, or why that was not counted.
    pub reading: Result<Reading, String>,
}

impl Load {
    /// Does `work`, such as opening a model, between two looks at `counter`. A counter that fails costs the reading only.
    pub fn of<T>(counter: &dyn Counter, runtime: &dyn Runtime, work: impl FnOnce() -> T) -> (T, Self) {
        let (before, began) = (counter.sample(), runtime.elapsed());
        let done = work();
        let (took, after) = (runtime.elapsed().saturating_sub(began), counter.sample());
        let spent = before.and_then(|before| Ok(after?.since(before)));
        let reading = spent.map(|spent| spent.reading(counter.boundary(), counter.id()));
        (done, Self { took, reading: reading.map_err(|error| error.to_string()) })
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} s, ", self.took.as_secs_f64())?;
        match &self.reading {
            Ok(reading) => write!(f, "{reading}"),
            Err(why) => write!(f, "energy not counted: {why}"),
        }
    }
}
