use super::refusing::refuses_by;
use super::{Subject, form};
use crate::chat::{ChatRequest, FinishReason, Message, Role};
use crate::conformance::{Outcome, demand, fail, same};
use crate::error::ErrorKind;
use serde_json::{Value, json};

fn city() -> Value {
    json!({
        "type": "object",
        "properties": {"name": {"type": "string"}, "inhabitants": {"type": "integer"}},
        "required": ["name", "inhabitants"],
        "additionalProperties": false
    })
}

fn asking(subject: &Subject, schema: &Value) -> ChatRequest {
    let text = "Describe a city of your choice as JSON.";
    ChatRequest { schema: Some(schema.clone()), ..subject.roomy(vec![Message::text(Role::User, text)]) }
}

/// With a schema, the text of the answer is JSON of that form and nothing else.
pub async fn answers_in_the_form_of_a_schema(subject: &Subject) -> Outcome {
    subject.takes(|accepts| accepts.schema, "schema")?;
    let answer = subject.chat(asking(subject, &city())).await??;
    form::reads_as(&city(), &answer.text())?;
    same("the reason to stop", &FinishReason::Stop, &answer.finish_reason)
}

/// So it is with lists, choices and objects in objects.
pub async fn answers_in_a_nested_form(subject: &Subject) -> Outcome {
    subject.takes(|accepts| accepts.schema, "schema")?;
    let schema = json!({
        "type": "object",
        "properties": {
            "capital": city(),
            "continent": {"type": "string", "enum": ["Africa", "America", "Asia", "Europe", "Oceania"]},
            "others": {"type": "array", "items": city()},
            "coastal": {"type": "boolean"}
        },
        "required": ["capital", "continent", "others", "coastal"],
        "additionalProperties": false
    });
    let answer = subject.chat(asking(subject, &schema)).await??;
    form::reads_as(&schema, &answer.text())
}

/// The pieces of a stream join to JSON of that form.
pub async fn streams_the_form_of_a_schema(subject: &Subject) -> Outcome {
    subject.takes(|accepts| accepts.schema, "schema")?;
    let whole = subject.chat(asking(subject, &city())).await??;
    let streamed = subject.stream(asking(subject, &city())).await??;
    form::reads_as(&city(), &streamed.pieces.concat())?;
    same("the pieces joined", &streamed.done.text(), &streamed.pieces.concat())?;
    subject.alike("the streamed answer", &whole, &streamed.done)
}

/// What was cut at the limit is not passed off as whole: it says `Length`, or is a `ModelFault`.
pub async fn says_that_a_form_was_cut(subject: &Subject) -> Outcome {
    subject.takes(|accepts| accepts.schema, "schema")?;
    let request = ChatRequest { max_output_tokens: Some(1), ..asking(subject, &city()) };
    match subject.chat(request).await? {
        Ok(answer) if answer.finish_reason == FinishReason::Length => Ok(()),
        Ok(answer) => {
            let (text, reason) = (answer.text(), &answer.finish_reason);
            demand(form::reads_as(&city(), &text).is_ok(), || {
                format!("`{text}` is no whole form, and stopped for {reason:?}")
            })
        }
        Err(error) if *error.kind() == ErrorKind::ModelFault => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// What is no schema at all is an `InvalidRequest` or `Unsupported`.
pub async fn refuses_a_schema_that_is_none(subject: &Subject) -> Outcome {
    subject.takes(|accepts| accepts.schema, "schema")?;
    let kinds = [ErrorKind::InvalidRequest, ErrorKind::Unsupported];
    for schema in [json!("a city"), json!(7), json!([])] {
        refuses_by(subject, &format!("the schema {schema}"), &kinds, asking(subject, &schema)).await?;
    }
    Ok(())
}

/// The last message is answered by the schema, whatever was said before without one.
pub async fn keeps_to_a_schema_late_in_a_conversation(subject: &Subject) -> Outcome {
    subject.takes(|accepts| accepts.schema, "schema")?;
    let mut request = asking(subject, &city());
    let before = [
        Message::text(Role::System, "You know every city."),
        Message::text(Role::User, "Name a river."),
        Message::text(Role::Assistant, "The Rhine."),
    ];
    request.messages.splice(0..0, before);
    let text = subject.chat(request).await??.text();
    if text.trim().is_empty() { fail("no text came") } else { form::reads_as(&city(), &text) }
}
