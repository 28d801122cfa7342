//! Replays what Camunda 7.24 answered.
mod expressions;
mod host;
mod limits;
mod models;
mod unary;
