use crate::error::Result;
use crate::model::ModelKey;
use crate::reading::Reading;
use crate::usage::{Counted, ServerTiming};
use async_trait::async_trait;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

/// Texts that are to become vectors.
#[derive(Debug, Clone)]
pub struct EmbedRequest {
    /// The embedding model. Vectors of two models cannot be compared.
    pub model: ModelKey,
    /// The texts, each for itself; at least one, none of them empty.
    pub texts: Vec<String>,
    /// What the vectors are for: some models read a question otherwise than what is to be found.
    pub purpose: EmbedPurpose,
    /// How many numbers a vector shall have, at least one: the model's own number, which `None` stands for too, or less
    /// where it can shorten vectors.
    pub dimensions: Option<u32>,
    /// Time left for this request.
    pub timeout: Option<Duration>,
}

/// What vectors are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum EmbedPurpose {
    /// To be compared with each other.
    #[default]
    Similarity,
    /// To find documents.
    Query,
    /// To be found.
    Document,
}

/// Vectors, with what they took.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedded {
    /// The model that made them, as the provider names it.
    pub returned: ModelKey,
    /// A vector for each text, in the order of the texts, all of one length.
    pub vectors: Vec<Vec<f32>>,
    /// What was counted, and by whom.
    pub usage: Counted,
    /// Where the time went, where the provider says.
    pub timing: Option<ServerTiming>,
    /// Energy that the provider states.
    pub stated: Option<Reading>,
}

/// Turns texts into vectors whose nearness is nearness of meaning.
#[async_trait]
pub trait Embedder: Debug + Send + Sync + 'static {
    /// Embeds all texts of the request, or none.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`](crate::ErrorKind::InvalidRequest) for no texts or an empty one,
    /// [`ErrorKind::ModelNotFound`](crate::ErrorKind::ModelNotFound) for a model that it does not know,
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) for dimensions that the model cannot give,
    /// [`ErrorKind::ContextOverflow`](crate::ErrorKind::ContextOverflow) for a text that is longer than the model reads,
    /// where it is not said to be cut or read in parts, and whatever its transport gives. A server's own model may be
    /// refused by the kind that the server gives.
    async fn embed(&self, request: EmbedRequest) -> Result<Embedded>;
}

const _: Option<&dyn Embedder> = None;

#[async_trait]
impl<T: Embedder + ?Sized> Embedder for Arc<T> {
    async fn embed(&self, request: EmbedRequest) -> Result<Embedded> {
        (**self).embed(request).await
    }
}
