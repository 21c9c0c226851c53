//! Fields under the names that Google's protocol buffers have, which it takes as well: its own library sends some.

use serde_json::Value;

const FIELDS: &[(&str, &str)] = &[
    ("allowed_function_names", "allowedFunctionNames"),
    ("cached_content", "cachedContent"),
    ("candidate_count", "candidateCount"),
    ("code_execution_result", "codeExecutionResult"),
    ("executable_code", "executableCode"),
    ("frequency_penalty", "frequencyPenalty"),
    ("function_call", "functionCall"),
    ("function_calling_config", "functionCallingConfig"),
    ("function_declarations", "functionDeclarations"),
    ("function_response", "functionResponse"),
    ("generate_content_request", "generateContentRequest"),
    ("generation_config", "generationConfig"),
    ("include_thoughts", "includeThoughts"),
    ("inline_data", "inlineData"),
    ("max_output_tokens", "maxOutputTokens"),
    ("mime_type", "mimeType"),
    ("output_dimensionality", "outputDimensionality"),
    ("parameters_json_schema", "parametersJsonSchema"),
    ("presence_penalty", "presencePenalty"),
    ("response_json_schema", "responseJsonSchema"),
    ("response_logprobs", "responseLogprobs"),
    ("response_mime_type", "responseMimeType"),
    ("response_schema", "responseSchema"),
    ("safety_settings", "safetySettings"),
    ("service_tier", "serviceTier"),
    ("stop_sequences", "stopSequences"),
    ("system_instruction", "systemInstruction"),
    ("task_type", "taskType"),
    ("thinking_budget", "thinkingBudget"),
    ("thinking_config", "thinkingConfig"),
    ("thinking_level", "thinkingLevel"),
    ("thought_signature", "thoughtSignature"),
    ("tool_config", "toolConfig"),
    ("top_k", "topK"),
    ("top_p", "topP"),
];

/// What these hold has names of the user's.
const USERS: [&str; 6] =
    ["args", "response", "parameters", "parametersJsonSchema", "responseJsonSchema", "responseSchema"];

/// The same body, with the names that the API's JSON has.
pub(super) fn of_json(body: &Value) -> Value {
    match body {
        Value::Object(fields) => {
            let renamed = fields.iter().map(|(name, value)| {
                let known = FIELDS.iter().find(|(proto, _)| proto == name);
                let name = known.map_or(name.as_str(), |(_, json)| json);
                let value = if USERS.contains(&name) { value.clone() } else { of_json(value) };
                (name.to_owned(), value)
            });
            Value::Object(renamed.collect())
        }
        Value::Array(values) => values.iter().map(of_json).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_of_the_users_stay() {
        let body = json!({"generation_config": {"top_p": 1, "response_json_schema": {"properties": {"top_p": {}}}},
            "contents": [{"parts": [{"function_call": {"args": {"mime_type": 1}}}]}], "max_tokens": 3});
        let wanted = json!({"generationConfig": {"topP": 1, "responseJsonSchema": {"properties": {"top_p": {}}}},
            "contents": [{"parts": [{"functionCall": {"args": {"mime_type": 1}}}]}], "max_tokens": 3});
        assert_eq!(of_json(&body), wanted);
    }
}
