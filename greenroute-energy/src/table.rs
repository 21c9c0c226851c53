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
    use std::fs;
    use std::path::{Path, PathBuf};

    fn tables(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                tables(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "csv") {
                found.push(path);
            }
        }
    }

    #[test]
    fn every_table_names_its_source_and_date() {
        let mut found = Vec::new();
        tables(&Path::new(env!("CARGO_MANIFEST_DIR")).join("data"), &mut found);
        assert!(found.len() >= 18, "{found:?}");
        for path in found {
            let text = fs::read_to_string(&path).unwrap();
            let told = |name: &str| text.lines().any(|line| line.starts_with(&format!("# {name}: ")));
            assert!(told("source") && told("as_of"), "{}", path.display());
        }
    }
}
