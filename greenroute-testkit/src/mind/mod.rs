//! What a fake model says: a function of what it is asked, the same every time, in words that are its tokens.

mod schema;

pub use schema::value_of;

use crate::asked::{AskedChat, ToolChoice, Turn};
use crate::said::{Finish, SaidCall, SaidChat, SaidUsage};
use greenroute_core::chat::Role;

/// The tokens of a text: its words.
#[must_use]
pub fn count_words(text: &str) -> u64 {
    let words = text.split_whitespace().count();
    u64::try_from(words).unwrap_or(u64::MAX)
}

/// What an image and a tool cost, and what the form of a turn does.
const IMAGE: u64 = 64;
const TOOL: u64 = 8;
const TURN: u64 = 2;

impl AskedChat {
    /// The prompt's tokens: its words, 2 for a turn, 64 for an image and 8 for a tool.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        let turn = |turn: &Turn| {
            let inner = turn.calls.iter().chain(&turn.results).map(|text| count_words(text));
            TURN + count_words(&turn.text) + IMAGE * turn.images + inner.sum::<u64>()
        };
        let tools = self.tools.iter().map(|tool| TOOL + count_words(&tool.schema.to_string()));
        count_words(&self.system) + self.turns.iter().map(turn).sum::<u64>() + tools.sum::<u64>()
    }

    /// What it comes down to: the last text of the user.
    fn question(&self) -> &str {
        let users = self.turns.iter().rev().filter(|turn| turn.role == Role::User);
        users.map(|turn| turn.text.as_str()).find(|text| !text.is_empty()).unwrap_or_default()
    }

    fn results(&self) -> &[String] {
        self.turns.last().map_or(&[], |turn| &turn.results)
    }
}

/// The answer to a prompt.
///
/// With tools that it may use and no result of one yet, it asks for the first (for each, if the question has the word
/// `all`), with arguments made from its schema. With a schema, it answers with JSON that satisfies it. Otherwise it
/// quotes the question, or the tool's result, and counts from a number that follows from the length of the prompt.
/// It ends before a stop text and at the most tokens that are allowed; thinking comes first and takes its share.
#[must_use]
pub fn say(asked: &AskedChat) -> SaidChat {
    let input = asked.tokens();
    let room = asked.max_tokens.unwrap_or(u64::MAX);
    let thought = asked.thinking.then(|| format!("The prompt has {input} words, so I count on from there."));
    let (reasoning, whole) = thought.map_or((None, true), |thought| {
        let (cut, whole) = first_words(&thought, room);
        (Some(cut.to_owned()), whole)
    });
    let reasoned = reasoning.as_deref().map_or(0, count_words);
    let usage = |output| SaidUsage {
        input,
        cached: asked.cached.min(input),
        output: reasoned.saturating_add(output),
        reasoning: reasoned,
    };
    let calls = if whole { calls(asked) } else { Vec::new() };
    if !calls.is_empty() {
        let output = calls.iter().map(|call| 1 + count_words(&call.arguments.to_string())).sum();
        return SaidChat {
            text: String::new(),
            reasoning,
            calls,
            finish: Finish::Calls,
            usage: usage(output),
            number: 0,
        };
    }
    let text = match &asked.schema {
        Some(schema) => value_of(schema).to_string(),
        None => prose(asked, input),
    };
    let stop = asked.stop.iter().filter(|stop| !stop.is_empty());
    let stop = stop.filter_map(|stop| text.find(stop.as_str()).map(|at| (at, stop))).min();
    let until = stop.and_then(|(at, _)| text.get(..at)).unwrap_or(&text);
    let (text, whole) = first_words(until, room.saturating_sub(reasoned));
    let finish = match stop {
        _ if !whole => Finish::Length,
        Some((_, stop)) => Finish::StopText(stop.clone()),
        None => Finish::Stop,
    };
    let text = text.to_owned();
    let output = count_words(&text);
    SaidChat { text, reasoning, calls, finish, usage: usage(output), number: 0 }
}

/// The vector of a text, of length 1: texts that share words lie near each other. 16 numbers, unless another number is
/// asked for.
pub(crate) fn vector_of(text: &str, dimensions: Option<u64>) -> Vec<f64> {
    let dimensions =
        dimensions.and_then(|dimensions| usize::try_from(dimensions).ok()).unwrap_or(16).clamp(1, 1 << 16);
    let mut vector = vec![0.001; dimensions];
    for word in text.split_whitespace() {
        let mut dice = hash(&word.to_lowercase());
        for number in &mut vector {
            dice = dice.wrapping_mul(0x0019_660D).wrapping_add(0x3C6E_F35F);
            *number += f64::from(dice >> 16) / 32_768.0 - 1.0;
        }
    }
    let length = vector.iter().map(|number| number * number).sum::<f64>().sqrt();
    vector.iter().map(|number| number / length).collect()
}

fn calls(asked: &AskedChat) -> Vec<SaidCall> {
    if asked.tool_choice == ToolChoice::None || !asked.results().is_empty() {
        return Vec::new();
    }
    let question = asked.question();
    let wanted = match &asked.tool_choice {
        ToolChoice::One(name) => asked.tools.iter().filter(|tool| tool.name == *name).collect(),
        _ if question.split_whitespace().any(|word| word == "all") => asked.tools.iter().collect(),
        _ => asked.tools.first().into_iter().collect::<Vec<_>>(),
    };
    let call = |(place, tool): (usize, &crate::AskedTool)| SaidCall {
        id: format!("{:08x}{place}", hash(&format!("{question}/{}", tool.name))),
        name: tool.name.clone(),
        arguments: value_of(&tool.schema),
    };
    wanted.into_iter().enumerate().map(call).collect()
}

fn prose(asked: &AskedChat, input: u64) -> String {
    let quoted = match asked.results() {
        [] => format!("You asked “{}”", excerpt(asked.question())),
        results => format!("The tool gave “{}”", excerpt(&results.join(" and "))),
    };
    let from = 1 + input % 20;
    let counted: Vec<String> = (from..from + 24).map(number).collect();
    format!("{quoted}, so I count: {}.", counted.join(", "))
}

/// The beginning of a text, of at most 96 characters.
fn excerpt(text: &str) -> &str {
    let end = text.char_indices().nth(96).map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or(text)
}

/// The first words of a text, and whether these are all.
fn first_words(text: &str, most: u64) -> (&str, bool) {
    let (mut end, mut words) = (0, 0);
    for piece in text.split_inclusive(char::is_whitespace) {
        if !piece.trim().is_empty() {
            if words == most {
                return (text.get(..end).unwrap_or(text).trim_end(), false);
            }
            words += 1;
        }
        end += piece.len();
    }
    (text, true)
}

/// Below a hundred.
fn number(number: u64) -> String {
    const SMALL: [&str; 20] = [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
    ];
    const TENS: [&str; 10] =
        ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
    let pick = |words: &[&'static str], at: u64| {
        usize::try_from(at).ok().and_then(|at| words.get(at).copied()).unwrap_or("many")
    };
    match (number / 10, number % 10) {
        (0 | 1, _) => pick(&SMALL, number).to_owned(),
        (tens, 0) => pick(&TENS, tens).to_owned(),
        (tens, ones) => format!("{}-{}", pick(&TENS, tens), pick(&SMALL, ones)),
    }
}

/// FNV-1a, 32 bits.
fn hash(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AskedTool;
    use serde_json::json;

    fn asked(text: &str) -> AskedChat {
        AskedChat {
            turns: vec![Turn { text: text.to_owned(), ..Turn::new(Role::User) }],
            ..AskedChat::default()
        }
    }

    #[test]
    fn the_same_prompt_gets_the_same_dozen_words() {
        let said = say(&asked("Why is the sky blue?"));
        assert_eq!(said, say(&asked("Why is the sky blue?")));
        assert_ne!(said.text, say(&asked("Why is the grass so green?")).text);
        assert_eq!(said.text.split(':').next(), Some("You asked “Why is the sky blue?”, so I count"));
        assert!(said.usage.output > 12 && said.finish == Finish::Stop);
        assert_eq!(said.pieces().collect::<String>(), said.text);
    }

    #[test]
    fn an_answer_is_cut_at_the_limit_and_before_a_stop_text() {
        let whole = say(&asked("Why?")).text;
        let cut = say(&AskedChat { max_tokens: Some(3), ..asked("Why?") });
        assert_eq!(
            (cut.text.as_str(), cut.finish, cut.usage.output),
            ("You asked “Why?”,", Finish::Length, 3)
        );
        let stopped = say(&AskedChat { stop: vec!["zzz".to_owned(), "count".to_owned()], ..asked("Why?") });
        assert_eq!(stopped.text, whole.split("count").next().unwrap());
        assert_eq!(stopped.finish, Finish::StopText("count".to_owned()));
    }

    #[test]
    fn thinking_takes_the_tokens_first() {
        let said = say(&AskedChat { thinking: true, max_tokens: Some(4), ..asked("Why?") });
        assert_eq!((said.text.as_str(), said.finish), ("", Finish::Length));
        assert_eq!((said.usage.reasoning, said.usage.output), (4, 4));
    }

    #[test]
    fn a_tool_is_asked_for_once_and_its_result_cited() {
        let tool = |name: &str| AskedTool {
            name: name.to_owned(),
            schema: json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}),
        };
        let mut asked =
            AskedChat { tools: vec![tool("weather"), tool("time")], ..asked("How is it in Oslo?") };
        let said = say(&asked);
        assert_eq!(said.finish, Finish::Calls);
        assert_eq!((said.calls.len(), said.calls[0].name.as_str()), (1, "weather"));
        assert_eq!(said.calls[0].arguments, json!({"city": "Oslo"}));
        asked.tool_choice = ToolChoice::One("time".to_owned());
        assert_eq!(say(&asked).calls[0].name, "time");
        asked.tool_choice = ToolChoice::None;
        assert!(say(&asked).calls.is_empty());
        asked.tool_choice = ToolChoice::Auto;
        asked.turns.push(Turn { results: vec!["rain".to_owned()], ..Turn::new(Role::User) });
        assert!(say(&asked).text.starts_with("The tool gave “rain”"));
        asked.turns.pop();
        asked.turns[0].text = "Use all tools.".to_owned();
        let ids: std::collections::BTreeSet<String> =
            say(&asked).calls.into_iter().map(|call| call.id).collect();
        assert_eq!(ids.len(), 2);
    }

    #[test]
    fn numbers_are_english() {
        assert_eq!([7, 13, 20, 45].map(number), ["seven", "thirteen", "twenty", "forty-five"]);
    }
}
