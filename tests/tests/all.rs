//! All tests that need the built binary or more than one crate, in one binary.
mod all {
    mod batches;
    mod clients;
    mod compat;
    mod contract;
    mod crash;
    mod database_tls;
    mod day_two;
    mod deploy_files;
    mod dev;
    mod directory;
    mod echo_loop;
    #[cfg(feature = "long")]
    mod java_worker;
    #[cfg(feature = "long")]
    mod jmeter;
    mod messages;
    mod node_tls;
    mod one_or_many;
    mod operations;
    mod order_process;
    mod repeated;
    mod rights;
    mod routers;
    mod rows;
    mod tasks;
    mod traces;
    mod trips;
}
