//! What is known of a model file before anybody asked it anything.

use super::NAME;
use super::model::LocalModel;
use greenroute_core::model::{CardFile, ModelCard, ModelKey, Pricing, Privacy, Size, Span, Window};
use greenroute_core::{Error, ErrorKind, Result};
use std::path::Path;

const KNOWN: &str = include_str!("../../data/models/local.toml");

/// The longest answer of a model of which nothing is known: a model that was not tuned may never stop by itself.
const MAX_OUTPUT: u64 = 1024;

/// The card of `model` from `path`: the listed one that has its name, or one that holds what the file says.
pub(super) fn card(model: &LocalModel, path: &Path) -> Result<ModelCard> {
    let named = |card: &ModelCard| {
        let known = |name: &str| card.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(name));
        model.name().is_some_and(known)
    };
    let mut card = known()?.into_iter().find(named).unwrap_or_else(|| {
        // A folder's name may be a commit, or have dots; of several files in one place each has its own.
        let stem = if path.is_dir() { None } else { path.file_stem() };
        let stem = stem.map(|stem| stem.to_string_lossy().into_owned());
        let id = stem.or_else(|| model.name().map(str::to_owned)).unwrap_or_else(|| NAME.to_owned());
        let window = Window { context: 1, max_output: Some(MAX_OUTPUT) };
        let mut card = ModelCard::new(ModelKey::new(NAME, id), window, Privacy::Local);
        card.pricing = Pricing::Electricity;
        card.display_name = model.name().unwrap_or(card.key.model.as_str()).to_owned();
        card
    });
    card.window.context = u64::try_from(model.context_tokens()).unwrap_or(u64::MAX);
    card.size = size(model);
    Ok(card)
}

fn known() -> Result<Vec<ModelCard>> {
    let fault = |source: toml::de::Error| {
        Error::new(ErrorKind::Internal, NAME, "the built-in list of models is broken").with_source(source)
    };
    toml::from_str::<CardFile>(KNOWN).map_err(fault)?.into_cards()
}

/// Counted from the file, its weights as they are held. Every parameter is used for every token; the embedding by its output side.
fn size(model: &LocalModel) -> Option<Size> {
    let (parameters, bytes) = (float(model.parameters()), float(model.weight_bytes()));
    let billions = Span::known(parameters / 1e9);
    let bytes_per_parameter = Some(bytes / parameters);
    (parameters > 0.0).then_some(Size { total: billions, active: billions, bytes_per_parameter })
}

/// Exact up to 2⁵³, far above every file.
fn float(count: u64) -> f64 {
    let half = |bits: u64| u32::try_from(bits).map_or(f64::INFINITY, f64::from);
    half(count >> 32) * 2_f64.powi(32) + half(count & u64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_whole_and_plausible() {
        let cards = known().unwrap();
        assert!(!cards.is_empty());
        for card in cards {
            assert_eq!(card.key.provider.as_str(), NAME);
            assert_eq!(card.privacy, Privacy::Local);
            assert!(!card.aliases.is_empty() && card.source.is_some(), "{}", card.key);
            for (name, score) in &card.scores {
                assert!((0.01..0.99).contains(&score.value.as_fraction()), "{}: {name}", card.key);
                assert!(score.source.len() > 10, "{}: {name}", card.key);
            }
        }
    }
}
