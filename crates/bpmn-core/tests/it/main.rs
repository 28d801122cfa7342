//! Scenarios in text files, and random processes; both run each command on two copies of the instance, one of which
//! is rebuilt from its rows after every step.
mod beans;
mod decisions;
mod dump;
mod history;
mod java_code;
mod large;
mod limits;
mod outside;
mod random;
mod refusals;
mod retries;
mod rows;
mod scenarios;
mod support;
mod twin;
