use super::answer::timing;
use super::wire::{Embed, Vectors};
use super::{NAME, Ollama};
use async_trait::async_trait;
use greenroute_core::profile::estimate_tokens;
use greenroute_core::units::Tokens;
use greenroute_core::usage::{Counted, Usage};
use greenroute_core::{EmbedRequest, Embedded, Embedder, Error, ErrorKind, ModelKey, Result};

/// A text that is longer than the model reads is a [`ErrorKind::ContextOverflow`], and never cut. Ollama has no word for
/// what vectors are for: models that want a prefix for it want it in the text.
#[async_trait]
impl Embedder for Ollama {
    async fn embed(&self, request: EmbedRequest) -> Result<Embedded> {
        let origin = request.model.to_string();
        let fault = |kind, message: &str| Err(Error::new(kind, origin.as_str(), message));
        if request.model.provider.as_str() != NAME {
            return fault(ErrorKind::ModelNotFound, "it is not a model of `ollama`");
        }
        if request.texts.is_empty() || request.texts.iter().any(|text| text.trim().is_empty()) {
            return fault(ErrorKind::InvalidRequest, "there must be texts, and none of them empty");
        }
        if request.dimensions == Some(0) {
            return fault(ErrorKind::InvalidRequest, "`dimensions` must be at least 1");
        }
        let body = Embed {
            model: request.model.model.as_str(),
            input: &request.texts,
            truncate: false,
            dimensions: request.dimensions,
            keep_alive: self.standing.keep_alive,
        };
        let sent = self.client.post("api/embed").origin(origin.as_str()).timeout(request.timeout).json(&body);
        let answer: Vectors = sent.send().await?.json().await?;
        let Vectors { model, embeddings: vectors, metrics } = answer;
        let lengths = vectors.first().map_or(0, Vec::len);
        if vectors.len() != request.texts.len() || lengths == 0 {
            let message =
                format!("{} texts were sent and {} vectors came", request.texts.len(), vectors.len());
            return fault(ErrorKind::Decode, &message);
        }
        if vectors.iter().any(|vector| vector.len() != lengths) {
            return fault(ErrorKind::Decode, "the vectors are not of one length");
        }
        let usage = metrics.prompt_eval_count.map_or_else(
            || {
                let read = request.texts.iter().map(|text| estimate_tokens(text).value());
                Counted::Approximate(Usage::new(read.sum(), Tokens::ZERO))
            },
            |read| Counted::Reported(Usage::new(Tokens::new(read), Tokens::ZERO)),
        );
        let returned = model.filter(|model| !model.is_empty()).map(|model| ModelKey::new(NAME, model));
        Ok(Embedded {
            returned: returned.unwrap_or(request.model),
            vectors,
            usage,
            timing: timing(&metrics),
            stated: None,
        })
    }
}
