//! What a node counts, in the registry that its admin listener serves.
use crate::{app::Engine, store::stats::PoolNow};
use http::{Method, StatusCode};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric},
    metrics::{
        MetricType,
        counter::{ConstCounter, Counter},
        family::Family,
        gauge::ConstGauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};
use std::{
    fmt,
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

/// Counters that requests write to.
#[derive(Clone)]
pub struct Metrics {
    requests: Family<Answered, Counter>,
    seconds: Histogram,
}

/// How a request was answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    method: &'static str,
    status: u16,
}

impl Metrics {
    /// The metrics of a node and the registry that holds them, each labelled with the shard's and the node's name.
    pub fn new(engine: &Engine, shard: &str, node: &str) -> (Metrics, Arc<Registry>) {
        let metrics = Metrics {
            requests: Family::default(),
            // 0.5 ms to 16 s.
            seconds: Histogram::new(exponential_buckets(0.0005, 2.0, 16)),
        };
        let labels = [("shard", shard), ("node", node)].map(|(k, v)| (k.into(), v.to_owned().into()));
        let mut registry = Registry::with_prefix_and_labels("stellwerk_node", labels.into_iter());
        registry.register("requests", "REST requests answered", metrics.requests.clone());
        registry.register(
            "request_seconds",
            "Time to answer a REST request",
            metrics.seconds.clone(),
        );
        let stats = engine.store().stats();
        registry.register(
            "statement_seconds",
            "Time of the database, by kind of statement",
            stats.seconds.clone(),
        );
        registry.register(
            "pool_wait_seconds",
            "Time that work waited for a connection",
            stats.wait.clone(),
        );
        registry.register(
            "pool_refused",
            "Work refused because too much waited for a connection, or for too long",
            stats.refused.clone(),
        );
        registry.register(
            "connector_calls",
            "Calls of connectors, by the status of the response; 0 where there was none",
            engine.settings().connector_calls.clone(),
        );
        registry.register_collector(Box::new(EngineNumbers(engine.clone())));
        (metrics, Arc::new(registry))
    }
}

/// A request that is being answered.
pub struct Timer<'a> {
    metrics: &'a Metrics,
    method: &'static str,
    began: Instant,
}

impl Metrics {
    /// A request has come.
    pub fn request(&self, method: &Method) -> Timer<'_> {
        let method = match method.as_str() {
            "GET" => "GET",
            "POST" => "POST",
            "PUT" => "PUT",
            "DELETE" => "DELETE",
            _ => "other",
        };
        Timer {
            metrics: self,
            method,
            began: Instant::now(),
        }
    }
}

impl Timer<'_> {
    /// Counts the request and its time.
    pub fn answered(self, status: StatusCode) {
        let answered = Answered {
            method: self.method,
            status: status.as_u16(),
        };
        self.metrics.requests.get_or_create(&answered).inc();
        self.metrics.seconds.observe(self.began.elapsed().as_secs_f64());
    }
}

/// Numbers that the engine keeps itself, read when they are asked for.
struct EngineNumbers(Engine);

impl fmt::Debug for EngineNumbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EngineNumbers")
    }
}

impl Collector for EngineNumbers {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let (writers, executor) = (self.0.counters(), self.0.executor());
        for (name, help, value) in [
            ("batches", "Transactions of the writers", &writers.batches),
            ("commands", "Commands in those transactions", &writers.commands),
            (
                "conflicts",
                "Commands repeated after a conflict",
                &writers.conflicts,
            ),
            (
                "cache_hits",
                "Commands whose instance was warm",
                &self.0.cache().hits,
            ),
            (
                "cache_misses",
                "Commands whose instance had to be loaded",
                &self.0.cache().misses,
            ),
        ]
        .map(|(name, help, value)| (name, help, value.load(Ordering::Relaxed)))
        .into_iter()
        .chain(executor.counted())
        {
            let counter = ConstCounter::new(value);
            counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)?;
        }
        let (instances, bytes) = self.0.cache().size();
        let gauges = [
            ("cache_instances", "Instances kept warm", instances as i64),
            ("cache_bytes", "About how many bytes they take", bytes as i64),
            (
                "slots_owned",
                "Slots that this database owned when last looked at",
                self.0.owned().slots().len() as i64,
            ),
            (
                "log_applied",
                "Index of the last reference log entry applied",
                self.0.catalog().view().applied as i64,
            ),
            (
                "commands_waiting",
                "Commands queued at the writers",
                self.0.commands_waiting() as i64,
            ),
            (
                "long_polls",
                "Fetches that wait for external tasks",
                self.0.parked() as i64,
            ),
        ];
        let measured = executor.measured().map(|(name, help, n)| (name, help, n as i64));
        for (name, help, value) in gauges.into_iter().chain(measured) {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        let pools = self.0.store().stats().pools();
        type Value = fn(&PoolNow) -> i64;
        let of_pools: [(&str, &str, Value); 4] = [
            ("pool_size", "Most connections of a pool", |p| p.size.into()),
            ("pool_in_use", "Connections in use", |p| p.in_use.into()),
            ("pool_idle", "Connections that could be used at once", |p| {
                p.size.saturating_sub(p.in_use).into()
            }),
            ("pool_waiting", "Work that waits for a connection", |p| {
                p.waiting as i64
            }),
        ];
        for (name, help, value) in of_pools {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for pool in &pools {
                ConstGauge::new(value(pool)).encode(family.encode_family(&pool.name)?)?;
            }
        }
        Ok(())
    }
}
