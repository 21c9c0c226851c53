use super::{Streamed, Subject, form};
use crate::chat::{Block, ChatRequest, ChatResponse, FinishReason, Message, Role, Tool, ToolChoice};
use crate::conformance::{Finding, Outcome, demand, fail, same};
use crate::error::ErrorKind;
use serde_json::{Value, json};

/// A word that no model says by itself.
const OMEN: &str = "zephyrine";

fn tool(name: &str, description: &str, parameters: Value) -> Tool {
    Tool { name: name.to_owned(), description: description.to_owned(), parameters }
}

fn weather() -> Tool {
    let parameters = json!({
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "The city's English name."},
            "days": {"type": "integer", "description": "For how many days."}
        },
        "required": ["city", "days"],
        "additionalProperties": false
    });
    tool("weather", "The weather of a city in the next days.", parameters)
}

fn clock() -> Tool {
    let parameters = json!({
        "type": "object",
        "properties": {"zone": {"type": "string", "description": "An IANA time zone."}},
        "required": ["zone"],
        "additionalProperties": false
    });
    tool("clock", "The time of day in a zone.", parameters)
}

fn asking(subject: &Subject, tools: Vec<Tool>, tool_choice: ToolChoice) -> ChatRequest {
    let text = "What will the weather be in Oslo over the next three days, and what time is it there?";
    ChatRequest { tools, tool_choice, ..subject.roomy(vec![Message::text(Role::User, text)]) }
}

/// The answer to a request with these tools that must call one, or likely does where the model cannot be made to.
async fn calling(subject: &Subject, tools: Vec<Tool>) -> Result<ChatResponse, Finding> {
    match subject.chat(asking(subject, tools.clone(), ToolChoice::Any)).await? {
        Err(error) if *error.kind() == ErrorKind::Unsupported => {
            Ok(subject.chat(asking(subject, tools, ToolChoice::Auto)).await??)
        }
        answer => Ok(answer?),
    }
}

/// The same in a stream.
async fn streaming(subject: &Subject, tools: Vec<Tool>) -> Result<Streamed, Finding> {
    match subject.stream(asking(subject, tools.clone(), ToolChoice::Any)).await? {
        Err(error) if *error.kind() == ErrorKind::Unsupported => {
            Ok(subject.stream(asking(subject, tools, ToolChoice::Auto)).await??)
        }
        streamed => Ok(streamed?),
    }
}

/// The id, name and arguments of each call.
fn calls(blocks: &[Block]) -> Vec<(&str, &str, &Value)> {
    let calls = blocks.iter().filter_map(|block| match block {
        Block::ToolCall { id, name, arguments } => Some((id.as_str(), name.as_str(), arguments)),
        _ => None,
    });
    calls.collect()
}

fn names(answer: &ChatResponse) -> Vec<&str> {
    calls(&answer.blocks).into_iter().map(|(_, name, _)| name).collect()
}

/// Calls of `only` alone, with arguments by its schema, and the reason to stop that goes with them.
fn called(answer: &ChatResponse, only: &Tool) -> Outcome {
    let calls = calls(&answer.blocks);
    demand(!calls.is_empty(), || format!("no tool was called: {:?}", answer.blocks))?;
    for (_, name, arguments) in calls {
        same("the tool called", &only.name.as_str(), &name)?;
        form::fits(&only.parameters, arguments)?;
    }
    same("the reason to stop", &FinishReason::ToolCalls, &answer.finish_reason)
}

fn call(id: &str, tool: &Tool, arguments: Value) -> Block {
    Block::ToolCall { id: id.to_owned(), name: tool.name.clone(), arguments }
}

fn result(id: &str, content: &str, is_error: bool) -> Block {
    Block::ToolResult { id: id.to_owned(), content: content.to_owned(), is_error }
}

/// What is said after these calls and their results.
fn after(subject: &Subject, called: Vec<Block>, results: Vec<Block>) -> ChatRequest {
    let mut request = asking(subject, vec![weather(), clock()], ToolChoice::Auto);
    request.messages.push(Message { role: Role::Assistant, blocks: called });
    request.messages.push(Message { role: Role::User, blocks: results });
    request
}

/// Where it must call a tool, any or the one that is named, it does, with arguments by that tool's schema.
pub async fn calls_the_tool_that_it_must(subject: &Subject) -> Outcome {
    subject.takes(|accepts| accepts.tools, "tools")?;
    let (weather, clock) = (weather(), clock());
    match subject.chat(asking(subject, vec![weather.clone()], ToolChoice::Any)).await? {
        Err(error) if *error.kind() == ErrorKind::Unsupported => {
            return Err(Finding::DoesNotApply(format!("the model cannot be made to: {error}")));
        }
        any => called(&any?, &weather)?,
    }
    let one = ToolChoice::One(clock.name.clone());
    let one = subject.chat(asking(subject, vec![weather, clock.clone()], one)).await??;
    called(&one, &clock)
}

/// Every call has an id, which no other call of the answer has: made up where the vendor gives none.
pub async fn gives_every_call_its_id(subject: &Subject) -> Outcome {
    subject.takes(|accepts| accepts.tools, "tools")?;
    let answer = calling(subject, vec![weather(), clock()]).await?;
    let ids: Vec<&str> = calls(&answer.blocks).into_iter().map(|(id, ..)| id).collect();
    demand(!ids.is_empty(), || format!("no tool was called: {:?}", answer.blocks))?;
    for (index, id) in ids.iter().enumerate() {
        demand(!id.trim().is_empty(), || "a call has no id".to_owned())?;
        demand(!ids.iter().skip(index + 1).any(|other| other == id), || format!("two calls are `{id}`"))?;
    }
    Ok(())
}

/// Arguments of every type, nested and in lists, come as JSON of that form, not as text.
pub async fn fills_in_nested_arguments(subject: &Subject) -> Outcome {
    subject.takes(|accepts| accepts.tools, "tools")?;
    let guest = json!({
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
        "required": ["name", "age"],
        "additionalProperties": false
    });
    let parameters = json!({
        "type": "object",
        "properties": {
            "guests": {"type": "array", "items": guest},
            "room": {"type": "string", "enum": ["single", "double"]},
            "budget": {"type": "number"},
            "breakfast": {"type": "boolean"}
        },
        "required": ["guests", "room", "budget", "breakfast"],
        "additionalProperties": false
    });
    let booking = tool("book_hotel", "Books a room in a hotel.", parameters);
    let text = "Book a double room with breakfast for Ada, 36, and Alan, 41, for 120.50 at the most.";
    let asked = subject.roomy(vec![Message::text(Role::User, text)]);
    let request = ChatRequest { tools: vec![booking.clone()], ..asked };
    called(&subject.chat(request).await??, &booking)
}

/// A tool without parameters is called with `{}`, not with nothing.
pub async fn calls_a_tool_without_parameters(subject: &Subject) -> Outcome {
    subject.takes(|accepts| accepts.tools, "tools")?;
    let parameters = json!({"type": "object", "properties": {}, "additionalProperties": false});
    let dice = tool("roll_dice", "Rolls a die with six sides.", parameters);
    called(&calling(subject, vec![dice.clone()]).await?, &dice)?;
    called(&streaming(subject, vec![dice.clone()]).await?.done, &dice)
}

/// Where it must not call a tool it says something instead, although the tools are shown to it.
pub async fn calls_no_tool_where_it_must_not(subject: &Subject) -> Outcome {
    subject.takes(|accepts| accepts.tools, "tools")?;
    let answer = subject.chat(asking(subject, vec![weather(), clock()], ToolChoice::Never)).await??;
    same("the calls", &Vec::<&str>::new(), &names(&answer))?;
    subject.spoke(&answer)
}

/// A tool that is not among those given is never called: to ask for it is an `InvalidRequest` or `Unsupported`, or
/// gets an answer without it.
pub async fn calls_no_tool_that_was_not_given(subject: &Subject) -> Outcome {
    subject.takes(|accepts| accepts.tools, "tools")?;
    let auto = subject.chat(asking(subject, vec![weather()], ToolChoice::Auto)).await??;
    let known = names(&auto).iter().all(|name| *name == "weather");
    demand(known, || format!("{:?} were called where `weather` was given", names(&auto)))?;
    let absent = ToolChoice::One("no_such_tool".to_owned());
    match subject.chat(asking(subject, vec![weather()], absent)).await? {
        Ok(answer) => demand(!names(&answer).contains(&"no_such_tool"), || {
            "`no_such_tool` was called, and is none of the tools".to_owned()
        }),
        Err(error) if matches!(error.kind(), ErrorKind::InvalidRequest | ErrorKind::Unsupported) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// A stream ends in the same calls as a whole answer, and none of them is told as text.
pub async fn streams_its_calls(subject: &Subject) -> Outcome {
    subject.takes(|accepts| accepts.tools, "tools")?;
    let whole = calling(subject, vec![weather()]).await?;
    let streamed = streaming(subject, vec![weather()]).await?;
    called(&streamed.done, &weather())?;
    same("the pieces joined", &streamed.done.text(), &streamed.pieces.concat())?;
    if subject.repeatable {
        let bare = |answer: &ChatResponse| -> Vec<(String, Value)> {
            let calls = calls(&answer.blocks).into_iter();
            calls.map(|(_, name, arguments)| (name.to_owned(), arguments.clone())).collect()
        };
        same("the streamed calls", &bare(&whole), &bare(&streamed.done))?;
        same("the text beside them", &whole.text(), &streamed.done.text())?;
    }
    Ok(())
}

/// After the result of its own call it goes on with an answer that knows of the result, whole and in pieces.
pub async fn goes_on_after_the_result_of_a_tool(subject: &Subject) -> Outcome {
    subject.takes(|accepts| accepts.tools, "tools")?;
    let first = calling(subject, vec![weather(), clock()]).await?;
    let content = format!("The wind in Oslo is called {OMEN} today. Name it in your answer.");
    let results = calls(&first.blocks).into_iter().map(|(id, ..)| result(id, &content, false)).collect();
    let request = after(subject, first.blocks.clone(), results);
    for answer in [subject.chat(request.clone()).await??, subject.stream(request).await??.done] {
        subject.spoke(&answer)?;
        let text = answer.text();
        demand(text.contains(OMEN), || format!("the result is not in the answer: `{text}`"))?;
    }
    Ok(())
}

/// The failure of a tool is something to go on from, not an error.
pub async fn goes_on_after_the_failure_of_a_tool(subject: &Subject) -> Outcome {
    subject.takes(|accepts| accepts.tools, "tools")?;
    let called = vec![call("call_1", &weather(), json!({"city": "Oslo", "days": 3}))];
    let results = vec![result("call_1", "the weather service is down", true)];
    subject.spoke(&subject.chat(after(subject, called, results)).await??)
}

/// Two calls of one answer and their two results, in whichever order, are gone on from.
pub async fn takes_two_results_at_once(subject: &Subject) -> Outcome {
    subject.takes(|accepts| accepts.tools, "tools")?;
    let called = || {
        let one = call("call_1", &weather(), json!({"city": "Oslo", "days": 3}));
        vec![Block::text("I will look."), one, call("call_2", &clock(), json!({"zone": "Europe/Oslo"}))]
    };
    let results = || vec![result("call_1", "Sunny.", false), result("call_2", "Ten o'clock.", false)];
    let turned = || results().into_iter().rev().collect();
    subject.spoke(&subject.chat(after(subject, called(), results())).await??)?;
    subject.spoke(&subject.chat(after(subject, called(), turned())).await??)
}

/// Calls that another vendor's model made are replayed, whatever their ids look like: a conversation may change its
/// model.
pub async fn takes_the_calls_of_other_models(subject: &Subject) -> Outcome {
    subject.takes(|accepts| accepts.tools, "tools")?;
    for id in ["call_9f3bX", "toolu_01A09q90qw90lq917835lq9", "functions.weather:0", "D681PevKs"] {
        let called = vec![call(id, &weather(), json!({"city": "Oslo", "days": 3}))];
        let mut request = after(subject, called, vec![result(id, "Sunny.", false)]);
        request.messages.push(Message::text(Role::Assistant, "It will be sunny."));
        request.messages.push(Message::text(Role::User, subject.prompt.as_str()));
        let answer = ChatRequest { tool_choice: ToolChoice::Never, ..request };
        match subject.chat(answer).await? {
            Ok(answer) => subject.spoke(&answer)?,
            Err(error) => return fail(format!("a call of id `{id}` was refused: {error}")),
        }
    }
    Ok(())
}
