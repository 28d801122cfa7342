//! The REST API of a node on SQLite, through the real router. Expected bodies are the reference's (Camunda 7.24, same
//! calls), with ids and times masked.
mod api;
mod both_databases;
mod budget;
mod calls;
mod commands;
mod connectors;
mod deployments;
mod echo;
mod executor;
mod fan_out;
mod faults;
mod history;
mod history_cleanup;
mod history_level;
mod jobs;
mod large_values;
mod lists;
mod messages;
mod operator_sql;
mod overload;
mod scripts;
mod signals;
mod tasks;
mod unknown_ids;
mod variables;
mod workers;
