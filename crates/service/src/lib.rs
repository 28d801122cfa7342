//! What every role shares: options, logging, shutdown, readiness, the admin listener, secrets.
//! It knows nothing of processes, slots or databases.
mod admin;
mod common;
pub mod handover;
mod listen;
mod logging;
mod ready;
mod secret;
mod shutdown;
mod values;

pub mod calls;
pub mod node_client;
pub mod options;
pub mod pem;
pub mod tls;
pub mod trace;

pub use admin::{AdminListen, admin_routes, serve_admin, serve_admin_at};
pub use common::Common;
pub use listen::{HostPort, check_exposure};
pub use logging::{LogFormat, check_log_level, init_logging, mask, set_log_level};
pub use node_client::NodeClient;
pub use options::{ConfigError, Origin, Parsed, Source, parse};
pub use ready::Readiness;
pub use secret::Secret;
pub use shutdown::Shutdown;
pub use tls::{NodeTls, ServerTls};
pub use values::{Rate, duration, size};
