//! SentencePiece's byte-pair merging by score, from the vocabulary inside a GGUF file.
//!
//! It merges as llama.cpp does, so that the ids are the same. The `tokenizers` crate can do it from half a
//! million merges made of the scores, at the price of a second of loading and 150 MB; a heap of pairs needs neither.

use super::fault::FileFault;
use super::gguf::{Gguf, Texts, Value};
use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};

/// SentencePiece writes a space as U+2581.
const SPACE: &str = "\u{2581}";
const MAX_VOCABULARY: usize = 1 << 20;

/// What an entry of the vocabulary is; the numbers are those of the file.
const CONTROL: i32 = 3;
const LITERAL: i32 = 4;
const BYTE: i32 = 6;

/// A vocabulary and how text becomes its entries.
#[derive(Debug)]
pub(super) struct Tokenizer {
    texts: Texts,
    kinds: Vec<i32>,
    scores: Vec<f32>,
    ids: HashMap<Box<str>, u32>,
    /// The entry of each byte, or of what stands for the unknown.
    bytes: Vec<u32>,
    /// Entries that are found in the text before anything is merged, by first byte, longest first.
    literals: HashMap<u8, Vec<u32>>,
    longest: usize,
    start: Option<u32>,
    ends: Vec<u32>,
    space_first: bool,
}

impl Tokenizer {
    pub(super) fn load(gguf: &mut Gguf) -> Result<Self, FileFault> {
        let key = |name: &str| format!("tokenizer.ggml.{name}");
        let wrong = |name: &str, allowed| FileFault::WrongValue { key: key(name), allowed };
        if gguf.text(&key("model")) != Some("llama") {
            return Err(wrong("model", "`llama`: the other kinds of tokenizer are not known here"));
        }
        let Some(Value::Texts(texts)) = gguf.take(&key("tokens")) else {
            return Err(FileFault::Missing(key("tokens")));
        };
        let count = texts.len();
        if count == 0 || count > MAX_VOCABULARY {
            return Err(wrong("tokens", "between 1 and 1048576 texts"));
        }
        let Some(Value::Floats(scores)) = gguf.take(&key("scores")) else {
            return Err(FileFault::Missing(key("scores")));
        };
        let Some(Value::Ints(kinds)) = gguf.take(&key("token_type")) else {
            return Err(FileFault::Missing(key("token_type")));
        };
        if scores.len() != count || scores.iter().any(|score| !score.is_finite()) {
            return Err(wrong("scores", "one finite number for each token"));
        }
        if kinds.len() != count {
            return Err(wrong("token_type", "one for each token"));
        }
        let id = |name: &str| match gguf.whole(&key(name))?.map(u32::try_from) {
            None => Ok(None),
            Some(Ok(id)) if usize::try_from(id).is_ok_and(|id| id < count) => Ok(Some(id)),
            Some(_) => Err(wrong(name, "the id of a token")),
        };
        let (start, unknown) = (id("bos_token_id")?, id("unknown_token_id")?);
        let mut ends: Vec<u32> = [id("eos_token_id")?, id("eot_token_id")?].into_iter().flatten().collect();
        let flag = |name: &str| gguf.boolean(&key(name)).unwrap_or(true);
        let (add_start, space_first) = (flag("add_bos_token"), flag("add_space_prefix"));

        let mut ids = HashMap::with_capacity(count);
        let mut literals: HashMap<u8, Vec<u32>> = HashMap::new();
        let mut longest = 0;
        for ((text, kind), id) in texts.iter().zip(&kinds).zip(0_u32..) {
            ids.entry(Box::from(text)).or_insert(id);
            longest = longest.max(text.len());
            if let (LITERAL, Some(first)) = (*kind, text.bytes().next()) {
                literals.entry(first).or_default().push(id);
            }
            // Files name one end; models tuned for chat close their turns with this one.
            if *kind == CONTROL && text == END_OF_TURN && !ends.contains(&id) {
                ends.push(id);
            }
        }
        let length = |id: &u32| usize::try_from(*id).ok().and_then(|id| texts.get(id)).map_or(0, str::len);
        literals.values_mut().for_each(|ids| ids.sort_by_key(|id| std::cmp::Reverse(length(id))));
        let byte = |byte: u8| ids.get(format!("<0x{byte:02X}>").as_str()).copied().or(unknown);
        let bytes = (0..=u8::MAX).map(byte).collect::<Option<Vec<u32>>>();
        let bytes = bytes
            .ok_or_else(|| wrong("tokens", "complete: bytes are missing, and so is the unknown token"))?;
        let start = start.filter(|_| add_start);
        // A score of minus zero must tie with zero.
        let scores = scores.into_iter().map(|score| score + 0.0).collect();
        Ok(Self { texts, kinds, scores, ids, bytes, literals, longest, start, ends, space_first })
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }

    /// What every prompt begins with.
    pub(super) fn start(&self) -> Option<u32> {
        self.start
    }

    /// Whether the model says with `id` that it is done.
    pub(super) fn is_end(&self, id: u32) -> bool {
        self.ends.contains(&id)
    }

    /// The entry that steers the model, such as `<start_of_turn>`. Text never becomes one: nobody can forge a turn.
    pub(super) fn control(&self, text: &str) -> Option<u32> {
        self.ids.get(text).copied().filter(|id| self.kind(*id) == Some(CONTROL))
    }

    /// Appends the ids of `text`.
    pub(super) fn encode(&self, text: &str, out: &mut Vec<u32>) {
        let spaced = self.space_first && !text.is_empty();
        let text = if spaced { format!(" {text}") } else { text.to_owned() };
        let mut raw = 0;
        let mut at = 0;
        while at < text.len() {
            match self.literal_at(&text, at) {
                Some((id, len)) => {
                    self.merge(text.get(raw..at).unwrap_or_default(), out);
                    out.push(id);
                    at += len;
                    raw = at;
                }
                None => at += 1,
            }
        }
        self.merge(text.get(raw..).unwrap_or_default(), out);
    }

    fn literal_at(&self, text: &str, at: usize) -> Option<(u32, usize)> {
        let rest = text.as_bytes().get(at..)?;
        let candidates = self.literals.get(rest.first()?)?;
        candidates.iter().find_map(|id| {
            let text = self.text(*id)?;
            rest.starts_with(text.as_bytes()).then_some((*id, text.len()))
        })
    }

    /// Joins the best-scored neighbours of a text without literals until none has an entry.
    fn merge(&self, text: &str, out: &mut Vec<u32>) {
        let text = text.replace(' ', SPACE);
        let mut symbols = Symbols::of(&text);
        let mut queue = BinaryHeap::new();
        for right in 1..symbols.0.len() {
            queue.extend(self.pair(&text, &symbols, right - 1, right));
        }
        while let Some(Pair { left, right, end, .. }) = queue.pop() {
            if !symbols.join(left, right, end) {
                continue;
            }
            let (before, after) = symbols.neighbours(left);
            queue.extend(before.and_then(|before| self.pair(&text, &symbols, before, left)));
            queue.extend(after.and_then(|after| self.pair(&text, &symbols, left, after)));
        }
        for symbol in symbols.0.iter().filter(|symbol| symbol.end > symbol.start) {
            let text = text.get(symbol.start..symbol.end).unwrap_or_default();
            match self.ids.get(text) {
                Some(id) => out.push(*id),
                None => out.extend(text.bytes().filter_map(|byte| self.bytes.get(usize::from(byte)))),
            }
        }
    }

    fn pair(&self, text: &str, symbols: &Symbols, left: usize, right: usize) -> Option<Pair> {
        let (start, end) = (symbols.0.get(left)?.start, symbols.0.get(right)?.end);
        if end - start > self.longest {
            return None;
        }
        let id = self.ids.get(text.get(start..end)?)?;
        let score = *self.scores.get(usize::try_from(*id).ok()?)?;
        Some(Pair { score, left, right, end })
    }

    /// Appends the bytes that `id` stands for; control entries stand for none.
    pub(super) fn decode(&self, id: u32, out: &mut Vec<u8>) {
        let (Some(text), Some(kind)) = (self.text(id), self.kind(id)) else { return };
        match kind {
            LITERAL => out.extend(text.bytes()),
            BYTE => out.extend(text.get(3..5).and_then(|hex| u8::from_str_radix(hex, 16).ok())),
            NORMAL => out.extend(text.replace(SPACE, " ").bytes()),
            _ => {}
        }
    }

    fn text(&self, id: u32) -> Option<&str> {
        self.texts.get(usize::try_from(id).ok()?)
    }

    fn kind(&self, id: u32) -> Option<i32> {
        self.kinds.get(usize::try_from(id).ok()?).copied()
    }
}

const NORMAL: i32 = 1;
const END_OF_TURN: &str = "<end_of_turn>";

/// Two neighbours that have an entry together.
#[derive(Debug)]
struct Pair {
    score: f32,
    left: usize,
    right: usize,
    end: usize,
}

impl Ord for Pair {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.total_cmp(&other.score).then(other.left.cmp(&self.left))
    }
}

impl PartialOrd for Pair {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Pair {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Pair {}

/// Pieces of a text in order; a piece that was joined to its left neighbour is empty.
struct Symbols(Vec<Symbol>);

struct Symbol {
    start: usize,
    end: usize,
    before: Option<usize>,
    after: Option<usize>,
}

impl Symbols {
    fn of(text: &str) -> Self {
        let count = text.chars().count();
        let symbol = |(index, (start, char)): (usize, (usize, char))| Symbol {
            start,
            end: start + char.len_utf8(),
            before: index.checked_sub(1),
            after: Some(index + 1).filter(|after| *after < count),
        };
        Self(text.char_indices().enumerate().map(symbol).collect())
    }

    /// Joins `right` to `left`, unless one of them is no longer what it was when the pair up to `end` was seen.
    fn join(&mut self, left: usize, right: usize, end: usize) -> bool {
        let Some(taken) = self.0.get_mut(right) else { return false };
        if taken.end != end || taken.start == taken.end {
            return false;
        }
        let (start, after) = (taken.start, taken.after);
        let Some(kept) = self.0.get_mut(left).filter(|kept| kept.end == start && kept.start < kept.end)
        else {
            return false;
        };
        kept.end = end;
        kept.after = after;
        if let Some(taken) = self.0.get_mut(right) {
            taken.start = taken.end;
        }
        if let Some(next) = after.and_then(|after| self.0.get_mut(after)) {
            next.before = Some(left);
        }
        true
    }

    fn neighbours(&self, at: usize) -> (Option<usize>, Option<usize>) {
        self.0.get(at).map_or((None, None), |symbol| (symbol.before, symbol.after))
    }
}
