use super::{Candidate, Ranked, Ranker, Ranking};
use crate::note::{Note, NoteCode};
use crate::objective::{Floor, Objective};
use crate::profile::PromptProfile;
use crate::units::Probability;
use std::cmp::Ordering;

/// The default: among the candidates whose predicted success meets the floor, the one with the least energy.
///
/// Candidates below the floor follow, most likely to succeed first: they are what is left to fall back on. Where
/// nobody meets an absolute floor, the most likely to succeed comes first, and a note says so.
#[derive(Debug, Clone, Copy, Default)]
pub struct GreenRanker;

impl Ranker for GreenRanker {
    fn rank(&self, _profile: &PromptProfile, objective: &Objective, candidates: Vec<Candidate>) -> Ranking {
        let threshold = threshold(objective.floor, &candidates);
        let joules = |candidate: &Candidate| candidate.forecast.energy.value().as_joules();
        let most_energy = candidates.iter().map(joules).fold(0.0, f64::max);
        let mut ranking = Ranking::default();
        ranking.ranked.extend(candidates.into_iter().map(|candidate| {
            let meets_floor = candidate.forecast.success.low() >= threshold;
            // Less energy is better; below the floor success decides, at less than everybody who meets it.
            let score = if meets_floor {
                -joules(&candidate)
            } else {
                candidate.forecast.success.low().as_fraction() - 1.0 - most_energy
            };
            Ranked { candidate, score, meets_floor }
        }));
        ranking.sort(order);
        if let Some(best) = ranking.ranked.first().filter(|best| !best.meets_floor) {
            let text = format!(
                "nobody is known to reach a success of {threshold}: {} is the most likely",
                best.candidate.card.key
            );
            ranking.notes.push(Note::new(NoteCode::FloorMissed, text));
        }
        if let [first, second, ..] = ranking.ranked.as_slice()
            && second.meets_floor
            && first.candidate.forecast.energy.overlaps(&second.candidate.forecast.energy)
        {
            let text = format!(
                "the energy bands of {} and {} overlap: their order is a best guess",
                first.candidate.card.key, second.candidate.card.key
            );
            ranking.notes.push(Note::new(NoteCode::TooCloseToOrder, text));
        }
        ranking
    }
}

/// The lower bound of success that is asked for; a share of the best is taken of the best lower bound.
pub(super) fn threshold(floor: Floor, candidates: &[Candidate]) -> Probability {
    match floor {
        Floor::Absolute(probability) => probability,
        Floor::OfBest(share) => {
            let lows = candidates.iter().map(|candidate| candidate.forecast.success.low().as_fraction());
            Probability::from_fraction(share.as_fraction() * lows.fold(0.0, f64::max))
        }
    }
}

fn order(a: &Ranked, b: &Ranked) -> Ordering {
    let by_floor = b.meets_floor.cmp(&a.meets_floor);
    let low = |ranked: &Ranked| ranked.candidate.forecast.success.low().as_fraction();
    let by_success = || if a.meets_floor { Ordering::Equal } else { low(b).total_cmp(&low(a)) };
    by_floor.then_with(by_success)
}
