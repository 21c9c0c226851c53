use super::text::Cues;
use super::{Load, PromptProfile, PromptProfiler, complexity};
use crate::conversation::Turn;
use crate::estimate::{Estimate, Method};
use crate::model::{Capability, CapabilityWeights};
use crate::prompt::Prompt;
use crate::units::{Probability, Quantity, Tokens};

/// A profiler without weights: words and signs that anybody could list. It is the fallback where no trained
/// profiler is loaded, and the baseline that one must beat.
///
/// It knows English cue words and script-independent signs; a text in another language is told by its characters.
#[derive(Debug, Clone, Copy, Default)]
pub struct HeuristicProfiler;

/// Cue words, lower-case, each a vote for one capability and a share of difficulty. A cue ending in a space
/// or starting with one must stand alone there.
const CUES: &[(&str, Capability, f64)] = &[
    ("prove", Capability::Math, 1.6),
    ("theorem", Capability::Math, 1.4),
    ("integral", Capability::Math, 1.2),
    ("derivative", Capability::Math, 1.0),
    ("equation", Capability::Math, 0.8),
    ("calculate", Capability::Math, 0.5),
    ("how many", Capability::Math, 0.4),
    ("percent", Capability::Math, 0.4),
    ("solve", Capability::Math, 0.8),
    ("function", Capability::Code, 0.5),
    ("algorithm", Capability::Code, 1.0),
    ("code", Capability::Code, 0.5),
    ("python", Capability::Code, 0.4),
    ("javascript", Capability::Code, 0.4),
    ("rust ", Capability::Code, 0.6),
    ("sql", Capability::Code, 0.5),
    ("debug", Capability::Code, 0.8),
    ("refactor", Capability::Code, 0.8),
    ("compile", Capability::Code, 0.6),
    ("concurren", Capability::Code, 1.2),
    ("why ", Capability::Reasoning, 0.4),
    ("explain", Capability::Reasoning, 0.5),
    ("compare", Capability::Reasoning, 0.7),
    ("analy", Capability::Reasoning, 0.9),
    ("step by step", Capability::Reasoning, 0.6),
    ("trade-off", Capability::Reasoning, 1.1),
    ("evaluate", Capability::Reasoning, 0.8),
    ("what is", Capability::Knowledge, 0.1),
    ("who ", Capability::Knowledge, 0.1),
    ("when ", Capability::Knowledge, 0.1),
    ("where ", Capability::Knowledge, 0.1),
    ("capital of", Capability::Knowledge, 0.0),
    ("history", Capability::Knowledge, 0.4),
    ("diagnos", Capability::Knowledge, 1.4),
    ("legal", Capability::Knowledge, 1.2),
    ("story", Capability::Creative, 0.6),
    ("poem", Capability::Creative, 0.5),
    ("write a", Capability::Creative, 0.3),
    ("imagine", Capability::Creative, 0.4),
    ("slogan", Capability::Creative, 0.3),
    ("exactly", Capability::Instruction, 0.6),
    ("must ", Capability::Instruction, 0.5),
    ("format", Capability::Instruction, 0.4),
    ("json", Capability::Instruction, 0.5),
    ("bullet", Capability::Instruction, 0.2),
    ("summar", Capability::Instruction, 0.3),
    ("translate", Capability::Multilingual, 0.5),
    ("hello", Capability::Simple, 0.0),
    ("thank", Capability::Simple, 0.0),
    ("rigorous", Capability::Reasoning, 1.4),
];

/// The cue words of a long prompt are looked for in its first and last parts of this many bytes: the question
/// often stands at the end.
const SCANNED_BYTES: usize = 4096;

impl PromptProfiler for HeuristicProfiler {
    fn profile(&self, prompt: &Prompt, history: &[Turn]) -> PromptProfile {
        let asked = Cues::read(&prompt.text);
        let load = Load::with(asked.length(), prompt, history);
        let (votes, cue_difficulty) = votes(prompt, &asked);
        let difficulty = difficulty(&asked, load.text.get(), cue_difficulty);
        PromptProfile {
            capabilities: CapabilityWeights::new(votes),
            tasks: Vec::new(),
            latent: Vec::new(),
            novelty: Probability::from_fraction(0.5),
            difficulty,
            complexity: complexity(difficulty),
            input: load.input(),
            output: expected_output(prompt, difficulty),
            needs: load.needs,
        }
    }

    fn centroid(&self, capability: Capability) -> PromptProfile {
        PromptProfile::by_hand(CapabilityWeights::single(capability), 3.0)
    }
}

fn votes(prompt: &Prompt, asked: &Cues) -> (Vec<(Capability, f64)>, f64) {
    let (head, tail) = ends(&prompt.text);
    let (head, tail) = (head.to_lowercase(), tail.to_lowercase());
    // A small vote for the plainest kind, so that a prompt without any cue has a profile too.
    let mut votes = Capability::ALL.map(|capability| {
        let plain = if capability == Capability::Simple { 0.2 } else { 0.0 };
        (capability, plain)
    });
    let mut hardest = 0.0_f64;
    let mut sum = 0.0;
    let mut vote = |capability: Capability, weight: f64| {
        for (known, held) in &mut votes {
            if *known == capability {
                *held += weight;
            }
        }
    };
    for (cue, capability, hard) in CUES {
        if head.contains(cue) || tail.contains(cue) {
            vote(*capability, 1.0);
            hardest = hardest.max(*hard);
            sum += hard;
        }
    }
    vote(Capability::Math, 4.0 * asked.share(asked.formula) + 2.0 * asked.share(asked.digits));
    vote(Capability::Code, 6.0 * (asked.share(asked.program) - 0.04).max(0.0));
    vote(Capability::Multilingual, 3.0 * asked.share(asked.foreign));
    if !prompt.tools.is_empty() || prompt.schema.is_some() {
        vote(Capability::Instruction, 1.0);
    }
    (votes.to_vec(), hardest + 0.25 * (sum - hardest))
}

/// 1 to 5: what the cues say, more for a long or formula-laden question, a little for a long conversation.
fn difficulty(asked: &Cues, all: u64, cue_difficulty: f64) -> f64 {
    let length = (1.0 + asked.length().tokens().base() / 40.0).log2().min(5.0);
    let context =
        (1.0 + Tokens::new(all.saturating_sub(asked.length().tokens().get())).base() / 400.0).log2();
    let signs = 3.0 * asked.share(asked.formula) + 2.0 * asked.share(asked.program);
    let questions = 0.15 * Tokens::new(asked.questions.min(6).saturating_sub(1)).base();
    let sum = 1.0 + cue_difficulty + 0.3 * length + 0.15 * context.min(4.0) + signs.min(1.0) + questions;
    sum.clamp(1.0, 5.0)
}

/// Harder questions get longer answers; an output limit bounds them.
fn expected_output(prompt: &Prompt, difficulty: f64) -> Estimate<Tokens> {
    let typical = Tokens::from_base(40.0 * 2f64.powf(difficulty - 1.0));
    let limit = Tokens::new(prompt.max_output_tokens.unwrap_or(u64::MAX));
    Estimate::scaled(typical, 0.2, 4.0, Method::Proxy).map(|tokens| tokens.min(limit))
}

/// The first and the last part of a text, cut where characters end; the last is empty for a short text.
fn ends(text: &str) -> (&str, &str) {
    if text.len() <= 2 * SCANNED_BYTES {
        return (text, "");
    }
    let head = text.floor_char_boundary(SCANNED_BYTES);
    let tail = text.ceil_char_boundary(text.len() - SCANNED_BYTES);
    (text.get(..head).unwrap_or(text), text.get(tail..).unwrap_or(""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::ComplexityLabel;

    fn profile(text: &str) -> PromptProfile {
        HeuristicProfiler.profile(&Prompt::from(text), &[])
    }

    #[test]
    fn cues_point_to_a_capability() {
        for (text, expected) in [
            ("What is the capital of France?", Capability::Knowledge),
            ("Write a Python function that sorts a list, and debug this code", Capability::Code),
            ("Prove that x^2 + y^2 = z^2 has integer solutions", Capability::Math),
            ("Write a short poem about a story of the sea", Capability::Creative),
            ("请证明柯西-施瓦茨不等式", Capability::Multilingual),
            ("hi", Capability::Simple),
        ] {
            assert_eq!(profile(text).capabilities.primary(), expected, "{text}");
        }
    }

    #[test]
    fn harder_prompts_are_harder_and_the_tail_counts() {
        let easy = profile("What is the capital of France?");
        let hard = profile("Prove Gödel's theorem rigorously, and analyse the trade-offs of each step");
        assert!(easy.difficulty < 2.0 && hard.difficulty > 3.0, "{} {}", easy.difficulty, hard.difficulty);
        assert_eq!(easy.label(), ComplexityLabel::Low);
        let long =
            format!("{}{}", "The cat sat on the mat. ".repeat(4000), "Now prove Gödel's theorem rigorously.");
        assert!(
            profile(&long).difficulty > profile(&"The cat sat on the mat. ".repeat(4000)).difficulty + 0.5
        );
    }

    #[test]
    fn every_text_has_a_profile() {
        let mut texts =
            vec![String::new(), " \n\t ".into(), "\u{0}\u{ffff}".into(), "🌍".repeat(3), "a".into()];
        texts.push("é".repeat(500_000));
        for text in texts {
            let profile = profile(&text);
            let weights: f64 = profile.capabilities.iter().map(|(_, weight)| weight).sum();
            assert!((weights - 1.0).abs() < 1e-9);
            assert!((1.0..=5.0).contains(&profile.difficulty) && profile.complexity <= 100);
        }
    }
}
