mod aware;
mod fitness;
mod roster;
mod rules;

use crate::accountant::Accountant;
use crate::catalog::Catalog;
use crate::caveat;
use crate::enforce::{Enforcement, Enforcements};
use crate::error::Result;
use crate::expect::{Expectation, Expecter, HeuristicExpecter};
use crate::feedback::Verdict;
use crate::grid::{Choices, Chosen, GridChoice, GridSnapshot, GridView};
use crate::model::{Capability, ModelCard, ModelKey};
use crate::note::{Note, NoteCode};
use crate::objective::Objective;
use crate::profile::{HeuristicProfiler, PromptProfile, PromptProfiler};
use crate::prompt::Prompt;
use crate::rank::{Candidate, Excluded, Field, GreenRanker, Question, Ranker, Ranking, Rule, Sheet};
use crate::runtime::Runtime;
use crate::scope::Scope;
use crate::task::Task;
use crate::time::Date;
use crate::units::Tokens;
use fitness::{Asked, Fitness};
use roster::Rosters;
use rules::{Named, over_cap, unfit, wish};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

pub(crate) use roster::{Listed, Roster, Standing};
pub(crate) use rules::Rules;

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
    choices: Choices,
    rosters: Rosters,
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
            choices: Choices::default(),
            rosters: Rosters::default(),
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

    /// Replaces what is known of the grid. A [`Router`](crate::Router) with sources replaces it in turn with what they say.
    pub fn update_grid(&self, grid: GridSnapshot) {
        *self.grid.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(grid);
    }

    /// Sets the zone or the intensity that counts for one org, key, user or conversation, or ends it. It beats every
    /// source, for every model; what a call or a narrower scope sets beats it.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for a choice of nothing.
    pub fn set_grid(&self, scope: Scope, choice: Option<GridChoice>) -> Result<()> {
        self.choices.set(scope, choice)
    }

    /// The zones and intensities that are set.
    #[must_use]
    pub fn grid_choices(&self) -> Arc<BTreeMap<Scope, GridChoice>> {
        self.choices.all()
    }

    /// The zone or intensity that was set for `prompt`.
    pub(crate) fn chosen(&self, prompt: &Prompt) -> Option<Chosen> {
        self.choices.holding(prompt)
    }

    /// Sets the policy of an administrator for one org, key, user or conversation, or ends it. Decisions from now on obey,
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

    /// Teaches the expecter; what it learns counts from the next decision on.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) where it does not learn.
    pub fn learn(&self, verdicts: &[Verdict]) -> Result<()> {
        self.expecter.learn(verdicts)
    }

    /// Everything that the expecter learned since the shipped prior; empty where nothing was.
    #[must_use]
    pub fn learned(&self) -> Vec<u8> {
        self.expecter.snapshot()
    }

    /// Takes back what [`Advisor::learned`] gave, in place of what was learned since.
    ///
    /// # Errors
    /// [`ErrorKind::Decode`](crate::ErrorKind::Decode) for bytes of another expecter or version; nothing changes.
    pub fn restore(&self, learned: &[u8]) -> Result<()> {
        self.expecter.restore(learned)
    }

    /// Work of one kind, as the profiler knows its typical prompt.
    #[must_use]
    pub fn task(&self, capability: Capability) -> Task {
        Task::with_profile(self.profiler.centroid(capability))
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
        let chosen = self.chosen(prompt);
        let rules = Rules { prompt: Some(prompt), chosen: chosen.as_ref(), ..Rules::default() };
        self.decide(&self.profile(prompt), objective, &rules)
    }

    pub(crate) fn profile_with(
        &self,
        prompt: &Prompt,
        history: &[crate::conversation::Turn],
    ) -> PromptProfile {
        self.profiler.profile(prompt, history)
    }

    /// Every card of the catalog, prepared for the grid as it is known now.
    pub(crate) fn roster(&self) -> Arc<Roster> {
        self.rosters.of(&self.accountant, self.catalog.snapshot(), self.grid())
    }

    /// The one road: every ranking is made here.
    pub(crate) fn decide(
        &self,
        profile: &PromptProfile,
        objective: &Objective,
        rules: &Rules<'_>,
    ) -> Result<Ranking> {
        let roster = self.roster();
        let catalog = roster.catalog();
        let view = GridView::new(roster.grid(), rules.chosen);
        let now = self.runtime.now();
        let today = Date::of(now);
        let named = Named::resolve(objective, catalog)?;
        let mut excluded = Vec::new();
        // What the caller does not want, and what is left alone for a while, takes part until the policies have
        // counted: neither wishes nor failures bring in a hungrier model.
        let holding = rules.prompt.map(|prompt| self.enforcements.holding(prompt)).unwrap_or_default();
        let counts = holding.counts();
        let mut unwanted = BTreeMap::new();
        let question = Question::new(Arc::clone(&roster), profile.input, today, view.chosen().cloned());
        let asked = Asked::new(profile, objective, today);
        // By which rule a card is out, and by which it would be once the policies have counted.
        let rule_out = |model: &ModelKey, fitness: &Fitness| {
            let wish = || wish(model, objective, &named, rules);
            match unfit(model, fitness, &asked, rules) {
                Some(Rule::Unserved) => (Some(Rule::Unserved), None),
                Some(rule @ Rule::Paused { .. }) if counts => (None, Some(wish().unwrap_or(rule))),
                Some(rule) => (Some(wish().unwrap_or(rule)), None),
                None if counts => (None, wish()),
                None => (wish(), None),
            }
        };
        let mut fit = Vec::with_capacity(roster.all_listed().len());
        for (place, Listed { card, fitness, .. }) in roster.all_listed().iter().enumerate() {
            if rules.admit(&card.key, fitness, &asked, &named) {
                fit.push(place);
                continue;
            }
            let (unfit, unwanted_for) = rule_out(&card.key, fitness);
            if let Some(rule) = unfit {
                excluded.push(Excluded { model: card.key.clone(), rule });
                continue;
            }
            if let Some(rule) = unwanted_for {
                unwanted.insert(card.key.clone(), rule);
            }
            fit.push(place);
        }
        let limit = rules.prompt.and_then(|prompt| prompt.max_output_tokens);
        let mut expected = self.expected(&roster, &fit, profile, limit);
        let (mut sheets, mut fit) = (Vec::with_capacity(fit.len()), fit.into_iter());
        expected.retain(|expected| {
            let Some(place) = fit.next() else { return false };
            let listed = roster.listed(place);
            let sheet = Sheet::new((place, listed), expected, &question);
            if let Some(rule) = over_cap(sheet.middle(), &objective.caps) {
                let model = listed.card.key.clone();
                if !counts {
                    excluded.push(Excluded { model, rule });
                    return false;
                }
                // A rule that it breaks already stays the one that is told.
                unwanted.entry(model).or_insert(rule);
            }
            sheets.push(sheet);
            true
        });
        excluded.extend(roster.unmetered().iter().map(|card| Excluded {
            model: card.key.clone(),
            rule: rule_out(&card.key, &Fitness::of(card)).0.unwrap_or(Rule::Unmetered),
        }));
        let mut candidates = Field::candidates(sheets, expected, question);
        let enforced = holding.apply(&mut candidates, &mut excluded);
        if !unwanted.is_empty() {
            candidates.retain(|candidate| match unwanted.remove(&candidate.card().key) {
                Some(rule) => {
                    excluded.push(Excluded { model: candidate.card().key.clone(), rule });
                    false
                }
                None => true,
            });
        }
        let count = candidates.len();
        // Where models run is no question where somebody has set it.
        let (mut without_zone, mut assumed) = (0, 0);
        for standing in candidates.iter().filter(|_| rules.chosen.is_none()).filter_map(Candidate::standing) {
            without_zone += usize::from(standing == Standing::Unknown);
            assumed += usize::from(standing == Standing::Assumed);
        }
        let grid_of = |card: &ModelCard| view.reading(self.accountant.zone_of(card));
        let mut ranking = aware::rank(&*self.ranker, profile, objective, candidates, &named, now, grid_of);
        ranking.excluded.extend(excluded);
        ranking.notes.extend(named.notes);
        ranking.notes.extend(enforced.iter().map(|rule| Note::new(NoteCode::Enforced, rule.to_string())));
        ranking.notes.extend(caveats(&ranking, profile, &roster, today));
        let paused = ranking.excluded.iter().filter(|excluded| matches!(excluded.rule, Rule::Paused { .. }));
        let paused =
            paused.map(|Excluded { model, rule }| Note::new(NoteCode::Paused, format!("{model}: {rule}")));
        ranking.notes.extend(paused.collect::<Vec<_>>());
        ranking.notes.extend(view.choice_unknown());
        if without_zone > 0 {
            let text = format!(
                "no zone is known for {without_zone} of {count} candidates: the world average is used"
            );
            ranking.notes.push(Note::new(NoteCode::ZoneUnknown, text));
        }
        if assumed > 0 {
            let text = format!(
                "{assumed} of {count} candidates are assumed to run where their provider usually does"
            );
            ranking.notes.push(Note::new(NoteCode::ZoneAssumed, text));
        }
        Ok(ranking)
    }

    /// What is expected of each model of these places, which writes no more than it can, nor than `limit` tokens.
    fn expected(
        &self,
        roster: &Roster,
        places: &[usize],
        profile: &PromptProfile,
        limit: Option<u64>,
    ) -> Vec<Expectation> {
        let cards: Vec<&ModelCard> = places.iter().map(|place| &*roster.listed(*place).card).collect();
        let mut all = self.expecter.expect_all(profile, &cards);
        if all.len() != cards.len() {
            // Whose is whose cannot be told, and no model may be lost.
            all = cards.iter().map(|card| self.expecter.expect(profile, card)).collect();
        }
        let limit = limit.unwrap_or(u64::MAX);
        for (Expectation { output, .. }, place) in all.iter_mut().zip(places) {
            let longest = Tokens::new(roster.listed(*place).fitness.max_output.min(limit));
            if output.high() > longest {
                *output = output.map(|tokens| tokens.min(longest));
            }
        }
        all
    }
}

/// What should be known of the best candidate, or else of the whole catalog.
fn caveats(
    ranking: &Ranking,
    profile: &PromptProfile,
    roster: &Roster,
    today: Date,
) -> impl Iterator<Item = Note> + use<> {
    let best = ranking.best().map(|best| &**best.candidate.card());
    let age = best.and_then(|card| caveat::age(card, today)).or_else(|| {
        let days = roster.stale_days(today)?;
        let text = format!("the catalog is {days} days old: prices and retirements may have changed");
        Some(Note::new(NoteCode::CatalogStale, text))
    });
    let retirement = best.and_then(|card| caveat::retirement(card, today));
    // A ranker that goes by benchmarks alone says more of this itself.
    let said = ranking.notes.iter().any(|note| note.code == NoteCode::AbilityGuessed);
    let guess = best.filter(|_| !said).and_then(|card| caveat::guess(card, &profile.capabilities));
    [age, retirement, guess].into_iter().flatten()
}
