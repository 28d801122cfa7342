//! What tests share: replaying recorded answers of the reference engine, and real clusters of real processes.
pub mod cluster;
pub mod compat;
pub mod differential;
pub mod postgres;
pub mod probe;
pub mod process;
pub mod proxy;
