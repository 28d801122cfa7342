//! One connection of a client, request after request.
use super::{
    alarm::Alarm,
    answer::{self, Asked, Body, Head},
    buffers,
    request::{self, Plain, Read, decimal_to},
};
use crate::{
    access::{self, AccessLog},
    classify::ROOT,
    forward::{NoAnswer, is_trouble},
    gate::{Entered, Gate},
    handle::{Client, handle},
    headers,
    live::LiveOptions,
    locate::{Named, Target, locate_by},
    rates::{self, Asker, Entry, Ticket},
    respond::{self, Answer},
    snapshot::Node,
    spans::Traced,
    state::{App, Exposure},
    upstream::Failure,
};
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use hyper::body::{Body as _, Frame};
use rest_api::{
    ApiError,
    operations::{self, Class},
};
use service::trace::Parent;
use std::{
    future::poll_fn,
    io,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, SystemTime},
};
use tokio::{
    io::{AsyncReadExt, AsyncWrite},
    net::TcpStream,
    sync::OwnedSemaphorePermit,
    time::Instant,
};

/// How long a connection may be idle; longer than the pools of known clients keep one.
pub const IDLE: Duration = Duration::from_secs(120);
/// How long a request may take to arrive once it has begun, and how long a client may take nothing of its answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a connection that is new when the drain begins has for the request that it was opened for.
pub const FIRST: Duration = Duration::from_secs(2);
/// How often a request that may be repeated looks whether its node is still there.
const LOOK: Duration = Duration::from_millis(250);
/// Bytes of following requests that are read while one runs.
const AHEAD: usize = 16 << 10;

/// Serves a client until it leaves, or until it brings what isn't plain: then the stream and its unanswered bytes.
pub async fn serve(app: Arc<App>, stream: TcpStream, client: Client) -> Option<(TcpStream, Vec<u8>)> {
    let mut connection = Connection {
        alarm: Alarm::new(Instant::now() + IDLE),
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
        connection.alarm.set(Instant::now() + IDLE);
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

struct Connection {
    app: Arc<App>,
    stream: TcpStream,
    client: Client,
    /// Bytes that have come and aren't answered.
    read: Vec<u8>,
    /// What is being written, to the node or to the client.
    out: Vec<u8>,
    alarm: Alarm,
}

/// What becomes of a connection.
enum Then {
    /// Nothing had come.
    Nothing,
    Idle,
    Close,
    HandOver,
}

/// What the bytes ask for.
enum Step {
    /// Nothing yet.
    More(Option<usize>),
    /// What isn't plain.
    Odd,
    /// To be passed on: the request for the node stands in `out`.
    Pass(Pass),
    /// To be handled as any request.
    Handle(Box<Handle>),
}

/// A request that goes to one node as it stands.
struct Pass {
    node: Arc<Node>,
    gate: Arc<Gate>,
    class: Class,
    asked: Asked,
    /// Whether it may go elsewhere although it may have run.
    repeatable: bool,
    /// Its bytes in `read`.
    length: usize,
    /// How long the node may take to begin its answer.
    patience: Duration,
    /// What the rate limits let in, where there are any.
    ticket: Option<Ticket>,
}

struct Handle {
    request: Request<Full<Bytes>>,
    asked: Asked,
    length: usize,
}

/// How passing on went.
enum Passed {
    /// Answered; whether the connection goes on.
    Answered(bool),
    /// Nothing was done, or it may be done again: another way.
    OtherWay,
    /// No answer came, and another way isn't safe.
    NoAnswer(NoAnswer),
    /// The answer can't be completed.
    Broken,
}

impl Connection {
    /// Answers the requests that have come, until none is left.
    async fn requests(&mut self) -> Then {
        let begun = Instant::now();
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
                Some(Ok(_)) => {}
            }
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        match poll_read(&mut self.stream, cx, &mut self.read) {
            Poll::Pending => self.alarm.poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into())),
            read => read,
        }
    }

    /// What the next request wants.
    fn step(&mut self) -> Step {
        let mut room = request::room();
        let plain = match request::read(&self.read, &mut room) {
            Read::More(size) => return Step::More(size),
            Read::Odd => return Step::Odd,
            Read::Whole(plain) => plain,
        };
        // What lies beside the REST root is served by others.
        if !plain.target.starts_with(ROOT) {
            return Step::Odd;
        }
        let asked = Asked {
            head: plain.is_head(),
            reads: matches!(plain.method, "GET" | "HEAD"),
            close: plain.close || self.app.is_draining(),
        };
        self.out.clear();
        let live = self.app.live();
        // What a browser of another origin gets is marked on the general way, and its limits are asked there.
        let browser = live.cors.is_some() && plain.header("origin").is_some();
        let rates = live.rates.as_ref().filter(|_| !browser);
        let entry = rates.map(|rates| rates.enter(asker(&plain, self.client), rates::now()));
        let traced = self.app.upstream.tracer().is_some_and(|tracer| {
            tracer.samples(plain.header(access::TRACEPARENT.as_str()).and_then(Parent::read))
        });
        let ticket = match entry {
            Some(Err(_)) => None,
            Some(Ok(ticket)) => Some(Some(ticket)),
            None => Some(None),
        };
        if let Some(ticket) = ticket.filter(|_| !browser && !traced)
            && let Some(pass) = route(&self.app, &live.options, &plain, asked, &mut self.out)
        {
            return Step::Pass(Pass { ticket, ..pass });
        }
        match handle_as(&plain, asked, entry, traced) {
            Some(handle) => Step::Handle(Box::new(handle)),
            None => Step::Odd,
        }
    }

    /// The first request once more, to be handled as any.
    fn handle_of(&self, pass: &Pass) -> Option<Handle> {
        let mut room = request::room();
        let Read::Whole(plain) = request::read(&self.read, &mut room) else {
            return None;
        };
        handle_as(&plain, pass.asked, pass.ticket.map(Ok), false)
    }

    /// Sends the request in `out` to its node and the node's answer to the client.
    async fn pass(&mut self, pass: &Pass) -> Passed {
        let now = Instant::now();
        let deadline = now + pass.patience;
        let node = &pass.node;
        // A shard that is full refuses on the general way, in its words.
        let Ok(entered) = pass.gate.enter(true, now.into_std()) else {
            return Passed::OtherWay;
        };
        let failed = |app: &App, entered: Entered<'_>, written: bool, kind: &'static str, why: String| {
            entered.left(false);
            let why = format!("node {}: {why}", node.id);
            app.upstream.failed(
                node,
                &Failure {
                    written,
                    kind,
                    why: why.clone(),
                },
            );
            let no_answer = |may_have_run, why| {
                let shard = node.shard.clone();
                Passed::NoAnswer(NoAnswer {
                    shard,
                    may_have_run,
                    why,
                })
            };
            match written {
                false => Passed::OtherWay,
                true if !pass.repeatable => no_answer(true, why),
                true if pass.gate.may_retry() => Passed::OtherWay,
                true => no_answer(false, format!("{why}; too many requests were tried again")),
            }
        };
        let mut upstream = match node.plain.take(now) {
            Some(stream) => stream,
            None => match Box::pin(node.plain.connect()).await {
                Ok(stream) => stream,
                Err(error) => return failed(&self.app, entered, false, "connect", error.to_string()),
            },
        };
        self.alarm.set(deadline);
        let mut written = 0;
        while written < self.out.len() {
            let wrote = poll_fn(
                |cx| match Pin::new(&mut upstream).poll_write(cx, &self.out[written..]) {
                    Poll::Pending => self.alarm.poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into())),
                    wrote => wrote,
                },
            );
            match wrote.await {
                Ok(0) => {
                    return failed(
                        &self.app,
                        entered,
                        written > 0,
                        "lost",
                        "it takes nothing".to_owned(),
                    );
                }
                Ok(n) => written += n,
                Err(error) => {
                    let kind = kind_of(&error, written > 0);
                    return failed(&self.app, entered, written > 0, kind, error.to_string());
                }
            }
        }
        let mut reply = buffers::take();
        // A request that may be repeated doesn't wait for a node that others found gone.
        let look = |now: Instant| {
            if pass.repeatable {
                (now + LOOK).min(deadline)
            } else {
                deadline
            }
        };
        self.alarm.set(look(now));
        let head = loop {
            let read = poll_fn(|cx| {
                if let Poll::Ready(read) = poll_read(&mut upstream, cx, &mut reply) {
                    return Poll::Ready(read);
                }
                loop {
                    ready!(self.alarm.poll(cx));
                    let now = Instant::now();
                    if now >= deadline {
                        return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                    }
                    if !node.is_up() {
                        return Poll::Ready(Err(io::Error::other("it stopped answering")));
                    }
                    self.alarm.set(look(now));
                }
            });
            match read.await {
                Ok(0) => {
                    return failed(
                        &self.app,
                        entered,
                        true,
                        "lost",
                        "it closed the connection".to_owned(),
                    );
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    return failed(
                        &self.app,
                        entered,
                        true,
                        "timeout",
                        "no answer in time".to_owned(),
                    );
                }
                Err(error) => return failed(&self.app, entered, true, "lost", error.to_string()),
            }
            self.out.clear();
            match answer::pass(&reply, pass.asked, &mut self.out) {
                Ok(Some(head)) => break head,
                Ok(None) => {}
                Err(error) => return failed(&self.app, entered, true, "lost", error.to_string()),
            }
        };
        let trouble = StatusCode::from_u16(head.status).is_ok_and(is_trouble);
        node.went(!trouble);
        if head.status == StatusCode::MISDIRECTED_REQUEST.as_u16() {
            return Passed::OtherWay;
        }
        let elsewhere = pass.repeatable && trouble;
        if elsewhere && pass.gate.may_retry() {
            return Passed::OtherWay;
        }
        entered.left(!elsewhere);
        if let Some(ticket) = pass.ticket
            && let Some(rates) = &self.app.live().rates
        {
            rates.answered(ticket, head.status, true, rates::now());
        }
        if let Some(log) = &self.app.access_log {
            self.tell(log, pass, head.status, now);
        }
        let relayed = self
            .relay(&mut upstream, pass.patience, head.body, &mut reply, head.length)
            .await;
        buffers::give(reply);
        self.app.metrics.count(pass.class, head.status);
        match relayed {
            Err(_) => Passed::Broken,
            Ok(clean) => {
                if clean && head.reusable {
                    node.plain.give(upstream, now);
                }
                Passed::Answered(!matches!(
                    head,
                    Head {
                        body: Body::ToEnd,
                        ..
                    }
                ))
            }
        }
    }

    /// Writes a line of the access log about the request that is answered.
    fn tell(&self, log: &AccessLog, pass: &Pass, status: u16, began: Instant) {
        let mut room = request::room();
        let Read::Whole(plain) = request::read(&self.read, &mut room) else {
            return;
        };
        log.tell(access::Line {
            client: Some(self.client.address),
            method: plain.method,
            path: plain.target.split('?').next().unwrap_or_default(),
            status,
            took: began.elapsed(),
            served: Some((pass.node.shard.as_str(), pass.node.id.as_str())),
            traceparent: plain.header("traceparent"),
        });
    }

    /// Writes `out` and the body that begins in `reply` at `from`. Whether nothing came after the body.
    async fn relay(
        &mut self,
        upstream: &mut TcpStream,
        patience: Duration,
        mut body: Body,
        reply: &mut Vec<u8>,
        from: usize,
    ) -> io::Result<bool> {
        let mut from = from;
        loop {
            let rest = &reply[from..];
            let (taken, done) = match &mut body {
                Body::Length(left) => {
                    let taken = rest.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                    *left -= taken as u64;
                    (taken, *left == 0)
                }
                Body::Chunked(chunks) => {
                    let taken = chunks.take(rest).map_err(io::Error::other)?;
                    (taken, chunks.done())
                }
                Body::ToEnd => (rest.len(), false),
            };
            self.out.extend_from_slice(&rest[..taken]);
            let clean = taken == rest.len();
            self.write_out().await?;
            if done {
                return Ok(clean);
            }
            reply.clear();
            from = 0;
            self.alarm.set(Instant::now() + patience);
            let read = poll_fn(|cx| match poll_read(upstream, cx, reply) {
                Poll::Pending => self.alarm.poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into())),
                read => read,
            });
            match (read.await?, body) {
                (0, Body::ToEnd) => return Ok(false),
                (0, _) => return Err(io::ErrorKind::UnexpectedEof.into()),
                _ => {}
            }
        }
    }

    /// Writes all of `out` to the client.
    async fn write_out(&mut self) -> io::Result<()> {
        let mut written = 0;
        let mut waits = false;
        while written < self.out.len() {
            let wrote = poll_fn(|cx| {
                if let Poll::Ready(wrote) = Pin::new(&mut self.stream).poll_write(cx, &self.out[written..]) {
                    return Poll::Ready(wrote);
                }
                if !waits {
                    self.alarm.set(Instant::now() + PATIENCE);
                    waits = true;
                }
                self.alarm.poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
            });
            match wrote.await? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                n => written += n,
            }
            waits = false;
        }
        self.out.clear();
        Ok(())
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
        let Some(answer) = answer.await else {
            return Then::Close;
        };
        match self.write_answer(answer, asked).await {
            Ok(()) if asked.close => Then::Close,
            Ok(()) => Then::Idle,
            Err(_) => Then::Close,
        }
    }

    /// Writes an answer of our own making.
    async fn write_answer(&mut self, answer: Answer, asked: Asked) -> io::Result<()> {
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

/// Who asks for what, as the rate limits want to know it.
fn asker<'a>(plain: &Plain<'_, 'a>, client: Client) -> Asker<'a> {
    let (path, query) = match plain.target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (plain.target, None),
    };
    Asker {
        credentials: plain.header("authorization"),
        address: Some(client.address.ip()),
        path,
        query,
    }
}

/// The request for the general way; `entry`: what the rate limits said to it already.
/// `traced`: whether it belongs to a trace that somebody wants to see.
fn handle_as(plain: &Plain, asked: Asked, entry: Option<Entry>, traced: bool) -> Option<Handle> {
    let mut request = plain.to_http(|body| Full::new(Bytes::copy_from_slice(body)))?;
    request.extensions_mut().insert(Traced(traced));
    if let Some(entry) = entry {
        request.extensions_mut().insert(entry);
    }
    Some(Handle {
        request,
        asked,
        length: plain.length,
    })
}

/// Its future is large, and only requests that need it have one.
fn handle_request(
    app: Arc<App>,
    request: Request<Full<Bytes>>,
) -> Pin<Box<dyn Future<Output = Answer> + Send>> {
    Box::pin(handle(app, request))
}

/// Reads what is there into the buffer's free capacity (some is made if there is none).
fn poll_read(stream: &mut TcpStream, cx: &mut Context<'_>, buffer: &mut Vec<u8>) -> Poll<io::Result<usize>> {
    // The future holds nothing between two polls.
    pin!(stream.read_buf(buffer)).poll(cx)
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

fn kind_of(error: &io::Error, written: bool) -> &'static str {
    match error.kind() {
        io::ErrorKind::TimedOut => "timeout",
        _ if written => "lost",
        _ => "connect",
    }
}

/// Where a request goes that one node answers as it stands: writes what the node gets. `None` for every other.
fn route(app: &App, live: &LiveOptions, plain: &Plain, asked: Asked, out: &mut Vec<u8>) -> Option<Pass> {
    // Who answered is told on the general way.
    if plain.asks_where
        || !app.foreign.is_empty()
        || app.exposure() != Exposure::Fine
        || plain.body.len() as u64 > live.body_limit
    {
        return None;
    }
    let (path, query) = match plain.target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (plain.target, None),
    };
    let below = path.strip_prefix(ROOT)?;
    if below.starts_with("/engine") {
        return None;
    }
    let matched = operations::find(plain.method, below).ok()?;
    let operation = matched.operation;
    match operation.class {
        Class::Key | Class::Id => {}
        Class::FanoutList | Class::FanoutSum | Class::FanoutFirst | Class::BroadcastCommand
            if !operation.id_params.is_empty() => {}
        _ => return None,
    }
    let named = Named {
        operation,
        id: matched.params.first().map(|(_, id)| *id),
        second: matched.params.get(1).map(|(_, second)| *second),
        query,
    };
    let snapshot = app.peek();
    let header = |name: &str| std::str::from_utf8(plain.header(name)?).ok();
    let located = locate_by(
        &app.routing_keys,
        &app.definitions,
        named,
        plain.body,
        plain.idempotency_key,
        &header,
    );
    let located = located.ok()?;
    let slot = match located.target {
        Target::Slot(slot) => slot,
        Target::AnySlot => snapshot.draw(None).ok()?,
        Target::AnyShard | Target::Many => return None,
    };
    let (shard, epoch) = snapshot.owner(slot).ok()?;
    let node = shard.preferred(u64::from(slot.number()))?;
    let place = node.plain.place()?;
    plain.write_head(&place.authority, &place.prefix, out);
    let numbers = [
        (headers::SLOT, u64::from(slot.number())),
        (headers::EPOCH, u64::from(epoch)),
        (headers::LOG_INDEX, snapshot.published),
    ];
    for (name, number) in numbers {
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        decimal_to(number, out);
        out.extend_from_slice(b"\r\n");
    }
    if located.placed {
        out.extend_from_slice(headers::PLACED.as_str().as_bytes());
        out.extend_from_slice(b": 1\r\n");
    }
    out.extend_from_slice(app.upstream.secret_line());
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(plain.body);
    let reads = asked.reads
        || plain.method == Method::OPTIONS.as_str()
        || matches!(operation.class, Class::FanoutList | Class::FanoutSum);
    Some(Pass {
        node: node.clone(),
        gate: shard.gate.clone(),
        class: operation.class,
        asked,
        repeatable: reads || plain.idempotency_key.is_some(),
        length: plain.length,
        patience: live.upstream_timeout,
        ticket: None,
    })
}
