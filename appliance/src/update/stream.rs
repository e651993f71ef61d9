//! An update while it is read.

use std::io::Read;

/// A stream that can be told how long the update in it is, and then knows an early end from the real one.
pub trait Stream: Read {
    /// Says how many bytes the update has, once its manifest was read. What is interrupted after them has ended.
    fn expect(&mut self, bytes: u64);
}

impl<S: Stream + ?Sized> Stream for Box<S> {
    fn expect(&mut self, bytes: u64) {
        (**self).expect(bytes);
    }
}
