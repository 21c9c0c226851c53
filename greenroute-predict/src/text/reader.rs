use super::cues::{self, Counts, Whole};
use super::fold::Folds;
use super::grams::Grams;
use super::pass::{self, Sink, Word};
use super::pool::Pool;
use super::script::Script;
use super::vocabulary::Vocabulary;
use super::{CUES, DIMENSIONS, Features};
use crate::weights::Weights;
use greenroute_core::Result;
use safetensors::Dtype;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// The largest difference of a number of a golden text's embedding that still counts as the same.
const TOLERANCE: f32 = 1e-4;

/// Reads texts into [`Features`]. Cheap to share, and without any state of a reading.
pub struct Reader {
    weights: Arc<Weights>,
    table: Range<usize>,
    steps: [f32; DIMENSIONS],
    folds: Folds,
    vocabulary: Vocabulary,
}

/// Memory that readings use again, so that a reading into a [`Features`] of one's own allocates nothing.
#[derive(Debug, Default)]
pub struct Scratch {
    grams: Grams,
}

impl Reader {
    /// With the weights of this package.
    ///
    /// # Errors
    /// As [`Weights::shipped`] and [`new`](Self::new).
    pub fn shipped() -> Result<Self> {
        Self::new(Weights::shipped()?)
    }

    /// With the tensors `text.*` of `weights`, and a look at whether golden texts come out as they should.
    ///
    /// # Errors
    /// [`ErrorKind::Decode`](greenroute_core::ErrorKind::Decode) if a tensor is missing or not as expected, or if a
    /// golden text comes out otherwise or there is none.
    pub fn new(weights: Arc<Weights>) -> Result<Self> {
        let vocabulary = Vocabulary::new(&weights)?;
        let table = weights.span("text.table", Dtype::I8, &[vocabulary.len(), DIMENSIONS])?;
        let mut steps = [0.0; DIMENSIONS];
        steps
            .iter_mut()
            .zip(weights.tensor_f32("text.steps", &[DIMENSIONS])?)
            .for_each(|(to, from)| *to = from);
        let reader = Self { weights, table, steps, folds: Folds::new(), vocabulary };
        reader.check()?;
        Ok(reader)
    }

    fn check(&self) -> Result<()> {
        let texts = &self.weights.about().golden;
        if texts.is_empty() {
            return Err(self.weights.wrong("names no golden text to be checked by"));
        }
        let golden = self.weights.tensor_f32("golden.embeddings", &[texts.len(), DIMENSIONS])?;
        let (mut scratch, mut features) = (Scratch::default(), Features::default());
        for (text, golden) in texts.iter().zip(golden.chunks(DIMENSIONS)) {
            self.read_into(text, &mut scratch, &mut features);
            let same = features.embedding.iter().zip(golden).all(|(a, b)| (a - b).abs() <= TOLERANCE);
            if !same {
                return Err(self.weights.wrong(format!("the golden text `{text}` comes out otherwise")));
            }
        }
        Ok(())
    }

    /// The weights that it reads with.
    #[must_use]
    pub const fn weights(&self) -> &Arc<Weights> {
        &self.weights
    }

    /// Reads all of `text`, in time linear in its length, whatever stands in it. With memory of its own: who reads many
    /// texts reads them [`into`](Self::read_into) one place.
    #[must_use]
    pub fn read(&self, text: &str) -> Features {
        let mut features = Features::default();
        self.read_into(text, &mut Scratch::default(), &mut features);
        features
    }

    /// Reads all of `text` over what stands in `features`, without allocating once both have grown and each script of
    /// the text was read before. Neither shrinks: after the longest text, both keep what that took, at most eight bytes
    /// for each of its own and two megabytes.
    pub fn read_into(&self, text: &str, scratch: &mut Scratch, features: &mut Features) {
        self.fill(text, scratch, features, Grams::finish);
    }

    /// The same but for the grams, which are whatever they are then: of a short text they cost a tenth of the reading.
    pub(crate) fn skim_into(&self, text: &str, scratch: &mut Scratch, features: &mut Features) {
        self.fill(text, scratch, features, |grams, out| {
            grams.different().unwrap_or_else(|| grams.finish(out))
        });
    }

    /// `settle` gives the number of different words.
    #[inline]
    fn fill(
        &self,
        text: &str,
        scratch: &mut Scratch,
        features: &mut Features,
        settle: impl FnOnce(&mut Grams, &mut Vec<(u32, f32)>) -> usize,
    ) {
        let (rows, _) = self.weights.at(&self.table).as_chunks::<DIMENSIONS>();
        // A word takes six bytes or so, and gives itself and a pair.
        scratch.grams.clear(text.len() / 3 + 2);
        let mut all = All { pool: Pool::new(rows), grams: &mut scratch.grams, counts: Counts::default() };
        pass::read(text, &self.folds, &self.vocabulary, &mut all);
        let All { pool, counts, .. } = all;
        features.tokens = pool.tokens();
        pool.finish(&self.steps, &mut features.embedding);
        let grams = (scratch.grams.words(), settle(&mut scratch.grams, &mut features.grams));
        let asks = text.trim_end().ends_with(['?', '？', '؟']);
        features.cues = cues::cues(&counts, Whole { tokens: features.tokens, grams, asks });
    }

    /// The tokens of `text` as ids of the vocabulary, without any around it: those of the `tokenizers` crate with
    /// all-MiniLM-L6-v2's own file, not cut short.
    #[must_use]
    pub fn tokens(&self, text: &str) -> Vec<u32> {
        let mut ids = Ids(Vec::with_capacity(text.len() / 4));
        pass::read(text, &self.folds, &self.vocabulary, &mut ids);
        ids.0
    }

    /// The embedding alone, and the number of tokens.
    pub(super) fn embed(&self, text: &str) -> ([f32; DIMENSIONS], usize) {
        let (rows, _) = self.weights.at(&self.table).as_chunks::<DIMENSIONS>();
        let mut sum = Sum(Pool::new(rows));
        pass::read(text, &self.folds, &self.vocabulary, &mut sum);
        let (tokens, mut embedding) = (sum.0.tokens(), [0.0; DIMENSIONS]);
        sum.0.finish(&self.steps, &mut embedding);
        (embedding, tokens)
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("weights", &self.weights).finish_non_exhaustive()
    }
}

impl Default for Features {
    /// Those of an empty text.
    fn default() -> Self {
        Self { embedding: [0.0; DIMENSIONS], cues: [0.0; CUES], grams: Vec::new(), tokens: 0 }
    }
}

struct All<'a> {
    pool: Pool<'a>,
    grams: &'a mut Grams,
    counts: Counts,
}

impl Sink for All<'_> {
    #[inline]
    fn byte(&mut self, byte: u8) {
        self.counts.byte(byte);
    }
    fn character(&mut self, character: char, script: Script) {
        self.counts.character(character, script);
    }
    #[inline]
    fn token(&mut self, id: u16) {
        self.pool.push(id);
    }
    #[inline]
    fn word(&mut self, word: Word) {
        self.counts.word(word);
    }
    #[inline]
    fn gram(&mut self, hash: u64) {
        self.grams.push(hash);
    }
    fn mark(&mut self, bytes: &[u8], at: usize) {
        self.counts.mark(bytes, at);
    }
    fn line(&mut self, bytes: &[u8], at: usize) {
        self.counts.line(bytes, at);
    }
}

struct Ids(Vec<u32>);

impl Sink for Ids {
    fn token(&mut self, id: u16) {
        self.0.push(u32::from(id));
    }
}

struct Sum<'a>(Pool<'a>);

impl Sink for Sum<'_> {
    fn token(&mut self, id: u16) {
        self.0.push(id);
    }
}
