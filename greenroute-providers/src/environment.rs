use crate::claude::Claude;
use crate::dialects;
use crate::gemini::Gemini;
use crate::hosted::settings::environment;
use crate::openai::{Dialect, OPENAI, OpenAi};
use greenroute_core::{ModelProvider, Result};
use std::sync::Arc;

/// The providers that the environment has keys for.
///
/// A server of one's own needs no key and nobody knows its models beforehand: Ollama, llama-server and vLLM are not
/// looked for.
#[derive(Debug, Default)]
pub struct FromEnv {
    /// Those whose key is set, by name.
    pub providers: Vec<Arc<dyn ModelProvider>>,
    /// The variables that would bring the others.
    pub unset: Vec<&'static str>,
}

impl FromEnv {
    /// Looks for the key of every hosted provider. A variable that is empty counts as unset.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](greenroute_core::ErrorKind::Config) for a key or a base URL that cannot be, naming its
    /// variable.
    pub fn read() -> Result<Self> {
        let mut found = Self::default();
        found.look(&["ANTHROPIC_API_KEY"], Claude::from_env)?;
        found.look(&["GEMINI_API_KEY", "GOOGLE_API_KEY"], Gemini::from_env)?;
        for dialect in dialects::ALL.iter().copied().chain([&OPENAI]) {
            if dialect.needs_key {
                found.look(&[dialect.key_variable], || speaking(dialect))?;
            }
        }
        found.providers.sort_by_key(|provider| provider.name());
        found.unset.sort_unstable();
        Ok(found)
    }

    /// The provider, where one of its variables is set.
    fn look<P: ModelProvider>(
        &mut self,
        variables: &[&'static str],
        open: impl FnOnce() -> Result<P>,
    ) -> Result<()> {
        if variables.iter().any(|name| environment(name).is_some()) {
            self.providers.push(Arc::new(open()?));
        } else {
            self.unset.extend(variables.first());
        }
        Ok(())
    }
}

fn speaking(dialect: &Dialect) -> Result<OpenAi> {
    OpenAi::of(dialect).build()
}
