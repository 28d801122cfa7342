//! The executor's numbers: Camunda's six under their own names, for two profiles.
use serde::{Deserialize, Serialize};

/// What an operator can set, also while the node runs. Times in ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobSettings {
    /// Jobs that run at once however slow they are; beyond, up to `max_threads`, as long as that makes none slower.
    /// (A job holds no thread here: the names are Camunda's.)
    pub core_threads: usize,
    /// Most jobs that run at once.
    pub max_threads: usize,
    /// Most jobs that wait on this node beside those that run.
    pub queue_length: usize,
    /// Most jobs locked by one acquisition.
    pub max_jobs_per_acquisition: u32,
    /// How long a lock lasts that nobody renews. A living node renews it in time, so this is how long the jobs of a
    /// dead one wait.
    pub lock_time_in_millis: u64,
    /// Longest wait between two looks for due jobs; news of other nodes and known due times come before.
    pub wait_time_in_millis: u64,
}

/// Values for whatever isn't given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Profile {
    /// By the machine's cores, adapting to what the database makes of it.
    #[default]
    Auto,
    /// Camunda's own values.
    Compat,
}

/// What is given; the rest comes from the profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Given {
    #[serde(alias = "corePoolSize")]
    pub core_threads: Option<usize>,
    #[serde(alias = "maxPoolSize")]
    pub max_threads: Option<usize>,
    #[serde(alias = "queueSize")]
    pub queue_length: Option<usize>,
    pub max_jobs_per_acquisition: Option<u32>,
    pub lock_time_in_millis: Option<u64>,
    pub wait_time_in_millis: Option<u64>,
}

impl Given {
    /// These, and where there is none, the others.
    pub fn or(self, other: Given) -> Given {
        Given {
            core_threads: self.core_threads.or(other.core_threads),
            max_threads: self.max_threads.or(other.max_threads),
            queue_length: self.queue_length.or(other.queue_length),
            max_jobs_per_acquisition: self.max_jobs_per_acquisition.or(other.max_jobs_per_acquisition),
            lock_time_in_millis: self.lock_time_in_millis.or(other.lock_time_in_millis),
            wait_time_in_millis: self.wait_time_in_millis.or(other.wait_time_in_millis),
        }
    }

    /// The settings with these values changed, each within its bounds.
    pub fn over(self, base: JobSettings) -> JobSettings {
        let max = self
            .max_threads
            .unwrap_or(base.max_threads.max(self.core_threads.unwrap_or(0)))
            .clamp(1, 65_536);
        JobSettings {
            core_threads: self.core_threads.unwrap_or(base.core_threads).clamp(1, max),
            max_threads: max,
            queue_length: self.queue_length.unwrap_or(base.queue_length).min(1_000_000),
            max_jobs_per_acquisition: self
                .max_jobs_per_acquisition
                .unwrap_or(base.max_jobs_per_acquisition)
                .clamp(1, 4_096),
            lock_time_in_millis: self
                .lock_time_in_millis
                .unwrap_or(base.lock_time_in_millis)
                .clamp(1_000, 86_400_000),
            wait_time_in_millis: self
                .wait_time_in_millis
                .unwrap_or(base.wait_time_in_millis)
                .clamp(10, 3_600_000),
        }
    }
}

impl JobSettings {
    /// A profile's values on a machine of that many cores.
    pub fn of(profile: Profile, cores: usize) -> JobSettings {
        match profile {
            Profile::Compat => JobSettings {
                core_threads: 3,
                max_threads: 5,
                queue_length: 10,
                max_jobs_per_acquisition: 3,
                lock_time_in_millis: 300_000,
                wait_time_in_millis: 5_000,
            },
            // One and a half a core is the rule for work that blocks. A job here is a step in memory and a share of a
            // transaction, so hundreds wait for the same commit.
            Profile::Auto => JobSettings {
                core_threads: (cores.max(1) * 3).div_ceil(2).max(3),
                max_threads: 1_024,
                queue_length: 2_048,
                max_jobs_per_acquisition: 256,
                lock_time_in_millis: 30_000,
                // Others tell of what they can't take, and whatever lock ends is seen in time.
                wait_time_in_millis: 30_000,
            },
        }
    }

    /// Most jobs that this node has locked.
    pub fn most(&self) -> usize {
        self.max_threads + self.queue_length
    }
}

impl Default for JobSettings {
    fn default() -> JobSettings {
        JobSettings::of(Profile::Auto, 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s3_08_compat_has_camundas_values_and_each_can_be_given() {
        let compat = JobSettings::of(Profile::Compat, 64);
        let text = serde_json::to_string(&compat).unwrap();
        assert_eq!(
            text,
            r#"{"coreThreads":3,"maxThreads":5,"queueLength":10,"maxJobsPerAcquisition":3,"lockTimeInMillis":300000,"waitTimeInMillis":5000}"#
        );
        let given: Given =
            serde_json::from_str(r#"{"corePoolSize":7,"queueSize":0,"lockTimeInMillis":1}"#).unwrap();
        let changed = given.over(compat);
        assert_eq!(
            (changed.core_threads, changed.max_threads, changed.queue_length),
            (7, 7, 0)
        );
        assert_eq!(
            (changed.lock_time_in_millis, changed.wait_time_in_millis),
            (1_000, 5_000)
        );
        assert!(serde_json::from_str::<Given>(r#"{"threads":7}"#).is_err());
    }

    #[test]
    fn s3_10_auto_starts_from_one_and_a_half_a_core() {
        for (cores, threads) in [(1, 3), (2, 3), (3, 5), (8, 12)] {
            assert_eq!(JobSettings::of(Profile::Auto, cores).core_threads, threads);
        }
    }
}
