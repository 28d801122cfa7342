//! Passing a request on to its node, and the node's answer to the client.
use super::{
    answer::{self, Body, Head},
    buffers,
    connection::{Connection, LOOK},
    request::{self, Read},
    step::Pass,
    stream::Upstream,
};
use crate::{
    access::{self, AccessLog},
    forward::{NoAnswer, is_trouble},
    gate::Entered,
    rates,
    state::App,
    upstream::Failure,
};
use http::StatusCode;
use std::{
    future::poll_fn,
    io,
    task::{Poll, ready},
    time::Duration,
};
use tokio::time::Instant;

/// How passing on went.
pub(super) enum Passed {
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
    /// Sends the request in `out` to its node and the node's answer to the client.
    pub(super) async fn pass(&mut self, pass: &Pass) -> Passed {
        let now = self.now;
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
            None => match Box::pin(node.plain.connect(self.app.upstream.tls())).await {
                Ok(stream) => stream,
                Err(error) => return failed(&self.app, entered, false, "connect", error.to_string()),
            },
        };
        self.alarm.set(deadline);
        let mut written = 0;
        let wrote = poll_fn(|cx| {
            while written < self.out.len() {
                match upstream.poll_write(cx, &self.out[written..]) {
                    Poll::Pending => {
                        return self.alarm.poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()));
                    }
                    Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::Error::other("it takes nothing"))),
                    Poll::Ready(Ok(n)) => written += n,
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                }
            }
            match upstream.poll_flush(cx) {
                Poll::Pending => self.alarm.poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into())),
                flushed => flushed,
            }
        });
        if let Err(error) = wrote.await {
            let kind = kind_of(&error, written > 0);
            return failed(&self.app, entered, written > 0, kind, error.to_string());
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
                if let Poll::Ready(read) = upstream.poll_read(cx, &mut reply) {
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
        self.now = entered.left(!elsewhere).into();
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
                    node.plain.give(upstream, self.now);
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
    pub(super) fn tell(&self, log: &AccessLog, pass: &Pass, status: u16, began: Instant) {
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
        upstream: &mut Upstream,
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
            self.alarm.set(self.now + patience);
            let read = poll_fn(|cx| match upstream.poll_read(cx, reply) {
                Poll::Pending => self.alarm.poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into())),
                read => read,
            });
            let read = read.await?;
            self.now = Instant::now();
            match (read, body) {
                (0, Body::ToEnd) => return Ok(false),
                (0, _) => return Err(io::ErrorKind::UnexpectedEof.into()),
                _ => {}
            }
        }
    }
}

fn kind_of(error: &io::Error, written: bool) -> &'static str {
    match error.kind() {
        io::ErrorKind::TimedOut => "timeout",
        _ if written => "lost",
        _ => "connect",
    }
}
