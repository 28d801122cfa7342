//! Reads the head of a node's answer and writes what the client gets of it. Pure.
use super::request::{decimal_to, is_internal};
use crate::headers;
use std::mem::MaybeUninit;

/// Most headers of an answer.
const HEADERS: usize = 64;
/// Longest head of an answer.
pub const HEAD: usize = 64 << 10;

/// What of the request matters to its answer.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// `HEAD`: the answer has no body, whatever it says.
    pub head: bool,
    /// `GET` or `HEAD`.
    pub reads: bool,
    /// The client's connection ends with the answer.
    pub close: bool,
}

/// How the end of a body is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// So many bytes.
    Length(u64),
    /// In chunks, passed on as they are.
    Chunked(Chunks),
    /// By the end of the connection.
    ToEnd,
}

/// A head that was read.
#[derive(Debug, PartialEq, Eq)]
pub struct Head {
    /// Status.
    pub status: u16,
    /// Bytes of the head.
    pub length: usize,
    /// What follows.
    pub body: Body,
    /// Whether the node's connection can take another request after this answer.
    pub reusable: bool,
}

/// An answer that can't be passed on.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the node's answer is not readable: {0}")]
pub struct Unreadable(&'static str);

/// Reads the head and writes the client's; `None` if it isn't wholly there (then nothing is written).
///
/// # Errors
/// It isn't HTTP/1.1, or tells its length in more than one way.
pub fn pass(bytes: &[u8], asked: Asked, out: &mut Vec<u8>) -> Result<Option<Head>, Unreadable> {
    let mut room = [const { MaybeUninit::uninit() }; HEADERS];
    let mut answer = httparse::Response::new(&mut []);
    let parsed =
        httparse::ParserConfig::default().parse_response_with_uninit_headers(&mut answer, bytes, &mut room);
    let length = match parsed {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if bytes.len() < HEAD => return Ok(None),
        Ok(httparse::Status::Partial) => return Err(Unreadable("its head is too long")),
        Err(_) => return Err(Unreadable("its head is damaged")),
    };
    let (Some(status), Some(version)) = (answer.code, answer.version) else {
        return Err(Unreadable("it has no status"));
    };
    if status < 200 {
        return Err(Unreadable("an interim answer that nobody asked for"));
    }
    let mut reusable = version == 1;
    let mut size = None;
    let mut chunked = false;
    out.extend_from_slice(b"HTTP/1.1 ");
    decimal_to(u64::from(status), out);
    out.push(b' ');
    out.extend_from_slice(answer.reason.unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
    for header in answer.headers.iter() {
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        let passes = match header.name.len() {
            2 => !is("te"),
            6 => !is("expect"),
            7 => !is("trailer") && !is("upgrade"),
            10 if is("connection") => {
                reusable &= header.value.eq_ignore_ascii_case(b"keep-alive");
                false
            }
            10 => !is("keep-alive"),
            13 => asked.reads || !is("cache-control"),
            14 if is("content-length") => {
                let n = std::str::from_utf8(header.value)
                    .ok()
                    .filter(|n| !n.starts_with('+'));
                let n = n.and_then(|n| n.parse::<u64>().ok());
                if n.is_none() || size.is_some() {
                    return Err(Unreadable("more than one length, or none that is a number"));
                }
                size = n;
                true
            }
            14 => !is("http2-settings"),
            17 if is("transfer-encoding") => {
                if chunked || !header.value.eq_ignore_ascii_case(b"chunked") {
                    return Err(Unreadable("an unknown transfer coding"));
                }
                chunked = true;
                true
            }
            18 => !is("proxy-authenticate"),
            19 if is("proxy-authorization") => false,
            n if n >= 12 && is_internal(header.name) => {
                headers::FOR_CLIENTS.iter().any(|name| is(name.as_str()))
            }
            _ => true,
        };
        if passes {
            for part in [header.name.as_bytes(), b": ", header.value, b"\r\n"] {
                out.extend_from_slice(part);
            }
        }
    }
    let body = match (size, chunked) {
        _ if asked.head || matches!(status, 204 | 304) => Body::Length(0),
        (Some(_), true) => return Err(Unreadable("a length and chunks")),
        (Some(n), false) => Body::Length(n),
        (None, true) => Body::Chunked(Chunks::default()),
        (None, false) => Body::ToEnd,
    };
    if asked.close || body == Body::ToEnd {
        out.extend_from_slice(b"connection: close\r\n");
    }
    out.extend_from_slice(b"\r\n");
    Ok(Some(Head {
        status,
        length,
        reusable: reusable && body != Body::ToEnd,
        body,
    }))
}

/// Finds the end of a chunked body.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Chunks {
    at: At,
    /// Bytes of the present chunk that are still to come; while its size is read, the size so far.
    left: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum At {
    /// Before the first digit of a size.
    #[default]
    Size,
    /// After a digit.
    Digits,
    /// In an extension.
    Extension,
    /// After the CR of a size.
    SizeEnd,
    Data,
    DataCr,
    DataLf,
    /// After the last chunk: the CR and the LF of the empty line.
    LastCr,
    LastLf,
    Done,
}

impl Chunks {
    /// Takes the bytes that belong to the body: how many those are.
    ///
    /// # Errors
    /// They are no chunks, or trailers follow them.
    pub fn take(&mut self, bytes: &[u8]) -> Result<usize, Unreadable> {
        let mut i = 0;
        while i < bytes.len() && self.at != At::Done {
            let byte = bytes[i];
            i += 1;
            self.at = match (self.at, byte) {
                (At::Size | At::Digits, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                    let digit = (byte as char).to_digit(16).unwrap_or_default();
                    let size = self
                        .left
                        .checked_mul(16)
                        .ok_or(Unreadable("a chunk is too large"))?;
                    self.left = size + u64::from(digit);
                    At::Digits
                }
                (At::Digits, b';') => At::Extension,
                (At::Extension, byte) if byte != b'\r' && byte != b'\n' => At::Extension,
                (At::Digits | At::Extension, b'\r') => At::SizeEnd,
                (At::SizeEnd, b'\n') if self.left == 0 => At::LastCr,
                (At::SizeEnd, b'\n') => At::Data,
                (At::Data, _) => {
                    i -= 1;
                    let n = self.left.min((bytes.len() - i) as u64);
                    i += n as usize;
                    self.left -= n;
                    if self.left == 0 { At::DataCr } else { At::Data }
                }
                (At::DataCr, b'\r') => At::DataLf,
                (At::DataLf, b'\n') => At::Size,
                (At::LastCr, b'\r') => At::LastLf,
                (At::LastLf, b'\n') => At::Done,
                _ => return Err(Unreadable("its chunks are damaged")),
            };
        }
        Ok(i)
    }

    /// Whether all of it was taken.
    pub fn done(&self) -> bool {
        self.at == At::Done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ASKED: Asked = Asked {
        head: false,
        reads: false,
        close: false,
    };

    fn passed(answer: &str, asked: Asked) -> (String, Head) {
        let mut out = Vec::new();
        let head = pass(answer.as_bytes(), asked, &mut out).unwrap().unwrap();
        (String::from_utf8(out).unwrap(), head)
    }

    #[test]
    fn an_answer_is_passed_on_without_what_is_the_clusters() {
        let answer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Stellwerk-Coverage: 1:00\r\nx-stellwerk-behind: b\r\n\
                      connection: keep-alive\r\ncache-control: no-cache\r\ncontent-length: 2\r\n\r\n{}";
        let (text, head) = passed(answer, ASKED);
        assert_eq!(
            text,
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nx-stellwerk-behind: b\r\ncontent-length: 2\r\n\r\n"
        );
        assert_eq!(
            (head.length, head.body, head.reusable),
            (answer.len() - 2, Body::Length(2), true)
        );
        let (text, _) = passed(
            answer,
            Asked {
                reads: true,
                close: true,
                ..ASKED
            },
        );
        assert!(
            text.contains("cache-control: no-cache\r\n") && text.ends_with("connection: close\r\n\r\n"),
            "{text}"
        );
    }

    #[test]
    fn the_length_of_an_answer_is_told_in_one_way() {
        let head = Asked { head: true, ..ASKED };
        assert_eq!(
            passed("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n", head)
                .1
                .body,
            Body::Length(0)
        );
        assert_eq!(
            passed("HTTP/1.1 204 No Content\r\n\r\n", ASKED).1.body,
            Body::Length(0)
        );
        let (text, head) = passed("HTTP/1.1 200 OK\r\n\r\n", ASKED);
        assert_eq!((head.body, head.reusable), (Body::ToEnd, false));
        assert!(text.contains("connection: close"));
        assert!(
            !passed(
                "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
                ASKED
            )
            .1
            .reusable
        );
        for lines in [
            "content-length: 1\r\ncontent-length: 1\r\n",
            "content-length: +1\r\n",
            "content-length: x\r\n",
            "content-length: 1\r\ntransfer-encoding: chunked\r\n",
            "transfer-encoding: gzip\r\n",
        ] {
            let answer = format!("HTTP/1.1 200 OK\r\n{lines}\r\n");
            assert!(
                pass(answer.as_bytes(), ASKED, &mut Vec::new()).is_err(),
                "{lines}"
            );
        }
        assert!(pass(b"HTTP/1.1 100 Continue\r\n\r\n", ASKED, &mut Vec::new()).is_err());
        assert_eq!(pass(b"HTTP/1.1 200 OK\r\nco", ASKED, &mut Vec::new()), Ok(None));
    }

    #[test]
    fn damaged_chunks_are_not_passed_on() {
        for bytes in [
            "x",
            "\r\n",
            "1\r\nab",
            "1\n",
            "0\r\nA: b\r\n\r\n",
            "11111111111111111\r\n",
            "-1\r\n",
        ] {
            let mut chunks = Chunks::default();
            assert!(chunks.take(bytes.as_bytes()).is_err(), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn the_end_of_chunks_is_found_however_they_arrive(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..6),
            cuts in prop::collection::vec(1usize..9, 1..40),
            after in prop::collection::vec(any::<u8>(), 0..5),
        ) {
            let mut bytes = Vec::new();
            for (i, chunk) in chunks.iter().enumerate() {
                let extension = if i % 2 == 1 { ";a=b" } else { "" };
                bytes.extend_from_slice(format!("{:X}{extension}\r\n", chunk.len()).as_bytes());
                bytes.extend_from_slice(chunk);
                bytes.extend_from_slice(b"\r\n");
            }
            bytes.extend_from_slice(b"0\r\n\r\n");
            let length = bytes.len();
            bytes.extend_from_slice(&after);
            let (mut state, mut at) = (Chunks::default(), 0);
            for cut in cuts.iter().cycle() {
                if state.done() {
                    break;
                }
                let end = (at + cut).min(bytes.len());
                at += state.take(&bytes[at..end]).unwrap();
            }
            prop_assert_eq!(at, length);
        }
    }
}
