//! What is wrong with which option, and where it came from.
use super::sources;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    path::PathBuf,
};

/// Where an option's value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The command line.
    Flag,
    /// An environment variable, by name.
    Env(String),
    /// The file of `--config`.
    File(PathBuf),
    /// Nowhere: its default.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Flag => f.write_str("command line"),
            Origin::Env(name) => write!(f, "environment variable {name}"),
            Origin::File(path) => write!(f, "file {}", path.display()),
            Origin::Default => f.write_str("default"),
        }
    }
}

/// Where each option came from, by name without dashes, and a digest of its value that tells it from another one.
#[derive(Clone, Debug, Default)]
pub struct Origins(BTreeMap<String, (Origin, u64)>);

impl Origins {
    pub(super) fn insert(&mut self, long: &str, origin: Origin, values: &[String]) {
        let mut digest = DefaultHasher::new();
        values.hash(&mut digest);
        self.0.insert(long.to_owned(), (origin, digest.finish()));
    }

    /// The options that were given otherwise at another reading, by name without dashes.
    pub fn changed(&self, other: &Origins) -> BTreeSet<String> {
        let names = self.0.keys().chain(other.0.keys());
        let changed = names.filter(|name| self.0.get(*name) != other.0.get(*name));
        changed.cloned().collect()
    }

    /// The origin of an option.
    pub fn of(&self, long: &str) -> Origin {
        self.0
            .get(long)
            .map_or(Origin::Default, |(origin, _)| origin.clone())
    }
}

/// Options, and where each came from.
#[derive(Clone, Debug)]
pub struct Parsed<A> {
    /// The options.
    pub options: A,
    /// Where they came from: for errors found later, see [`ConfigError::located`].
    pub origins: Origins,
}

/// A configuration error: names the option and where its value came from. The process ends with
/// [`ConfigError::exit_code`]. Roles return one (inside `anyhow::Error`) for whatever they find wrong with an option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    option: Option<String>,
    origin: Option<Origin>,
    message: String,
    /// Not an error but a text that was asked for.
    asked: bool,
}

impl ConfigError {
    /// Something is wrong with an option (its name without dashes). The binary adds the origin.
    pub fn new(option: &str, message: impl Into<String>) -> ConfigError {
        ConfigError {
            option: Some(option.to_owned()),
            origin: None,
            message: message.into(),
            asked: false,
        }
    }

    /// Something was asked wrongly that is no single option's fault.
    pub fn usage(message: impl Into<String>) -> ConfigError {
        ConfigError {
            option: None,
            origin: None,
            message: message.into(),
            asked: false,
        }
    }

    /// The same with the origin of its value.
    pub fn at(self, origin: Origin) -> ConfigError {
        ConfigError {
            origin: Some(origin),
            ..self
        }
    }

    /// The same with the origin looked up, unless it is known already.
    pub fn located(self, origins: &Origins) -> ConfigError {
        match (&self.option, &self.origin) {
            (Some(option), None) => {
                let origin = origins.of(option);
                self.at(origin)
            }
            _ => self,
        }
    }

    /// 2, or 0 if the text is a help text that was asked for.
    pub fn exit_code(&self) -> i32 {
        if self.asked { 0 } else { 2 }
    }

    /// The option's name without dashes.
    pub fn option(&self) -> Option<&str> {
        self.option.as_deref()
    }

    pub(super) fn unknown(name: &str, origin: Origin) -> ConfigError {
        let message = format!("unknown option '{name}', from {origin}");
        ConfigError {
            option: None,
            origin: Some(origin),
            message,
            asked: false,
        }
    }

    pub(super) fn from_clap(error: &clap::Error, origins: &Origins) -> ConfigError {
        let rendered = error.render().to_string();
        if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
            return ConfigError {
                option: None,
                origin: None,
                message: rendered,
                asked: true,
            };
        }
        if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
            return ConfigError {
                option: None,
                origin: None,
                message: rendered,
                asked: false,
            };
        }
        let message = first_paragraph(&rendered);
        let option = match error.get(ContextKind::InvalidArg) {
            Some(ContextValue::String(arg)) => long_of(arg),
            Some(ContextValue::Strings(args)) => args.first().and_then(|arg| long_of(arg)),
            _ => None,
        };
        let Some(option) = option else {
            return ConfigError {
                option: None,
                origin: None,
                message,
                asked: false,
            };
        };
        if error.kind() == ErrorKind::MissingRequiredArgument {
            let how = format!(
                "{message} (as flag, as {}, or in the file of --config)",
                sources::variable(&option)
            );
            return ConfigError::new(&option, how);
        }
        let origin = match origins.of(&option) {
            Origin::Default => Origin::Flag,
            origin => origin,
        };
        ConfigError::new(&option, message).at(origin)
    }
}

fn long_of(arg: &str) -> Option<String> {
    let name = arg.strip_prefix("--")?.split([' ', '=', '[', '<']).next()?;
    Some(name.to_owned())
}

/// The first paragraph of clap's text on one line: the rest is usage and advice.
fn first_paragraph(rendered: &str) -> String {
    let text = rendered.strip_prefix("error: ").unwrap_or(rendered);
    let end = ["\n\nUsage:", "\n\nFor more"]
        .iter()
        .filter_map(|mark| text.find(mark))
        .min()
        .unwrap_or(text.len());
    text[..end].split_whitespace().collect::<Vec<_>>().join(" ")
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.option, &self.origin) {
            (Some(option), Some(origin)) => write!(f, "option --{option}, from {origin}: {}", self.message),
            (Some(option), None) => write!(f, "option --{option}: {}", self.message),
            (None, _) => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for ConfigError {}
