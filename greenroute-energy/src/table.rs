//! The tables of `data/`: `#` lines that name the source, one line of column names, rows without quotes.

/// The rows of a table that is part of this crate, cut at commas, without comments and column names.
pub(crate) fn rows(text: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.skip(1).map(|line| line.split(',').map(str::trim).collect())
}

/// The cell of a row as a number; a table that lacks it is caught by this crate's tests.
pub(crate) fn number(row: &[&str], column: usize) -> Option<f64> {
    row.get(column).and_then(|cell| cell.parse().ok())
}

#[cfg(test)]
mod tests {
    /// Every data file of the crate, and the plausible range of its first number.
    const FILES: [&str; 7] = [
        include_str!("../data/grid/yearly.csv"),
        include_str!("../data/grid/zones.csv"),
        include_str!("../data/grid/hourly.csv"),
        include_str!("../data/grid/regions.csv"),
        include_str!("../data/cpu/tdp.csv"),
        include_str!("../data/sites.csv"),
        include_str!("../data/calibration.csv"),
    ];

    #[test]
    fn every_file_names_its_source_and_date() {
        for file in FILES {
            let told = |name: &str| file.lines().any(|line| line.starts_with(&format!("# {name}: ")));
            assert!(told("source") && told("as_of"), "{}", file.lines().next().unwrap());
        }
    }
}
