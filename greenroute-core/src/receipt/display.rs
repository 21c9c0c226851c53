use super::{Attempt, Outcome, Purpose, Receipt};
use crate::grid::Counting;
use crate::model::Cost;
use crate::units::Quantity;
use std::fmt::{self, Write};
use std::time::Duration;

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !f.alternate() {
            return line(f, self);
        }
        let mut table = String::new();
        write_table(&mut table, self)?;
        f.write_str(table.trim_end())
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

fn write_table(f: &mut String, receipt: &Receipt) -> fmt::Result {
    writeln!(f, "receipt    {}", receipt.id)?;
    for (place, attempt) in receipt.attempts.iter().enumerate() {
        attempt_rows(f, place + 1, attempt)?;
    }
    let deciding = &receipt.deciding;
    writeln!(f, "deciding   {} in {}", deciding.energy, Took(deciding.duration))?;
    writeln!(f, "total      {} at the facility", receipt.energy)?;
    writeln!(f, "           {}", receipt.emissions)?;
    writeln!(f, "           {}", receipt.cost)?;
    // Of a single attempt they were told already.
    if receipt.attempts.iter().filter(|attempt| attempt.impacts.is_some()).count() > 1 {
        if let Some(water) = &receipt.water {
            writeln!(f, "water      {water}")?;
        }
        if let Some(embodied) = &receipt.embodied {
            writeln!(f, "embodied   {embodied}, in making the hardware")?;
        }
    }
    if let Some(baseline) = &receipt.baseline {
        writeln!(f, "baseline   {baseline}")?;
    }
    for note in &receipt.notes {
        writeln!(f, "note       {note}")?;
    }
    Ok(())
}

fn attempt_rows(f: &mut String, place: usize, attempt: &Attempt) -> fmt::Result {
    let purpose = match attempt.purpose {
        Purpose::Answer => "",
        Purpose::Retry => " (retry)",
        Purpose::FallBack => " (fall back)",
    };
    write!(f, "attempt {place:<2} {}{purpose} ", attempt.requested)?;
    let took = Took(attempt.duration);
    match &attempt.outcome {
        Outcome::Answered { .. } => match attempt.returned.as_ref().filter(|by| **by != attempt.requested) {
            Some(by) => writeln!(f, "answered as {by} in {took}")?,
            None => writeln!(f, "answered in {took}")?,
        },
        Outcome::Failed { kind, message } => writeln!(f, "failed after {took}: {kind}, {message}")?,
        Outcome::Cancelled => writeln!(f, "cancelled after {took}")?,
    }
    if let Some(first) = attempt.time_to_first_chunk {
        writeln!(f, "  began    after {}", Took(first))?;
    }
    if let Some(counted) = &attempt.usage {
        let (usage, about) = (counted.usage(), if counted.is_approximate() { "about " } else { "" });
        let (read, written) = (usage.input_tokens().get(), usage.output_tokens().get());
        writeln!(f, "  tokens   {about}{read} in, {written} out")?;
    }
    writeln!(f, "  forecast {} by {}", attempt.forecast.energy, attempt.forecast.meter)?;
    match &attempt.reading {
        Some(reading) => {
            writeln!(f, "  reading  {} by {}", reading.energy, reading.meter)?;
            if let Some(idle) = reading.idle {
                writeln!(f, "           of it {idle} would have been drawn idle")?;
            }
        }
        None => writeln!(f, "  reading  none")?,
    }
    for skipped in &attempt.skipped {
        writeln!(f, "           not by {}: {}", skipped.meter, skipped.why.0)?;
    }
    if let Some(device) = &attempt.device {
        writeln!(f, "  device   {device}")?;
    }
    let grid = &attempt.grid;
    write!(f, "  grid     {} {}, {}", grid.zone, grid.intensity.value(), grid.basis)?;
    if grid.counting != Counting::Unstated {
        write!(f, ", {}", grid.counting)?;
    }
    write!(f, " ({}, {})", grid.source, grid.vintage)?;
    f.push_str(if grid.estimated { ", estimated\n" } else { "\n" });
    if let Some(standing) = &grid.standing {
        writeln!(f, "           {standing}")?;
    }
    if let Some(emissions) = &attempt.emissions {
        writeln!(f, "  emitted  {emissions}")?;
    }
    for aside in &attempt.aside {
        writeln!(f, "  aside    {aside}")?;
    }
    if let Some(water) = attempt.impacts.as_ref().and_then(|impacts| impacts.water) {
        writeln!(f, "  water    {water}")?;
    }
    if let Some(embodied) = attempt.impacts.as_ref().and_then(|impacts| impacts.embodied) {
        writeln!(f, "  embodied {embodied}, in making the hardware")?;
    }
    writeln!(f, "  cost     {}", attempt.cost)
}

fn short(cost: &Cost) -> String {
    cost.usd().map_or_else(|| "unpriced".to_owned(), |usd| usd.value().to_string())
}

/// A duration in the units of estimates: `1.24 s`.
struct Took(Duration);

impl fmt::Display for Took {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.write(f)
    }
}
