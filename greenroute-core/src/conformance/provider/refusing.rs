use super::Subject;
use crate::chat::{Block, ChatRequest, Message, Role, Tool};
use crate::conformance::{Finding, Outcome, demand, fail, same};
use crate::error::{Error, ErrorKind};
use crate::model::ModelKey;

/// A picture of one pixel.
pub(super) const PIXEL: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// An error of this kind whether the answer is wanted whole or in pieces.
async fn refuses(subject: &Subject, what: &str, kind: &ErrorKind, request: ChatRequest) -> Outcome {
    refuses_by(subject, what, std::slice::from_ref(kind), request).await
}

/// An error of one of these kinds, the same whether the answer is wanted whole or in pieces.
pub(super) async fn refuses_by(
    subject: &Subject,
    what: &str,
    kinds: &[ErrorKind],
    request: ChatRequest,
) -> Outcome {
    let whole = match subject.chat(request.clone()).await? {
        Ok(answer) => return fail(format!("{what} was answered: {:?}", answer.blocks)),
        Err(error) => refusal(what, kinds, &error)?,
    };
    match subject.stream(request).await? {
        Ok(streamed) => fail(format!("{what} was answered with a stream: {:?}", streamed.pieces)),
        Err(error) => {
            let what = format!("{what}, streamed");
            let streamed = refusal(&what, kinds, &error)?;
            same(&format!("the kind of the error of {what}"), &whole, &streamed)
        }
    }
}

/// The kind, where it is one of these and the error says something.
fn refusal(what: &str, kinds: &[ErrorKind], error: &Error) -> Result<ErrorKind, Finding> {
    let kind = error.kind();
    demand(kinds.contains(kind), || {
        format!("the kind of the error of {what}: expected {kinds:?}, found {kind:?}")
    })?;
    let told = !error.origin().trim().is_empty() && !error.message().trim().is_empty();
    demand(told, || format!("the error of {what} says nothing: `{error}`"))?;
    Ok(kind.clone())
}

/// No messages, or no text in them, are an `InvalidRequest`.
pub async fn refuses_an_empty_prompt(subject: &Subject) -> Outcome {
    let kind = ErrorKind::InvalidRequest;
    refuses(subject, "a request without messages", &kind, subject.request(Vec::new())).await?;
    refuses(subject, "an empty prompt", &kind, subject.asking("")).await?;
    let hollow = Message { role: Role::User, blocks: Vec::new() };
    refuses(subject, "a message without blocks", &kind, subject.request(vec![hollow])).await
}

/// What does not fit the window is a `ContextOverflow`, never cut in silence.
pub async fn refuses_an_overlong_prompt(subject: &Subject) -> Outcome {
    let request = subject.asking(&subject.overlong);
    refuses(subject, "an overlong prompt", &ErrorKind::ContextOverflow, request).await
}

/// A model that it does not serve is `ModelNotFound`.
pub async fn refuses_an_unknown_model(subject: &Subject) -> Outcome {
    let model = ModelKey::new(subject.provider.name().as_str(), "no-such-model-as-this");
    let request = ChatRequest { model, ..subject.asking(&subject.prompt) };
    refuses(subject, "an unknown model", &ErrorKind::ModelNotFound, request).await
}

/// An image that the card does not accept is `Unsupported`, never left out.
pub async fn refuses_an_image_that_it_does_not_take(subject: &Subject) -> Outcome {
    if subject.card()?.accepts.images {
        return Err(Finding::DoesNotApply("the model takes images".to_owned()));
    }
    let image = Block::Image { media_type: "image/png".to_owned(), base64: PIXEL.to_owned() };
    let blocks = vec![image, Block::text("What colour is this?")];
    let request = subject.request(vec![Message { role: Role::User, blocks }]);
    refuses(subject, "an image", &ErrorKind::Unsupported, request).await
}

/// Tools that the card does not accept are `Unsupported`, never left out.
pub async fn refuses_tools_that_it_does_not_take(subject: &Subject) -> Outcome {
    if subject.card()?.accepts.tools {
        return Err(Finding::DoesNotApply("the model takes tools".to_owned()));
    }
    let tool = Tool {
        name: "weather".to_owned(),
        description: "The weather of a city.".to_owned(),
        parameters: serde_json::json!({"type": "object", "properties": {"city": {"type": "string"}}}),
    };
    let request = ChatRequest { tools: vec![tool], ..subject.asking("What is the weather in Oslo?") };
    refuses(subject, "a tool", &ErrorKind::Unsupported, request).await
}

/// A schema that the card does not accept is `Unsupported`, never left out.
pub async fn refuses_a_schema_that_it_does_not_take(subject: &Subject) -> Outcome {
    if subject.card()?.accepts.schema {
        return Err(Finding::DoesNotApply("the model takes a schema".to_owned()));
    }
    let schema = Some(serde_json::json!({"type": "object", "properties": {"city": {"type": "string"}}}));
    let request = ChatRequest { schema, ..subject.asking("Name a city.") };
    refuses(subject, "a schema", &ErrorKind::Unsupported, request).await
}

/// A refusal leaves nothing behind: the next prompt is answered as before.
pub async fn answers_after_a_refusal(subject: &Subject) -> Outcome {
    // The first answer clears away what refusals before this scenario may have left.
    subject.answer().await?;
    let before = subject.answer().await?;
    let model = ModelKey::new(subject.provider.name().as_str(), "no-such-model-as-this");
    for request in [
        subject.asking(""),
        subject.asking(&subject.overlong),
        ChatRequest { model, ..subject.asking(&subject.prompt) },
    ] {
        // Whether it refuses each is asked elsewhere.
        let _ = subject.chat(request).await?;
    }
    subject.alike("the answer after refusals", &before, &subject.answer().await?)
}
