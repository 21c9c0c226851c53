//! What people say of answers, and what is learned from it.

use super::{Inner, Router};
use crate::error::{Error, ErrorKind, Result};
use crate::feedback::{Feedback, Judged, Judgement, Verdict};
use crate::ledger::Ledger;
use crate::receipt::{Receipt, ReceiptId};
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many judgements are remembered beside the ledger.
const REMEMBERED: usize = 1 << 16;

/// Who has judged which receipt, of late: the oldest is forgotten first. A judge and a receipt are remembered as one
/// number, so that no name can fill the memory; a new pair has another's number with a chance of 4 · 10⁻¹⁵.
#[derive(Debug, Default)]
pub(super) struct Judges {
    numbers: RandomState,
    heard: Mutex<Heard>,
}

#[derive(Debug, Default)]
struct Heard {
    known: HashMap<u64, State>,
    order: VecDeque<u64>,
}

/// How far a judgement has come.
#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    /// It is being heard, or was.
    Heard,
    /// It was learned, but the ledger does not have it: given again, it is only written.
    Unwritten(Judgement),
}

impl Judges {
    fn number(&self, id: &ReceiptId, judge: Option<&str>) -> u64 {
        self.numbers.hash_one((id, judge))
    }

    /// The hearing of this judgement; `None` for a second one by the same judge on the same receipt.
    fn hear(&self, number: u64, judgement: Judgement) -> Option<Hearing<'_>> {
        let mut heard = self.heard();
        let Heard { known, order } = &mut *heard;
        let learned = match known.get(&number) {
            None => {
                order.push_back(number);
                if order.len() > REMEMBERED
                    && let Some(oldest) = order.pop_front()
                {
                    known.remove(&oldest);
                }
                false
            }
            Some(State::Unwritten(earlier)) if *earlier == judgement => true,
            Some(_) => return None,
        };
        known.insert(number, State::Heard);
        Some(Hearing { judges: self, number, judgement, learned, written: false })
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A judgement on its way, through the expecter to the ledger. Dropped before the end, as by an error or by a caller who
/// gives up, it may come again: whole where nothing was learned, else for the ledger alone.
#[derive(Debug)]
struct Hearing<'a> {
    judges: &'a Judges,
    number: u64,
    judgement: Judgement,
    learned: bool,
    written: bool,
}

impl Drop for Hearing<'_> {
    fn drop(&mut self) {
        if self.written {
            return;
        }
        let mut heard = self.judges.heard();
        if !self.learned {
            heard.known.remove(&self.number);
            if heard.order.back() == Some(&self.number) {
                heard.order.pop_back();
            } else {
                heard.order.retain(|other| *other != self.number);
            }
        } else if let Some(state) = heard.known.get_mut(&self.number) {
            *state = State::Unwritten(self.judgement);
        }
    }
}

impl Router {
    /// Learns from what somebody says of an answer: by its receipt, or by the id of a receipt in the ledger, which then
    /// has the feedback on it.
    ///
    /// A judge is heard once on a receipt: the second time is a [`ErrorKind::Conflict`], for what was learned cannot be
    /// taken back. Another judge is heard as well. What ended in another error, or was given up, may be given again:
    /// where it was learned and the ledger could not be written, it is now written, and not learned twice.
    ///
    /// # Errors
    /// [`ErrorKind::ReceiptNotFound`] for an id that the ledger does not know, [`ErrorKind::Config`] for an id without
    /// a ledger, [`ErrorKind::InvalidRequest`] for a call that nobody answered, [`ErrorKind::Conflict`] for a second
    /// judgement, [`ErrorKind::Unsupported`] where the receipt keeps no profile or the expecter does not learn; whatever
    /// the ledger gives.
    pub async fn feedback<'a>(
        &self,
        on: impl Into<Judged<'a>> + Send,
        feedback: impl Into<Feedback> + Send,
    ) -> Result<()> {
        let Feedback { judgement, judge } = feedback.into();
        let ledger = self.0.ledger.as_ref();
        let given = on.into();
        let (id, held) = match given {
            Judged::Receipt(receipt) => (&receipt.id, Some(receipt)),
            Judged::Id(id) => (id, None),
        };
        let stored = match ledger {
            Some(ledger) => ledger.receipt(id).await?,
            None => None,
        };
        let receipt = match (stored.as_ref().or(held), ledger) {
            (Some(receipt), _) => receipt,
            (None, Some(_)) => {
                let message = format!("no receipt in the ledger has the id `{id}`");
                return Err(Error::new(ErrorKind::ReceiptNotFound, "feedback", message));
            }
            (None, None) => {
                let message = "a receipt is found by its id in a ledger: set `ledger` on the builder, or give the receipt";
                return Err(Error::new(ErrorKind::Config, "feedback", message));
            }
        };
        let judge = judge.or_else(|| receipt.tags.get("user").map(|user| Arc::from(user.as_str())));
        let feedback = Feedback { judgement, judge };
        let verdict = self.0.verdict(receipt, &feedback)?;
        let number = self.0.judges.number(&receipt.id, feedback.judge.as_deref());
        let told = receipt.feedback.iter().find(|earlier| earlier.judge == feedback.judge);
        let hearing = self.0.judges.hear(number, judgement);
        // What a ledger wrote, and then failed, it has: only he who was told of the failure may say it again.
        let hearing = hearing.filter(|hearing| told.is_none_or(|told| hearing.learned && *told == feedback));
        let Some(mut hearing) = hearing else {
            let who = feedback.judge.as_deref().unwrap_or("somebody unnamed");
            let message = format!("{who} has judged receipt `{id}` already");
            return Err(Error::new(ErrorKind::Conflict, "feedback", message));
        };
        let told = told.is_some();
        if !hearing.learned {
            self.learn(&[verdict])?;
            hearing.learned = true;
        }
        if let (Some(ledger), Some(mut receipt), false) = (ledger, stored, told) {
            receipt.feedback.push(feedback);
            ledger.record(&receipt).await?;
        }
        hearing.written = true;
        Ok(())
    }

    /// Learns from verdicts on earlier answers, whoever gave these: what one judge can move is bounded by the expecter.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] where the expecter does not learn.
    pub fn learn(&self, verdicts: &[Verdict]) -> Result<()> {
        self.0.advisor.learn(verdicts)
    }

    /// Everything learned since the shipped prior, for [`Router::restore`]; empty where nothing was.
    #[must_use]
    pub fn learned(&self) -> Vec<u8> {
        self.0.advisor.learned()
    }

    /// Takes back what [`Router::learned`] gave, in place of what was learned since.
    ///
    /// # Errors
    /// [`ErrorKind::Decode`] for bytes of another expecter or version; nothing changes.
    pub fn restore(&self, learned: &[u8]) -> Result<()> {
        self.0.advisor.restore(learned)
    }
}

impl Inner {
    /// What `feedback` says of the model that answered.
    fn verdict(&self, receipt: &Receipt, feedback: &Feedback) -> Result<Verdict> {
        let id = &receipt.id;
        let answered = receipt.answered().ok_or_else(|| {
            let message = format!("nobody answered the call of receipt `{id}`: there is nothing to judge");
            Error::new(ErrorKind::InvalidRequest, "feedback", message)
        })?;
        let profile = receipt.profile.as_deref().ok_or_else(|| {
            let message =
                format!("receipt `{id}` keeps no profile of its prompt: nothing can be learned from it");
            Error::new(ErrorKind::Unsupported, "feedback", message)
        })?;
        // Whom the provider redirected to is whom the words are on, where that model is known.
        let catalog = self.advisor.catalog().snapshot();
        let asked = catalog.get(&answered.requested);
        let meant = asked.zip(answered.returned.as_ref());
        let meant = meant.and_then(|(asked, returned)| catalog.meant(asked, returned));
        Ok(Verdict {
            receipt: Some(id.clone()),
            model: meant.map_or_else(|| answered.requested.clone(), |card| card.key.clone()),
            profile: profile.clone(),
            score: feedback.judgement.score(),
            judge: feedback.judge.clone(),
        })
    }
}
