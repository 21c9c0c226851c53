//! What a server has installed.

use super::wire::{Show, Shown, Tag, Tags};
use super::{NAME, Ollama};
use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};
use greenroute_core::model::{Accepts, ModelCard, Pricing, Privacy, Size, Span, Window};
use greenroute_core::{ErrorKind, Listing, ModelKey, ModelLister, Result};
use serde_json::Value;
use std::sync::Arc;

/// How many models are asked about at once: the server reads a file for each.
const AT_ONCE: usize = 4;

/// One request for the list, and one for each model.
#[async_trait]
impl ModelLister for Ollama {
    async fn list(&self) -> Result<Vec<Listing>> {
        let installed = self.installed().await?;
        Ok(installed.iter().map(Installed::listing).collect())
    }
}

impl Ollama {
    /// With a card for every model that the server has and that chats, but for those that have a card already. A card
    /// tells the window that the model was trained for, or that it, or [`context_tokens`], is set to: how much the server
    /// gives it without being told depends on the server's memory, and what does not fit that is refused as a
    /// [`ErrorKind::ContextOverflow`] when it comes. Names for people and scores come from the shipped card of the tag,
    /// where there is one.
    ///
    /// [`context_tokens`]: super::OllamaBuilder::context_tokens
    ///
    /// # Errors
    /// Whatever the transport gives.
    pub async fn with_installed(mut self) -> Result<Self> {
        let here = self.is_here();
        let shipped = crate::cards_of(NAME)?;
        for model in self.installed().await? {
            let card = model.card(here, self.standing.context_tokens);
            let card = card.map(|card| with_scores(card, &shipped));
            if let Some(card) = card.filter(|card| self.cards.iter().all(|known| known.key != card.key)) {
                card.validate()?;
                self.cards.push(Arc::new(card));
            }
        }
        Ok(self)
    }

    async fn installed(&self) -> Result<Vec<Installed>> {
        let tags: Tags = self.client.get("api/tags").send().await?.json().await?;
        let about = tags.models.into_iter().map(|tag| async {
            let show = Show { model: &tag.name };
            let shown = match self.client.post("api/show").json(&show).send().await {
                Ok(answer) => answer.json().await?,
                // Removed since the list was made, or broken: its name is known all the same.
                Err(error) if matches!(error.kind(), ErrorKind::ModelNotFound | ErrorKind::Server) => {
                    Shown::default()
                }
                Err(error) => return Err(error),
            };
            Ok(Installed { tag, shown })
        });
        stream::iter(about).buffered(AT_ONCE).try_collect().await
    }
}

#[derive(Debug)]
struct Installed {
    tag: Tag,
    shown: Shown,
}

impl Installed {
    fn key(&self) -> ModelKey {
        ModelKey::new(NAME, &self.tag.name)
    }

    fn listing(&self) -> Listing {
        Listing { context: self.context(), chats: self.can("completion"), ..Listing::new(self.key()) }
    }

    /// `None` where the server is too old to tell.
    fn can(&self, capability: &str) -> Option<bool> {
        self.shown.capabilities.as_ref().map(|all| all.iter().any(|known| known == capability))
    }

    /// The window that goes with the model, else the one that it was trained for.
    fn context(&self) -> Option<u64> {
        let set = self.shown.parameters.iter().flat_map(|all| all.lines()).find_map(|line| {
            line.trim().strip_prefix("num_ctx")?.trim().parse::<u64>().ok().filter(|&tokens| tokens > 0)
        });
        set.or_else(|| self.of_architecture("context_length")?.as_u64().filter(|&tokens| tokens > 0))
    }

    fn of_architecture(&self, name: &str) -> Option<&Value> {
        let about = self.shown.model_info.as_ref()?;
        let architecture = about.get("general.architecture")?.as_str()?;
        about.get(&format!("{architecture}.{name}"))
    }

    /// All parameters are counted in the file. Of a mixture's those of the experts that are not used rest, and how many
    /// those are is only known between two bounds.
    fn size(&self) -> Option<Size> {
        let about = self.shown.model_info.as_ref()?;
        let count = about.get("general.parameter_count")?.as_f64().filter(|&count| count >= 1.0)?;
        let total = Span::known(count / 1e9);
        let number = |name| self.of_architecture(name).and_then(Value::as_f64);
        let used = number("expert_used_count").zip(number("expert_count"));
        let share = used.map(|(used, all)| used / all).filter(|share| *share > 0.0 && *share <= 1.0);
        let active = share.map_or(total, |share| Span { low: total.low * share, high: total.high });
        let bytes = self.tag.size.map(|size| size / count).filter(|&bytes| bytes > 0.0 && bytes <= 8.0);
        Some(Size { total, active, bytes_per_parameter: bytes })
    }

    /// `None` for what does not chat, or has no known window.
    fn card(&self, here: bool, context_tokens: Option<u64>) -> Option<ModelCard> {
        if self.can("completion") == Some(false) {
            return None;
        }
        let trained = self.context()?;
        let context = context_tokens.map_or(trained, |most| trained.min(most));
        let elsewhere = self.tag.remote_host.as_ref().is_some_and(|host| !host.is_empty());
        let local = here && !elsewhere;
        let window = Window { context, max_output: None };
        let privacy = if local { Privacy::Local } else { Privacy::Remote };
        let mut card = ModelCard::new(self.key(), window, privacy);
        let can = |capability| self.can(capability).unwrap_or(false);
        // Decoding is constrained by the server, whatever the model; models that run elsewhere are not.
        card.accepts = Accepts { images: can("vision"), tools: can("tools"), schema: !elsewhere };
        card.size = self.size();
        // Its user pays for it by the kilowatt-hour; who pays for a model elsewhere is not told.
        card.pricing = if local { Pricing::Electricity } else { Pricing::Unpriced };
        card.source = Some("the server's own `/api/show`".to_owned());
        Some(card)
    }
}

/// With what no server tells and the shipped card of the same tag knows.
fn with_scores(mut card: ModelCard, shipped: &[ModelCard]) -> ModelCard {
    if let Some(known) = shipped.iter().find(|known| known.is_called(card.key.model.as_str())) {
        card.display_name.clone_from(&known.display_name);
        card.scores.clone_from(&known.scores);
        card.as_of = known.as_of;
    }
    card
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn installed(tag: Value, shown: Value) -> Installed {
        Installed { tag: serde_json::from_value(tag).unwrap(), shown: serde_json::from_value(shown).unwrap() }
    }

    fn qwen() -> Installed {
        installed(
            json!({"name": "qwen3:4b", "model": "qwen3:4b", "size": 2_497_293_931_u64}),
            json!({
                "capabilities": ["completion", "tools", "thinking"],
                "parameters": "temperature 0.6\nstop \"<|im_end|>\"",
                "model_info": {
                    "general.architecture": "qwen3", "general.parameter_count": 4_022_468_096_u64,
                    "qwen3.context_length": 40960, "tokenizer.ggml.tokens": null,
                },
            }),
        )
    }

    #[test]
    fn a_card_holds_what_the_server_tells() {
        let card = qwen().card(true, None).unwrap();
        card.validate().unwrap();
        assert_eq!(card.key.to_string(), "ollama/qwen3:4b");
        assert_eq!((card.window.context, card.privacy), (40_960, Privacy::Local));
        assert_eq!(card.pricing, Pricing::Electricity);
        assert_eq!(card.accepts, Accepts { images: false, tools: true, schema: true });
        let size = card.size.unwrap();
        assert!((size.total.low - 4.022).abs() < 0.001 && size.active == size.total, "{size:?}");
        assert!((size.bytes_per_parameter.unwrap() - 0.621).abs() < 0.001, "{size:?}");
        let listing = qwen().listing();
        assert_eq!((listing.context, listing.chats), (Some(40_960), Some(true)));
    }

    #[test]
    fn scores_come_from_the_shipped_card_of_the_tag() {
        let shipped = crate::cards_of(NAME).unwrap();
        let window = Window { context: 4096, max_output: None };
        let of = |tag: &str| {
            with_scores(ModelCard::new(ModelKey::new(NAME, tag), window, Privacy::Local), &shipped)
        };
        for tag in ["llama3.2:3b", "llama3.2:latest"] {
            let card = of(tag);
            assert_eq!((card.display_name.as_str(), card.key.model.as_str()), ("Llama 3.2 3B", tag));
            assert!(card.scores.contains_key("mmlu"), "{tag}");
            assert_eq!(card.window, window, "what the server tells stays");
        }
        assert!(of("my-own:7b").scores.is_empty());
    }

    #[test]
    fn a_window_that_is_set_counts_before_the_trained_one() {
        let mut model = qwen();
        model.shown.parameters = Some("num_ctx                        16384\ntop_k 20".to_owned());
        assert_eq!(model.card(true, None).unwrap().window.context, 16_384);
        assert_eq!(model.card(true, Some(8192)).unwrap().window.context, 8192);
    }

    #[test]
    fn what_runs_elsewhere_is_not_local() {
        let shown = json!({"model_info": {"general.architecture": "a", "a.context_length": 9}});
        let remote = json!({"name": "glm-5:cloud", "remote_host": "https://ollama.com:443"});
        let card = installed(remote, shown).card(true, None).unwrap();
        assert_eq!((card.privacy, card.accepts.schema), (Privacy::Remote, false));
        assert_eq!(card.pricing, Pricing::Unpriced);
        assert_eq!(qwen().card(false, None).unwrap().privacy, Privacy::Remote);
    }

    #[test]
    fn of_a_mixture_the_active_part_is_between_two_bounds() {
        let mut model = qwen();
        let about = model.shown.model_info.as_mut().unwrap();
        about.insert("qwen3.expert_count".to_owned(), json!(128));
        about.insert("qwen3.expert_used_count".to_owned(), json!(8));
        let size = model.size().unwrap();
        assert!((size.active.low / size.total.low - 8.0 / 128.0).abs() < 1e-12, "{size:?}");
        assert_eq!(size.active.high, size.total.high);
    }

    #[test]
    fn what_does_not_chat_or_tells_nothing_gets_no_card() {
        let mut embedder = qwen();
        embedder.shown.capabilities = Some(vec!["embedding".to_owned()]);
        assert_eq!((embedder.card(true, None), embedder.listing().chats), (None, Some(false)));
        let silent = installed(json!({"name": "x"}), json!({"capabilities": 7, "model_info": []}));
        assert_eq!((silent.card(true, None), silent.listing().chats), (None, None));
    }
}
