//! Which boards a process may use, as CUDA reads it from `CUDA_VISIBLE_DEVICES`.

use std::fmt;

/// What one entry names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The board that CUDA counts so, from 0.
    Index(u32),
    /// A board, or an instance of a divided one (`MIG-…`); the name may be cut short where it is one board's.
    Uuid(String),
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index(index) => write!(f, "board {index}"),
            Self::Uuid(uuid) => f.write_str(uuid),
        }
    }
}

/// The entries of the list up to the first that CUDA would not take; `None` for every board.
///
/// An empty list is a list: it hides every board.
pub(super) fn wanted(list: Option<&str>) -> Option<Vec<Wanted>> {
    let entries = list?.split(',').map(str::trim);
    let known = entries.map_while(|entry| match entry.parse() {
        Ok(index) => Some(Wanted::Index(index)),
        Err(_) if entry.starts_with("GPU-") || entry.starts_with("MIG-") => {
            Some(Wanted::Uuid(entry.to_owned()))
        }
        Err(_) => None,
    });
    let mut once: Vec<Wanted> = Vec::new();
    for entry in known {
        if !once.contains(&entry) {
            once.push(entry);
        }
    }
    Some(once)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_as_cuda_reads_it() {
        let (one, zero) = (Wanted::Index(1), Wanted::Index(0));
        assert_eq!(wanted(None), None);
        for (list, read) in [
            ("", vec![]),
            ("NoDevFiles", vec![]),
            ("-1", vec![]),
            ("1, 0", vec![one.clone(), zero.clone()]),
            ("1,-1,0", vec![one.clone()]),
            ("1,1,0", vec![one, zero]),
            ("GPU-8932f937,MIG-1", vec![Wanted::Uuid("GPU-8932f937".into()), Wanted::Uuid("MIG-1".into())]),
        ] {
            assert_eq!(wanted(Some(list)), Some(read), "{list}");
        }
    }
}
