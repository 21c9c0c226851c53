//! Keys and values of one request, kept between its tokens.

/// What one layer keeps. A layer with a window forgets what no later query can see.
#[derive(Debug)]
pub(super) struct LayerCache {
    /// By head, by position, by dimension; each head has room for `capacity` positions.
    keys: Vec<f32>,
    values: Vec<f32>,
    heads: usize,
    dim: usize,
    capacity: usize,
    /// The position of the first key held.
    first: usize,
    len: usize,
    window: usize,
    /// The first position that the tokens added last may see.
    visible: usize,
}

impl LayerCache {
    pub(super) fn new(heads: usize, dim: usize, window: usize) -> Self {
        let (keys, values) = (Vec::new(), Vec::new());
        Self { keys, values, heads, dim, capacity: 0, first: 0, len: 0, window, visible: 0 }
    }

    /// Adds the keys and values of the next positions, by head, by position, by dimension.
    pub(super) fn append(&mut self, keys: &[f32], values: &[f32]) {
        let count = keys.len() / (self.heads * self.dim);
        let query = self.first + self.len;
        self.visible = query.saturating_sub(self.window - 1).max(self.first);
        if self.len + count > self.capacity {
            let forgotten = self.visible - self.first;
            let kept = self.len - forgotten;
            let capacity =
                (2 * (kept + count)).max(MIN_CAPACITY.min(MIN_FLOATS / (self.heads * self.dim).max(1)));
            for held in [&mut self.keys, &mut self.values] {
                let mut roomy = vec![0.0; self.heads * capacity * self.dim];
                let from = held.chunks_exact((self.capacity * self.dim).max(1));
                for (from, to) in from.zip(roomy.chunks_exact_mut(capacity * self.dim)) {
                    let from = from.iter().skip(forgotten * self.dim);
                    to.iter_mut().zip(from.take(kept * self.dim)).for_each(|(to, from)| *to = *from);
                }
                *held = roomy;
            }
            (self.first, self.len, self.capacity) = (self.visible, kept, capacity);
        }
        let at = self.len * self.dim;
        for (held, new) in [(&mut self.keys, keys), (&mut self.values, values)] {
            let heads = held.chunks_exact_mut(self.capacity * self.dim);
            for (held, new) in heads.zip(new.chunks_exact(count * self.dim)) {
                if let Some(room) = held.get_mut(at..at + new.len()) {
                    room.copy_from_slice(new);
                }
            }
        }
        self.len += count;
    }

    /// The position of the first key that the tokens added last may see.
    pub(super) fn visible(&self) -> usize {
        self.visible
    }

    /// By head, the keys and the values from there on.
    pub(super) fn heads(&self) -> impl Iterator<Item = (&[f32], &[f32])> {
        let seen = (self.visible - self.first) * self.dim..self.len * self.dim;
        let room = (self.capacity * self.dim).max(1);
        let pairs = self.keys.chunks_exact(room).zip(self.values.chunks_exact(room));
        pairs.filter_map(move |(keys, values)| Some((keys.get(seen.clone())?, values.get(seen.clone())?)))
    }
}

/// Room for short answers from the start, unless the numbers of a position are very many.
const MIN_CAPACITY: usize = 256;
const MIN_FLOATS: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_forgets_and_a_whole_view_does_not() {
        for window in [3, usize::MAX] {
            let mut cache = LayerCache::new(2, 4, window);
            for position in 0..2000_u16 {
                cache.append(&[f32::from(position); 8], &[-f32::from(position); 8]);
                let expected_first = usize::from(position).saturating_sub(window - 1);
                assert_eq!(cache.visible(), expected_first);
                let seen = usize::from(position) + 1 - expected_first;
                let expected = f32::from(u16::try_from(expected_first).unwrap());
                for (keys, values) in cache.heads() {
                    assert_eq!((keys.len(), values.len()), (4 * seen, 4 * seen));
                    assert_eq!((keys[0], keys[4 * seen - 1]), (expected, f32::from(position)));
                    assert_eq!((values[3], values[4 * seen - 4]), (-expected, -f32::from(position)));
                }
            }
            assert!(window > 3 || cache.capacity <= MIN_CAPACITY);
        }
    }

    #[test]
    fn a_chunk_sees_what_its_first_token_sees() {
        let mut cache = LayerCache::new(1, 2, 4);
        cache.append(&[0.0; 20], &[0.0; 20]);
        cache.append(&[1.0; 6], &[1.0; 6]);
        assert_eq!(cache.visible(), 7);
        assert_eq!(cache.heads().next().unwrap().0.len(), 2 * 6);
    }
}
