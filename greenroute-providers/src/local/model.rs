use super::engine::CHUNK;
use super::memory;
use super::network::{Context, Network};
use super::open::{Opened, open};
use super::text_stream::TextStream;
use super::vocabulary::Vocabulary;
use super::{Device, NAME, Precision, PromptStyle};
use greenroute_core::{Error, ErrorKind, Result};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

/// How a model is loaded. A [`Precision`] alone is one too.
#[derive(Debug, Clone, Copy, Default)]
pub struct LoadOptions {
    /// In what form matrices are held.
    pub precision: Precision,
    /// With how many threads the model computes; by default one per core. What it says does not depend on it.
    pub threads: Option<NonZeroUsize>,
    /// The most bytes that its weights may take while they are loaded; by default what the machine and the control
    /// groups of the process say is available, which on other systems than Linux nobody says.
    pub memory_limit: Option<u64>,
    /// Where its matrix products are computed; by default on the processor.
    pub device: Device,
}

impl From<Precision> for LoadOptions {
    fn from(precision: Precision) -> Self {
        Self { precision, ..Self::default() }
    }
}

/// The weights and the vocabulary of a model, held once and shared by all who clone this.
///
/// For chats there is [`LocalProvider`](super::LocalProvider); this is the model itself, token by token.
#[derive(Debug, Clone)]
pub struct LocalModel(Arc<Loaded>);

#[derive(Debug)]
struct Loaded {
    model: Opened,
    /// The threads of every product.
    pool: ThreadPool,
}

impl LocalModel {
    /// Loads a GGUF file of the architecture `gemma3` or `t5`, or a folder with a T5 as transformers saves it. It
    /// takes about two seconds per gigabyte, and blocks.
    ///
    /// # Errors
    /// [`ErrorKind::Config`], naming the file and what is wrong with it; also where its weights would not fit into
    /// the memory, before they are read, and where there is no such device.
    pub fn open(path: impl AsRef<Path>, options: impl Into<LoadOptions>) -> Result<Self> {
        let (path, options) = (path.as_ref(), options.into());
        let pool = pool(options.threads.unwrap_or_else(default_threads))?;
        let memory = options.memory_limit.or_else(memory::available);
        let device = options.device.open()?;
        let open = || open(path, options.precision, memory, device);
        let model = pool.install(open).map_err(|fault| fault.at(path))?;
        Ok(Self(Arc::new(Loaded { model, pool })))
    }

    /// What the file calls the model, if anything.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.0.model.name.as_deref()
    }

    /// How the file's kind of model is prompted: turns where it was tuned for chat, else questions and answers.
    #[must_use]
    pub fn style(&self) -> PromptStyle {
        self.0.model.style
    }

    /// The most tokens that a prompt and its answer may have together.
    #[must_use]
    pub fn context_tokens(&self) -> usize {
        self.network().context_tokens()
    }

    /// How many parameters it has.
    #[must_use]
    pub fn parameters(&self) -> u64 {
        self.0.model.parameters
    }

    /// How many bytes they take in memory.
    #[must_use]
    pub fn weight_bytes(&self) -> u64 {
        self.0.model.bytes
    }

    /// The tokens of `text`, with those that begin and end every prompt of this model.
    #[must_use]
    pub fn encode(&self, text: &str) -> Vec<u32> {
        let mut ids = Vec::from_iter(self.vocabulary().start());
        self.vocabulary().encode(text, &mut ids);
        ids.extend(self.vocabulary().finish());
        ids
    }

    /// The text of `tokens`; those that steer the model have none, and broken characters become U+FFFD.
    #[must_use]
    pub fn decode(&self, tokens: &[u32]) -> String {
        let mut stream = TextStream::default();
        tokens.iter().for_each(|id| self.vocabulary().decode(*id, stream.bytes()));
        stream.finish()
    }

    /// A new request to the model, with nothing read yet.
    #[must_use]
    pub fn session(&self) -> Session {
        Session { model: self.clone(), context: None, position: 0 }
    }

    pub(super) fn vocabulary(&self) -> &Vocabulary {
        &self.0.model.vocabulary
    }

    /// Has the model's own threads do `work`.
    pub(super) fn compute<T: Send>(&self, work: impl FnOnce(&Network) -> T + Send) -> T {
        self.0.pool.install(|| work(self.network()))
    }

    pub(super) fn network(&self) -> &Network {
        &self.0.model.network
    }
}

/// As many threads as there are cores to run on.
fn default_threads() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// A model's own threads: that of another library, or of another model, is neither waited for nor resized.
fn pool(threads: NonZeroUsize) -> Result<ThreadPool> {
    let named = |index| format!("greenroute-compute-{index}");
    ThreadPoolBuilder::new().num_threads(threads.get()).thread_name(named).build().map_err(|source| {
        Error::new(ErrorKind::Config, NAME, format!("{threads} threads to compute with did not start"))
            .with_source(source)
    })
}

/// What a model remembers of one request. Many sessions of one model run at the same time.
#[derive(Debug)]
pub struct Session {
    model: LocalModel,
    context: Option<Context>,
    position: usize,
}

impl Session {
    /// How many tokens have been read.
    #[must_use]
    pub fn position(&self) -> usize {
        self.position
    }

    /// Reads `tokens` after all that were read before, and gives the logit of every possible next token. To a model
    /// with an encoder the first tokens are the whole prompt, and all later ones its answer.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`] where there is no token or one is not of the vocabulary,
    /// [`ErrorKind::ContextOverflow`] where they do not fit, with both numbers. After [`ErrorKind::Internal`]
    /// the session is of no more use.
    pub fn read(&mut self, tokens: &[u32]) -> Result<Vec<f32>> {
        let (network, vocabulary) = (self.model.network(), self.model.vocabulary());
        if tokens.is_empty() {
            return Err(Error::new(ErrorKind::InvalidRequest, NAME, "there must be tokens to read"));
        }
        let (read, window) = (self.position.saturating_add(tokens.len()), network.context_tokens());
        if read > window {
            let message = format!("{read} tokens do not fit the window of {window}");
            return Err(Error::new(ErrorKind::ContextOverflow, NAME, message));
        }
        let known = |id: &u32| usize::try_from(*id).is_ok_and(|id| id < vocabulary.len());
        if let Some(id) = tokens.iter().find(|id| !known(id)) {
            let message = format!("{id} is no token of a vocabulary of {}", vocabulary.len());
            return Err(Error::new(ErrorKind::InvalidRequest, NAME, message));
        }
        let context = &mut self.context;
        let logits =
            self.model.compute(|network| network.read_on(context, tokens, CHUNK)).map_err(compute)?;
        self.position = read;
        Ok(logits)
    }
}

fn compute(source: candle_core::Error) -> Error {
    Error::new(ErrorKind::Internal, NAME, "the forward pass failed").with_source(source)
}
