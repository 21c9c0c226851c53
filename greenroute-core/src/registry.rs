use crate::error::{Error, ErrorKind, Result};
use crate::model::{ModelCard, ModelKey, ProviderName};
use crate::provider::ModelProvider;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Who serves which model: a key's provider name decides.
#[derive(Debug, Clone, Default)]
pub struct Registry(BTreeMap<ProviderName, Arc<dyn ModelProvider>>);

impl Registry {
    /// Adds a provider under its own name.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] where the name is taken: whose answer it was would be unclear.
    pub fn add(&mut self, provider: Arc<dyn ModelProvider>) -> Result<()> {
        let name = provider.name();
        if self.0.contains_key(&name) {
            let message = format!("two providers are called `{name}`");
            return Err(Error::new(ErrorKind::Config, "registry", message));
        }
        self.0.insert(name, provider);
        Ok(())
    }

    /// Who serves `key`, if anybody does.
    #[must_use]
    pub fn serving(&self, key: &ModelKey) -> Option<&Arc<dyn ModelProvider>> {
        self.0.get(&key.provider)
    }

    /// The cards of all providers.
    #[must_use]
    pub fn models(&self) -> Vec<Arc<ModelCard>> {
        self.0.values().flat_map(|provider| provider.models()).collect()
    }
}
