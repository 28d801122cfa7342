//! Options of connectors.
use crate::hosts::{Filter, HttpLimits, MailOptions, Rule};
use clap::Args;
use std::time::Duration;

/// Options of connectors.
#[derive(Args, Clone, Debug)]
pub struct ConnectorOptions {
    /// Internal targets that connectors may reach: networks, addresses, hosts with or without port; * is everything
    #[arg(long, value_name = "TARGET,…", value_delimiter = ',')]
    pub connector_allow: Vec<Rule>,
    /// How long a connector may take to connect
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = service::duration)]
    pub connector_connect_timeout: Duration,
    /// How long a connector's call may take
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = service::duration)]
    pub connector_timeout: Duration,
    /// Most calls at once to one host; others wait, within their time
    #[arg(long, value_name = "N", default_value_t = 512)]
    pub connector_per_host: u16,
    /// Most calls that all nodes of the cluster together make to one host, evenly; others wait, within their time
    #[arg(long, value_name = "N/s|m|h")]
    pub connector_rate: Option<service::Rate>,
    /// Longest response of a connector
    #[arg(long, value_name = "SIZE", default_value = "10M", value_parser = service::size)]
    pub connector_response_max: u64,
    #[command(flatten)]
    pub mail: MailOptions,
}

impl Default for ConnectorOptions {
    fn default() -> ConnectorOptions {
        ConnectorOptions {
            connector_allow: Vec::new(),
            connector_connect_timeout: Duration::from_secs(10),
            connector_timeout: Duration::from_secs(60),
            connector_per_host: 512,
            connector_rate: None,
            connector_response_max: 10 << 20,
            mail: MailOptions::default(),
        }
    }
}

impl ConnectorOptions {
    /// The targets that are open.
    pub fn filter(&self) -> Filter {
        Filter::new(&self.connector_allow)
    }

    /// Bounds of HTTP calls.
    pub fn limits(&self) -> HttpLimits {
        HttpLimits {
            connect: self.connector_connect_timeout,
            total: self.connector_timeout,
            per_host: self.connector_per_host.max(1).into(),
            every: self.connector_rate.map(service::Rate::interval),
            response: self.connector_response_max,
        }
    }
}
