//! Structural cues: what a text looks like, whatever it is about.

use super::pass::Word;
use super::script::{SCRIPTS, Script};
use super::signs::{SIGNS, Sign};

/// What is counted while a text is read.
#[derive(Debug, Clone)]
pub(super) struct Counts {
    bytes: [u32; 128],
    scripts: [u32; SCRIPTS],
    signs: [u32; SIGNS],
    first: Option<Option<Sign>>,
    words: u32,
    letters: u32,
    longest: u32,
    numbers: u32,
    lines: u32,
    blank: u32,
    indented: u32,
    endings: u32,
    bullets: u32,
    numbered: u32,
    headings: u32,
    fences: u32,
    options: u32,
    sentences: u32,
    questions: u32,
    commands: u32,
    arrows: u32,
    calls: u32,
    tags: u32,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            bytes: [0; 128],
            scripts: [0; SCRIPTS],
            signs: [0; SIGNS],
            first: None,
            words: 0,
            letters: 0,
            longest: 0,
            numbers: 0,
            lines: 0,
            blank: 0,
            indented: 0,
            endings: 0,
            bullets: 0,
            numbered: 0,
            headings: 0,
            fences: 0,
            options: 0,
            sentences: 0,
            questions: 0,
            commands: 0,
            arrows: 0,
            calls: 0,
            tags: 0,
        }
    }
}

/// One more; a text that has more than four thousand million of anything has them all the same.
#[inline]
const fn count(counter: &mut u32) {
    *counter = counter.saturating_add(1);
}

impl Counts {
    #[inline]
    pub(super) fn byte(&mut self, byte: u8) {
        self.bytes.get_mut(usize::from(byte)).into_iter().for_each(count);
    }

    pub(super) fn character(&mut self, character: char, script: Script) {
        self.scripts.get_mut(script as usize).into_iter().for_each(count);
        match character {
            '？' | '؟' => {
                count(&mut self.questions);
                count(&mut self.sentences);
            }
            '。' | '！' | '।' | '۔' => count(&mut self.sentences),
            '•' | '・' => count(&mut self.bullets),
            '→' | '⇒' => count(&mut self.arrows),
            _ => {}
        }
    }

    #[inline]
    pub(super) fn word(&mut self, word: Word) {
        count(&mut self.words);
        let characters = u32::try_from(word.characters).unwrap_or(u32::MAX);
        self.letters = self.letters.saturating_add(characters);
        self.longest = self.longest.max(characters);
        if word.number {
            count(&mut self.numbers);
        }
        if self.first.is_none() {
            self.first = Some(word.sign);
        }
        if let Some(sign) = word.sign {
            self.signs.get_mut(sign as usize).into_iter().for_each(count);
        }
    }

    pub(super) fn mark(&mut self, bytes: &[u8], at: usize) {
        let near = |step: usize| at.checked_sub(step).and_then(|at| bytes.get(at));
        let next = bytes.get(at + 1);
        match bytes.get(at) {
            Some(b'.' | b'!' | b'?') if next.is_none_or(u8::is_ascii_whitespace) => {
                count(&mut self.sentences);
            }
            Some(b'\\') if next.is_some_and(u8::is_ascii_alphabetic) => count(&mut self.commands),
            Some(b'>') if near(1).is_some_and(|byte| matches!(byte, b'-' | b'=')) => count(&mut self.arrows),
            Some(b'(') if near(1).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') => {
                count(&mut self.calls);
            }
            Some(b'/') if near(1) == Some(&b'<') => count(&mut self.tags),
            _ => {}
        }
        let options = matches!(bytes.get(at), Some(b')' | b'.' | b':'))
            && near(1).is_some_and(|byte| matches!(byte, b'A'..=b'J'))
            && near(2).is_none_or(|byte| byte.is_ascii_whitespace() || *byte == b'(');
        if options {
            count(&mut self.options);
        }
    }

    pub(super) fn line(&mut self, bytes: &[u8], at: usize) {
        count(&mut self.lines);
        let before = bytes.get(..at).unwrap_or_default().trim_ascii_end_of_line();
        if matches!(before.last(), Some(b';' | b'{' | b'}')) {
            count(&mut self.endings);
        }
        let rest = bytes.get(at..).unwrap_or_default();
        let indent = rest.iter().take(INDENT).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let rest = rest.get(indent..).unwrap_or_default();
        if indent >= 2 || bytes.get(at) == Some(&b'\t') {
            count(&mut self.indented);
        }
        match rest {
            [] | [b'\n' | b'\r', ..] => count(&mut self.blank),
            [b'`', b'`', b'`', ..] => count(&mut self.fences),
            [b'-' | b'*' | b'+', b' ', ..] => count(&mut self.bullets),
            [b'#', b'#' | b' ', ..] => count(&mut self.headings),
            [first, rest @ ..] if first.is_ascii_digit() => {
                let digits = rest.iter().take(2).take_while(|byte| byte.is_ascii_digit()).count();
                if matches!(rest.get(digits..), Some([b'.' | b')', b' ', ..])) {
                    count(&mut self.numbered);
                }
            }
            _ => {}
        }
    }

    /// Beyond four thousand million bytes the sum begins anew: shares are kept below 1 where they are made.
    fn bytes(&self, range: std::ops::RangeInclusive<u8>) -> u32 {
        let (from, to) = (usize::from(*range.start()), usize::from(*range.end()));
        self.bytes.get(from..=to).unwrap_or_default().iter().fold(0, |sum, count| sum.wrapping_add(*count))
    }

    fn of(&self, bytes: &[u8]) -> u32 {
        bytes
            .iter()
            .filter_map(|byte| self.bytes.get(usize::from(*byte)))
            .fold(0, |sum, n| sum.saturating_add(*n))
    }

    fn script(&self, script: Script) -> u32 {
        self.scripts.get(script as usize).copied().unwrap_or(0)
    }

    fn sign(&self, sign: Sign) -> u32 {
        self.signs.get(sign as usize).copied().unwrap_or(0)
    }

    fn opens_with(&self, sign: Sign) -> f32 {
        f32::from(u8::from(self.first == Some(Some(sign))))
    }
}

/// The most spaces of an indentation that are looked at, so that a line costs no more than that beside its reading.
const INDENT: usize = 64;

trait Line {
    fn trim_ascii_end_of_line(&self) -> &[u8];
}

impl Line for [u8] {
    fn trim_ascii_end_of_line(&self) -> &[u8] {
        let line = self.strip_suffix(b"\n").unwrap_or(self);
        line.strip_suffix(b"\r").unwrap_or(line)
    }
}

/// What a text tells as a whole, beside what was counted in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whole {
    pub(super) tokens: usize,
    /// Hashed words, and the different ones of them.
    pub(super) grams: (usize, usize),
    /// Whether its last character is a question mark.
    pub(super) asks: bool,
}

/// As a number; exact up to 16 million.
#[expect(clippy::cast_precision_loss, reason = "shares and logarithms of counts")]
const fn number(count: u32) -> f32 {
    count as f32
}

/// The part of `all`; 0 of nothing.
fn share(part: u32, all: u32) -> f32 {
    if all == 0 { 0.0 } else { (number(part) / number(all)).min(1.0) }
}

/// 0 for none, a third for one, towards 1 for many.
fn many(count: u32) -> f32 {
    let count = number(count);
    count / (count + 2.0)
}

/// `ln(1 + n) / 14`, at most 1: a million is 1.
fn size(count: u32) -> f32 {
    (number(count).ln_1p() / 14.0).min(1.0)
}

macro_rules! cues {
    (($counts:ident, $whole:ident, $all:ident); $($name:literal, $meaning:literal => $value:expr;)*) => {
        /// The structural cues.
        pub const CUES: usize = [$($name),*].len();

        /// What each cue is called, and what it means. *many* of `n` is `n / (n + 2)`, *size* is `ln(1 + n) / 14` but at
        /// most 1, a share is of all characters unless something else is said.
        pub const CUE_NAMES: [(&str, &str); CUES] = [$(($name, $meaning)),*];

        /// All cues, finite, from 0 to 1.
        pub(super) fn cues($counts: &Counts, $whole: Whole) -> [f32; CUES] {
            let $all = $counts.scripts.iter().fold($counts.bytes(0..=127), |sum, n| sum.saturating_add(*n));
            [$($value),*]
        }
    };
}

cues! {
    (c, whole, all);
    "characters", "size of the characters" => size(all);
    "words", "size of the words" => size(c.words);
    "tokens", "size of the tokens" => size(u32::try_from(whole.tokens).unwrap_or(u32::MAX));
    "lines", "size of the lines" => size(c.lines.saturating_sub(1));
    "sentences", "size of the ends of sentences" => size(c.sentences);
    "sentence_length", "size of the words to a sentence" => size(c.words / c.sentences.max(1));
    "word_length", "characters to a word, by 20" => share(c.letters, c.words.saturating_mul(20));
    "longest_word", "size of its characters" => size(c.longest);
    "tokens_per_word", "tokens to a word, marks included, by 5" =>
        share(u32::try_from(whole.tokens).unwrap_or(u32::MAX), c.words.saturating_mul(5));
    "different_words", "share of different words among all" =>
        if whole.grams.0 == 0 { 0.0 } else {
            share(u32::try_from(whole.grams.1).unwrap_or(u32::MAX), u32::try_from(whole.grams.0).unwrap_or(u32::MAX))
        };
    "capitals", "share of A to Z" => share(c.bytes(b'A'..=b'Z'), all);
    "digits", "share of 0 to 9" => share(c.bytes(b'0'..=b'9'), all);
    "spaces", "share of spaces and tabs" => share(c.of(b" \t"), all);
    "controls", "share of control characters" => share(c.bytes(0..=31).saturating_sub(c.of(b"\t\n\r")), all);
    "punctuation", "share of . , ; : ! ? and quotes" => share(c.of(b".,;:!?\"'"), all);
    "operators", "share of + - * / = < > ^ % |" => share(c.of(b"+-*/=<>^%|"), all);
    "brackets", "share of brackets of all kinds" => share(c.of(b"()[]{}"), all);
    "program_signs", "share of ; { } _ & # @ ~" => share(c.of(b";{}_&#@~"), all);
    "equals", "many of =" => many(c.of(b"="));
    "powers", "many of ^" => many(c.of(b"^"));
    "dollars", "many of $" => many(c.of(b"$"));
    "commands", "many of LaTeX's commands" => many(c.commands);
    "backticks", "many of `" => many(c.of(b"`"));
    "quotes", "many of double quotes" => many(c.of(b"\""));
    "apostrophes", "many of '" => many(c.of(b"'"));
    "commas", "share of commas among words" => share(c.of(b","), c.words);
    "colons", "many of :" => many(c.of(b":"));
    "exclamations", "many of !" => many(c.of(b"!"));
    "questions", "many of question marks" => many(c.of(b"?").saturating_add(c.questions));
    "asks", "1 if it ends with a question mark" => f32::from(u8::from(whole.asks));
    "underscores", "many of _" => many(c.of(b"_"));
    "bars", "many of |" => many(c.of(b"|"));
    "arrows", "many of -> and =>" => many(c.arrows);
    "calls", "many of ( right after a name" => many(c.calls);
    "tags", "many of </" => many(c.tags);
    "numbers", "many of numbers" => many(c.numbers);
    "number_share", "share of numbers among words" => share(c.numbers, c.words);
    "fences", "many of lines that begin with ```" => many(c.fences);
    "indented", "share of indented lines" => share(c.indented, c.lines);
    "blank", "share of empty lines" => share(c.blank, c.lines);
    "endings", "share of lines that end in ; { or }" => share(c.endings, c.lines);
    "bullets", "many of items in lists" => many(c.bullets);
    "numbered", "many of items in numbered lists" => many(c.numbered);
    "headings", "many of headings" => many(c.headings);
    "options", "many of choices such as `A.` and `(B)`" => many(c.options);
    "opens_question", "1 if the first word asks" => c.opens_with(Sign::Question);
    "opens_write", "1 if the first word is write or alike" => c.opens_with(Sign::Write);
    "opens_solve", "1 if the first word is solve or alike" => c.opens_with(Sign::Solve);
    "opens_explain", "1 if the first word is explain or alike" => c.opens_with(Sign::Explain);
    "opens_transform", "1 if the first word is summarize or alike" => c.opens_with(Sign::Transform);
    "opens_chat", "1 if the first word is hello or alike" => c.opens_with(Sign::Chat);
    "opens_logic", "1 if the first word is suppose or alike" => c.opens_with(Sign::Logic);
    "asking", "many of words that ask" => many(c.sign(Sign::Question));
    "writing", "many of words for texts to be made" => many(c.sign(Sign::Write));
    "solving", "many of words for results to be found" => many(c.sign(Sign::Solve));
    "explaining", "many of words for accounts to be given" => many(c.sign(Sign::Explain));
    "transforming", "many of words for texts to be worked on" => many(c.sign(Sign::Transform));
    "programming", "many of words of programs" => many(c.sign(Sign::Program));
    "mathematics", "many of words of mathematics" => many(c.sign(Sign::Mathematics));
    "chatting", "many of words of talk" => many(c.sign(Sign::Chat));
    "conditions", "many of words that bind the answer" => many(c.sign(Sign::Constraint));
    "logic", "many of words of arguments" => many(c.sign(Sign::Logic));
    "choosing", "many of words for choices" => many(c.sign(Sign::Choice));
    "science", "many of words of science" => many(c.sign(Sign::Science));
    "profession", "many of words of law, money and health" => many(c.sign(Sign::Profession));
    "story", "many of words of stories" => many(c.sign(Sign::Story));
    "addresses", "many of addresses" => many(c.sign(Sign::Address));
    "boxed", "many of words for a marked result" => many(c.sign(Sign::Boxed));
    "latin", "share of Latin letters beyond ASCII" => share(c.script(Script::Latin), all);
    "greek", "share of Greek" => share(c.script(Script::Greek), all);
    "cyrillic", "share of Cyrillic" => share(c.script(Script::Cyrillic), all);
    "han", "share of Chinese characters" => share(c.script(Script::Han), all);
    "kana", "share of Kana" => share(c.script(Script::Kana), all);
    "hangul", "share of Hangul" => share(c.script(Script::Hangul), all);
    "arabic", "share of Arabic" => share(c.script(Script::Arabic), all);
    "hebrew", "share of Hebrew" => share(c.script(Script::Hebrew), all);
    "indic", "share of Devanagari and the other scripts of India" => share(c.script(Script::Indic), all);
    "southeast", "share of Thai, Lao, Khmer, Burmese" => share(c.script(Script::Southeast), all);
    "formula", "share of mathematical characters" => share(c.script(Script::Formula), all);
    "emoji", "share of emoji" => share(c.script(Script::Emoji), all);
    "marks", "share of punctuation beyond ASCII" => share(c.script(Script::Mark), all);
    "other", "share of other characters" => share(c.script(Script::Other), all);
}
