//! Emissions of making the hardware, by the share of its life that a call takes.

use crate::board_power::Time;
use crate::ecologits::Coefficients;
use crate::simple::constant;
use crate::table::{number, rows};
use greenroute_core::model::{Deployment, ModelCard, Privacy};
use greenroute_core::units::{Emissions, Quantity};
use greenroute_core::{Estimate, Method, Skip, Work};

const TABLE: &str = include_str!("../data/embodied.csv");
const SECONDS_PER_YEAR: f64 = 365.0 * 86_400.0;

/// A positive number that may be off, without a unit of its own: the squares of the logarithms of its 90 % band.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Fact {
    value: f64,
    down: f64,
    up: f64,
}

impl Fact {
    pub(crate) const fn exact(value: f64) -> Self {
        Self { value, down: 0.0, up: 0.0 }
    }

    fn banded(low: f64, value: f64, high: f64) -> Self {
        Self { value, down: (low / value).ln().powi(2), up: (high / value).ln().powi(2) }
    }

    /// The row of this name. A missing one makes what needs it not a number, which nobody is told.
    fn named(name: &str) -> Self {
        let row = rows(TABLE).find(|row| row.first() == Some(&name)).unwrap_or_default();
        let cell = |column| number(&row, column).unwrap_or(f64::NAN);
        Self::banded(cell(1), cell(2), cell(3))
    }

    /// The product: errors are independent.
    fn times(self, other: Self) -> Self {
        Self { value: self.value * other.value, down: self.down + other.down, up: self.up + other.up }
    }

    /// The quotient: what makes the divisor larger makes it smaller.
    fn per(self, other: Self) -> Self {
        Self { value: self.value / other.value, down: self.down + other.up, up: self.up + other.down }
    }
}

/// For how many seconds hardware computes in its life: at a provider, and on this machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Served {
    pub(crate) hosted: Fact,
    pub(crate) local: Fact,
}

impl Default for Served {
    fn default() -> Self {
        let seconds = |name| Fact::named(name).times(Fact::exact(SECONDS_PER_YEAR));
        Self { hosted: seconds("server_served_years"), local: seconds("pc_served_years") }
    }
}

/// `hardware · time / (time served · requests at once)`, and where its factors come from.
pub(crate) fn embodied(
    work: &Work<'_>,
    served: &Served,
) -> Result<(Estimate<Emissions>, &'static str), Skip> {
    let card = work.card;
    let deployment = card.deployment.as_ref();
    let boards = deployment.filter(|deployment| !deployment.processor);
    let (kilograms, served, source) = match card.privacy {
        Privacy::Local => (own_machine(boards), served.local, PC_SOURCE),
        Privacy::Remote if boards.is_none() && deployment.is_some() => {
            return Err(Skip("embodied emissions of a provider's processors are not known".into()));
        }
        Privacy::Remote => (servers(card, boards), served.hosted, SERVER_SOURCE),
    };
    let requests = match (deployment.and_then(|deployment| deployment.batch), card.privacy) {
        (Some(batch), _) => Fact::exact(batch),
        (None, Privacy::Local) => Fact::exact(1.0),
        (None, Privacy::Remote) => Fact::named("unknown_batch"),
    };
    let share = seconds(work)?.per(served.times(requests));
    let Fact { value, down, up } = kilograms.times(Fact::exact(1000.0)).times(share);
    let grams = Emissions::try_from_grams(value)
        .map_err(|error| Skip(format!("embodied emissions cannot be told: {error}").into()))?;
    let emissions = Estimate::scaled(grams, (-down.sqrt()).exp(), up.sqrt().exp(), Method::Proxy);
    Ok((emissions, source))
}

const PC_SOURCE: &str = "embodied: a desktop of 300 kgCO2e (Fujitsu, Dell), a fifth of five years";
const SERVER_SOURCE: &str =
    "embodied: EcoLogits 0.11.3, 5700 kgCO2e per server of eight and 273 kgCO2e per GPU, three years";

/// A computer, and its graphics boards.
fn own_machine(boards: Option<&Deployment>) -> Fact {
    let (pc, board) = (Fact::named("pc"), Fact::named("pc_board"));
    let Some(deployment) = boards else { return pc };
    let boards = board.times(Fact::exact(f64::from(deployment.count)));
    // The wider of the two bands stands for both.
    Fact { value: pc.value + boards.value, down: pc.down.max(board.down), up: pc.up.max(board.up) }
}

/// The share of a server of eight and its GPUs: as many as the card says, else as many as EcoLogits' rule gives.
fn servers(card: &ModelCard, deployment: Option<&Deployment>) -> Fact {
    let by = Coefficients::default();
    let boards = match (deployment, &card.size) {
        (Some(deployment), _) => Fact::exact(f64::from(deployment.count)),
        (None, Some(size)) => {
            let count = |billions| by.boards(billions);
            Fact::banded(count(size.total.low), count(size.total.middle()), count(size.total.high))
        }
        (None, None) => Fact::named("unknown_boards"),
    };
    let each = by.server_embodied.gwp / by.server_gpu_count + by.gpu_embodied.gwp;
    boards.times(Fact::named("server_factor")).times(Fact::exact(each))
}

/// For how long the model computed: by a clock, else by the speed of the card.
fn seconds(work: &Work<'_>) -> Result<Fact, Skip> {
    if let Some(time) = Time::of(work)? {
        let length = Fact::exact(time.length.as_secs_f64());
        return Ok(if time.waiting { length.times(of_one("wall")) } else { length });
    }
    let speed = work
        .card
        .speed
        .ok_or(Skip("embodied emissions need a time, and neither clock nor speed is known".into()))?;
    let at = |tokens: f64| speed.time_to_first_chunk_seconds + tokens / speed.tokens_per_second;
    let output = &work.output;
    let [low, value, high] = [output.low(), output.value(), output.high()].map(|tokens| at(tokens.base()));
    if !(value > 0.0 && low > 0.0) {
        return Err(Skip("embodied emissions need a time, and nothing was written".into()));
    }
    Ok(Fact::banded(low, value, high).times(of_one("forecast")))
}

/// One, with the band of a constant of the simple rungs.
fn of_one(name: &str) -> Fact {
    let end = |end: &str| constant(&format!("{name}_{end}"));
    Fact::banded(end("low"), 1.0, end("high"))
}
