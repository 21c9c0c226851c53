//! All candidates of one decision, side by side: a [`Candidate`] is a place among them, so that ranking moves little.

use super::Candidate;
use crate::advisor::{Listed, Roster, Standing};
use crate::estimate::Estimate;
use crate::expect::Expectation;
use crate::forecast::{Figures, Forecast};
use crate::grid::Known;
use crate::model::ModelCard;
use crate::prepared::{Middle, Read};
use crate::time::Date;
use crate::units::{Quantity, Tokens};
use std::sync::Arc;

/// The candidates of one decision.
pub(crate) struct Field {
    sheets: Vec<Sheet>,
    /// What is expected of each.
    expected: Vec<Expectation>,
    basis: Basis,
}

/// What their forecasts are made of.
enum Basis {
    Told(Arc<ModelCard>, Box<Forecast>),
    Asked(Question),
}

/// What all candidates of one decision share.
pub(crate) struct Question {
    roster: Arc<Roster>,
    input: Estimate<Tokens>,
    read: Read,
    day: Date,
    /// The grid that was set for the call; else the one that each card was prepared for counts.
    grid: Option<Known>,
}

impl Question {
    pub(crate) fn new(roster: Arc<Roster>, input: Estimate<Tokens>, day: Date, grid: Option<Known>) -> Self {
        Self { roster, input, read: input.into(), day, grid }
    }
}

/// One candidate: its place, and the middle of each figure of its forecast.
pub(crate) struct Sheet {
    /// Its place in the roster.
    listed: usize,
    /// How well it is known where it runs; `None` where the forecast was told.
    pub(super) standing: Option<Standing>,
    pub(super) middle: Middle,
}

impl Sheet {
    #[inline]
    pub(crate) fn new(
        (place, listed): (usize, &Listed),
        expected: &Expectation,
        question: &Question,
    ) -> Self {
        let Question { read, day, ref grid, .. } = *question;
        let middle = listed.prepared.middle(grid.as_ref(), read, expected.output.value(), day);
        Self { listed: place, standing: Some(listed.standing), middle }
    }

    pub(crate) const fn middle(&self) -> &Middle {
        &self.middle
    }
}

impl Field {
    /// A candidate for each sheet and what is expected of it, in their order.
    pub(crate) fn candidates(
        sheets: Vec<Sheet>,
        expected: Vec<Expectation>,
        question: Question,
    ) -> Vec<Candidate> {
        let count = sheets.len().min(expected.len());
        let field = Arc::new(Self { sheets, expected, basis: Basis::Asked(question) });
        (0..count).map(|place| Candidate::at(Arc::clone(&field), place)).collect()
    }

    /// The only candidate, with a forecast that is known.
    pub(super) fn told(card: Arc<ModelCard>, forecast: Forecast) -> Arc<Self> {
        let middle = Middle {
            energy: forecast.energy.value(),
            emissions: forecast.emissions.value(),
            usd: forecast.cost.usd().map(|usd| usd.value()),
            seconds: forecast.duration.value().base(),
        };
        let expected = Expectation { success: forecast.success, output: forecast.output };
        let sheet = Sheet { listed: 0, standing: None, middle };
        let basis = Basis::Told(card, Box::new(forecast));
        Arc::new(Self { sheets: vec![sheet], expected: vec![expected], basis })
    }

    #[expect(clippy::indexing_slicing, reason = "a candidate's place is one of its own field's")]
    pub(super) fn sheet(&self, place: usize) -> &Sheet {
        &self.sheets[place]
    }

    #[expect(clippy::indexing_slicing, reason = "a candidate's place is one of its own field's")]
    pub(super) fn expected(&self, place: usize) -> &Expectation {
        &self.expected[place]
    }

    pub(super) fn figures(&self, place: usize) -> Figures {
        let Middle { energy, emissions, usd, seconds } = self.sheet(place).middle;
        let success = self.expected(place).success;
        Figures {
            success: success.value().as_fraction(),
            success_low: success.low().as_fraction(),
            joules: energy.as_joules(),
            grams: emissions.as_grams(),
            usd: usd.map_or(f64::INFINITY, Quantity::base),
            seconds,
        }
    }

    pub(super) fn card(&self, place: usize) -> &Arc<ModelCard> {
        match &self.basis {
            Basis::Told(card, _) => card,
            Basis::Asked(question) => &question.roster.listed(self.sheet(place).listed).card,
        }
    }

    pub(super) fn forecast(&self, place: usize) -> Forecast {
        match &self.basis {
            Basis::Told(_, forecast) => Forecast::clone(forecast),
            Basis::Asked(Question { roster, input, day, grid, .. }) => {
                let Expectation { success, output } = *self.expected(place);
                roster.listed(self.sheet(place).listed).prepared.forecast_on(
                    grid.as_ref(),
                    success,
                    *input,
                    output,
                    *day,
                )
            }
        }
    }
}
