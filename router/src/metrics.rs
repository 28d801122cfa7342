//! What the router counts.
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use rest_api::operations::Class;
use std::sync::{Arc, OnceLock, atomic::AtomicU64};

/// Labels of an answered request.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct RequestLabels {
    /// Routing class, or `none` for what the router answers itself.
    pub class: &'static str,
    /// HTTP status.
    pub status: u32,
}

/// A routing class alone.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct ClassLabel {
    /// Routing class.
    pub class: &'static str,
}

/// A shard.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct ShardLabel {
    /// Its name.
    pub shard: String,
}

/// Whose limit.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct LimitLabel {
    /// `client` or `tenant`.
    pub limit: &'static str,
}

/// A shard and what failed there.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct FailureLabels {
    /// Name of the shard.
    pub shard: String,
    /// `connect`, `lost` (after the request was written) or `timeout`.
    pub kind: &'static str,
}

/// The router's metrics; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    /// Answered requests by class and status.
    pub requests: Family<RequestLabels, Counter>,
    /// Requests that asked more than one shard, by class. By-id calls never do.
    pub fanouts: Family<ClassLabel, Counter>,
    /// Calls of nodes that failed.
    pub upstream_failures: Family<FailureLabels, Counter>,
    /// Requests that a shard had no room for.
    pub shed: Family<ShardLabel, Counter>,
    /// Requests refused by a rate limit.
    pub rate_limited: Family<LimitLabel, Counter>,
    /// Requests sent again after a 421.
    pub rerouted: Counter,
    /// Fan-outs asked again because their parts did not cover each slot once.
    pub coverage_retries: Counter,
    /// Parked fetchAndLock requests.
    pub long_polls: Gauge,
    /// Locked tasks given back because their client had left.
    pub tasks_given_back: Counter,
    /// Lines of the access log that were lost because the disk didn't keep up.
    pub access_lines_lost: Counter,
    /// Seconds since the topology store was last heard of.
    pub view_age: Gauge<f64, AtomicU64>,
    /// The counters of `requests` that have been asked for, by class and status: looking one up costs as much as a request's
    /// routing.
    counted: Arc<Counted>,
}

/// One counter for each class and status.
#[derive(Debug)]
struct Counted(Box<[OnceLock<Counter>]>);

const STATUSES: usize = 600;

impl Default for Counted {
    fn default() -> Counted {
        Counted(
            (0..Class::ALL.len() * STATUSES)
                .map(|_| OnceLock::new())
                .collect(),
        )
    }
}

impl Metrics {
    /// Counts an answered request of a class.
    pub fn count(&self, class: Class, status: u16) {
        let labels = RequestLabels {
            class: class.name(),
            status: u32::from(status),
        };
        let status = usize::from(status);
        let known = self
            .counted
            .0
            .get(class as usize * STATUSES + status)
            .filter(|_| status < STATUSES);
        match known {
            Some(counter) => {
                let made = || self.requests.get_or_create(&labels).clone();
                counter.get_or_init(made).inc();
            }
            None => {
                self.requests.get_or_create(&labels).inc();
            }
        }
    }

    /// Metrics and a registry that shows them, names beginning with `stellwerk_router_`.
    pub fn registered() -> (Metrics, Registry) {
        let (m, mut registry) = (Metrics::default(), Registry::with_prefix("stellwerk_router"));
        registry.register(
            "requests",
            "Answered requests by class and status",
            m.requests.clone(),
        );
        registry.register(
            "fanouts",
            "Requests that asked more than one shard, by class",
            m.fanouts.clone(),
        );
        let help = "Calls of nodes that failed, by shard and kind";
        registry.register("upstream_failures", help, m.upstream_failures.clone());
        let help = "Requests refused because too many were under way at their shard";
        registry.register("shed", help, m.shed.clone());
        let help = "Requests refused by a rate limit, by whose it is";
        registry.register("rate_limited", help, m.rate_limited.clone());
        registry.register("rerouted", "Requests sent again after a 421", m.rerouted.clone());
        let help = "Fan-outs asked again because of their slot coverage";
        registry.register("coverage_retries", help, m.coverage_retries.clone());
        registry.register("long_polls", "Parked fetchAndLock requests", m.long_polls.clone());
        let help = "Locked tasks given back because their client had left";
        registry.register("tasks_given_back", help, m.tasks_given_back.clone());
        let help = "Lines of the access log that were lost because the disk did not keep up";
        registry.register("access_lines_lost", help, m.access_lines_lost.clone());
        registry.register(
            "view_age_seconds",
            "Time since the topology was last heard of",
            m.view_age.clone(),
        );
        (m, registry)
    }
}
