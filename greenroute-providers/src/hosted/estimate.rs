//! Tokens that no provider counted, by the length of the texts.

use greenroute_core::chat::{Block, ChatRequest};
use greenroute_core::profile::estimate_tokens;
use greenroute_core::units::Tokens;

/// What a request gives to read: its texts, calls, results and tools. What images take nobody can tell from here.
pub(crate) fn input(request: &ChatRequest) -> Tokens {
    let blocks = request.messages.iter().flat_map(|message| &message.blocks).map(|block| match block {
        Block::Text { text } | Block::ToolResult { content: text, .. } => output([text.as_str()]),
        Block::ToolCall { name, arguments, .. } => output([name.as_str(), &arguments.to_string()]),
        _ => Tokens::ZERO,
    });
    let tools = request
        .tools
        .iter()
        .map(|tool| output([tool.name.as_str(), tool.description.as_str(), &tool.parameters.to_string()]));
    blocks.chain(tools).sum()
}

/// What texts take.
pub(crate) fn output<'a>(said: impl IntoIterator<Item = &'a str>) -> Tokens {
    said.into_iter().map(|text| estimate_tokens(text).value()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroute_core::ModelKey;
    use greenroute_core::chat::{Message, Role, Tool};
    use serde_json::json;

    #[test]
    fn all_that_is_read_counts() {
        let call =
            Block::ToolCall { id: "1".into(), name: "weather".into(), arguments: json!({"city": "Oslo"}) };
        let result = Block::ToolResult { id: "1".into(), content: "rain all day".into(), is_error: false };
        let tool = Tool {
            name: "weather".into(),
            description: "Of a city.".into(),
            parameters: json!({"type": "object", "properties": {"city": {"type": "string"}}}),
        };
        let mut request =
            ChatRequest::new(ModelKey::new("p", "m"), vec![Message::text(Role::User, "How is it?")]);
        let mut read = input(&request);
        assert!(read > Tokens::ZERO);
        for block in [call, result] {
            request.messages.push(Message { role: Role::User, blocks: vec![block] });
            assert!(input(&request) > read);
            read = input(&request);
        }
        request.tools.push(tool);
        assert!(input(&request) > read);
        assert_eq!(output([]), Tokens::ZERO);
    }
}
