//! The bodies of version 2. Since 2.1.6 its numbers are texts.

use super::SAID;
use greenroute_core::{Date, Result};
use serde::Deserialize;
use std::time::{Duration, SystemTime};

#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    pub(super) response: Rows,
}

#[derive(Debug, Deserialize)]
pub(super) struct Rows {
    #[serde(default)]
    pub(super) total: Figure,
    pub(super) data: Vec<Row>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Row {
    period: String,
    pub(super) respondent: String,
    pub(super) fueltype: String,
    #[serde(default)]
    pub(super) value: Figure,
}

/// A number, a number as text, or nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(untagged)]
pub(super) enum Figure {
    Number(f64),
    Text(String),
    #[default]
    Nothing,
}

impl Figure {
    /// # Errors
    /// What it is instead of a number.
    pub(super) fn number(&self) -> Result<Option<f64>, String> {
        match self {
            Self::Number(number) => Ok(Some(*number)),
            Self::Text(text) if text.trim().is_empty() => Ok(None),
            Self::Text(text) => match text.trim().parse::<f64>() {
                Ok(number) if number.is_finite() => Ok(Some(number)),
                _ => Err(format!("`{}` is no number", text.chars().take(40).collect::<String>())),
            },
            Self::Nothing => Ok(None),
        }
    }
}

impl Row {
    /// The end of the hour: `2022-10-31T11` in UTC.
    pub(super) fn hour(&self) -> Result<SystemTime> {
        let read = || {
            let (date, hour) = self.period.split_once('T')?;
            let hour: u64 = hour.parse().ok().filter(|number| *number <= 23 && hour.len() == 2)?;
            Some(date.parse::<Date>().ok()?.start() + Duration::from_secs(hour * 3600))
        };
        let text = self.period.chars().take(40).collect::<String>();
        read().ok_or_else(|| SAID.wrong("period", format!("`{text}` is no hour")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_come_as_numbers_as_texts_and_not_at_all() {
        let read = |value| serde_json::from_value::<Figure>(value).unwrap().number();
        assert_eq!(read(json!(20)), Ok(Some(20.0)));
        assert_eq!(read(json!("-3.5")), Ok(Some(-3.5)));
        assert_eq!((read(json!(null)), read(json!(" "))), (Ok(None), Ok(None)));
        for bad in [json!("NaN"), json!("inf"), json!("many"), json!("1e999")] {
            assert!(read(bad.clone()).unwrap_err().ends_with("is no number"), "{bad}");
        }
    }
}
