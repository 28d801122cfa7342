//! Options of history's clean-up and of its sink.
use crate::{
    app::cleanup::{CleanupSettings, window::Windows},
    sink::Target,
};
use clap::Args;
use std::time::Duration;

/// Options of history's clean-up and of its sink.
#[derive(Args, Clone, Debug)]
pub struct HistoryOptions {
    /// When expired history is deleted, UTC: 22:00-06:00, or by day mon=20:00-06:00,sat=00:00-24:00,22:00-06:00; without it only when asked for
    #[arg(long, value_name = "WINDOW", default_value = "")]
    pub history_cleanup_window: Windows,
    /// Most process instances deleted by one transaction of the clean-up
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=2_000))]
    pub history_cleanup_batch_size: u32,
    /// Share of the time that the clean-up works; it pauses for the rest
    #[arg(long, value_name = "PERCENT", default_value_t = 25, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub history_cleanup_load: u32,
    /// How long the answer to a request with an Idempotency-Key is kept, at least: from then on, and after the end of its instance
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = service::duration)]
    pub idempotency_ttl: Duration,
    /// Where history is streamed to besides: postgres://…, file:/PATH (one JSON object a line), http://…; off stops it
    #[arg(long, value_name = "SINK")]
    pub history_sink: Option<Target>,
    /// How long the clean-up spares history that the sink doesn't have yet
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = service::duration)]
    pub history_sink_hold: Duration,
}

impl Default for HistoryOptions {
    fn default() -> HistoryOptions {
        HistoryOptions {
            history_cleanup_window: Windows::default(),
            history_cleanup_batch_size: 500,
            history_cleanup_load: 25,
            idempotency_ttl: Duration::from_secs(7 * 86_400),
            history_sink: None,
            history_sink_hold: Duration::from_secs(7 * 86_400),
        }
    }
}

impl HistoryOptions {
    /// What the clean-up works with.
    pub fn cleanup(&self) -> CleanupSettings {
        CleanupSettings {
            windows: self.history_cleanup_window.clone(),
            portion: self.history_cleanup_batch_size as usize,
            load: self.history_cleanup_load,
            idempotency_ttl: self.idempotency_ttl.as_millis() as i64,
            sink_hold: self.history_sink_hold.as_millis() as i64,
        }
    }
}
