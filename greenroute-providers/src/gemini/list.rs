use super::{Gemini, NAME};
use async_trait::async_trait;
use greenroute_core::{Error, ErrorKind, Listing, ModelKey, ModelLister, Result};
use serde::Deserialize;

/// A vendor that never stops turning pages is broken.
const MOST_PAGES: usize = 100;

/// All models, by `GET models`. Their context is the most input that they take: output is bounded apart.
#[async_trait]
impl ModelLister for Gemini {
    async fn list(&self) -> Result<Vec<Listing>> {
        let mut listings = Vec::new();
        let mut token = None::<String>;
        for _ in 0..MOST_PAGES {
            let request = self.client().get(&format!("{}/models", self.version())).query("pageSize", 1000);
            let request = match &token {
                Some(token) => request.query("pageToken", token),
                None => request,
            };
            let page: Page = request.send().await?.json().await?;
            listings.extend(page.models.into_iter().flatten().map(listing));
            match page.next_page_token.filter(|token| !token.is_empty()) {
                Some(next) => token = Some(next),
                None => return Ok(listings),
            }
        }
        let message = format!("the list of models does not end after {MOST_PAGES} pages");
        Err(Error::new(ErrorKind::Decode, NAME, message))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    models: Option<Vec<Model>>,
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Model {
    name: String,
    display_name: Option<String>,
    input_token_limit: Option<u64>,
    output_token_limit: Option<u64>,
    supported_generation_methods: Option<Vec<String>>,
}

fn listing(model: Model) -> Listing {
    let id = model.name.strip_prefix("models/").unwrap_or(&model.name);
    let methods = model.supported_generation_methods;
    Listing {
        display_name: model.display_name,
        context: model.input_token_limit.filter(|limit| *limit > 0),
        max_output: model.output_token_limit.filter(|limit| *limit > 0),
        chats: methods.map(|methods| methods.iter().any(|method| method == "generateContent")),
        ..Listing::new(ModelKey::new(NAME, id))
    }
}
