//! How many requests a client and a tenant may send: token buckets of a bounded number.
//!
//! **Client**: whoever sent the same credentials (the `Authorization` header) and had them accepted, else an address. Made-up
//! credentials count for the address that sends them, so neither does a new name give a new allowance, nor can a stranger use
//! up that of a user whose name he knows. An IPv6 client is its /64.
//!
//! **Tenant**: what the path (`…/tenant-id/TENANT/…`), a single `tenantIdIn` of the query or the `tenantId` of a body names that sends a
//! message, a signal or a condition or makes a task. What nodes refuse (401, 403) isn't counted.
//!
//! A bucket is the time at which it will be full again (GCRA), so a full one needs no memory. A crate with a map of keys would need
//! a task that throws old ones out, and a bound of its own.
use crate::{
    scan,
    text::{percent_decode, query_values},
};
use clap::Args;
use http::StatusCode;
use rest_api::ApiError;
use service::{ConfigError, Rate};
use std::{
    hash::{BuildHasher, RandomState},
    net::IpAddr,
    sync::{LazyLock, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Buckets that may stand for one name: what is looked through for each request.
const WAYS: usize = 8;
/// Groups of them: 65 536 buckets, 1 MiB.
const SETS: usize = 8_192;

/// The options of rate limits.
#[derive(Args, Clone, Debug, Default, PartialEq)]
pub struct RateOptions {
    /// Requests that one client may send, such as 100/s or 600/m: whoever has the same accepted credentials, else an address
    #[arg(long, value_name = "N/s|m|h")]
    pub client_rate: Option<Rate>,
    /// Requests that a client may send at once after a pause; without it, what a second's rate is
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub client_burst: Option<u32>,
    /// Requests that one tenant may get, where path, query or body name exactly one
    #[arg(long, value_name = "N/s|m|h")]
    pub tenant_rate: Option<Rate>,
    /// Requests that a tenant may get at once after a pause; without it, what a second's rate is
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub tenant_burst: Option<u32>,
}

/// Nanoseconds since the process began.
pub fn now() -> u64 {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    BEGAN.elapsed().as_nanos() as u64
}

/// Names are hashed with keys that nobody outside knows; the same for all tables, so that a name means the same in a newer one.
fn name_of(kind: u8, bytes: &[u8]) -> u64 {
    static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    KEYS.hash_one((kind, bytes)).max(1)
}

/// One bucket: whose (0: nobody's), and when it will be full.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    name: u64,
    full_at: u64,
}

/// The buckets of all clients, or of all tenants.
#[derive(Debug)]
struct Buckets {
    /// Nanoseconds in which one request's worth flows in.
    interval: u64,
    /// Nanoseconds that an empty bucket takes to be full but for one request.
    room: u64,
    sets: Box<[Mutex<[Bucket; WAYS]>]>,
}

impl Buckets {
    fn new(rate: Rate, burst: Option<u32>) -> Buckets {
        let interval = (rate.interval().as_nanos() as u64).max(1);
        let burst = burst.map_or(1_000_000_000 / interval, u64::from).max(1);
        Buckets {
            interval,
            room: interval.saturating_mul(burst - 1),
            sets: (0..SETS).map(|_| Mutex::default()).collect(),
        }
    }

    fn with<T>(&self, name: u64, act: impl FnOnce(&mut [Bucket; WAYS]) -> T) -> T {
        let set = &self.sets[name as usize % SETS];
        act(&mut set.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes one request's worth. A name without a bucket gets that of the name that will be full first: nearly always it is.
    fn take(&self, name: u64, now: u64) -> Result<(), Duration> {
        self.with(name, |set| {
            let at = match set.iter().position(|bucket| bucket.name == name) {
                Some(at) => at,
                None => replace(set, name, now),
            };
            let full_at = set[at].full_at.max(now);
            let wait = (full_at - now).saturating_sub(self.room);
            if wait > 0 {
                return Err(Duration::from_nanos(wait));
            }
            set[at].full_at = full_at + self.interval;
            Ok(())
        })
    }

    /// Gives one request's worth back.
    fn give(&self, name: u64) {
        self.with(name, |set| {
            if let Some(bucket) = set.iter_mut().find(|bucket| bucket.name == name) {
                bucket.full_at = bucket.full_at.saturating_sub(self.interval);
            }
        });
    }

    fn knows(&self, name: u64) -> bool {
        self.with(name, |set| set.iter().any(|bucket| bucket.name == name))
    }

    fn learn(&self, name: u64, now: u64) {
        self.with(name, |set| {
            if !set.iter().any(|bucket| bucket.name == name) {
                replace(set, name, now);
            }
        });
    }
}

/// Puts a full bucket of that name in the place of the one that is full first.
fn replace(set: &mut [Bucket; WAYS], name: u64, now: u64) -> usize {
    let first = set.iter().enumerate().min_by_key(|(_, bucket)| bucket.full_at);
    let at = first.map_or(0, |(at, _)| at);
    set[at] = Bucket { name, full_at: now };
    at
}

/// Who asks, and for what.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    /// The raw `Authorization` header.
    pub credentials: Option<&'a [u8]>,
    /// The other end of the connection.
    pub address: Option<IpAddr>,
    /// Raw path.
    pub path: &'a str,
    /// Raw query.
    pub query: Option<&'a str>,
}

/// A request that was let in: what is still to be done when it is answered.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ticket {
    unproven: Option<u64>,
    tenant: Option<u64>,
}

/// A request that came too soon.
#[derive(Debug, Clone, Copy)]
pub struct Refused {
    /// Whose limit: `client` or `tenant`.
    pub whose: &'static str,
    wait: Duration,
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> ApiError {
        let Refused { whose, wait } = refused;
        let message = format!("this {whose} has sent more requests than its rate limit allows");
        let error = ApiError::new(StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException", message);
        error.retry_after(wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
    }
}

/// What a request was told.
pub type Entry = Result<Ticket, Refused>;

/// The limits.
#[derive(Debug)]
pub struct Rates {
    clients: Option<Buckets>,
    tenants: Option<Buckets>,
}

impl Rates {
    /// The limits that the options ask for; none if they ask for none.
    ///
    /// # Errors
    /// A burst without a rate.
    pub fn new(options: &RateOptions) -> Result<Option<Rates>, ConfigError> {
        let buckets = |name: &str, rate: Option<Rate>, burst: Option<u32>| match (rate, burst) {
            (None, Some(_)) => Err(ConfigError::new(
                &format!("{name}-burst"),
                format!("needs --{name}-rate"),
            )),
            (rate, burst) => Ok(rate.map(|rate| Buckets::new(rate, burst))),
        };
        let clients = buckets("client", options.client_rate, options.client_burst)?;
        let tenants = buckets("tenant", options.tenant_rate, options.tenant_burst)?;
        let any = clients.is_some() || tenants.is_some();
        Ok(any.then_some(Rates { clients, tenants }))
    }

    /// Lets a request in at a time (see [`now`]).
    ///
    /// # Errors
    /// Its client or its tenant has used up what it may.
    pub fn enter(&self, asker: Asker, now: u64) -> Entry {
        let mut ticket = Ticket::default();
        if let Some(clients) = &self.clients {
            let credentials = asker.credentials.map(|credentials| name_of(1, credentials));
            let name = match credentials.filter(|name| clients.knows(*name)) {
                Some(name) => name,
                None => {
                    ticket.unproven = credentials;
                    name_of(2, &network(asker.address))
                }
            };
            let refused = |wait| Refused {
                whose: "client",
                wait,
            };
            clients.take(name, now).map_err(refused)?;
        }
        if let Some(tenant) = tenant(asker.path, asker.query).filter(|_| self.tenants.is_some()) {
            self.enter_tenant(&mut ticket, &tenant, now)?;
        }
        Ok(ticket)
    }

    /// The same once the body is here, which may name the tenant of a request whose head doesn't.
    ///
    /// # Errors
    /// That tenant has used up what it may.
    pub fn enter_body(&self, ticket: &mut Ticket, path: &str, body: &[u8], now: u64) -> Result<(), Refused> {
        if self.tenants.is_none() || ticket.tenant.is_some() {
            return Ok(());
        }
        match tenant_in_body(path, body) {
            Some(tenant) => self.enter_tenant(ticket, &tenant, now),
            None => Ok(()),
        }
    }

    fn enter_tenant(&self, ticket: &mut Ticket, tenant: &str, now: u64) -> Result<(), Refused> {
        let Some(tenants) = &self.tenants else {
            return Ok(());
        };
        let name = name_of(3, tenant.as_bytes());
        let refused = |wait| Refused {
            whose: "tenant",
            wait,
        };
        tenants.take(name, now).map_err(refused)?;
        ticket.tenant = Some(name);
        Ok(())
    }

    /// Notes how a request that was let in was answered. `by_node`: a node has seen its credentials.
    pub fn answered(&self, ticket: Ticket, status: u16, by_node: bool, now: u64) {
        if let Some((tenants, name)) = self.tenants.as_ref().zip(ticket.tenant)
            && matches!(status, 401 | 403)
        {
            tenants.give(name);
        }
        if let Some((clients, name)) = self.clients.as_ref().zip(ticket.unproven)
            && by_node
            && (200..300).contains(&status)
        {
            clients.learn(name, now);
        }
    }
}

/// The network of an address that is one client.
fn network(address: Option<IpAddr>) -> Vec<u8> {
    match address.map(|address| address.to_canonical()) {
        Some(IpAddr::V4(address)) => address.octets().to_vec(),
        Some(IpAddr::V6(address)) => address.octets()[..8].to_vec(),
        None => Vec::new(),
    }
}

/// The tenant that a request names, if it names exactly one.
fn tenant(path: &str, query: Option<&str>) -> Option<String> {
    if let Some((_, rest)) = path.split_once("/tenant-id/") {
        let raw = rest.split('/').next().filter(|raw| !raw.is_empty())?;
        return Some(percent_decode(raw, false));
    }
    query.filter(|query| query.contains("tenantIdIn"))?;
    let mut values = query_values(query, "tenantIdIn");
    let one = values.pop().filter(|one| !one.is_empty() && !one.contains(','));
    one.filter(|_| values.is_empty())
}

/// Operations whose bodies name one tenant (a start's is in its path), by the end of their paths.
const TENANT_IN_BODY: [&str; 4] = ["/message", "/signal", "/condition", "/task/create"];

/// The tenant that the body of a request names.
fn tenant_in_body(path: &str, body: &[u8]) -> Option<String> {
    TENANT_IN_BODY.iter().find(|end| path.ends_with(**end))?;
    let found = scan::members(body, &["tenantId"]).pop()??;
    found
        .text()
        .filter(|tenant| !tenant.is_empty())
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn rates(client: Option<&str>, burst: Option<u32>, tenant: Option<&str>) -> Rates {
        let options = RateOptions {
            client_rate: client.map(|rate| rate.parse().unwrap()),
            client_burst: burst,
            tenant_rate: tenant.map(|rate| rate.parse().unwrap()),
            tenant_burst: None,
        };
        Rates::new(&options).unwrap().unwrap()
    }

    fn from(address: &str) -> Asker<'static> {
        Asker {
            credentials: None,
            address: Some(address.parse().unwrap()),
            path: "/engine-rest/task",
            query: None,
        }
    }

    fn with<'a>(address: &str, credentials: &'a str) -> Asker<'a> {
        Asker {
            credentials: Some(credentials.as_bytes()),
            ..from(address)
        }
    }

    /// How many of so many requests at one moment are let in.
    fn let_in(rates: &Rates, asker: Asker, tries: usize, now: u64) -> usize {
        (0..tries).filter(|_| rates.enter(asker, now).is_ok()).count()
    }

    #[test]
    fn a_bucket_holds_the_burst_and_fills_at_its_rate() {
        let rates = rates(Some("10/s"), Some(5), None);
        assert_eq!(let_in(&rates, from("10.0.0.1"), 100, SECOND), 5);
        // Another client has its own.
        assert_eq!(let_in(&rates, from("10.0.0.2"), 100, SECOND), 5);
        assert_eq!(let_in(&rates, from("10.0.0.1"), 100, SECOND + SECOND / 10), 1);
        assert_eq!(let_in(&rates, from("10.0.0.1"), 100, 100 * SECOND), 5);
        // Ten a second, over many seconds, however it is asked.
        let total: usize = (0..100)
            .map(|i| let_in(&rates, from("10.0.0.3"), 3, SECOND + i * SECOND / 10))
            .sum();
        assert!((100..=105).contains(&total), "{total}");
    }

    #[test]
    fn a_tenant_may_be_named_by_the_body() {
        let rates = rates(None, None, Some("2/s"));
        let entered = |path: &str, body: &str| {
            let mut ticket = rates.enter(from("10.0.0.1"), SECOND).unwrap();
            let entered = rates.enter_body(&mut ticket, path, body.as_bytes(), SECOND);
            (entered.is_ok(), ticket)
        };
        let message = r#"{"messageName":"m","tenantId":"a","processVariables":{"tenantId":{"value":"b"}}}"#;
        let (in_first, first) = entered("/engine-rest/message", message);
        let (in_second, _) = entered(
            "/engine-rest/engine/default/signal",
            r#"{"name":"s","tenantId":"a"}"#,
        );
        assert!(in_first && in_second && first.tenant.is_some());
        assert!(!entered("/engine-rest/message", message).0);
        // Once a request: a tenant that the head names counts alone.
        let mut ticket = first;
        assert!(
            rates
                .enter_body(&mut ticket, "/engine-rest/message", message.as_bytes(), SECOND)
                .is_ok()
        );
        for (path, body) in [
            ("/engine-rest/message", r#"{"messageName":"m","tenantId":null}"#),
            ("/engine-rest/message", r#"{"tenantId":["a"]}"#),
            ("/engine-rest/message", "tenantId"),
            ("/engine-rest/task", message),
        ] {
            let (entered, ticket) = entered(path, body);
            assert!(entered && ticket.tenant.is_none(), "{path} {body}");
        }
        // What nodes refuse is given back.
        rates.answered(first, 403, true, SECOND);
        assert!(entered("/engine-rest/message", message).0);
    }

    #[test]
    fn a_refusal_says_when_to_come_again() {
        let rates = rates(Some("6/m"), None, None);
        assert!(rates.enter(from("10.0.0.1"), SECOND).is_ok());
        let refused = rates.enter(from("10.0.0.1"), SECOND).unwrap_err();
        let error = ApiError::from(refused);
        assert_eq!((error.status.as_u16(), error.code), (429, None));
        assert_eq!(error.headers[0], (http::header::RETRY_AFTER, 10.into()));
        assert!(rates.enter(from("10.0.0.1"), 11 * SECOND).is_ok());
    }

    #[test]
    fn only_credentials_that_a_node_accepted_are_a_client() {
        let rates = rates(Some("1/s"), Some(3), None);
        // Made-up names share the allowance of their address.
        let made_up = (0..9).filter(|i| {
            let name = format!("Basic {i}");
            let entered = rates.enter(with("10.0.0.1", &name), SECOND);
            entered.is_ok_and(|ticket| {
                rates.answered(ticket, 401, true, SECOND);
                true
            })
        });
        assert_eq!(made_up.count(), 3);
        let ticket = rates.enter(with("10.0.0.2", "Basic mary"), SECOND).unwrap();
        // What the router answers itself proves nothing.
        rates.answered(ticket, 200, false, SECOND);
        assert!(
            rates
                .enter(with("10.0.0.2", "Basic mary"), SECOND)
                .unwrap()
                .unproven
                .is_some()
        );
        rates.answered(ticket, 204, true, SECOND);
        // Wherever she comes from, and whatever others of the address do.
        assert_eq!(let_in(&rates, with("10.0.0.1", "Basic mary"), 2, SECOND), 2);
        assert_eq!(let_in(&rates, with("10.0.0.2", "Basic mary"), 9, SECOND), 1);
        assert_eq!(let_in(&rates, from("10.0.0.2"), 9, SECOND), 1);
    }

    #[test]
    fn an_ipv6_client_is_its_network() {
        let rates = rates(Some("1/h"), None, None);
        assert!(rates.enter(from("2001:db8::1"), SECOND).is_ok());
        assert!(rates.enter(from("2001:db8::2"), SECOND).is_err());
        assert!(rates.enter(from("2001:db8:0:1::2"), SECOND).is_ok());
        assert!(rates.enter(from("10.0.0.1"), SECOND).is_ok());
        assert!(rates.enter(from("::ffff:10.0.0.1"), SECOND).is_err());
    }

    #[test]
    fn tenants_are_named_by_path_or_query() {
        let key = "/engine-rest/process-definition/key/x";
        for (path, query, expected) in [
            (format!("{key}/tenant-id/a%20b/start"), None, Some("a b")),
            (format!("{key}/tenant-id/a"), Some("tenantIdIn=b"), Some("a")),
            (format!("{key}/start"), None, None),
            ("/engine-rest/task".into(), Some("x=1&tenantIdIn=a"), Some("a")),
            ("/engine-rest/task".into(), Some("tenantIdIn=a,b"), None),
            (
                "/engine-rest/task".into(),
                Some("tenantIdIn=a&tenantIdIn=b"),
                None,
            ),
            ("/engine-rest/task".into(), Some("tenantIdIn="), None),
        ] {
            assert_eq!(tenant(&path, query).as_deref(), expected, "{path} {query:?}");
        }
    }

    #[test]
    fn a_tenant_has_a_limit_of_its_own_that_strangers_do_not_use_up() {
        let rates = rates(None, None, Some("2/s"));
        let asker = Asker {
            path: "/engine-rest/process-definition/key/x/tenant-id/a/start",
            ..from("10.0.0.1")
        };
        for _ in 0..9 {
            let ticket = rates.enter(asker, SECOND).unwrap();
            rates.answered(ticket, 401, true, SECOND);
        }
        assert_eq!(let_in(&rates, asker, 9, SECOND), 2);
        assert_eq!(rates.enter(asker, SECOND).unwrap_err().whose, "tenant");
        assert_eq!(let_in(&rates, from("10.0.0.1"), 9, SECOND), 9);
    }

    #[test]
    fn s3_46_a_million_names_need_no_more_memory_than_one() {
        let rates = rates(Some("100/s"), None, None);
        let before = rates.clients.as_ref().unwrap().sets.len();
        for i in 0..1_000_000u32 {
            let address = IpAddr::from(i.to_be_bytes());
            let asker = Asker {
                address: Some(address),
                ..from("10.0.0.1")
            };
            assert!(rates.enter(asker, u64::from(i)).is_ok());
        }
        let buckets = rates.clients.as_ref().unwrap();
        assert_eq!(buckets.sets.len(), before);
        assert_eq!(
            std::mem::size_of_val(&*buckets.sets),
            SETS * std::mem::size_of::<Mutex<[Bucket; WAYS]>>()
        );
        assert!(SETS * std::mem::size_of::<Mutex<[Bucket; WAYS]>>() < 2 << 20);
    }

    #[test]
    fn a_burst_without_a_rate_is_refused() {
        let burst = RateOptions {
            client_burst: Some(1),
            ..RateOptions::default()
        };
        assert!(
            Rates::new(&burst)
                .unwrap_err()
                .to_string()
                .contains("--client-rate")
        );
    }
}
