//! One pass over a text: what can be counted without a model.

use crate::estimate::{Estimate, Method};
use crate::units::{Quantity, Tokens};

/// What one pass over a text counts. Sums, so that the parts of a conversation add up.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cues {
    /// Characters that are not white space.
    pub(super) chars: u64,
    /// Of these, outside ASCII.
    pub(super) foreign: u64,
    pub(super) digits: u64,
    /// Signs that stand in formulas: `= + ^ √ ∑ \` …
    pub(super) formula: u64,
    /// Signs that stand in programs: `{ } ; ( ) < >` …
    pub(super) program: u64,
    pub(super) words: u64,
    pub(super) lines: u64,
    pub(super) questions: u64,
    /// Expected tokens, in thousandths.
    millitokens: u64,
}

impl Cues {
    pub(super) fn read(text: &str) -> Self {
        let mut cues = Self::default();
        let mut in_word = false;
        for c in text.chars() {
            if c.is_whitespace() {
                in_word = false;
                cues.lines += u64::from(c == '\n');
                continue;
            }
            cues.chars += 1;
            cues.words += u64::from(!in_word);
            in_word = true;
            cues.millitokens += millitokens(c);
            match c {
                '0'..='9' => cues.digits += 1,
                '{' | '}' | ';' | '(' | ')' | '<' | '>' | '[' | ']' | '_' | '`' => cues.program += 1,
                '=' | '+' | '^' | '*' | '/' | '\\' | '√' | '∑' | '∫' | '∂' | '≤' | '≥' | '∈' | '∀' | '∃' =>
                {
                    cues.formula += 1;
                }
                '?' | '？' | '؟' => cues.questions += 1,
                _ => {}
            }
            // Typographic quotes and dashes do not make a text foreign.
            cues.foreign += u64::from(c > '\u{24f}' && !('\u{2000}'..='\u{2bff}').contains(&c));
        }
        cues
    }

    pub(super) fn add(&mut self, other: Self) {
        self.chars += other.chars;
        self.foreign += other.foreign;
        self.digits += other.digits;
        self.formula += other.formula;
        self.program += other.program;
        self.words += other.words;
        self.lines += other.lines;
        self.questions += other.questions;
        self.millitokens += other.millitokens;
    }

    pub(super) fn tokens(&self) -> u64 {
        self.millitokens.div_ceil(1000)
    }

    /// `part` of all characters.
    pub(super) fn share(&self, part: u64) -> f64 {
        Tokens::new(part).base() / Tokens::new(self.chars.max(1)).base()
    }
}

/// Thousandths of a token for one character: the usual figures for today's subword vocabularies, about four
/// characters of English a token, two of other alphabets, one of Chinese, Japanese and Korean.
const fn millitokens(c: char) -> u64 {
    match c {
        'a'..='z' | 'A'..='Z' => 210,
        '0'..='9' => 500,
        '\0'..='\x7f' => 450,
        '\u{80}'..='\u{24f}' => 450,
        '\u{370}'..='\u{1fff}' => 480,
        '\u{2e80}'..='\u{d7ff}' | '\u{f900}'..='\u{faff}' => 900,
        _ => 1200,
    }
}

/// The tokens of a text without any model's tokenizer, in one pass. The band is that of English prose, code and
/// other scripts over today's vocabularies: a factor of 0.6 to 1.7.
#[must_use]
pub fn estimate_tokens(text: &str) -> Estimate<Tokens> {
    approximate(Tokens::new(Cues::read(text).tokens()))
}

/// A count made without the model's tokenizer.
pub(crate) fn approximate(tokens: Tokens) -> Estimate<Tokens> {
    Estimate::scaled(tokens, 0.6, 1.7, Method::Proxy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_near_for_english_code_and_chinese() {
        // Typical counts of today's vocabularies.
        for (text, counted) in [
            ("The quick brown fox jumps over the lazy dog.", 10),
            ("fn main() { println!(\"hi\"); }", 12),
            ("今天天气怎么样？", 7),
        ] {
            let estimate = estimate_tokens(text);
            assert!(
                estimate.low() <= Tokens::new(counted) && Tokens::new(counted) <= estimate.high(),
                "{text}: {estimate}"
            );
        }
        assert_eq!(estimate_tokens("").value(), Tokens::ZERO);
    }
}
