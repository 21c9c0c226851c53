//! How often models were right where the brain said that they would be.
//!
//! `cargo run --release -p greenroute-predict --example calibration -- DIR [--model FILE]`
//!
//! DIR holds outcomes as `--bin train` reads them, FILE the weights that it wrote; else the shipped ones speak. Models are
//! known by their published scores alone. What the weights were fitted on flatters them: hold some outcomes back, and train
//! on the rest.
#![expect(clippy::print_stdout, reason = "an example prints what it finds")]

use greenroute_core::{Error, ErrorKind, Expecter, Prompt, PromptProfiler, Result};
use greenroute_predict::Brain;
use greenroute_predict::fit::data::Outcomes;
use greenroute_predict::fit::reference::Reference;
use std::collections::BTreeMap;
use std::fmt;

/// What was said of some answers, and what became of them.
#[derive(Default)]
struct Held {
    answers: f64,
    said: f64,
    was: f64,
    surprise: f64,
}

impl Held {
    fn add(&mut self, said: f64, was: f64) {
        self.answers += 1.0;
        self.said += said;
        self.was += was;
        let [right, wrong] = [said, 1.0 - said].map(|share| share.max(1e-6).ln());
        self.surprise -= was * right + (1.0 - was) * wrong;
    }

    fn gap(&self) -> f64 {
        (self.said - self.was).abs()
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { answers, said, was, surprise } = self;
        let [said, was] = [said, was].map(|sum| 100.0 * sum / answers);
        write!(
            f,
            "{answers:>8} answers  said {said:>5.1} %  were {was:>5.1} %  log loss {:.3}",
            surprise / answers
        )
    }
}

fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let usage = || Error::new(ErrorKind::Config, "calibration", "usage: calibration DIR [--model FILE]");
    let folder = words.next().ok_or_else(usage)?;
    let brain = match (words.next().as_deref(), words.next()) {
        (None, None) => Brain::shipped()?,
        (Some("--model"), Some(file)) => Brain::open(file)?,
        _ => return Err(usage()),
    };
    let outcomes = Outcomes::read(folder)?;
    let references = Reference::shipped()?;
    let cards: Vec<_> = outcomes
        .models
        .iter()
        .map(|name| references.iter().find(|reference| reference.is_called(name)).map(|found| &found.card))
        .collect();
    let (mut sources, mut bins) = (BTreeMap::<&str, Held>::new(), BTreeMap::<u8, Held>::new());
    for (row, prompt) in outcomes.prompts.iter().enumerate() {
        let profile = brain.profile(&Prompt::from(prompt.text.as_str()), &[]);
        for answer in outcomes.answers(row) {
            let Some(card) = cards.get(answer.model).copied().flatten() else { continue };
            let said = brain.expect(&profile, card).success.value().as_fraction();
            let was = f64::from(answer.score);
            let bin = (0..9).filter(|bin| said >= f64::from(bin + 1) / 10.0).count();
            bins.entry(u8::try_from(bin).unwrap_or(9)).or_default().add(said, was);
            sources.entry(&prompt.source).or_default().add(said, was);
            sources.entry("all").or_default().add(said, was);
        }
    }
    if bins.is_empty() {
        let what = "no model with an answer in DIR has published scores: nothing is said of any other";
        return Err(Error::new(ErrorKind::Config, "calibration", what));
    }
    for (bin, held) in &bins {
        println!("{:>12} {held}", format!("{} to {} %", 10 * bin, 10 * (bin + 1)));
    }
    for (source, held) in &sources {
        println!("{source:>12} {held}");
    }
    let answers: f64 = bins.values().map(|held| held.answers).sum();
    println!("calibration error over ten bins {:.4}", bins.values().map(Held::gap).sum::<f64>() / answers);
    Ok(())
}
