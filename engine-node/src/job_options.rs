//! Options of the job executor: Camunda's six settings under their own names, a profile, and Camunda's XML.
use crate::app::executor::{
    settings::{Given, JobSettings, Profile},
    xml::{self, JobExecutorXml},
};
use clap::Args;
use service::ConfigError;
use std::path::PathBuf;

/// Options of the job executor. What is given here wins over the file, the file over the profile.
#[derive(Args, Clone, Debug, Default)]
pub struct JobOptions {
    /// Values of what isn't given: by the machine's cores, or Camunda's own
    #[arg(long, value_name = "PROFILE", default_value = "auto")]
    pub job_executor_profile: Profile,
    /// File with Camunda's <job-executor>: the application server's snippet, or bpm-platform.xml
    #[arg(long, value_name = "FILE")]
    pub job_executor_xml: Option<PathBuf>,
    /// Jobs that run at once however slow they are (corePoolSize) [auto: cores × 1.5]
    #[arg(long, value_name = "N", alias = "job-executor-core-pool-size")]
    pub job_executor_core_threads: Option<usize>,
    /// Most jobs that run at once on this node (maxPoolSize) [auto: 1024]
    #[arg(long, value_name = "N", alias = "job-executor-max-pool-size")]
    pub job_executor_max_threads: Option<usize>,
    /// Most jobs that wait on this node beside those that run (queueSize) [auto: 2048]
    #[arg(long, value_name = "N", alias = "job-executor-queue-size")]
    pub job_executor_queue_length: Option<usize>,
    /// Most jobs locked by one acquisition [auto: 256]
    #[arg(long, value_name = "N")]
    pub job_executor_max_jobs_per_acquisition: Option<u32>,
    /// How long a job stays locked to a node that doesn't renew the lock, in ms [auto: 30000]
    #[arg(long, value_name = "MS")]
    pub job_executor_lock_time_in_millis: Option<u64>,
    /// Longest wait between two looks for due jobs, in ms [auto: 30000]
    #[arg(long, value_name = "MS")]
    pub job_executor_wait_time_in_millis: Option<u64>,
}

impl JobOptions {
    /// The settings on a machine of that many cores, and what the file says of `jobExecutorActivate`. Warns of what
    /// has no meaning here.
    ///
    /// # Errors
    /// The file can't be read, or makes no sense; names the option.
    pub fn settings(&self, cores: usize) -> Result<(JobSettings, Option<bool>), ConfigError> {
        let file = self.file()?;
        let given = Given {
            core_threads: self.job_executor_core_threads,
            max_threads: self.job_executor_max_threads,
            queue_length: self.job_executor_queue_length,
            max_jobs_per_acquisition: self.job_executor_max_jobs_per_acquisition,
            lock_time_in_millis: self.job_executor_lock_time_in_millis,
            wait_time_in_millis: self.job_executor_wait_time_in_millis,
        };
        let base = JobSettings::of(self.job_executor_profile, cores);
        Ok((given.or(file.given).over(base), file.activate))
    }

    fn file(&self) -> Result<JobExecutorXml, ConfigError> {
        let Some(path) = &self.job_executor_xml else {
            return Ok(JobExecutorXml::default());
        };
        let wrong = |why: String| ConfigError::new("job-executor-xml", format!("{}: {why}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|e| wrong(e.to_string()))?;
        let read = xml::read(&text).map_err(wrong)?;
        for warning in &read.warnings {
            tracing::warn!(file = %path.display(), "{warning}");
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s3_09_a_file_is_read_and_options_win_over_it() {
        let path = std::env::temp_dir().join(format!("stellwerk-jobs-{}.xml", std::process::id()));
        let text = "<job-executor><core-threads>4</core-threads><max-threads>8</max-threads></job-executor>";
        std::fs::write(&path, text).unwrap();
        let options = JobOptions {
            job_executor_xml: Some(path.clone()),
            job_executor_max_threads: Some(9),
            job_executor_profile: Profile::Compat,
            ..JobOptions::default()
        };
        let (settings, activate) = options.settings(2).unwrap();
        assert_eq!(
            (settings.core_threads, settings.max_threads, activate),
            (4, 9, None)
        );
        assert_eq!(settings.queue_length, 10);
        std::fs::write(&path, "<job-executor>").unwrap();
        let error = options.settings(2).unwrap_err().to_string();
        assert!(error.contains("--job-executor-xml"), "{error}");
        std::fs::remove_file(&path).unwrap();
    }
}
