//! Which models and providers EcoLogits knows.

use super::{Range, Warning};
use crate::table::{number, rows};
use std::collections::HashMap;
use std::sync::OnceLock;

const MODELS: &str = include_str!("../../data/ecologits/models.csv");
const PROVIDERS: &str = include_str!("../../data/ecologits/providers.csv");

/// A model as EcoLogits assumes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// All parameters, in billions.
    pub total: Range,
    /// Active parameters, in billions.
    pub active: Range,
    /// Tokens per second, if known.
    pub tps: Option<f64>,
    /// Seconds to the first token, if known.
    pub ttft: Option<f64>,
    /// What EcoLogits says beside its impacts.
    pub warnings: Vec<Warning>,
}

/// A provider's machines as EcoLogits assumes them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Provider {
    /// EcoLogits' name of it.
    pub name: &'static str,
    /// greenroute's name of it.
    pub ours: &'static str,
    /// Where its machines stand, as an alpha-3 code.
    pub zone: &'static str,
    /// Energy of the facility per energy of its machines.
    pub pue: Range,
    /// Litres that the facility evaporates per kWh of its machines.
    pub wue: Range,
}

/// The model of this name at this provider, by EcoLogits' names; aliases are followed.
#[must_use]
pub fn model(provider: &str, name: &str) -> Option<&'static Model> {
    models().get(provider)?.get(name)
}

fn models() -> &'static HashMap<&'static str, HashMap<&'static str, Model>> {
    static TABLE: OnceLock<HashMap<&'static str, HashMap<&'static str, Model>>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table: HashMap<_, HashMap<_, _>> = HashMap::new();
        for row in rows(MODELS) {
            if let (Some(&provider), Some(&name), Some(model)) = (row.first(), row.get(1), model_row(&row)) {
                table.entry(provider).or_default().insert(name, model);
            }
        }
        for row in rows(MODELS) {
            let [provider, name, other] =
                [0, 1, 9].map(|column| row.get(column).copied().unwrap_or_default());
            if let Some(models) = table.get_mut(provider)
                && let Some(model) = models.get(other).cloned()
            {
                models.insert(name, model);
            }
        }
        table
    })
}

fn model_row(row: &[&str]) -> Option<Model> {
    Some(Model {
        total: range(row, 2)?,
        active: range(row, 4)?,
        tps: number(row, 6),
        ttft: number(row, 7),
        warnings: Warning::shorts(row.get(8)?),
    })
}

/// The provider by EcoLogits' name.
#[must_use]
pub fn provider(name: &str) -> Option<&'static Provider> {
    providers().iter().find(|provider| provider.name == name)
}

/// All providers that EcoLogits knows.
#[must_use]
pub fn providers() -> &'static [Provider] {
    static TABLE: OnceLock<Vec<Provider>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let row = |row: Vec<&'static str>| {
            let [name, ours, zone] = [0, 1, 2].map(|column| row.get(column).copied().unwrap_or_default());
            Some(Provider { name, ours, zone, pue: range(&row, 3)?, wue: range(&row, 5)? })
        };
        rows(PROVIDERS).filter_map(row).collect()
    })
}

fn range(row: &[&str], column: usize) -> Option<Range> {
    Some(Range { min: number(row, column)?, max: number(row, column + 1)? })
}

#[cfg(test)]
mod tests {
    use super::super::mix;
    use super::*;

    #[test]
    fn the_tables_are_whole() {
        let mut aliases = 0;
        for row in rows(MODELS) {
            let found = model(row[0], row[1]).unwrap_or_else(|| panic!("{row:?}"));
            assert!(found.total.min > 0.0 && found.total.min <= found.total.max, "{row:?}");
            assert!(found.active.min > 0.0 && found.active.max <= found.total.max, "{row:?}");
            if !row[9].is_empty() {
                aliases += 1;
                assert_eq!(Some(found), model(row[0], row[9]));
            }
            assert!(provider(row[0]).is_some(), "{row:?}");
        }
        assert_eq!((rows(MODELS).count(), aliases, providers().len()), (351, 9, 6));
        for provider in providers() {
            assert!(mix(provider.zone).is_some() && provider.pue.min >= 1.0 && provider.pue.max < 2.0);
            assert!((0.0..=2.0).contains(&provider.wue.min) && provider.wue.min <= provider.wue.max);
        }
    }
}
