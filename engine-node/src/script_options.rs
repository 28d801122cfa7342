//! Options of scripts.
use crate::hosts::{Scripts, Worker};
use clap::Args;
use script_host::Limits;
use std::{path::PathBuf, time::Duration};

/// Options of scripts. Scripts run in processes beside the node.
#[derive(Args, Clone, Debug)]
pub struct ScriptOptions {
    /// How long a script may run before it is stopped
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = service::duration)]
    pub script_timeout: Duration,
    /// How much memory a script may use
    #[arg(long, value_name = "SIZE", default_value = "64M", value_parser = service::size)]
    pub script_memory: u64,
    /// Most scripts of a language that run at once; the default follows from the CPUs
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub script_workers: Option<u16>,
    /// The jar of the host for Groovy; without it scripts in Groovy fail when they are reached
    #[arg(long, value_name = "FILE")]
    pub groovy_host: Option<PathBuf>,
    /// The Java program that runs it
    #[arg(long, value_name = "PROGRAM", default_value = "java")]
    pub java: PathBuf,
    /// What runs JavaScript; set by whoever starts the node.
    #[arg(skip)]
    pub worker: Worker,
}

impl Default for ScriptOptions {
    fn default() -> ScriptOptions {
        ScriptOptions {
            script_timeout: Duration::from_secs(5),
            script_memory: 64 << 20,
            script_workers: None,
            groovy_host: None,
            java: "java".into(),
            worker: Worker::Thread,
        }
    }
}

impl ScriptOptions {
    /// The hosts of all languages.
    pub fn scripts(&self, cpus: usize) -> Scripts {
        let limits = Limits {
            time: self.script_timeout,
            workers: self.script_workers.map_or(cpus.clamp(2, 16), usize::from),
            ..Limits::default()
        };
        let groovy = self.groovy_host.clone().map(|jar| (self.java.clone(), jar));
        Scripts::new(&self.worker, groovy, self.script_memory, limits)
    }
}
