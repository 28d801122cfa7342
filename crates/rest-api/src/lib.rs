//! What router and nodes share of the Camunda 7 REST API: the table of operations, error bodies, DTOs.
pub mod authorization;
pub mod batch;
pub mod cursor;
pub mod date;
pub mod decision;
pub mod definition;
pub mod deployment;
pub mod error;
pub mod external_task;
pub mod filters;
pub mod history;
pub mod history_log;
pub mod identity;
pub mod incident;
pub mod job;
pub mod job_definition;
pub mod known;
pub mod note;
pub mod openapi;
pub mod operations;
pub mod parameters;
pub mod report;
pub mod runtime;
pub mod task;
pub mod variable;

pub use date::Date;
pub use error::{ApiError, ApiResult};
