//! What OpenAI, Groq and llama.cpp refuse, and how they answer.

use crate::client::{Answer, chat, events, post, send, streamed, with};
use greenroute_testkit::FakeServer;
use serde_json::{Value, json};

const CHAT: &str = "/chat/completions";

async fn ask(vendor: &str, body: &Value) -> Answer {
    let server = FakeServer::start().await.unwrap();
    post(&server, vendor, CHAT, &[], body).await
}

/// A chat with these fields more.
fn plus(more: Value) -> Value {
    with(chat("Why is the sky blue?"), more)
}

fn tool(parameters: &Value) -> Value {
    json!({"type": "function", "function": {"name": "get_weather", "parameters": parameters}})
}

fn city() -> Value {
    json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]})
}

#[tokio::test]
async fn openai_refuses_what_breaks_its_rules() {
    let server = FakeServer::start().await.unwrap();
    let user = json!({"role": "user", "content": "Why?"});
    let call = json!({"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let called = json!({"role": "assistant", "tool_calls": [call]});
    for (more, param, code) in [
        (json!({"temprature": 1}), Value::Null, Value::Null),
        (json!({"temperature": 99.0}), json!("temperature"), json!("decimal_above_max_value")),
        (json!({"temperature": "hot"}), json!("temperature"), json!("invalid_type")),
        (json!({"top_p": -1}), json!("top_p"), json!("integer_below_min_value")),
        (json!({"messages": null}), json!("messages"), json!("missing_required_parameter")),
        (json!({"messages": []}), json!("messages"), json!("empty_array")),
        (
            json!({"messages": [{"role": "robot", "content": "x"}]}),
            json!("messages[0].role"),
            json!("invalid_value"),
        ),
        (
            json!({"messages": [{"role": "user"}]}),
            json!("messages[0].content"),
            json!("missing_required_parameter"),
        ),
        (
            json!({"messages": [{"role": "user", "content": "x", "contents": 1}]}),
            json!("messages[0].contents"),
            json!("unknown_parameter"),
        ),
        (json!({"messages": [{"role": "user", "content": ""}]}), json!("messages"), json!("empty_array")),
        (
            json!({"messages": [user, {"role": "tool", "tool_call_id": "c1", "content": "x"}]}),
            json!("messages[1].role"),
            Value::Null,
        ),
        (json!({"messages": [user, called, user]}), json!("messages[2].messages"), Value::Null),
        (json!({"messages": [user, called]}), json!("messages"), Value::Null),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,%%"}}]}]}),
            json!("messages[0].content[0].image_url.url"),
            json!("invalid_image_url"),
        ),
        (json!({"stop": ["a", "b", "c", "d", "e"]}), json!("stop"), Value::Null),
        (json!({"stream_options": {"include_usage": true}}), json!("stream_options"), Value::Null),
        (json!({"top_logprobs": 2}), json!("top_logprobs"), Value::Null),
        (
            json!({"tools": [tool(&json!({"type": "string"}))]}),
            json!("tools[0].function.parameters"),
            json!("invalid_function_parameters"),
        ),
        (json!({"tool_choice": "auto"}), json!("tool_choice"), Value::Null),
        (json!({"response_format": {"type": "json_object"}}), json!("messages"), Value::Null),
        (
            json!({"response_format": {"type": "json_schema", "json_schema": {"name": "no spaces", "schema": city()}}}),
            json!("response_format.json_schema.name"),
            Value::Null,
        ),
        (
            json!({"response_format": {"type": "json_schema", "json_schema": {"name": "Out", "strict": true, "schema": city()}}}),
            json!("response_format"),
            Value::Null,
        ),
        (json!({"model": "o4-mini", "max_tokens": 5}), json!("max_tokens"), json!("unsupported_parameter")),
        (json!({"model": "o4-mini", "temperature": 0.5}), json!("temperature"), json!("unsupported_value")),
        (
            json!({"max_completion_tokens": 0}),
            json!("max_completion_tokens"),
            json!("integer_below_min_value"),
        ),
    ] {
        let answer = post(&server, "openai", CHAT, &[], &plus(more.clone())).await;
        let error = &answer.json()["error"];
        assert_eq!(answer.status, 400, "{more}: {error}");
        assert_eq!((&error["param"], &error["code"]), (&param, &code), "{more}: {error}");
        assert_eq!(error["type"], "invalid_request_error");
    }
}

#[tokio::test]
async fn openai_knows_its_models_its_window_and_its_paths() {
    let missing = ask("openai", &plus(json!({"model": "nope"}))).await;
    assert_eq!((missing.status, &missing.json()["error"]["code"]), (404, &json!("model_not_found")));
    let long = ask("openai", &with(chat(&"river ".repeat(600)), json!({"model": "tiny-window"}))).await;
    assert_eq!((long.status, &long.json()["error"]["code"]), (400, &json!("context_length_exceeded")));
    let server = FakeServer::start().await.unwrap();
    assert_eq!(post(&server, "openai", "/responses", &[], &json!({})).await.status, 404);
    let key = format!("Bearer {}", server.key());
    let url = format!("{}{CHAT}", server.url("openai"));
    for headers in
        [&[("authorization", key.as_str()), ("content-type", "text/plain")][..], &[("authorization", &key)]]
    {
        let answer = send("POST", &url, headers, chat("Why?").to_string().as_bytes()).await.unwrap();
        assert!(answer.status == 400 && answer.text().contains("JSON"));
    }
}

#[tokio::test]
async fn a_stream_says_what_the_whole_answer_says() {
    for (vendor, model) in [("openai", "gpt-4.1-mini"), ("groq", "openai/gpt-oss-20b"), ("llamacpp", "any")] {
        let whole = ask(vendor, &plus(json!({"model": model}))).await.json();
        let pieces = events(
            &ask(vendor, &with(streamed("Why is the sky blue?"), json!({"model": model}))).await.text(),
        );
        let joined = |key: &str| {
            pieces.iter().filter_map(|event| event["choices"][0]["delta"][key].as_str()).collect::<String>()
        };
        let message = &whole["choices"][0]["message"];
        assert_eq!(joined("content"), message["content"].as_str().unwrap(), "{vendor}");
        for key in ["reasoning", "reasoning_content"] {
            assert_eq!(joined(key), message[key].as_str().unwrap_or_default(), "{vendor}");
        }
        let usages: Vec<&Value> =
            pieces.iter().map(|event| &event["usage"]).filter(|usage| usage.is_object()).collect();
        assert!(usages.iter().all(|usage| **usage == whole["usage"]), "{vendor}");
        assert_eq!(usages.len(), if vendor == "groq" { 2 } else { 1 });
        let tokens = |key: &str| whole["usage"][key].as_u64().unwrap();
        assert_eq!(tokens("prompt_tokens") + tokens("completion_tokens"), tokens("total_tokens"), "{vendor}");
    }
}

#[tokio::test]
async fn a_tool_goes_there_and_back() {
    let with_tool = plus(json!({"tools": [tool(&city())]}));
    let asked = ask("openai", &with_tool).await.json();
    let choice = &asked["choices"][0];
    assert_eq!(
        (&choice["finish_reason"], &choice["message"]["content"]),
        (&json!("tool_calls"), &Value::Null)
    );
    let call = &choice["message"]["tool_calls"][0];
    assert_eq!(call["function"]["arguments"], "{\"city\":\"Oslo\"}");
    let messages = json!([
        {"role": "user", "content": "Weather?"},
        choice["message"].as_object().map(|_| json!({"role": "assistant", "content": null, "tool_calls": [call]})),
        {"role": "tool", "tool_call_id": call["id"], "content": "rain, 4 degrees"},
    ]);
    let answer = ask("openai", &with(with_tool, json!({"messages": messages}))).await.json();
    assert!(answer["choices"][0]["message"]["content"].as_str().unwrap().contains("rain, 4 degrees"));
    let pieces =
        events(&ask("openai", &with(streamed("Weather?"), json!({"tools": [tool(&city())]}))).await.text());
    let deltas: Vec<&Value> =
        pieces.iter().map(|event| &event["choices"][0]["delta"]["tool_calls"][0]).collect();
    let arguments: String = deltas.iter().filter_map(|call| call["function"]["arguments"].as_str()).collect();
    assert_eq!(arguments, "{\"city\":\"Oslo\"}");
    assert_eq!(deltas.iter().filter(|call| call["id"].is_string()).count(), 1);
}

#[tokio::test]
async fn an_answer_satisfies_its_schema() {
    let schema = with(city(), json!({"additionalProperties": false}));
    let format =
        json!({"type": "json_schema", "json_schema": {"name": "Out", "strict": true, "schema": schema}});
    for (vendor, model) in [("openai", "gpt-4.1-mini"), ("groq", "openai/gpt-oss-20b"), ("llamacpp", "any")] {
        let body = plus(json!({"model": model, "response_format": format}));
        let answer = ask(vendor, &body).await.json();
        assert_eq!(answer["choices"][0]["message"]["content"], "{\"city\":\"Oslo\"}", "{vendor}");
    }
    let other = ask("groq", &plus(json!({"model": "qwen/qwen3.8-27b", "response_format": format}))).await;
    assert!(other.status == 400 && other.text().contains("does not support response format"));
}

#[tokio::test]
async fn log_probabilities_come_when_asked_for() {
    let answer =
        ask("openai", &plus(json!({"logprobs": true, "top_logprobs": 2, "max_tokens": 3}))).await.json();
    let tokens = answer["choices"][0]["logprobs"]["content"].as_array().unwrap();
    assert_eq!(tokens.len(), 3);
    assert!(tokens.iter().all(|token| token["top_logprobs"].as_array().unwrap().len() == 2));
    assert!(ask("openai", &plus(json!({}))).await.json()["choices"][0]["logprobs"].is_null());
    let groq = ask("groq", &plus(json!({"model": "openai/gpt-oss-20b", "logprobs": true}))).await;
    assert_eq!(groq.json()["error"]["message"], "property 'logprobs' is unsupported");
}

#[tokio::test]
async fn openai_caches_long_prompts_and_hides_its_reasoning() {
    let answer = ask("openai", &chat(&"river ".repeat(1500))).await.json();
    assert_eq!(answer["usage"]["prompt_tokens_details"]["cached_tokens"], 1408);
    let thought =
        ask("openai", &plus(json!({"model": "gpt-6-luna", "max_completion_tokens": 4}))).await.json();
    assert_eq!(thought["usage"]["completion_tokens_details"]["reasoning_tokens"], 4);
    assert_eq!(thought["choices"][0]["message"]["content"], "");
    assert_eq!(thought["choices"][0]["finish_reason"], "length");
}

#[tokio::test]
async fn vectors_come_as_numbers_and_as_base64() {
    use base64::Engine;
    let server = FakeServer::start().await.unwrap();
    let asked = json!({"model": "text-embedding-3-small", "input": ["a red rose", "a red rose", "snow"], "dimensions": 8});
    let answer = post(&server, "openai", "/embeddings", &[], &asked).await.json();
    let vector = |place: usize| {
        let numbers = answer["data"][place]["embedding"].as_array().unwrap();
        numbers.iter().map(|number| number.as_f64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!((vector(0).len(), vector(0)), (8, vector(1)));
    assert_ne!(vector(0), vector(2));
    assert!((vector(2).iter().map(|number| number * number).sum::<f64>() - 1.0).abs() < 1e-9);
    assert_eq!(answer["usage"], json!({"prompt_tokens": 7, "total_tokens": 7}));
    let packed = with(asked, json!({"encoding_format": "base64"}));
    let packed = post(&server, "openai", "/embeddings", &[], &packed).await.json();
    let bytes =
        base64::prelude::BASE64_STANDARD.decode(packed["data"][0]["embedding"].as_str().unwrap()).unwrap();
    let first = f32::from_le_bytes(bytes[..4].try_into().unwrap());
    assert!((f64::from(first) - vector(0)[0]).abs() < 1e-6 && bytes.len() == 32);
    for wrong in [
        json!({"input": []}),
        json!({"input": ""}),
        json!({"dimensions": 0}),
        json!({"model": "gpt-4o-mini"}),
    ] {
        let body = with(json!({"model": "text-embedding-3-small", "input": "x"}), wrong);
        assert!(
            [400, 404].contains(&post(&server, "openai", "/embeddings", &[], &body).await.status),
            "{body}"
        );
    }
}

#[tokio::test]
async fn groq_has_times_and_a_usage_that_comes_three_times() {
    let model = json!({"model": "openai/gpt-oss-20b"});
    let usage = ask("groq", &plus(model.clone())).await.json()["usage"].clone();
    let time = |key: &str| usage[key].as_f64().unwrap();
    assert!((time("prompt_time") + time("completion_time") - time("total_time")).abs() < 1e-12);
    assert!(time("queue_time") > 0.0);
    let body = with(streamed("Why?"), model.clone());
    let pieces = events(&ask("groq", &body).await.text());
    let [.., finish, last] = pieces.as_slice() else { panic!("{pieces:?}") };
    assert_eq!((&finish["usage"], &finish["x_groq"]["usage"]), (&last["usage"], &last["usage"]));
    let pieces = events(&ask("groq", &with(plus(json!({"stream": true})), model)).await.text());
    let finish = pieces.last().unwrap();
    assert!(finish["usage"].is_null() && finish["x_groq"]["usage"].is_object());
}

#[tokio::test]
async fn groq_shows_hides_or_mixes_its_reasoning() {
    let asked = |more: Value| plus(with(json!({"model": "openai/gpt-oss-20b"}), more));
    let message = |answer: &Value| answer["choices"][0]["message"].clone();
    let parsed = message(&ask("groq", &asked(json!({}))).await.json());
    assert!(parsed["reasoning"].is_string());
    let hidden = message(&ask("groq", &asked(json!({"reasoning_format": "hidden"}))).await.json());
    assert!(hidden["reasoning"].is_null());
    let raw = message(&ask("groq", &asked(json!({"reasoning_format": "raw"}))).await.json());
    assert!(raw["content"].as_str().unwrap().starts_with("<think>") && raw["reasoning"].is_null());
    for wrong in [
        json!({"reasoning_format": "raw", "tools": [tool(&city())]}),
        json!({"reasoning_effort": "none"}),
        json!({"reasoning_format": "parsed", "include_reasoning": true}),
        json!({"top_k": 3}),
    ] {
        assert_eq!(ask("groq", &asked(wrong.clone())).await.status, 400, "{wrong}");
    }
    let gone = ask("groq", &plus(json!({"model": "llama-3.3-70b-versatile"}))).await;
    assert_eq!((gone.status, &gone.json()["error"]["code"]), (400, &json!("model_decommissioned")));
}

#[tokio::test]
async fn groq_calls_a_tool_without_arguments_with_null_and_without_content() {
    let none = json!({"type": "object", "properties": {}});
    let body = plus(json!({"model": "openai/gpt-oss-20b", "tools": [tool(&none)]}));
    let message = ask("groq", &body).await.json()["choices"][0]["message"].clone();
    assert_eq!(message["tool_calls"][0]["function"]["arguments"], "null");
    assert!(!message.as_object().unwrap().contains_key("content"));
}

#[tokio::test]
async fn groq_lists_its_models_with_prices_as_texts() {
    let server = FakeServer::start().await.unwrap();
    let key = format!("Bearer {}", server.key());
    let url = format!("{}/models", server.url("groq"));
    let list = send("GET", &url, &[("authorization", &key)], b"").await.unwrap().json();
    let models = list["data"].as_array().unwrap();
    assert!(models.len() > 2 && models.iter().all(|model| model["pricing"]["prompt"].is_string()));
}

#[tokio::test]
async fn llamacpp_answers_to_any_name_with_its_times() {
    for name in [json!("any"), json!("gpt-9"), Value::Null] {
        let answer = ask("llamacpp", &plus(json!({"model": name, "max_tokens": 40}))).await.json();
        assert!(answer["model"].as_str().unwrap().ends_with(".gguf"));
        let (timings, usage) = (&answer["timings"], &answer["usage"]);
        let prompt = timings["cache_n"].as_u64().unwrap() + timings["prompt_n"].as_u64().unwrap();
        assert_eq!(Some(prompt), usage["prompt_tokens"].as_u64());
        assert_eq!(timings["predicted_n"], usage["completion_tokens"]);
        assert!(timings["predicted_ms"].as_f64().unwrap() > 0.0);
    }
}

#[tokio::test]
async fn llamacpp_tells_numbers_as_codes() {
    let long = ask("llamacpp", &with(chat(&"river ".repeat(600)), json!({"model": "tiny-window"}))).await;
    let error = &long.json()["error"];
    assert_eq!((long.status, &error["code"], &error["n_ctx"]), (400, &json!(400), &json!(512)));
    assert_eq!(error["type"], "exceed_context_size_error");
    assert_eq!(ask("llamacpp", &plus(json!({"max_tokns": 3}))).await.status, 400);
    let both = ask("llamacpp", &plus(json!({"max_tokens": 3, "max_completion_tokens": 3}))).await;
    assert_eq!(both.status, 200);
    let quiet = plus(
        json!({"chat_template_kwargs": {"enable_thinking": false}, "response_format": {"type": "json_object"}}),
    );
    let message = ask("llamacpp", &quiet).await.json()["choices"][0]["message"].clone();
    assert!(
        message["reasoning_content"].is_null()
            && message["content"].as_str().unwrap().starts_with("You asked")
    );
}

#[tokio::test]
async fn llamacpp_counts_tokens() {
    let server = FakeServer::start().await.unwrap();
    let url = server.url("llamacpp").replace("/v1", "/tokenize");
    let answer = send("POST", &url, &[], br#"{"content": "one two three"}"#).await.unwrap();
    assert_eq!(answer.json()["tokens"].as_array().unwrap().len(), 3);
}
