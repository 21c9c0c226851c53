use super::answer::timing;
use super::wire::{Embed, Vectors};
use super::{NAME, Ollama};
use crate::hosted::vectors;
use async_trait::async_trait;
use greenroute_core::{EmbedRequest, Embedded, Embedder, Error, ErrorKind, ModelKey, Result};

/// A text that is longer than the model reads is a [`ErrorKind::ContextOverflow`], and never cut. Ollama has no word for
/// what vectors are for: models that want a prefix for it want it in the text.
#[async_trait]
impl Embedder for Ollama {
    async fn embed(&self, request: EmbedRequest) -> Result<Embedded> {
        let origin = request.model.to_string();
        vectors::check(&request, NAME)?;
        let body = Embed {
            model: request.model.model.as_str(),
            input: &request.texts,
            truncate: false,
            dimensions: request.dimensions,
            keep_alive: self.standing.keep_alive,
        };
        let sent = self.client.post("api/embed").origin(origin.as_str()).timeout(request.timeout).json(&body);
        let answer: Vectors = sent.send().await?.json().await?;
        let Vectors { model, embeddings, metrics } = answer;
        let vectors = vectors::hold(embeddings, request.texts.len())
            .map_err(|what| Error::new(ErrorKind::Decode, origin.as_str(), what))?;
        let usage = vectors::usage(&request, metrics.prompt_eval_count);
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
