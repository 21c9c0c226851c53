//! What people say of answers reaches the expecter, once.

use crate::support::*;
use async_trait::async_trait;
use greenroute_core::units::Probability;
use greenroute_core::*;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Remembers what it is taught, and takes nothing else.
#[derive(Debug, Default)]
struct Pupil(Mutex<Vec<Verdict>>);

impl Pupil {
    fn heard(&self) -> Vec<Verdict> {
        self.0.lock().unwrap().clone()
    }
}

impl Expecter for Pupil {
    fn expect(&self, profile: &PromptProfile, card: &ModelCard) -> Expectation {
        HeuristicExpecter.expect(profile, card)
    }

    fn expect_all(&self, profile: &PromptProfile, cards: &[&ModelCard]) -> Vec<Expectation> {
        cards.iter().map(|card| self.expect(profile, card)).collect()
    }

    fn learn(&self, verdicts: &[Verdict]) -> Result<()> {
        self.0.lock().unwrap().extend_from_slice(verdicts);
        Ok(())
    }

    fn snapshot(&self) -> Vec<u8> {
        serde_json::to_vec(&self.heard()).unwrap()
    }

    fn restore(&self, snapshot: &[u8]) -> Result<()> {
        let verdicts = serde_json::from_slice(snapshot);
        *self.0.lock().unwrap() =
            verdicts.map_err(|_| Error::new(ErrorKind::Decode, "pupil", "gibberish"))?;
        Ok(())
    }
}

/// Profiles as the heuristic does, with numbers of its own.
#[derive(Debug)]
struct Latent;

impl PromptProfiler for Latent {
    fn profile(&self, prompt: &Prompt, history: &[conversation::Turn]) -> PromptProfile {
        PromptProfile { latent: vec![0.25, -1.5], ..HeuristicProfiler.profile(prompt, history) }
    }

    fn centroid(&self, capability: model::Capability) -> PromptProfile {
        HeuristicProfiler.centroid(capability)
    }
}

fn school() -> (RouterBuilder, Arc<Pupil>, (Scripted, Scripted)) {
    let (house, cloud) = players();
    let pupil = Arc::new(Pupil::default());
    let router = router(&house, &cloud).profiler(Latent).expecter(Arc::clone(&pupil));
    (router, pupil, (house, cloud))
}

/// Fails to write once it is told to, before or after the receipt is written.
#[derive(Debug, Default)]
struct Failing {
    inner: MemoryStore,
    once: AtomicBool,
    after: bool,
}

impl Failing {
    fn once(after: bool) -> Arc<Self> {
        Arc::new(Self { after, ..Self::default() })
    }
}

#[async_trait]
impl Ledger for Failing {
    async fn record(&self, receipt: &Receipt) -> Result<()> {
        let fails = self.once.swap(false, Ordering::Relaxed);
        if !fails || self.after {
            self.inner.record(receipt).await?;
        }
        if fails { Err(Error::new(ErrorKind::Store, "disk", "it is gone")) } else { Ok(()) }
    }

    async fn receipt(&self, id: &ReceiptId) -> Result<Option<Receipt>> {
        self.inner.receipt(id).await
    }

    async fn recent(&self, limit: usize) -> Result<Vec<Receipt>> {
        self.inner.recent(limit).await
    }
}

fn said_by(verdict: &Verdict) -> Option<&str> {
    verdict.judge.as_deref()
}

#[tokio::test(start_paused = true)]
async fn feedback_on_a_receipt_teaches_who_answered_what() {
    let (router, pupil, _players) = school();
    let router = router.build().unwrap();
    let prompt = Prompt::from("Why is the sky blue?").tag("user", "ada");
    let profile = router.advisor().profile(&prompt);
    let receipt = router.chat(prompt).await.unwrap().receipt;
    router.feedback(&receipt, Judgement::Good).await.unwrap();
    let heard = pupil.heard();
    let expected = Verdict {
        receipt: Some(receipt.id.clone()),
        model: key("house/small"),
        profile,
        score: Probability::ONE,
        judge: Some("ada".into()),
    };
    assert_eq!(heard, [expected]);
}

#[tokio::test(start_paused = true)]
async fn a_ledgers_receipt_is_judged_by_its_id_days_later() {
    let (first, _, _players) = school();
    let store = Arc::new(MemoryStore::new());
    let receipt = first.store(Arc::clone(&store)).build().unwrap().chat("Why?").await.unwrap().receipt;
    // Another process, with the same ledger.
    let (later, pupil, _players) = school();
    let later = later.store(Arc::clone(&store)).build().unwrap();
    let score = Judgement::Score(Probability::from_fraction(0.25));
    later.feedback(&receipt.id, score).await.unwrap();
    assert_eq!((pupil.heard()[0].score.as_fraction(), said_by(&pupil.heard()[0])), (0.25, None));
    let stored = store.receipt(&receipt.id).await.unwrap().unwrap();
    assert_eq!(stored.feedback, [Feedback::from(score)]);
    let json = serde_json::to_string(&stored).unwrap();
    assert!(json.contains(r#""feedback":[{"judgement":{"score":0.25}}]"#), "{json}");
}

#[tokio::test(start_paused = true)]
async fn a_judge_is_heard_once_on_a_receipt_and_another_as_well() {
    for with_ledger in [false, true] {
        let (router, pupil, _players) = school();
        let router = if with_ledger { router.store(MemoryStore::new()) } else { router }.build().unwrap();
        let receipt = router.chat(Prompt::from("Why?").tag("user", "ada")).await.unwrap().receipt;
        router.feedback(&receipt, Judgement::Good).await.unwrap();
        let error = router.feedback(&receipt, Judgement::Bad).await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Conflict);
        assert_eq!(error.message(), format!("ada has judged receipt `{}` already", receipt.id));
        router.feedback(&receipt, Feedback::from(Judgement::Bad).by("unit test")).await.unwrap();
        let heard = pupil.heard();
        assert_eq!(heard.iter().map(said_by).collect::<Vec<_>>(), [Some("ada"), Some("unit test")]);
    }
}

#[tokio::test(start_paused = true)]
async fn two_who_judge_at_once_are_both_on_the_ledgers_receipt() {
    let (router, pupil, _players) = school();
    let store = Difficult { recording: Duration::from_secs(1), ..Difficult::default() };
    let router = router.ledger(store.clone()).build().unwrap();
    let receipt = router.chat("Why?").await.unwrap().receipt;
    let by = |judge| router.feedback(&receipt.id, Feedback::from(Judgement::Good).by(judge));
    let (ada, grace) = tokio::join!(by("ada"), by("grace"));
    assert_eq!((ada.is_ok(), grace.is_ok(), pupil.heard().len()), (true, true, 2));
    let stored = store.receipt(&receipt.id).await.unwrap().unwrap();
    let mut judges: Vec<_> = stored.feedback.iter().map(|feedback| feedback.judge.as_deref()).collect();
    judges.sort_unstable();
    assert_eq!(judges, [Some("ada"), Some("grace")]);
}

#[tokio::test(start_paused = true)]
async fn feedback_that_the_ledger_could_not_write_is_given_again_and_learned_once() {
    for after in [false, true] {
        let ledger = Failing::once(after);
        let (router, pupil, _players) = school();
        let router = router.ledger(Arc::clone(&ledger)).build().unwrap();
        let receipt = router.chat(Prompt::from("Why?").tag("user", "ada")).await.unwrap().receipt;
        ledger.once.store(true, Ordering::Relaxed);
        let error = router.feedback(&receipt.id, Judgement::Good).await.unwrap_err();
        assert_eq!((error.kind(), pupil.heard().len()), (&ErrorKind::Store, 1));
        // It was learned as good: as bad it cannot be written.
        let error = router.feedback(&receipt.id, Judgement::Bad).await.unwrap_err();
        assert_eq!((error.kind(), pupil.heard().len()), (&ErrorKind::Conflict, 1));
        router.feedback(&receipt.id, Judgement::Good).await.unwrap();
        let stored = ledger.receipt(&receipt.id).await.unwrap().unwrap();
        assert_eq!(stored.feedback, [Feedback::from(Judgement::Good).by("ada")]);
        let error = router.feedback(&receipt.id, Judgement::Good).await.unwrap_err();
        assert_eq!((error.kind(), pupil.heard().len()), (&ErrorKind::Conflict, 1), "written after: {after}");
    }
}

#[tokio::test(start_paused = true)]
async fn feedback_that_was_given_up_while_the_ledger_wrote_is_given_again_and_learned_once() {
    let store = Difficult { recording: Duration::from_secs(3), ..Difficult::default() };
    let (router, pupil, _players) = school();
    let router = router.ledger(store.clone()).build().unwrap();
    let receipt = router.chat("Why?").await.unwrap().receipt;
    let given_up = router.feedback(&receipt.id, Judgement::Good);
    tokio::time::timeout(Duration::from_secs(1), given_up).await.unwrap_err();
    assert_eq!(pupil.heard().len(), 1);
    router.feedback(&receipt.id, Judgement::Good).await.unwrap();
    let stored = store.receipt(&receipt.id).await.unwrap().unwrap();
    assert_eq!((pupil.heard().len(), stored.feedback.len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn the_same_words_twice_at_once_are_learned_once() {
    let store = Difficult { recording: Duration::from_secs(1), ..Difficult::default() };
    let (router, pupil, _players) = school();
    let router = router.ledger(store).build().unwrap();
    let receipt = router.chat("Why?").await.unwrap().receipt;
    let say = || router.feedback(&receipt.id, Judgement::Good);
    let (first, second) = tokio::join!(say(), say());
    assert_eq!((first.is_ok(), pupil.heard().len()), (true, 1));
    assert_eq!(second.unwrap_err().kind(), &ErrorKind::Conflict);
}

#[tokio::test(start_paused = true)]
async fn the_ledger_remembers_who_judged_when_the_process_does_not() {
    let (first, _, _players) = school();
    let store = Arc::new(MemoryStore::new());
    let first = first.store(Arc::clone(&store)).build().unwrap();
    let receipt = first.chat("Why?").await.unwrap().receipt;
    first.feedback(&receipt.id, Judgement::Good).await.unwrap();
    let (later, pupil, _players) = school();
    let later = later.store(store).build().unwrap();
    // The receipt in the caller's hands knows nothing of it; the ledger's does.
    let error = later.feedback(&receipt, Judgement::Good).await.unwrap_err();
    assert_eq!((error.kind(), pupil.heard().len()), (&ErrorKind::Conflict, 0));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_judged_is_a_typed_error() {
    let (builder, pupil, (house, _)) = school();
    house.on("small", [fails(ErrorKind::InvalidRequest)]);
    let router = builder.build().unwrap();
    let kind = async |router: &Router, on: Judged<'_>| {
        router.feedback(on, Judgement::Good).await.unwrap_err().kind().clone()
    };
    let failed = router.chat("Why?").await.unwrap_err();
    let failed = failed.receipt().unwrap();
    assert_eq!(kind(&router, failed.into()).await, ErrorKind::InvalidRequest);
    assert_eq!(kind(&router, (&failed.id).into()).await, ErrorKind::Config, "by an id, without a ledger");
    let (with_ledger, ..) = school();
    let with_ledger = with_ledger.store(MemoryStore::new()).build().unwrap();
    let unknown = ReceiptId::from_u128(u128::MAX);
    assert_eq!(kind(&with_ledger, (&unknown).into()).await, ErrorKind::ReceiptNotFound);
    assert!(pupil.heard().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_expecter_that_does_not_learn_says_so_each_time() {
    let (house, cloud) = players();
    let router = router(&house, &cloud).store(MemoryStore::new()).build().unwrap();
    let receipt = router.chat("Why?").await.unwrap().receipt;
    for _ in 0..2 {
        let error = router.feedback(&receipt.id, Judgement::Good).await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Unsupported, "and never that it was judged already");
    }
}

#[tokio::test(start_paused = true)]
async fn receipts_keep_as_much_of_a_profile_as_is_wanted() {
    for (kept, latent) in [(KeptProfile::Whole, 2), (KeptProfile::Plain, 0)] {
        let (router, pupil, _players) = school();
        let router = router.kept_profile(kept).build().unwrap();
        let receipt = router.chat("Why?").await.unwrap().receipt;
        router.feedback(&receipt, Judgement::Bad).await.unwrap();
        assert_eq!(pupil.heard()[0].profile.latent.len(), latent);
        let json = serde_json::to_string(&receipt).unwrap();
        assert_eq!(json.contains("latent"), latent > 0);
        assert_eq!(serde_json::from_str::<Receipt>(&json).unwrap().profile, receipt.profile);
    }
    let (router, pupil, _players) = school();
    let router = router.kept_profile(KeptProfile::Nothing).build().unwrap();
    let receipt = router.chat("Why?").await.unwrap().receipt;
    assert!(receipt.profile.is_none());
    let error = router.feedback(&receipt, Judgement::Bad).await.unwrap_err();
    assert_eq!((error.kind(), pupil.heard().len()), (&ErrorKind::Unsupported, 0));
}

#[tokio::test(start_paused = true)]
async fn no_word_of_a_private_prompt_is_on_its_receipt_or_in_what_was_learned() {
    let secrets = ["Zyzzyva", "quixotry", "0815-4711", "palimpsest", "syzygy", "гиппопотам", "ouroboros"];
    let [text, system, earlier, tool, schema, block, answer] = secrets;
    for kept in [KeptProfile::Whole, KeptProfile::Plain, KeptProfile::Nothing] {
        let (house, cloud) = players();
        house.on("small", [says(answer)]);
        let pupil = Arc::new(Pupil::default());
        let builder =
            router(&house, &cloud).profiler(Latent).expecter(Arc::clone(&pupil)).store(MemoryStore::new());
        let mut cards = three();
        cards[0].accepts = model::Accepts { tools: true, schema: true, ..model::Accepts::default() };
        let router = builder.kept_profile(kept).build().unwrap();
        router.catalog().update(cards.swap_remove(0)).unwrap();
        let private = anybody().sensitivity(Sensitivity::Private);
        let mut prompt = Prompt::from(text).system(system).objective(private);
        prompt.history = vec![chat::Message::text(chat::Role::User, earlier)];
        let parameters = serde_json::json!({"type": "object", "description": tool});
        prompt.tools = vec![chat::Tool { name: tool.to_owned(), description: tool.to_owned(), parameters }];
        prompt.schema = Some(serde_json::json!({"type": "object", "description": schema}));
        prompt.blocks = vec![chat::Block::text(block)];
        let receipt = router.chat(prompt).await.unwrap().receipt;
        assert_eq!(receipt.answered().unwrap().requested, key("house/small"));
        let taught = router.feedback(&receipt, Judgement::Bad).await;
        assert_eq!(taught.is_ok(), kept != KeptProfile::Nothing);
        let shown = [
            serde_json::to_string(&receipt).unwrap(),
            format!("{receipt:?} {receipt:#}"),
            String::from_utf8(router.learned()).unwrap(),
        ];
        for secret in secrets {
            for shown in &shown {
                assert!(!shown.to_lowercase().contains(&secret.to_lowercase()), "{secret} in {shown}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_words_are_on_the_model_that_the_provider_redirected_to() {
    let (builder, pupil, (house, _)) = school();
    house.on("small", [says("Light."), says("Light.").returned("house/other")]);
    house.on("small", [says("Light.").returned("house/unknown")]);
    let router = builder.card(card("house/other", 1e6, 0.1)).build().unwrap();
    for _ in 0..3 {
        let receipt = router.chat("Why?").await.unwrap().receipt;
        router.feedback(&receipt, Judgement::Good).await.unwrap();
    }
    let models: Vec<String> = pupil.heard().iter().map(|verdict| verdict.model.to_string()).collect();
    assert_eq!(models, ["house/small", "house/other", "house/small"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_learned_is_taken_out_and_put_back() {
    let (router, pupil, _players) = school();
    let router = router.build().unwrap();
    let nothing = router.learned();
    let receipt = router.chat("Why?").await.unwrap().receipt;
    router.feedback(&receipt, Judgement::Good).await.unwrap();
    let learned = router.learned();
    router.restore(&nothing).unwrap();
    assert!(pupil.heard().is_empty());
    router.restore(&learned).unwrap();
    assert_eq!((pupil.heard().len(), router.learned()), (1, learned.clone()));
    assert_eq!(router.restore(b"{").unwrap_err().kind(), &ErrorKind::Decode);
    assert_eq!(router.learned(), learned);
}
