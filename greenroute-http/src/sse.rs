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
        while let Some(line) = self.lines.next_line() {
            let item = match unmarked(line, &mut self.started) {
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
        // A comment that was cut off here is of no use to anybody.
        field(unmarked(&rest, &mut self.started), &mut self.name, &mut self.data);
        event(&mut self.name, &mut self.data)
            .filter(|item| matches!(item, SseItem::Event { data, .. } if is_whole(data)))
    }
}

/// The line without the byte order mark that may stand before the first.
fn unmarked<'a>(line: &'a [u8], started: &mut bool) -> &'a [u8] {
    let first = !mem::replace(started, true);
    line.strip_prefix(b"\xEF\xBB\xBF").filter(|_| first).unwrap_or(line)
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn event(name: &str, data: &str) -> SseItem {
        SseItem::Event { name: name.to_owned(), data: data.to_owned() }
    }

    fn message(data: &str) -> SseItem {
        event("message", data)
    }

    fn comment(text: &str) -> SseItem {
        SseItem::Comment(text.to_owned())
    }

    /// Everything that the reader makes of these chunks.
    fn read<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<SseItem> {
        let mut reader = SseReader::new();
        let mut items = Vec::new();
        for chunk in chunks {
            reader.push(chunk);
            while let Some(item) = reader.pull().unwrap() {
                items.push(item);
            }
        }
        items.extend(reader.finish());
        items
    }

    fn read_whole(text: &str) -> Vec<SseItem> {
        read([text.as_bytes()])
    }

    /// The standard's words done the slow way, with all the bytes at hand.
    fn reference(bytes: &[u8]) -> Vec<SseItem> {
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n").replace('\r', "\n");
        let mut items = Vec::new();
        let (mut name, mut data) = (String::new(), Vec::<String>::new());
        let mut lines: Vec<&str> = text.split('\n').collect();
        let rest = lines.pop().unwrap();
        for (line, ended) in lines.into_iter().map(|line| (line, true)).chain([(rest, false), ("", false)]) {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            if line.is_empty() {
                let data = mem::take(&mut data);
                let name = mem::take(&mut name);
                let joined = data.join("\n");
                if !data.is_empty() && (ended || is_whole(&joined)) {
                    items.push(event(if name.is_empty() { "message" } else { &name }, &joined));
                }
            } else if line.starts_with(':') {
                items.extend(ended.then(|| comment(value)));
            } else if field == "data" {
                data.push(value.to_owned());
            } else if field == "event" {
                value.clone_into(&mut name);
            }
        }
        items
    }

    #[test]
    fn fields_make_events_as_the_standard_says() {
        assert_eq!(read_whole("data: YHOO\ndata: +2\ndata: 10\n\n"), [message("YHOO\n+2\n10")]);
        let stream =
            ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n";
        let expected = [
            comment("test stream"),
            message("first event"),
            message("second event"),
            message(" third event"),
        ];
        assert_eq!(read_whole(stream), expected);
        assert_eq!(read_whole("data\n\ndata\ndata\n\ndata:"), [message(""), message("\n")]);
        assert_eq!(read_whole("data:test\n\ndata: test\n\n"), [message("test"), message("test")]);
    }

    #[test]
    fn a_name_lasts_for_one_event() {
        let stream = "event: ping\n\nevent: a\nevent: b\ndata: 1\n\ndata: 2\n\nretry: 5\ndatum: 3\n\n";
        assert_eq!(read_whole(stream), [event("b", "1"), message("2")]);
    }

    #[test]
    fn lines_end_in_three_ways() {
        let expected = [message("a\nb"), message("c")];
        assert_eq!(read_whole("data: a\ndata: b\n\ndata: c\n\n"), expected);
        assert_eq!(read_whole("data: a\r\ndata: b\r\n\r\ndata: c\r\n\r\n"), expected);
        assert_eq!(read_whole("data: a\rdata: b\r\rdata: c\r\r"), expected);
        assert_eq!(
            read(["data: a\r", "\ndata: b\r", "\n\r", "\ndata: c\r\n\r"].map(str::as_bytes)),
            expected
        );
    }

    #[test]
    fn an_event_does_not_wait_for_the_line_feed_after_its_carriage_return() {
        let mut reader = SseReader::new();
        reader.push(b"data: a\r\n\r");
        assert_eq!(reader.pull(), Ok(Some(message("a"))));
        reader.push(b"\n");
        assert_eq!(reader.pull(), Ok(None));
        assert_eq!(reader.finish(), None);
    }

    #[test]
    fn a_byte_order_mark_is_skipped_at_the_start_alone() {
        assert_eq!(read_whole("\u{feff}data: 1\n\n\u{feff}data: 2\n\n"), [message("1")]);
        assert_eq!(read(["\u{feff}data: 1".as_bytes()]), [message("1")]);
        assert_eq!(read([b"\xEF".as_slice(), b"\xBB", b"\xBFdata: 1\n\n"]), [message("1")]);
    }

    #[test]
    fn a_split_code_point_is_joined_and_a_broken_one_replaced() {
        assert_eq!(read([b"data: gr\xC3".as_slice(), b"\xBCn\n\n"]), [message("grün")]);
        assert_eq!(read([b"data: gr\xC3n\n\n".as_slice()]), [message("gr\u{fffd}n")]);
    }

    #[test]
    fn comments_come_at_once_even_within_an_event() {
        assert_eq!(
            read_whole("data: 1\n: ping\ndata: 2\n\n:\n"),
            [comment("ping"), message("1\n2"), comment("")]
        );
    }

    #[test]
    fn a_last_event_without_its_blank_line_counts_if_it_is_whole() {
        assert_eq!(read_whole("data: {\"a\":1}\n"), [message("{\"a\":1}")]);
        assert_eq!(read_whole("data: {\"a\":1}"), [message("{\"a\":1}")]);
        assert_eq!(read_whole("event: done\ndata: [DONE]"), [event("done", "[DONE]")]);
        for cut in ["data: {\"a\":", "data: [DON", "data: ", "data", ": ping", "event: a", ""] {
            assert_eq!(read_whole(cut), [], "{cut}");
        }
    }

    #[test]
    fn an_event_is_bounded_however_it_grows() {
        let mebibyte = vec![b'x'; 1024 * 1024];
        let grown = |start: &[u8], end: &[u8]| {
            let mut reader = SseReader::new();
            for pushed in 0..40 {
                reader.push(start);
                reader.push(&mebibyte);
                reader.push(end);
                if reader.pull() == Err(TooLarge) {
                    return Some(pushed);
                }
            }
            None
        };
        assert_eq!(grown(b"", b""), Some(16), "one line");
        assert_eq!(grown(b"data: ", b"\n"), Some(15), "many lines of one event");
        assert_eq!(grown(b"data: ", b"\n\n"), None, "many events");
    }

    #[test]
    fn a_long_line_in_small_pieces_takes_time_in_proportion() {
        // If every piece had the reader search the line anew, this would take minutes.
        let mut reader = SseReader::new();
        for _ in 0..40_000 {
            reader.push(&[b'x'; 100]);
            assert_eq!(reader.pull(), Ok(None));
        }
    }

    fn streams() -> impl Strategy<Value = Vec<u8>> {
        let pieces = prop::sample::select(vec![
            "data: ",
            "data:",
            "data",
            "event: a",
            "id: 1",
            ":",
            ": ping",
            "\r",
            "\n",
            "\r\n",
            "\n\n",
            "\r\n\r\n",
            "ü",
            "😀",
            "\u{feff}",
            "{\"a\":1}",
            "[DONE]",
            " ",
            "x",
        ]);
        let piece = prop_oneof![
            9 => pieces.prop_map(|piece: &str| piece.as_bytes().to_vec()),
            1 => prop::collection::vec(any::<u8>(), 0..4),
        ];
        prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn chunks_make_no_difference(bytes in streams(), sizes in prop::collection::vec(1_usize..9, 1..9)) {
            let mut rest = &bytes[..];
            let mut chunks = Vec::new();
            for size in sizes.iter().cycle().take(bytes.len()) {
                let (chunk, tail) = rest.split_at((*size).min(rest.len()));
                chunks.push(chunk);
                rest = tail;
            }
            prop_assert_eq!(read(chunks), reference(&bytes));
            prop_assert_eq!(read([&bytes[..]]), reference(&bytes));
        }
    }
}
