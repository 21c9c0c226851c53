use crate::vendor::Vendor;
use std::sync::Arc;

/// The vendors that every server plays: one line each.
pub(crate) fn all() -> Vec<Arc<dyn Vendor>> {
    vec![
        Arc::new(crate::anthropic::Anthropic::default()),
        Arc::new(crate::gemini::Gemini::default()),
        Arc::new(crate::groq::Groq::default()),
        Arc::new(crate::llamacpp::LlamaCpp),
        Arc::new(crate::ollama::Ollama),
        Arc::new(crate::openai::OpenAi::default()),
    ]
}
