use greenroute_core::{EnergyMeter, EnergyRate, MeterId, ModelCard, Reading, Skip, Work};

/// The best rung: passes on what an instrument bracketed, with the instrument's own name.
///
/// A reading that a counter modelled from processor time counts as well: it saw this very call.
#[derive(Debug, Clone, Copy, Default)]
pub struct Instrument;

impl EnergyMeter for Instrument {
    fn id(&self) -> MeterId {
        MeterId::new("instrument", 1)
    }

    fn rate(&self, _card: &ModelCard) -> Result<EnergyRate, Skip> {
        Err(Skip("an instrument makes no forecasts".into()))
    }

    fn read(&self, work: &Work<'_>) -> Result<Reading, Skip> {
        match work.reading {
            Some(reading) => Ok(reading.clone()),
            None => Err(Skip("no instrument bracketed the call".into())),
        }
    }
}
