//! What was asked for on the command line.

use greenroute_core::{Error, ErrorKind, Result};
use std::path::PathBuf;

/// What is to be evaluated.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Arguments {
    pub(crate) fit: PathBuf,
    pub(crate) test: Option<PathBuf>,
    pub(crate) model: Option<PathBuf>,
    pub(crate) report: PathBuf,
    /// The prompts on which a floor is to hold by themselves; 0 or `None` for on average over all to come.
    pub(crate) horizon: Option<usize>,
}

const USAGE: &str =
    "usage: evaluate --fit DIR [--test DIR] [--model FILE] [--horizon PROMPTS] --report OUT.json";

impl Arguments {
    pub(crate) fn read(words: impl IntoIterator<Item = String>) -> Result<Self> {
        let wrong = |what: String| Error::new(ErrorKind::Config, "arguments", format!("{what}\n{USAGE}"));
        let (mut fit, mut test, mut model, mut report) = (None, None, None, None);
        let mut horizon = None;
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| wrong(format!("nothing follows `{word}`")));
            match word.as_str() {
                "--fit" => fit = Some(PathBuf::from(value()?)),
                "--test" => test = Some(PathBuf::from(value()?)),
                "--model" => model = Some(PathBuf::from(value()?)),
                "--report" => report = Some(PathBuf::from(value()?)),
                "--horizon" => {
                    let prompts = value()?;
                    let prompts = prompts.parse().map_err(|_| wrong(format!("`{prompts}` is no number")))?;
                    horizon = Some(prompts);
                }
                _ => return Err(wrong(format!("`{word}` is not understood"))),
            }
        }
        let needed =
            |path: Option<PathBuf>, name: &str| path.ok_or_else(|| wrong(format!("`{name}` is missing")));
        Ok(Self { fit: needed(fit, "--fit")?, test, model, report: needed(report, "--report")?, horizon })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Arguments> {
        Arguments::read(line.split_whitespace().map(String::from))
    }

    #[test]
    fn what_is_asked_for_is_understood() {
        let arguments = read("--report out.json --fit a --test b --horizon 0").unwrap();
        assert_eq!((arguments.fit, arguments.test), ("a".into(), Some("b".into())));
        assert_eq!((arguments.model, arguments.horizon), (None, Some(0)));
    }

    #[test]
    fn what_is_missing_or_odd_is_said() {
        for (line, what) in [
            ("--fit a", "--report"),
            ("--fit", "nothing follows"),
            ("--fit a --report b --odd", "--odd"),
            ("--horizon many", "many"),
        ] {
            let text = read(line).unwrap_err().to_string();
            assert!(text.contains(what) && text.contains("usage"), "{text}");
        }
    }
}
