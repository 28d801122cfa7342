//! One HTTP/1.1 connection that costs the measuring machine little: requests are written in one piece, of answers
//! only the framing is read.
use crate::target::Target;
use anyhow::{Context, Result, bail};
use std::{ops::Range, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Longest wait for an answer.
const LIMIT: Duration = Duration::from_secs(120);

/// A connection that sends requests one after the other.
#[derive(Debug)]
pub struct Connection {
    target: Target,
    stream: TcpStream,
    /// What was received and not yet used.
    received: Vec<u8>,
    out: Vec<u8>,
    /// The peer has said that it closes after the last answer.
    closing: bool,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// Nobody listens there.
    pub async fn open(target: &Target) -> Result<Connection> {
        Ok(Connection {
            target: target.clone(),
            stream: connect(target).await?,
            received: Vec::with_capacity(16 * 1024),
            out: Vec::with_capacity(1024),
            closing: false,
        })
    }

    /// Sends a request and reads the whole answer: its status and body.
    ///
    /// # Errors
    /// The connection broke, the answer is not HTTP/1.1, or none came within two minutes.
    pub async fn send(&mut self, method: &str, path: &str, body: &str) -> Result<(u16, &[u8])> {
        if self.closing {
            self.stream = connect(&self.target).await?;
            self.closing = false;
        }
        self.received.clear();
        self.write_request(method, path, body);
        self.stream.write_all(&self.out).await?;
        let (status, range) = tokio::time::timeout(LIMIT, self.answer())
            .await
            .context("no answer within two minutes")??;
        Ok((status, &self.received[range]))
    }

    /// Connects anew after an error.
    ///
    /// # Errors
    /// Nobody listens there any more; the next request tries again.
    pub async fn again(&mut self) -> Result<()> {
        self.closing = true;
        self.stream = connect(&self.target).await?;
        self.closing = false;
        Ok(())
    }

    fn write_request(&mut self, method: &str, path: &str, body: &str) {
        let out = &mut self.out;
        out.clear();
        for part in [
            method,
            " ",
            &self.target.path,
            path,
            " HTTP/1.1\r\nHost: ",
            &self.target.authority,
        ] {
            out.extend_from_slice(part.as_bytes());
        }
        if let Some(value) = &self.target.authorization {
            out.extend_from_slice(b"\r\nAuthorization: ");
            out.extend_from_slice(value.as_bytes());
        }
        if !body.is_empty() {
            out.extend_from_slice(b"\r\nContent-Type: application/json");
        }
        if method != "GET" {
            out.extend_from_slice(format!("\r\nContent-Length: {}", body.len()).as_bytes());
        }
        out.extend_from_slice(b"\r\n\r\n");
        out.extend_from_slice(body.as_bytes());
    }

    async fn more(&mut self) -> Result<()> {
        if self.stream.read_buf(&mut self.received).await? == 0 {
            bail!("the connection was closed");
        }
        Ok(())
    }

    async fn answer(&mut self) -> Result<(u16, Range<usize>)> {
        let head = loop {
            if let Some(head) = head(&self.received)? {
                break head;
            }
            self.more().await?;
        };
        self.closing = head.closes;
        match head.body {
            Body::Length(length) => {
                let end = head.length + length;
                while self.received.len() < end {
                    self.more().await?;
                }
                Ok((head.status, head.length..end))
            }
            Body::Chunked => loop {
                if let Some(body) = unchunked(&self.received[head.length..])? {
                    self.received.truncate(head.length);
                    self.received.extend_from_slice(&body);
                    return Ok((head.status, head.length..self.received.len()));
                }
                self.more().await?;
            },
            Body::UntilClosed => {
                while self.stream.read_buf(&mut self.received).await? != 0 {}
                self.closing = true;
                Ok((head.status, head.length..self.received.len()))
            }
        }
    }
}

async fn connect(target: &Target) -> Result<TcpStream> {
    let stream = TcpStream::connect(&target.authority)
        .await
        .with_context(|| format!("{}: {}", target.name, target.authority))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// How long a body is.
#[derive(Debug, PartialEq, Eq)]
enum Body {
    Length(usize),
    Chunked,
    UntilClosed,
}

#[derive(Debug)]
struct Head {
    status: u16,
    length: usize,
    body: Body,
    closes: bool,
}

/// The head of an answer, once it is complete.
fn head(bytes: &[u8]) -> Result<Option<Head>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(length) = response.parse(bytes)? else {
        return Ok(None);
    };
    let status = response.code.context("an answer without a status")?;
    let mut body = if matches!(status, 204 | 304) {
        Body::Length(0)
    } else {
        Body::UntilClosed
    };
    let mut closes = response.version == Some(0);
    for header in response.headers.iter() {
        if header.name.eq_ignore_ascii_case("content-length") {
            let text = std::str::from_utf8(header.value)?.trim();
            body = Body::Length(text.parse().context("Content-Length")?);
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            body = Body::Chunked;
        } else if header.name.eq_ignore_ascii_case("connection") {
            closes |= header.value.eq_ignore_ascii_case(b"close");
        }
    }
    Ok(Some(Head {
        status,
        length,
        body,
        closes,
    }))
}

/// The bytes of a chunked body, once it is complete. Trailers are not expected.
fn unchunked(mut bytes: &[u8]) -> Result<Option<Vec<u8>>> {
    let mut body = Vec::new();
    loop {
        match httparse::parse_chunk_size(bytes) {
            Err(_) => bail!("a chunk without a size"),
            Ok(httparse::Status::Partial) => return Ok(None),
            Ok(httparse::Status::Complete((start, size))) => {
                let end = start + size as usize;
                if bytes.len() < end + 2 {
                    return Ok(None);
                }
                if size == 0 {
                    return Ok(Some(body));
                }
                body.extend_from_slice(&bytes[start..end]);
                bytes = &bytes[end + 2..];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_says_how_its_body_ends() {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
        let head = super::head(answer).expect("parses").expect("complete");
        assert_eq!(
            (head.status, head.length, head.body, head.closes),
            (200, 38, Body::Length(5), false)
        );
        let chunked = b"HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
        let head = super::head(chunked).expect("parses").expect("complete");
        assert_eq!((head.body, head.closes), (Body::Chunked, true));
        assert!(super::head(b"HTTP/1.1 200 OK\r\n").expect("parses").is_none());
    }

    #[test]
    fn chunks_are_joined_once_the_last_has_come() {
        let whole = b"5\r\nhello\r\n3\r\n, w\r\n0\r\n\r\n";
        assert_eq!(unchunked(whole).expect("parses"), Some(b"hello, w".to_vec()));
        for end in 0..whole.len() {
            assert_eq!(unchunked(&whole[..end]).expect("parses"), None, "{end}");
        }
    }
}
