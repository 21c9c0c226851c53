use crate::vendor::Vendor;
use std::sync::Arc;

/// The vendors that every server plays: one line each.
pub(crate) fn all() -> Vec<Arc<dyn Vendor>> {
    vec![Arc::new(crate::openai::OpenAi)]
}
