//! Options read anew while the router runs: at SIGHUP, and when the file of `--config` changes.
//!
//! All or nothing: a file that can't be read, or one wrong option in it, leaves everything as it was and is told in the log.
use crate::{LiveOptions, Options, live::Live, state::App};
use cluster::Cluster;
use service::{ConfigError, Parsed, Source, options, options::Origins};
use std::{
    collections::BTreeSet,
    io,
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::sleep,
};

/// How often the file is looked at.
const LOOK: Duration = Duration::from_secs(2);
/// What is read anew besides [`LiveOptions`].
const BESIDE: [&str; 2] = ["log-level", "shard"];

/// Reads options anew.
#[derive(Debug)]
pub struct Reload {
    source: Source,
    origins: Origins,
    file: Option<PathBuf>,
    seen: Option<SystemTime>,
    hangups: Signal,
}

impl Reload {
    /// From the same source as before; from now on SIGHUP doesn't end the process.
    ///
    /// # Errors
    /// The signal can't be waited for.
    pub fn new(source: Source, origins: Origins) -> io::Result<Reload> {
        let file = source.file::<Options>();
        Ok(Reload {
            seen: changed(&file),
            source,
            origins,
            file,
            hangups: signal(SignalKind::hangup())?,
        })
    }

    /// Keeps the router's options as they are written, until dropped.
    pub(crate) async fn follow(mut self, app: Arc<App>, cluster: Arc<dyn Cluster>) {
        loop {
            tokio::select! {
                _ = self.hangups.recv() => {
                    // Somebody has moved the file away, and wants the next line in a new one.
                    if let Some(log) = &app.access_log
                        && let Err(error) = log.reopen().await
                    {
                        tracing::warn!(%error, "the access log goes on where it was");
                    }
                }
                () = sleep(LOOK) => {
                    let now = changed(&self.file);
                    if now.is_none() || now == self.seen {
                        continue;
                    }
                }
            }
            self.seen = changed(&self.file);
            match self.read(&app, cluster.as_ref()) {
                Ok((changed, restart)) if changed.is_empty() && restart.is_empty() => {
                    tracing::info!("options read anew: nothing has changed");
                }
                Ok((changed, restart)) => {
                    if !changed.is_empty() {
                        tracing::info!(options = names(&changed), "options read anew");
                    }
                    if !restart.is_empty() {
                        tracing::warn!(
                            options = names(&restart),
                            "changed options that only a restart brings into force"
                        );
                    }
                }
                Err(error) => tracing::error!(%error, "the options stay as they were"),
            }
        }
    }

    /// Brings what has changed into force: the options that are in force now, and those that need a restart.
    fn read(
        &mut self,
        app: &Arc<App>,
        cluster: &dyn Cluster,
    ) -> Result<(BTreeSet<String>, BTreeSet<String>), ConfigError> {
        let Parsed { options, origins } = self.source.read::<Options>()?;
        let changed = self.origins.changed(&origins);
        let located = |error: ConfigError| error.located(&origins);
        let live = Live::new(options.live, Some(&app.live())).map_err(located)?;
        service::check_log_level(&options.common.log_level).map_err(located)?;
        if changed.contains("shard") {
            let relisted = cluster.relist(options.shard);
            relisted.map_err(|e| located(ConfigError::new("shard", e.to_string())))?;
        }
        service::set_log_level(&options.common.log_level).map_err(located)?;
        app.apply(live);
        self.origins = origins;
        let known = options::names::<LiveOptions>();
        Ok(changed
            .into_iter()
            .partition(|name| known.contains(name) || BESIDE.contains(&name.as_str())))
    }
}

fn changed(file: &Option<PathBuf>) -> Option<SystemTime> {
    std::fs::metadata(file.as_ref()?)
        .and_then(|file| file.modified())
        .ok()
}

fn names(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}
