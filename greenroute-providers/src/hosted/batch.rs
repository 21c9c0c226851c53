use greenroute_core::batch::BatchItem;
use greenroute_core::model::ModelKey;
use greenroute_core::{Error, ErrorKind, Result};
use std::collections::BTreeSet;

/// Whether `items` can be a batch: there are some, and each has an id of its own that every vendor takes.
///
/// # Errors
/// [`ErrorKind::InvalidRequest`], naming the id.
pub(crate) fn check_ids(provider: &str, items: &[BatchItem]) -> Result<()> {
    if items.is_empty() {
        return Err(empty(provider));
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let mut known = BTreeSet::new();
    for BatchItem { id, .. } in items {
        if !(1..=64).contains(&id.len()) || !id.bytes().all(allowed) {
            return Err(invalid(provider, format!("the id `{id}` must be 1 to 64 of `a-z A-Z 0-9 _ -`")));
        }
        if !known.insert(id) {
            return Err(invalid(provider, format!("the id `{id}` is given twice")));
        }
    }
    Ok(())
}

/// The model of all items, where a vendor takes but one.
///
/// # Errors
/// [`ErrorKind::InvalidRequest`], naming two models, and those of [`check_ids`].
pub(crate) fn one_model<'a>(provider: &str, items: &'a [BatchItem]) -> Result<&'a ModelKey> {
    check_ids(provider, items)?;
    let mut models = items.iter().map(|item| &item.request.model);
    let first = models.next().ok_or_else(|| empty(provider))?;
    match models.find(|model| *model != first) {
        None => Ok(first),
        Some(other) => {
            Err(invalid(provider, format!("a batch must be for one model, not for {first} and {other}")))
        }
    }
}

fn empty(provider: &str) -> Error {
    invalid(provider, "a batch must hold a request".to_owned())
}

fn invalid(provider: &str, message: String) -> Error {
    Error::new(ErrorKind::InvalidRequest, provider, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroute_core::chat::{ChatRequest, Message, Role};

    fn item(id: &str, model: &str) -> BatchItem {
        let request = ChatRequest::new(ModelKey::new("p", model), vec![Message::text(Role::User, "hi")]);
        BatchItem { id: id.into(), request }
    }

    #[test]
    fn a_batch_is_for_one_model_and_its_ids_are_told_apart() {
        assert_eq!(*one_model("p", &[item("a", "m"), item("b", "m")]).unwrap(), ModelKey::new("p", "m"));
        let long = "x".repeat(65);
        let mixed = [item("a", "m"), item("b", "n")];
        assert!(check_ids("p", &mixed).is_ok());
        let bad: [&[BatchItem]; 6] = [
            &[],
            &mixed,
            &[item("a", "m"), item("a", "m")],
            &[item("", "m")],
            &[item("a b", "m")],
            &[item(&long, "m")],
        ];
        for items in bad {
            assert_eq!(*one_model("p", items).unwrap_err().kind(), ErrorKind::InvalidRequest, "{items:?}");
        }
    }
}
