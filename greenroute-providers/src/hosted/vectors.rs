//! What every provider holds texts and their vectors to.

use super::estimate::output;
use greenroute_core::units::Tokens;
use greenroute_core::usage::{Counted, Usage};
use greenroute_core::{EmbedRequest, Error, ErrorKind, Result};

/// Whether `request` may be sent to `provider`.
///
/// # Errors
/// [`ErrorKind::ModelNotFound`] for another provider's model, [`ErrorKind::InvalidRequest`] for no texts, an empty one,
/// or no dimensions.
pub(crate) fn check(request: &EmbedRequest, provider: &str) -> Result<()> {
    let fault = |kind, message: &str| Err(Error::new(kind, request.model.to_string(), message));
    if request.model.provider.as_str() != provider {
        let message = format!("`{provider}` serves no model of `{}`", request.model.provider);
        return fault(ErrorKind::ModelNotFound, &message);
    }
    if request.texts.is_empty() || request.texts.iter().any(|text| text.trim().is_empty()) {
        return fault(ErrorKind::InvalidRequest, "there must be texts to embed, none of them empty");
    }
    if request.dimensions == Some(0) {
        return fault(ErrorKind::InvalidRequest, "`dimensions` must be at least 1");
    }
    Ok(())
}

/// `vectors`, where there is one for each of `texts` texts, all of one length and finite; else what is wrong with them.
pub(crate) fn hold(vectors: Vec<Vec<f32>>, texts: usize) -> Result<Vec<Vec<f32>>, String> {
    if vectors.len() != texts {
        return Err(format!("{} vectors came for {texts} texts", vectors.len()));
    }
    let length = vectors.first().map_or(0, Vec::len);
    if length == 0 || vectors.iter().any(|vector| vector.len() != length) {
        return Err("the vectors are empty or not of one length".to_owned());
    }
    if vectors.iter().flatten().any(|number| !number.is_finite()) {
        return Err("a vector holds a number that is not finite".to_owned());
    }
    Ok(vectors)
}

/// What was read: as the server counted, else by the length of the texts.
pub(crate) fn usage(request: &EmbedRequest, counted: Option<u64>) -> Counted {
    let usage = |tokens| Usage::new(tokens, Tokens::ZERO);
    match counted {
        Some(tokens) => Counted::Reported(usage(Tokens::new(tokens))),
        None => Counted::Approximate(usage(output(request.texts.iter().map(String::as_str)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroute_core::{EmbedPurpose, ModelKey};

    #[test]
    fn what_cannot_be_embedded_is_refused() {
        let request = |provider: &str, texts: &[&str], dimensions| EmbedRequest {
            model: ModelKey::new(provider, "m"),
            texts: texts.iter().map(|text| (*text).to_owned()).collect(),
            purpose: EmbedPurpose::Similarity,
            dimensions,
            timeout: None,
        };
        let kind = |request| check(&request, "p").map_err(|error| error.kind().clone());
        assert_eq!(kind(request("p", &["a"], Some(1))), Ok(()));
        assert_eq!(kind(request("q", &["a"], None)), Err(ErrorKind::ModelNotFound));
        for bad in [request("p", &[], None), request("p", &["a", " "], None), request("p", &["a"], Some(0))] {
            assert_eq!(kind(bad), Err(ErrorKind::InvalidRequest));
        }
        let read = usage(&request("p", &["one two", "three"], None), None);
        assert!(read.is_approximate() && read.usage().input_tokens() >= Tokens::new(3));
    }

    #[test]
    fn vectors_that_fit_no_text_are_refused() {
        for (vectors, texts) in [
            (vec![vec![1.0]], 2),
            (vec![vec![1.0], vec![1.0, 2.0]], 2),
            (vec![vec![]], 1),
            (vec![vec![f32::INFINITY]], 1),
            (vec![vec![f32::NAN]], 1),
        ] {
            assert!(hold(vectors.clone(), texts).is_err(), "{vectors:?}");
        }
        assert_eq!(hold(vec![vec![1.0], vec![2.0]], 2), Ok(vec![vec![1.0], vec![2.0]]));
    }
}
