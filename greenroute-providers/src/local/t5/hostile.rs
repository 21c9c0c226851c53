//! Files as a stranger may write them: what is wrong is named, and nothing panics.

use super::tests::{expected, ids, model, path};
use super::*;
use proptest::prelude::*;
use std::path::Path;

/// A copy of a folder in which one file is changed.
fn changed(name: &str, file: &str, change: impl FnOnce(Vec<u8>) -> Option<Vec<u8>>) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(path(name)).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    match change(std::fs::read(copy.path().join(file)).unwrap()) {
        Some(bytes) => std::fs::write(copy.path().join(file), bytes).unwrap(),
        None => std::fs::remove_file(copy.path().join(file)).unwrap(),
    }
    copy
}

fn fault(name: &str, file: &str, change: impl FnOnce(Vec<u8>) -> Option<Vec<u8>>) -> String {
    let copy = changed(name, file, change);
    let error = model(copy.path(), Precision::Stored).err().unwrap().at(copy.path());
    assert_eq!(error.kind(), &greenroute_core::ErrorKind::Config);
    error.to_string()
}

/// The settings with `key` set to some JSON, or without it.
fn settings(key: &str, value: Option<serde_json::Value>) -> impl FnOnce(Vec<u8>) -> Option<Vec<u8>> {
    let key = key.to_owned();
    move |bytes| {
        let mut settings: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let map = settings.as_object_mut().unwrap();
        match value {
            Some(value) => map.insert(key, value),
            None => map.remove(&key),
        };
        Some(settings.to_string().into_bytes())
    }
}

#[test]
fn settings_that_cannot_be_are_named() {
    use serde_json::json;
    for key in ["d_model", "d_kv", "d_ff", "num_heads", "num_layers", "vocab_size"] {
        let says = |value| fault("gated", "config.json", settings(key, value));
        assert!(says(None).contains(&format!("`config.json` that lacks `{key}`")), "{key}");
        for value in [json!(0), json!(-3), json!(1_u64 << 63), json!("64"), json!(1.5), json!([64])] {
            let text = says(Some(value.clone()));
            assert!(text.contains(&format!("has a `{key}` that must be")), "{key} {value}: {text}");
        }
    }
    for (key, value) in [
        ("relative_attention_num_buckets", json!(2)),
        ("relative_attention_num_buckets", json!(34)),
        ("relative_attention_max_distance", json!(16)),
        ("relative_attention_max_distance", json!(1_000_000_000_u64)),
        ("layer_norm_epsilon", json!(-1.0)),
        ("layer_norm_epsilon", json!("small")),
        ("decoder_start_token_id", json!(320)),
        ("feed_forward_proj", json!("gated-silu")),
        ("scale_decoder_outputs", json!("yes")),
        ("n_positions", json!(0)),
        ("vocab_size", json!(9)),
    ] {
        let text = fault("gated", "config.json", settings(key, Some(value.clone())));
        assert!(text.contains(&format!("has a `{key}` that must be")), "{key} {value}: {text}");
    }
    let other = fault("gated", "config.json", settings("model_type", Some(json!("bert"))));
    assert!(other.contains("`bert`; supported here: gemma3, t5"), "{other}");
    let shape = fault("gated", "config.json", settings("d_ff", Some(json!(128))));
    assert!(
        shape.contains("encoder.block.0.layer.1.DenseReluDense.wi_0.weight` of shape [256, 64]"),
        "{shape}"
    );
    let more = fault("gated", "config.json", settings("num_layers", Some(json!(4))));
    assert!(more.contains("lacks `encoder.block.3.layer.0.SelfAttention.q.weight`"), "{more}");
    assert!(fault("gated", "config.json", |_| Some(b"{".to_vec())).contains("is no JSON"));
    for (name, file) in [
        ("gated", "config.json"),
        ("gated", "tokenizer.json"),
        ("gated", "model.safetensors"),
        ("tied", "model-00002-of-00002.safetensors"),
    ] {
        assert!(fault(name, file, |_| None).contains(file), "{file}");
    }
    assert!(fault("tied", "model.safetensors.index.json", |_| None).contains("lacks `model.safetensors`"));
}

#[test]
fn who_scales_is_told_by_the_files_and_not_by_the_tie() {
    use serde_json::json;
    let t5 = |name, key, value| {
        let copy = changed(name, "config.json", settings(key, Some(value)));
        model(copy.path(), Precision::Stored).unwrap().t5
    };
    let close = |a: f64, b: f64| (a - b).abs() < 1e-9;
    // What newer versions of transformers write for a model with a head of its own.
    assert!(close(t5("gated", "tie_word_embeddings", json!(true)).scale, 1.0));
    assert!(close(t5("gated", "scale_decoder_outputs", json!(false)).scale, 1.0));
    assert!(close(t5("tied", "tie_word_embeddings", json!(false)).scale, 0.125));
    assert!(close(t5("tied", "scale_decoder_outputs", json!(true)).scale, 0.125));
    assert!(close(t5("tied", "scale_decoder_outputs", json!(false)).scale, 1.0));
}

#[test]
fn heads_that_lie_are_refused() {
    let with = |head: &str| {
        let head = head.to_owned();
        move |_| Some([&u64::try_from(head.len()).unwrap().to_le_bytes(), head.as_bytes(), &[0; 64]].concat())
    };
    let says = |head: &str| fault("gated", "model.safetensors", with(head));
    let length = |length: u64| {
        fault("gated", "model.safetensors", move |mut bytes| {
            bytes[..8].copy_from_slice(&length.to_le_bytes());
            Some(bytes)
        })
    };
    assert!(length(u64::MAX).contains("more than the 100000000 that are believed"));
    assert!(length(90_000_000).contains("cut short"));
    assert!(length(3).contains("broken head"));
    assert!(fault("gated", "model.safetensors", |_| Some(vec![1; 7])).contains("cut short"));
    let entry = |dims: &str, offsets: &str| {
        says(&format!(r#"{{"t":{{"dtype":"F32","shape":{dims},"data_offsets":{offsets}}}}}"#))
    };
    assert!(entry("[4]", "[0,16]").contains("lacks `shared.weight`"));
    assert!(entry("[4]", "[0,12]").contains("offsets that do not fit"));
    assert!(entry("[4]", "[16,0]").contains("offsets that do not fit"));
    assert!(entry("[4]", "[56,72]").contains("beyond the end"));
    assert!(entry("[4]", "[18446744073709551615,3]").contains("impossible size"));
    assert!(entry("[4294967296,4294967296]", "[0,0]").contains("impossible size"));
    assert!(entry("[0]", "[0,0]").contains("rows"));
    assert!(entry("[1,1,1,1,1]", "[0,4]").contains("broken head"));
    assert!(entry("[-1]", "[0,4]").contains("broken head"));
    let twice = r#"{"t":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},"t":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}"#;
    assert!(says(twice).contains("`t` twice"));
    let index = |file: &str| {
        let text = format!(r#"{{"weight_map":{{"t":"{file}"}}}}"#);
        fault("tied", "model.safetensors.index.json", move |_| Some(text.into_bytes()))
    };
    for outside in
        ["../a.safetensors", "/etc/passwd", "a/b.safetensors", "..", "", "config.json", "./a.safetensors"]
    {
        assert!(index(outside).contains("names of safetensors files beside it"), "{outside}");
    }
    assert!(index("a.safetensors").contains("`a.safetensors` that cannot be read"));
}

/// Opens what it can; what it opens must compute something or refuse.
fn survives(folder: &Path) {
    if let Ok(opened) = model(folder, Precision::Stored) {
        let ids = ids(&opened.vocabulary, "the cat \u{fb01}ne\nsat 🙂");
        if let Ok(mut memories) = opened.t5.encode(&[&ids]) {
            let states = opened.t5.step(&[opened.t5.decoder_start()], &mut [&mut memories[0]]);
            let _ = states.and_then(|states| opened.t5.logits(&states));
        }
    }
}

#[test]
fn the_older_form_of_a_vocabulary_is_read_too() {
    let copy = changed("gated", "tokenizer.json", |bytes| {
        let mut json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        json["normalizer"] = json["normalizer"]["normalizers"][0].take();
        json["pre_tokenizer"] = serde_json::json!({"type": "Sequence", "pretokenizers": [
            {"type": "WhitespaceSplit"},
            {"type": "Metaspace", "replacement": "\u{2581}", "add_prefix_space": true, "str_rep": "\u{2581}"},
        ]});
        Some(json.to_string().into_bytes())
    });
    let vocabulary = model(copy.path(), Precision::Stored).unwrap().vocabulary;
    for (text, theirs) in &expected().texts {
        // The two forms differ only in runs of spaces and beside names of controls.
        if !text.contains("  ") && !text.contains('<') && !text.contains('\u{2581}') && text.trim() == text {
            assert_eq!(&ids(&vocabulary, text), theirs, "{text:?}");
        }
    }
}

#[test]
fn vocabularies_that_cannot_be_are_named() {
    let says = |part: &str, value: serde_json::Value| {
        let text = fault("gated", "tokenizer.json", |bytes| {
            let mut json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
            *json.pointer_mut(part).unwrap() = value;
            Some(json.to_string().into_bytes())
        });
        assert!(text.contains("`tokenizer.json` that"), "{text}");
        text
    };
    use serde_json::json;
    assert!(says("/model/type", json!("BPE")).contains("`Unigram`"));
    assert!(says("/model/unk_id", json!(null)).contains("lacks `unk_id`"));
    assert!(says("/model/unk_id", json!(9999)).contains("`unk_id`"));
    assert!(says("/normalizer/normalizers/0/precompiled_charsmap", json!("AAAA")).contains("character map"));
    assert!(says("/normalizer/normalizers/1", json!({"type": "Lowercase"})).contains("made of"));
    assert!(says("/pre_tokenizer", json!({"type": "ByteLevel"})).contains("made of"));
    assert!(says("/added_tokens/3/id", json!(4_000_000_000_u32)).contains("`added_tokens`"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn flipped_bytes_never_panic(
        file in prop::sample::select(vec![
            "config.json", "tokenizer.json", "model.safetensors.index.json", "model-00001-of-00002.safetensors",
        ]),
        head in prop::collection::vec((0usize..1500, any::<u8>()), 0..4),
        anywhere in prop::collection::vec((0usize..130_000, any::<u8>()), 0..4),
    ) {
        let copy = changed("tied", file, |mut bytes| {
            let len = bytes.len();
            head.into_iter().chain(anywhere).for_each(|(at, byte)| bytes[at % len] = byte);
            Some(bytes)
        });
        survives(copy.path());
    }

    #[test]
    fn cut_files_never_panic(
        file in prop::sample::select(vec!["config.json", "tokenizer.json", "model-00002-of-00002.safetensors"]),
        keep in 0usize..1000,
    ) {
        let copy = changed("tied", file, |mut bytes| {
            bytes.truncate(bytes.len() * keep / 1000);
            Some(bytes)
        });
        survives(copy.path());
    }

    #[test]
    fn gguf_files_with_flipped_bytes_never_panic(flips in prop::collection::vec((0usize..14_000, any::<u8>()), 1..5)) {
        let mut bytes = std::fs::read(path("tied.gguf")).unwrap();
        flips.into_iter().for_each(|(at, byte)| bytes[at] = byte);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        if let Ok(opened) = model(file.path(), Precision::Stored) {
            let ids = ids(&opened.vocabulary, "the cat \u{fb01}ne\nsat 🙂");
            if let Ok(mut memories) = opened.t5.encode(&[&ids]) {
                let _ = opened.t5.step(&[opened.t5.decoder_start()], &mut [&mut memories[0]]);
            }
        }
    }
}
