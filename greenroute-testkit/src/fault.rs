use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// One way in which an answer breaks. Written (`Display`, `FromStr`, the header `x-fake-fault`) as its name in small
/// letters, with its number after `=` where it has one: `drop_before_headers`, `drop_after_frames=3`,
/// `rate_limited_date=2`.
///
/// A whole answer counts as four frames, each a quarter of its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Fault {
    /// The connection is reset before anything was answered.
    DropBeforeHeaders,
    /// The connection is closed before anything was answered, as by a server that ends between two requests.
    CloseBeforeHeaders,
    /// Nothing is ever answered.
    StallBeforeHeaders,
    /// So many frames come, then the connection breaks.
    DropAfterFrames(usize),
    /// So many frames come, then nothing more ever.
    StallAfterFrames(usize),
    /// The body ends in due form, but without the frames that say that the answer is complete; of a whole answer the
    /// last quarter is missing.
    Truncated,
    /// In the middle of a stream comes the vendor's own word that it failed, and the body ends in due form.
    ErrorMidway,
    /// Every write ends inside a character, wherever the body has one of several bytes.
    SplitCodePoint,
    /// The body comes in writes of so many bytes; 0 is taken as 1.
    SplitFrames(usize),
    /// The lines of a stream end in CR LF.
    CrlfLines,
    /// Server-sent events begin with a byte order mark.
    Bom,
    /// Comments, as a ping would be, stand between server-sent events.
    CommentLines,
    /// In the middle of a stream comes a frame whose data is no JSON.
    GarbageFrame,
    /// The frames that tell the usage come twice.
    DuplicateUsage,
    /// So many milliseconds pass before every frame.
    SlowFrames(u64),
    /// The body is compressed with gzip, and says so; every frame can be read at once.
    Gzip,
    /// A web page with status 200 comes instead.
    WrongContentType,
    /// Status and headers are good, and the body is empty.
    EmptyBody,
    /// A whole answer is no JSON; in a stream, every frame's data is none.
    InvalidJson,
    /// A header of so many thousand bytes comes too.
    HugeHeader(usize),
    /// Too many requests: 429.
    RateLimited(RetryAfter),
    /// The money or the day's allowance is spent.
    QuotaExhausted,
    /// The vendor's own word for a wrong key.
    Unauthorized,
    /// The vendor's own word for too many customers: 529, or 503 where it has no such status.
    Overloaded529,
    /// The vendor's own word for a server that is down: 503.
    Unavailable503,
    /// The vendor's own word for a server that failed: 500.
    Server500,
}

/// How a vendor that has had too many requests says when to come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum RetryAfter {
    /// It does not say.
    Absent,
    /// In its own way, whatever that is: so many milliseconds.
    Own(u64),
    /// `retry-after` in seconds.
    Seconds(u64),
    /// `retry-after` as a date, so many seconds from now.
    Date(u64),
    /// `retry-after-ms`.
    Millis(u64),
}

impl RetryAfter {
    /// In its own way.
    pub(crate) const fn own(self) -> Option<Duration> {
        match self {
            Self::Own(millis) => Some(Duration::from_millis(millis)),
            _ => None,
        }
    }
}

/// A name that is no fault's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownFault(String);

impl fmt::Display for UnknownFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = Fault::ALL.iter().map(ToString::to_string).collect();
        write!(f, "no fault is written `{}`; there are {}", self.0, names.join(", "))
    }
}

impl std::error::Error for UnknownFault {}

impl Fault {
    /// One of each kind, with small numbers.
    pub const ALL: &[Self] = &[
        Self::DropBeforeHeaders,
        Self::CloseBeforeHeaders,
        Self::StallBeforeHeaders,
        Self::DropAfterFrames(2),
        Self::StallAfterFrames(2),
        Self::Truncated,
        Self::ErrorMidway,
        Self::SplitCodePoint,
        Self::SplitFrames(3),
        Self::CrlfLines,
        Self::Bom,
        Self::CommentLines,
        Self::GarbageFrame,
        Self::DuplicateUsage,
        Self::SlowFrames(2),
        Self::Gzip,
        Self::WrongContentType,
        Self::EmptyBody,
        Self::InvalidJson,
        Self::HugeHeader(16),
        Self::RateLimited(RetryAfter::Absent),
        Self::RateLimited(RetryAfter::Own(1500)),
        Self::RateLimited(RetryAfter::Seconds(1)),
        Self::RateLimited(RetryAfter::Date(2)),
        Self::RateLimited(RetryAfter::Millis(20)),
        Self::QuotaExhausted,
        Self::Unauthorized,
        Self::Overloaded529,
        Self::Unavailable503,
        Self::Server500,
    ];

    /// Whether an answer is as good as without it: a client that reads the protocol as it is written notices nothing,
    /// but perhaps the time.
    #[must_use]
    pub const fn is_harmless(&self) -> bool {
        matches!(
            self,
            Self::SplitCodePoint
                | Self::SplitFrames(_)
                | Self::CrlfLines
                | Self::Bom
                | Self::CommentLines
                | Self::DuplicateUsage
                | Self::SlowFrames(_)
                | Self::Gzip
                | Self::HugeHeader(_)
        )
    }

    /// Its name, and its number.
    fn parts(self) -> (&'static str, Option<u64>) {
        let number = |number: usize| u64::try_from(number).ok();
        match self {
            Self::DropBeforeHeaders => ("drop_before_headers", None),
            Self::CloseBeforeHeaders => ("close_before_headers", None),
            Self::StallBeforeHeaders => ("stall_before_headers", None),
            Self::DropAfterFrames(frames) => ("drop_after_frames", number(frames)),
            Self::StallAfterFrames(frames) => ("stall_after_frames", number(frames)),
            Self::Truncated => ("truncated", None),
            Self::ErrorMidway => ("error_midway", None),
            Self::SplitCodePoint => ("split_code_point", None),
            Self::SplitFrames(bytes) => ("split_frames", number(bytes)),
            Self::CrlfLines => ("crlf_lines", None),
            Self::Bom => ("bom", None),
            Self::CommentLines => ("comment_lines", None),
            Self::GarbageFrame => ("garbage_frame", None),
            Self::DuplicateUsage => ("duplicate_usage", None),
            Self::SlowFrames(millis) => ("slow_frames", Some(millis)),
            Self::Gzip => ("gzip", None),
            Self::WrongContentType => ("wrong_content_type", None),
            Self::EmptyBody => ("empty_body", None),
            Self::InvalidJson => ("invalid_json", None),
            Self::HugeHeader(thousands) => ("huge_header", number(thousands)),
            Self::RateLimited(RetryAfter::Absent) => ("rate_limited", None),
            Self::RateLimited(RetryAfter::Own(millis)) => ("rate_limited_own", Some(millis)),
            Self::RateLimited(RetryAfter::Seconds(seconds)) => ("rate_limited_seconds", Some(seconds)),
            Self::RateLimited(RetryAfter::Date(seconds)) => ("rate_limited_date", Some(seconds)),
            Self::RateLimited(RetryAfter::Millis(millis)) => ("rate_limited_ms", Some(millis)),
            Self::QuotaExhausted => ("quota_exhausted", None),
            Self::Unauthorized => ("unauthorized", None),
            Self::Overloaded529 => ("overloaded529", None),
            Self::Unavailable503 => ("unavailable503", None),
            Self::Server500 => ("server500", None),
        }
    }

    /// The same kind with another number.
    fn with(self, number: u64) -> Option<Self> {
        let size = usize::try_from(number).ok()?;
        Some(match self {
            Self::DropAfterFrames(_) => Self::DropAfterFrames(size),
            Self::StallAfterFrames(_) => Self::StallAfterFrames(size),
            Self::SplitFrames(_) => Self::SplitFrames(size),
            Self::SlowFrames(_) => Self::SlowFrames(number),
            Self::HugeHeader(_) => Self::HugeHeader(size),
            Self::RateLimited(RetryAfter::Own(_)) => Self::RateLimited(RetryAfter::Own(number)),
            Self::RateLimited(RetryAfter::Seconds(_)) => Self::RateLimited(RetryAfter::Seconds(number)),
            Self::RateLimited(RetryAfter::Date(_)) => Self::RateLimited(RetryAfter::Date(number)),
            Self::RateLimited(RetryAfter::Millis(_)) => Self::RateLimited(RetryAfter::Millis(number)),
            _ => return None,
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parts() {
            (name, Some(number)) => write!(f, "{name}={number}"),
            (name, None) => f.write_str(name),
        }
    }
}

impl FromStr for Fault {
    type Err = UnknownFault;

    /// A kind that has a number may be written without it.
    fn from_str(text: &str) -> Result<Self, UnknownFault> {
        let unknown = || UnknownFault(text.to_owned());
        let (name, number) = text.split_once('=').map_or((text, None), |(name, number)| (name, Some(number)));
        let kind = Self::ALL.iter().find(|fault| fault.parts().0 == name.trim()).ok_or_else(unknown)?;
        let Some(number) = number else { return Ok(*kind) };
        number.trim().parse().ok().and_then(|number| kind.with(number)).ok_or_else(unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_read_as_it_is_written() {
        for fault in Fault::ALL {
            assert_eq!(fault.to_string().parse(), Ok(*fault));
        }
        assert_eq!("drop_after_frames=7".parse(), Ok(Fault::DropAfterFrames(7)));
        assert_eq!("slow_frames".parse(), Ok(Fault::SlowFrames(2)));
        for wrong in ["", "nope", "bom=1", "split_frames=x"] {
            assert!(
                wrong.parse::<Fault>().unwrap_err().to_string().contains("drop_before_headers"),
                "{wrong}"
            );
        }
    }
}
