use super::Inner;
use super::answer::{Advice, Answer};
use super::settle::{Settlement, Settling};
use crate::accountant::Accounted;
use crate::advisor::Rules;
use crate::chat::{Block, ChatResponse, Spent};
use crate::conversation::Turn;
use crate::error::{Error, Result};
use crate::estimate::{Estimate, Method};
use crate::model::{Cost, ModelCard, ModelKey};
use crate::note::{Note, NoteCode};
use crate::profile::estimate_tokens;
use crate::prompt::Prompt;
use crate::rank::{Candidate, Ranking};
use crate::reading::Reading;
use crate::receipt::{Attempt, BaselineRule, Deciding, Outcome, Purpose, Receipt, ReceiptId};
use crate::time::Date;
use crate::units::{Energy, Tokens, Usd};
use crate::usage::{Counted, Usage};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// One call on its way, with everything that will stand on its receipt. Dropped before its end, it settles itself.
pub(super) struct Call {
    pub(super) inner: Arc<Inner>,
    pub(super) prompt: Prompt,
    pub(super) history: Vec<Turn>,
    pub(super) ranking: Ranking,
    pub(super) notes: Vec<Note>,
    /// The moment, on the runtime's clock, at which the call must end.
    pub(super) deadline: Duration,
    head: u64,
    input: Estimate<Tokens>,
    id: ReceiptId,
    created_at: SystemTime,
    deciding: Deciding,
    attempts: Vec<Attempt>,
    live: Option<Live>,
    settled: bool,
}

/// The attempt under way.
struct Live {
    candidate: Candidate,
    purpose: Purpose,
    started_at: SystemTime,
    started: Duration,
    spent: Spent,
    /// What was streamed so far.
    text: String,
}

impl Call {
    /// Loads the history, profiles the prompt and ranks the models.
    pub(super) async fn decide(inner: &Arc<Inner>, prompt: Prompt) -> Result<Self> {
        prompt.validate()?;
        let objective = prompt.objective.as_ref().unwrap_or(&inner.objective);
        objective.validate()?;
        let runtime = &inner.runtime;
        let (created_at, started) = (runtime.now(), runtime.elapsed());
        let (history, head) = match &prompt.conversation {
            Some(id) => {
                let store = inner.conversations()?;
                let head = store.find(id).await?.head;
                (store.tail(id, usize::try_from(head).unwrap_or(usize::MAX)).await?, head)
            }
            None => (Vec::new(), 0),
        };
        inner.grid.refresh(inner).await;
        let begun = runtime.elapsed();
        let profile = inner.advisor.profile_with(&prompt, &history);
        let rules = Rules { registry: Some(&inner.registry), pinned: pinned(&history) };
        let ranking = inner.advisor.decide(&profile, objective, &rules);
        let deciding = inner.advisor.accountant().deciding(runtime.elapsed().saturating_sub(begun));
        let time = prompt.deadline.unwrap_or(inner.policy.deadline);
        let told = ranking.notes.iter().filter(|note| {
            matches!(note.code, NoteCode::FloorMissed | NoteCode::AbilityGuessed | NoteCode::Setting)
        });
        Ok(Self {
            notes: inner.notes.iter().chain(told).cloned().collect(),
            inner: Arc::clone(inner),
            deadline: started.saturating_add(time),
            input: profile.input,
            id: ReceiptId::from_u128(runtime.unique_id()),
            attempts: Vec::new(),
            live: None,
            settled: false,
            prompt,
            history,
            ranking,
            head,
            created_at,
            deciding,
        })
    }

    pub(super) fn into_ranking(mut self) -> Ranking {
        self.settled = true;
        std::mem::take(&mut self.ranking)
    }

    /// The time left until the deadline.
    pub(super) fn left(&self) -> Duration {
        self.deadline.saturating_sub(self.inner.runtime.elapsed())
    }

    pub(super) fn begin(&mut self, candidate: Candidate, purpose: Purpose, spent: Spent) {
        let (started_at, started) = (self.inner.runtime.now(), self.inner.runtime.elapsed());
        self.live = Some(Live { candidate, purpose, started_at, started, spent, text: String::new() });
    }

    /// The model that is being asked.
    pub(super) fn asked(&self) -> Option<&ModelKey> {
        self.live.as_ref().map(|live| &live.candidate.card.key)
    }

    /// What was heard of an answer so far: an answer that breaks off is booked by it.
    pub(super) fn heard(&mut self, text: &str) {
        if let Some(live) = &mut self.live {
            live.text.push_str(text);
        }
    }

    /// Books the attempt under way as failed.
    pub(super) fn book_failure(&mut self, error: &Error) {
        let outcome = Outcome::failed(error.kind(), error.message());
        self.book_unfinished(outcome, error.spent(), error.may_have_run());
    }

    /// Books the attempt under way as answered, and closes the books.
    pub(super) fn account(mut self, response: ChatResponse) -> Answering {
        let advice = self.advice();
        let answered = self.live.take().map(|live| self.book_answer(&live, &response));
        let receipt = self.close_books();
        let ChatResponse { blocks, finish_reason, .. } = response;
        let answered = answered.map(|model| (model, blocks.clone()));
        let settling = self.settling(receipt, answered);
        Answering { settling, blocks, finish_reason, advice }
    }

    /// Closes the books without an answer; the error takes the receipt along.
    pub(super) async fn fail(mut self, error: Error) -> Error {
        if self.live.is_some() {
            self.book_failure(&error);
        }
        let receipt = self.close_books();
        error.with_receipt(self.settling(receipt, None).write().await)
    }

    fn book_answer(&mut self, live: &Live, response: &ChatResponse) -> ModelKey {
        let asked = Arc::clone(&live.candidate.card);
        let card = self.answering_card(&asked, &response.returned);
        let grid = self.grid(&card);
        let today = Date::of(self.inner.runtime.now());
        let accountant = self.inner.advisor.accountant();
        let ChatResponse { usage, timing, reading, .. } = response;
        let accounted = accountant.account(&card, usage, timing.as_ref(), reading.as_ref(), &grid, today);
        if usage.is_approximate() {
            self.note(
                NoteCode::UsageApproximate,
                "the tokens were not counted by the model's own tokenizer".into(),
            );
        }
        self.note_gaps(&card, &accounted);
        let finish_reason = response.finish_reason.clone();
        let mut attempt = self.attempt(live, Outcome::Answered { finish_reason }, &card, accounted);
        attempt.returned = Some(response.returned.clone());
        attempt.timing = response.timing;
        attempt.usage = Some(*usage);
        self.attempts.push(attempt);
        asked.key.clone()
    }

    fn book_unfinished(&mut self, outcome: Outcome, reported: &[Reading], ran: bool) {
        let Some(live) = self.live.take() else { return };
        let card = Arc::clone(&live.candidate.card);
        let (grid, today) = (self.grid(&card), Date::of(self.inner.runtime.now()));
        let accountant = Arc::clone(self.inner.advisor.accountant());
        let usage = (!live.text.is_empty()).then(|| {
            Counted::Approximate(Usage::new(self.input.value(), estimate_tokens(&live.text).value()))
        });
        let mut readings = live.spent.take();
        readings.extend_from_slice(reported);
        let spent =
            readings.iter().map(|reading| accountant.widen(&card, reading)).reduce(|sum, next| Reading {
                energy: sum.energy + next.energy,
                idle: sum.idle.zip(next.idle).map(|(a, b)| a + b),
                ..sum
            });
        let accounted = match (spent, &usage) {
            (Some(reading), usage) => {
                let counted = usage.map(|counted| *counted.usage()).unwrap_or_default();
                Accounted {
                    emissions: Some(reading.energy * grid.intensity),
                    cost: accountant.cost(&card, &counted, Some(reading.energy), today, Method::Proxy),
                    reading: Some(reading),
                    skipped: Vec::new(),
                }
            }
            (None, Some(counted)) => accountant.account(&card, counted, None, None, &grid, today),
            (None, None) if ran => {
                self.note(
                    NoteCode::Unmetered,
                    format!(
                        "{} may have run before it failed: booked between nothing and its whole forecast",
                        card.key
                    ),
                );
                perhaps(&live.candidate, &grid)
            }
            (None, None) => Accounted {
                reading: None,
                skipped: Vec::new(),
                emissions: None,
                cost: Cost::Priced(Estimate::exact(Usd::ZERO, Method::Reported)),
            },
        };
        let mut attempt = self.attempt(&live, outcome, &card, accounted);
        attempt.usage = usage;
        self.attempts.push(attempt);
    }

    fn attempt(&self, live: &Live, outcome: Outcome, card: &ModelCard, accounted: Accounted) -> Attempt {
        let Accounted { reading, skipped, emissions, cost } = accounted;
        Attempt {
            requested: live.candidate.card.key.clone(),
            returned: None,
            purpose: live.purpose,
            outcome,
            started_at: live.started_at,
            duration: self.inner.runtime.elapsed().saturating_sub(live.started),
            timing: None,
            device: card.deployment.as_ref().map(|deployment| deployment.device.clone()),
            usage: None,
            forecast: live.candidate.forecast.clone(),
            reading,
            skipped,
            emissions,
            cost,
            grid: self.grid(card),
        }
    }

    fn close_books(&mut self) -> Receipt {
        self.settled = true;
        let parts = self.attempts.iter().filter_map(|attempt| attempt.reading.as_ref());
        let energy = total(parts.map(|reading| reading.energy), self.deciding.energy);
        let accountant = self.inner.advisor.accountant();
        let own = self.inner.advisor.grid();
        let own = own.get(accountant.own_zone());
        let parts = self.attempts.iter().filter_map(|attempt| attempt.emissions);
        let emissions = total(parts, self.deciding.energy * own.intensity);
        let costs = self.attempts.iter().map(|attempt| attempt.cost);
        let nothing = Cost::Priced(Estimate::exact(Usd::ZERO, Method::Reported));
        let mut asked = self.attempts.iter().map(|attempt| &attempt.requested);
        if let (Some(first), Some(last)) = (asked.next(), asked.next_back())
            && first != last
        {
            let text = format!("{first} failed, so {last} was asked");
            self.notes.push(Note::new(NoteCode::FellBack, text));
        }
        Receipt {
            id: self.id.clone(),
            created_at: self.created_at,
            deciding: self.deciding,
            energy,
            emissions,
            cost: costs.reduce(|sum, cost| sum + cost).unwrap_or(nothing),
            baseline: self.baseline(),
            attempts: std::mem::take(&mut self.attempts),
            notes: std::mem::take(&mut self.notes),
            tags: std::mem::take(&mut self.prompt.tags),
        }
    }

    /// The configured model, else the candidate most likely to succeed; nothing where that is the one that answered.
    fn baseline(&self) -> Option<crate::receipt::Baseline> {
        let answered = self.attempts.iter().find(|attempt| attempt.returned.is_some())?;
        let catalog = self.inner.advisor.catalog().snapshot();
        let (rule, other) = match &self.inner.baseline {
            Some(key) => (BaselineRule::Configured, catalog.get(key)?),
            None => {
                let likely = |ranked: &&crate::rank::Ranked| ranked.candidate.forecast.success.value();
                let best = self.ranking.ranked.iter().max_by(|a, b| {
                    let by_success = likely(a).as_fraction().total_cmp(&likely(b).as_fraction());
                    by_success.then_with(|| b.candidate.card.key.cmp(&a.candidate.card.key))
                })?;
                (BaselineRule::MostLikelyToSucceed, &best.candidate.card)
            }
        };
        if other.key == answered.requested {
            return None;
        }
        let card = catalog.get(&answered.requested)?;
        let grids = (self.grid(card), self.grid(other));
        let today = Date::of(self.inner.runtime.now());
        let accountant = self.inner.advisor.accountant();
        accountant.baseline(rule, (card, &grids.0), (other, &grids.1), answered.usage.as_ref()?, today)
    }

    /// The card of the model that answered: a provider may redirect to another than was asked.
    fn answering_card(&mut self, asked: &Arc<ModelCard>, returned: &ModelKey) -> Arc<ModelCard> {
        if asked.key == *returned {
            return Arc::clone(asked);
        }
        let known = self.inner.advisor.catalog().snapshot().get(returned).cloned();
        let by = if known.is_some() { "its own card" } else { "the card of the one asked" };
        self.note(
            NoteCode::ModelRedirected,
            format!("{} was asked and {returned} answered: accounted by {by}", asked.key),
        );
        known.unwrap_or_else(|| Arc::clone(asked))
    }

    fn note_gaps(&mut self, card: &ModelCard, accounted: &Accounted) {
        let grid = self.inner.advisor.grid();
        if let (_, Some(text)) = self.inner.advisor.accountant().grid(card, &grid) {
            self.note(NoteCode::ZoneUnknown, text);
        }
        if accounted.reading.is_none() {
            self.note(NoteCode::Unmetered, format!("no meter could read the call to {}", card.key));
        }
        if accounted.cost == Cost::Unpriced {
            let text = match card.pricing {
                crate::model::Pricing::Electricity => {
                    "the electricity is unpriced: no price per kWh is set".to_owned()
                }
                _ => format!("no price is known for {}", card.key),
            };
            self.note(NoteCode::Unpriced, text);
        }
    }

    fn note(&mut self, code: NoteCode, text: String) {
        self.notes.push(Note::new(code, text));
    }

    fn grid(&self, card: &ModelCard) -> Arc<crate::grid::GridReading> {
        let snapshot = self.inner.advisor.grid();
        Arc::clone(self.inner.advisor.accountant().grid(card, &snapshot).0)
    }

    fn advice(&self) -> Advice {
        let model =
            self.live.as_ref().map_or_else(|| ModelKey::new("", ""), |live| live.candidate.card.key.clone());
        let place = self.ranking.ranked.iter().position(|ranked| ranked.candidate.card.key == model);
        let of = self.ranking.ranked.len();
        let why = match place {
            Some(0) if of == 1 => "the only candidate".to_owned(),
            Some(0) if self.ranking.best().is_some_and(|best| best.meets_floor) => {
                format!("the best of {of} candidates that the objective allows")
            }
            Some(0) => {
                format!("the most likely of {of} candidates to succeed: none is known to meet the floor")
            }
            Some(place) => format!("place {} of {of}, after those before it failed", place + 1),
            None => String::new(),
        };
        Advice { model, why }
    }

    fn settling(&mut self, receipt: Receipt, answered: Option<(ModelKey, Vec<Block>)>) -> Settling {
        let prompt = std::mem::take(&mut self.prompt);
        Settling::new(&self.inner, Settlement { prompt, head: self.head, receipt, answered })
    }
}

/// The caller gave up: what was spent is booked and recorded all the same.
impl Drop for Call {
    fn drop(&mut self) {
        if self.settled || (self.live.is_none() && self.attempts.is_empty()) {
            return;
        }
        self.book_unfinished(Outcome::Cancelled, &[], true);
        self.notes.push(Note::new(NoteCode::Cancelled, "the caller gave up before the answer was complete"));
        let receipt = self.close_books();
        // Dropping what is not yet written hands it to a task of its own.
        drop(self.settling(receipt, None));
    }
}

/// An answer whose turn and receipt are still to be written.
pub(super) struct Answering {
    settling: Settling,
    blocks: Vec<Block>,
    finish_reason: crate::chat::FinishReason,
    advice: Advice,
}

impl Answering {
    /// Writes turn and receipt, and hands out the answer.
    pub(super) async fn remember(self) -> Answer {
        let receipt = self.settling.write().await;
        Answer::new(self.blocks, self.finish_reason, receipt, self.advice)
    }
}

/// The model that waits for the results of its tools, if the conversation ends so.
fn pinned(history: &[Turn]) -> Option<&ModelKey> {
    let last = history.last()?;
    let calls = |block: &Block| matches!(block, Block::ToolCall { .. });
    last.model.as_ref().filter(|_| last.message.blocks.iter().any(calls))
}

/// Nobody knows how far the model came: from nothing to the whole forecast, half of it in the middle.
fn perhaps(candidate: &Candidate, grid: &crate::grid::GridReading) -> Accounted {
    let forecast = &candidate.forecast;
    let half = |energy: Estimate<Energy>| {
        Estimate::banded(Energy::ZERO, energy.value() * 0.5, energy.high(), Method::Proxy)
    };
    let energy = half(forecast.energy);
    let cost = match forecast.cost.usd() {
        Some(usd) => Cost::Priced(Estimate::banded(Usd::ZERO, usd.value() * 0.5, usd.high(), Method::Proxy)),
        None => Cost::Unpriced,
    };
    let boundary = crate::reading::Boundary::Facility;
    Accounted {
        reading: Some(Reading::new(energy, boundary, forecast.meter.clone())),
        skipped: Vec::new(),
        emissions: Some(energy * grid.intensity),
        cost,
    }
}

/// The sum of the attempts' parts and of deciding. Deciding weakens the method only where it is more than a
/// hundredth of the sum: a measurement stays one beside a few microjoules that were modelled.
fn total<T>(parts: impl Iterator<Item = Estimate<T>>, deciding: Estimate<T>) -> Estimate<T>
where
    T: crate::units::Quantity + std::ops::Add<Output = T>,
{
    match parts.reduce(|sum, part| sum + part) {
        None => deciding,
        Some(attempts) => {
            let sum = attempts + deciding;
            let small = deciding.value().base() * 100.0 <= sum.value().base();
            let method = if small { attempts.method() } else { sum.method() };
            Estimate::banded(sum.low(), sum.value(), sum.high(), method)
        }
    }
}
