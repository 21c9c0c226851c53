//! Vendors that speak OpenAI's chat-completions protocol: one small file each, and one word here.
//!
//! ```no_run
//! use greenroute_providers::dialects::groq;
//! use greenroute_providers::openai::OpenAi;
//!
//! let groq = OpenAi::of(&groq::DIALECT).build()?; // with the key in GROQ_API_KEY
//! # Ok::<(), greenroute_core::Error>(())
//! ```

use crate::openai::Dialect;

/// Declares the files and the list of them.
macro_rules! dialects {
    ($($vendor:ident),+ $(,)?) => {
        $(pub mod $vendor;)+

        /// Every shipped dialect but OpenAI's own.
        pub const ALL: &[&Dialect] = &[$(&$vendor::DIALECT),+];
    };
}

dialects! {
    deepseek,
    greenpt,
    groq,
    llama_server,
    melious,
    mistral,
    neuralwatt,
    openrouter,
    together,
    vllm,
}
