use super::{Attempt, Outcome, Receipt};
use crate::model::Cost;
use std::fmt;

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() { table(f, self) } else { line(f, self) }
    }
}

/// `local/gemma-3-270m · 12.3 J (4.10 J–18.0 J, measured) · 1.62 mgCO2e · $0.00000045`
fn line(f: &mut fmt::Formatter<'_>, receipt: &Receipt) -> fmt::Result {
    match receipt.answered() {
        Some(attempt) => write!(f, "{}", attempt.requested)?,
        None => f.write_str("no answer")?,
    }
    write!(f, " · {} · {} · {}", receipt.energy, receipt.emissions.value(), short(&receipt.cost))
}

fn table(f: &mut fmt::Formatter<'_>, receipt: &Receipt) -> fmt::Result {
    writeln!(f, "receipt    {}", receipt.id)?;
    for (place, attempt) in receipt.attempts.iter().enumerate() {
        attempt_rows(f, place + 1, attempt)?;
    }
    let deciding = &receipt.deciding;
    writeln!(f, "deciding   {} in {:.1?}", deciding.energy.value(), deciding.duration)?;
    writeln!(f, "total      {} at the facility", receipt.energy)?;
    writeln!(f, "           {}", receipt.emissions)?;
    writeln!(f, "           {}", receipt.cost)?;
    if let Some(baseline) = &receipt.baseline {
        writeln!(f, "baseline   {baseline}")?;
    }
    for note in &receipt.notes {
        writeln!(f, "note       {note}")?;
    }
    Ok(())
}

fn attempt_rows(f: &mut fmt::Formatter<'_>, place: usize, attempt: &Attempt) -> fmt::Result {
    let took = attempt.duration;
    match &attempt.outcome {
        Outcome::Answered { .. } => {
            writeln!(f, "attempt {place}  {} answered in {took:.2?}", attempt.requested)?
        }
        Outcome::Failed { kind, message } => {
            writeln!(f, "attempt {place}  {} failed in {took:.2?}: {kind}, {message}", attempt.requested)?;
        }
        Outcome::Cancelled => {
            writeln!(f, "attempt {place}  {} cancelled after {took:.2?}", attempt.requested)?
        }
    }
    if let Some(counted) = &attempt.usage {
        let (usage, about) = (counted.usage(), if counted.is_approximate() { "about " } else { "" });
        let (read, written) = (usage.input_tokens().get(), usage.output_tokens().get());
        writeln!(f, "  tokens   {about}{read} in, {written} out")?;
    }
    writeln!(f, "  forecast {} by {}", attempt.forecast.energy, attempt.forecast.meter)?;
    match &attempt.reading {
        Some(reading) => {
            writeln!(f, "  reading  {reading}")?;
            if let Some(idle) = reading.idle {
                writeln!(f, "           of it {} would have been drawn idle", idle.value())?;
            }
        }
        None => writeln!(f, "  reading  none")?,
    }
    if let Some(device) = &attempt.device {
        writeln!(f, "  device   {device}")?;
    }
    let grid = &attempt.grid;
    let intensity = grid.intensity.value();
    writeln!(f, "  grid     {} {intensity}, {} ({}, {})", grid.zone, grid.basis, grid.source, grid.vintage)?;
    if let Some(emissions) = &attempt.emissions {
        writeln!(f, "  emitted  {emissions}")?;
    }
    writeln!(f, "  cost     {}", attempt.cost)
}

fn short(cost: &Cost) -> String {
    cost.usd().map_or_else(|| "unpriced".to_owned(), |usd| usd.value().to_string())
}
