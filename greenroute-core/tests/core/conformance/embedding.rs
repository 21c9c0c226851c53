//! Embedders.

use super::catches_async;
use async_trait::async_trait;
use greenroute_core::conformance::embedder::{ALL, Subject};
use greenroute_core::conformance::{Verdict, run_async};
use greenroute_core::units::Tokens;
use greenroute_core::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

const DIMENSIONS: u32 = 16;

/// Spells texts into vectors, with the flaw that a scenario is named for.
#[derive(Debug, Default)]
struct Speller {
    flaw: &'static str,
    /// The longest text that it reads, in bytes.
    most: Option<usize>,
    calls: AtomicU32,
    busy: AtomicU32,
}

fn key() -> ModelKey {
    ModelKey::new("local", "speller")
}

/// Neighbouring characters count, each pair at its place; length 1.
fn spelled(text: &str, dimensions: u32) -> Vec<f32> {
    let mut vector = vec![0.25f32; dimensions as usize];
    let mut before = 7u32;
    for letter in text.chars().map(u32::from) {
        let place = (before.wrapping_mul(31) ^ letter.wrapping_mul(0x9e37_79b9)) >> 7;
        vector[(place % dimensions) as usize] += 1.0;
        before = letter;
    }
    let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
    vector.iter().map(|number| number / length).collect()
}

#[async_trait]
impl Embedder for Speller {
    async fn embed(&self, request: EmbedRequest) -> Result<Embedded> {
        let fault = |kind| Err(Error::new(kind, request.model.to_string(), "it cannot be done"));
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        let others = self.busy.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        self.busy.fetch_sub(1, Ordering::SeqCst);
        if request.model != key() && self.flaw != "refuses_an_unknown_model" {
            return fault(ErrorKind::ModelNotFound);
        }
        let empty = request.texts.is_empty() || request.texts.iter().any(|text| text.trim().is_empty());
        if empty && self.flaw != "refuses_what_is_no_text" {
            return fault(ErrorKind::InvalidRequest);
        }
        let asked = request.dimensions.unwrap_or(DIMENSIONS);
        let dimensions = match self.flaw {
            "refuses_dimensions_that_it_cannot_give" => DIMENSIONS,
            "gives_vectors_of_the_dimensions_asked_for" if asked == DIMENSIONS / 2 => DIMENSIONS,
            _ => asked,
        };
        if dimensions != DIMENSIONS && dimensions != DIMENSIONS / 2 {
            return fault(ErrorKind::Unsupported);
        }
        let too_long = |most| request.texts.iter().any(|text| text.len() > most);
        if self.most.is_some_and(too_long) {
            return fault(ErrorKind::ContextOverflow);
        }
        if self.flaw == "embeds_a_megabyte_or_says_that_it_is_too_long" && too_long(1_000) {
            return fault(ErrorKind::Internal);
        }
        let mut vectors: Vec<Vec<f32>> = request.texts.iter().map(|text| spelled(text, dimensions)).collect();
        let many = vectors.len();
        match self.flaw {
            "gives_vectors_of_its_dimensions" => vectors.iter_mut().for_each(|vector| vector.push(0.5)),
            "gives_the_same_text_the_same_vector" if many > 1 => vectors[0][0] += 0.1,
            "keeps_the_order_of_many_texts" if many > 100 => vectors.rotate_left(100),
            "answers_many_at_once_as_alone" if others > 0 => vectors.iter_mut().for_each(|v| v.reverse()),
            "gives_vectors_of_length_one" => vectors.iter_mut().flatten().for_each(|number| *number *= 3.0),
            "embeds_strange_text" => {
                let ascii = request.texts.iter().map(|text| text.is_ascii());
                vectors.iter_mut().zip(ascii).filter(|(_, ascii)| !ascii).for_each(|(v, _)| v.fill(0.0));
            }
            "embeds_for_every_purpose" if request.purpose == EmbedPurpose::Query => {
                vectors.iter_mut().for_each(|vector| vector.truncate(3));
            }
            _ => {}
        }
        let read = match self.flaw {
            "counts_what_it_read" => 1,
            _ => request.texts.iter().map(|text| text.chars().count() as u64).sum(),
        };
        let usage = Counted::Reported(Usage::new(Tokens::new(read), Tokens::ZERO));
        let name =
            if self.flaw == "names_the_model_that_made_them" && call % 2 == 1 { "other" } else { "speller" };
        let returned = ModelKey::new("local", name);
        Ok(Embedded { returned, vectors, usage, timing: None, stated: None })
    }
}

fn subject(speller: Speller) -> Subject {
    let subject = Subject::new(Arc::new(speller), key(), DIMENSIONS);
    Subject { shorter: Some(DIMENSIONS / 2), ..subject }
}

#[tokio::test]
async fn a_speller_conforms_and_so_does_one_that_reads_only_short_texts() {
    for most in [None, Some(10_000)] {
        let subject = subject(Speller { most, ..Speller::default() });
        let report = run_async(ALL, &subject, &[]).await.conforms().unwrap();
        assert!(report.verdicts().iter().all(|(_, verdict)| *verdict == Verdict::Passed), "{report}");
    }
}

#[tokio::test]
async fn a_speller_that_misspells_is_caught() {
    let flaws: Vec<(&str, &'static str)> = ALL.iter().map(|s| (s.name, s.name)).collect();
    let with = |flaw: &&'static str| Box::new(subject(Speller { flaw, ..Speller::default() }));
    catches_async(ALL, &flaws, with).await;
}
