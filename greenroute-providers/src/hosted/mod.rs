//! What providers behind an API share.

pub(crate) mod batch;
pub(crate) mod cards;
pub(crate) mod checks;
pub(crate) mod schema;
pub(crate) mod settings;
pub(crate) mod stated;
