//! Files and batches in OpenAI's form.

use crate::client::{Answer, chat, send, with};
use greenroute_testkit::FakeServer;
use serde_json::{Value, json};

async fn call(server: &FakeServer, method: &str, path: &str, media: &str, body: &str) -> Answer {
    let key = format!("Bearer {}", server.key());
    let url = format!("{}{path}", server.url("openai"));
    send(method, &url, &[("authorization", &key), ("content-type", media)], body.as_bytes()).await.unwrap()
}

async fn upload(server: &FakeServer, purpose: &str, name: &str, content: &str) -> Answer {
    let form = format!(
        "--b0\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\n{purpose}\r\n--b0\r\ncontent-disposition: \
         form-data; name=\"file\"; filename=\"{name}\"\r\ncontent-type: application/jsonl\r\n\r\n{content}\r\n--b0--\r\n"
    );
    call(server, "POST", "/files", "multipart/form-data; boundary=b0", &form).await
}

async fn submit(server: &FakeServer, lines: &[Value]) -> Value {
    let content: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let file = upload(server, "batch", "in.jsonl", &content).await.json();
    assert_eq!(file["bytes"], content.len());
    let batch =
        json!({"input_file_id": file["id"], "endpoint": "/v1/chat/completions", "completion_window": "24h"});
    call(server, "POST", "/batches", "application/json", &batch.to_string()).await.json()
}

async fn look(server: &FakeServer, batch: &Value) -> Value {
    call(server, "GET", &format!("/batches/{}", batch["id"].as_str().unwrap()), "text/plain", "").await.json()
}

fn line(id: &str, body: &Value) -> Value {
    json!({"custom_id": id, "method": "POST", "url": "/v1/chat/completions", "body": body})
}

#[tokio::test]
async fn a_batch_is_checked_then_run_then_done() {
    let server = FakeServer::start().await.unwrap();
    let hot = with(chat("Why?"), json!({"temperature": 9}));
    let batch = submit(&server, &[line("a", &chat("Why?")), line("b", &hot), line("c", &chat("How?"))]).await;
    assert_eq!((&batch["status"], &batch["output_file_id"]), (&json!("validating"), &Value::Null));
    assert_eq!(look(&server, &batch).await["status"], "in_progress");
    let done = look(&server, &batch).await;
    assert_eq!(done["status"], "completed");
    assert_eq!(done["request_counts"], json!({"total": 3, "completed": 2, "failed": 1}));
    assert_eq!(look(&server, &batch).await, done);
    let mut told = Vec::new();
    for file in ["output_file_id", "error_file_id"] {
        let path = format!("/files/{}/content", done[file].as_str().unwrap());
        for line in call(&server, "GET", &path, "text/plain", "").await.text().lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            told.push((
                line["custom_id"].as_str().unwrap().to_owned(),
                line["response"]["status_code"].clone(),
            ));
        }
    }
    assert_eq!(
        told,
        [("c".to_owned(), json!(200)), ("a".to_owned(), json!(200)), ("b".to_owned(), json!(400))]
    );
}

#[tokio::test]
async fn a_batch_that_cannot_be_run_says_why() {
    let server = FakeServer::start().await.unwrap();
    let other = with(chat("Why?"), json!({"model": "gpt-4o-mini"}));
    for (lines, code) in [
        (vec![], "empty_file"),
        (vec![line("a", &chat("Why?")), line("a", &chat("Why?"))], "duplicate_custom_id"),
        (vec![line("a", &chat("Why?")), line("b", &other)], "mismatched_model"),
        (vec![json!({"custom_id": "a"})], "invalid_json_line"),
    ] {
        let batch = submit(&server, &lines).await;
        let failed = look(&server, &batch).await;
        assert_eq!(
            (&failed["status"], &failed["errors"]["data"][0]["code"]),
            (&json!("failed"), &json!(code))
        );
    }
    assert_eq!(upload(&server, "assistants", "in.jsonl", "").await.status, 400);
    assert_eq!(upload(&server, "batch", "in.txt", "").await.status, 400);
    let nothing =
        json!({"input_file_id": "file-x", "endpoint": "/v1/chat/completions", "completion_window": "24h"});
    assert_eq!(call(&server, "POST", "/batches", "application/json", &nothing.to_string()).await.status, 404);
    assert_eq!(call(&server, "GET", "/batches/batch_x", "text/plain", "").await.status, 404);
}

#[tokio::test]
async fn a_batch_is_cancelled_before_it_is_done() {
    let server = FakeServer::start().await.unwrap();
    let batch = submit(&server, &[line("a", &chat("Why?"))]).await;
    let cancel = format!("/batches/{}/cancel", batch["id"].as_str().unwrap());
    assert_eq!(call(&server, "POST", &cancel, "text/plain", "").await.json()["status"], "cancelling");
    assert_eq!(look(&server, &batch).await["status"], "cancelled");
    assert_eq!(call(&server, "POST", &cancel, "text/plain", "").await.status, 409);
}
