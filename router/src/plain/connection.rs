//! One connection of a client, request after request.
use super::{
    alarm::Alarm,
    buffers,
    pass::Passed,
    request,
    step::{Handle, Step},
    stream::poll_read,
};
use crate::{
    handle::{Client, handle},
    respond::{self, Answer},
    state::App,
};
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use rest_api::ApiError;
use std::{
    future::poll_fn,
    io,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{net::TcpStream, sync::OwnedSemaphorePermit, time::Instant};

/// How long a connection may be idle; longer than the pools of known clients keep one.
pub const IDLE: Duration = Duration::from_secs(120);
/// How long a request may take to arrive once it has begun, and how long a client may take nothing of its answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// How long a connection that is new when the drain begins has for the request that it was opened for.
pub const FIRST: Duration = Duration::from_secs(2);
/// How often a request that may be repeated looks whether its node is still there.
pub(super) const LOOK: Duration = Duration::from_millis(250);
/// Bytes of following requests that are read while one runs.
const AHEAD: usize = 16 << 10;

/// Serves a client until it leaves, or until it brings what isn't plain: then the stream and its unanswered bytes.
pub async fn serve(app: Arc<App>, stream: TcpStream, client: Client) -> Option<(TcpStream, Vec<u8>)> {
    let now = Instant::now();
    let mut connection = Connection {
        alarm: Alarm::new(now + IDLE),
        now,
        app,
        stream,
        client,
        read: Vec::new(),
        out: Vec::new(),
    };
    let app = connection.app.clone();
    let mut drained = pin!(app.drained().cancelled());
    let mut listens = false;
    // Whether it has brought nothing yet.
    let mut is_new = true;
    loop {
        connection.alarm.set(connection.now + IDLE);
        let mut last = None;
        let there = poll_fn(|cx| {
            if let Poll::Ready(readable) = connection.stream.poll_read_ready(cx) {
                return Poll::Ready(readable.is_ok());
            }
            // The waker of a task stays the same: asking once is enough to be woken.
            if app.is_draining() || (!listens && drained.as_mut().poll(cx).is_ready()) {
                if !is_new {
                    return Poll::Ready(false);
                }
                // Its client has seen it open and has sent, or will, what it wants.
                let last = *last.get_or_insert_with(|| Instant::now() + FIRST);
                connection.alarm.set(last);
            }
            listens = true;
            connection.alarm.poll(cx).map(|()| false)
        });
        if !there.await {
            return None;
        }
        connection.now = Instant::now();
        connection.read = buffers::take();
        connection.out = buffers::take();
        let then = connection.requests().await;
        buffers::give(std::mem::take(&mut connection.out));
        is_new &= matches!(then, Then::Nothing);
        match then {
            Then::Nothing | Then::Idle => buffers::give(std::mem::take(&mut connection.read)),
            Then::Close => {
                buffers::give(std::mem::take(&mut connection.read));
                return None;
            }
            Then::HandOver => return Some((connection.stream, connection.read)),
        }
    }
}

/// One connection and what it works with.
pub(super) struct Connection {
    pub app: Arc<App>,
    pub stream: TcpStream,
    pub client: Client,
    /// Bytes that have come and aren't answered.
    pub read: Vec<u8>,
    /// What is being written, to the node or to the client.
    pub out: Vec<u8>,
    /// The time when the last wait ended: each look at the clock costs as much as a look-up of a slot.
    pub now: Instant,
    pub alarm: Alarm,
}

/// What becomes of a connection.
enum Then {
    /// Nothing had come.
    Nothing,
    Idle,
    Close,
    HandOver,
}

impl Connection {
    /// Answers the requests that have come, until none is left.
    async fn requests(&mut self) -> Then {
        let begun = self.now;
        let limit = self
            .app
            .live()
            .options
            .body_limit
            .saturating_add(request::HEAD as u64);
        let mut memory: Option<OwnedSemaphorePermit> = None;
        loop {
            let step = if self.read.is_empty() {
                Step::More(None)
            } else {
                self.step()
            };
            let more = match step {
                Step::More(size) => size,
                Step::Odd => return Then::HandOver,
                Step::Pass(pass) => match self.pass(&pass).await {
                    Passed::Answered(goes_on) => {
                        if !goes_on || pass.asked.close {
                            return Then::Close;
                        }
                        self.read.drain(..pass.length);
                        if self.read.is_empty() {
                            return Then::Idle;
                        }
                        continue;
                    }
                    Passed::OtherWay => match self.handle_of(&pass) {
                        Some(handle) => match Box::pin(self.handle(handle)).await {
                            Then::Idle if !self.read.is_empty() => continue,
                            then => return then,
                        },
                        None => return Then::HandOver,
                    },
                    Passed::NoAnswer(failed) => {
                        self.now = Instant::now();
                        let answer = respond::error(ApiError::from(failed));
                        self.app.metrics.count(pass.class, answer.status().as_u16());
                        if let Some(log) = &self.app.access_log {
                            self.tell(log, &pass, answer.status().as_u16(), begun);
                        }
                        self.read.drain(..pass.length);
                        match Box::pin(self.write_answer(answer, pass.asked)).await {
                            Ok(()) if pass.asked.close => return Then::Close,
                            Ok(()) if self.read.is_empty() => return Then::Idle,
                            Ok(()) => continue,
                            Err(_) => return Then::Close,
                        }
                    }
                    Passed::Broken => return Then::Close,
                },
                Step::Handle(handle) => match Box::pin(self.handle(*handle)).await {
                    Then::Idle if !self.read.is_empty() => continue,
                    then => return then,
                },
            };
            // It is refused before it has come.
            if more.is_some_and(|size| size as u64 > limit) {
                return Then::HandOver;
            }
            // What is larger than a buffer counts among the bodies that are held.
            if let Some(size) = more.filter(|size| *size > buffers::SIZE && memory.is_none()) {
                let kib = size.div_ceil(1024) as u32;
                match self.app.memory.clone().try_acquire_many_owned(kib) {
                    Ok(permit) => memory = Some(permit),
                    Err(_) => return Then::HandOver,
                }
                self.read.reserve(size - self.read.len());
            }
            self.alarm.set(begun + PATIENCE);
            let nothing = self.read.is_empty();
            let read = poll_fn(|cx| match self.poll_read(cx) {
                // Bytes were announced that had been read already: waiting is for who notices that the router stops.
                Poll::Pending if nothing => Poll::Ready(None),
                read => read.map(Some),
            });
            match read.await {
                None => return Then::Nothing,
                Some(Ok(0) | Err(_)) => return Then::Close,
                // The first bytes had come when the wait ended.
                Some(Ok(_)) if nothing => {}
                Some(Ok(_)) => self.now = Instant::now(),
            }
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        match poll_read(&mut self.stream, cx, &mut self.read) {
            Poll::Pending => self.alarm.poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into())),
            read => read,
        }
    }

    /// The way of any request. While it lasts, the client may leave: then what runs is dropped.
    async fn handle(&mut self, handle: Handle) -> Then {
        let Handle {
            mut request,
            asked,
            length,
        } = handle;
        request.extensions_mut().insert(self.client);
        self.read.drain(..length);
        if self.read.is_empty() {
            // A long poll needs no buffer.
            buffers::give(std::mem::take(&mut self.read));
        }
        buffers::give(std::mem::take(&mut self.out));
        let mut handling = pin!(handle_request(self.app.clone(), request));
        let mut watches = true;
        let answer = poll_fn(|cx| {
            if let Poll::Ready(answer) = handling.as_mut().poll(cx) {
                return Poll::Ready(Some(answer));
            }
            while watches {
                match self.stream.poll_read_ready(cx) {
                    Poll::Pending => break,
                    Poll::Ready(Err(_)) => return Poll::Ready(None),
                    Poll::Ready(Ok(())) => {}
                }
                self.read.reserve(1024);
                match poll_read(&mut self.stream, cx, &mut self.read) {
                    Poll::Pending => break,
                    Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(None),
                    Poll::Ready(Ok(_)) => watches = self.read.len() < AHEAD,
                }
            }
            Poll::Pending
        });
        let answer = answer.await;
        self.now = Instant::now();
        let Some(answer) = answer else {
            return Then::Close;
        };
        match self.write_answer(answer, asked).await {
            Ok(()) if asked.close => Then::Close,
            Ok(()) => Then::Idle,
            Err(_) => Then::Close,
        }
    }
}

/// Its future is large, and only requests that need it have one.
fn handle_request(
    app: Arc<App>,
    request: Request<Full<Bytes>>,
) -> Pin<Box<dyn Future<Output = Answer> + Send>> {
    Box::pin(handle(app, request))
}
