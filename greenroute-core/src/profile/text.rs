//! One pass over a text: what can be counted without a model.

use crate::estimate::{Estimate, Method};
use crate::units::{Quantity, Tokens};

/// What one pass over a text counts.
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

    /// Its expected tokens.
    pub(super) const fn length(&self) -> Length {
        Length(self.millitokens)
    }

    /// `part` of all characters.
    pub(super) fn share(&self, part: u64) -> f64 {
        Tokens::new(part).base() / Tokens::new(self.chars.max(1)).base()
    }
}

/// How many tokens texts are expected to have, in thousandths, so that texts add up.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Length(u64);

impl Length {
    /// That of one text, as [`Cues::length`] has it.
    pub(super) fn of(text: &str) -> Self {
        /// By byte.
        #[expect(clippy::indexing_slicing, reason = "a byte below 128 into 128 places, before anything runs")]
        const ASCII: [u64; 128] = {
            let (mut table, mut byte) = ([0; 128], 0u8);
            while byte < 128 {
                // White space costs nothing; this one is no such thing to `is_ascii_whitespace`.
                if !(byte.is_ascii_whitespace() || byte == 0x0b) {
                    table[byte as usize] = millitokens(byte as char);
                }
                byte += 1;
            }
            table
        };
        if text.is_ascii() {
            let of = |byte: u8| ASCII.get(usize::from(byte)).copied().unwrap_or_default();
            return Self(text.bytes().map(of).sum());
        }
        Self(text.chars().filter(|c| !c.is_whitespace()).map(millitokens).sum())
    }

    pub(super) const fn add(&mut self, other: Self) {
        self.0 += other.0;
    }

    pub(super) const fn tokens(self) -> Tokens {
        Tokens::new(self.0.div_ceil(1000))
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
    approximate(Length::of(text).tokens())
}

/// A count made without the model's tokenizer.
pub(crate) fn approximate(tokens: Tokens) -> Estimate<Tokens> {
    Estimate::scaled(tokens, 0.6, 1.7, Method::Proxy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_length_is_that_of_the_whole_reading(text in "[\\x00-\\x7f]{0,40}", any in "\\PC{0,40}", blank in "\\s{0,5}") {
            for text in [text.clone(), any.clone(), format!("{text}{blank}{any}")] {
                prop_assert_eq!(Length::of(&text).0, Cues::read(&text).length().0);
            }
        }
    }

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
