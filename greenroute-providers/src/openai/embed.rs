use super::{OpenAi, tally};
use crate::hosted::stated::{Stated, stated};
use crate::hosted::vectors;
use async_trait::async_trait;
use greenroute_core::{EmbedRequest, Embedded, Embedder, Error, ErrorKind, Result};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Vectors {
    data: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    index: Option<usize>,
    embedding: Vec<f32>,
}

#[async_trait]
impl Embedder for OpenAi {
    async fn embed(&self, request: EmbedRequest) -> Result<Embedded> {
        let origin = request.model.to_string();
        vectors::check(&request, self.0.name.as_str())?;
        let Some(embeddings) = self.0.dialect.embeddings else {
            return Err(self.unsupported("embeds no texts"));
        };
        let mut body =
            json!({"model": request.model.model, "input": request.texts, "encoding_format": "float"});
        if let Some(dimensions) = request.dimensions {
            let Some(field) = embeddings.dimensions else {
                return Err(self.unsupported("cannot shorten vectors: `dimensions` must not be set"));
            };
            if let Value::Object(members) = &mut body {
                members.insert(field.to_owned(), dimensions.into());
            }
        }
        let sent = self.0.client.post("embeddings").origin(origin.as_str()).timeout(request.timeout);
        let response = sent.json(&body).send().await?;
        let elapsed = self.elapsed(response.headers());
        let body: Value = response.json().await?;
        if body.get("error").is_some_and(|error| !error.is_null()) {
            return Err(self.0.client.error_in(&body, &origin));
        }
        let vectors = match Vectors::deserialize(&body) {
            Ok(Vectors { data }) => in_order(data).and_then(|data| vectors::hold(data, request.texts.len())),
            Err(error) => Err(format!("the vectors cannot be read: {error}")),
        };
        let vectors = vectors.map_err(|what| Error::new(ErrorKind::Decode, origin.as_str(), what))?;
        let counted = body.pointer("/usage/prompt_tokens").and_then(Value::as_u64);
        let named = body.get("model").and_then(Value::as_str).filter(|model| !model.is_empty());
        Ok(Embedded {
            returned: named.map_or_else(|| request.model.clone(), |model| self.key(model)),
            vectors,
            usage: vectors::usage(&request, counted),
            timing: tally::timing(&body, &self.0.dialect, elapsed),
            stated: match stated(&body, &[]) {
                Stated::Reading(reading) => Some(reading),
                Stated::None | Stated::Unusable(_) => None,
            },
        })
    }
}

/// The vectors by their indices, where there are any.
fn in_order(mut data: Vec<Vector>) -> Result<Vec<Vec<f32>>, String> {
    if data.iter().any(|vector| vector.index.is_some()) {
        data.sort_by_key(|vector| vector.index);
        if data.iter().map(|vector| vector.index).ne((0..data.len()).map(Some)) {
            return Err("the vectors' indices are not those of the texts".to_owned());
        }
    }
    Ok(data.into_iter().map(|vector| vector.embedding).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(index: Option<usize>, embedding: &[f32]) -> Vector {
        Vector { index, embedding: embedding.to_vec() }
    }

    #[test]
    fn vectors_come_in_the_order_of_their_texts() {
        let mixed = vec![vector(Some(1), &[2.0]), vector(Some(0), &[1.0])];
        assert_eq!(in_order(mixed).unwrap(), [[1.0], [2.0]]);
        let unnumbered = vec![vector(None, &[1.0]), vector(None, &[2.0])];
        assert_eq!(in_order(unnumbered).unwrap(), [[1.0], [2.0]]);
    }

    #[test]
    fn vectors_whose_indices_are_no_order_are_refused() {
        for second in [Some(0), Some(2), None] {
            assert!(in_order(vec![vector(Some(0), &[1.0]), vector(second, &[1.0])]).is_err(), "{second:?}");
        }
    }
}
