use super::engine::CHUNK;
use super::fault::FileFault;
use super::gemma::Gemma;
use super::gguf::Gguf;
use super::network::{Context, Network};
use super::text_stream::TextStream;
use super::tokenizer::Tokenizer;
use super::{NAME, Precision, PromptStyle};
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
}

impl From<Precision> for LoadOptions {
    fn from(precision: Precision) -> Self {
        Self { precision, ..Self::default() }
    }
}

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
    network: Network,
    /// The threads of every product.
    pool: ThreadPool,
}

impl LocalModel {
    /// Loads a GGUF file of the architecture `gemma3`. It takes about two seconds per gigabyte, and blocks.
    ///
    /// # Errors
    /// [`ErrorKind::Config`], naming the file and what is wrong with it.
    pub fn open(path: impl AsRef<Path>, options: impl Into<LoadOptions>) -> Result<Self> {
        let (path, options) = (path.as_ref(), options.into());
        let pool = pool(options.threads.unwrap_or_else(default_threads))?;
        let loaded = load(path, options.precision, pool).map_err(|fault| fault.at(path))?;
        Ok(Self(Arc::new(loaded)))
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
        self.0.network.context_tokens()
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
        Session { model: self.clone(), context: None, position: 0 }
    }

    pub(super) fn tokenizer(&self) -> &Tokenizer {
        &self.0.tokenizer
    }

    /// Has the model's own threads do `work`.
    pub(super) fn compute<T: Send>(&self, work: impl FnOnce(&Network) -> T + Send) -> T {
        self.0.pool.install(|| work(&self.0.network))
    }

    pub(super) fn network(&self) -> &Network {
        &self.0.network
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
    let network = Network::Gemma(Gemma::load(&mut gguf, precision, tokenizer.len())?);
    let (parameters, bytes) = gguf.size();
    Ok(Loaded { name, style, parameters, bytes, tokenizer, network, pool })
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

    /// Reads `tokens` after all that were read before, and gives the logit of every possible next token.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`] where there is no token or one is not of the vocabulary,
    /// [`ErrorKind::ContextOverflow`] where they do not fit, with both numbers. After [`ErrorKind::Internal`]
    /// the session is of no more use.
    pub fn read(&mut self, tokens: &[u32]) -> Result<Vec<f32>> {
        let loaded = &*self.model.0;
        if tokens.is_empty() {
            return Err(Error::new(ErrorKind::InvalidRequest, NAME, "there must be tokens to read"));
        }
        let (read, window) = (self.position.saturating_add(tokens.len()), loaded.network.context_tokens());
        if read > window {
            let message = format!("{read} tokens do not fit the window of {window}");
            return Err(Error::new(ErrorKind::ContextOverflow, NAME, message));
        }
        let known = |id: &u32| usize::try_from(*id).is_ok_and(|id| id < loaded.tokenizer.len());
        if let Some(id) = tokens.iter().find(|id| !known(id)) {
            let message = format!("{id} is no token of a vocabulary of {}", loaded.tokenizer.len());
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
