use super::fault::FileFault;
use super::gemma::{Gemma, GemmaMemory};
use super::gguf::Gguf;
use super::text_stream::TextStream;
use super::tokenizer::Tokenizer;
use super::{NAME, Precision, PromptStyle};
use candle_core::Tensor;
use greenroute_core::{Error, ErrorKind, Result};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

/// How many tokens of a prompt are read at once: more would not be faster, and needs memory by its square.
pub(super) const CHUNK: usize = 128;

/// The weights and the vocabulary of a model file, held once and shared by all who clone this.
///
/// For chats there is [`LocalProvider`](super::LocalProvider); this is the model itself, token by token.
#[derive(Debug, Clone)]
pub struct LocalModel(Arc<Loaded>);

#[derive(Debug)]
struct Loaded {
    name: Option<String>,
    style: PromptStyle,
    parameters: u64,
    bytes: u64,
    tokenizer: Tokenizer,
    gemma: Gemma,
    /// The threads of every product.
    pool: ThreadPool,
}

impl LocalModel {
    /// Loads a GGUF file of the architecture `gemma3`. It takes about two seconds per gigabyte, and blocks.
    ///
    /// # Errors
    /// [`ErrorKind::Config`], naming the file and what is wrong with it.
    pub fn open(path: impl AsRef<Path>, precision: Precision) -> Result<Self> {
        Self::open_with_threads(path, precision, default_threads())
    }

    /// As [`LocalModel::open`], to compute with so many threads; else there are as many as the machine has cores.
    ///
    /// # Errors
    /// As there, and where the threads do not start.
    pub fn open_with_threads(
        path: impl AsRef<Path>,
        precision: Precision,
        threads: NonZeroUsize,
    ) -> Result<Self> {
        let path = path.as_ref();
        load(path, precision, pool(threads)?)
            .map(|loaded| Self(Arc::new(loaded)))
            .map_err(|fault| fault.at(path))
    }

    /// What the file calls the model, if anything.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// How the file's kind of model is prompted: turns where it was tuned for chat, else questions and answers.
    #[must_use]
    pub fn style(&self) -> PromptStyle {
        self.0.style
    }

    /// The most tokens that a prompt and its answer may have together.
    #[must_use]
    pub fn context_tokens(&self) -> usize {
        self.0.gemma.context()
    }

    /// How many parameters it has.
    #[must_use]
    pub fn parameters(&self) -> u64 {
        self.0.parameters
    }

    /// How many bytes they take in the file.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        self.0.bytes
    }

    /// The tokens of `text`, after the one that begins every prompt.
    #[must_use]
    pub fn encode(&self, text: &str) -> Vec<u32> {
        let mut ids = Vec::from_iter(self.0.tokenizer.start());
        self.0.tokenizer.encode(text, &mut ids);
        ids
    }

    /// The text of `tokens`; those that steer the model have none, and broken characters become U+FFFD.
    #[must_use]
    pub fn decode(&self, tokens: &[u32]) -> String {
        let mut stream = TextStream::default();
        tokens.iter().for_each(|id| self.0.tokenizer.decode(*id, stream.bytes()));
        stream.finish()
    }

    /// A new request to the model, with nothing read yet.
    #[must_use]
    pub fn session(&self) -> Session {
        Session { memory: self.0.gemma.begin(), model: self.clone() }
    }

    pub(super) fn tokenizer(&self) -> &Tokenizer {
        &self.0.tokenizer
    }
}

/// As many threads as there are cores to run on.
pub(super) fn default_threads() -> NonZeroUsize {
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

fn load(path: &Path, precision: Precision, pool: ThreadPool) -> Result<Loaded, FileFault> {
    let mut gguf = Gguf::open(path)?;
    match gguf.text("general.architecture") {
        Some("gemma3") => {}
        Some(other) => return Err(FileFault::Architecture(other.to_owned())),
        None => return Err(FileFault::Missing("general.architecture".into())),
    }
    let name = gguf.text("general.name").map(str::to_owned);
    let tuned = gguf.text("tokenizer.chat_template").is_some()
        || gguf.text("general.finetune") == Some("it")
        || name.as_deref().is_some_and(|name| name.to_ascii_lowercase().contains("-it"));
    let style = if tuned { PromptStyle::GemmaTurns } else { PromptStyle::QuestionAnswer };
    let tokenizer = Tokenizer::load(&mut gguf)?;
    let gemma = Gemma::load(&mut gguf, precision, tokenizer.len())?;
    let (parameters, bytes) = gguf.size();
    Ok(Loaded { name, style, parameters, bytes, tokenizer, gemma, pool })
}

/// What a model remembers of one request. Many sessions of one model run at the same time.
#[derive(Debug)]
pub struct Session {
    model: LocalModel,
    memory: GemmaMemory,
}

impl Session {
    /// How many tokens have been read.
    #[must_use]
    pub fn position(&self) -> usize {
        self.memory.position()
    }

    /// Reads `tokens` after all that were read before, and gives the logit of every possible next token.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`] where there is no token or one is not of the vocabulary,
    /// [`ErrorKind::ContextOverflow`] where they do not fit, with both numbers. After [`ErrorKind::Internal`]
    /// the session is of no more use.
    pub fn read(&mut self, tokens: &[u32]) -> Result<Vec<f32>> {
        let mut state = None;
        for chunk in tokens.chunks(CHUNK) {
            state = Some(self.advance(chunk)?);
        }
        let state = state
            .ok_or_else(|| Error::new(ErrorKind::InvalidRequest, NAME, "there must be tokens to read"))?;
        self.logits(&state)
    }

    /// Reads at most [`CHUNK`] tokens; gives the last one's state.
    pub(super) fn advance(&mut self, tokens: &[u32]) -> Result<Tensor> {
        let loaded = &self.model.0;
        let (read, context) = (self.position().saturating_add(tokens.len()), loaded.gemma.context());
        if read > context {
            let message = format!("{read} tokens do not fit the window of {context}");
            return Err(Error::new(ErrorKind::ContextOverflow, NAME, message));
        }
        let known = |id: &u32| usize::try_from(*id).is_ok_and(|id| id < loaded.tokenizer.len());
        if let Some(id) = tokens.iter().find(|id| !known(id)) {
            let message = format!("{id} is no token of a vocabulary of {}", loaded.tokenizer.len());
            return Err(Error::new(ErrorKind::InvalidRequest, NAME, message));
        }
        let (gemma, memory) = (&loaded.gemma, &mut self.memory);
        loaded.pool.install(|| gemma.read(tokens, memory)).map_err(compute)
    }

    pub(super) fn logits(&self, state: &Tensor) -> Result<Vec<f32>> {
        let loaded = &self.model.0;
        let logits = || loaded.gemma.logits(state)?.flatten_all()?.to_vec1();
        loaded.pool.install(logits).map_err(compute)
    }
}

fn compute(source: candle_core::Error) -> Error {
    Error::new(ErrorKind::Internal, NAME, "the forward pass failed").with_source(source)
}
