//! Google's Gemini API.

mod batch;
mod error;
mod read;
mod signature;
mod write;

use crate::asked::{Asked, AskedChat, AskedEmbed, AskedList, Recorded};
use crate::fields::{Fields, Wrong};
use crate::mind;
use crate::reply::Reply;
use crate::said::SaidChat;
use crate::vendor::{Model, Trouble, Vendor};
use serde_json::{Value, json};

/// `generateContent` and its kin, under `/v1beta` and `/v1`. It is stricter than Google in one thing: a key in the
/// query is refused, since it would end in logs.
#[derive(Debug, Default)]
pub(crate) struct Gemini {
    batches: batch::Batches,
}

const MODELS: &[Model] = &[
    Model::thinking("gemini-2.5-flash-lite"),
    Model::thinking("gemini-2.5-flash"),
    Model::thinking("gemini-2.5-pro"),
    Model::thinking("gemini-3-flash-preview"),
    Model::thinking("gemini-3.1-flash-lite"),
    Model::thinking("gemini-3.1-pro-preview"),
    Model::thinking("gemini-3.5-flash-lite"),
    Model::thinking("gemini-3.5-flash"),
    Model::thinking("gemini-3.6-flash"),
    Model::thinking("gemini-3.7-flash"),
    Model::thinking("gemini-3.8-flash"),
    Model::thinking("gemini-4-argon"),
    Model::chat("gemma-4-31b-it"),
    Model::tiny_window(),
    Model::embedding("gemini-embedding-001"),
    Model::embedding("gemini-embedding-2"),
];

const TASKS: &[&str] = &[
    "RETRIEVAL_QUERY",
    "RETRIEVAL_DOCUMENT",
    "SEMANTIC_SIMILARITY",
    "CLASSIFICATION",
    "CLUSTERING",
    "QUESTION_ANSWERING",
    "FACT_VERIFICATION",
    "CODE_RETRIEVAL_QUERY",
];

impl Gemini {
    fn thinks(id: &str) -> bool {
        // What a test adds does not think.
        MODELS.iter().any(|model| model.id == id && model.thinks)
    }

    fn read_generate(request: &Recorded, model: &str) -> Result<AskedChat, Wrong> {
        let mut fields = Fields::of(&request.body, "")?;
        let asked = read::generate(&mut fields, model, Self::thinks(model))?;
        fields.done()?;
        Ok(asked)
    }

    /// Contents alone, or a whole request.
    fn read_count(request: &Recorded, model: &str) -> Result<AskedChat, Wrong> {
        let mut fields = Fields::of(&request.body, "")?;
        let Some(mut whole) = fields.object("generateContentRequest")? else {
            return Self::read_generate(request, model);
        };
        if whole.need_text("model")? != format!("models/{model}") {
            return Err(whole.rule("model", "The model of the request must be the model of the path."));
        }
        let asked = read::generate(&mut whole, model, Self::thinks(model))?;
        whole.done()?;
        fields.done()?;
        Ok(asked)
    }

    fn read_embed(request: &Recorded, model: &str) -> Result<AskedEmbed, Wrong> {
        let mut fields = Fields::of(&request.body, "")?;
        let requests = fields.objects("requests")?;
        if requests.is_empty() || requests.len() > 100 {
            let told = "* BatchEmbedContentsRequest.requests: at most 100 requests can be in one batch\n";
            return Err(fields.rule("requests", told));
        }
        let mut asked =
            AskedEmbed { model: model.to_owned(), texts: Vec::new(), dimensions: None, base64: false };
        for mut one in requests {
            if one.need_text("model")? != format!("models/{model}") {
                return Err(one.rule("model", "The model of a request must be the model of the path."));
            }
            read_one_embed(&mut one, &mut asked)?;
            one.done()?;
        }
        fields.done()?;
        Ok(asked)
    }

    /// The single form, which the official library does not use.
    fn embed_one(&self, request: &Recorded, model: &str) -> Result<Reply, Wrong> {
        let mut fields = Fields::of(&request.body, "")?;
        let mut asked =
            AskedEmbed { model: model.to_owned(), texts: Vec::new(), dimensions: None, base64: false };
        fields.text("model")?;
        read_one_embed(&mut fields, &mut asked)?;
        fields.done()?;
        if !self.model(model).is_some_and(|model| model.embeds) {
            return Ok(self.error(&Trouble::NoSuchModel(model.to_owned())));
        }
        let values = asked.texts.first().map(|text| mind::vector_of(text, asked.dimensions));
        Ok(told(Reply::json(200, json!({"embedding": {"values": values}}))))
    }

    fn by_method(&self, request: &Recorded, model: &str, method: &str) -> Result<Asked, Wrong> {
        let chat = |asked| Asked::Chat(Box::new(asked));
        Ok(match method {
            "generateContent" => chat(Self::read_generate(request, model)?),
            "streamGenerateContent" => {
                let asked = Self::read_generate(request, model)?;
                chat(AskedChat { streamed: true, ..asked })
            }
            "countTokens" => Asked::Count(Box::new(Self::read_count(request, model)?)),
            "batchEmbedContents" => Asked::Embed(Self::read_embed(request, model)?),
            "embedContent" => Asked::Own(self.embed_one(request, model)?),
            "batchGenerateContent" => Asked::Own(self.batches.submit(self, request, model)?),
            _ => Asked::Own(self.error(&Trouble::NoSuchPath)),
        })
    }
}

fn read_one_embed(one: &mut Fields<'_>, asked: &mut AskedEmbed) -> Result<(), Wrong> {
    let mut content = one.object("content")?.ok_or_else(|| one.missing("content"))?;
    content.text("role")?;
    let mut text = String::new();
    for mut part in content.objects("parts")? {
        text.push_str(part.need_text("text")?);
        part.done()?;
    }
    content.done()?;
    if text.is_empty() {
        return Err(one.rule("content", "* EmbedContentRequest.content: content is empty\n"));
    }
    asked.texts.push(text);
    one.word("taskType", TASKS)?;
    one.text("title")?;
    let dimensions = one.integer("outputDimensionality", 1..=3072)?;
    asked.dimensions = dimensions.and_then(|dimensions| u64::try_from(dimensions).ok()).or(asked.dimensions);
    Ok(())
}

/// The fields that a path's query may have.
fn check_query(request: &Recorded, known: &[&str]) -> Result<(), Reply> {
    let unknown = request.query.keys().find(|name| !known.contains(&name.as_str()));
    unknown.map_or(Ok(()), |name| {
        let told = format!(
            "Invalid JSON payload received. Unknown name \"{name}\": Cannot bind query parameter. Field '{name}' could \
             not be found in request message."
        );
        Err(error::error(400, "INVALID_ARGUMENT", &told))
    })
}

impl Vendor for Gemini {
    fn name(&self) -> &'static str {
        "gemini"
    }

    fn key_headers(&self) -> &'static [(&'static str, &'static str)] {
        &[("x-goog-api-key", "")]
    }

    fn models(&self) -> &'static [Model] {
        MODELS
    }

    fn read(&self, request: &Recorded) -> Result<Asked, Reply> {
        let request = &Recorded { body: read::in_camel_case(&request.body), ..request.clone() };
        let nothing = || self.error(&Trouble::NoSuchPath);
        let path = request.path.strip_prefix("/v1beta/").or_else(|| request.path.strip_prefix("/v1/"));
        let path = path.ok_or_else(nothing)?;
        let post = request.method == "POST";
        if let Some(name) = path.strip_suffix(":cancel").filter(|_| post) {
            check_query(request, &[])?;
            return self.batches.cancel(name).map(Asked::Own).ok_or_else(nothing);
        }
        if !post {
            if path.starts_with("batches/") {
                check_query(request, &[])?;
                return self.batches.get(path).map(Asked::Own).ok_or_else(nothing);
            }
            check_query(request, &["pageSize", "pageToken"])?;
            let number = |name: &str| request.query.get(name).and_then(|number| number.parse::<usize>().ok());
            let only = path.strip_prefix("models/").map(str::to_owned);
            let (limit, skip) = (number("pageSize"), number("pageToken").unwrap_or(0));
            return if only.is_some() || path == "models" {
                Ok(Asked::List(AskedList { only, limit: Some(limit.unwrap_or(50).clamp(1, 1000)), skip }))
            } else {
                Err(nothing())
            };
        }
        let (model, method) =
            path.strip_prefix("models/").and_then(|path| path.rsplit_once(':')).ok_or_else(nothing)?;
        let streamed = method == "streamGenerateContent";
        check_query(request, if streamed { &["alt"] } else { &[] })?;
        if streamed && request.query.get("alt").map(String::as_str) != Some("sse") {
            let told = "Without alt=sse a stream is one array, which is not played here.";
            return Err(error::error(400, "INVALID_ARGUMENT", told));
        }
        if !request.is_json() {
            let told = "Invalid JSON payload received. Expected a value.";
            return Err(error::error(400, "INVALID_ARGUMENT", told));
        }
        self.by_method(request, model, method).map_err(|wrong| {
            let reply = told(error::wrong(&wrong));
            if streamed { error::in_array(reply) } else { reply }
        })
    }

    fn chat(&self, asked: &AskedChat, said: &SaidChat) -> Reply {
        told(write::chat(asked, said))
    }

    fn count(&self, _asked: &AskedChat, tokens: u64) -> Reply {
        let details = json!([{"modality": "TEXT", "tokenCount": tokens}]);
        told(Reply::json(200, json!({"totalTokens": tokens, "promptTokensDetails": details})))
    }

    /// Without any usage, as it was recorded.
    fn embed(&self, _asked: &AskedEmbed, vectors: &[Vec<f64>], _tokens: u64) -> Reply {
        let each: Vec<Value> = vectors.iter().map(|values| json!({"values": values})).collect();
        told(Reply::json(200, json!({"embeddings": each})))
    }

    fn list(&self, asked: &AskedList, models: &[Model]) -> Reply {
        if let (Some(_), Some(model)) = (&asked.only, models.first()) {
            return told(Reply::json(200, entry(model)));
        }
        let limit = asked.limit.unwrap_or(50);
        let page: Vec<Value> = models.iter().skip(asked.skip).take(limit).map(entry).collect();
        let next = asked.skip + limit;
        let mut body = json!({"models": page});
        if let (true, Value::Object(fields)) = (next < models.len(), &mut body) {
            fields.insert("nextPageToken".to_owned(), json!(next.to_string()));
        }
        told(Reply::json(200, body))
    }

    fn error(&self, trouble: &Trouble) -> Reply {
        error::plain(trouble)
    }

    fn midway(&self) -> String {
        let error = json!({"error": {"code": 500, "message": "An internal error has occurred.", "status": "INTERNAL"}});
        format!("data: {error}\n\n")
    }

    fn ends(&self, frame: &str) -> bool {
        frame.contains("\"finishReason\"")
    }

    /// Every event tells the usage so far; of these, the ones that say nothing else.
    fn tells_usage(&self, frame: &str) -> bool {
        frame.contains("\"usageMetadata\"") && !frame.contains("\"parts\"")
    }
}

fn entry(model: &Model) -> Value {
    let methods: &[&str] = if model.embeds {
        &["embedContent", "countTextTokens", "countTokens"]
    } else {
        &["generateContent", "countTokens", "createCachedContent", "batchGenerateContent"]
    };
    json!({
        "name": format!("models/{}", model.id),
        "version": "001",
        "displayName": format!("Fake {}", model.id),
        "description": "…",
        "inputTokenLimit": model.window,
        "outputTokenLimit": model.max_output,
        "supportedGenerationMethods": methods,
        "temperature": 1,
        "topP": 0.95,
        "topK": 64,
        "maxTemperature": 2,
        "thinking": model.thinks,
    })
}

/// With the headers that every answer has.
fn told(reply: Reply) -> Reply {
    let reply = reply.header("vary", "Origin, X-Origin, Referer").header("x-gemini-service-tier", "standard");
    reply.header("server-timing", "gfet4t7; dur=1").header("server", "scaffolding on HTTPServer2")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Fixture;
    use crate::reply::Body;
    use bytes::Bytes;
    use std::collections::BTreeMap;

    fn request(method: &str, path: &str, body: Value) -> Recorded {
        let json = ("content-type".to_owned(), "application/json".to_owned());
        Recorded {
            vendor: "gemini",
            method: method.to_owned(),
            path: path.to_owned(),
            query: BTreeMap::new(),
            headers: BTreeMap::from([json]),
            body,
            raw: Bytes::new(),
        }
    }

    /// What is wrong with a chat for `model`, in Google's words; nothing where it is good.
    fn complaint(model: &str, body: Value) -> Option<String> {
        let request = request("POST", &format!("/v1beta/models/{model}:generateContent"), body);
        let reply = Gemini::default().read(&request).err()?;
        assert_eq!(reply.status, 400);
        let Body::Json(body) = reply.body else { panic!("an error is JSON") };
        assert_eq!(body["error"]["status"], "INVALID_ARGUMENT");
        Some(body["error"]["message"].as_str().unwrap().to_owned())
    }

    #[test]
    fn what_was_recorded_is_taken() {
        for name in ["generate_content", "tool_call", "structured_output", "max_tokens_no_content", "stream"]
        {
            let fixture = Fixture::named(&format!("gemini_{name}"));
            assert_eq!(complaint("gemini-3.5-flash-lite", fixture.request), None, "{name}");
        }
        let mut followed = Fixture::named("gemini_tool_result_followup").request;
        let told = complaint("gemini-3.5-flash-lite", followed.clone()).unwrap();
        assert_eq!(told, "Thought signature is not valid.", "the recorded one is not this server's");
        assert_eq!(complaint("gemini-2.5-flash-lite", without_level(followed.clone())), None);
        let part = &mut followed["contents"][1]["parts"][0];
        part["thoughtSignature"] =
            json!(signature::of("gemini-3.5-flash-lite", "get_weather {\"city\":\"Oslo\"}"));
        assert_eq!(complaint("gemini-3.5-flash-lite", followed.clone()), None);
        followed["contents"][1]["parts"][0]["thoughtSignature"] = json!("skip_thought_signature_validator");
        assert_eq!(complaint("gemini-3.5-flash-lite", followed.clone()), None);
        followed["contents"][1]["parts"][0].as_object_mut().unwrap().remove("thoughtSignature");
        let told = complaint("gemini-3.5-flash-lite", followed).unwrap();
        let recorded = Fixture::named("gemini_error_missing_thought_signature").reply;
        let Body::Json(recorded) = recorded.body else { panic!("an error is JSON") };
        assert_eq!(told, recorded["error"]["message"].as_str().unwrap());
    }

    fn without_level(mut body: Value) -> Value {
        body["generationConfig"].as_object_mut().unwrap().remove("thinkingConfig");
        body
    }

    #[test]
    fn what_google_would_refuse_is_refused_in_its_words() {
        let chat = |more: Value| {
            let mut body = json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]});
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            body
        };
        let call = json!({"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]});
        let config = |config: Value| chat(json!({"generationConfig": config}));
        for (body, told) in [
            (json!({}), "contents is not specified"),
            (
                chat(json!({"bogus": 3})),
                "Invalid JSON payload received. Unknown name \"bogus\": Cannot find field.",
            ),
            (
                config(json!({"maxTokens": 3})),
                "Unknown name \"maxTokens\" at 'generation_config': Cannot find field.",
            ),
            (
                config(json!({"temperature": 2.5})),
                "generation_config.temperature: temperature must be at most 2",
            ),
            (config(json!({"thinkingConfig": {"thinkingBudget": 1, "thinkingLevel": "low"}})), "only one of"),
            (config(json!({"thinkingConfig": {"thinkingLevel": "low"}})), "Thinking level is not supported"),
            (config(json!({"responseJsonSchema": {}})), "response_mime_type"),
            (
                config(json!({"responseLogprobs": true})),
                "Logprobs is not enabled for models/gemini-2.5-flash",
            ),
            (
                json!({"contents": [{"role": "assistant", "parts": [{"text": "hi"}]}]}),
                "Please use a valid role: user, model.",
            ),
            (json!({"contents": [{"role": "user", "parts": []}]}), "contents.parts must not be empty"),
            (json!({"contents": [{"role": "user", "parts": [{}]}]}), "required oneof field 'data'"),
            (json!({"contents": [call]}), "number of function response parts is equal"),
            (chat(json!({"tools": [{"functionDeclarations": [{"name": "1 f"}]}]})), "Invalid function name"),
            (
                chat(json!({"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}})),
                "without function_declarations",
            ),
        ] {
            let complaint = complaint("gemini-2.5-flash", body.clone()).unwrap_or_default();
            assert!(complaint.contains(told), "{body}: {complaint}");
        }
    }

    #[test]
    fn names_of_protocol_buffers_are_known_too_but_not_inside_what_is_the_callers() {
        let call = json!({"function_call": {"name": "f", "args": {"snake_case": 1}}});
        let body =
            json!({"system_instruction": {"parts": [call]}, "generation_config": {"max_output_tokens": 3}});
        let inside = json!({"functionCall": {"name": "f", "args": {"snake_case": 1}}});
        let camel =
            json!({"systemInstruction": {"parts": [inside]}, "generationConfig": {"maxOutputTokens": 3}});
        assert_eq!(read::in_camel_case(&body), camel);
    }

    #[test]
    fn a_stream_wants_sse_and_no_path_takes_a_key_in_its_query() {
        let body = json!({"contents": [{"parts": [{"text": "hi"}]}]});
        let mut stream = request("POST", "/v1/models/gemini-2.5-flash:streamGenerateContent", body);
        assert!(Gemini::default().read(&stream).is_err(), "without alt=sse");
        stream.query.insert("alt".to_owned(), "sse".to_owned());
        assert!(matches!(Gemini::default().read(&stream), Ok(Asked::Chat(chat)) if chat.streamed));
        stream.query.insert("key".to_owned(), "k".to_owned());
        assert!(Gemini::default().read(&stream).is_err(), "with a key");
        stream.query.remove("key");
        stream.body = json!({"contents": []});
        let Err(Reply { body: Body::Json(body), .. }) = Gemini::default().read(&stream) else {
            panic!("it was taken")
        };
        assert!(body[0]["error"]["code"].is_number(), "the error of a stream comes in an array: {body}");
    }

    #[test]
    fn embeddings_are_asked_for_as_the_official_library_does() {
        let body = Fixture::named("gemini_batch_embed").request;
        let path = "/v1beta/models/gemini-embedding-001:batchEmbedContents";
        let asked = Gemini::default().read(&request("POST", path, body.clone())).unwrap();
        let Asked::Embed(asked) = asked else { panic!("{asked:?}") };
        assert_eq!((asked.texts, asked.dimensions), (vec!["a".to_owned(), "b".to_owned()], Some(4)));
        let other = "/v1beta/models/gemini-embedding-2:batchEmbedContents";
        assert!(Gemini::default().read(&request("POST", other, body)).is_err(), "of another model");
        let single = Fixture::named("gemini_embed").request;
        let path = "/v1beta/models/gemini-embedding-2:embedContent";
        let asked = Gemini::default().read(&request("POST", path, single)).unwrap();
        let Asked::Own(Reply { status: 200, body: Body::Json(body), .. }) = asked else {
            panic!("{asked:?}")
        };
        assert_eq!(body["embedding"]["values"].as_array().unwrap().len(), 4);
    }
}
