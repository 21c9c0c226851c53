use crate::model::ProviderName;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Bounds retries over all calls: when a provider is down, thousands of calls that each retry would keep it down.
///
/// Every call earns its provider a share of a retry, and every retry takes a whole one; some are there from the
/// beginning, so that a quiet router may retry too. Counted in hundredths.
#[derive(Debug, Default)]
pub(super) struct RetryBudget(Mutex<BTreeMap<ProviderName, u32>>);

const RETRY: u32 = 100;
/// Ten retries.
const AT_FIRST: u32 = 10 * RETRY;
/// A hundred retries: what a quiet hour saved is not to be spent in one second.
const AT_MOST: u32 = 100 * RETRY;

impl RetryBudget {
    /// Earns `hundredths` of a retry.
    pub(super) fn earn(&self, provider: &ProviderName, hundredths: u32) {
        self.with(provider, |left| *left = left.saturating_add(hundredths).min(AT_MOST));
    }

    /// Takes a retry, if one is left.
    pub(super) fn take(&self, provider: &ProviderName) -> bool {
        self.with(provider, |left| match left.checked_sub(RETRY) {
            Some(rest) => {
                *left = rest;
                true
            }
            None => false,
        })
    }

    fn with<T>(&self, provider: &ProviderName, change: impl FnOnce(&mut u32) -> T) -> T {
        let mut budgets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(left) = budgets.get_mut(provider) {
            return change(left);
        }
        change(budgets.entry(provider.clone()).or_insert(AT_FIRST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_retries_are_there_and_five_calls_earn_one_more() {
        let (budget, cloud) = (RetryBudget::default(), ProviderName::new("cloud"));
        assert!((0..10).all(|_| budget.take(&cloud)));
        assert!(!budget.take(&cloud));
        assert!(budget.take(&ProviderName::new("other")), "each provider has its own");
        (0..5).for_each(|_| budget.earn(&cloud, 20));
        assert!(budget.take(&cloud) && !budget.take(&cloud));
        (0..100_000).for_each(|_| budget.earn(&cloud, 20));
        assert_eq!((0..1000).filter(|_| budget.take(&cloud)).count(), 100);
    }
}
