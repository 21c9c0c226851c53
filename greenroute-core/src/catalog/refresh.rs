use super::{Catalog, CatalogSnapshot};
use crate::error::Result;
use crate::listing::Listing;
use crate::model::{ModelCard, ModelKey, PriceList, PricePeriod, PriceTier, Pricing, ProviderName};
use crate::time::Date;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// What a catalog learned from its providers.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Refreshed {
    /// Facts that were otherwise before.
    pub changed: Vec<ListedChange>,
    /// Models without a card. None was added: a listing knows too little of a model to rank it.
    pub unknown: Vec<Listing>,
    /// Models with a card that their provider lists no more. The cards stay: a listing may be one account's view.
    pub vanished: Vec<ModelKey>,
}

/// A fact of a card that a listing changed. Displayed in one line: `groq/llama: price was 1, is 2`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedChange {
    /// The model.
    pub model: ModelKey,
    /// The field of its card.
    pub field: &'static str,
    /// What was there.
    pub before: String,
    /// What is there now.
    pub after: String,
}

impl fmt::Display for ListedChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { model, field, before, after } = self;
        write!(f, "{model}: {field} was {before}, is {after}")
    }
}

impl Catalog {
    /// Takes over what providers say of their models on `today`: windows, retirements and prices, whole or not at all.
    ///
    /// Facts that a listing is silent about stay as they are. A price replaces the one in force for inputs of its
    /// length; tiers for longer inputs, cache prices that it does not tell and announced later prices stay. A model is
    /// matched by its key, else as [`CatalogSnapshot::resolve`] does. Of a provider without any listing nothing is said.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) where a listing would make a card invalid.
    pub fn refresh(&self, listed: &[Listing], today: Date) -> Result<Refreshed> {
        let mut refreshed = Refreshed::default();
        self.change(|snapshot| {
            refreshed = snapshot.refresh(listed, today)?;
            Ok(())
        })?;
        Ok(refreshed)
    }
}

impl CatalogSnapshot {
    fn refresh(&mut self, listed: &[Listing], today: Date) -> Result<Refreshed> {
        let providers: BTreeSet<&ProviderName> = listed.iter().map(|listing| &listing.key.provider).collect();
        let mut refreshed = Refreshed::default();
        let mut known = BTreeSet::new();
        let cards: Vec<_> =
            self.cards.values().filter(|card| providers.contains(&card.key.provider)).collect();
        let mut updated = Vec::new();
        for card in cards {
            let named = |listing: &&Listing| {
                let Listing { key, .. } = listing;
                key.provider == card.key.provider && (key.region.is_none() || key.region == card.key.region)
            };
            let same = |listing: &&Listing| listing.key.model == card.key.model;
            let called = |listing: &&Listing| card.is_called(listing.key.model.as_str());
            known.extend(listed.iter().filter(named).filter(called).map(|listing| &listing.key));
            // The newest snapshot of several speaks for the id without a date.
            let exact = listed.iter().filter(named).find(same);
            let dated = || listed.iter().filter(named).filter(called).max_by_key(|listing| &listing.key);
            match exact.or_else(dated) {
                Some(listing) => {
                    let mut next = ModelCard::clone(card);
                    let before = refreshed.changed.len();
                    take_over(&mut next, listing, today, &mut refreshed.changed);
                    if tells(listing) {
                        next.as_of = Some(today);
                    }
                    if refreshed.changed.len() > before {
                        let live = live(&listing.key);
                        next.source = Some(match next.source.take() {
                            None => live,
                            Some(source) if source.starts_with(&live) => source,
                            Some(source) => format!("{live}; else {source}"),
                        });
                    }
                    updated.push(next);
                }
                None => refreshed.vanished.push(card.key.clone()),
            }
        }
        let unknown = listed.iter().filter(|listing| !known.contains(&listing.key));
        refreshed.unknown.extend(unknown.cloned());
        for card in updated {
            card.validate()?;
            self.cards.insert(card.key.clone(), Arc::new(card));
        }
        Ok(refreshed)
    }
}

fn live(key: &ModelKey) -> String {
    format!("live, {}", key.provider)
}

/// Whether a listing tells more than a name.
const fn tells(listing: &Listing) -> bool {
    let Listing { context, max_output, retirement, price, .. } = listing;
    context.is_some() || max_output.is_some() || retirement.is_some() || price.is_some()
}

fn take_over(card: &mut ModelCard, listing: &Listing, today: Date, changed: &mut Vec<ListedChange>) {
    let model = card.key.clone();
    let mut note = |field, before: Option<String>, after: String| {
        let before = before.unwrap_or_else(|| "unknown".to_owned());
        changed.push(ListedChange { model: model.clone(), field, before, after });
    };
    // A window of nothing is a server that does not know.
    let tokens = |told: Option<u64>| told.filter(|&tokens| tokens > 0);
    if let Some(context) = tokens(listing.context).filter(|&context| context != card.window.context) {
        note("window.context", Some(card.window.context.to_string()), context.to_string());
        card.window.context = context;
    }
    if let Some(most) = tokens(listing.max_output).filter(|&most| Some(most) != card.window.max_output) {
        note("window.max_output", card.window.max_output.map(|most| most.to_string()), most.to_string());
        card.window.max_output = Some(most);
    }
    if let Some(date) = listing.retirement.filter(|&date| Some(date) != card.retirement) {
        note("retirement", card.retirement.map(|date| date.to_string()), date.to_string());
        card.retirement = Some(date);
    }
    let Some(told) = &listing.price else { return };
    match &mut card.pricing {
        // Who pays for the electricity pays no list price.
        Pricing::Electricity => {}
        Pricing::Unpriced => {
            note("price", None, price(told));
            let periods = vec![PricePeriod { from: Some(today), tiers: vec![whole(told)] }];
            card.pricing = Pricing::Listed(PriceList { source: live(&listing.key), as_of: today, periods });
        }
        Pricing::Listed(list) => {
            let bound = told.above_input_tokens;
            let tiers = list.in_force(today).map(|period| period.tiers.clone()).unwrap_or_default();
            let old = tiers.iter().find(|tier| tier.above_input_tokens == bound);
            let new = PriceTier {
                cache_read_usd_per_mtok: told
                    .cache_read_usd_per_mtok
                    .or(old.and_then(|old| old.cache_read_usd_per_mtok)),
                cache_write_5m_usd_per_mtok: told
                    .cache_write_5m_usd_per_mtok
                    .or(old.and_then(|old| old.cache_write_5m_usd_per_mtok)),
                cache_write_1h_usd_per_mtok: told
                    .cache_write_1h_usd_per_mtok
                    .or(old.and_then(|old| old.cache_write_1h_usd_per_mtok)),
                ..told.clone()
            };
            list.as_of = today;
            if old == Some(&new) {
                return;
            }
            note("price", old.map(price), price(&new));
            let others = tiers.into_iter().filter(|tier| tier.above_input_tokens != bound);
            let mut tiers: Vec<PriceTier> = std::iter::once(new).chain(others).collect();
            if tiers.iter().all(|tier| tier.above_input_tokens > 0) {
                tiers.push(whole(told));
            }
            list.periods.retain(|period| period.from != Some(today));
            list.periods.push(PricePeriod { from: Some(today), tiers });
            list.source = live(&listing.key);
        }
    }
}

/// The tier for inputs of every length.
fn whole(tier: &PriceTier) -> PriceTier {
    PriceTier { above_input_tokens: 0, ..tier.clone() }
}

fn price(tier: &PriceTier) -> String {
    let cached: Cow<'_, str> = match tier.cache_read_usd_per_mtok {
        Some(usd) => format!(", cached {}", usd.as_usd()).into(),
        None => "".into(),
    };
    let (input, output) = (tier.input_usd_per_mtok.as_usd(), tier.output_usd_per_mtok.as_usd());
    format!("{input} in{cached}, {output} out (USD per million tokens)")
}
