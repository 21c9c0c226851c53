use super::field::{Field, Sheet};
use crate::advisor::Standing;
use crate::estimate::Estimate;
use crate::forecast::{Figures, Forecast};
use crate::model::{ModelCard, Pricing};
use crate::units::{Emissions, Energy, Probability, Quantity, Usd};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A model that may answer, with what it is expected to do and to take.
///
/// What rankers compare, the middle of each figure, is at hand; the whole [forecast](Candidate::forecast) with its
/// bands is worked out when somebody asks for it. As JSON it is the model's key and the forecast: the card stays in the
/// catalog, so a candidate is written and not read.
#[derive(Clone)]
pub struct Candidate {
    field: Arc<Field>,
    place: usize,
}

impl Candidate {
    /// A model with a forecast that is known, such as one that a ranker is tried with.
    #[must_use]
    pub fn new(card: Arc<ModelCard>, forecast: Forecast) -> Self {
        Self::at(Field::told(card, forecast), 0)
    }

    pub(super) const fn at(field: Arc<Field>, place: usize) -> Self {
        Self { field, place }
    }

    fn sheet(&self) -> &Sheet {
        self.field.sheet(self.place)
    }

    /// The model.
    #[must_use]
    pub fn card(&self) -> &Arc<ModelCard> {
        self.field.card(self.place)
    }

    /// How well its place is known; `None` where it is not from a catalog.
    pub(crate) fn standing(&self) -> Option<Standing> {
        self.sheet().standing
    }

    /// What is expected, with all bands.
    #[must_use]
    pub fn forecast(&self) -> Forecast {
        self.field.forecast(self.place)
    }

    /// The probability that the answer is good.
    #[must_use]
    pub fn success(&self) -> Estimate<Probability> {
        self.field.expected(self.place).success
    }

    /// The middle of the forecast's energy.
    #[must_use]
    pub fn energy(&self) -> Energy {
        self.sheet().middle.energy
    }

    /// The middle of the forecast's emissions.
    #[must_use]
    pub fn emissions(&self) -> Emissions {
        self.sheet().middle.emissions
    }

    /// The middle of the forecast's cost; `None` where no price is known.
    #[must_use]
    pub fn usd(&self) -> Option<Usd> {
        self.sheet().middle.usd
    }

    /// The middle of the forecast's time.
    #[must_use]
    pub fn duration(&self) -> Duration {
        Duration::from_base(self.sheet().middle.seconds)
    }

    /// Whether it costs the electricity of the machine that it runs on, and no price of that is set.
    pub(super) fn awaits_tariff(&self) -> bool {
        self.usd().is_none() && self.card().pricing == Pricing::Electricity
    }

    /// Whether its forecast [dominates](Forecast::dominates) another's. Electricity without a price cannot be compared
    /// with any other cost: of such a pair neither does.
    #[must_use]
    pub fn dominates(&self, other: &Self) -> bool {
        self.awaits_tariff() == other.awaits_tariff() && self.figures().dominates(&other.figures())
    }

    pub(super) fn figures(&self) -> Figures {
        self.field.figures(self.place)
    }
}

impl fmt::Debug for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Candidate")
            .field("card", &format_args!("{}", self.card().key))
            .field("forecast", &self.forecast())
            .finish()
    }
}

/// The same card with the same forecast.
impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.card() == other.card() && self.forecast() == other.forecast()
    }
}

impl Serialize for Candidate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Candidate", 2)?;
        fields.serialize_field("model", &self.card().key)?;
        fields.serialize_field("forecast", &self.forecast())?;
        fields.end()
    }
}
