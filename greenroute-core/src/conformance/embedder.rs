//! What an [`Embedder`] promises: a vector for each text, in order and of one length, the same for the same text in any
//! company, and an error of the right kind for what it cannot embed.

use super::{AsyncCheck, Finding, Outcome, Scenario, demand, fail, same, scenarios};
use crate::embed::{EmbedPurpose, EmbedRequest, Embedded, Embedder};
use crate::error::{Error, ErrorKind};
use crate::model::ModelKey;
use crate::units::Tokens;
use futures_util::future::join_all;
use std::sync::Arc;

/// An embedder, and what to ask of it.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The embedder.
    pub embedder: Arc<dyn Embedder>,
    /// One of its models.
    pub model: ModelKey,
    /// How many numbers this model's vectors have where nothing else is asked for.
    pub dimensions: u32,
    /// A smaller number that the model can shorten them to; `None` where it shortens none.
    pub shorter: Option<u32>,
    /// Whether its vectors are of length 1.
    pub unit: bool,
}

/// Every scenario.
pub const ALL: &[Scenario<AsyncCheck<Subject>>] = scenarios![
    async
    gives_vectors_of_its_dimensions,
    gives_vectors_of_the_dimensions_asked_for,
    gives_the_same_text_the_same_vector,
    keeps_the_order_of_many_texts,
    answers_many_at_once_as_alone,
    gives_vectors_of_length_one,
    embeds_strange_text,
    embeds_a_megabyte_or_says_that_it_is_too_long,
    embeds_for_every_purpose,
    counts_what_it_read,
    names_the_model_that_made_them,
    refuses_what_is_no_text,
    refuses_an_unknown_model,
    refuses_dimensions_that_it_cannot_give,
];

impl Subject {
    /// An embedder of unit vectors that it does not shorten.
    #[must_use]
    pub fn new(embedder: Arc<dyn Embedder>, model: ModelKey, dimensions: u32) -> Self {
        Self { embedder, model, dimensions, shorter: None, unit: true }
    }

    fn request(&self, texts: &[impl AsRef<str>]) -> EmbedRequest {
        EmbedRequest {
            model: self.model.clone(),
            texts: texts.iter().map(|text| text.as_ref().to_owned()).collect(),
            purpose: EmbedPurpose::Similarity,
            dimensions: None,
            timeout: None,
        }
    }

    /// What comes for `request`, as sound as every answer must be, with vectors of `dimensions` numbers.
    async fn sound(&self, request: EmbedRequest, dimensions: u32) -> Result<Embedded, Finding> {
        let texts = request.texts.len();
        let embedded = self.embedder.embed(request).await?;
        same("the number of vectors", &texts, &embedded.vectors.len())?;
        for vector in &embedded.vectors {
            same("the numbers of a vector", &Ok(dimensions), &u32::try_from(vector.len()))?;
            demand(vector.iter().all(|number| number.is_finite()), || format!("not finite: {vector:?}"))?;
            demand(vector.iter().any(|number| *number != 0.0), || "a vector has no direction".to_owned())?;
        }
        Ok(embedded)
    }

    async fn vectors(&self, texts: &[impl AsRef<str>]) -> Result<Vec<Vec<f32>>, Finding> {
        Ok(self.sound(self.request(texts), self.dimensions).await?.vectors)
    }

    async fn alone(&self, text: &str) -> Result<Vec<f32>, Finding> {
        let vectors = self.vectors(&[text]).await?;
        vectors.into_iter().next().ok_or_else(|| Finding::Failed("no vector came".to_owned()))
    }

    /// The error that must come for `request`.
    async fn refusal(&self, what: &str, request: EmbedRequest) -> Result<Error, Finding> {
        match self.embedder.embed(request).await {
            Err(error) => Ok(error),
            Ok(embedded) => fail(format!("{what} gave {} vectors", embedded.vectors.len())),
        }
    }
}

/// Texts that mean different things.
const TEXTS: [&str; 5] = [
    "Why is the sky blue?",
    "The recipe wants two eggs, a cup of flour and a pinch of salt.",
    "fn main() { println!(\"hello\"); }",
    "Der Zug nach Hamburg fährt heute zwanzig Minuten später.",
    "Interest rates rose by half a percent in March.",
];

/// The share of their length by which two vectors differ.
fn apart(one: &[f32], other: &[f32]) -> f64 {
    let square = |numbers: &[f32]| numbers.iter().map(|number| f64::from(*number).powi(2)).sum::<f64>();
    let between = one.iter().zip(other).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum::<f64>();
    (between / square(one).max(square(other)).max(f64::MIN_POSITIVE)).sqrt()
}

/// Sums come out otherwise in other company, but by no more than this.
const SAME: f64 = 1e-3;

fn near(what: &str, one: &[f32], other: &[f32]) -> Outcome {
    let apart = apart(one, other);
    demand(apart <= SAME, || format!("{what}: the vectors are apart by {apart:.4} of their length"))
}

/// Every vector has as many finite numbers as the model's have, whether or not they are asked for by number.
pub async fn gives_vectors_of_its_dimensions(subject: &Subject) -> Outcome {
    let own = subject.vectors(&TEXTS).await?;
    let asked = EmbedRequest { dimensions: Some(subject.dimensions), ..subject.request(&TEXTS) };
    let asked = subject.sound(asked, subject.dimensions).await?.vectors;
    own.iter().zip(&asked).try_for_each(|(own, asked)| near("its own dimensions, asked for", own, asked))
}

/// A model that can shorten vectors does.
pub async fn gives_vectors_of_the_dimensions_asked_for(subject: &Subject) -> Outcome {
    let Some(shorter) = subject.shorter else {
        return Err(Finding::DoesNotApply("it shortens no vectors".to_owned()));
    };
    let asked = EmbedRequest { dimensions: Some(shorter), ..subject.request(&TEXTS) };
    subject.sound(asked, shorter).await.map(|_| ())
}

/// Asked twice, and alone or among others. Another text has another vector.
pub async fn gives_the_same_text_the_same_vector(subject: &Subject) -> Outcome {
    let together = subject.vectors(&TEXTS).await?;
    for (text, vector) in TEXTS.iter().zip(&together) {
        near("alone and among others", &subject.alone(text).await?, vector)?;
    }
    let doubled = subject.vectors(&[TEXTS, TEXTS].concat()).await?;
    let (first, second) = doubled.split_at(TEXTS.len());
    first.iter().zip(second).try_for_each(|(one, other)| near("twice in one request", one, other))?;
    for (at, one) in together.iter().enumerate() {
        for other in together.iter().skip(at + 1) {
            demand(apart(one, other) > SAME, || "two texts have one vector".to_owned())?;
        }
    }
    Ok(())
}

/// Of 250 texts, more than most servers take at once, each has its own vector at its own place.
pub async fn keeps_the_order_of_many_texts(subject: &Subject) -> Outcome {
    let [first, second, third, ..] = TEXTS;
    let texts: Vec<String> = (0..250).map(|at| format!("{first} {at} {second}")).collect();
    let vectors = subject.vectors(&texts).await?;
    // Texts of other lengths, among which a reader that sorts by length must find its way back.
    let mixed = [third, &second.repeat(8), first, &third.repeat(30), second];
    let sorted = subject.vectors(&mixed).await?;
    for (text, vector) in mixed.iter().zip(&sorted) {
        near("among texts of other lengths", &subject.alone(text).await?, vector)?;
    }
    for at in [0, 1, 99, 100, 249] {
        let Some(text) = texts.get(at) else { continue };
        let alone = subject.alone(text).await?;
        let distances = vectors.iter().map(|vector| apart(&alone, vector));
        let nearest = distances.enumerate().min_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(place, _)| place);
        same("the place of a text's vector", &Some(at), &nearest)?;
    }
    Ok(())
}

/// Requests that overlap get each its own vectors.
pub async fn answers_many_at_once_as_alone(subject: &Subject) -> Outcome {
    let requests = TEXTS.iter().cycle().take(4 * TEXTS.len());
    let asked = join_all(requests.map(|text| async move { (*text, subject.alone(text).await) })).await;
    for (text, vector) in asked {
        near("among requests at once", &subject.alone(text).await?, &vector?)?;
    }
    Ok(())
}

/// Where the embedder says so, so that a product of two vectors is their cosine.
pub async fn gives_vectors_of_length_one(subject: &Subject) -> Outcome {
    if !subject.unit {
        return Err(Finding::DoesNotApply("its vectors are of any length".to_owned()));
    }
    for vector in subject.vectors(&TEXTS).await? {
        let length = vector.iter().map(|number| f64::from(*number).powi(2)).sum::<f64>().sqrt();
        demand((length - 1.0).abs() < 1e-3, || format!("a vector is {length} long"))?;
    }
    Ok(())
}

/// Other scripts, emoji, code, one letter, and characters that nobody uses have a direction too.
pub async fn embeds_strange_text(subject: &Subject) -> Outcome {
    let texts = [
        "a",
        "?",
        "请证明柯西-施瓦茨不等式。",
        "لماذا السماء زرقاء؟",
        "👩‍👩‍👧‍👦🏳️‍🌈👍🏽",
        "∀ε>0 ∃δ>0: |x−a|<δ",
        "a\u{0}b\u{7}",
        "Z\u{351}\u{36b}\u{343}a\u{36c}",
        "\tindented\r\n  and more  ",
        "[PAD][CLS]<|endoftext|>",
    ];
    for text in texts {
        subject.alone(text).await?;
    }
    subject.vectors(&texts).await.map(|_| ())
}

/// A megabyte is read, or cut as the embedder documents, or refused as [`ErrorKind::ContextOverflow`].
pub async fn embeds_a_megabyte_or_says_that_it_is_too_long(subject: &Subject) -> Outcome {
    let before = subject.alone(TEXTS[0]).await?;
    for text in ["sixteen letters ".repeat(1 << 16), "é".repeat(1 << 19)] {
        match subject.sound(subject.request(&[text.as_str()]), subject.dimensions).await {
            Ok(_) => {}
            Err(finding) => match subject.embedder.embed(subject.request(&[text.as_str()])).await {
                Err(error) => same("the kind of the error", &ErrorKind::ContextOverflow, error.kind())?,
                Ok(_) => return Err(finding),
            },
        }
    }
    near("before and after a megabyte", &before, &subject.alone(TEXTS[0]).await?)
}

/// Questions and documents have vectors of one length, so that they can be compared.
pub async fn embeds_for_every_purpose(subject: &Subject) -> Outcome {
    for purpose in [EmbedPurpose::Similarity, EmbedPurpose::Query, EmbedPurpose::Document] {
        let request = EmbedRequest { purpose, ..subject.request(&TEXTS) };
        subject.sound(request, subject.dimensions).await?;
    }
    Ok(())
}

/// Reading takes input tokens, more for more texts, and nothing is written.
pub async fn counts_what_it_read(subject: &Subject) -> Outcome {
    let count = async |texts: &[&str]| {
        let embedded = subject.sound(subject.request(texts), subject.dimensions).await?;
        let usage = embedded.usage.usage();
        same("the output tokens", &Tokens::ZERO, &usage.output_tokens())?;
        Ok::<_, Finding>(usage.input_tokens())
    };
    let (one, all) = (count(&TEXTS[..1]).await?, count(&TEXTS).await?);
    demand(one > Tokens::ZERO && all > one, || format!("{one} for one text, {all} for five"))
}

/// The vectors' model is the provider's own and the same each time: vectors of two models cannot be compared.
pub async fn names_the_model_that_made_them(subject: &Subject) -> Outcome {
    let first = subject.sound(subject.request(&TEXTS), subject.dimensions).await?.returned;
    same("the provider", &subject.model.provider, &first.provider)?;
    demand(!first.model.as_str().is_empty(), || "the model has no name".to_owned())?;
    let again = subject.sound(subject.request(&TEXTS[1..]), subject.dimensions).await?.returned;
    same("the model the second time", &first, &again)
}

/// No texts, and an empty one among others, are [`ErrorKind::InvalidRequest`]; the next request is answered.
pub async fn refuses_what_is_no_text(subject: &Subject) -> Outcome {
    for texts in [&[][..], &[""], &["a", ""], &["a", " \n\t", "b"]] {
        let error = subject.refusal(&format!("{texts:?}"), subject.request(texts)).await?;
        same("the kind of the error", &ErrorKind::InvalidRequest, error.kind())?;
        demand(!error.message().trim().is_empty(), || "the error says nothing".to_owned())?;
    }
    subject.vectors(&TEXTS).await.map(|_| ())
}

/// A model that it does not serve, its own or another provider's, is [`ErrorKind::ModelNotFound`].
pub async fn refuses_an_unknown_model(subject: &Subject) -> Outcome {
    let provider = subject.model.provider.as_str();
    for model in [ModelKey::new(provider, "no-such-model"), ModelKey::new("nobody", "no-such-model")] {
        let request = EmbedRequest { model: model.clone(), ..subject.request(&TEXTS) };
        let error = subject.refusal(&model.to_string(), request).await?;
        same("the kind of the error", &ErrorKind::ModelNotFound, error.kind())?;
    }
    Ok(())
}

/// A number of dimensions that the model does not have is [`ErrorKind::Unsupported`], and none at all is that or
/// [`ErrorKind::InvalidRequest`]; never vectors of another length.
pub async fn refuses_dimensions_that_it_cannot_give(subject: &Subject) -> Outcome {
    let mut asked = vec![subject.dimensions.saturating_mul(64).saturating_add(1)];
    if subject.shorter.is_none() {
        asked.extend([1, subject.dimensions / 2, subject.dimensions.saturating_add(1)]);
    }
    asked.retain(|dimensions| *dimensions > 0 && *dimensions != subject.dimensions);
    for dimensions in asked {
        let request = EmbedRequest { dimensions: Some(dimensions), ..subject.request(&TEXTS) };
        let error = subject.refusal(&format!("{dimensions} dimensions"), request).await?;
        same("the kind of the error", &ErrorKind::Unsupported, error.kind())?;
        demand(!error.message().trim().is_empty(), || "the error says nothing".to_owned())?;
    }
    let none = EmbedRequest { dimensions: Some(0), ..subject.request(&TEXTS) };
    let error = subject.refusal("no dimensions", none).await?;
    let named = matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::InvalidRequest);
    demand(named, || format!("no dimensions are {:?}", error.kind()))
}
