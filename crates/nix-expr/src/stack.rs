//! How much of the native stack is left.
//!
//! Parsing and evaluation recurse natively, on a thread with a stack of gigabytes of which only the touched part is ever
//! backed by memory. The limit is an address, so a check costs a comparison and holds for frames of any size.

/// Stack left free for whatever runs when the limit is hit: error reporting and the system's own calls.
const RESERVE: usize = 256 * 1024;

/// The lowest address that the stack may grow down to.
#[derive(Clone, Copy, Debug)]
pub struct StackLimit(usize);

fn stack_pointer() -> usize {
    let marker = 0u8;
    std::ptr::from_ref(std::hint::black_box(&marker)).addr()
}

impl StackLimit {
    /// The limit for a stack of which at least `size` bytes are free at the call.
    pub fn with_remaining(size: usize) -> Self {
        StackLimit(stack_pointer().saturating_sub(size.saturating_sub(RESERVE)))
    }

    /// Whether the stack has grown past the limit.
    #[inline(always)]
    pub fn exhausted(self) -> bool {
        stack_pointer() < self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn depth(limit: StackLimit, count: usize) -> usize {
        if limit.exhausted() || count > 1_000_000 {
            count
        } else {
            std::hint::black_box(depth(limit, count + 1))
        }
    }

    #[test]
    fn recursion_ends_before_the_stack_does() {
        let reached = std::thread::Builder::new()
            .stack_size(2 << 20)
            .spawn(|| depth(StackLimit::with_remaining(1 << 20), 0))
            .unwrap()
            .join()
            .unwrap();
        assert!(reached > 100 && reached < 1_000_000, "{reached}");
    }
}
