//! The bodies of version 3.

use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct Login {
    pub(super) token: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Located {
    pub(super) region: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Access {
    pub(super) signal_types: Vec<Signal>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Signal {
    pub(super) signal_type: String,
    pub(super) regions: Vec<Located>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Series {
    pub(super) data: Vec<Point>,
    pub(super) meta: Meta,
}

#[derive(Debug, Deserialize)]
pub(super) struct Point {
    pub(super) point_time: String,
    pub(super) value: f64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Meta {
    pub(super) region: String,
    pub(super) signal_type: String,
    pub(super) units: String,
    pub(super) data_point_period_seconds: f64,
    #[serde(default)]
    pub(super) warnings: Vec<Warning>,
    model: Option<Model>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Warning {
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) message: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Model {
    date: Option<String>,
}

impl Meta {
    /// Names the region, the model and every warning.
    pub(super) fn source(&self, region: &str) -> String {
        let short = |text: &str| text.chars().take(80).collect::<String>();
        let mut source = format!("WattTime {region}");
        if let Some(date) = self.model.as_ref().and_then(|model| model.date.as_deref()) {
            source.push_str(&format!(", model of {}", short(date)));
        }
        for Warning { kind, message } in self.warnings.iter().take(3) {
            let (kind, message) =
                (kind.as_deref().unwrap_or_default(), message.as_deref().unwrap_or_default());
            source.push_str(&format!(", warning {}: {}", short(kind), short(message)));
        }
        source
    }
}
