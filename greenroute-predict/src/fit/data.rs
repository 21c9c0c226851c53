//! Reads outcomes: which model got which prompt right.

use flate2::read::MultiGzDecoder;
use greenroute_core::{Error, ErrorKind, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

/// One prompt that models answered.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Prompt {
    /// Its name, which outcomes refer to.
    pub id: String,
    /// Where it comes from, such as a benchmark's name.
    pub source: Arc<str>,
    /// The text as it was asked.
    pub text: String,
    /// The capabilities it asks for, by name; empty where nobody said.
    #[serde(default)]
    pub caps: Vec<String>,
    /// The task inside its source, by name; empty where nobody said.
    #[serde(default)]
    pub group: Arc<str>,
    /// Prompts with the same one are variants of one question, and are never parted by a fold; empty: of its own.
    #[serde(default)]
    pub group_id: String,
    /// What else its source says of it, by name.
    #[serde(default)]
    pub meta: Map<String, Value>,
}

impl Prompt {
    /// The question that it is a variant of; itself where nobody said.
    #[must_use]
    pub fn question(&self) -> &str {
        if self.group_id.is_empty() { &self.id } else { &self.group_id }
    }

    /// Whether a flag is set among what else its source says.
    #[must_use]
    pub fn has(&self, flag: &str) -> bool {
        self.meta.get(flag).is_some_and(|value| *value == Value::Bool(true))
    }
}

/// How one model did on one prompt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Answer {
    /// Which of [`Outcomes::models`].
    pub model: usize,
    /// From 0, wrong, to 1, right.
    pub score: f32,
    /// The characters of the answer, where they are known.
    pub characters: Option<u32>,
}

impl Answer {
    /// Whether it counts as right: its score is above a half.
    #[must_use]
    pub fn is_right(&self) -> bool {
        self.score > 0.5
    }
}

/// All prompts of a folder with the answers to each.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcomes {
    /// In the order of the file.
    pub prompts: Vec<Prompt>,
    /// The models' names, in alphabetical order.
    pub models: Vec<Arc<str>>,
    /// How many outcomes were of prompts that the folder lacks; they are left out.
    pub strays: usize,
    answers: Vec<Vec<Answer>>,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    p: Cow<'a, str>,
    #[serde(borrow)]
    m: Cow<'a, str>,
    s: f32,
    oc: Option<u32>,
}

/// Outcomes whose prompts are not looked up yet: the prompt's name and the model's.
type Loose = (String, Arc<str>, f32, Option<u32>);

impl Outcomes {
    /// Reads `prompts.jsonl` and `outcomes.jsonl` of `folder`, either also as `.jsonl.gz`.
    ///
    /// A prompt has `id`, `source`, `text`, and may have `caps`, `group` and `group_id`; an outcome has `p` (the
    /// prompt's id), `m` (the model's name), `s` (the score from 0 to 1), and may have `oc` (the answer's characters).
    /// Of two outcomes of one model on one prompt, the first counts.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for a file that is missing or cannot be read, [`ErrorKind::Decode`] with the file and the
    /// line for what is not as said above, for a prompt that stands twice, and for a score outside of 0 to 1.
    pub fn read(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        let (prompts, loose) = thread::scope(|scope| {
            let loose = scope.spawn(|| one_of(folder, "outcomes.jsonl").and_then(|path| read_loose(&path)));
            let prompts = one_of(folder, "prompts.jsonl").and_then(|path| read_prompts(&path));
            let loose = loose.join().unwrap_or_else(|_| {
                Err(Error::new(
                    ErrorKind::Internal,
                    "reading outcomes",
                    "the thread that read them broke off",
                ))
            });
            (prompts, loose)
        });
        Ok(Self::new(prompts?, loose?))
    }

    /// From prompts, and outcomes as (prompt's id, model's name, score from 0 to 1, characters).
    #[must_use]
    pub fn new(prompts: Vec<Prompt>, outcomes: Vec<(String, Arc<str>, f32, Option<u32>)>) -> Self {
        let rows: HashMap<&str, usize> =
            prompts.iter().enumerate().map(|(row, prompt)| (prompt.id.as_str(), row)).collect();
        let mut models: Vec<Arc<str>> = outcomes.iter().map(|outcome| Arc::clone(&outcome.1)).collect();
        models.sort_unstable();
        models.dedup();
        let mut answers = vec![Vec::new(); prompts.len()];
        let mut strays = 0;
        for (id, model, score, characters) in &outcomes {
            let found = rows.get(id.as_str()).and_then(|row| answers.get_mut(*row));
            let (Some(answers), Ok(model)) = (found, models.binary_search(model)) else {
                strays += 1;
                continue;
            };
            answers.push(Answer { model, score: *score, characters: *characters });
        }
        for answers in &mut answers {
            answers.sort_by_key(|answer| answer.model);
            answers.dedup_by_key(|answer| answer.model);
        }
        Self { prompts, models, strays, answers }
    }

    /// The same without the prompts of these sources; the models' names stay.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for a source of no prompt: a slip of the pen would leave in what was to stay out.
    pub fn without(mut self, sources: &BTreeSet<String>) -> Result<Self> {
        let known: BTreeSet<&str> = self.prompts.iter().map(|prompt| &*prompt.source).collect();
        if let Some(odd) = sources.iter().find(|source| !known.contains(source.as_str())) {
            let known: Vec<&str> = known.into_iter().collect();
            let what = format!("no prompt is of the source `{odd}`, but of {}", known.join(", "));
            return Err(Error::new(ErrorKind::Config, "leaving sources out", what));
        }
        let kept = |prompt: &Prompt| !sources.contains(&*prompt.source);
        let (prompts, answers) = (self.prompts, self.answers);
        let both = prompts.into_iter().zip(answers).filter(|(prompt, _)| kept(prompt));
        (self.prompts, self.answers) = both.unzip();
        Ok(self)
    }

    /// The answers to the prompt in `row`, by model.
    #[must_use]
    pub fn answers(&self, row: usize) -> &[Answer] {
        self.answers.get(row).map_or(&[], Vec::as_slice)
    }

    /// What `model` answered to the prompt in `row`.
    #[must_use]
    pub fn answer(&self, row: usize, model: usize) -> Option<&Answer> {
        let answers = self.answers(row);
        answers.get(answers.binary_search_by_key(&model, |answer| answer.model).ok()?)
    }

    /// Which of [`models`](Self::models) has this name.
    #[must_use]
    pub fn model(&self, name: &str) -> Option<usize> {
        self.models.binary_search_by(|model| (**model).cmp(name)).ok()
    }

    /// The rows of the prompts that come from one of `sources`.
    #[must_use]
    pub fn rows_of(&self, sources: &[Arc<str>]) -> Vec<usize> {
        let of = |prompt: &Prompt| sources.contains(&prompt.source);
        self.prompts.iter().enumerate().filter(|(_, prompt)| of(prompt)).map(|(row, _)| row).collect()
    }
}

fn read_prompts(path: &Path) -> Result<Vec<Prompt>> {
    let mut prompts: Vec<Prompt> = Vec::new();
    let mut seen = HashMap::new();
    each_line(path, |number, line| {
        let prompt: Prompt = parsed(line)?;
        if let Some(first) = seen.insert(prompt.id.clone(), number) {
            return Err(format!("the prompt `{}` stands in line {first} too", prompt.id));
        }
        prompts.push(prompt);
        Ok(())
    })?;
    Ok(prompts)
}

fn read_loose(path: &Path) -> Result<Vec<Loose>> {
    let mut outcomes = Vec::new();
    let mut names: HashMap<String, Arc<str>> = HashMap::new();
    each_line(path, |_, line| {
        let Line { p, m, s, oc } = serde_json::from_str(line).map_err(|error| error.to_string())?;
        if !(0.0..=1.0).contains(&s) {
            return Err(format!("a score of {s} is not from 0 to 1"));
        }
        let model = match names.get(m.as_ref()) {
            Some(name) => Arc::clone(name),
            None => Arc::clone(names.entry(m.to_string()).or_insert_with(|| m.as_ref().into())),
        };
        outcomes.push((p.into_owned(), model, s, oc));
        Ok(())
    })?;
    Ok(outcomes)
}

fn parsed<T: DeserializeOwned>(line: &str) -> std::result::Result<T, String> {
    serde_json::from_str(line).map_err(|error| error.to_string())
}

/// `name` in `folder`, or `name.gz`.
fn one_of(folder: &Path, name: &str) -> Result<PathBuf> {
    let zipped = folder.join(format!("{name}.gz"));
    [folder.join(name), zipped].into_iter().find(|path| path.is_file()).ok_or_else(|| {
        let what = format!("has neither `{name}` nor `{name}.gz`");
        Error::new(ErrorKind::Config, folder.display().to_string(), what)
    })
}

/// Hands every line that is not blank to `take`, with its number from 1, and says in errors which one it was.
fn each_line(
    path: &Path,
    mut take: impl FnMut(usize, &str) -> std::result::Result<(), String>,
) -> Result<()> {
    let origin = path.display().to_string();
    let unread = |error: io::Error| {
        Error::new(ErrorKind::Config, origin.as_str(), "cannot be read").with_source(error)
    };
    let file = File::open(path).map_err(unread)?;
    let zipped = path.extension().is_some_and(|extension| extension == "gz");
    let plain: Box<dyn Read> = if zipped { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    let mut reader = BufReader::with_capacity(1 << 16, plain);
    let (mut line, mut number) = (String::new(), 0);
    while reader.read_line(&mut line).map_err(unread)? > 0 {
        number += 1;
        if !line.trim().is_empty() {
            take(number, &line).map_err(|what| {
                Error::new(ErrorKind::Decode, origin.as_str(), format!("line {number}: {what}"))
            })?;
        }
        line.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    const PROMPTS: &str = r#"{"id": "a", "source": "quiz", "text": "How many legs has a spider?", "group": "animals"}

{"id": "b", "source": "quiz", "text": "How many has an ant?", "caps": ["knowledge"], "group_id": "legs"}
"#;
    const OUTCOMES: &str = r#"{"p": "b", "m": "quiz:small", "s": 0.0}
{"p": "a", "m": "quiz:small", "s": 1.0, "oc": 12}
{"p": "a", "m": "quiz:large", "s": 1.0}
{"p": "a", "m": "quiz:large", "s": 0.0}
{"p": "gone", "m": "quiz:large", "s": 0.0}
"#;

    fn folder(prompts: &str, outcomes: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("prompts.jsonl"), prompts).unwrap();
        let file = File::create(folder.path().join("outcomes.jsonl.gz")).unwrap();
        let mut zipped = GzEncoder::new(file, Compression::fast());
        zipped.write_all(outcomes.as_bytes()).unwrap();
        zipped.finish().unwrap();
        folder
    }

    #[test]
    fn a_folder_is_read_plain_or_zipped() {
        let outcomes = Outcomes::read(folder(PROMPTS, OUTCOMES).path()).unwrap();
        assert_eq!(outcomes.prompts.len(), 2);
        assert_eq!(outcomes.prompts[1].group_id, "legs");
        assert_eq!(outcomes.strays, 1);
        let [small, large] = ["quiz:small", "quiz:large"].map(|name| outcomes.model(name).unwrap());
        assert_eq!(
            outcomes.answer(0, small),
            Some(&Answer { model: small, score: 1.0, characters: Some(12) })
        );
        assert_eq!(outcomes.answer(0, large).unwrap().score, 1.0);
        assert_eq!(outcomes.answer(1, large), None);
        assert_eq!(outcomes.rows_of(&["quiz".into()]), [0, 1]);
    }

    fn failure(prompts: &str, outcomes: &str) -> (ErrorKind, String) {
        let error = Outcomes::read(folder(prompts, outcomes).path()).unwrap_err();
        (error.kind().clone(), error.to_string())
    }

    #[test]
    fn what_is_wrong_is_said_with_file_and_line() {
        let (kind, text) = failure(PROMPTS, "\n\n{\"p\": \"a\", \"m\": \"x\", \"s\": 1.5}\n");
        assert_eq!(kind, ErrorKind::Decode);
        assert!(
            text.contains("outcomes.jsonl.gz") && text.contains("line 3") && text.contains("1.5"),
            "{text}"
        );
        let (kind, text) = failure(&PROMPTS.replace("\"b\"", "\"a\""), OUTCOMES);
        assert_eq!(kind, ErrorKind::Decode);
        assert!(text.contains("line 3") && text.contains("line 1"), "{text}");
        let (_, text) = failure("{\"id\": \"a\"}", OUTCOMES);
        assert!(
            text.contains("prompts.jsonl") && text.contains("line 1") && text.contains("source"),
            "{text}"
        );
    }

    #[test]
    fn a_source_is_left_out_and_one_that_is_none_is_refused() {
        let other = PROMPTS.replace(r#"{"id": "b", "source": "quiz""#, r#"{"id": "b", "source": "exam""#);
        let read = || Outcomes::read(folder(&other, OUTCOMES).path()).unwrap();
        let left = read().without(&BTreeSet::from(["exam".into()])).unwrap();
        assert_eq!((left.prompts.len(), &*left.prompts[0].id, left.answers(0).len()), (1, "a", 2));
        let error = read().without(&BTreeSet::from(["exams".into()])).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains("`exams`") && error.to_string().contains("exam, quiz"), "{error}");
    }

    #[test]
    fn a_folder_without_the_files_says_which() {
        let error = Outcomes::read(tempfile::tempdir().unwrap().path()).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains("prompts.jsonl.gz"), "{error}");
    }
}
