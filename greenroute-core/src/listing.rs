use crate::error::Result;
use crate::model::{ModelKey, PriceTier};
use crate::time::Date;
use async_trait::async_trait;
use std::fmt::Debug;
use std::sync::Arc;

/// What a provider says of one of its models today. Everything it does not say is `None`.
#[derive(Debug, Clone, PartialEq)]
pub struct Listing {
    /// The model.
    pub key: ModelKey,
    /// Its name for people.
    pub display_name: Option<String>,
    /// The most tokens of input and output together.
    pub context: Option<u64>,
    /// The most tokens of output.
    pub max_output: Option<u64>,
    /// The first day on which it no longer answers.
    pub retirement: Option<Date>,
    /// Whether it answers chats; embedding models and the like do not.
    pub chats: Option<bool>,
    /// Its prices today.
    pub price: Option<PriceTier>,
}

impl Listing {
    /// A model of which only the name is known.
    #[must_use]
    pub const fn new(key: ModelKey) -> Self {
        Self {
            key,
            display_name: None,
            context: None,
            max_output: None,
            retirement: None,
            chats: None,
            price: None,
        }
    }
}

/// Tells which models a provider serves now.
#[async_trait]
pub trait ModelLister: Debug + Send + Sync + 'static {
    /// All of them, every page.
    ///
    /// # Errors
    /// Whatever the transport gives.
    async fn list(&self) -> Result<Vec<Listing>>;
}

const _: Option<&dyn ModelLister> = None;

#[async_trait]
impl<T: ModelLister + ?Sized> ModelLister for Arc<T> {
    async fn list(&self) -> Result<Vec<Listing>> {
        (**self).list().await
    }
}
