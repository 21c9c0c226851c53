use crate::world::*;
use greenroute::chat::{Block, FinishReason, Tool};
use greenroute::{MemoryStore, ModelKey, NoteCode, Objective, Prompt};
use greenroute_testkit::Fault;

fn only(name: &str) -> Objective {
    let (provider, model) = name.split_once('/').unwrap();
    Objective { only: Some([ModelKey::new(provider, model)].into()), ..Objective::balanced() }
}

fn weather() -> Tool {
    Tool {
        name: "weather".to_owned(),
        description: "The weather of a city.".to_owned(),
        parameters: serde_json::json!({
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": false,
        }),
    }
}

#[tokio::test]
async fn a_tool_is_called_answered_and_its_result_used_by_every_vendor() {
    let server = server().await;
    for name in MODELS {
        let router = router(&server).objective(only(name)).store(MemoryStore::new()).build().unwrap();
        let id = router.start_conversation("tools").await.unwrap();
        let mut prompt = Prompt::from("What is the weather in Oslo?").conversation(id);
        prompt.tools = vec![weather()];
        let asking = router.chat(prompt.clone()).await.unwrap();
        assert_eq!(asking.finish_reason, FinishReason::ToolCalls, "{name}");
        let calls = asking.blocks.iter().filter_map(|block| match block {
            Block::ToolCall { id, name, arguments } => Some((id.clone(), name.clone(), arguments.clone())),
            _ => None,
        });
        let (call, tool, arguments) = calls.collect::<Vec<_>>().pop().unwrap();
        assert_eq!(tool, "weather");
        assert!(arguments["city"].is_string() && !call.is_empty(), "{name}: {arguments}");
        let result = Block::ToolResult { id: call, content: "drizzle at 7 degrees".into(), is_error: false };
        let reply = Prompt { text: String::new(), blocks: vec![result], ..prompt };
        let answer = router.chat(reply).await.unwrap();
        assert_eq!(answer.finish_reason, FinishReason::Stop, "{name}");
        assert!(answer.text.contains("drizzle"), "{name}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_conversation_goes_on_at_another_vendor() {
    let server = server().await;
    let [small, _, large] = MODELS;
    let mut objective = only(small);
    if let Some(only) = &mut objective.only {
        only.push(card(large, 1.0).key);
    }
    objective.prefer = vec![large.to_owned()];
    let router = router(&server).objective(objective).store(MemoryStore::new()).build().unwrap();
    let id = router.start_conversation("switch").await.unwrap();
    let mut prompt = Prompt::from("Name a river.").conversation(id);
    prompt.effort = Some(greenroute::chat::Effort::Medium);
    let first = router.chat(prompt.clone()).await.unwrap();
    assert_eq!(first.advice.model.to_string(), large);
    let opaque = first.blocks.iter().filter(|block| matches!(block, Block::Opaque { .. })).count();

    server.fault_times("anthropic", Fault::Overloaded529, 99);
    prompt.text = "Name another.".to_owned();
    let second = router.chat(prompt).await.unwrap();
    assert_eq!(second.advice.model.to_string(), small);
    assert_eq!(second.receipt.has_note(NoteCode::OpaqueDropped), opaque > 0, "{:#}", second.receipt);
    let request = server.requests().into_iter().rfind(|request| request.vendor == "openai").unwrap();
    let sent = request.body["messages"].as_array().unwrap();
    assert_eq!(sent.len(), 3, "{sent:?}");
    assert!(sent[0].to_string().contains("Name a river.") && sent[2].to_string().contains("Name another."));
}
