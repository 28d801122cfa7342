//! Options from the environment and from the file, as values for flags.
use super::{ConfigError, Origin, ReadFile};
use crate::Secret;
use clap::{Arg, ArgAction, ArgMatches, Command};
use std::{any::TypeId, collections::BTreeMap, path::PathBuf};

/// An option's name, where it was found, and its values.
pub(super) type Found = (String, Origin, Vec<String>);

/// The environment variable of an option.
pub(super) fn variable(long: &str) -> String {
    format!("STELLWERK_{}", long.to_uppercase().replace('-', "_"))
}

/// Whether an option holds a secret.
pub(super) fn is_secret(arg: &Arg) -> bool {
    arg.get_value_parser().type_id() == TypeId::of::<Secret>()
}

/// Every option of the command and its subcommands, by name.
fn options(command: &Command) -> BTreeMap<String, &Arg> {
    let mut known: BTreeMap<String, &Arg> = command.get_subcommands().flat_map(options).collect();
    known.extend(
        command
            .get_arguments()
            .filter_map(|a| Some((a.get_long()?.to_owned(), a))),
    );
    known.remove("help");
    known.remove("version");
    known
}

/// The file of `--config` or `STELLWERK_CONFIG`.
pub(super) fn config_path(matches: &ArgMatches, env: &[(String, String)]) -> Option<PathBuf> {
    let flag = matches.get_one::<String>("config").cloned();
    let variable = || {
        env.iter()
            .find(|(name, value)| name == "STELLWERK_CONFIG" && !value.is_empty())
            .map(|(_, v)| v.clone())
    };
    flag.or_else(variable).map(PathBuf::from)
}

/// What the environment gives.
pub(super) fn read_env(command: &Command, env: &[(String, String)]) -> Result<Vec<Found>, ConfigError> {
    let known = options(command);
    let names: BTreeMap<String, (&String, &Arg)> = known
        .iter()
        .map(|(long, arg)| (variable(long), (long, *arg)))
        .collect();
    let mut found = Vec::new();
    for (name, value) in env.iter().filter(|(name, _)| name.starts_with("STELLWERK_")) {
        // Steers tests of builds that have failpoints; no option.
        if cfg!(debug_assertions) && name == "STELLWERK_FAILPOINTS" {
            continue;
        }
        let Some((long, arg)) = names.get(name) else {
            return Err(ConfigError::unknown(name, Origin::Env(name.clone())));
        };
        let repeated = matches!(arg.get_action(), ArgAction::Append) && arg.get_value_delimiter().is_none();
        let values: Vec<String> = match repeated {
            true => value.split_whitespace().map(str::to_owned).collect(),
            false => vec![value.clone()],
        };
        if !value.is_empty() && *long != "config" {
            found.push(((*long).clone(), Origin::Env(name.clone()), values));
        }
    }
    Ok(found)
}

/// The address that a serverless platform asks for by `PORT` (S4-01), for a role that listens: every interface, for the
/// platform's front end is another machine. It counts less than the file.
pub(super) fn platform(command: &Command, env: &[(String, String)]) -> Option<Found> {
    let (name, port) = env
        .iter()
        .find(|(name, value)| name == "PORT" && !value.is_empty())?;
    let listens = options(command).contains_key("listen");
    listens.then(|| {
        (
            "listen".to_owned(),
            Origin::Env(name.clone()),
            vec![format!("0.0.0.0:{port}")],
        )
    })
}

/// What the file gives.
pub(super) fn read_file(
    command: &Command,
    path: &std::path::Path,
    read: ReadFile,
) -> Result<Vec<Found>, ConfigError> {
    let bad = |text: String| ConfigError::new("config", format!("{}: {text}", path.display()));
    let text = read(path).map_err(|e| bad(e.to_string()))?;
    let table: toml::Table = text
        .parse()
        .map_err(|e: toml::de::Error| bad(e.to_string().trim_end().replace('\n', " ")))?;
    let known = options(command);
    let origin = || Origin::File(path.to_owned());
    let mut found = Vec::new();
    for (key, value) in table {
        if key == "config" || !known.contains_key(&key) {
            return Err(ConfigError::unknown(&key, origin()));
        }
        let values = match value {
            toml::Value::Array(items) => items.into_iter().map(scalar).collect::<Option<Vec<_>>>(),
            value => scalar(value).map(|v| vec![v]),
        };
        let values = values.ok_or_else(|| {
            ConfigError::new(
                &key,
                "must be a text, a number, true or false, or an array of them",
            )
            .at(origin())
        })?;
        found.push((key, origin(), values));
    }
    Ok(found)
}

fn scalar(value: toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Boolean(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// The values of an option: the environment's, else the file's.
pub(super) fn find<'a>(
    long: &str,
    env: &'a [Found],
    file: &'a [Found],
) -> Option<(&'a Origin, &'a [String])> {
    let found = env.iter().chain(file).find(|(name, ..)| name == long)?;
    Some((&found.1, &found.2))
}

/// The values as the parser takes them on a command line.
pub(super) fn as_flags(
    arg: &Arg,
    long: &str,
    origin: &Origin,
    values: &[String],
) -> Result<Vec<String>, ConfigError> {
    let wrong = |message: String| Err(ConfigError::new(long, message).at(origin.clone()));
    match arg.get_action() {
        ArgAction::Append => Ok(values.iter().map(|v| format!("--{long}={v}")).collect()),
        _ if values.len() != 1 => wrong("takes one value".to_owned()),
        ArgAction::SetTrue => match values[0].as_str() {
            "true" | "1" | "yes" => Ok(vec![format!("--{long}")]),
            "false" | "0" | "no" => Ok(Vec::new()),
            other => wrong(format!("'{other}' is neither true nor false")),
        },
        _ => Ok(vec![format!("--{long}={}", values[0])]),
    }
}
