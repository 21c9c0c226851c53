//! The counter beside `nvidia-smi`'s own power, integrated by trapezoids.

use greenroute_energy::counter::{Counter, Nvml, NvmlSettings, Sample};
use std::error::Error;
use std::fmt;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// What is checked, and how.
#[derive(Debug)]
pub(crate) struct Check {
    pub(crate) seconds: f64,
    /// The board, as `nvidia-smi` counts them.
    pub(crate) board: u32,
    /// A command of the shell that keeps the board busy; without one, whatever runs there anyway.
    pub(crate) load: Option<String>,
    /// How long the load runs before it is counted.
    pub(crate) warm_up: f64,
    pub(crate) every_millis: u32,
    /// The field of `nvidia-smi` that is integrated.
    pub(crate) field: String,
    /// How far the two may be apart, as a part of `nvidia-smi`'s.
    pub(crate) within: f64,
    pub(crate) nvidia_smi: PathBuf,
    pub(crate) library: Option<PathBuf>,
}

impl Default for Check {
    fn default() -> Self {
        Self {
            seconds: 30.0,
            board: 0,
            load: None,
            warm_up: 3.0,
            every_millis: 50,
            field: "power.draw".into(),
            within: 0.05,
            nvidia_smi: "nvidia-smi".into(),
            library: None,
        }
    }
}

/// What was found: a row of `RECORDS.md`.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) boards: String,
    pub(crate) seconds: f64,
    pub(crate) ours: Sample,
    pub(crate) theirs_joules: f64,
    pub(crate) looks: usize,
    pub(crate) within: bool,
    load: String,
    field: String,
    notes: Vec<String>,
}

impl Record {
    /// Our joules per joule of theirs.
    pub(crate) fn ratio(&self) -> f64 {
        self.ours.energy.as_joules() / self.theirs_joules
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { boards, seconds, ours, theirs_joules, looks, load, field, notes, within } = self;
        let date = jiff::Timestamp::now().strftime("%Y-%m-%d");
        let (ratio, verdict) = (self.ratio(), if *within { "within" } else { "NOT within" });
        let ours = ours.energy.as_joules();
        write!(
            f,
            "| {date} | {boards} | {load} | {seconds:.1} | {field}, {looks} looks | {theirs_joules:.1} | {ours:.1} \
             | {ratio:.4} | {verdict} |"
        )?;
        notes.iter().try_for_each(|note| write!(f, "\n{note}"))
    }
}

/// A program that ends when this does, with all that it has started.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        #[cfg(unix)]
        let _ = Command::new("kill")
            .args(["-KILL", "--", &format!("-{}", self.0.id())])
            .stderr(Stdio::null())
            .status();
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Check {
    /// From the arguments of the command line.
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let mut check = Self::default();
        let mut arguments = arguments;
        while let Some(name) = arguments.next() {
            let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
            match name.as_str() {
                "--seconds" => check.seconds = positive(&value)?,
                "--board" => check.board = value.parse()?,
                "--load" => check.load = Some(value),
                "--warm-up" => check.warm_up = positive(&value)?,
                "--every" => check.every_millis = value.parse()?,
                "--field" => check.field = value,
                "--within" => check.within = positive(&value)?,
                "--nvidia-smi" => check.nvidia_smi = value.into(),
                "--library" => check.library = Some(value.into()),
                _ => return Err(format!("there is no {name}").into()),
            }
        }
        Ok(check)
    }

    /// Runs the load and counts it in both ways.
    pub(crate) fn run(&self) -> Result<Record, Box<dyn Error>> {
        let settings = NvmlSettings {
            library: self.library.clone(),
            visible: Some(self.board.to_string()),
            everybody: true,
            ..NvmlSettings::default()
        };
        let nvml = Nvml::open(&settings)?;
        let load = self.load.as_ref().map(|load| start(Command::new("sh").args(["-c", load]))).transpose()?;
        sleep(Duration::from_secs_f64(self.warm_up));
        let (smi, powers) = self.powers()?;

        // Both begin at one of its looks, so that the first of its numbers is not of a time before.
        let mut looks = vec![next(&powers, Duration::from_secs(10))?];
        let (begun, before) = (Instant::now(), nvml.sample()?);
        let end = begun + Duration::from_secs_f64(self.seconds);
        while Instant::now() < end {
            let again = nvml.tend()?.unwrap_or(Duration::from_secs(1));
            sleep(again.min(end.saturating_duration_since(Instant::now())));
        }
        let ended = Instant::now();
        let ours = nvml.sample()?.since(before);
        drop((smi, load));
        while let Ok(look) = next(&powers, Duration::from_millis(100)) {
            looks.push(look);
        }
        let theirs_joules = integral(&looks, begun, ended);
        let mut record = Record {
            boards: nvml.describe(),
            seconds: (ended - begun).as_secs_f64(),
            ours,
            theirs_joules,
            looks: looks.len(),
            within: false,
            load: self.load.clone().unwrap_or_else(|| "what ran there".into()),
            field: self.field.clone(),
            notes: nvml.notes().to_vec(),
        };
        record.within = (record.ratio() - 1.0).abs() <= self.within;
        Ok(record)
    }

    /// The watts that `nvidia-smi` writes, and when.
    fn powers(&self) -> Result<(Running, Receiver<Look>), Box<dyn Error>> {
        let mut command = Command::new(&self.nvidia_smi);
        command.arg(format!("--query-gpu={}", self.field));
        command.args(["--format=csv,noheader,nounits", "--id", &self.board.to_string()]);
        command.arg(format!("--loop-ms={}", self.every_millis)).stdout(Stdio::piped());
        let mut smi = start(&mut command)?;
        let out = smi.0.stdout.take().ok_or("nvidia-smi has no output")?;
        let (send, receive) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                let watts =
                    line.trim().parse::<f64>().ok().filter(|watts| watts.is_finite() && *watts >= 0.0);
                if send.send((Instant::now(), watts.ok_or(line))).is_err() {
                    return;
                }
            }
        });
        Ok((smi, receive))
    }
}

/// A number of seconds, or a ratio.
fn positive(value: &str) -> Result<f64, Box<dyn Error>> {
    let number = value.parse().ok().filter(|number| (0.0..1e6).contains(number));
    number.ok_or_else(|| format!("`{value}` is no number from 0 to a million").into())
}

/// When, and how many watts, or what it wrote instead.
type Look = (Instant, Result<f64, String>);

fn start(command: &mut Command) -> Result<Running, Box<dyn Error>> {
    let name = command.get_program().to_string_lossy().into_owned();
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    Ok(Running(command.spawn().map_err(|error| format!("{name} does not start: {error}"))?))
}

fn next(powers: &Receiver<Look>, wait: Duration) -> Result<Look, Box<dyn Error>> {
    match powers.recv_timeout(wait) {
        Ok((_, Err(line))) => Err(format!("nvidia-smi tells no power, but `{line}`").into()),
        Ok(look) => Ok(look),
        Err(RecvTimeoutError::Timeout) => Err("nvidia-smi is silent".into()),
        Err(RecvTimeoutError::Disconnected) => Err("nvidia-smi has ended".into()),
    }
}

/// Joules between two moments, by trapezoids; before the first look and after the last their power holds.
fn integral(looks: &[Look], begun: Instant, ended: Instant) -> f64 {
    let mut known: Vec<(f64, f64)> = Vec::new();
    for (at, watts) in looks {
        let seconds = at.saturating_duration_since(begun).as_secs_f64();
        known.extend(watts.as_ref().ok().map(|watts| (seconds, *watts)));
    }
    let end = (ended - begun).as_secs_f64();
    let power = |at: f64| {
        let after = known.iter().position(|(seconds, _)| *seconds >= at).unwrap_or(known.len());
        match (after.checked_sub(1).and_then(|before| known.get(before)), known.get(after)) {
            (Some((t0, p0)), Some((t1, p1))) if t1 > t0 => p0 + (p1 - p0) * (at - t0) / (t1 - t0),
            (_, Some((_, power))) | (Some((_, power)), None) => *power,
            (None, None) => f64::NAN,
        }
    };
    let inside = known.iter().map(|(seconds, _)| *seconds).filter(|seconds| (0.0..end).contains(seconds));
    let times: Vec<f64> = std::iter::once(0.0).chain(inside).chain([end]).collect();
    let pairs = times.iter().zip(times.iter().skip(1));
    pairs.map(|(from, to)| (to - from) * 0.5 * (power(*from) + power(*to))).sum()
}
