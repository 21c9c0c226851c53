use super::wire::{Model, ModelPage};
use super::{Claude, NAME};
use async_trait::async_trait;
use greenroute_core::model::ModelKey;
use greenroute_core::{Error, ErrorKind, Listing, ModelLister, Result};

/// The most models that the API puts on a page.
const PAGE: u32 = 1000;
/// A vendor that never stops turning pages is broken.
const MOST_PAGES: usize = 100;

#[async_trait]
impl ModelLister for Claude {
    async fn list(&self) -> Result<Vec<Listing>> {
        let mut listings = Vec::new();
        let mut after: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let mut request = self.client.get("v1/models").query("limit", PAGE);
            if let Some(after) = &after {
                request = request.query("after_id", after);
            }
            let page: ModelPage = request.send().await?.json().await?;
            listings.extend(page.data.into_iter().map(listing));
            match page.last_id.filter(|_| page.has_more) {
                Some(last) => after = Some(last),
                None => return Ok(listings),
            }
        }
        let message = format!("the list of models does not end after {MOST_PAGES} pages");
        Err(Error::new(ErrorKind::Decode, NAME, message))
    }
}

fn listing(model: Model) -> Listing {
    Listing {
        display_name: model.display_name,
        context: model.max_input_tokens,
        max_output: model.max_tokens,
        retirement: model.retires_at.and_then(|time| time.get(..10)?.parse().ok()),
        chats: Some(true),
        ..Listing::new(ModelKey::new(NAME, model.id))
    }
}
