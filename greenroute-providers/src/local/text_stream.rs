//! Bytes of tokens become pieces of text that can be shown at once.

/// Holds back the bytes of a character that is not whole yet.
#[derive(Debug, Default)]
pub(super) struct TextStream {
    bytes: Vec<u8>,
}

impl TextStream {
    /// The room for the next token's bytes.
    pub(super) fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// All whole characters so far; what can never become one is U+FFFD.
    pub(super) fn take(&mut self) -> String {
        let mut text = String::new();
        loop {
            match std::str::from_utf8(&self.bytes) {
                Ok(whole) => {
                    text.push_str(whole);
                    self.bytes.clear();
                    return text;
                }
                Err(error) => {
                    let whole = self.bytes.drain(..error.valid_up_to());
                    text.push_str(&String::from_utf8_lossy(whole.as_slice()));
                    drop(whole);
                    let Some(broken) = error.error_len() else { return text };
                    self.bytes.drain(..broken);
                    text.push(char::REPLACEMENT_CHARACTER);
                }
            }
        }
    }

    /// What is left at the end, a broken character as U+FFFD.
    pub(super) fn finish(&mut self) -> String {
        let mut text = self.take();
        if !self.bytes.is_empty() {
            self.bytes.clear();
            text.push(char::REPLACEMENT_CHARACTER);
        }
        text
    }
}

/// Looks for texts at which to stop, and holds back what may become one.
#[derive(Debug)]
pub(super) struct Stops {
    stops: Vec<String>,
    held: String,
}

impl Stops {
    pub(super) fn new(stops: Vec<String>) -> Self {
        Self { stops: stops.into_iter().filter(|stop| !stop.is_empty()).collect(), held: String::new() }
    }

    /// Takes more text; gives what is certain to be shown, and whether a stop was found right after it.
    pub(super) fn push(&mut self, text: &str) -> (String, bool) {
        self.held.push_str(text);
        if let Some(at) = self.stops.iter().filter_map(|stop| self.held.find(stop)).min() {
            self.held.truncate(at);
            return (std::mem::take(&mut self.held), true);
        }
        let held = self.held.char_indices().map(|(at, _)| at).find(|at| {
            let rest = self.held.get(*at..).unwrap_or_default();
            self.stops.iter().any(|stop| stop.starts_with(rest))
        });
        let rest = self.held.split_off(held.unwrap_or(self.held.len()));
        (std::mem::replace(&mut self.held, rest), false)
    }

    /// What was held back and came to nothing.
    pub(super) fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

/// Takes the white space off both ends of a text that comes in pieces.
#[derive(Debug, Default)]
pub(super) struct Trim {
    off: bool,
    started: bool,
    held: String,
}

impl Trim {
    /// One that does it, or one that leaves everything as it is.
    pub(super) fn new(on: bool) -> Self {
        Self { off: !on, started: false, held: String::new() }
    }

    /// `text` without what is only the start's white space.
    pub(super) fn start<'a>(&mut self, text: &'a str) -> &'a str {
        if self.off || self.started {
            return text;
        }
        let text = text.trim_start();
        self.started = !text.is_empty();
        text
    }

    /// `text` after what was held back, without what may turn out to be the end's white space.
    pub(super) fn end(&mut self, text: &str) -> String {
        self.held.push_str(text);
        let shown = if self.off { self.held.len() } else { self.held.trim_end().len() };
        let rest = self.held.split_off(shown);
        std::mem::replace(&mut self.held, rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_cut_of_any_bytes_gives_the_same_text(bytes: Vec<u8>, cuts in prop::collection::vec(1usize..5, 1..9)) {
            let (mut stream, mut text, mut rest) = (TextStream::default(), String::new(), bytes.as_slice());
            for cut in cuts.iter().cycle() {
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                stream.bytes().extend(now);
                text.push_str(&stream.take());
                rest = later;
                if rest.is_empty() { break; }
            }
            text.push_str(&stream.finish());
            prop_assert_eq!(text, String::from_utf8_lossy(&bytes));
        }

        #[test]
        fn stops_are_found_however_the_text_is_cut(text in "[ab\n]{0,20}", stop in "[ab\n]{1,3}", cut in 1usize..4) {
            let (mut stops, mut shown, mut found) = (Stops::new(vec![stop.clone()]), String::new(), false);
            for piece in text.as_bytes().chunks(cut) {
                let (piece, stopped) = stops.push(std::str::from_utf8(piece).unwrap());
                shown.push_str(&piece);
                if stopped { found = true; break; }
            }
            if !found { shown.push_str(&stops.finish()); }
            prop_assert_eq!(shown.as_str(), text.split(stop.as_str()).next().unwrap());
            prop_assert_eq!(found, text.contains(&stop));
        }
    }

    #[test]
    fn ends_are_trimmed_and_the_middle_is_not() {
        for (on, expected) in [(true, "a  b"), (false, " \n a  b \n")] {
            let mut trim = Trim::new(on);
            let mut shown = String::new();
            for piece in [" ", "\n a ", " b", " ", "\n"] {
                let piece = trim.start(piece);
                shown.push_str(&trim.end(piece));
            }
            assert_eq!(shown, expected);
        }
    }

    #[test]
    fn half_a_character_waits() {
        let mut stream = TextStream::default();
        stream.bytes().extend("né".bytes().take(2));
        assert_eq!(stream.take(), "n");
        stream.bytes().push(0xa9);
        assert_eq!(stream.take(), "é");
        stream.bytes().push(0xf0);
        assert_eq!((stream.take(), stream.finish()), (String::new(), "\u{fffd}".to_owned()));
    }

    #[test]
    fn what_may_become_a_stop_waits() {
        let mut stops = Stops::new(vec!["\n\n".into(), "Question:".into()]);
        assert_eq!(stops.push("Paris.\n"), ("Paris.".into(), false));
        assert_eq!(stops.push("Quest"), ("\n".into(), false));
        assert_eq!(stops.push("s"), ("Quests".into(), false));
        assert_eq!(stops.push("\n"), (String::new(), false));
        assert_eq!(stops.push("\nmore"), (String::new(), true));
    }
}
