//! One large buffer for each thread, used again by the next large request. Memory fresh from the system costs a page
//! fault for every 4 KiB, which for a body of a megabyte is as much as reading it from the socket.

use std::cell::RefCell;

use bytes::{Bytes, BytesMut};

/// Smaller buffers come from the allocator's own stock at no cost, in bytes.
const SMALLEST: usize = 64 * 1024;
/// Larger ones are not kept, in bytes.
const LARGEST: usize = 4 * 1024 * 1024;

#[derive(Default)]
struct Spare {
    buffer: Option<BytesMut>,
    used: bool,
}

thread_local! {
    static SPARE: RefCell<Spare> = RefCell::default();
}

/// An empty buffer for `size` bytes.
pub(crate) fn room(size: usize) -> BytesMut {
    let kept = (SMALLEST..=LARGEST).contains(&size).then(|| SPARE.with_borrow_mut(|spare| spare.buffer.take()));
    let mut buffer = kept.flatten().unwrap_or_default();
    buffer.reserve(size);
    buffer
}

/// Keeps the memory of a body that nobody else holds any more.
pub(crate) fn keep(body: Bytes) {
    if !(SMALLEST..=LARGEST).contains(&body.len()) {
        return;
    }
    let Ok(mut buffer) = body.try_into_mut() else { return };
    buffer.clear();
    if buffer.capacity() <= LARGEST {
        SPARE.set(Spare { buffer: Some(buffer), used: true });
    }
}

/// Gives the buffer back to the system when nobody has used it since the last call.
pub(crate) fn age() {
    SPARE.with_borrow_mut(|spare| {
        if !std::mem::take(&mut spare.used) {
            spare.buffer = None;
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(size: usize) -> (Bytes, *const u8) {
        let mut buffer = room(size);
        buffer.resize(size, b'x');
        let at = buffer.as_ptr();
        (buffer.freeze(), at)
    }

    #[test]
    fn a_large_buffer_is_used_again_and_comes_back_empty() {
        let (bytes, at) = body(1 << 20);
        keep(bytes);
        let again = room(1 << 20);
        assert_eq!((again.as_ptr(), again.len()), (at, 0));
        assert!(SPARE.with_borrow(|spare| spare.buffer.is_none()), "it is lent once only");
    }

    #[test]
    fn a_body_that_somebody_holds_is_left_alone() {
        let (bytes, _) = body(1 << 20);
        let held = bytes.slice(5..10);
        keep(bytes);
        assert!(SPARE.with_borrow(|spare| spare.buffer.is_none()));
        assert_eq!(held, "xxxxx");
    }

    #[test]
    fn small_and_huge_ones_are_not_kept() {
        for size in [100, LARGEST + 1] {
            keep(body(size).0);
            assert!(SPARE.with_borrow(|spare| spare.buffer.is_none()), "{size}");
        }
    }

    #[test]
    fn what_nobody_uses_is_given_back() {
        keep(body(1 << 20).0);
        age();
        assert!(SPARE.with_borrow(|spare| spare.buffer.is_some()));
        age();
        assert!(SPARE.with_borrow(|spare| spare.buffer.is_none()));
    }
}
