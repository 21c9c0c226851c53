//! What should be known of a card before a decision relies on it.

use crate::catalog::STALE_AFTER_DAYS;
use crate::model::{CapabilityWeights, ModelCard};
use crate::note::{Note, NoteCode};
use crate::time::Date;

/// A model that retires within so many days is said to: vendors give sixty days of notice or more.
const RETIRES_SOON_DAYS: i64 = 60;

/// That the card's facts are too old to rely on.
pub(crate) fn age(card: &ModelCard, today: Date) -> Option<Note> {
    let days = card.read_at()?.days_until(today);
    let text =
        || format!("the card of {} is {days} days old: price and retirement may have changed", card.key);
    (days > STALE_AFTER_DAYS).then(|| Note::new(NoteCode::CatalogStale, text()))
}

/// That the model is about to retire, or has.
pub(crate) fn retirement(card: &ModelCard, today: Date) -> Option<Note> {
    let date = card.retirement.filter(|date| today.days_until(*date) <= RETIRES_SOON_DAYS)?;
    let text = match today.days_until(date) {
        ..=0 => format!("{} has retired on {date}", card.key),
        1 => format!("{} retires tomorrow, on {date}", card.key),
        days => format!("{} retires on {date}, in {days} days", card.key),
    };
    Some(Note::new(NoteCode::RetiresSoon, text))
}

/// That no benchmark tells how good the model is at the larger part of what is asked.
pub(crate) fn guess(card: &ModelCard, asked: &CapabilityWeights) -> Option<Note> {
    let both = asked.iter().zip(card.abilities());
    let guessed: f64 = both.filter(|(_, ability)| ability.guessed).map(|((_, weight), _)| weight).sum();
    let text = || format!("no benchmark of {} is known for this: how good it is at it is a guess", card.key);
    (guessed > 0.5).then(|| Note::new(NoteCode::AbilityGuessed, text()))
}
