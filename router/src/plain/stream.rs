//! Connections to nodes: TCP, and TLS over it where a node wants it.
use std::{
    io,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;

/// Reads what is there into the buffer's free capacity (some is made if there is none); 0 at the end of the stream.
///
/// # Errors
/// The connection broke.
pub fn poll_read<S: AsyncRead + Unpin>(
    stream: &mut S,
    cx: &mut Context<'_>,
    buffer: &mut Vec<u8>,
) -> Poll<io::Result<usize>> {
    // The future holds nothing between two polls.
    pin!(stream.read_buf(buffer)).poll(cx)
}

/// A connection to a node.
#[derive(Debug)]
pub enum Upstream {
    /// As it is.
    Tcp(TcpStream),
    /// Over TLS.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Upstream {
    /// As [`poll_read`].
    ///
    /// # Errors
    /// The connection broke.
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut Vec<u8>) -> Poll<io::Result<usize>> {
        match self {
            Upstream::Tcp(stream) => poll_read(stream, cx, buffer),
            Upstream::Tls(stream) => poll_read(stream, cx, buffer),
        }
    }

    /// Writes some of the bytes: how many. They are on their way only after [`poll_flush`](Self::poll_flush).
    ///
    /// # Errors
    /// The connection broke.
    pub fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Upstream::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Upstream::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    /// Ready when nothing that was taken is held back.
    ///
    /// # Errors
    /// The connection broke.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Upstream::Tcp(_) => Poll::Ready(Ok(())),
            Upstream::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    /// Whether it is open and the node has said nothing unasked, as far as is known without waiting.
    pub fn is_quiet(&mut self) -> bool {
        match self {
            Upstream::Tcp(stream) => {
                matches!(stream.try_read(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
            }
            // Tickets and other words of TLS itself are read here, and are no answer.
            Upstream::Tls(stream) => {
                let mut byte = [0];
                let read = pin!(stream.read(&mut byte)).poll(&mut Context::from_waker(Waker::noop()));
                read.is_pending()
            }
        }
    }
}
