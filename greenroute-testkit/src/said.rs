use serde_json::Value;

/// What the mind says to a prompt, before a vendor gives it its form.
#[derive(Debug, Clone, PartialEq)]
pub struct SaidChat {
    /// The answer. Empty where it is a call of a tool, or where thinking took all tokens.
    pub text: String,
    /// What it thought before.
    pub reasoning: Option<String>,
    /// The tools that it asks for.
    pub calls: Vec<SaidCall>,
    /// Why it ended.
    pub finish: Finish,
    /// What it used.
    pub usage: SaidUsage,
    /// Which answer of this server it is: what ids are made of. The mind itself does not count.
    pub number: u64,
}

impl SaidChat {
    /// The text in the pieces of a stream: word by word, the space after each included. Together they are the text,
    /// and none is empty.
    pub fn pieces(&self) -> impl Iterator<Item = &str> {
        self.text.split_inclusive(char::is_whitespace)
    }
}

/// A call of a tool.
#[derive(Debug, Clone, PartialEq)]
pub struct SaidCall {
    /// The same for the same prompt, such as `1a2b3c4d`: letters and digits. Vendors put their own prefix before it.
    pub id: String,
    /// The tool.
    pub name: String,
    /// Its arguments: an object.
    pub arguments: Value,
}

/// Why an answer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finish {
    /// It was done.
    Stop,
    /// The next text would have been this stop text.
    StopText(String),
    /// It had as many tokens as were allowed.
    Length,
    /// It asks for tools.
    Calls,
}

/// How many tokens, which are words here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SaidUsage {
    /// The prompt, with what was cached.
    pub input: u64,
    /// Of these, read from a cache.
    pub cached: u64,
    /// The answer, with its reasoning.
    pub output: u64,
    /// Of these, reasoning.
    pub reasoning: u64,
}
