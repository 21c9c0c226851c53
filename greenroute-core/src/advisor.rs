use crate::accountant::Accountant;
use crate::catalog::{Catalog, CatalogSnapshot};
use crate::caveat;
use crate::enforce::{Enforcement, Enforcements, Scope};
use crate::error::{Error, ErrorKind, Result};
use crate::expect::{Expecter, HeuristicExpecter};
use crate::forecast::Forecast;
use crate::grid::GridSnapshot;
use crate::model::{ModelCard, ModelKey, Privacy};
use crate::note::{Note, NoteCode};
use crate::objective::{Caps, Objective, Sensitivity};
use crate::profile::{HeuristicProfiler, PromptProfile, PromptProfiler};
use crate::prompt::Prompt;
use crate::rank::{Candidate, Excluded, GreenRanker, Ranker, Ranking, Rule};
use crate::router::Paused;
use crate::runtime::Runtime;
use crate::task::Task;
use crate::time::Date;
use crate::units::{Quantity, Tokens};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

/// Decides which model should answer, and never calls one: profile, expectations, forecasts, ranking.
///
/// Deciding is synchronous and pure but for the time of day, which prices and retirements need.
#[derive(Debug)]
pub struct Advisor {
    catalog: Arc<Catalog>,
    accountant: Arc<Accountant>,
    runtime: Arc<dyn Runtime>,
    profiler: Arc<dyn PromptProfiler>,
    expecter: Arc<dyn Expecter>,
    ranker: Arc<dyn Ranker>,
    grid: RwLock<Arc<GridSnapshot>>,
    enforcements: Enforcements,
}

impl Advisor {
    /// An advisor over `catalog` with the profiler and expecter that need no weights, and the green ranker.
    #[must_use]
    pub fn new(
        catalog: Arc<Catalog>,
        accountant: Arc<Accountant>,
        grid: GridSnapshot,
        runtime: Arc<dyn Runtime>,
    ) -> Self {
        Self {
            catalog,
            accountant,
            runtime,
            profiler: Arc::new(HeuristicProfiler),
            expecter: Arc::new(HeuristicExpecter),
            ranker: Arc::new(GreenRanker),
            grid: RwLock::new(Arc::new(grid)),
            enforcements: Enforcements::default(),
        }
    }

    /// With another profiler.
    #[must_use]
    pub fn profiler(mut self, profiler: Arc<dyn PromptProfiler>) -> Self {
        self.profiler = profiler;
        self
    }

    /// With another expecter.
    #[must_use]
    pub fn expecter(mut self, expecter: Arc<dyn Expecter>) -> Self {
        self.expecter = expecter;
        self
    }

    /// With another ranker.
    #[must_use]
    pub fn ranker(mut self, ranker: Arc<dyn Ranker>) -> Self {
        self.ranker = ranker;
        self
    }

    /// The models it chooses from.
    #[must_use]
    pub const fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// The accountant that forecasts.
    #[must_use]
    pub const fn accountant(&self) -> &Arc<Accountant> {
        &self.accountant
    }

    /// The grid as it is known now.
    #[must_use]
    pub fn grid(&self) -> Arc<GridSnapshot> {
        Arc::clone(&self.grid.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces what is known of the grid.
    pub fn set_grid(&self, grid: GridSnapshot) {
        *self.grid.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(grid);
    }

    /// Sets the policy of an administrator for one org, user or conversation, or ends it. Decisions from now on obey,
    /// whatever their objective; those of [`Advisor::rank`] are nobody's.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for a set of no models.
    pub fn enforce(&self, scope: Scope, enforcement: Option<Enforcement>) -> Result<()> {
        self.enforcements.set(scope, enforcement)
    }

    /// The policies in force.
    #[must_use]
    pub fn enforcements(&self) -> Arc<BTreeMap<Scope, Enforcement>> {
        self.enforcements.all()
    }

    /// What `prompt` asks for.
    #[must_use]
    pub fn profile(&self, prompt: &Prompt) -> PromptProfile {
        self.profiler.profile(prompt, &[])
    }

    /// The models for a kind of work, best first, cut to the task's `top`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for a bad objective.
    pub fn rank(&self, task: &Task) -> Result<Ranking> {
        task.objective.validate()?;
        let mut ranking = self.decide(&task.profile, &task.objective, &Rules::default())?;
        ranking.ranked.truncate(task.top);
        Ok(ranking)
    }

    /// The models for a prompt, best first.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`](crate::ErrorKind::InvalidRequest) for a bad prompt,
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for a bad objective.
    pub fn advise(&self, prompt: &Prompt, objective: &Objective) -> Result<Ranking> {
        prompt.validate()?;
        let objective = prompt.objective.as_ref().unwrap_or(objective);
        objective.validate()?;
        let rules = Rules { prompt: Some(prompt), ..Rules::default() };
        self.decide(&self.profile(prompt), objective, &rules)
    }

    pub(crate) fn profile_with(
        &self,
        prompt: &Prompt,
        history: &[crate::conversation::Turn],
    ) -> PromptProfile {
        self.profiler.profile(prompt, history)
    }

    /// The one road: every ranking is made here.
    pub(crate) fn decide(
        &self,
        profile: &PromptProfile,
        objective: &Objective,
        rules: &Rules<'_>,
    ) -> Result<Ranking> {
        let catalog = self.catalog.snapshot();
        let grid = self.grid();
        let today = Date::of(self.runtime.now());
        let named = Named::resolve(objective, &catalog)?;
        let mut candidates = Vec::with_capacity(catalog.cards().len());
        let mut excluded = Vec::new();
        // What the caller does not want takes part until the policies have counted: nobody can wish them away.
        let holding = rules.prompt.map(|prompt| self.enforcements.holding(prompt)).unwrap_or_default();
        let counts = holding.counts();
        let mut unwanted = BTreeMap::new();
        for card in catalog.cards() {
            let wish = wish(card, objective, &named, rules);
            let candidate = match unfit(card, profile, objective, rules, today) {
                Some(Rule::Unserved) => Err(Rule::Unserved),
                Some(rule) => Err(wish.unwrap_or(rule)),
                None => match wish {
                    Some(rule) if !counts => Err(rule),
                    wish => self.candidate(card, profile, &grid, today).map(|candidate| {
                        let wish = wish.or_else(|| over_cap(&candidate.forecast, &objective.caps));
                        (candidate, wish)
                    }),
                },
            };
            match candidate {
                Ok((candidate, None)) => candidates.push(candidate),
                Ok((candidate, Some(rule))) if counts => {
                    unwanted.insert(card.key.clone(), rule);
                    candidates.push(candidate);
                }
                Ok((_, Some(rule))) | Err(rule) => {
                    excluded.push(Excluded { model: card.key.clone(), rule });
                }
            }
        }
        let enforced = holding.apply(&mut candidates, &mut excluded);
        if !unwanted.is_empty() {
            candidates.retain(|Candidate { card, .. }| match unwanted.remove(&card.key) {
                Some(rule) => {
                    excluded.push(Excluded { model: card.key.clone(), rule });
                    false
                }
                None => true,
            });
        }
        let count = candidates.len();
        let zone_of = |candidate: &Candidate| grid.is_degraded(self.accountant.zone_of(&candidate.card));
        let without_zone = candidates.iter().filter(|candidate| zone_of(candidate)).count();
        let mut ranking = self.ranker.rank(profile, objective, candidates);
        ranking.excluded.extend(excluded);
        named.put_preferred_first(&mut ranking);
        ranking.notes.extend(named.notes);
        ranking.notes.extend(enforced.iter().map(|rule| Note::new(NoteCode::Enforced, rule.to_string())));
        ranking.notes.extend(caveats(&ranking, profile, &catalog, today));
        let paused = ranking.excluded.iter().filter(|excluded| matches!(excluded.rule, Rule::Paused { .. }));
        let paused =
            paused.map(|Excluded { model, rule }| Note::new(NoteCode::Paused, format!("{model}: {rule}")));
        ranking.notes.extend(paused.collect::<Vec<_>>());
        if without_zone > 0 {
            let text = format!(
                "no zone is known for {without_zone} of {count} candidates: the world average is used"
            );
            ranking.notes.push(Note::new(NoteCode::ZoneUnknown, text));
        }
        Ok(ranking)
    }

    fn candidate(
        &self,
        card: &Arc<ModelCard>,
        profile: &PromptProfile,
        grid: &GridSnapshot,
        today: Date,
    ) -> Result<Candidate, Rule> {
        let expectation = self.expecter.expect(profile, card);
        let output = match card.window.max_output {
            Some(limit) => expectation.output.map(|tokens| tokens.min(Tokens::new(limit))),
            None => expectation.output,
        };
        let zone = grid.known(self.accountant.zone_of(card));
        let forecast = self
            .accountant
            .forecast(card, expectation.success, profile.input, output, zone, today)
            .ok_or(Rule::Unmetered)?;
        Ok(Candidate { card: Arc::clone(card), forecast })
    }
}

/// What the Router adds to the rules of the objective.
#[derive(Default)]
pub(crate) struct Rules<'a> {
    /// The providers that can serve; `None` ranks models that nobody serves too.
    pub(crate) registry: Option<&'a crate::registry::Registry>,
    /// The only model that may answer: it waits for the results of its tools.
    pub(crate) pinned: Option<&'a ModelKey>,
    /// The models that are left alone for now.
    pub(crate) paused: &'a [Paused],
    /// The prompt, whose org, user and conversation may be under a policy.
    pub(crate) prompt: Option<&'a Prompt>,
}

impl Rules<'_> {
    /// Whether another model than this waits for the results of its tools.
    fn waits_for_another(&self, card: &ModelCard) -> bool {
        self.pinned.is_some_and(|pinned| *pinned != card.key)
    }

    /// Whether a store has the conversation; else the caller tells what was said, and by whom.
    fn is_stored(&self) -> bool {
        self.prompt.is_some_and(|prompt| prompt.conversation.is_some())
    }
}

/// What should be known of the best candidate, or else of the whole catalog.
fn caveats(
    ranking: &Ranking,
    profile: &PromptProfile,
    catalog: &CatalogSnapshot,
    today: Date,
) -> impl Iterator<Item = Note> + use<> {
    let best = ranking.best().map(|best| &*best.candidate.card);
    let age = best.and_then(|card| caveat::age(card, today)).or_else(|| {
        let days = catalog.stale_days(today)?;
        let text = format!("the catalog is {days} days old: prices and retirements may have changed");
        Some(Note::new(NoteCode::CatalogStale, text))
    });
    let retirement = best.and_then(|card| caveat::retirement(card, today));
    // A ranker that goes by benchmarks alone says more of this itself.
    let said = ranking.notes.iter().any(|note| note.code == NoteCode::AbilityGuessed);
    let guess = best.filter(|_| !said).and_then(|card| caveat::guess(card, &profile.capabilities));
    [age, retirement, guess].into_iter().flatten()
}

/// Why a model could not answer, whoever asks.
fn unfit(
    card: &ModelCard,
    profile: &PromptProfile,
    objective: &Objective,
    rules: &Rules<'_>,
    today: Date,
) -> Option<Rule> {
    let needed = profile.input.low().get().saturating_add(1);
    let primary = profile.capabilities.primary();
    let (needs, accepts) = (profile.needs, card.accepts);
    if rules.registry.is_some_and(|registry| registry.serving(&card.key).is_none()) {
        Some(Rule::Unserved)
    } else if rules.waits_for_another(card) && rules.is_stored() {
        Some(Rule::NotAllowed)
    } else if card.embeds {
        Some(Rule::Embeds)
    } else if let Some(date) = card.retirement.filter(|&date| date <= today) {
        Some(Rule::Retired(date))
    } else if card.privacy == Privacy::Remote && objective.sensitivity == Sensitivity::Private {
        Some(Rule::Privacy)
    } else if needs.images && !accepts.images {
        Some(Rule::Accepts("images".into()))
    } else if needs.tools && !accepts.tools {
        Some(Rule::Accepts("tools".into()))
    } else if needs.schema && !accepts.schema {
        Some(Rule::Accepts("schema".into()))
    } else if needed > card.window.context {
        Some(Rule::Window { needed, window: card.window.context })
    } else if !card.claims(primary) {
        Some(Rule::Capability(primary))
    } else {
        let mut paused = rules.paused.iter();
        let paused = paused.find(|paused| paused.model == card.key)?;
        Some(Rule::Paused { until: paused.until, why: paused.why.clone() })
    }
}

/// Why the caller would not have a model that could answer.
fn wish(card: &ModelCard, objective: &Objective, named: &Named, rules: &Rules<'_>) -> Option<Rule> {
    let others_only = objective.only.as_ref().is_some_and(|only| !only.contains(&card.key));
    if others_only || rules.waits_for_another(card) {
        Some(Rule::NotAllowed)
    } else if named.excluded.contains(&card.key) {
        Some(Rule::Excluded)
    } else {
        None
    }
}

/// The first cap of the caller's that a forecast exceeds.
fn over_cap(forecast: &Forecast, caps: &Caps) -> Option<Rule> {
    let over = |cap: Option<f64>, value: f64| cap.is_some_and(|cap| value > cap);
    let usd = forecast.cost.usd().map_or(f64::INFINITY, |usd| usd.value().as_usd());
    let exceeded = if over(caps.energy.map(Quantity::base), forecast.energy.value().as_joules()) {
        "energy"
    } else if over(caps.emissions.map(Quantity::base), forecast.emissions.value().as_grams()) {
        "emissions"
    } else if over(caps.cost.map(Quantity::base), usd) {
        "cost"
    } else if over(caps.duration.map(Quantity::base), forecast.duration.value().as_secs_f64()) {
        "duration"
    } else {
        return None;
    };
    Some(Rule::Cap(exceeded.into()))
}

/// The objective's names as keys.
#[derive(Default)]
struct Named {
    preferred: Vec<ModelKey>,
    excluded: Vec<ModelKey>,
    notes: Vec<Note>,
}

impl Named {
    /// A wish that names nobody is noted; a ban that does is an error, for it would let somebody in.
    fn resolve(objective: &Objective, catalog: &CatalogSnapshot) -> Result<Self> {
        let mut named = Self::default();
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

    fn put_preferred_first(&self, ranking: &mut Ranking) {
        if !self.preferred.is_empty() {
            // A stable sort: the ranker's order holds within both groups.
            ranking.ranked.sort_by_key(|ranked| {
                !(ranked.meets_floor && self.preferred.contains(&ranked.candidate.card.key))
            });
        }
    }
}
