use super::{Counter, Sample};
use greenroute_core::{Boundary, Error, MeterId, Result};
use std::sync::Arc;
use std::time::Duration;

/// Several instruments as one, each for another part of the machine: what they show is added up, each part once.
///
/// Its name is theirs, joined by `+`; its version rises with any of theirs. A part that fails costs the whole sample, since
/// what is left would pass for all of it. What the parts include is theirs to keep apart: a second counter of the same
/// part would count it twice. Its boundary is the widest of theirs: parts of one sum are to have one boundary.
#[derive(Debug)]
pub struct Composite(Vec<Arc<dyn Counter>>);

impl Composite {
    /// These instruments together.
    #[must_use]
    pub fn new(parts: Vec<Arc<dyn Counter>>) -> Self {
        Self(parts)
    }
}

impl Counter for Composite {
    fn id(&self) -> MeterId {
        let ids: Vec<MeterId> = self.0.iter().map(Counter::id).collect();
        let raised: u32 = ids.iter().map(|id| id.version.saturating_sub(1)).sum();
        let names: Vec<&str> = ids.iter().map(|id| id.name.as_ref()).collect();
        MeterId { name: names.join("+").into(), version: 1 + raised }
    }

    fn boundary(&self) -> Boundary {
        self.0.iter().map(Counter::boundary).max().unwrap_or(Boundary::Device)
    }

    fn sample(&self) -> Result<Sample> {
        // All are looked at, also after one that fails: what it missed is not to fall into another one's later window.
        let shown: Vec<Result<Sample>> = self.0.iter().map(|part| of(part, part.sample())).collect();
        shown.into_iter().try_fold(Sample::ZERO, |sum, part| Ok(sum.beside(part?)))
    }

    fn tend(&self) -> Result<Option<Duration>> {
        let wishes: Vec<Result<Option<Duration>>> = self.0.iter().map(|part| of(part, part.tend())).collect();
        let wishes = wishes.into_iter().collect::<Result<Vec<_>>>()?;
        Ok(wishes.into_iter().flatten().min())
    }
}

/// An error says which part has failed.
fn of<T>(part: &Arc<dyn Counter>, shown: Result<T>) -> Result<T> {
    shown.map_err(|error| {
        let message = format!("{}: {}", part.id().name, error.message());
        Error::new(error.kind().clone(), "counter", message).with_source(error)
    })
}
