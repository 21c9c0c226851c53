//! Batches: handed over, waiting, then done.

use super::{Gemini, error, read, write};
use crate::asked::Recorded;
use crate::fields::{Fields, Wrong};
use crate::mind;
use crate::reply::{Body, Reply};
use crate::vendor::{Trouble, Vendor};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Every batch that was handed over, by its name.
#[derive(Debug, Default)]
pub(super) struct Batches(Mutex<BTreeMap<String, Batch>>);

#[derive(Debug)]
struct Batch {
    model: String,
    results: Vec<Value>,
    /// How often it was asked for: it runs at the first time, and is done at the next.
    asked: u64,
    cancelled: bool,
}

impl Batches {
    fn locked(&self) -> MutexGuard<'_, BTreeMap<String, Batch>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `models/{model}:batchGenerateContent`.
    pub(super) fn submit(&self, vendor: &Gemini, request: &Recorded, model: &str) -> Result<Reply, Wrong> {
        let mut fields = Fields::of(&request.body, "")?;
        let mut batch = fields.object("batch")?.ok_or_else(|| fields.missing("batch"))?;
        batch.need_text("displayName")?;
        batch.text("priority")?;
        let mut input = batch.object("inputConfig")?.ok_or_else(|| batch.missing("inputConfig"))?;
        let mut requests = input.object("requests")?.ok_or_else(|| input.missing("requests"))?;
        let items = requests.objects("requests")?;
        if items.is_empty() {
            return Err(requests.missing("requests"));
        }
        let mut results = Vec::with_capacity(items.len());
        for mut item in items {
            let metadata = item.any("metadata").cloned();
            let mut asked = item.object("request")?.ok_or_else(|| item.missing("request"))?;
            let named = asked.text("model")?.is_none_or(|named| named == format!("models/{model}"));
            if !named {
                return Err(asked.rule("model", "All requests of a batch must be for the batch's model."));
            }
            let mut result = answer(vendor, &mut asked, model);
            asked.done().or_else(|wrong| if result.get("error").is_some() { Ok(()) } else { Err(wrong) })?;
            if let (Some(metadata), Value::Object(fields)) = (metadata, &mut result) {
                fields.insert("metadata".to_owned(), metadata);
            }
            item.done()?;
            results.push(result);
        }
        requests.done()?;
        input.done()?;
        batch.done()?;
        fields.done()?;
        let mut batches = self.locked();
        let name = format!("batches/fake{}", batches.len());
        let batch = Batch { model: model.to_owned(), results, asked: 0, cancelled: false };
        let reply = Reply::json(200, batch.operation(&name, "BATCH_STATE_PENDING"));
        batches.insert(name, batch);
        Ok(reply)
    }

    /// `GET batches/{id}`, where there is such a batch.
    pub(super) fn get(&self, name: &str) -> Option<Reply> {
        let mut batches = self.locked();
        let batch = batches.get_mut(name)?;
        batch.asked += 1;
        let state = match batch {
            Batch { cancelled: true, .. } => "BATCH_STATE_CANCELLED",
            Batch { asked: 1, .. } => "BATCH_STATE_RUNNING",
            _ => "BATCH_STATE_SUCCEEDED",
        };
        Some(Reply::json(200, batch.operation(name, state)))
    }

    /// `batches/{id}:cancel`, where there is such a batch.
    pub(super) fn cancel(&self, name: &str) -> Option<Reply> {
        self.locked().get_mut(name)?.cancelled = true;
        Some(Reply::json(200, json!({})))
    }
}

impl Batch {
    fn operation(&self, name: &str, state: &str) -> Value {
        let done = state == "BATCH_STATE_SUCCEEDED";
        let failed = self.results.iter().filter(|result| result.get("error").is_some()).count();
        let all = self.results.len();
        let (answered, failed) = if done { (all - failed, failed) } else { (0, 0) };
        let mut operation = json!({
            "name": name,
            "metadata": {
                "@type": "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch",
                "model": format!("models/{}", self.model),
                "displayName": "greenroute",
                "createTime": "2026-11-21T10:20:30.123456789Z",
                "state": state,
                "name": name,
                // 64-bit numbers of protocol buffers are texts in JSON.
                "batchStats": {
                    "requestCount": all.to_string(),
                    "successfulRequestCount": answered.to_string(),
                    "failedRequestCount": failed.to_string(),
                },
            },
        });
        if let Value::Object(fields) = &mut operation {
            if done {
                let inlined = json!({"inlinedResponses": {"inlinedResponses": self.results}});
                // They stand in both places; Google's own library reads them here.
                if let Some(Value::Object(metadata)) = fields.get_mut("metadata") {
                    metadata.insert("output".to_owned(), inlined.clone());
                }
                fields.insert("response".to_owned(), inlined);
            }
            if done || self.cancelled {
                fields.insert("done".to_owned(), json!(true));
            }
            if self.cancelled {
                fields.insert("error".to_owned(), json!({"code": 1, "message": "The batch was cancelled."}));
            }
        }
        operation
    }
}

/// The answer to one request of a batch, or its error, whose code is one of gRPC's.
fn answer(vendor: &Gemini, fields: &mut Fields<'_>, model: &str) -> Value {
    let Some(known) = vendor.model(model).filter(|known| !known.embeds) else {
        return json!({"error": rpc(&vendor.error(&Trouble::NoSuchModel(model.to_owned())))});
    };
    match read::generate(fields, model, known.thinks) {
        Err(wrong) => json!({"error": rpc(&error::wrong(&wrong))}),
        Ok(asked) if asked.tokens() > known.window => {
            let trouble = Trouble::TooLong { tokens: asked.tokens(), window: known.window };
            json!({"error": rpc(&vendor.error(&trouble))})
        }
        Ok(mut asked) => {
            asked.max_tokens = Some(asked.max_tokens.unwrap_or(known.max_output).min(known.max_output));
            json!({"response": write::whole(&asked, &mind::say(&asked))})
        }
    }
}

fn rpc(reply: &Reply) -> Value {
    let Body::Json(body) = &reply.body else { return Value::Null };
    let code = match body.pointer("/error/code").and_then(Value::as_u64) {
        Some(400) => 3,
        Some(404) => 5,
        _ => 13,
    };
    json!({"code": code, "message": body.pointer("/error/message")})
}
