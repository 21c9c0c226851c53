//! Which models are no candidates, and by which rule.

use super::fitness::{Asked, Fitness};
use crate::catalog::CatalogSnapshot;
use crate::error::{Error, ErrorKind, Result};
use crate::grid::Chosen;
use crate::model::{ModelKey, Privacy};
use crate::note::{Note, NoteCode};
use crate::objective::{Caps, Objective, Sensitivity};
use crate::prepared::Middle;
use crate::prompt::Prompt;
use crate::rank::{Ranking, Rule};
use crate::registry::Registry;
use crate::router::Paused;
use crate::units::Quantity;
use std::time::Duration;

/// What the Router adds to the rules of the objective.
#[derive(Default)]
pub(crate) struct Rules<'a> {
    /// The providers that can serve; `None` ranks models that nobody serves too.
    pub(crate) registry: Option<&'a Registry>,
    /// The only model that may answer: it waits for the results of its tools.
    pub(crate) pinned: Option<&'a ModelKey>,
    /// The models that are left alone for now.
    pub(crate) paused: &'a [Paused],
    /// The prompt, whose org, key, user and conversation may be under a policy.
    pub(crate) prompt: Option<&'a Prompt>,
    /// The grid that was set for the call.
    pub(crate) chosen: Option<&'a Chosen>,
}

impl Rules<'_> {
    /// Whether another model than this waits for the results of its tools.
    #[inline]
    fn waits_for_another(&self, model: &ModelKey) -> bool {
        self.pinned.is_some_and(|pinned| pinned != model)
    }

    /// Whether somebody serves it, where that matters.
    fn serve(&self, model: &ModelKey) -> bool {
        self.registry.is_none_or(|registry| registry.serving(model).is_some())
    }

    /// Whether nothing rules `model` out: the quick answer to what [`unfit`] and [`wish`] find nothing against. Where
    /// anybody is named, they decide.
    #[inline]
    pub(super) fn admit(&self, model: &ModelKey, card: &Fitness, asked: &Asked, named: &Named) -> bool {
        !named.anybody
            && self.pinned.is_none()
            && self.paused.is_empty()
            && card.suits(asked)
            && self.serve(model)
    }

    /// Whether a store has the conversation; else the caller tells what was said, and by whom.
    fn is_stored(&self) -> bool {
        self.prompt.is_some_and(|prompt| prompt.conversation.is_some())
    }
}

/// Why a model could not answer, whoever asks.
pub(super) fn unfit(model: &ModelKey, card: &Fitness, asked: &Asked, rules: &Rules<'_>) -> Option<Rule> {
    let Asked { today, sensitivity, needed, needs, primary } = *asked;
    let accepts = card.accepts;
    if !rules.serve(model) {
        Some(Rule::Unserved)
    } else if rules.waits_for_another(model) && rules.is_stored() {
        Some(Rule::NotAllowed)
    } else if card.embeds {
        Some(Rule::Embeds)
    } else if let Some(date) = card.retirement.filter(|&date| date <= today) {
        Some(Rule::Retired(date))
    } else if card.privacy == Privacy::Remote && sensitivity == Sensitivity::Private {
        Some(Rule::Privacy)
    } else if needs.images && !accepts.images {
        Some(Rule::Accepts("images".into()))
    } else if needs.tools && !accepts.tools {
        Some(Rule::Accepts("tools".into()))
    } else if needs.schema && !accepts.schema {
        Some(Rule::Accepts("schema".into()))
    } else if needed > card.context {
        Some(Rule::Window { needed, window: card.context })
    } else if !card.claims(primary) {
        Some(Rule::Capability(primary))
    } else if rules.paused.is_empty() {
        None
    } else {
        let mut paused = rules.paused.iter();
        let paused = paused.find(|paused| paused.model == *model)?;
        Some(Rule::Paused { until: paused.until, why: paused.why.clone() })
    }
}

/// Why the caller would not have a model that could answer.
pub(super) fn wish(
    model: &ModelKey,
    objective: &Objective,
    named: &Named,
    rules: &Rules<'_>,
) -> Option<Rule> {
    let others_only = objective.only.as_ref().is_some_and(|only| !only.contains(model));
    if others_only || rules.waits_for_another(model) {
        Some(Rule::NotAllowed)
    } else if named.excluded.contains(model) {
        Some(Rule::Excluded)
    } else {
        None
    }
}

/// The first cap of the caller's that a forecast exceeds.
pub(super) fn over_cap(forecast: &Middle, caps: &Caps) -> Option<Rule> {
    let exceeded = if caps.energy.is_some_and(|cap| forecast.energy > cap) {
        "energy"
    } else if caps.emissions.is_some_and(|cap| forecast.emissions > cap) {
        "emissions"
    } else if caps.cost.is_some_and(|cap| forecast.usd.is_none_or(|usd| usd > cap)) {
        "cost"
    } else if caps.duration.is_some_and(|cap| Duration::from_base(forecast.seconds) > cap) {
        "duration"
    } else {
        return None;
    };
    Some(Rule::Cap(exceeded.into()))
}

/// The objective's names as keys.
#[derive(Default)]
pub(super) struct Named {
    preferred: Vec<ModelKey>,
    excluded: Vec<ModelKey>,
    /// Whether it excludes somebody, or allows only some.
    anybody: bool,
    pub(super) notes: Vec<Note>,
}

impl Named {
    /// A wish that names nobody is noted; a ban that does is an error, for it would let somebody in.
    pub(super) fn resolve(objective: &Objective, catalog: &CatalogSnapshot) -> Result<Self> {
        let anybody = objective.only.is_some() || !objective.exclude.is_empty();
        let mut named = Self { anybody, ..Self::default() };
        for name in &objective.prefer {
            match catalog.find(name) {
                Ok(card) => named.preferred.push(card.key.clone()),
                Err(error) => {
                    let text = format!("`prefer`: {}", error.message());
                    named.notes.push(Note::new(NoteCode::Setting, text));
                }
            }
        }
        for name in &objective.exclude {
            let card = catalog.find(name).map_err(|error| {
                let message = format!("`exclude`: {}", error.message());
                Error::new(ErrorKind::Config, "objective", message)
            })?;
            named.excluded.push(card.key.clone());
        }
        Ok(named)
    }

    pub(super) fn put_preferred_first(&self, ranking: &mut Ranking) {
        if !self.preferred.is_empty() {
            // A stable sort: the ranker's order holds within both groups.
            ranking.ranked.sort_by_key(|ranked| {
                !(ranked.meets_floor && self.preferred.contains(&ranked.candidate.card().key))
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Accepts, Capability, CapabilityWeights, ModelCard, Window};
    use crate::profile::PromptProfile;
    use crate::units::Tokens;
    use crate::{Estimate, Method};
    use proptest::prelude::*;

    fn accepts() -> impl Strategy<Value = Accepts> {
        any::<[bool; 3]>().prop_map(|[images, tools, schema]| Accepts { images, tools, schema })
    }

    proptest! {
        #[test]
        fn what_is_admitted_at_once_is_what_no_rule_is_found_against(
            offered in accepts(), needs in accepts(), [embeds, local, private] in any::<[bool; 3]>(),
            context in 8u64..12, input in 8u64..12, retires in prop::option::of(20u8..23), asked in 0..8usize,
            claims in prop::option::of(prop::collection::vec(0..8usize, 0..8)),
        ) {
            let privacy = if local { Privacy::Local } else { Privacy::Remote };
            let mut card = ModelCard::new(ModelKey::new("p", "m"), Window { context, max_output: None }, privacy);
            card.retirement = retires.map(|day| format!("2026-11-{day}").parse().unwrap());
            card.capabilities = claims.map(|claims| claims.into_iter().map(|at| Capability::ALL[at]).collect());
            (card.accepts, card.embeds) = (offered, embeds);
            let mut profile = PromptProfile::by_hand(CapabilityWeights::single(Capability::ALL[asked]), 3.0);
            (profile.needs, profile.input) = (needs, Estimate::exact(Tokens::new(input), Method::Proxy));
            let sensitivity = if private { Sensitivity::Private } else { Sensitivity::default() };
            let objective = Objective::eco().sensitivity(sensitivity);
            let asked = Asked::new(&profile, &objective, "2026-11-21".parse().unwrap());
            let (rules, named, fitness) = (Rules::default(), Named::default(), Fitness::of(&card));
            let found = unfit(&card.key, &fitness, &asked, &rules);
            prop_assert!(Capability::ALL.into_iter().all(|asked| fitness.claims(asked) == card.claims(asked)));
            prop_assert_eq!(rules.admit(&card.key, &fitness, &asked, &named), found.is_none(), "{:?}", found);
        }
    }
}
