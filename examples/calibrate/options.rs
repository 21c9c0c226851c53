//! The few options of a calibration.

use greenroute::energy::calibrate::Plan;
use std::ffi::OsString;
use std::path::PathBuf;

pub(crate) const USAGE: &str = "usage: calibrate [OPTIONS]

  --model PATH     calibrate this model, a GGUF file or a folder of Flan-T5 (default: Gemma 3 270M, fetched once)
  --rounds N       ask everything so often (default: 3)
  --longest N      no answer and no prompt longer than this many tokens (default: 2000, minutes on a slow machine)
  --seed N         another order of the calls
  --out FILE       write readings and fit to this file, as JSON

It ends with 1 where a check FAILED; one that warns tells of a machine that did other work too.";

pub(crate) struct Options {
    pub(crate) plan: Plan,
    pub(crate) model: Option<PathBuf>,
    pub(crate) out: Option<PathBuf>,
    pub(crate) help: bool,
}

impl Options {
    pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Self, String> {
        let mut arguments = arguments;
        let mut options = Self { plan: Plan::default(), model: None, out: None, help: false };
        while let Some(argument) = arguments.next() {
            let name = argument.to_string_lossy().into_owned();
            let mut value = || arguments.next().ok_or_else(|| format!("`{name}` needs a value\n\n{USAGE}"));
            match name.as_str() {
                "--help" | "-h" => options.help = true,
                "--model" => options.model = Some(PathBuf::from(value()?)),
                "--out" => options.out = Some(PathBuf::from(value()?)),
                // `--repeats` is what others call it.
                "--rounds" | "--repeats" => {
                    options.plan.rounds = number(&name, &value()?)?;
                    options.plan.empty = options.plan.rounds;
                }
                "--longest" => options.plan = options.plan.up_to(number(&name, &value()?)?),
                "--seed" => options.plan.seed = number(&name, &value()?)?,
                _ => return Err(format!("`{name}` is no option\n\n{USAGE}")),
            }
        }
        Ok(options)
    }
}

fn number<T: std::str::FromStr>(name: &str, text: &OsString) -> Result<T, String> {
    let text = text.to_string_lossy();
    text.parse().map_err(|_| format!("`{name}` needs a number, not `{text}`\n\n{USAGE}"))
}
