//! Plain HTTP/1.1 without a general server between: what nearly every request of a client or worker is.
//!
//! A request is *plain* if nothing in it can be read in two ways: HTTP/1.1 in canonical lines, at most one `Content-Length`
//! and no other framing, everything of it within a bound ([`request`]). Of those, one that a single slot answers is passed
//! on as it stands, over connections of the node's own pool ([`pool`]), and so is its answer ([`answer`]); every other plain
//! request takes the same way as any (`handle`), and its answer is written here. A connection that brings
//! anything else is given to hyper with all bytes that weren't answered yet, and stays there.
//!
//! Whatever goes wrong before a node may have acted (no connection, 421, trouble at what may be repeated) is not treated here:
//! the request then goes the general way from its beginning, so the rules of `forward` exist once.
mod alarm;
pub mod answer;
mod buffers;
mod connection;
mod pass;
pub mod pool;
pub mod request;
mod rewind;
mod step;
mod stream;
mod write;

pub use connection::{FIRST, IDLE, serve};
pub use rewind::Rewind;
