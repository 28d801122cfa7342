//! Options that every role has.
use crate::{AdminListen, LogFormat, trace::TraceOptions, values};
use clap::Args;
use std::time::Duration;

/// Options that every long-running role has. Roles take them with `#[command(flatten)]`.
#[derive(Args, Clone, Debug)]
pub struct Common {
    /// Address of the admin listener (health and metrics), or `none`
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9090")]
    pub admin_listen: AdminListen,
    /// How long running work may take to end after SIGTERM
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = values::duration)]
    pub drain_timeout: Duration,
    /// Form of the log lines on stderr
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,
    /// Least level that is logged: error, warn, info, debug, trace, or a list such as `info,sqlx=warn`; a router reads it anew
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub log_level: String,
    #[command(flatten)]
    pub traces: TraceOptions,
}

impl Default for Common {
    /// What tests and `dev` use: no admin listener of its own, the defaults otherwise.
    fn default() -> Common {
        Common {
            admin_listen: AdminListen::Off,
            drain_timeout: Duration::from_secs(30),
            log_format: LogFormat::Text,
            log_level: "info".to_owned(),
            traces: TraceOptions::default(),
        }
    }
}
