use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// A name that is cheap to clone: keys travel through every candidate, attempt and receipt.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// From its text.
            #[must_use]
            pub fn new(name: impl AsRef<str>) -> Self {
                Self(Arc::from(name.as_ref()))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self::new(name)
            }
        }
    };
}

name! {
    /// Who serves a model, such as `groq`, `anthropic`, `local`. The set is open.
    ProviderName
}
name! {
    /// A model's id as its provider spells it, slashes included: `openai/gpt-oss-20b`.
    ModelId
}
name! {
    /// A provider's region, as the provider spells it.
    Region
}

/// One model at one provider, in one region where that matters: the same model in two places is two candidates.
///
/// Shown as `groq/openai/gpt-oss-20b`, with a region as `bedrock/claude@eu-west-1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ModelKey {
    /// Who serves it.
    pub provider: ProviderName,
    /// Its id there.
    pub model: ModelId,
    /// Where, if one was chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
}

impl ModelKey {
    /// A model without a chosen region.
    #[must_use]
    pub fn new(provider: impl AsRef<str>, model: impl AsRef<str>) -> Self {
        Self { provider: ProviderName::new(provider), model: ModelId::new(model), region: None }
    }
}

impl fmt::Display for ModelKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider, self.model)?;
        match &self.region {
            Some(region) => write!(f, "@{region}"),
            None => Ok(()),
        }
    }
}
