use greenroute_core::chat::{ChatRequest, Message, Role};
use greenroute_core::model::Window;
use greenroute_core::{Error, ErrorKind, ModelKey, Result};
use std::fmt;
use std::time::Duration;

/// Which calls a calibration makes: answers and prompts of several lengths, each as often as there are rounds.
///
/// A model that stops before the tokens asked for is calibrated on those that it wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Lengths of answers to a short prompt, in tokens.
    pub answers: Vec<u64>,
    /// Lengths of prompts, in about as many tokens, each with a short answer.
    pub prompts: Vec<u64>,
    /// How often each is asked, in another order each time.
    pub rounds: u32,
    /// Calls before the first that counts: they bring caches and clocks to their working state.
    pub warm_ups: u32,
    /// Calls with next to no prompt and one token of answer, one per round: what a call takes by itself. They have a
    /// line of their own in the report, and hold the overhead of the fit.
    pub empty: u32,
    /// Another number gives other orders; the same one, the same.
    pub seed: u64,
    /// The longest that one call may take.
    pub timeout: Option<Duration>,
}

impl Default for Plan {
    /// Answers of 10, 200 and 2000 tokens and prompts of 200 and 2000, three times each.
    fn default() -> Self {
        Self {
            answers: vec![10, 200, 2000],
            prompts: vec![200, 2000],
            rounds: 3,
            warm_ups: 1,
            empty: 3,
            seed: 1,
            timeout: None,
        }
    }
}

/// What a call of a plan is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// To warm up; it does not count.
    WarmUp,
    /// To see what a call takes by itself; a line of its own.
    Empty,
    /// An answer of some length.
    Answer,
    /// A prompt of some length.
    Prompt,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::WarmUp => "warm-up",
            Self::Empty => "empty",
            Self::Answer => "answer",
            Self::Prompt => "prompt",
        })
    }
}

/// One call of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// What for.
    pub kind: Kind,
    /// The tokens asked for: of the answer, or about those of the prompt.
    pub tokens: u64,
    /// The round, from 1 on; 0 before the first.
    pub round: u32,
}

/// Tokens of a window that the short prompt, the short answer and a model's own turns are left.
const ROOM: u64 = 128;
const SHORT_ANSWER: u64 = 10;

const COUNT_ON: &str = "Write the whole numbers in English words, separated by commas, without end: one, two, three, four, five, six,";
const READ_ON: &str = "Read these words and name the first one:";
/// Each is one token to every usual vocabulary.
const WORDS: [&str; 8] = ["time", "people", "water", "house", "world", "school", "music", "light"];

impl Plan {
    /// The same with no answer and no prompt longer than `tokens`.
    #[must_use]
    pub fn up_to(mut self, tokens: u64) -> Self {
        for lengths in [&mut self.answers, &mut self.prompts] {
            lengths.iter_mut().for_each(|length| *length = tokens.min(*length));
            lengths.dedup();
        }
        self
    }

    /// Checks the numbers.
    ///
    /// # Errors
    /// [`ErrorKind::Config`], naming the field and what is allowed.
    pub fn validate(&self) -> Result<()> {
        let fault = |message: &str| Err(Error::new(ErrorKind::Config, "calibration", message));
        if self.rounds == 0 || self.rounds > 100 {
            return fault("`rounds` must be between 1 and 100");
        }
        if self.answers.len() + self.prompts.len() > 32 {
            return fault("`answers` and `prompts` must be at most 32 lengths together");
        }
        if self.answers.iter().chain(&self.prompts).any(|tokens| *tokens == 0) {
            return fault("`answers` and `prompts` must be at least 1 token each");
        }
        if self.answers.len() < 2 {
            return fault("`answers` must be at least two lengths: one tells no slope");
        }
        Ok(())
    }

    /// The calls in their order, cut to what fits `window`, and what was cut, in words.
    #[must_use]
    pub fn calls(&self, window: Window) -> (Vec<Asked>, Vec<String>) {
        let room = window.context.saturating_sub(ROOM).max(1);
        let longest = window.max_output.map_or(room, |most| most.min(room)).max(1);
        let of_window = format!("all that fits the model's window of {}", window.context);
        let of_output = match window.max_output {
            Some(most) if most <= room => "the longest answer that the model's card allows".to_owned(),
            _ => of_window.clone(),
        };
        let mut notes = Vec::new();
        // Words of a prompt may be more than one token each: half as many more are allowed for.
        let lengths = [
            (Kind::Answer, &self.answers, longest, of_output),
            (Kind::Prompt, &self.prompts, (room * 2 / 3).max(1), of_window),
        ];
        let mut sizes = Vec::new();
        for (kind, wanted, most, why) in lengths {
            for &tokens in wanted {
                let cut = tokens.min(most);
                if cut < tokens {
                    notes.push(format!("{kind}s of {tokens} tokens were cut to {cut}: {why}"));
                }
                if !sizes.contains(&(kind, cut)) {
                    sizes.push((kind, cut));
                }
            }
        }
        let warm_up = Asked { kind: Kind::WarmUp, tokens: SHORT_ANSWER.min(longest), round: 0 };
        let mut calls: Vec<Asked> = (0..self.warm_ups).map(|_| warm_up).collect();
        let mut dice = Dice(self.seed);
        for round in 1..=self.rounds.max(self.empty) {
            let counted = sizes.iter().filter(|_| round <= self.rounds);
            let mut next: Vec<Asked> = counted.map(|&(kind, tokens)| Asked { kind, tokens, round }).collect();
            if round <= self.empty {
                next.push(Asked { kind: Kind::Empty, tokens: 1, round });
            }
            dice.shuffle(&mut next);
            calls.extend(next);
        }
        (calls, notes)
    }

    /// The request of a call. `place` stands first in its prompt, so that no server answers it from a cache of prompts.
    pub(super) fn request(&self, model: &ModelKey, asked: Asked, place: usize) -> ChatRequest {
        let (text, output) = match asked.kind {
            Kind::Empty => (".".to_owned(), 1),
            Kind::WarmUp | Kind::Answer => (format!("{place}. {COUNT_ON}"), asked.tokens),
            Kind::Prompt => {
                let words = usize::try_from(asked.tokens).unwrap_or(usize::MAX);
                let words: Vec<&str> = WORDS.into_iter().cycle().take(words).collect();
                (format!("{place}. {READ_ON} {}", words.join(" ")), SHORT_ANSWER)
            }
        };
        let mut request = ChatRequest::new(model.clone(), vec![Message::text(Role::User, text)]);
        request.max_output_tokens = Some(output);
        request.timeout = self.timeout;
        request
    }
}

/// Numbers that look drawn: `SplitMix64` (Steele, Lea, Flood 2014).
struct Dice(u64);

impl Dice {
    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Fisher and Yates.
    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let upto = u64::try_from(last).unwrap_or(u64::MAX).saturating_add(1);
            let other = usize::try_from(self.draw() % upto).unwrap_or(last);
            items.swap(last, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDE: Window = Window { context: 32_768, max_output: None };

    #[test]
    fn a_seed_decides_the_order_and_every_round_asks_everything() {
        let plan = Plan::default();
        let (calls, notes) = plan.calls(WIDE);
        assert_eq!((calls.len(), notes.len()), (1 + 3 * 5 + 3, 0));
        assert_eq!(calls, plan.calls(WIDE).0);
        assert_ne!(calls, Plan { seed: 2, ..plan }.calls(WIDE).0);
        let of_round = |round: u32| {
            let mut asked: Vec<_> = calls
                .iter()
                .filter(|call| call.round == round)
                .map(|call| (call.kind, call.tokens))
                .collect();
            let order = asked.clone();
            asked.sort_unstable();
            (asked, order)
        };
        let [(first, one), (second, two), (third, three)] = [1, 2, 3].map(of_round);
        assert!(first == second && second == third);
        assert!(one != two || two != three, "each round has an order of its own");
        assert_eq!(calls[0].kind, Kind::WarmUp);
    }

    #[test]
    fn what_does_not_fit_the_window_is_cut_and_told() {
        let (calls, notes) = Plan::default().calls(Window { context: 512, max_output: Some(100) });
        let longest = |kind| calls.iter().filter(|call| call.kind == kind).map(|call| call.tokens).max();
        assert_eq!((longest(Kind::Answer), longest(Kind::Prompt)), (Some(100), Some(256)));
        assert_eq!(notes.len(), 3, "{notes:?}");
        assert_eq!(
            notes[1],
            "answers of 2000 tokens were cut to 100: the longest answer that the model's card allows"
        );
        assert_eq!(
            notes[2],
            "prompts of 2000 tokens were cut to 256: all that fits the model's window of 512"
        );
        let wide = Window { context: 1024, max_output: Some(4096) };
        let (_, notes) = Plan::default().calls(wide);
        assert!(notes[0].starts_with("answers") && notes[0].ends_with("window of 1024"), "{notes:?}");
        // 200 and 2000 are the same call now, and asked once a round.
        assert_eq!(calls.iter().filter(|call| call.kind == Kind::Answer && call.round == 1).count(), 2);
    }

    #[test]
    fn every_request_says_what_may_be_sent() {
        let (model, plan) = (ModelKey::new("local", "tiny"), Plan::default());
        for (place, asked) in plan.calls(WIDE).0.into_iter().enumerate() {
            let request = plan.request(&model, asked, place);
            request.check(None).unwrap();
            let words = request.messages[0].plain_text().split_whitespace().count();
            match asked.kind {
                Kind::Prompt => assert!(words as u64 >= asked.tokens && words as u64 <= asked.tokens + 12),
                _ => assert_eq!(request.max_output_tokens, Some(asked.tokens)),
            }
        }
    }

    #[test]
    fn a_plan_that_tells_nothing_is_refused() {
        let says = |plan: Plan| plan.validate().unwrap_err().to_string();
        assert!(says(Plan { rounds: 0, ..Plan::default() }).contains("`rounds`"));
        assert!(says(Plan { answers: vec![10], ..Plan::default() }).contains("two lengths"));
        assert!(says(Plan { prompts: vec![0], ..Plan::default() }).contains("at least 1 token"));
        assert!(says(Plan::default().up_to(10)).contains("two lengths"));
        assert!(Plan::default().validate().is_ok());
        let short = Plan::default().up_to(200);
        assert_eq!((short.answers, short.prompts), (vec![10, 200], vec![200]));
    }
}
