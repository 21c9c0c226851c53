mod refresh;

use crate::error::{Error, ErrorKind, Result};
use crate::model::{CardFile, ModelCard, ModelKey, PriceFile, ProviderName, undated};
use crate::time::Date;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

pub use refresh::{ListedChange, Refreshed};

/// A catalog older than this deserves a warning: prices and retirements move.
pub const STALE_AFTER_DAYS: i64 = 90;

/// All models that may be ranked. Changes are whole: a reader sees the catalog before or after one, never between.
#[derive(Debug, Default)]
pub struct Catalog(RwLock<Arc<CatalogSnapshot>>);

/// The catalog at one moment.
#[derive(Debug, Clone, Default)]
pub struct CatalogSnapshot {
    cards: BTreeMap<ModelKey, Arc<ModelCard>>,
    aliases: HashMap<String, ModelKey>,
}

/// The age of facts that were read at `as_of`, in days, where that is too old.
pub(crate) fn stale_days(as_of: Option<Date>, today: Date) -> Option<i64> {
    let age = as_of?.days_until(today);
    (age > STALE_AFTER_DAYS).then_some(age)
}

impl Catalog {
    /// A catalog of these cards.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for a bad card; [`ErrorKind::Conflict`] for a key given twice or an alias of two models.
    pub fn new(cards: impl IntoIterator<Item = Arc<ModelCard>>) -> Result<Self> {
        let catalog = Self::default();
        catalog.change(|snapshot| {
            cards.into_iter().try_for_each(|card| snapshot.create(ModelCard::clone(&card)))
        })?;
        Ok(catalog)
    }

    /// The catalog as it is now.
    #[must_use]
    pub fn snapshot(&self) -> Arc<CatalogSnapshot> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds a card.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for a bad card; [`ErrorKind::Conflict`] where its key or an alias is taken.
    pub fn create(&self, card: ModelCard) -> Result<()> {
        self.change(|snapshot| snapshot.create(card))
    }

    /// Replaces the card of the same key.
    ///
    /// # Errors
    /// [`ErrorKind::ModelNotFound`] where there is none, else as [`Catalog::create`].
    pub fn update(&self, card: ModelCard) -> Result<()> {
        self.change(|snapshot| {
            snapshot.remove(&card.key)?;
            snapshot.create(card)
        })
    }

    /// Changes the card of `key` by `edit`, which sees it as it is at that moment: no change that somebody else makes
    /// meanwhile is lost. The catalog is locked while `edit` runs, which must not use it.
    ///
    /// # Errors
    /// As [`Catalog::update`]; the card then stays as it was.
    pub fn revise(&self, key: &ModelKey, edit: impl FnOnce(&mut ModelCard)) -> Result<()> {
        self.change(|snapshot| {
            let card = snapshot.cards.get(key).map(|card| ModelCard::clone(card));
            snapshot.remove(key)?;
            card.map_or(Ok(()), |mut card| {
                edit(&mut card);
                snapshot.create(card)
            })
        })
    }

    /// Adds the cards of a file, whole or not at all. A card of a key that is known replaces it.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for a bad card; [`ErrorKind::Conflict`] for a key that the file gives twice, and for an
    /// alias of two models.
    pub fn load(&self, file: CardFile) -> Result<()> {
        let cards = file.into_cards()?;
        self.change(|snapshot| {
            // All before the first is added: two models of the file may have exchanged an alias.
            for card in &cards {
                if snapshot.cards.contains_key(&card.key) {
                    snapshot.remove(&card.key)?;
                }
            }
            cards.into_iter().try_for_each(|card| snapshot.create(card))
        })
    }

    /// Puts the prices of a file on the cards of their models, whole or not at all.
    ///
    /// # Errors
    /// As [`PriceFile::put_on`].
    pub fn load_prices(&self, file: PriceFile) -> Result<()> {
        self.change(|snapshot| {
            let mut cards: Vec<_> = snapshot.cards().map(|card| ModelCard::clone(card)).collect();
            cards.retain(|card| card.key.provider == file.provider);
            file.put_on(&mut cards)?;
            snapshot.cards.extend(cards.into_iter().map(|card| (card.key.clone(), Arc::new(card))));
            Ok(())
        })
    }

    /// Removes a card and its aliases.
    ///
    /// # Errors
    /// [`ErrorKind::ModelNotFound`] where there is none.
    pub fn delete(&self, key: &ModelKey) -> Result<()> {
        self.change(|snapshot| snapshot.remove(key))
    }

    fn change(&self, apply: impl FnOnce(&mut CatalogSnapshot) -> Result<()>) -> Result<()> {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let mut next = CatalogSnapshot::clone(&held);
        apply(&mut next)?;
        *held = Arc::new(next);
        Ok(())
    }
}

impl CatalogSnapshot {
    /// The cards, by key.
    pub fn cards(&self) -> impl ExactSizeIterator<Item = &Arc<ModelCard>> {
        self.cards.values()
    }

    /// The card of this key.
    #[must_use]
    pub fn get(&self, key: &ModelKey) -> Option<&Arc<ModelCard>> {
        self.cards.get(key)
    }

    /// The card of what `provider` calls `name`: its own id, one of its aliases, or its id with the date of a snapshot,
    /// `20251001` or `2025-10-01`, behind a hyphen. A card of the dated name itself comes first.
    #[must_use]
    pub fn resolve(&self, provider: &ProviderName, name: &str) -> Option<&Arc<ModelCard>> {
        let there = |card: &&Arc<ModelCard>| card.key.provider == *provider;
        let exact = self.cards.values().filter(there).find(|card| card.key.model.as_str() == name);
        exact.or_else(|| self.cards.values().filter(there).find(|card| card.is_called(name)))
    }

    /// The card of this name: a whole key (`groq/llama`), an alias, or a model id that only one provider has; each also
    /// with the date of a snapshot, as in [`CatalogSnapshot::resolve`].
    ///
    /// # Errors
    /// [`ErrorKind::ModelNotFound`] for an unknown name, and for a model id of several providers, listing them.
    pub fn find(&self, name: &str) -> Result<&Arc<ModelCard>> {
        match undated(name) {
            // Where nobody has the dated name, the error still tells the name that was asked for.
            Some(id) => self.named(name).or_else(|error| self.named(id).map_err(|_| error)),
            None => self.named(name),
        }
    }

    fn named(&self, name: &str) -> Result<&Arc<ModelCard>> {
        let fault = |message| Err(Error::new(ErrorKind::ModelNotFound, "catalog", message));
        if let Some(card) = self.aliases.get(name).and_then(|key| self.cards.get(key)) {
            return Ok(card);
        }
        let named = |card: &&Arc<ModelCard>| card.key.to_string() == name || card.key.model.as_str() == name;
        let mut found = self.cards.values().filter(named);
        match (found.next(), found.next()) {
            (Some(card), None) => Ok(card),
            (None, _) => fault(format!("`{name}` is no model of the catalog")),
            (Some(first), Some(second)) => {
                let more = found.map(|card| format!(", {}", card.key)).collect::<String>();
                fault(format!("`{name}` is ambiguous: {}, {}{more}", first.key, second.key))
            }
        }
    }

    /// When the oldest of the dated cards was read.
    #[must_use]
    pub fn as_of(&self) -> Option<Date> {
        self.cards.values().filter_map(|card| card.read_at()).min()
    }

    /// How old the oldest card is on `today`, in days, where that is too old; `None` while all are fresh or undated.
    #[must_use]
    pub fn stale_days(&self, today: Date) -> Option<i64> {
        stale_days(self.as_of(), today)
    }

    /// The card of the name that came back: its own, else that of the model asked where the name is another of its names,
    /// else that of another model of the provider.
    pub(crate) fn meant(&self, asked: &Arc<ModelCard>, returned: &ModelKey) -> Option<Arc<ModelCard>> {
        let name = returned.model.as_str();
        let here = asked.key.provider == returned.provider;
        // Most providers do not say again in which region they were asked.
        let itself = here && returned.region.is_none() && asked.key.model == returned.model;
        let same = || Some(asked).filter(|_| here && asked.is_called(name));
        let other = || self.resolve(&returned.provider, name);
        let itself = Some(asked).filter(|_| itself);
        itself.or_else(|| self.get(returned)).or_else(same).or_else(other).cloned()
    }

    fn create(&mut self, card: ModelCard) -> Result<()> {
        card.validate()?;
        let key = card.key.clone();
        let conflict = |message| Err(Error::new(ErrorKind::Conflict, "catalog", message));
        if self.cards.contains_key(&key) {
            return conflict(format!("{key} is in the catalog already"));
        }
        if let Some(alias) = card.aliases.iter().find(|alias| self.aliases.contains_key(*alias)) {
            return conflict(format!("the alias `{alias}` of {key} belongs to another model"));
        }
        let aliases = card.aliases.iter().map(|alias| (alias.clone(), key.clone()));
        self.aliases.extend(aliases);
        self.cards.insert(key, Arc::new(card.afresh()));
        Ok(())
    }

    fn remove(&mut self, key: &ModelKey) -> Result<()> {
        if self.cards.remove(key).is_none() {
            return Err(Error::new(
                ErrorKind::ModelNotFound,
                "catalog",
                format!("{key} is not in the catalog"),
            ));
        }
        self.aliases.retain(|_, owner| owner != key);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Privacy, Window};

    fn card(provider: &str, model: &str) -> ModelCard {
        let window = Window { context: 4096, max_output: None };
        ModelCard::new(ModelKey::new(provider, model), window, Privacy::Remote)
    }

    #[test]
    fn a_card_is_revised_as_it_is_or_stays() {
        let catalog = Catalog::new([card("a", "one")].map(Arc::new)).unwrap();
        let key = ModelKey::new("a", "one");
        let context = || catalog.snapshot().get(&key).unwrap().window.context;
        catalog.revise(&key, |card| card.window.context *= 2).unwrap();
        catalog.revise(&key, |card| card.window.context += 1).unwrap();
        assert_eq!(context(), 2 * 4096 + 1);
        let bad = catalog.revise(&key, |card| card.window.context = 0).unwrap_err();
        assert_eq!((bad.kind(), context()), (&ErrorKind::Config, 2 * 4096 + 1));
        let nobody =
            catalog.revise(&ModelKey::new("a", "two"), |_| panic!("there is nothing to edit")).unwrap_err();
        assert_eq!(nobody.kind(), &ErrorKind::ModelNotFound);
    }

    #[test]
    fn cards_are_created_read_updated_and_deleted() {
        let catalog = Catalog::default();
        let mut llama = card("groq", "llama");
        llama.aliases = vec!["fast".into()];
        catalog.create(llama.clone()).unwrap();
        assert_eq!(catalog.create(llama.clone()).unwrap_err().kind(), &ErrorKind::Conflict);
        let before = catalog.snapshot();
        llama.aliases = vec!["quick".into()];
        catalog.update(llama.clone()).unwrap();
        assert!(before.find("fast").is_ok(), "a snapshot does not change");
        assert!(catalog.snapshot().find("fast").is_err());
        assert_eq!(catalog.snapshot().find("quick").unwrap().key, llama.key);
        catalog.delete(&llama.key).unwrap();
        assert_eq!(catalog.delete(&llama.key).unwrap_err().kind(), &ErrorKind::ModelNotFound);
    }

    #[test]
    fn a_name_of_two_models_is_no_name() {
        let catalog =
            Catalog::new([Arc::new(card("groq", "llama")), Arc::new(card("together", "llama"))]).unwrap();
        let error = catalog.snapshot().find("llama").unwrap_err();
        assert_eq!(error.message(), "`llama` is ambiguous: groq/llama, together/llama");
        assert!(catalog.snapshot().find("groq/llama").is_ok());
    }

    #[test]
    fn a_failed_change_changes_nothing() {
        let catalog = Catalog::new([Arc::new(card("groq", "llama"))]).unwrap();
        let mut bad = card("groq", "llama");
        bad.window.context = 0;
        assert!(catalog.update(bad).is_err());
        assert!(catalog.snapshot().find("groq/llama").is_ok());
    }

    #[test]
    fn an_old_catalog_says_so() {
        let mut old = card("groq", "llama");
        old.as_of = Some("2026-01-01".parse().unwrap());
        let mut new = card("groq", "qwen");
        new.as_of = Some("2026-03-01".parse().unwrap());
        let catalog = Catalog::new([Arc::new(old), Arc::new(new)]).unwrap();
        assert_eq!(catalog.snapshot().stale_days("2026-04-01".parse().unwrap()), None);
        assert_eq!(catalog.snapshot().stale_days("2026-04-02".parse().unwrap()), Some(91));
    }
}
