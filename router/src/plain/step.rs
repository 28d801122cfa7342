//! What the bytes of a connection ask for next: to be passed on, to be handled as any request, or to be read by others.
use super::{
    answer::Asked,
    connection::Connection,
    request::{self, Plain, Read, decimal_to},
};
use crate::{
    access,
    classify::ROOT,
    gate::Gate,
    handle::Client,
    headers,
    live::LiveOptions,
    locate::{Named, Target, locate_by},
    rates::{self, Asker, Entry, Rates, Ticket},
    snapshot::Node,
    spans::Traced,
    state::{App, Exposure},
};
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use rest_api::operations::{self, Class};
use service::trace::Parent;
use std::{sync::Arc, time::Duration};

/// What the bytes ask for.
pub(super) enum Step {
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
pub(super) struct Pass {
    pub node: Arc<Node>,
    pub gate: Arc<Gate>,
    pub class: Class,
    pub asked: Asked,
    /// Whether it may go elsewhere although it may have run.
    pub repeatable: bool,
    /// Its bytes in `read`.
    pub length: usize,
    /// How long the node may take to begin its answer.
    pub patience: Duration,
    /// What the rate limits let in, where there are any.
    pub ticket: Option<Ticket>,
}

/// A request for the general way.
pub(super) struct Handle {
    pub request: Request<Full<Bytes>>,
    pub asked: Asked,
    pub length: usize,
}

impl Connection {
    /// What the next request wants.
    pub(super) fn step(&mut self) -> Step {
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
        let entry = rates.map(|rates| enter(rates, &plain, self.client));
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
    pub(super) fn handle_of(&self, pass: &Pass) -> Option<Handle> {
        let mut room = request::room();
        let Read::Whole(plain) = request::read(&self.read, &mut room) else {
            return None;
        };
        handle_as(&plain, pass.asked, pass.ticket.map(Ok), false)
    }
}

/// Asks the rate limits, which may read the tenant in the body.
fn enter(rates: &Rates, plain: &Plain, client: Client) -> Entry {
    let (asker, now) = (asker(plain, client), rates::now());
    let mut ticket = rates.enter(asker, now)?;
    rates.enter_body(&mut ticket, asker.path, plain.body, now)?;
    Ok(ticket)
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
    let (shard, _) = snapshot.owner(slot).ok()?;
    let node = shard.preferred(u64::from(slot.number()))?;
    let place = node.plain.place()?;
    plain.write_head(&place.authority, &place.prefix, out);
    let numbers = [
        (headers::SLOT, u64::from(slot.number())),
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
