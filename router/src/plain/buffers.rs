//! Buffers that connections share: an idle one has none.
use std::cell::RefCell;

/// Capacity of a new buffer: most requests and answers fit in.
pub const SIZE: usize = 16 << 10;
/// A buffer that has grown beyond this isn't kept.
const LARGEST: usize = 64 << 10;
/// Buffers that a thread keeps.
const KEPT: usize = 256;

thread_local! {
    static FREE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// An empty buffer.
pub fn take() -> Vec<u8> {
    let free = FREE.with_borrow_mut(Vec::pop);
    free.unwrap_or_else(|| Vec::with_capacity(SIZE))
}

/// Gives a buffer back. One that isn't given back is simply freed.
pub fn give(mut buffer: Vec<u8>) {
    if buffer.capacity() > LARGEST || buffer.capacity() < SIZE {
        return;
    }
    buffer.clear();
    FREE.with_borrow_mut(|free| {
        if free.len() < KEPT {
            free.push(buffer);
        }
    });
}
