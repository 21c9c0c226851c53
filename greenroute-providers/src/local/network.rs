//! One door to the forward passes of all families: prompts are read in parts, answers written together.

use super::gemma::{Gemma, GemmaMemory};
use super::t5::{T5, T5Memory};
use candle_core::{Error, Result};

/// The weights of one model.
#[derive(Debug)]
pub(super) enum Network {
    Gemma(Gemma),
    T5(T5),
}

/// What the model remembers of one request, and what it is to read next.
#[derive(Debug)]
pub(super) struct Context {
    memory: Memory,
    /// What is left of the prompt to read before the first step.
    unread: Vec<u32>,
    /// The token that the next step takes.
    next: u32,
}

#[derive(Debug)]
enum Memory {
    Gemma(GemmaMemory),
    /// A prompt that the encoder has not seen yet.
    Prompt,
    T5(T5Memory),
}

impl Network {
    /// The most tokens that a prompt and its answer may have together.
    pub(super) fn context_tokens(&self) -> usize {
        match self {
            Self::Gemma(gemma) => gemma.context(),
            Self::T5(t5) => t5.context(),
        }
    }

    /// Whether prompt and answer are one text to the model.
    pub(super) fn continues_the_prompt(&self) -> bool {
        matches!(self, Self::Gemma(_))
    }

    /// A request that begins with `prompt`, of which nothing is read yet; `None` where it is empty.
    pub(super) fn begin(&self, mut prompt: Vec<u32>) -> Option<Context> {
        match self {
            Self::Gemma(gemma) => {
                let next = prompt.pop()?;
                Some(Context { memory: Memory::Gemma(gemma.begin()), unread: prompt, next })
            }
            Self::T5(t5) if !prompt.is_empty() => {
                Some(Context { memory: Memory::Prompt, unread: prompt, next: t5.decoder_start() })
            }
            Self::T5(_) => None,
        }
    }

    /// Which of the waiting requests, given by how much they have left to read, the next [`read`](Self::read) takes
    /// together: always the first, and as many more as cost little beside it.
    pub(super) fn read_together(&self, unread: &[usize], most: usize) -> usize {
        match self {
            // A chunk fills the machine.
            Self::Gemma(_) => 1,
            // An encoder sees a prompt as a whole, so a long one is on its own; short ones share the weights.
            Self::T5(_) => {
                let mut sum = 0;
                let fits = |count: &&usize| {
                    sum += **count;
                    sum <= most
                };
                unread.iter().take_while(fits).count().max(1)
            }
        }
    }

    /// Reads at most `most` tokens of the prompts of `contexts`, or all where a prompt cannot be read in parts; says
    /// how many of each.
    pub(super) fn read(&self, contexts: &mut [&mut Context], most: usize) -> Result<Vec<usize>> {
        match self {
            Self::Gemma(gemma) => {
                let read = |context: &mut &mut Context| {
                    let Memory::Gemma(memory) = &mut context.memory else { return Err(stranger()) };
                    let count = context.unread.len().min(most);
                    let chunk = context.unread.drain(..count);
                    gemma.read(chunk.as_slice(), memory)?;
                    Ok(count)
                };
                contexts.iter_mut().map(read).collect()
            }
            Self::T5(t5) => {
                let prompts: Vec<&[u32]> = contexts.iter().map(|context| context.unread.as_slice()).collect();
                let memories = t5.encode(&prompts)?;
                let take = |(context, memory): (&mut &mut Context, T5Memory)| {
                    context.memory = Memory::T5(memory);
                    std::mem::take(&mut context.unread).len()
                };
                Ok(contexts.iter_mut().zip(memories).map(take).collect())
            }
        }
    }

    /// Reads `tokens` after all that `context` holds, or as a new prompt where it holds nothing, `most` at once; the
    /// logits of the token after them.
    pub(super) fn read_on(
        &self,
        context: &mut Option<Context>,
        tokens: &[u32],
        most: usize,
    ) -> Result<Vec<f32>> {
        let empty = || Error::Msg("there is nothing to read".into());
        let context = match (self, context) {
            (Self::T5(_), Some(context)) => {
                let mut logits = Err(empty());
                for token in tokens {
                    context.push(*token);
                    logits = self.step(&mut [context])?.pop().ok_or_else(empty);
                }
                return logits;
            }
            (Self::Gemma(_), Some(context)) => {
                let (next, unread) = tokens.split_last().ok_or_else(empty)?;
                unread.clone_into(&mut context.unread);
                context.next = *next;
                context
            }
            (_, context) => context.insert(self.begin(tokens.to_vec()).ok_or_else(empty)?),
        };
        while context.unread() > 0 {
            self.read(&mut [context], most)?;
        }
        self.step(&mut [context])?.pop().ok_or_else(empty)
    }

    /// One step of all `contexts`, whose prompts must have been read: the logits of the next token of each.
    pub(super) fn step(&self, contexts: &mut [&mut Context]) -> Result<Vec<Vec<f32>>> {
        let tokens: Vec<u32> = contexts.iter().map(|context| context.next).collect();
        let logits = match self {
            Self::Gemma(gemma) => {
                let memories = contexts.iter_mut().map(|context| match &mut context.memory {
                    Memory::Gemma(memory) => Ok(memory),
                    _ => Err(stranger()),
                });
                gemma.logits(&gemma.step(&tokens, &mut memories.collect::<Result<Vec<_>>>()?)?)?
            }
            Self::T5(t5) => {
                let memories = contexts.iter_mut().map(|context| match &mut context.memory {
                    Memory::T5(memory) => Ok(memory),
                    _ => Err(stranger()),
                });
                t5.logits(&t5.step(&tokens, &mut memories.collect::<Result<Vec<_>>>()?)?)?
            }
        };
        let logits = logits.to_vec2()?;
        if logits.len() == tokens.len() {
            Ok(logits)
        } else {
            Err(Error::Msg(format!("{} answers to {} tokens", logits.len(), tokens.len())))
        }
    }
}

/// A context that another network began, or whose prompt nobody read: the engine has a defect.
fn stranger() -> Error {
    Error::Msg("the request's memory is not of this model".into())
}

impl Context {
    /// How much of the prompt is left to read before the first step.
    pub(super) fn unread(&self) -> usize {
        self.unread.len()
    }

    /// Has the next step take `token`.
    pub(super) fn push(&mut self, token: u32) {
        self.next = token;
    }
}
