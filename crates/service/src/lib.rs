//! What every role shares: options, logging, shutdown, readiness, the admin listener, secrets.
//! It knows nothing of processes, slots or databases.
mod admin;
mod common;
mod listen;
mod logging;
mod ready;
mod secret;
mod shutdown;
mod values;

pub mod options;
pub mod pem;

pub use admin::{AdminListen, admin_routes, serve_admin};
pub use common::Common;
pub use listen::{HostPort, check_exposure};
pub use logging::{LogFormat, init_logging, mask};
pub use options::{ConfigError, Origin, Parsed, parse};
pub use ready::Readiness;
pub use secret::Secret;
pub use shutdown::Shutdown;
pub use values::{duration, size};
