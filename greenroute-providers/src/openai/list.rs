use super::OpenAi;
use super::dialect::Prices;
use async_trait::async_trait;
use greenroute_core::model::PriceTier;
use greenroute_core::units::Usd;
use greenroute_core::{Date, Error, ErrorKind, Listing, ModelLister, Result};
use serde_json::Value;

/// Under these names vendors tell a model's window and its longest answer. What a model was trained for says nothing
/// of how a server runs it, and is not read.
const CONTEXT: [&str; 5] =
    ["/context_window", "/context_length", "/max_context_length", "/max_model_len", "/meta/n_ctx"];
const MAX_OUTPUT: [&str; 3] =
    ["/max_completion_tokens", "/max_output_length", "/top_provider/max_completion_tokens"];

#[async_trait]
impl ModelLister for OpenAi {
    async fn list(&self) -> Result<Vec<Listing>> {
        let body: Value = self.0.client.get("models").send().await?.json().await?;
        let models = body.get("data").unwrap_or(&body).as_array().ok_or_else(|| {
            if body.get("error").is_some_and(|error| !error.is_null()) {
                return self.0.client.error_in(&body, self.0.name.as_str());
            }
            Error::new(ErrorKind::Decode, self.0.name.as_str(), "the list of models has no `data`")
        })?;
        let served = models.iter().filter(|model| model.get("active") != Some(&Value::Bool(false)));
        Ok(served.filter_map(|model| self.listing(model)).collect())
    }
}

impl OpenAi {
    /// What is said of one model; of one without a name nothing is.
    fn listing(&self, model: &Value) -> Option<Listing> {
        let text =
            |pointer: &str| model.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
        let number = |pointers: &[&str]| {
            let mut numbers =
                pointers.iter().filter_map(|pointer| model.pointer(pointer).and_then(Value::as_u64));
            numbers.find(|number| *number > 0)
        };
        let day = |text: &str| text.get(..10).and_then(|day| day.parse::<Date>().ok());
        Some(Listing {
            display_name: ["/name", "/display_name"].into_iter().find_map(text).map(str::to_owned),
            context: number(&CONTEXT),
            max_output: number(&MAX_OUTPUT),
            retirement: ["/deprecation", "/retirement_date"].into_iter().find_map(text).and_then(day),
            chats: chats(model),
            price: self.0.dialect.prices.and_then(|unit| price(model.get("pricing")?, unit)),
            ..Listing::new(self.key(text("/id")?))
        })
    }
}

fn chats(model: &Value) -> Option<bool> {
    let modalities = ["/output_modalities", "/architecture/output_modalities"];
    let modalities = modalities.iter().find_map(|pointer| model.pointer(pointer)?.as_array());
    if let Some(modalities) = modalities {
        return Some(modalities.iter().any(|modality| modality == "text"));
    }
    let able = model.pointer("/capabilities/completion_chat").and_then(Value::as_bool);
    able.or_else(|| Some(model.get("type")?.as_str()? == "chat"))
}

fn price(pricing: &Value, unit: Prices) -> Option<PriceTier> {
    let [input, output, cache_read, cache_write] = match unit {
        Prices::PerToken => ["prompt", "completion", "input_cache_read", "input_cache_write"],
        Prices::PerMillion => ["input", "output", "cached_input", "cached_write"],
    };
    let usd = |field: &str| {
        let said = match pricing.get(field)? {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        let number: f64 = match (unit, said.split_once(['e', 'E'])) {
            // Shifted as text: a product would end in digits that nobody has said.
            (Prices::PerToken, None) => format!("{said}e6").parse().ok()?,
            (Prices::PerToken, Some((digits, exponent))) => {
                let shifted = exponent.parse::<i32>().ok()?.checked_add(6)?;
                format!("{digits}e{shifted}").parse().ok()?
            }
            (Prices::PerMillion, _) => said.parse().ok()?,
        };
        Usd::try_from_usd(number).ok()
    };
    let (input, output) = (usd(input)?, usd(output)?);
    // Together says 0 of what runs only on machines that are rented whole. A price for cached tokens that is 0 beside
    // one for the others is none either.
    let is_said = |usd: &Usd| *usd != Usd::ZERO;
    if unit == Prices::PerMillion && !is_said(&input) && !is_said(&output) {
        return None;
    }
    Some(PriceTier {
        above_input_tokens: 0,
        input_usd_per_mtok: input,
        output_usd_per_mtok: output,
        cache_read_usd_per_mtok: usd(cache_read).filter(is_said),
        cache_write_5m_usd_per_mtok: usd(cache_write).filter(is_said),
        cache_write_1h_usd_per_mtok: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn prices_are_read_in_their_own_unit_and_no_zero_is_taken_for_one() {
        let told = |pricing: Value, unit| {
            let tier = price(&pricing, unit)?;
            let usd =
                [Some(tier.input_usd_per_mtok), Some(tier.output_usd_per_mtok), tier.cache_read_usd_per_mtok];
            Some(usd.map(|usd| usd.map(|usd| usd.as_usd())))
        };
        let routed = json!({"prompt": "0.000003", "completion": "0.000015", "input_cache_read": "0.0000003"});
        assert_eq!(told(routed, Prices::PerToken), Some([Some(3.0), Some(15.0), Some(0.3)]));
        let exponent = json!({"prompt": 1e-7, "completion": "4e-7", "input_cache_read": "0"});
        assert_eq!(told(exponent, Prices::PerToken), Some([Some(0.1), Some(0.4), None]));
        let together = json!({"hourly": 0, "input": 0.88, "output": 0.88, "cached_input": 0});
        assert_eq!(told(together, Prices::PerMillion), Some([Some(0.88), Some(0.88), None]));
        assert_eq!(told(json!({"hourly": 2.4, "input": 0, "output": 0}), Prices::PerMillion), None);
        let free = json!({"prompt": "0", "completion": "0"});
        assert_eq!(told(free, Prices::PerToken), Some([Some(0.0), Some(0.0), None]), "OpenRouter's are free");
        for unknown in [json!({"prompt": "-1", "completion": "-1"}), json!({"prompt": "0.1"}), json!(null)] {
            assert_eq!(told(unknown, Prices::PerToken), None);
        }
    }
}
