use super::Inner;
use crate::chat::{Block, Message, Role};
use crate::conversation::{Append, Turn};
use crate::error::ErrorKind;
use crate::model::ModelKey;
use crate::note::{Note, NoteCode};
use crate::prompt::Prompt;
use crate::receipt::Receipt;
use futures_util::future::{Either, select};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

/// Everything that is to be remembered of one call, however it ended.
#[derive(Clone)]
pub(super) struct Settlement {
    pub(super) prompt: Prompt,
    /// How many turns the conversation had when the call began.
    pub(super) head: u64,
    /// The conversation's model when the call began.
    pub(super) active: Option<ModelKey>,
    pub(super) receipt: Receipt,
    /// What the model said, and which; `None` where nobody answered.
    pub(super) answered: Option<(ModelKey, Vec<Block>)>,
}

impl Settlement {
    /// Stores turns and receipt; a note for whatever could not be stored joins the receipt.
    ///
    /// Writing the same settlement twice changes nothing: both stores know its receipt's id.
    async fn write(&mut self, inner: &Inner) {
        let Self { prompt, head, active, receipt, answered } = self;
        if let (Some(store), Some(id), Some((model, blocks))) =
            (&inner.conversations, &prompt.conversation, answered)
        {
            let at = inner.runtime.now();
            let turn = |message, model| Turn { message, at, model, receipt: Some(receipt.id.clone()) };
            let said = Message { role: Role::Assistant, blocks: blocks.clone() };
            let turns = vec![turn(prompt.message(), None), turn(said, Some(model.clone()))];
            let append = Append { expected_head: *head, turns, receipt: Some(receipt.clone()) };
            let stored = match store.append(id, append).await {
                Ok(_) if active.as_ref() == Some(model) => Ok(()),
                // Whoever named another model meanwhile has the last word.
                Ok(_) => match store.set_active_model(id, active.as_ref(), model).await {
                    Err(error) if *error.kind() != ErrorKind::Conflict => Err(error),
                    _ => Ok(()),
                },
                Err(error) => Err(error),
            };
            if let Err(error) = stored {
                let text = format!("the turn is not in the conversation: {error}");
                receipt.notes.push(Note::new(NoteCode::NotStored, text));
            }
        }
        if let Some(ledger) = &inner.ledger
            && let Err(error) = ledger.record(receipt).await
        {
            let text = format!("the receipt is not in the ledger: {error}");
            receipt.notes.push(Note::new(NoteCode::NotRecorded, text));
        }
    }
}

/// How long an answer waits for its turn and receipt to be stored.
const PATIENCE: Duration = Duration::from_secs(10);

/// A settlement that is written when asked, and by a task of its own where the asker is dropped before the end.
pub(super) struct Settling {
    inner: Arc<Inner>,
    settlement: Settlement,
    /// Notes of the call itself; what a first try adds is not true of the second.
    notes: usize,
    written: bool,
}

impl Settling {
    pub(super) fn new(inner: &Arc<Inner>, settlement: Settlement) -> Self {
        let notes = settlement.receipt.notes.len();
        Self { inner: Arc::clone(inner), settlement, notes, written: false }
    }

    /// Writes, and gives the receipt with notes on what could not be written. A store that takes too long goes on
    /// without the caller: it must not withhold an answer that exists.
    pub(super) async fn write(mut self) -> Receipt {
        if self.inner.ledger.is_none() && self.inner.conversations.is_none() {
            return self.settlement.receipt.clone();
        }
        let sleep = self.inner.runtime.sleep(PATIENCE);
        let in_time =
            matches!(select(pin!(self.settlement.write(&self.inner)), sleep).await, Either::Left(_));
        self.written = in_time;
        let mut receipt = self.settlement.receipt.clone();
        if !in_time {
            let text = format!("not stored after {PATIENCE:?}: the store is still being waited for");
            receipt.notes.push(Note::new(NoteCode::NotStored, text));
        }
        receipt
    }
}

impl Drop for Settling {
    fn drop(&mut self) {
        if self.written || (self.inner.ledger.is_none() && self.inner.conversations.is_none()) {
            return;
        }
        let running = self.inner.pending.begin();
        let (inner, mut settlement) = (Arc::clone(&self.inner), self.settlement.clone());
        settlement.receipt.notes.truncate(self.notes);
        self.inner.runtime.spawn(Box::pin(async move {
            settlement.write(&inner).await;
            drop(running);
        }));
    }
}

/// Settlements that run on their own; closing waits for them.
#[derive(Clone, Default)]
pub(super) struct Pending(Arc<Mutex<Waiting>>);

#[derive(Default)]
struct Waiting {
    running: usize,
    wakers: Vec<Waker>,
}

/// Counts as running until dropped, so that a task that panics or is thrown away does not block closing.
pub(super) struct Running(Pending);

impl Pending {
    pub(super) fn begin(&self) -> Running {
        self.with(|waiting| waiting.running += 1);
        Running(self.clone())
    }

    pub(super) async fn wait(&self) {
        poll_fn(|context| {
            self.with(|waiting| {
                if waiting.running == 0 {
                    return Poll::Ready(());
                }
                waiting.wakers.push(context.waker().clone());
                Poll::Pending
            })
        })
        .await;
    }

    fn with<T>(&self, change: impl FnOnce(&mut Waiting) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let wakers = self.0.with(|waiting| {
            waiting.running -= 1;
            if waiting.running == 0 { std::mem::take(&mut waiting.wakers) } else { Vec::new() }
        });
        for waker in wakers {
            waker.wake();
        }
    }
}
