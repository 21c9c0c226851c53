use super::{Gemini, timing};
use crate::hosted::vectors;
use async_trait::async_trait;
use greenroute_core::{
    EmbedPurpose, EmbedRequest, Embedded, Embedder, Error, ErrorKind, Result, ServerTiming,
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// The most texts that one call takes.
const MOST_TEXTS: usize = 100;

/// Vectors from `models/{m}:batchEmbedContents`, a hundred texts a call, one call after the other.
///
/// Gemini counts no tokens of embeddings, so that the usage is approximate; and it does not normalise vectors that were
/// asked to be shorter.
#[async_trait]
impl Embedder for Gemini {
    async fn embed(&self, request: EmbedRequest) -> Result<Embedded> {
        let origin = request.model.to_string();
        let unsound = |what: String| Error::new(ErrorKind::Decode, origin.as_str(), what);
        vectors::check(&request, super::NAME)?;
        let path = self.path(&request.model, "batchEmbedContents")?;
        let begun = std::time::Instant::now();
        let (mut all, mut elapsed, mut counts) = (Vec::new(), Some(Duration::ZERO), Some(0_u64));
        for texts in request.texts.chunks(MOST_TEXTS) {
            let left = request.timeout.map(|left| left.saturating_sub(begun.elapsed()));
            let call = self.client().post(&path).origin(origin.as_str()).timeout(left);
            let answer = call.json(&body(&request, texts)).send().await?;
            let taken = timing(answer.headers()).and_then(|timing| timing.elapsed);
            elapsed = elapsed.zip(taken).map(|(sum, more)| sum + more);
            let Embeddings { embeddings, usage_metadata } = answer.json().await?;
            let embedded = embeddings.into_iter().map(|vector| vector.values).collect();
            let embedded = vectors::hold(embedded, texts.len()).map_err(unsound)?;
            let read = usage_metadata.and_then(|usage| usage.prompt_token_count);
            counts = counts.zip(read).map(|(sum, more)| sum.saturating_add(more));
            all.extend(embedded);
        }
        // Each call's were of one length; all calls' must be.
        let vectors = vectors::hold(all, request.texts.len()).map_err(unsound)?;
        let usage = vectors::usage(&request, counts);
        let timing = elapsed.map(|elapsed| ServerTiming { elapsed: Some(elapsed), ..super::front_end() });
        Ok(Embedded { returned: request.model, vectors, usage, timing, stated: None })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Embeddings {
    #[serde(default)]
    embeddings: Vec<Vector>,
    usage_metadata: Option<super::wire::UsageMetadata>,
}

#[derive(Deserialize)]
struct Vector {
    #[serde(default)]
    values: Vec<f32>,
}

fn body(request: &EmbedRequest, texts: &[String]) -> Value {
    let model = super::resource(&request.model);
    let task = match request.purpose {
        EmbedPurpose::Query => "RETRIEVAL_QUERY",
        EmbedPurpose::Document => "RETRIEVAL_DOCUMENT",
        _ => "SEMANTIC_SIMILARITY",
    };
    let each = texts.iter().map(|text| {
        let mut one = json!({ "model": model, "content": { "parts": [{ "text": text }] }, "taskType": task });
        if let (Some(dimensions), Value::Object(fields)) = (request.dimensions, &mut one) {
            fields.insert("outputDimensionality".to_owned(), json!(dimensions));
        }
        one
    });
    json!({ "requests": each.collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gemini::NAME;
    use greenroute_core::ModelKey;

    #[test]
    fn a_purpose_and_a_length_stand_in_every_request() {
        let asked = |purpose, dimensions| {
            let model = ModelKey::new(NAME, "gemini-embedding-001");
            body(
                &EmbedRequest { model, texts: vec![], purpose, dimensions, timeout: None },
                &["a".to_owned()],
            )
        };
        let content = json!({"parts": [{"text": "a"}]});
        let model = "models/gemini-embedding-001";
        assert_eq!(
            asked(EmbedPurpose::Query, Some(4)),
            json!({"requests": [
                {"model": model, "content": content, "taskType": "RETRIEVAL_QUERY", "outputDimensionality": 4}
            ]})
        );
        assert_eq!(
            asked(EmbedPurpose::Similarity, None),
            json!({"requests": [{"model": model, "content": content, "taskType": "SEMANTIC_SIMILARITY"}]})
        );
    }
}
