use greenroute_core::units::Power;
use std::collections::HashSet;

const TABLE: &str = include_str!("../../data/cpu/tdp.csv");

/// A row of codecarbon's table of processors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Processor {
    /// Its name in the table.
    pub name: &'static str,
    /// Thermal design power of one package; `None` where the table's cell is no number.
    pub tdp: Option<Power>,
}

/// The processor that codecarbon takes for one of this name: of the same name but for case, else the same without marks
/// and clock, else the only row whose words all stand in the name, or the other way round, which is where rapidfuzz's
/// `token_set_ratio` is 100.
#[must_use]
pub fn processor(name: &str) -> Option<Processor> {
    let cleaned = clean(name);
    let same = |wanted: &str| {
        let wanted = wanted.to_lowercase();
        table().find(move |row| row.name.to_lowercase() == wanted)
    };
    same(name).or_else(|| same(&cleaned)).or_else(|| by_words(&cleaned))
}

fn table() -> impl Iterator<Item = Processor> {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#')).skip(1);
    lines.filter_map(|line| {
        let (name, watts) = line.rsplit_once(',')?;
        let tdp = watts.parse().ok().and_then(|watts| Power::try_from_watts(watts).ok());
        Some(Processor { name, tdp })
    })
}

/// Without `(R)`, ` CPU` and the clock: from ` CPU @ ` on, and any ` @ 2.60GHz`.
fn clean(name: &str) -> String {
    let name = name.replace("(R)", "");
    let end = name.find(" CPU @ ").filter(|&at| at > 0).unwrap_or(name.len());
    let mut rest = name.get(..end).unwrap_or(&name).replace(" CPU", "");
    let mut kept = String::new();
    while let Some(at) = rest.find(" @") {
        let (before, clock) = rest.split_at(at);
        kept.push_str(before);
        rest = match without_clock(clock) {
            Some(after) => after.to_owned(),
            None => {
                kept.push_str(" @");
                clock.trim_start_matches(' ').trim_start_matches('@').to_owned()
            }
        };
    }
    kept + &rest
}

/// What follows ` @ 2.60GHz`, if that is how `text` begins.
fn without_clock(text: &str) -> Option<&str> {
    let digits = |text: &'_ str| text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let whole = text.strip_prefix(" @")?.trim_start();
    let fraction = whole.get(whole.len() - digits(whole)..)?;
    let after_point = fraction.strip_prefix('.').filter(|_| fraction.len() < whole.len())?;
    let unit = after_point.get(after_point.len() - digits(after_point)..)?;
    unit.strip_prefix("GHz").filter(|_| unit.len() < after_point.len())
}

fn words(text: &str) -> HashSet<String> {
    let spaced: String = text.chars().map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect();
    spaced.to_lowercase().split_whitespace().map(str::to_owned).collect()
}

fn by_words(name: &str) -> Option<Processor> {
    let wanted = words(name);
    let mut found = table().filter(|row| {
        let known = words(row.name);
        !known.is_empty() && !wanted.is_empty() && (known.is_subset(&wanted) || wanted.is_subset(&known))
    });
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_taken_off_and_nothing_else() {
        for (name, cleaned) in [
            ("Intel(R) Core(TM) i7-8550U CPU @ 1.80GHz", "Intel Core(TM) i7-8550U"),
            ("11th Gen Intel(R) Core(TM) i7-1185G7 @ 3.00GHz", "11th Gen Intel Core(TM) i7-1185G7"),
            ("A @3.00GHz B @ 2.1GHz @ 4GHz @ .5GHz", "A B @ 4GHz @ .5GHz"),
            (" CPU @ 2.60GHz", ""),
            ("X CPU 5 CPU @ whatever", "X 5"),
            ("@ @", "@ @"),
        ] {
            assert_eq!(clean(name), cleaned, "{name}");
        }
    }

    #[test]
    fn every_tdp_is_plausible_or_told_to_be_none() {
        let rows: Vec<_> = table().collect();
        assert_eq!(rows.len(), 4918);
        assert_eq!(rows.iter().filter(|row| row.tdp.is_none()).count(), 4);
        for row in rows {
            let watts = row.tdp.map_or(1.0, Power::as_watts);
            assert!(
                (0.3..=600.0).contains(&watts) || row.name.ends_with("Quark Microcontroller D1000"),
                "{row:?}"
            );
        }
    }

    #[test]
    fn a_name_that_fits_several_rows_fits_none() {
        assert_eq!(processor("Intel"), None);
        assert_eq!(processor(""), None);
        assert_eq!(processor("AMD EPYC 7763 64-Core Processor").unwrap().name, "AMD EPYC 7763");
        assert_eq!(
            processor("Intel EP80579 Integrated, 600 MHz").unwrap().tdp,
            Some(Power::from_watts(11.0))
        );
    }
}
