//! Words that say what is asked for. They stand in the vocabulary's table, so that looking a word up finds its sign too.
//!
//! English, but for words that ask in French, Spanish, German, Russian and Chinese: in other languages signs are few, and
//! some are chance (`her`, `man`, `plan` are words elsewhere too). There, the embedding and the other cues speak.

/// What a word is a sign of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Sign {
    /// Asks.
    Question,
    /// Wants a text made.
    Write,
    /// Wants a result worked out.
    Solve,
    /// Wants an account.
    Explain,
    /// Wants a given text worked on.
    Transform,
    /// Programs and their words.
    Program,
    /// Mathematics and its words.
    Mathematics,
    /// Talk.
    Chat,
    /// A condition on the answer.
    Constraint,
    /// An argument.
    Logic,
    /// A choice among given answers.
    Choice,
    /// Measured nature.
    Science,
    /// Law, money, health: where a wrong answer costs.
    Profession,
    /// Somebody speaks or acts in a story.
    Story,
    /// An address.
    Address,
    /// A final result to be marked.
    Boxed,
}

/// The number of signs.
pub(super) const SIGNS: usize = 16;

/// The words of each sign, folded, no word twice.
pub(super) const WORDS: &[(Sign, &str)] = &[
    (
        Sign::Question,
        "what which who whom whose when where why how is are was were does do did can could would \
         que quel quelle qui pourquoi comment quien cual como wer wie warum wieso что как почему где когда кто \
         сколько 什 吗 哪 谁 几",
    ),
    (
        Sign::Write,
        "write compose draft create generate design imagine brainstorm invent suggest propose poem story essay \
         letter email blog script song lyrics slogan tweet paragraph article speech dialogue recipe plan",
    ),
    (
        Sign::Solve,
        "calculate compute solve evaluate simplify determine find prove derive estimate integrate differentiate \
         minimize maximize many much total remaining difference",
    ),
    (
        Sign::Explain,
        "explain describe compare contrast analyze discuss define outline illustrate clarify interpret justify \
         reason step steps detail detailed example examples",
    ),
    (
        Sign::Transform,
        "summarize translate extract classify rewrite edit convert shorten identify label list sort \
         summary translation text sentence passage context paraphrase",
    ),
    (
        Sign::Program,
        "function code python java javascript rust sql html css api json algorithm array string integer int def \
         class return import print void const var null boolean compiler debug bug server database query \
         variable loop regex linux git bash file input output implement method object",
    ),
    (
        Sign::Mathematics,
        "equation triangle polynomial matrix probability integral derivative theorem sum product square root prime \
         angle circle radius real positive complex vector graph sequence digits divided times percent ratio area \
         volume perimeter fraction frac sqrt mod log sin cos",
    ),
    (
        Sign::Chat,
        "hi hello hey thanks thank please sorry ok okay yes yeah lol welcome goodbye bye feel friend love my me you",
    ),
    (
        Sign::Constraint,
        "exactly must least most only without avoid include ensure limit maximum words sentences format style tone \
         bullet minimum strictly never always between than should",
    ),
    (
        Sign::Logic,
        "if then therefore hence suppose assume given implies every each all some none not unless because either \
         neither true false",
    ),
    (
        Sign::Choice,
        "option options answer answers choose choice select correct best statement statements following",
    ),
    (
        Sign::Science,
        "energy force mass velocity acceleration temperature pressure voltage current electron atom molecule acid \
         reaction cell gene protein dna enzyme species planet wavelength solution",
    ),
    (
        Sign::Profession,
        "patient symptoms diagnosis treatment therapy clinical disease drug court contract plaintiff defendant \
         statute law legal tax market price cost profit interest investment company",
    ),
    (
        Sign::Story,
        "he she his her him they their said went bought mother father girl boy man woman door house day",
    ),
    (Sign::Address, "http https www url"),
    (Sign::Boxed, "boxed box final"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::fold::Folds;
    use crate::text::pass::{Sink, Word, read};
    use crate::text::vocabulary::Vocabulary;
    use crate::weights::Weights;
    use std::collections::BTreeSet;

    struct Seen(Vec<Option<Sign>>);

    impl Sink for Seen {
        fn word(&mut self, word: Word) {
            self.0.push(word.sign);
        }
    }

    #[test]
    fn every_word_is_found_as_one_word_and_is_a_sign_of_one_thing() {
        let (folds, vocabulary) = (Folds::new(), Vocabulary::new(&Weights::shipped().unwrap()).unwrap());
        let mut seen = BTreeSet::new();
        for (sign, words) in WORDS {
            for word in words.split_whitespace() {
                let mut told = Seen(Vec::new());
                read(word, &folds, &vocabulary, &mut told);
                assert_eq!(told.0, [Some(*sign)], "{word}");
                assert!(seen.insert(word), "{word} stands twice");
            }
        }
        let mut numbers = WORDS.iter().map(|(sign, _)| *sign as usize);
        assert!((0..SIGNS).all(|number| numbers.next() == Some(number)) && numbers.next().is_none());
    }
}
