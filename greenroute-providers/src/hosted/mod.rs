//! What providers behind an API share.

pub(crate) mod batch;
pub(crate) mod calls;
pub(crate) mod cards;
pub(crate) mod checks;
pub(crate) mod estimate;
pub(crate) mod schema;
pub(crate) mod settings;
pub(crate) mod stated;
pub(crate) mod vectors;
