use crate::estimate::Estimate;
use crate::meter::{Skip, Work};
use crate::reading::{MeterId, Reading};
use crate::site::Placed;
use crate::units::{Emissions, Water};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt::Debug;
use std::sync::Arc;

/// What a call takes beside energy and the emissions of that energy. Never summed into them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Impacts {
    /// Fresh water consumed, for cooling on site and at the power plants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub water: Option<Estimate<Water>>,
    /// The call's share of the emissions of making the hardware.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embodied: Option<Estimate<Emissions>>,
    /// Where the factors were read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Cow<'static, str>>,
    /// What could not be told, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Skip>,
}

impl Impacts {
    /// Those of work of which nobody knows how far it came.
    pub(crate) fn perhaps(self) -> Self {
        let Self { water, embodied, sources, missing } = self;
        Self {
            // Water follows from the energy, which is between nothing and all already.
            water,
            embodied: embodied.map(Estimate::perhaps),
            sources,
            missing,
        }
    }
}

/// One way to know water and embodied emissions. Pure: the same work gives the same impacts.
pub trait ImpactModel: Debug + Send + Sync + 'static {
    /// Its name and version.
    fn id(&self) -> MeterId;

    /// The impacts of `work`, whose energy at the facility is `reading`, where it was done.
    fn impacts(&self, work: &Work<'_>, reading: &Reading, placed: &Placed<'_>) -> Impacts;
}

const _: Option<&dyn ImpactModel> = None;

impl<T: ImpactModel + ?Sized> ImpactModel for Arc<T> {
    fn id(&self) -> MeterId {
        (**self).id()
    }

    fn impacts(&self, work: &Work<'_>, reading: &Reading, placed: &Placed<'_>) -> Impacts {
        (**self).impacts(work, reading, placed)
    }
}
