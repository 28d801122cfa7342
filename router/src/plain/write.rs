//! Writing to the client.
use super::{
    answer::Asked,
    connection::{Connection, PATIENCE},
    request::decimal_to,
};
use crate::respond::{self, Answer};
use bytes::Bytes;
use http::StatusCode;
use hyper::body::{Body as _, Frame};
use std::{
    future::poll_fn,
    io,
    pin::{Pin, pin},
    task::Poll,
    time::SystemTime,
};
use tokio::{io::AsyncWrite, time::Instant};

impl Connection {
    /// Writes all of `out` to the client.
    pub(super) async fn write_out(&mut self) -> io::Result<()> {
        let mut written = 0;
        let mut waits = false;
        while written < self.out.len() {
            let wrote = poll_fn(|cx| {
                if let Poll::Ready(wrote) = Pin::new(&mut self.stream).poll_write(cx, &self.out[written..]) {
                    return Poll::Ready(wrote);
                }
                if !waits {
                    self.now = Instant::now();
                    self.alarm.set(self.now + PATIENCE);
                    waits = true;
                }
                self.alarm.poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
            });
            match wrote.await? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                n => written += n,
            }
            if std::mem::take(&mut waits) {
                self.now = Instant::now();
            }
        }
        self.out.clear();
        Ok(())
    }

    /// Writes an answer of our own making.
    pub(super) async fn write_answer(&mut self, answer: Answer, asked: Asked) -> io::Result<()> {
        let (parts, body) = answer.into_parts();
        let mut body = pin!(body);
        self.out.clear();
        let out = &mut self.out;
        out.extend_from_slice(b"HTTP/1.1 ");
        decimal_to(u64::from(parts.status.as_u16()), out);
        out.push(b' ');
        out.extend_from_slice(parts.status.canonical_reason().unwrap_or_default().as_bytes());
        out.extend_from_slice(b"\r\n");
        for (name, value) in &parts.headers {
            for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                out.extend_from_slice(part);
            }
        }
        let mut line = |name: &str, value: &str| {
            for part in [name, ": ", value, "\r\n"] {
                out.extend_from_slice(part.as_bytes());
            }
        };
        let without_body =
            asked.head || matches!(parts.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let mut chunked = false;
        if !parts.headers.contains_key(http::header::CONTENT_LENGTH) && parts.status != StatusCode::NO_CONTENT
        {
            match body.size_hint().exact() {
                // What a GET would have said is unknown here.
                Some(0) if asked.head => {}
                Some(n) => line("content-length", &n.to_string()),
                None if without_body => {}
                None => {
                    chunked = true;
                    line("transfer-encoding", "chunked");
                }
            }
        }
        if !parts.headers.contains_key(http::header::DATE) {
            line("date", &httpdate::fmt_http_date(SystemTime::now()));
        }
        if asked.close {
            line("connection", "close");
        }
        out.extend_from_slice(b"\r\n");
        while let Some(frame) = next_frame(body.as_mut(), without_body).await {
            let Ok(data) = frame.map_err(io::Error::other)?.into_data() else {
                continue;
            };
            if data.is_empty() {
                continue;
            }
            if chunked {
                self.out
                    .extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
            }
            self.out.extend_from_slice(&data);
            if chunked {
                self.out.extend_from_slice(b"\r\n");
            }
            self.write_out().await?;
        }
        if chunked {
            self.out.extend_from_slice(b"0\r\n\r\n");
        }
        self.write_out().await
    }
}

/// The next part of a body that is sent.
async fn next_frame(
    mut body: Pin<&mut respond::Body>,
    without_body: bool,
) -> Option<Result<Frame<Bytes>, respond::BoxError>> {
    match without_body {
        true => None,
        false => poll_fn(|cx| body.as_mut().poll_frame(cx)).await,
    }
}
