//! Keys and values of one request, kept between its tokens.

use candle_core::{DType, Device, Result, Tensor};

/// What one layer keeps. A layer with a window forgets what no later query can see.
#[derive(Debug)]
pub(super) struct LayerCache {
    held: Option<(Tensor, Tensor)>,
    /// The position of the first key held.
    first: usize,
    len: usize,
    window: usize,
}

/// The keys and values that some queries may see, `[kv heads, S, d]` each.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) keys: Tensor,
    pub(super) values: Tensor,
    /// The position of the first key.
    pub(super) first: usize,
}

impl LayerCache {
    pub(super) fn new(window: usize) -> Self {
        Self { held: None, first: 0, len: 0, window }
    }

    /// Adds the keys and values of the next positions, `[kv heads, T, d]` each.
    pub(super) fn append(&mut self, keys: &Tensor, values: &Tensor) -> Result<Seen> {
        let (heads, count, dim) = keys.dims3()?;
        let query = self.first + self.len;
        let visible = query.saturating_sub(self.window - 1).max(self.first);
        let (held_keys, held_values) = match self.held.take() {
            Some(held) if self.len + count <= held.0.dim(1)? => held,
            held => {
                let forgotten = visible - self.first;
                let kept = self.len - forgotten;
                let capacity = (2 * (kept + count)).max(MIN_CAPACITY);
                let roomy = |old: Option<Tensor>| -> Result<Tensor> {
                    let new = Tensor::zeros((heads, capacity, dim), DType::F32, &Device::Cpu)?;
                    if let Some(old) = old.filter(|_| kept > 0) {
                        new.slice_set(&old.narrow(1, forgotten, kept)?.contiguous()?, 1, 0)?;
                    }
                    Ok(new)
                };
                let (old_keys, old_values) = held.unzip();
                (self.first, self.len) = (visible, kept);
                (roomy(old_keys)?, roomy(old_values)?)
            }
        };
        held_keys.slice_set(keys, 1, self.len)?;
        held_values.slice_set(values, 1, self.len)?;
        self.len += count;
        let (from, seen) = (visible - self.first, self.first + self.len - visible);
        let view = |tensor: &Tensor| tensor.narrow(1, from, seen);
        let seen = Seen { keys: view(&held_keys)?, values: view(&held_values)?, first: visible };
        self.held = Some((held_keys, held_values));
        Ok(seen)
    }
}

const MIN_CAPACITY: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_forgets_and_a_whole_view_does_not() {
        for window in [3, usize::MAX] {
            let mut cache = LayerCache::new(window);
            for position in 0..2000_u16 {
                let keys = Tensor::full(f32::from(position), (2, 1, 4), &Device::Cpu).unwrap();
                let seen = cache.append(&keys, &keys).unwrap();
                let expected_first = usize::from(position).saturating_sub(window - 1);
                assert_eq!(seen.first, expected_first);
                let keys = seen.keys.contiguous().unwrap().to_vec3::<f32>().unwrap();
                assert_eq!(keys[1].len(), usize::from(position) + 1 - expected_first);
                assert!((keys[1][0][0] - f32::from(u16::try_from(expected_first).unwrap())).abs() < 0.5);
            }
            let (held, _) = cache.held.as_ref().unwrap();
            assert!(window > 3 || held.dim(1).unwrap() <= MIN_CAPACITY);
        }
    }
}
