//! Decisions out of bytes.

/// Bytes that are taken one by one; when there are no more, every decision is the first one.
pub struct Input<'b>(std::slice::Iter<'b, u8>);

impl<'b> Input<'b> {
    pub fn new(bytes: &'b [u8]) -> Self {
        Input(bytes.iter())
    }

    /// A number below `limit`.
    pub fn choose(&mut self, limit: usize) -> usize {
        self.0.next().map_or(0, |byte| usize::from(*byte) % limit.max(1))
    }

    /// One of several.
    pub fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.choose(choices.len())]
    }

    /// Whether there are bytes left.
    pub fn has_more(&self) -> bool {
        self.0.len() > 0
    }
}
