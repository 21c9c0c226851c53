//! Checks of SentencePiece's compiled character maps, which the `tokenizers` crate follows without looking.

use super::fault::FileFault;

const FAULT: &str = "a whole character map";

/// The longest text that may stand for a character: the longest of Unicode's own has 33 bytes.
const MAX_TEXT: usize = 256;

/// Whether no text can lead out of `map`: the bytes of a double array, their number in front, then texts that end
/// with a zero each.
///
/// A unit leads to the one at its own place, moved by its offset and by the next byte of a text; so blocks of 256
/// hold all that a unit can lead to. A unit with a leaf leads to one that is the place of a text.
fn sound(map: &[u8]) -> Option<()> {
    let (length, rest) = map.split_first_chunk::<4>()?;
    let (units, texts) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    let texts = std::str::from_utf8(texts).ok()?;
    let (units, []) = units.as_chunks::<4>() else { return None };
    if units.is_empty() || !units.len().is_multiple_of(256) {
        return None;
    }
    let unit = |at: usize| units.get(at).map(|unit| u32::from_le_bytes(*unit));
    for at in 0..units.len() {
        let found = unit(at)?;
        // A leaf: nothing leads on from it. But every search begins at the first unit, whatever that is.
        if at > 0 && found >> 31 == 1 {
            continue;
        }
        let offset = (found >> 10) << ((found & (1 << 9)) >> 6);
        let next = unit(at ^ usize::try_from(offset).ok()?)?;
        let text = usize::try_from(next & (u32::MAX >> 1)).ok()?;
        if found >> 8 & 1 == 1 {
            // Without a zero the last text ends with the map.
            let mut rest = texts.get(text..)?.bytes();
            if rest.by_ref().take(MAX_TEXT).all(|byte| byte != 0) && rest.next().is_some() {
                return None;
            }
        }
    }
    Some(())
}

/// Refuses a map that could lead astray; `key` is what the file calls it.
pub(super) fn check(map: &[u8], key: &str) -> Result<(), FileFault> {
    sound(map).ok_or_else(|| FileFault::WrongValue { key: key.to_owned(), allowed: FAULT })
}

/// The bytes that a map is in JSON.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    let digit = |char: u8| match char {
        b'A'..=b'Z' => Some(char - b'A'),
        b'a'..=b'z' => Some(char - b'a' + 26),
        b'0'..=b'9' => Some(char - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    for four in text.trim_end_matches('=').as_bytes().chunks(4) {
        let mut bits = 0_u32;
        for char in four {
            bits = bits << 6 | u32::from(digit(*char)?);
        }
        // Each digit beyond the first brings one more whole byte.
        let [_, whole @ ..] = (bits << (6 * (4 - four.len()))).to_be_bytes();
        bytes.extend(whole.iter().take(four.len() - 1));
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_the_usual_one() {
        for (text, expected) in
            [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYmE=", "fooba")]
        {
            assert_eq!(base64(text).unwrap(), expected.as_bytes());
        }
        assert!(base64("Zm9%").is_none());
    }

    #[test]
    fn maps_that_lead_astray_are_refused() {
        let map = |units: &[(usize, u32)], texts: &[u8]| {
            let mut blob = [0_u32; 256];
            units.iter().for_each(|(at, unit)| blob[*at] = *unit);
            let blob: Vec<u8> = blob.iter().flat_map(|unit| unit.to_le_bytes()).collect();
            [&1024_u32.to_le_bytes(), blob.as_slice(), texts].concat()
        };
        assert!(sound(&map(&[], "é\0".as_bytes())).is_some());
        assert!(sound(&map(&[(3, 300 << 10)], b"")).is_none(), "beyond the last unit");
        assert!(sound(&map(&[(0, u32::MAX)], b"")).is_none(), "a first unit that looks like a leaf");
        let leaf = |place: u32| [(3, 1 << 8 | 4 << 10), (7, 1 << 31 | place)];
        assert!(sound(&map(&leaf(2), "é\0".as_bytes())).is_some());
        assert!(sound(&map(&leaf(1), "é\0".as_bytes())).is_none(), "within a character");
        assert!(sound(&map(&leaf(9), "é\0".as_bytes())).is_none(), "beyond the texts");
        assert!(sound(&map(&leaf(0), &[b'a'; 256])).is_some());
        assert!(sound(&map(&leaf(0), &[b'a'; 300])).is_none(), "a novel for a character");
        let whole = map(&[], b"\xff");
        assert!(sound(&whole).is_none() && sound(&whole[..90]).is_none() && sound(&[]).is_none());
    }
}
