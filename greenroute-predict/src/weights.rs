//! The file of weights: tensors with names, a fingerprint over all of them, and where they come from.

mod draft;

pub use draft::Draft;

use greenroute_core::{Error, ErrorKind, Result};
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, OnceLock};

static SHIPPED: &[u8] = include_bytes!("../data/brain.safetensors");
/// The one key of the file's own metadata, under which [`About`] stands as JSON: several keys would have no order.
const METADATA: &str = "greenroute";
/// The layout that this version reads.
const FORMAT: u32 = 1;

/// What a file of weights says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The date on which it was made, such as `2026-11-21`.
    pub as_of: String,
    /// CRC-32 over all tensors, eight hexadecimal digits; [`Draft`] fills it in.
    #[serde(default)]
    pub fingerprint: String,
    /// The layout: 1.
    pub format: u32,
    /// Texts whose embeddings stand in the tensor `golden.embeddings`.
    #[serde(default)]
    pub golden: Vec<String>,
    /// The licence of the weights.
    pub licence: String,
    /// The name, such as `greenroute-brain`.
    pub name: String,
    /// What they were made from, and how.
    pub source: String,
    /// Which edition of that name.
    pub version: String,
}

/// A read file of weights. Whoever reads a tensor says its shape; nothing is guessed.
pub struct Weights {
    bytes: Cow<'static, [u8]>,
    tensors: BTreeMap<String, Tensor>,
    about: About,
    origin: String,
}

struct Tensor {
    kind: Dtype,
    shape: Vec<usize>,
    span: Range<usize>,
}

impl Weights {
    /// The weights in this package, read once for the whole process.
    ///
    /// # Errors
    /// [`ErrorKind::Decode`] if the package was built from a broken file.
    pub fn shipped() -> Result<Arc<Self>> {
        static READ: OnceLock<Arc<Weights>> = OnceLock::new();
        if let Some(weights) = READ.get() {
            return Ok(Arc::clone(weights));
        }
        let weights = Arc::new(Self::read(Cow::Borrowed(SHIPPED), "the shipped weights".into())?);
        Ok(Arc::clone(READ.get_or_init(|| weights)))
    }

    /// A file of one's own, as the trainer writes it.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for a file that cannot be read, [`ErrorKind::Decode`] for one that is no file of weights, is
    /// cut short or altered, or has a layout of another version.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let origin = path.display().to_string();
        let bytes = fs::read(path).map_err(|error| {
            Error::new(ErrorKind::Config, origin.as_str(), "cannot be read").with_source(error)
        })?;
        Self::read(Cow::Owned(bytes), origin)
    }

    /// From a file's bytes; `origin` names them in errors.
    ///
    /// # Errors
    /// [`ErrorKind::Decode`], as [`open`](Self::open).
    pub fn from_bytes(bytes: Vec<u8>, origin: impl Into<String>) -> Result<Self> {
        Self::read(Cow::Owned(bytes), origin.into())
    }

    fn read(bytes: Cow<'static, [u8]>, origin: String) -> Result<Self> {
        let wrong = |what: &str| Error::new(ErrorKind::Decode, origin.as_str(), what);
        let (header, metadata) = SafeTensors::read_metadata(&bytes)
            .map_err(|error| wrong("is no whole safetensors file").with_source(error))?;
        let about = metadata.metadata().as_ref().and_then(|map| map.get(METADATA));
        let about = about.ok_or_else(|| wrong("says nothing about itself: no metadata `greenroute`"))?;
        let about: About = serde_json::from_str(about)
            .map_err(|error| wrong("its metadata `greenroute` is not as expected").with_source(error))?;
        if about.format != FORMAT {
            return Err(wrong(&format!("has layout {}; this version reads layout {FORMAT}", about.format)));
        }
        let start = header + size_of::<u64>();
        let tensors: BTreeMap<String, Tensor> = metadata
            .tensors()
            .into_iter()
            .map(|(name, info)| {
                let (from, to) = info.data_offsets;
                let span = start + from..start + to;
                (name, Tensor { kind: info.dtype, shape: info.shape.clone(), span })
            })
            .collect();
        let found = fingerprint(tensors.iter().map(|(name, tensor)| {
            let data = bytes.get(tensor.span.clone()).unwrap_or_default();
            (name.as_str(), tensor.kind, tensor.shape.as_slice(), data)
        }));
        if found != about.fingerprint {
            let stated = &about.fingerprint;
            return Err(wrong(&format!("has fingerprint {found}, but states {stated}: it was altered")));
        }
        Ok(Self { bytes, tensors, about, origin })
    }

    /// What the file says about itself.
    #[must_use]
    pub const fn about(&self) -> &About {
        &self.about
    }

    /// How errors name it: the path, or `the shipped weights`.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The names of all tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// The shape of a tensor; `None` if there is none of that name.
    #[must_use]
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|tensor| tensor.shape.as_slice())
    }

    /// A tensor's numbers, the last dimension running fastest.
    ///
    /// # Errors
    /// [`ErrorKind::Decode`] if there is no such tensor, or of another type or shape, or with a number that is not
    /// finite.
    pub fn tensor_f32(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let bytes = self.at(&self.span(name, Dtype::F32, shape)?);
        let (numbers, _) = bytes.as_chunks::<4>();
        let numbers: Vec<f32> = numbers.iter().map(|number| f32::from_le_bytes(*number)).collect();
        if numbers.iter().all(|number| number.is_finite()) {
            return Ok(numbers);
        }
        Err(self.wrong(format!("tensor {name} has numbers that are not finite")))
    }

    /// A tensor of small whole numbers.
    ///
    /// # Errors
    /// [`ErrorKind::Decode`] if there is no such tensor, or of another type or shape.
    pub fn tensor_i8(&self, name: &str, shape: &[usize]) -> Result<Vec<i8>> {
        let bytes = self.at(&self.span(name, Dtype::I8, shape)?);
        Ok(bytes.iter().map(|byte| byte.cast_signed()).collect())
    }

    /// A tensor that is text.
    ///
    /// # Errors
    /// [`ErrorKind::Decode`] if there is no such tensor, or of another type, or not UTF-8.
    pub fn tensor_text(&self, name: &str) -> Result<&str> {
        let shape = self.shape(name).unwrap_or_default().to_vec();
        let bytes = self.at(&self.span(name, Dtype::U8, &shape)?);
        str::from_utf8(bytes)
            .map_err(|error| self.wrong(format!("tensor {name} is not UTF-8")).with_source(error))
    }

    /// Where a tensor of this type and shape stands, for [`at`](Self::at).
    pub(crate) fn span(&self, name: &str, kind: Dtype, shape: &[usize]) -> Result<Range<usize>> {
        let Some(tensor) = self.tensors.get(name) else {
            return Err(self.wrong(format!("has no tensor {name}, expected {kind:?} {shape:?}")));
        };
        if tensor.kind != kind || tensor.shape != shape {
            let (found, size) = (tensor.kind, &tensor.shape);
            return Err(
                self.wrong(format!("tensor {name} is {found:?} {size:?}, expected {kind:?} {shape:?}"))
            );
        }
        Ok(tensor.span.clone())
    }

    /// The bytes there.
    pub(crate) fn at(&self, span: &Range<usize>) -> &[u8] {
        self.bytes.get(span.clone()).unwrap_or_default()
    }

    pub(crate) fn wrong(&self, what: impl Into<String>) -> Error {
        Error::new(ErrorKind::Decode, self.origin.as_str(), what)
    }
}

impl fmt::Debug for Weights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Weights")
            .field("origin", &self.origin)
            .field("about", &self.about)
            .finish_non_exhaustive()
    }
}

/// CRC-32 over tensors in the order of their names: `name type AxB`, a line feed, the bytes.
fn fingerprint<'a>(tensors: impl Iterator<Item = (&'a str, Dtype, &'a [usize], &'a [u8])>) -> String {
    let mut sum = crc32fast::Hasher::new();
    for (name, kind, shape, data) in tensors {
        let shape: Vec<String> = shape.iter().map(ToString::to_string).collect();
        sum.update(format!("{name} {kind:?} {}\n", shape.join("x")).as_bytes());
        sum.update(data);
    }
    format!("{:08x}", sum.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    fn about() -> About {
        About {
            as_of: "2026-11-21".into(),
            fingerprint: String::new(),
            format: FORMAT,
            golden: Vec::new(),
            licence: "MIT".into(),
            name: "tiny".into(),
            source: "a test".into(),
            version: "1".into(),
        }
    }

    fn tiny() -> Vec<u8> {
        Draft::new(about())
            .f32("heads.bias", &[2], &[0.5, -1.0])
            .i8("tasks.rows", &[2, 2], &[1, -2, 127, -127])
            .text("words", "alpha\nbeta")
            .to_bytes()
            .unwrap()
    }

    fn refused(bytes: Vec<u8>) -> String {
        let error = Weights::from_bytes(bytes, "tiny.safetensors").unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Decode);
        error.to_string()
    }

    #[test]
    fn what_is_written_is_read_again() {
        let read = Weights::from_bytes(tiny(), "tiny").unwrap();
        assert_eq!(read.tensor_f32("heads.bias", &[2]).unwrap(), [0.5, -1.0]);
        assert_eq!(read.tensor_i8("tasks.rows", &[2, 2]).unwrap(), [1, -2, 127, -127]);
        assert_eq!(read.tensor_text("words").unwrap(), "alpha\nbeta");
        assert_eq!(read.names().collect::<Vec<_>>(), ["heads.bias", "tasks.rows", "words"]);
        assert_eq!(read.about().name, "tiny");
        assert_eq!(tiny(), tiny(), "the same numbers make the same file");
    }

    #[test]
    fn a_draft_takes_over_what_stands_in_a_file() {
        let read = Weights::from_bytes(tiny(), "tiny").unwrap();
        let again = Draft::over(&read).f32("heads.bias", &[1], &[2.0]).to_bytes().unwrap();
        let again = Weights::from_bytes(again, "again").unwrap();
        assert_eq!(again.tensor_f32("heads.bias", &[1]).unwrap(), [2.0]);
        assert_eq!(again.tensor_text("words").unwrap(), "alpha\nbeta");
    }

    #[test]
    fn a_file_cut_anywhere_is_refused() {
        let whole = tiny();
        for length in 0..whole.len() {
            refused(whole[..length].to_vec());
        }
    }

    #[test]
    fn one_altered_bit_is_seen() {
        let mut bytes = tiny();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        assert!(refused(bytes).contains("it was altered"));
    }

    #[test]
    fn any_altered_byte_is_refused_or_does_no_harm() {
        let whole = tiny();
        for at in 0..whole.len() {
            for other in [0, b'0', b'9', b'"', 0x7f, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] = other;
                let Ok(read) = Weights::from_bytes(bytes, "tiny") else { continue };
                // Only what the file says of itself may differ.
                assert_eq!(read.tensor_f32("heads.bias", &[2]).unwrap(), [0.5, -1.0], "{other} at {at}");
                assert_eq!(read.tensor_i8("tasks.rows", &[2, 2]).unwrap(), [1, -2, 127, -127]);
                assert_eq!(read.tensor_text("words").unwrap(), "alpha\nbeta");
            }
        }
    }

    #[test]
    fn a_foreign_file_and_another_layout_are_refused_by_name() {
        let foreign =
            safetensors::serialize::<String, safetensors::tensor::TensorView<'_>, _>([], None).unwrap();
        assert!(refused(foreign).contains("says nothing about itself"));
        let later = Draft::new(About { format: 2, ..about() }).to_bytes().unwrap();
        assert!(refused(later).contains("layout 2; this version reads layout 1"));
    }

    #[test]
    fn errors_name_the_file_the_tensor_and_what_is_expected() {
        let read = Weights::from_bytes(tiny(), "tiny.safetensors").unwrap();
        let missing = read.tensor_f32("heads.slope", &[3]).unwrap_err().to_string();
        assert!(missing.contains("tiny.safetensors") && missing.contains("heads.slope"), "{missing}");
        let shape = read.tensor_f32("heads.bias", &[3]).unwrap_err().to_string();
        assert!(shape.contains("F32 [2], expected F32 [3]"), "{shape}");
        assert!(read.tensor_i8("heads.bias", &[2]).is_err());
        let strange = Draft::new(about()).f32("x", &[1], &[f32::NAN]).to_bytes().unwrap();
        let strange = Weights::from_bytes(strange, "strange").unwrap();
        assert!(strange.tensor_f32("x", &[1]).unwrap_err().to_string().contains("not finite"));
    }

    #[test]
    fn a_missing_file_is_a_matter_of_configuration() {
        let error = Weights::open("/nowhere/brain.safetensors").unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Config);
    }

    #[test]
    fn a_tensor_of_another_size_than_its_shape_is_not_written() {
        let error = Draft::new(about()).f32("x", &[3], &[1.0]).to_bytes().unwrap_err();
        assert!(error.to_string().contains('x'));
    }

    #[test]
    fn the_shipped_file_is_the_recorded_one() {
        let recorded = include_str!("../data/brain.safetensors.sha256");
        let found: String = Sha256::digest(SHIPPED).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(recorded.split_whitespace().next(), Some(found.as_str()));
        assert!(SHIPPED.len() < 9_500_000);
        assert_eq!(Weights::shipped().unwrap().about().licence, "Apache-2.0");
    }
}
