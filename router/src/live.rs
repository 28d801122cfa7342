//! The options that a running router reads anew, and what is made of them.
//!
//! A request takes what is in force at its beginning of a phase; nothing here is kept over a wait.
use crate::{
    cors::{Cors, CorsOptions},
    rates::{RateOptions, Rates},
};
use clap::Args;
use service::{ConfigError, duration, size};
use std::{sync::Arc, time::Duration};

/// Options that take effect without a restart: at SIGHUP, and when the file of `--config` changes.
#[derive(Args, Clone, Debug, PartialEq)]
#[command(next_help_heading = "Options read anew at SIGHUP and when the --config file changes")]
pub struct LiveOptions {
    /// How long the parts of a fan-out may take together
    #[arg(long, value_name = "DURATION", default_value = "20s", value_parser = duration)]
    pub fanout_deadline: Duration,
    /// How many fan-outs may run at a time; more wait
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub fanout_limit: usize,
    /// How many bytes the answers of one fan-out may hold together
    #[arg(long, value_name = "SIZE", default_value = "64M", value_parser = size)]
    pub fanout_memory: u64,
    /// Largest firstResult + maxResults of a list over several shards
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub max_page_depth: u64,
    /// Largest request body
    #[arg(long, value_name = "SIZE", default_value = "64M", value_parser = size)]
    pub body_limit: u64,
    /// How many bytes the request bodies and merged answers of all requests together may hold
    #[arg(long, value_name = "SIZE", default_value = "512M", value_parser = size)]
    pub memory: u64,
    /// How many requests may wait for slots that are being moved
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub park_limit: usize,
    /// How long a request may wait for its slot
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration)]
    pub park_timeout: Duration,
    /// How many fetchAndLock requests may wait for work
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    pub long_poll_limit: usize,
    /// How many requests may be under way at one shard; the limit adapts below this
    #[arg(long, value_name = "N", default_value_t = 4_096)]
    pub shard_concurrency: u32,
    /// How long a node may take to begin its answer
    #[arg(long, value_name = "DURATION", default_value = "120s", value_parser = duration)]
    pub upstream_timeout: Duration,
    #[command(flatten)]
    pub rates: RateOptions,
    #[command(flatten)]
    pub cors: CorsOptions,
}

impl Default for LiveOptions {
    fn default() -> LiveOptions {
        LiveOptions {
            fanout_deadline: Duration::from_secs(20),
            fanout_limit: 256,
            fanout_memory: 64 << 20,
            max_page_depth: 10_000,
            body_limit: 64 << 20,
            memory: 512 << 20,
            park_limit: 1_000,
            park_timeout: Duration::from_secs(5),
            long_poll_limit: 20_000,
            shard_concurrency: 4_096,
            upstream_timeout: Duration::from_secs(120),
            rates: RateOptions::default(),
            cors: CorsOptions::default(),
        }
    }
}

/// What is in force.
#[derive(Debug)]
pub struct Live {
    /// The options as they are now.
    pub options: LiveOptions,
    /// Rate limits, if there are any.
    pub rates: Option<Arc<Rates>>,
    /// What browsers of other origins may do, if anything.
    pub cors: Option<Cors>,
}

impl Live {
    /// What these options mean. Rates that stay as they are go on where `before` stands.
    ///
    /// # Errors
    /// Options that contradict each other.
    pub fn new(options: LiveOptions, before: Option<&Live>) -> Result<Live, ConfigError> {
        let same = before.filter(|before| before.options.rates == options.rates);
        Ok(Live {
            rates: match same {
                Some(before) => before.rates.clone(),
                None => Rates::new(&options.rates)?.map(Arc::new),
            },
            cors: Cors::new(&options.cors)?,
            options,
        })
    }
}
