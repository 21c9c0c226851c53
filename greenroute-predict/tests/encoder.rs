//! A random sentence encoder of a few thousand weights, beside what transformers makes of it.
//!
//! The fixtures are made by `scripts/predict/encoder_reference.py`.

#![cfg(test)]

use greenroute_core::conformance::{embedder, run_async};
use greenroute_core::{EmbedPurpose, EmbedRequest, Embedder, ErrorKind, ModelKey};
use greenroute_predict::encoder::{MiniLm, Overlong};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// How far any number of a vector may be from the reference, which computes in f32 too.
const NEAR: f32 = 1e-5;
/// And from the same text's vector in other company.
const SAME: f32 = 1e-6;

#[derive(Deserialize)]
struct Case {
    text: String,
    ids: Vec<u32>,
    vector: Vec<f32>,
    /// Of texts that are longer than is read at once.
    read: Option<u64>,
    windows: Option<Vec<f32>>,
}

static CASES: LazyLock<Vec<Case>> =
    LazyLock::new(|| serde_json::from_str(include_str!("fixtures/tiny-minilm.json")).unwrap());
static MODEL: LazyLock<Arc<MiniLm>> = LazyLock::new(|| Arc::new(MiniLm::open(folder()).unwrap()));

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tiny-minilm")
}

fn request(texts: &[&str]) -> EmbedRequest {
    EmbedRequest {
        model: ModelKey::new("local", "tiny-minilm"),
        texts: texts.iter().map(|text| (*text).to_owned()).collect(),
        purpose: EmbedPurpose::Similarity,
        dimensions: None,
        timeout: None,
    }
}

fn assert_near(found: &[f32], expected: &[f32], most: f32, text: &str) {
    assert_eq!(found.len(), expected.len());
    let far = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(far <= most, "{far} off: {text}");
}

#[tokio::test]
async fn vectors_are_those_of_transformers_and_the_ids_are_counted() {
    assert!(CASES.iter().filter(|case| case.windows.is_some()).count() > 3);
    for case in CASES.iter() {
        let found = MODEL.embed(request(&[&case.text])).await.unwrap();
        assert_near(&found.vectors[0], &case.vector, NEAR, &case.text);
        assert_eq!(found.usage.usage().input_tokens().get(), u64::try_from(case.ids.len()).unwrap());
        assert!(!found.usage.is_approximate() && found.timing.unwrap().compute().is_some());
    }
}

#[tokio::test]
async fn windows_read_all_of_a_long_text_and_change_no_short_one() {
    let windows = MiniLm::open(folder()).unwrap().overlong(Overlong::Windows);
    for case in CASES.iter() {
        let found = windows.embed(request(&[&case.text])).await.unwrap();
        assert_near(&found.vectors[0], case.windows.as_ref().unwrap_or(&case.vector), NEAR, &case.text);
        let expected = case.read.unwrap_or(u64::try_from(case.ids.len()).unwrap());
        assert_eq!(found.usage.usage().input_tokens().get(), expected, "{}", case.text);
    }
}

#[test]
fn company_does_not_change_a_vector() {
    let texts: Vec<&str> = CASES.iter().map(|case| case.text.as_str()).collect();
    let together = MODEL.encode(&texts).unwrap();
    let backwards = MODEL.encode(&texts.iter().rev().collect::<Vec<_>>()).unwrap();
    for (at, text) in texts.iter().enumerate() {
        let alone = &MODEL.encode(&[text]).unwrap()[0];
        assert_near(&together[at], alone, SAME, text);
        assert_near(&backwards[texts.len() - 1 - at], alone, SAME, text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn any_texts_in_any_number_have_vectors_of_length_one(
        texts in prop::collection::vec("\\PC{1,60}|[ -~\n\t\u{0}]{1,200}", 1..16),
    ) {
        let texts: Vec<&String> = texts.iter().filter(|text| !text.trim().is_empty()).collect();
        prop_assume!(!texts.is_empty());
        let found = MODEL.encode(&texts).unwrap();
        prop_assert_eq!(found.len(), texts.len());
        for (vector, text) in found.iter().zip(&texts) {
            let square: f64 = vector.iter().map(|x| f64::from(*x) * f64::from(*x)).sum();
            prop_assert!((square - 1.0).abs() < 1e-6);
            let alone = &MODEL.encode(&[text]).unwrap()[0];
            prop_assert!(vector.iter().zip(alone).all(|(a, b)| (a - b).abs() <= SAME));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_may_ask_at_once() {
    let ask = |at: usize| async move {
        let case = &CASES[at % CASES.len()];
        let found = MODEL.embed(request(&[&case.text])).await.unwrap();
        assert_near(&found.vectors[0], &case.vector, NEAR, &case.text);
    };
    let asked: Vec<_> = (0..40).map(|at| tokio::spawn(ask(at))).collect();
    for one in asked {
        one.await.unwrap();
    }
}

#[tokio::test]
async fn it_does_what_every_embedder_promises() {
    let model = Arc::clone(&*MODEL);
    let subject = embedder::Subject::new(model, ModelKey::new("local", "tiny-minilm"), 32);
    run_async(embedder::ALL, &subject, &[]).await.conforms().unwrap();
}

#[tokio::test]
async fn what_cannot_be_embedded_is_refused_by_kind() {
    let kind =
        |request| async move { MODEL.embed(request).await.map(|_| ()).map_err(|error| error.kind().clone()) };
    let other = EmbedRequest { model: ModelKey::new("local", "other"), ..request(&["a"]) };
    assert_eq!(kind(other).await, Err(ErrorKind::ModelNotFound));
    let other = EmbedRequest { model: ModelKey::new("openai", "tiny-minilm"), ..request(&["a"]) };
    assert_eq!(kind(other).await, Err(ErrorKind::ModelNotFound));
    for empty in [&[][..], &["a", ""], &["a", " \n"]] {
        assert_eq!(kind(request(empty)).await, Err(ErrorKind::InvalidRequest));
    }
    let of = |dimensions| EmbedRequest { dimensions: Some(dimensions), ..request(&["a"]) };
    assert_eq!(kind(of(32)).await, Ok(()));
    assert_eq!(kind(of(16)).await, Err(ErrorKind::Unsupported));
    let late = EmbedRequest { timeout: Some(Duration::ZERO), ..request(&["a"]) };
    assert_eq!(kind(late).await, Err(ErrorKind::Timeout));
    assert_eq!(kind(request(&["a"])).await, Ok(()));
}

#[test]
fn a_model_says_who_it_is() {
    let model = MiniLm::open(folder()).unwrap();
    assert_eq!(model.key().to_string(), "local/tiny-minilm");
    assert_eq!((model.dimensions(), model.fingerprint().len()), (32, 64));
    assert_eq!(model.model_id("mine").key().to_string(), "local/mine");
}

/// A copy of the folder in which one file is changed, or removed.
fn changed(file: &str, change: impl FnOnce(Vec<u8>) -> Option<Vec<u8>>) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    std::fs::create_dir(copy.path().join("1_Pooling")).unwrap();
    for name in [
        "config.json",
        "1_Pooling/config.json",
        "modules.json",
        "sentence_bert_config.json",
        "tokenizer.json",
        "model.safetensors",
    ] {
        std::fs::copy(folder().join(name), copy.path().join(name)).unwrap();
    }
    let path = copy.path().join(file);
    match change(std::fs::read(&path).unwrap_or_default()) {
        Some(bytes) => std::fs::write(path, bytes).unwrap(),
        None => std::fs::remove_file(path).unwrap(),
    }
    copy
}

fn fault(file: &str, change: impl FnOnce(Vec<u8>) -> Option<Vec<u8>>) -> String {
    let error = MiniLm::open(changed(file, change).path()).unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Config);
    error.to_string()
}

/// What `file` is refused for, when its `key` is `value` or absent.
fn refused(file: &str, key: &str, value: Option<serde_json::Value>) -> String {
    fault(file, |bytes| {
        let mut settings: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or(json!({}));
        let map = settings.as_object_mut().unwrap();
        match value {
            Some(value) => map.insert(key.to_owned(), value),
            None => map.remove(key),
        };
        Some(settings.to_string().into_bytes())
    })
}

/// `bytes` with `from` replaced by as many bytes.
fn replaced(bytes: &[u8], from: &str, to: &str) -> Option<Vec<u8>> {
    assert_eq!(from.len(), to.len());
    let at = bytes.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
    Some([&bytes[..at], to.as_bytes(), &bytes[at + to.len()..]].concat())
}

#[test]
fn settings_that_cannot_be_are_named_by_file_and_key() {
    for key in [
        "hidden_size",
        "num_hidden_layers",
        "num_attention_heads",
        "intermediate_size",
        "vocab_size",
        "max_position_embeddings",
    ] {
        let text = refused("config.json", key, None);
        assert!(text.contains("config.json") && text.contains(&format!("missing field `{key}`")), "{text}");
        for value in [json!(0), json!(1_u64 << 40)] {
            let text = refused("config.json", key, Some(value));
            assert!(text.contains(&format!("has a `{key}` that must be between 1 and")), "{text}");
        }
        assert!(refused("config.json", key, Some(json!("32"))).contains("is not as expected"));
    }
    for (file, key, value) in [
        ("config.json", "model_type", json!("roberta")),
        ("config.json", "hidden_act", json!("gelu_new")),
        ("config.json", "position_embedding_type", json!("relative_key")),
        ("config.json", "is_decoder", json!(true)),
        ("config.json", "num_attention_heads", json!(5)),
        ("config.json", "layer_norm_eps", json!(0.0)),
        ("sentence_bert_config.json", "max_seq_length", json!(41)),
        ("sentence_bert_config.json", "max_seq_length", json!(2)),
        ("sentence_bert_config.json", "do_lower_case", json!(true)),
        ("1_Pooling/config.json", "word_embedding_dimension", json!(64)),
    ] {
        let text = refused(file, key, Some(value));
        assert!(text.contains(file) && text.contains(&format!("has a `{key}` that must be")), "{text}");
    }
}

#[test]
fn what_is_done_with_states_elsewhere_is_not_done_wrongly_here() {
    let pooling = "1_Pooling/config.json";
    let cls = fault(pooling, |_| Some(json!({ "pooling_mode_cls_token": true }).to_string().into_bytes()));
    assert!(cls.contains("pools by cls_token: only mean_tokens"), "{cls}");
    assert!(refused(pooling, "pooling_mode_max_tokens", Some(json!(true))).contains("only mean_tokens"));
    assert!(refused(pooling, "pooling_mode_mean_tokens", Some(json!(false))).contains("pools by nothing"));
    assert!(fault(pooling, |_| None).contains("is not there"));
    let prompts = refused("config_sentence_transformers.json", "default_prompt_name", Some(json!("query")));
    assert!(prompts.contains("wants the prompt `query`"), "{prompts}");
    let dense = fault("modules.json", |bytes| replaced(&bytes, "models.Normalize", "models.DenseLeft"));
    assert!(dense.contains("lists Transformer, Pooling, DenseLeft"), "{dense}");
    let dimension = |bytes: Vec<u8>| replaced(&bytes, "1_Pooling", "9_Pooling");
    assert!(fault("modules.json", dimension).contains("a Pooling in `1_Pooling`"));
    // Newer files say it in one word, or in both ways.
    let word = |bytes: Vec<u8>| {
        let mut settings: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        settings["pooling_mode"] = json!("mean");
        Some(settings.to_string().into_bytes())
    };
    MiniLm::open(changed(pooling, word).path()).unwrap();
    let bare = |_| Some(json!({ "pooling_mode": "mean" }).to_string().into_bytes());
    MiniLm::open(changed(pooling, bare).path()).unwrap();
    // Only what says something else is refused, not what says nothing.
    for optional in ["modules.json", "sentence_bert_config.json"] {
        MiniLm::open(changed(optional, |_| None).path()).unwrap();
    }
}

#[test]
fn broken_weights_are_named_by_file_and_tensor() {
    let weights = "model.safetensors";
    assert!(fault(weights, |_| None).contains("model.safetensors` is not there"));
    let cut = fault(weights, |bytes| Some(bytes[..bytes.len() - 4].to_vec()));
    assert!(cut.contains("is no safetensors file"), "{cut}");
    assert!(fault(weights, |_| Some(vec![0xff; 64])).contains("is no safetensors file"));
    assert!(fault(weights, |_| Some(Vec::new())).contains("is no safetensors file"));
    let name = "encoder.layer.1.output.dense.bias";
    let lacks = fault(weights, |bytes| replaced(&bytes, name, "encoder.layer.1.output.dense.bean"));
    assert!(lacks.contains(&format!("model.safetensors` lacks `{name}`")), "{lacks}");
    let kind = fault(weights, |bytes| replaced(&bytes, "\"F32\"", "\"I32\""));
    assert!(kind.contains("where floats are needed"), "{kind}");
    let shape = refused("config.json", "intermediate_size", Some(json!(65)));
    assert!(
        shape.contains("`encoder.layer.0.intermediate.dense.weight` of shape [64, 32] where [65, 32]"),
        "{shape}"
    );
    let layers = refused("config.json", "num_hidden_layers", Some(json!(3)));
    assert!(layers.contains("lacks `encoder.layer.2.attention.self.query.weight`"), "{layers}");
    // All weights not a number: the bytes after the head.
    let nan = fault(weights, |mut bytes| {
        let head = usize::try_from(u64::from_le_bytes(bytes[..8].try_into().unwrap())).unwrap() + 8;
        bytes[head..].fill(0xff);
        Some(bytes)
    });
    assert!(nan.contains("holds a model that gives no vectors"), "{nan}");
}

/// What puts these around a text `A`, each in its segment.
fn template(parts: [(&str, u32); 3]) -> serde_json::Value {
    let part = |(id, segment)| match id {
        "A" => json!({ "Sequence": { "id": id, "type_id": segment } }),
        _ => json!({ "SpecialToken": { "id": id, "type_id": segment } }),
    };
    let special = |id: &str, number: u32| json!({ "id": id, "ids": [number], "tokens": [id] });
    json!({
        "type": "TemplateProcessing",
        "single": parts.map(part),
        "pair": [part(("A", 0)), json!({ "Sequence": { "id": "B", "type_id": 1 } })],
        "special_tokens": { "[CLS]": special("[CLS]", 2), "[SEP]": special("[SEP]", 3) },
    })
}

#[test]
fn a_tokenizer_of_another_kind_or_model_is_refused() {
    let file = "tokenizer.json";
    for (key, value, says) in [
        ("normalizer", json!(null), "has a `normalizer` that must be `BertNormalizer`, not `nothing`"),
        ("normalizer", json!({ "type": "NFC" }), "not `NFC`"),
        ("pre_tokenizer", json!({ "type": "Whitespace" }), "must be `BertPreTokenizer`"),
        ("model", json!({ "type": "Unigram" }), "must be `WordPiece`"),
        ("model", json!({ "type": "WordPiece" }), "is not as expected"),
        ("post_processor", json!(null), "one token before and one after"),
        (
            "post_processor",
            template([("A", 0), ("[CLS]", 0), ("[SEP]", 0)]),
            "one token before and one after",
        ),
        ("post_processor", template([("[CLS]", 0), ("A", 1), ("[SEP]", 0)]), "in segment 0"),
        ("added_tokens", json!([{ "content": "a b" }]), "must not contain white space"),
    ] {
        let text = refused(file, key, Some(value));
        assert!(text.contains(file) && text.contains(says), "{text}");
    }
    assert!(fault(file, |bytes| Some(bytes[..bytes.len() / 2].to_vec())).contains("is not as expected"));
    let beyond = fault(file, |bytes| {
        let mut settings: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        settings["model"]["vocab"]["beyond"] = json!(260);
        Some(settings.to_string().into_bytes())
    });
    assert!(beyond.contains("has entries beyond the 260 of `config.json`"), "{beyond}");
    let unknown = fault(file, |bytes| replaced(&bytes, r#""unk_token":"[UNK]""#, r#""unk_token":"[HUH]""#));
    assert!(unknown.contains("has an `unk_token` that must be in its `vocab`"), "{unknown}");
}
