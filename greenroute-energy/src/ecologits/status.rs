use std::fmt;

/// What EcoLogits says beside its impacts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Warning {
    /// The model's maker has not told its architecture.
    ArchitectureNotReleased,
    /// The model is multimodal.
    Multimodal,
    /// The mix has the world's ADPe.
    WorldAdpe,
    /// The mix has the world's primary energy.
    WorldPe,
    /// The mix has the world's water use.
    WorldWue,
}

/// Each warning, its short name in the tables, its code and its message.
const WARNINGS: [(Warning, &str, &str, &str); 5] = [
    (
        Warning::ArchitectureNotReleased,
        "arch",
        "model-arch-not-released",
        "The model architecture has not been released, expect lower precision.",
    ),
    (
        Warning::Multimodal,
        "multimodal",
        "model-arch-multimodal",
        "The model architecture is multimodal, expect lower precision.",
    ),
    (
        Warning::WorldAdpe,
        "adpe",
        "electricity-mix-adpe-world",
        "The electricity mix ADPe factor is using the world default value, expect lower precision.",
    ),
    (
        Warning::WorldPe,
        "pe",
        "electricity-mix-pe-world",
        "The electricity mix PE factor is using the world default value, expect lower precision.",
    ),
    (
        Warning::WorldWue,
        "wue",
        "electricity-mix-wue-world",
        "The electricity mix WUE factor is using the world default value, expect lower precision.",
    ),
];

impl Warning {
    /// The warnings of a cell such as `arch+multimodal`.
    pub(super) fn shorts(cell: &str) -> Vec<Self> {
        let one = |short: &str| WARNINGS.iter().find(|(_, known, ..)| *known == short).map(|(it, ..)| *it);
        cell.split('+').filter_map(one).collect()
    }

    fn row(self) -> (&'static str, &'static str) {
        let row = WARNINGS.iter().find(|(it, ..)| *it == self);
        row.map_or(("", ""), |(_, _, code, message)| (code, message))
    }

    /// EcoLogits' code of it.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.row().0
    }
}

/// EcoLogits' message.
impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().1)
    }
}

/// Why there are no impacts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// EcoLogits does not know this model at this provider.
    ModelNotRegistered {
        /// The provider asked for.
        provider: String,
        /// The model asked for.
        model: String,
    },
    /// EcoLogits has no electricity mix of this zone.
    ZoneNotRegistered {
        /// The zone asked for.
        zone: String,
    },
    /// The latency is negative or not a number, which EcoLogits would calculate with.
    NotALatency,
}

impl Refusal {
    /// EcoLogits' code of it, or `not-a-latency`, which is greenroute's own.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ModelNotRegistered { .. } => "model-not-registered",
            Self::ZoneNotRegistered { .. } => "zone-not-registered",
            Self::NotALatency => "not-a-latency",
        }
    }
}

/// EcoLogits' message.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ModelNotRegistered { provider, model } => {
                write!(f, "Could not find model `{model}` for {provider} provider.")
            }
            Self::ZoneNotRegistered { zone } => {
                write!(f, "Could not find electricity mix for `{zone}` zone.")
            }
            Self::NotALatency => f.write_str("The request latency must be a number of seconds, at least 0."),
        }
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_have_ecologits_codes_and_messages() {
        let both = Warning::shorts("arch+multimodal");
        assert_eq!(both, [Warning::ArchitectureNotReleased, Warning::Multimodal]);
        assert_eq!(Warning::WorldWue.code(), "electricity-mix-wue-world");
        assert!(both[0].to_string().starts_with("The model architecture has not been released"));
        assert_eq!(Warning::shorts(""), []);
    }
}
