//! One verb of the operator, one file.
mod deploy;
mod executor;
#[cfg(test)]
mod fake_node;
mod history_level;
mod incidents;
mod index;
#[cfg(test)]
mod index_tests;
mod jobs;
mod parked;
mod schema;
mod shard;
mod slots;
mod status;
mod storage;

use crate::options::{
    ExecutorVerb, HistoryLevelVerb, IncidentsVerb, IndexVerb, Options, ParkedVerb, SchemaVerb, ShardVerb,
    SlotsVerb, Verb,
};
use anyhow::Result;
use service::ConfigError;
use std::io::Write;

/// Verbs that the command-line contract names and that don't exist yet.
const NOT_YET: &[&str] = &[
    "serve",
    "shard drain",
    "shard remove",
    "slots rebalance",
    "slots pin",
    "slots advise",
    "rollout",
    "incidents show",
    "backup",
    "restore",
    "doctor",
    "check",
];

/// Runs the verb.
///
/// # Errors
/// Whatever the verb's file says; a verb that doesn't exist (yet) is a [`ConfigError`].
pub async fn run(options: &Options, out: &mut (dyn Write + Send)) -> Result<()> {
    match &options.verb {
        Verb::Status => status::run(options, out).await,
        Verb::Shard(ShardVerb::Add(add)) => shard::add(options, add, out).await,
        Verb::Shard(ShardVerb::List) => shard::list(options, out).await,
        Verb::Slots(SlotsVerb::Show { key, slot }) => slots::show(options, key.as_deref(), *slot, out).await,
        Verb::Slots(SlotsVerb::Move { .. }) => slots::resume(options, out).await,
        Verb::Schema(verb) => match verb {
            SchemaVerb::Print { dialect } => schema::print(*dialect, out),
            SchemaVerb::Plan(databases) => schema::plan(options, databases, out).await,
            SchemaVerb::Apply(databases) => schema::apply(options, databases, out).await,
            SchemaVerb::Status(databases) => schema::status(options, databases, out).await,
            SchemaVerb::Other(words) => Err(unknown("schema", words).into()),
        },
        Verb::Incidents(IncidentsVerb::List(filter)) => incidents::list(options, filter, out).await,
        Verb::Incidents(IncidentsVerb::Retry { filter, all, retries }) => {
            incidents::retry(options, filter, *all, *retries, out).await
        }
        Verb::Parked(verb) => match verb {
            ParkedVerb::List => parked::list(options, out).await,
            ParkedVerb::Replay { id } => parked::settle(options, id, true, out).await,
            ParkedVerb::Drop { id } => parked::settle(options, id, false, out).await,
            ParkedVerb::Other(words) => Err(unknown("parked", words).into()),
        },
        Verb::Index(verb) => match verb {
            IndexVerb::Add { statement, databases } => index::add(options, statement, databases, out).await,
            IndexVerb::List(databases) => index::list(options, databases, out).await,
            IndexVerb::Drop { name, databases } => index::drop(options, name, databases, out).await,
            IndexVerb::Other(words) => Err(unknown("index", words).into()),
        },
        Verb::Executor(verb) => match verb {
            ExecutorVerb::Show(which) => executor::show(options, which, out).await,
            ExecutorVerb::Start(which) => executor::switch(options, which, true, out).await,
            ExecutorVerb::Stop(which) => executor::switch(options, which, false, out).await,
            ExecutorVerb::Set(set) => executor::set(options, set, out).await,
            ExecutorVerb::Other(words) => Err(unknown("executor", words).into()),
        },
        Verb::HistoryLevel(verb) => match verb {
            HistoryLevelVerb::Get { shard } => history_level::get(options, shard.as_deref(), out).await,
            HistoryLevelVerb::Set(set) => history_level::set(options, set, out).await,
            HistoryLevelVerb::Other(words) => Err(unknown("history-level", words).into()),
        },
        Verb::Jobs(args) => jobs::run(options, args, out).await,
        Verb::Storage(args) => storage::run(options, args, out).await,
        Verb::Deploy(deploy) => deploy::run(options, deploy, out).await,
        Verb::Other(words) => Err(unknown("", words).into()),
        Verb::Shard(ShardVerb::Other(words)) => Err(unknown("shard", words).into()),
        Verb::Slots(SlotsVerb::Other(words)) => Err(unknown("slots", words).into()),
        Verb::Incidents(IncidentsVerb::Other(words)) => Err(unknown("incidents", words).into()),
    }
}

fn unknown(group: &str, words: &[String]) -> ConfigError {
    let first = words.first().map(String::as_str).unwrap_or_default();
    let verb = format!("{group} {first}");
    let verb = verb.trim();
    match NOT_YET.contains(&verb) {
        true => ConfigError::usage(format!("shard-admin {verb}: not there yet")),
        false => ConfigError::usage(format!(
            "shard-admin has no verb '{verb}'; see shard-admin --help"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn error(words: &[&str]) -> String {
        let args: Vec<String> = words.iter().map(|w| w.to_string()).collect();
        let read = |_: &std::path::Path| Err(std::io::Error::from(std::io::ErrorKind::NotFound));
        let options = match service::parse::<Options>("shard-admin", &args, &[], &read) {
            Ok(parsed) => parsed.options,
            Err(error) => return error.to_string(),
        };
        let error = run(&options, &mut Vec::new()).await.unwrap_err();
        assert_eq!(
            error.downcast_ref::<ConfigError>().map(ConfigError::exit_code),
            Some(2),
            "{error}"
        );
        error.to_string()
    }

    #[tokio::test]
    async fn verbs_that_do_not_exist_yet_say_so_and_are_configuration_errors() {
        for words in [
            &["serve"][..],
            &["shard", "drain", "s1"],
            &["slots", "rebalance"],
            &["incidents", "show", "x"],
        ] {
            assert!(error(words).await.ends_with("not there yet"), "{words:?}");
        }
        assert!(error(&["nonsense"]).await.contains("no verb 'nonsense'"));
        assert!(
            error(&["slots", "move", "5"])
                .await
                .contains("unexpected argument")
        );
    }

    #[tokio::test]
    async fn verbs_that_need_a_topology_name_the_option() {
        for words in [&["status"][..], &["--topology", "none", "shard", "list"]] {
            assert!(error(words).await.starts_with("option --topology"), "{words:?}");
        }
    }
}
