use super::{Ranked, Ranking};
use std::fmt;

/// A table for people: the candidates best first, the excluded with their rules, the notes.
impl fmt::Display for Ranking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.ranked.iter().map(|ranked| ranked.candidate.card.key.to_string());
        let width = names.map(|name| name.chars().count()).max().unwrap_or(0).max("model".len());
        if !self.ranked.is_empty() {
            writeln!(
                f,
                "   {:width$}  success  {:>26}  {:>10}  {:>10}  {:>8}",
                "model", "energy (5–95 %)", "emissions", "cost", "time"
            )?;
        }
        for (place, ranked) in self.ranked.iter().enumerate() {
            row(f, place + 1, ranked, width)?;
        }
        for excluded in &self.excluded {
            writeln!(f, " – {:width$}  {}", excluded.model.to_string(), excluded.rule)?;
        }
        for note in &self.notes {
            writeln!(f, "   note: {note}")?;
        }
        Ok(())
    }
}

fn row(f: &mut fmt::Formatter<'_>, place: usize, ranked: &Ranked, width: usize) -> fmt::Result {
    let forecast = &ranked.candidate.forecast;
    let energy = forecast.energy;
    let energy = format!("{} ({}–{})", energy.value(), energy.low(), energy.high());
    let cost = forecast.cost.usd().map_or("unpriced".to_owned(), |usd| usd.value().to_string());
    let seconds = format!("{:.1} s", forecast.duration.value().as_secs_f64());
    writeln!(
        f,
        "{place:2} {:width$}  {:>7}  {energy:>26}  {:>10}  {cost:>10}  {seconds:>8}{}",
        ranked.candidate.card.key.to_string(),
        forecast.success.value().to_string(),
        forecast.emissions.value().to_string(),
        if ranked.meets_floor { "" } else { "  below the floor" },
    )
}
