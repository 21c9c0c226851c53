//! What a text's features are, whatever the text.

#![cfg(test)]

use greenroute_core::conformance::{embedder, run_async};
use greenroute_core::units::Tokens;
use greenroute_core::{EmbedPurpose, EmbedRequest, Embedder, ErrorKind, ModelKey};
use greenroute_predict::text::{
    BUCKETS, CUE_NAMES, Features, MEANING, Reader, Scratch, StaticEmbedder, TOPIC,
};
use greenroute_predict::weights::{About, Draft, Weights};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

static READER: LazyLock<Reader> = LazyLock::new(|| Reader::shipped().unwrap());

fn cue(features: &Features, name: &str) -> f32 {
    features.cues[CUE_NAMES.iter().position(|(known, _)| *known == name).unwrap()]
}

fn nearness(a: &str, b: &str) -> f32 {
    let (a, b) = (READER.read(a), READER.read(b));
    a.embedding[MEANING].iter().zip(&b.embedding[MEANING]).map(|(a, b)| a * b).sum()
}

/// Of length one or zero, finite, in order: what holds for every text.
fn sound(features: &Features) {
    for half in [&features.embedding[TOPIC], &features.embedding[MEANING]] {
        let length: f32 = half.iter().map(|number| number * number).sum();
        assert!((length - 1.0).abs() < 1e-4 || half.iter().all(|number| *number == 0.0));
    }
    for ((name, _), value) in CUE_NAMES.iter().zip(features.cues) {
        assert!((0.0..=1.0).contains(&value), "{name} is {value}");
    }
    assert!(features.grams.is_sorted_by(|a, b| a.0 < b.0));
    assert!(features.grams.iter().all(|(bucket, weight)| (*bucket as usize) < BUCKETS && *weight > 0.0));
    let length: f32 = features.grams.iter().map(|(_, weight)| weight * weight).sum();
    assert!(features.grams.is_empty() || (length - 1.0).abs() < 1e-3);
}

#[test]
fn a_text_without_anything_has_features_of_zeros() {
    for text in ["", " ", "\n\n\t ", "\u{0}\u{1}\u{200d}\u{feff}"] {
        let features = READER.read(text);
        sound(&features);
        assert_eq!((features.tokens, features.grams.len()), (0, 0), "{text:?}");
        assert!(features.embedding.iter().all(|number| *number == 0.0));
    }
    assert_eq!(READER.read("").cues.iter().filter(|cue| **cue != 0.0).count(), 1, "one empty line");
}

#[test]
fn a_sentence_ends_in_every_script() {
    let ends = |text: &str| cue(&READER.read(text), "sentences");
    let two = ends("It rains. Stay in!");
    assert!(two > ends("It rains. Stay in") && ends("It rains. Stay in") > ends("It rains"));
    for text in
        ["雨だ。外へ出る？", "बारिश है। रुको।", "هل تمطر؟ ابق في البيت؟", "بارش ہے۔ رکو۔", "下雨了！在家吧。"]
    {
        assert_eq!(ends(text), two, "{text}");
    }
}

#[test]
fn a_long_prompt_counts_to_its_end() {
    let filler = "The committee met on Tuesday and talked about the garden. ".repeat(20_000);
    let (bare, whole) = (READER.read(&filler), READER.read(&format!("{filler} Now prove Fermat's theorem?")));
    assert!(filler.len() > 1_000_000);
    assert_eq!(whole.tokens, bare.tokens + READER.tokens("Now prove Fermat's theorem?").len());
    assert_eq!((cue(&bare, "asks"), cue(&whole, "asks")), (0.0, 1.0));
    assert!(whole.grams.len() > bare.grams.len());
    assert_ne!(whole.embedding, bare.embedding);
    sound(&whole);
}

#[test]
fn strange_texts_have_sound_features() {
    let binary: String =
        (0..200_000u32).filter_map(|n| char::from_u32(n.wrapping_mul(2_654_435_761) % 0x11_0000)).collect();
    for text in [
        "x".repeat(1 << 20),
        "漢".repeat(300_000),
        "😀".repeat(100_000),
        "\u{0}".repeat(1 << 20),
        "\n".repeat(1 << 20),
        " ".repeat(1 << 20),
        "[CLS]".repeat(100_000),
        "é\u{301}".repeat(100_000),
        "한".repeat(200_000),
        "a b ".repeat(1 << 18),
        binary,
        "one漢字два三😀\u{0}\u{202e}ثلاثة".into(),
    ] {
        sound(&READER.read(&text));
    }
}

#[test]
fn used_memory_leaves_no_trace_in_the_next_reading() {
    let (mut scratch, mut features) = (Scratch::default(), Features::default());
    for text in ["Prove it. Prove it again, then write code.", "", "数学の問題", "a", "Hello!"] {
        READER.read_into(text, &mut scratch, &mut features);
        assert_eq!(features, READER.read(text), "{text}");
    }
}

#[test]
fn texts_about_one_thing_are_nearer_than_texts_about_two() {
    let question = "How do I bake bread with sourdough?";
    let near = nearness(question, "A recipe for a loaf: flour, water, yeast and an oven.");
    let far = nearness(question, "The court dismissed the appeal of the defendant.");
    assert!(near > far + 0.1, "{near} {far}");
}

#[test]
fn cues_see_what_a_text_looks_like() {
    let told = |text: &str| READER.read(text);
    let code = told("fn add(a: i32) -> i32 {\n    a + 1;\n}\n```\nprint(x)\n```");
    assert!(cue(&code, "fences") > 0.4 && cue(&code, "indented") > 0.1 && cue(&code, "calls") > 0.3);
    assert!(cue(&code, "endings") > 0.3 && cue(&code, "arrows") > 0.3);
    let choice = told("Which is a prime?\nA. 4\nB. 9\n(C) 7 D) 8");
    assert!((cue(&choice, "options") - 4.0 / 6.0).abs() < 1e-6);
    assert!(cue(&choice, "opens_question") == 1.0 && cue(&choice, "number_share") > 0.3);
    let formula = told("Compute $\\frac{1}{2} + \\sqrt{2}$ and give the final result in \\boxed{}.");
    assert!(
        (cue(&formula, "commands") - 3.0 / 5.0).abs() < 1e-6 && (cue(&formula, "dollars") - 0.5).abs() < 1e-6
    );
    assert!(
        cue(&formula, "opens_solve") == 1.0
            && cue(&formula, "boxed") > 0.3
            && cue(&formula, "mathematics") > 0.3
    );
    let list = told("## Plan\n- one\n* two\n1. three\n12) four\n\n3.5 is no item");
    assert!((cue(&list, "bullets") - 0.5).abs() < 1e-6 && (cue(&list, "numbered") - 0.5).abs() < 1e-6);
    assert!(cue(&list, "headings") > 0.3 && cue(&list, "blank") > 0.1);
    assert_eq!(cue(&told("Hi there, thanks!"), "opens_chat"), 1.0);
    assert_eq!(cue(&told("Summarize this."), "opens_transform"), 1.0);
    assert!(cue(&told("It must have exactly 5 words, at most."), "conditions") > 0.5);
    assert!(cue(&told("Где мой дом?"), "cyrillic") > 0.5 && cue(&told("今天天气好吗？"), "asks") == 1.0);
    assert_eq!(cue(&told("same same same same"), "different_words"), 0.25);
    assert!(cue(&told("see https://example.org"), "addresses") > 0.3);
}

#[test]
fn every_cue_has_a_name_of_its_own() {
    let names: BTreeSet<_> = CUE_NAMES.iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), CUE_NAMES.len());
}

#[test]
fn words_make_grams_alone_and_in_pairs_and_characters_do_where_words_have_no_spaces() {
    let grams = |text: &str| READER.read(text).grams.len();
    assert_eq!(grams("one"), 1);
    assert_eq!(grams("one two three"), 5);
    assert_eq!(grams("one, (two) -- three!"), 5);
    assert_eq!(grams("数学題"), 5);
    assert_eq!(grams("ไทย"), 5);
    assert_eq!(grams("¿¡…?!"), 0);
    assert_eq!(READER.read("Café ÉTÉ").grams, READER.read("cafe ete").grams);
    let shared = |a: &str, b: &str| {
        let (a, b) = (READER.read(a), READER.read(b));
        a.grams.iter().filter(|(bucket, _)| b.grams.iter().any(|(other, _)| other == bucket)).count()
    };
    assert_eq!(shared("prove the theorem", "the theorem of Gauss"), 3);
}

#[test]
fn weights_whose_golden_texts_come_out_otherwise_are_refused() {
    let shipped = Weights::shipped().unwrap();
    let steps: Vec<f32> = (1..=256u16).map(f32::from).collect();
    let altered = Draft::over(&shipped).f32("text.steps", &[256], &steps).to_bytes().unwrap();
    let error = Reader::new(Arc::new(Weights::from_bytes(altered, "altered").unwrap())).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Decode);
    assert!(error.to_string().contains("golden text"), "{error}");
}

#[test]
fn weights_without_a_golden_text_are_refused() {
    let shipped = Weights::shipped().unwrap();
    let about = About { golden: Vec::new(), ..shipped.about().clone() };
    let draft = Draft::over(&shipped).about(about).f32("golden.embeddings", &[0, 256], &[]);
    let none = Weights::from_bytes(draft.to_bytes().unwrap(), "none").unwrap();
    let error = Reader::new(Arc::new(none)).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Decode);
    assert!(error.to_string().contains("names no golden text"), "{error}");
}

#[test]
fn weights_with_a_strange_vocabulary_or_table_are_refused() {
    let shipped = Weights::shipped().unwrap();
    let words = shipped.tensor_text("text.vocabulary").unwrap();
    let with = |words: &str| {
        let bytes = Draft::over(&shipped).text("text.vocabulary", words).to_bytes().unwrap();
        Reader::new(Arc::new(Weights::from_bytes(bytes, "strange").unwrap())).unwrap_err().to_string()
    };
    assert!(with("").contains("text.vocabulary"));
    assert!(with(&format!("{words}\nthe")).contains("`the`"));
    assert!(with(&words.replacen("[PAD]", "[pad]", 1)).contains("special tokens"));
    assert!(with(&format!("{words}\nzzzzqqqq")).contains("text.table"), "a row too few");
    assert!(with(&format!("{words}\n{}", "z".repeat(65))).contains("too long"));
    let none = Draft::over(&shipped).without("text.").to_bytes().unwrap();
    assert!(Reader::new(Arc::new(Weights::from_bytes(none, "none").unwrap())).is_err());
}

fn request(model: ModelKey, texts: &[&str]) -> EmbedRequest {
    let texts = texts.iter().map(ToString::to_string).collect();
    EmbedRequest { model, texts, purpose: EmbedPurpose::Similarity, dimensions: None, timeout: None }
}

#[tokio::test]
async fn the_static_embedder_does_what_every_embedder_promises() {
    let embedder = Arc::new(StaticEmbedder::new(Arc::new(Reader::shipped().unwrap())));
    let dimensions = u32::try_from(MEANING.len()).unwrap();
    let subject = embedder::Subject::new(embedder, StaticEmbedder::key(), dimensions);
    run_async(embedder::ALL, &subject, &[]).await.conforms().unwrap();
}

#[tokio::test]
async fn the_static_embedder_gives_unit_vectors_and_counts_tokens() {
    let embedder = StaticEmbedder::new(Arc::new(Reader::shipped().unwrap()));
    let texts = ["How are you?", "Wie geht es?"];
    let told = embedder.embed(request(StaticEmbedder::key(), &texts)).await.unwrap();
    assert_eq!(told.returned.to_string(), "local/greenroute-static-128");
    assert_eq!(told.vectors.len(), 2);
    for (text, vector) in texts.iter().zip(&told.vectors) {
        assert_eq!(vector.as_slice(), &READER.read(text).embedding[MEANING]);
    }
    let tokens = texts.iter().map(|text| READER.tokens(text).len()).sum::<usize>();
    assert_eq!(told.usage.usage().input_tokens(), Tokens::new(tokens as u64));
}

#[tokio::test]
async fn the_static_embedder_refuses_what_the_trait_says() {
    let embedder = StaticEmbedder::new(Arc::new(Reader::shipped().unwrap()));
    let refused = async |request| embedder.embed(request).await.unwrap_err().kind().clone();
    assert_eq!(refused(request(StaticEmbedder::key(), &[])).await, ErrorKind::InvalidRequest);
    assert_eq!(refused(request(StaticEmbedder::key(), &["a", " "])).await, ErrorKind::InvalidRequest);
    assert_eq!(refused(request(ModelKey::new("local", "other"), &["a"])).await, ErrorKind::ModelNotFound);
    let short = EmbedRequest { dimensions: Some(8), ..request(StaticEmbedder::key(), &["a"]) };
    assert_eq!(refused(short).await, ErrorKind::Unsupported);
}

#[tokio::test]
async fn a_text_of_which_nothing_is_read_is_refused_by_its_place_and_never_a_vector_of_zeros() {
    let embedder = StaticEmbedder::new(Arc::new(Reader::shipped().unwrap()));
    for nothing in ["\u{200b}\u{200d}", "\u{0}\u{7}", "\u{301}"] {
        let error = embedder.embed(request(StaticEmbedder::key(), &["a", nothing])).await.unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::InvalidRequest, "{nothing:?}");
        assert!(error.to_string().contains("text 2 of 2"), "{error}");
    }
    // Any character that is read has a direction.
    let texts = ["?", "[PAD]", "[CLS]", "[UNK]", "\u{e000}x", "😀", "𒀀", "ꮳ"];
    let told = embedder.embed(request(StaticEmbedder::key(), &texts)).await.unwrap();
    for (text, vector) in texts.iter().zip(told.vectors) {
        let length: f32 = vector.iter().map(|number| number * number).sum();
        assert!((length - 1.0).abs() < 1e-4, "{text}: {length}");
    }
}

proptest! {
    #[test]
    fn features_are_sound_whatever_the_text(text in any::<String>()) {
        sound(&READER.read(&text));
    }

    #[test]
    fn features_of_letters_and_signs_are_sound(text in "[ -~\n\t]{0,400}") {
        let features = READER.read(&text);
        sound(&features);
        prop_assert_eq!(features.tokens, READER.tokens(&text).len());
    }
}
