use crate::table::{number, rows};
use greenroute_core::model::Deployment;
use greenroute_core::units::Power;
use std::collections::BTreeSet;
use std::sync::LazyLock;

const TABLE: &str = include_str!("../data/accelerators.csv");

/// Words that boards of one maker or kind bear alike, so that they tell nothing apart.
const COMMON: [&str; 14] = [
    "nvidia",
    "tesla",
    "geforce",
    "quadro",
    "amd",
    "instinct",
    "google",
    "cloud",
    "intel",
    "habana",
    "aws",
    "apple",
    "gpu",
    "accelerator",
];

/// What the maker of an accelerator says of one device. Whatever is not published is `None`.
#[derive(Debug, Clone, PartialEq)]
pub struct Accelerator {
    /// Its usual name.
    pub name: &'static str,
    /// Thermal design power.
    pub tdp: Option<Power>,
    /// Bandwidth of its memory, in 10⁹ bytes per second.
    pub gb_per_second: Option<f64>,
    /// Its memory, in 10⁹ bytes.
    pub memory_gb: Option<f64>,
    /// Dense operations on 16-bit numbers, in 10¹² per second.
    pub half_tflops: Option<f64>,
    /// Dense operations on 8-bit floating-point numbers, in 10¹² per second.
    pub fp8_tflops: Option<f64>,
}

struct Row {
    device: Accelerator,
    words: Vec<BTreeSet<&'static str>>,
    also: BTreeSet<&'static str>,
}

static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| rows(TABLE).filter_map(|row| Row::read(&row)).collect());

impl Accelerator {
    /// The accelerator of this name, such as `NVIDIA H100 80GB HBM3` or `A100-SXM4-80GB`.
    ///
    /// `None` where the name has a word that no row accounts for (`RTX 4090 Laptop`, a slice of a device), or leaves
    /// open which of several it is (`A100`): a device is never taken for another.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        let name = name.to_lowercase();
        let cut = |letter: char| !(letter.is_alphanumeric() || letter == '.');
        let words: BTreeSet<&str> = name.split(cut).filter(|word| !word.is_empty()).collect();
        let mut fitting = ROWS.iter().filter(|row| row.fits(&words));
        let found = fitting.next()?;
        fitting.next().is_none().then_some(&found.device)
    }

    /// All that are known.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        ROWS.iter().map(|row| &row.device)
    }

    /// What is known of the device of a deployment: what the deployment itself states, else the maker's figures.
    #[must_use]
    pub fn of(deployment: &Deployment) -> Self {
        let unknown = Self {
            name: "",
            tdp: None,
            gb_per_second: None,
            memory_gb: None,
            half_tflops: None,
            fp8_tflops: None,
        };
        let made = Self::named(&deployment.device).cloned().unwrap_or(unknown);
        Self {
            tdp: deployment.tdp_watts.or(made.tdp),
            gb_per_second: deployment.bandwidth_gb_per_second.or(made.gb_per_second),
            memory_gb: deployment.memory_gb.or(made.memory_gb),
            ..made
        }
    }
}

impl Row {
    fn read(row: &[&'static str]) -> Option<Self> {
        let &[name, words, also, ..] = row else { return None };
        let split = |cell: &'static str| cell.split_whitespace().collect();
        let device = Accelerator {
            name,
            tdp: number(row, 3).and_then(|watts| Power::try_from_watts(watts).ok()),
            gb_per_second: number(row, 4),
            memory_gb: number(row, 5),
            half_tflops: number(row, 6),
            fp8_tflops: number(row, 7),
        };
        Some(Self { device, words: words.split('|').map(split).collect(), also: split(also) })
    }

    fn fits(&self, words: &BTreeSet<&str>) -> bool {
        let explained = |needed: &BTreeSet<&str>| {
            words
                .iter()
                .all(|word| needed.contains(word) || self.also.contains(word) || COMMON.contains(word))
        };
        self.words.iter().any(|needed| needed.is_subset(words) && explained(needed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(device: &str) -> Option<&'static str> {
        Accelerator::named(device).map(|device| device.name)
    }

    #[test]
    fn a_device_is_known_by_the_names_that_its_driver_and_its_users_give_it() {
        for (device, expected) in [
            ("NVIDIA H100 80GB HBM3", "H100"),
            ("H100", "H100"),
            ("h100-sxm5-80gb", "H100"),
            ("NVIDIA H100 PCIe", "H100 PCIe"),
            ("NVIDIA A100-SXM4-40GB", "A100 SXM 40GB"),
            ("NVIDIA A100 80GB PCIe", "A100 PCIe 80GB"),
            ("Tesla T4", "T4"),
            ("L4", "L4"),
            ("H100 PCIe", "H100 PCIe"),
            ("NVIDIA A100-SXM4-80GB", "A100 SXM 80GB"),
            ("Tesla V100-SXM2-32GB", "V100 SXM2 32GB"),
            ("NVIDIA GH200 480GB", "GH200 96GB"),
            ("Tesla V100-SXM2-16GB", "V100 SXM2 16GB"),
            ("NVIDIA GeForce RTX 4090", "RTX 4090"),
            ("NVIDIA RTX 6000 Ada Generation", "RTX 6000 Ada"),
            ("AMD Instinct MI300X", "MI300X"),
            ("TPU v5p", "TPU v5p"),
            ("Apple M2 Ultra", "M2 Ultra"),
        ] {
            assert_eq!(name(device), Some(expected), "{device}");
        }
    }

    #[test]
    fn a_device_is_never_taken_for_another() {
        assert_eq!((name("NVIDIA A10"), name("NVIDIA A10G")), (Some("A10"), Some("A10G")));
        assert_eq!((name("L4"), name("L40"), name("L40S")), (Some("L4"), Some("L40"), Some("L40S")));
        assert_eq!((name("B200"), name("GB200")), (Some("B200"), Some("GB200")));
        for device in [
            "",
            "NVIDIA",
            "A100",
            "V100",
            "A1000",
            "H1000",
            "RTX 4090 Laptop",
            "RTX 3090 Ti",
            "NVIDIA H100 80GB HBM3 MIG 1g.10gb",
            "H100 H200",
            "8xH100",
            "M3 Max",
        ] {
            assert_eq!(name(device), None, "{device}");
        }
    }

    #[test]
    fn every_row_finds_itself_and_has_a_source_and_plausible_numbers() {
        assert_eq!(Accelerator::all().count(), rows(TABLE).count());
        for row in rows(TABLE) {
            assert_eq!(row.len(), 9, "{row:?}");
            let device = Accelerator::named(row[1].split('|').next().unwrap()).unwrap();
            assert_eq!(device.name, row[0]);
            assert!(row[8].starts_with("https://"), "{row:?}");
            let within = |value: Option<f64>, range: std::ops::RangeInclusive<f64>| {
                assert!(value.is_none_or(|value| range.contains(&value)), "{row:?}");
            };
            within(device.tdp.map(Power::as_watts), 50.0..=2000.0);
            within(device.gb_per_second, 50.0..=20_000.0);
            within(device.memory_gb, 8.0..=600.0);
            within(device.half_tflops, 20.0..=6000.0);
            within(device.fp8_tflops, 100.0..=12_000.0);
            let mut cells = row[3..8].iter().filter(|cell| !cell.is_empty());
            assert!(cells.all(|cell| cell.parse::<f64>().is_ok()), "{row:?}");
        }
    }

    #[test]
    fn what_a_deployment_states_beats_the_makers_figures() {
        let stated = Deployment { tdp_watts: Some(Power::from_watts(500.0)), ..Deployment::new("H200", 1) };
        let device = Accelerator::of(&stated);
        assert_eq!((device.tdp, device.gb_per_second), (Some(Power::from_watts(500.0)), Some(4800.0)));
        assert_eq!(Accelerator::of(&Deployment::new("something else", 1)).tdp, None);
    }
}
