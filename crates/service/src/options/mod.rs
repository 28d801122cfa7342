//! Every option of a role is a flag `--some-option`, an environment variable `STELLWERK_SOME_OPTION` and a key
//! `some-option` of the TOML file given by `--config FILE`; the first of these that is there wins. Roles only write a
//! `#[derive(clap::Args)]` struct. Where nothing else says `listen`, `PORT` does. Unknown keys and unknown `STELLWERK_…` variables are errors.
//!
//! An empty variable counts as absent (container files can't leave one out). An option that may be repeated takes an
//! array in the file, and in its variable values separated by white space, or by its own delimiter if it has one.
//! Options of type [`Secret`](crate::Secret) are refused as flags.
mod error;
mod sources;

pub use error::{ConfigError, Origin, Origins, Parsed};

use clap::{ArgMatches, Args, Command, parser::ValueSource};
use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

/// Reads a file of options; tests give their own.
pub type ReadFile<'a> = &'a dyn Fn(&Path) -> io::Result<String>;

/// Where the options of a process come from, so that they can be read again while it runs.
#[derive(Clone, Debug)]
pub struct Source {
    /// What usage texts call the program, such as `stellwerk router`.
    pub name: String,
    /// The arguments after the role's name.
    pub args: Vec<String>,
    /// The process environment.
    pub env: Vec<(String, String)>,
}

impl Source {
    /// Reads the options: arguments and environment as they were at the start, the file of `--config` as it is now.
    ///
    /// # Errors
    /// As [`parse`].
    pub fn read<A: Args>(&self) -> Result<Parsed<A>, ConfigError> {
        parse::<A>(&self.name, &self.args, &self.env, &|path| {
            fs::read_to_string(path)
        })
    }

    /// The file of `--config`, if there is one.
    pub fn file<A: Args>(&self) -> Option<PathBuf> {
        let argv = std::iter::once(&self.name).chain(&self.args);
        let matches = relaxed(command::<A>(&self.name))
            .ignore_errors(true)
            .try_get_matches_from(argv);
        sources::config_path(&matches.ok()?, &self.env)
    }
}

/// The names of a part's options, without dashes.
pub fn names<A: Args>() -> BTreeSet<String> {
    let command = A::augment_args(Command::new("part"));
    let names = command.get_arguments().filter_map(|arg| arg.get_long());
    names.map(str::to_owned).collect()
}

/// Parses the options of a role. Pure but for `read`.
///
/// * `name`: what usage texts call the program, such as `stellwerk router`
/// * `args`: the arguments after the role's name
/// * `env`: the process environment; only `STELLWERK_…` and `PORT` are looked at
/// * `read`: reads the file of `--config`
///
/// # Errors
/// What is wrong with which option, and where it came from. `--help` is an error too, of exit code 0.
pub fn parse<A: Args>(
    name: &str,
    args: &[String],
    env: &[(String, String)],
    read: ReadFile,
) -> Result<Parsed<A>, ConfigError> {
    let command = command::<A>(name);
    let typed = |matches: &ArgMatches, id: &str| matches.value_source(id) == Some(ValueSource::CommandLine);
    let argv = || std::iter::once(name.to_owned()).chain(args.iter().cloned());

    // The first pass only finds out what stands on the command line; the second reports errors.
    let first = relaxed(command.clone())
        .ignore_errors(true)
        .try_get_matches_from(argv());
    let first = first.map_err(|e| ConfigError::from_clap(&e, &Origins::default()))?;
    let levels = levels(&command, &first);
    let on_command_line: BTreeSet<String> = levels
        .iter()
        .flat_map(|(command, matches)| {
            command
                .get_arguments()
                .filter(|a| typed(matches, a.get_id().as_str()))
                .filter_map(|a| a.get_long())
        })
        .map(str::to_owned)
        .collect();

    let config = sources::config_path(&first, env);
    let mut file = match &config {
        Some(path) => sources::read_file(&command, path, read)?,
        None => Vec::new(),
    };
    file.extend(sources::platform(&command, env));
    let env = sources::read_env(&command, env)?;

    let mut origins = Origins::default();
    let mut merged = vec![name.to_owned()];
    let mut deepest = Vec::new();
    for (depth, (level, _)) in levels.iter().enumerate() {
        for arg in level.get_arguments().filter(|a| depth == 0 || !a.is_global_set()) {
            let Some(long) = arg.get_long() else { continue };
            if on_command_line.contains(long) {
                if sources::is_secret(arg) {
                    return Err(ConfigError::new(long, "a secret must not stand on the command line: use its file, the environment or --config")
                        .at(Origin::Flag));
                }
                origins.insert(long, Origin::Flag, &[]);
                continue;
            }
            let Some((origin, values)) = sources::find(long, &env, &file) else {
                continue;
            };
            let flags = sources::as_flags(arg, long, origin, values)?;
            origins.insert(long, origin.clone(), values);
            if depth == 0 {
                merged.extend(flags)
            } else {
                deepest.extend(flags)
            }
        }
    }
    let end = args.iter().position(|a| a == "--").unwrap_or(args.len());
    merged.extend(args[..end].iter().cloned());
    merged.extend(deepest);
    merged.extend(args[end..].iter().cloned());

    let matches = command
        .try_get_matches_from(merged)
        .map_err(|e| ConfigError::from_clap(&e, &origins))?;
    let options = A::from_arg_matches(&matches).map_err(|e| ConfigError::from_clap(&e, &origins))?;
    Ok(Parsed { options, origins })
}

/// The command that [`parse`] uses: the role's options and `--config`, each help text naming its variable.
pub fn command<A: Args>(name: &str) -> Command {
    let config = clap::Arg::new("config")
        .long("config")
        .value_name("FILE")
        .global(true)
        .help("TOML file with options: a key is an option's name without the dashes");
    let mut command = A::augment_args(Command::new(name.to_owned()).arg(config));
    command.build();
    with_variables(command)
}

/// The same command without required options: one that the environment gives must not hide the verb it belongs to.
fn relaxed(command: Command) -> Command {
    command
        .mut_args(|arg| arg.required(false))
        .mut_subcommands(relaxed)
}

fn with_variables(command: Command) -> Command {
    let command = command.mut_args(|arg| match arg.get_long() {
        None | Some("help" | "version") => arg,
        Some(long) => {
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            let text = format!("{help} [env: {}]", sources::variable(long));
            arg.help(text.trim_start().to_owned())
        }
    });
    command.mut_subcommands(with_variables)
}

/// The command and its matches, then those of the chosen subcommand, and so on.
fn levels<'a>(command: &'a Command, matches: &'a ArgMatches) -> Vec<(&'a Command, &'a ArgMatches)> {
    let mut levels = vec![(command, matches)];
    let mut at = (command, matches);
    while let Some((name, matches)) = at.1.subcommand() {
        let Some(command) = at.0.find_subcommand(name) else {
            break;
        };
        at = (command, matches);
        levels.push(at);
    }
    levels
}

#[cfg(test)]
mod tests;
