//! The quickstart's few options.

use greenroute::units::ElectricityPrice;
use greenroute::{Note, NoteCode, Prompt, RouterBuilder, Zone};
use std::ffi::OsString;
use std::path::PathBuf;

pub(crate) const USAGE: &str = "usage: quickstart [OPTIONS] PROMPT

  --rank                 print the ranking over the catalog; call nobody
  --fetch                fetch the weights, print where they are, and stop
  --model PATH           answer with this model, a GGUF file or a folder of Flan-T5
  --zone ZONE            the grid zone of this machine, such as FR or US-TX (default: the world average)
  --usd-per-kwh PRICE    the price of this machine's electricity (default: 0.13, an example)
  --max-tokens N         the longest answer (default: 64)";

pub(crate) struct Options {
    pub(crate) prompt: Prompt,
    pub(crate) rank: bool,
    pub(crate) fetch: bool,
    pub(crate) help: bool,
    pub(crate) model: Option<PathBuf>,
    zone: Option<Zone>,
    price: Option<ElectricityPrice>,
}

/// So that the receipt shows dollars; the receipt says that it is only an example.
const EXAMPLE_PRICE: ElectricityPrice = ElectricityPrice::from_usd_per_kwh(0.13);

impl Options {
    pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Self, String> {
        let mut arguments = arguments;
        let (mut words, mut max_tokens) = (Vec::new(), 64);
        let mut options = Self {
            prompt: Prompt::default(),
            rank: false,
            fetch: false,
            help: false,
            model: None,
            zone: None,
            price: None,
        };
        while let Some(argument) = arguments.next() {
            let name = argument.to_string_lossy().into_owned();
            let mut value = || arguments.next().ok_or_else(|| format!("`{name}` needs a value\n\n{USAGE}"));
            match name.as_str() {
                "--help" | "-h" => options.help = true,
                "--rank" => options.rank = true,
                "--fetch" => options.fetch = true,
                "--model" => options.model = Some(PathBuf::from(value()?)),
                "--zone" => options.zone = Some(text(value()?)?.parse().map_err(|error| format!("{error}"))?),
                "--usd-per-kwh" => {
                    let number: f64 = number(&name, &text(value()?)?)?;
                    let price = ElectricityPrice::try_from_usd_per_kwh(number);
                    options.price = Some(price.map_err(|error| error.to_string())?);
                }
                "--max-tokens" => max_tokens = number(&name, &text(value()?)?)?,
                flag if flag.starts_with("--") => return Err(format!("`{flag}` is no option\n\n{USAGE}")),
                _ => words.push(text(argument)?),
            }
        }
        options.prompt = Prompt::from(words.join(" ")).max_output_tokens(max_tokens);
        Ok(options)
    }

    /// The settings that a user makes, on a router that is otherwise ready.
    pub(crate) fn settings(&self, mut builder: RouterBuilder) -> RouterBuilder {
        if let Some(zone) = &self.zone {
            builder = builder.zone(zone.clone());
        }
        match self.price {
            Some(price) => builder.electricity_price(price),
            None => {
                let text = format!("electricity at {EXAMPLE_PRICE} is an example: --usd-per-kwh sets yours");
                builder.electricity_price(EXAMPLE_PRICE).note(Note::new(NoteCode::Setting, text))
            }
        }
    }
}

fn text(argument: OsString) -> Result<String, String> {
    argument.into_string().map_err(|bad| format!("`{}` is not UTF-8", bad.to_string_lossy()))
}

fn number<T: std::str::FromStr>(name: &str, text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("`{name}` needs a number, not `{text}`\n\n{USAGE}"))
}
