//! How much history a shard tells. The database of the shard keeps it, so that all its nodes agree: a node's own
//! options only say what a fresh database begins with, and are compared with it afterwards.
use super::Engine;
use crate::store::{Store, StoreError, Subject};
use bpmn_core::history::{History, Kind, Level, Rule};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::path::Path;
use tokio_util::sync::CancellationToken;

/// The name it is kept under.
const NAME: &str = "history";

/// A history level's name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LevelName {
    None,
    Activity,
    Audit,
    #[default]
    Full,
    /// A level less what rules drop.
    Custom,
}

impl LevelName {
    fn level(self) -> Option<Level> {
        Some(match self {
            LevelName::None => Level::None,
            LevelName::Activity => Level::Activity,
            LevelName::Audit => Level::Audit,
            LevelName::Full => Level::Full,
            LevelName::Custom => return None,
        })
    }

    fn word(self) -> &'static str {
        self.level().map_or("custom", Level::name)
    }
}

/// What a shard tells, as operators write it and as its database keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    pub level: LevelName,
    /// With level `custom` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<Rules>,
}

/// A level and what is dropped of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    #[serde(default)]
    pub base: LevelName,
    #[serde(default)]
    pub drop: Vec<Drop>,
}

/// Drops what meets all that it names; `*` stands for any text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drop {
    /// Names of Camunda's event types.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
    /// Names of variables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variables: Option<String>,
    /// Keys of process definitions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definitions: Option<String>,
}

/// Shorter than [`Told`]'s JSON, for messages.
impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.level.word())?;
        match &self.rules {
            Some(rules) => {
                let drops = serde_json::to_string(&rules.drop).unwrap_or_default();
                write!(f, " ({} without {drops})", rules.base.word())
            }
            None => Ok(()),
        }
    }
}

impl Told {
    /// A level, for tests and tools.
    pub fn level(level: LevelName) -> Told {
        Told { level, rules: None }
    }

    /// Reads a file of rules: TOML, or JSON if its name ends so.
    ///
    /// # Errors
    /// It can't be read, or makes no sense; in words for an operator.
    pub fn rules(path: &Path) -> Result<Rules, String> {
        let text = std::fs::read_to_string(path).map_err(|e| e.to_string())?;
        let json = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json"));
        match json {
            true => serde_json::from_str(&text).map_err(|e| e.to_string()),
            false => toml::from_str(&text).map_err(|e| e.to_string()),
        }
    }

    /// What the engine core asks.
    ///
    /// # Errors
    /// Rules without level `custom`, or the other way round; a rule that can't be kept: says which and why.
    pub fn history(&self) -> Result<History, String> {
        let (level, rules) = match (self.level.level(), &self.rules) {
            (Some(level), None) => return Ok(History::of_level(level)),
            (Some(_), Some(_)) => {
                return Err(format!("level {} takes no rules; custom does", self.level.word()));
            }
            (None, None) => return Err("level custom needs rules".to_owned()),
            (None, Some(rules)) => {
                let base = rules.base.level();
                (base.ok_or("base is none, activity, audit or full")?, &rules.drop)
            }
        };
        let rule = |(at, d): (usize, &Drop)| {
            Rule::new(&d.events, d.definitions.as_deref(), d.variables.as_deref())
                .map_err(|why| format!("rule {}: {why}", at + 1))
        };
        let rules: Result<Vec<Rule>, String> = rules.iter().enumerate().map(rule).collect();
        Ok(History { level, rules: rules? })
    }
}

fn text(told: &Told) -> Result<String, StoreError> {
    serde_json::to_string(told).map_err(|e| StoreError::Internal(e.to_string()))
}

fn read(text: &str) -> Result<Told, StoreError> {
    serde_json::from_str(text)
        .map_err(|e| StoreError::Internal(format!("setting '{NAME}' of the database, {text}: {e}")))
}

/// What the shard tells: of a fresh database what the node was configured with (nothing: level `full`), else what
/// the database says.
///
/// # Errors
/// The database can't be read, or says something else than the node's options.
pub async fn agreed(store: &dyn Store, configured: Option<&Told>) -> anyhow::Result<Told> {
    let first = configured.cloned().unwrap_or_default();
    let known = read(&store.put_setting(NAME, &text(&first)?, false).await?)?;
    match configured {
        Some(configured) if *configured != known => anyhow::bail!(
            "history level: this node is configured with {configured}, the database of its shard says {known}. Change \
             the option, or the shard: stellwerk shard-admin history-level set {} --shard NAME",
            configured.level.word()
        ),
        _ => Ok(known),
    }
}

impl Engine {
    /// What this node tells.
    pub fn history(&self) -> std::sync::Arc<Told> {
        self.inner.told.load().0.clone()
    }

    /// Sets what all nodes of the shard tell from now on; this one at once, the others as soon as they hear of it.
    ///
    /// # Errors
    /// The database can't be written. `told` must be valid ([`Told::history`]).
    pub async fn set_history(&self, told: Told) -> Result<(), StoreError> {
        let text = text(&told)?;
        self.inner.store.put_setting(NAME, &text, true).await?;
        self.take_history(told)
    }

    fn take_history(&self, told: Told) -> Result<(), StoreError> {
        let before = self.history();
        if *before != told {
            let history = told.history().map_err(StoreError::Internal)?;
            tracing::info!(from = %before, to = %told, "history level changed");
            self.inner
                .told
                .store(std::sync::Arc::new((std::sync::Arc::new(told), history)));
        }
        Ok(())
    }

    /// Whether rows of that kind are written for a definition's instances and start timers.
    pub fn tells(&self, definition_key: &str, kind: Kind) -> bool {
        self.inner.told.load().1.of(definition_key).keeps(kind)
    }

    async fn look_for_history(&self) -> Result<(), StoreError> {
        match self.inner.store.setting(NAME).await? {
            Some(found) => self.take_history(read(&found)?),
            None => Ok(()),
        }
    }
}

/// Takes over what other nodes of the shard set, until `stop`.
pub async fn watch(engine: Engine, stop: CancellationToken) {
    let mut news = engine.news().of(Subject::Settings);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = news.news() => {}
            () = tokio::time::sleep(engine.settings().idle_look) => {}
        }
        if let Err(error) = engine.look_for_history().await {
            let error: &dyn std::error::Error = &error;
            tracing::debug!(error, "history level not looked up");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s3_04_rules_are_read_from_toml_and_json_alike() {
        let toml: Rules = toml::from_str(
            "base = 'full'\n[[drop]]\nvariables = 'secret*'\n[[drop]]\nevents = ['JOB_*']\ndefinitions = 'noisy'\n",
        )
        .unwrap();
        let json: Rules = serde_json::from_str(
            r#"{"drop": [{"variables": "secret*"}, {"events": ["JOB_*"], "definitions": "noisy"}]}"#,
        )
        .unwrap();
        assert_eq!(toml, json);
        let told = Told {
            level: LevelName::Custom,
            rules: Some(toml),
        };
        assert_eq!(told.history().unwrap().rules.len(), 2);
        assert_eq!(read(&text(&told).unwrap()).unwrap(), told);
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_words() {
        let refused = |level, rules: Option<Rules>, words: &str| {
            let error = Told { level, rules }.history().unwrap_err();
            assert!(error.contains(words), "{error}");
        };
        refused(LevelName::Custom, None, "needs rules");
        refused(LevelName::Full, Some(Rules::default()), "takes no rules");
        let base = Rules {
            base: LevelName::Custom,
            drop: Vec::new(),
        };
        refused(
            LevelName::Custom,
            Some(base),
            "base is none, activity, audit or full",
        );
        let wrong = Rules {
            drop: vec![Drop::default()],
            ..Rules::default()
        };
        refused(LevelName::Custom, Some(wrong), "rule 1: ");
    }
}
