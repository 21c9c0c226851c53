use crate::lines::{LARGEST, LineBuffer, is_whole};
use std::fmt;
use std::mem;

/// What an event stream brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SseItem {
    /// An event.
    Event {
        /// What its `event:` field says, `message` where it has none.
        name: String,
        /// Its `data:` fields, joined by line feeds.
        data: String,
    },
    /// A line that begins with a colon: some providers state energy in it.
    Comment(String),
}

/// An event larger than any provider's: more than 16 MiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLarge;

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an event is larger than {LARGEST} bytes")
    }
}

impl std::error::Error for TooLarge {}

/// Reads an event stream (HTML standard, section 9.2.6) from bytes as they come, without any input of its own.
///
/// Push bytes, then pull until `None`. Lines end in CRLF, LF or CR; a byte order mark at the very start is skipped;
/// `id` and `retry` are ignored; what is not UTF-8 becomes U+FFFD, as the standard says. Unlike the standard it
/// yields comments, and it yields a last event that no blank line ended if its data is whole: JSON or `[DONE]`.
/// What was cut off in the middle is dropped, so that the marker that should have come last is missed.
#[derive(Debug, Default)]
pub struct SseReader {
    lines: LineBuffer,
    started: bool,
    name: String,
    /// Of the event so far; `None` before its first `data:` field.
    data: Option<String>,
}

impl SseReader {
    /// A reader at the start of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.lines.push(bytes);
    }

    /// The next item that is complete.
    ///
    /// # Errors
    ///
    /// [`TooLarge`]: nothing that follows can be relied on.
    pub fn pull(&mut self) -> Result<Option<SseItem>, TooLarge> {
        while let Some(mut line) = self.lines.next_line() {
            if !mem::replace(&mut self.started, true) {
                line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
            }
            let item = match line {
                [] => event(&mut self.name, &mut self.data),
                line => field(line, &mut self.name, &mut self.data),
            };
            if self.data.as_ref().is_some_and(|data| data.len() > LARGEST) {
                return Err(TooLarge);
            }
            if item.is_some() {
                return Ok(item);
            }
        }
        let held = self.data.as_ref().map_or(0, String::len) + self.lines.pending();
        if held > LARGEST { Err(TooLarge) } else { Ok(None) }
    }

    /// The last event, where the stream ended without the blank line after it. Pull before it until `None`.
    pub fn finish(&mut self) -> Option<SseItem> {
        let rest = self.lines.take_rest();
        let comment = field(&rest, &mut self.name, &mut self.data);
        if comment.is_some() {
            return None;
        }
        event(&mut self.name, &mut self.data)
            .filter(|item| matches!(item, SseItem::Event { data, .. } if is_whole(data)))
    }
}

/// The event that a blank line ends. One without data is none.
fn event(name: &mut String, data: &mut Option<String>) -> Option<SseItem> {
    let name = mem::take(name);
    let data = data.take()?;
    Some(SseItem::Event { name: if name.is_empty() { "message".to_owned() } else { name }, data })
}

/// Takes one line that is not blank; a comment is an item of its own.
fn field(line: &[u8], name: &mut String, data: &mut Option<String>) -> Option<SseItem> {
    let colon = line.iter().position(|byte| *byte == b':');
    let (field, value) = match colon {
        Some(colon) => line.split_at(colon),
        None => (line, &b""[..]),
    };
    let value = value.strip_prefix(b":").unwrap_or(value);
    let value = String::from_utf8_lossy(value.strip_prefix(b" ").unwrap_or(value));
    match field {
        b"" if colon.is_some() => return Some(SseItem::Comment(value.into_owned())),
        b"data" => match data {
            Some(data) => {
                data.push('\n');
                data.push_str(&value);
            }
            None => *data = Some(value.into_owned()),
        },
        b"event" => *name = value.into_owned(),
        _ => {}
    }
    None
}
