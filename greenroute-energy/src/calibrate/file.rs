//! Calibrations as files: JSON that says what it is and in which version, and is refused where it is anything else.

use super::book::SERIES;
use super::{CalibrationBook, PassedOver, Series, Subject};
use greenroute_core::model::EnergyProfile;
use greenroute_core::{Error, ErrorKind, MeterId, ModelKey, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

const VERSION: u32 = 1;
const SERIES_FORMAT: &str = "greenroute-calibration";
const BOOK_FORMAT: &str = "greenroute-calibration-book";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File<T> {
    format: String,
    version: u32,
    calibration: T,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Book {
    series: Vec<Series>,
    by_hand: Vec<ByHand>,
    trusted: BTreeSet<MeterId>,
    passed_over: BTreeMap<PassedOver, u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ByHand {
    model: ModelKey,
    profile: Option<EnergyProfile>,
}

impl Series {
    /// The series as JSON, for another machine of the same kind, or for later.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`], which does not happen: every number in it is finite.
    pub fn export(&self) -> Result<String> {
        write(SERIES_FORMAT, self)
    }

    /// Reads what [`Series::export`] wrote, where it is about `subject`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for anything else: another format or version, another model, another meter or another
    /// version of it, another boundary, a point that cannot be true, a fit that is not of its meter.
    pub fn import(subject: &Subject, text: &str) -> Result<Self> {
        let series: Self = read(SERIES_FORMAT, text)?;
        let Subject { model, meter, boundary } = series.subject();
        if *model != subject.model {
            return Err(fault(format!("it is of {model}, not of {}", subject.model)));
        }
        if *meter != subject.meter {
            return Err(fault(format!("its readings are by {meter}, not by {}", subject.meter)));
        }
        if *boundary != subject.boundary {
            return Err(fault(format!(
                "its readings are at the {boundary}, not at the {}",
                subject.boundary
            )));
        }
        Ok(series)
    }
}

impl CalibrationBook {
    /// The whole book as JSON.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`], which does not happen: every number in it is finite.
    pub fn export(&self) -> Result<String> {
        let by_hand = self.by_hand.iter();
        let book = Book {
            series: self.series.values().cloned().collect(),
            by_hand: by_hand
                .map(|(model, profile)| ByHand { model: model.clone(), profile: profile.clone() })
                .collect(),
            trusted: self.trusted.clone(),
            passed_over: self.passed_over.clone(),
        };
        write(BOOK_FORMAT, &book)
    }

    /// Reads what [`CalibrationBook::export`] wrote.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for anything else, another version included.
    pub fn import(text: &str) -> Result<Self> {
        let Book { series, by_hand, trusted, passed_over } = read(BOOK_FORMAT, text)?;
        let given = series.len();
        let series: BTreeMap<_, _> =
            series.into_iter().map(|series| (series.subject().clone(), series)).collect();
        if series.len() != given || given > SERIES {
            return Err(fault(format!("a book has at most {SERIES} series, no two of one subject")));
        }
        let by_hand = by_hand.into_iter().map(|ByHand { model, profile }| (model, profile)).collect();
        Ok(Self { series, by_hand, trusted, passed_over })
    }
}

fn fault(message: String) -> Error {
    Error::new(ErrorKind::Config, "calibration", message)
}

fn write<T: Serialize>(format: &str, calibration: T) -> Result<String> {
    let file = File { format: format.to_owned(), version: VERSION, calibration };
    serde_json::to_string_pretty(&file).map_err(|error| {
        Error::new(ErrorKind::Internal, "calibration", "it could not be written").with_source(error)
    })
}

/// The format and the version are read first: what another version means by its fields is not guessed.
fn read<T: DeserializeOwned>(format: &str, text: &str) -> Result<T> {
    let file: File<serde_json::Value> = serde_json::from_str(text)
        .map_err(|error| fault(format!("this is no exported calibration: {error}")))?;
    if file.format != format || file.version != VERSION {
        let File { format: found, version, .. } = file;
        return Err(fault(format!("this is `{found}` version {version}, not `{format}` version {VERSION}")));
    }
    serde_json::from_value(file.calibration).map_err(|error| fault(format!("it cannot be read: {error}")))
}
