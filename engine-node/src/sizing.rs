//! How much of the machine a node may use, and what follows from it for settings that nobody has given: CPUs by
//! affinity and cgroup quota, memory by cgroup limit (v1 and v2) or what is installed.
use std::{num::NonZero, thread};

/// What there is and what a node makes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizing {
    /// Whole CPUs, at least 1.
    pub cpus: usize,
    /// Bytes of memory that may be used; `None` where nothing says.
    pub memory: Option<u64>,
    /// Writers side by side.
    pub writers: usize,
    /// Jobs at once: 1.5 for each CPU is the rule for work that blocks (S3-10); ours waits on the database beside
    /// others, so that some more cost nothing.
    pub executor_threads: usize,
    /// Bytes for cached instances.
    pub cache_bytes: u64,
}

const MIB: u64 = 1 << 20;

/// The sizing of this process.
pub fn sizing() -> Sizing {
    decide(
        thread::available_parallelism().map_or(1, NonZero::get),
        memory(|path| std::fs::read_to_string(path).ok()),
    )
}

/// What a node takes of that many CPUs and bytes.
pub fn decide(cpus: usize, memory: Option<u64>) -> Sizing {
    let cpus = cpus.max(1);
    Sizing {
        cpus,
        memory,
        // On two CPUs one writer with batches of twice the size takes a third less of the database's time than two
        // do; more than four only wait for the same disk.
        writers: (cpus / 2).clamp(1, 4),
        executor_threads: (cpus * 3).div_ceil(2).max(8),
        // An eighth, so that the rest of the node and bursts of requests have room.
        cache_bytes: memory.map_or(64 * MIB, |bytes| (bytes / 8).clamp(8 * MIB, 1024 * MIB)),
    }
}

/// The least of installed memory and the limits of the cgroups that this process is in.
fn memory(read: impl Fn(&str) -> Option<String>) -> Option<u64> {
    let installed = read("/proc/meminfo").and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
        Some(kib * 1024)
    });
    let groups = read("/proc/self/cgroup").unwrap_or_default();
    let limits = groups.lines().flat_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next().unwrap_or(""), parts.next().unwrap_or("/"));
        let (root, file) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            c if c.split(',').any(|c| c == "memory") => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
            _ => return Vec::new(),
        };
        // The limit of any group above holds too. Inside a container the path may name what only the host sees:
        // then the root is the container's own group.
        ancestors(path)
            .into_iter()
            .map(|group| format!("{root}{group}/{file}"))
            .collect()
    });
    // "max" is no limit; v1 says a number near 2^63.
    let limits = limits.filter_map(|path| read(&path)?.trim().parse::<u64>().ok());
    limits.filter(|bytes| *bytes < 1 << 60).chain(installed).min()
}

/// The group and all above it, the root as the empty text.
fn ancestors(path: &str) -> Vec<&str> {
    let mut found = vec![path.trim_end_matches('/')];
    while let Some((above, _)) = found.last().and_then(|p| p.rsplit_once('/')) {
        found.push(above);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(files: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<String> {
        move |path| {
            let file = files.iter().find(|(name, _)| *name == path)?;
            Some(file.1.to_owned())
        }
    }

    #[test]
    fn s2_43_memory_is_what_the_cgroup_allows() {
        const MEMINFO: (&str, &str) = ("/proc/meminfo", "MemTotal:       16000000 kB\nMemFree: 1 kB\n");
        let v2 = files(&[
            MEMINFO,
            ("/proc/self/cgroup", "0::/pods/one\n"),
            ("/sys/fs/cgroup/pods/one/memory.max", "max\n"),
            ("/sys/fs/cgroup/pods/memory.max", "536870912\n"),
        ]);
        assert_eq!(memory(v2), Some(512 * MIB));
        let container = files(&[
            MEMINFO,
            ("/proc/self/cgroup", "0::/\n"),
            ("/sys/fs/cgroup/memory.max", "268435456\n"),
        ]);
        assert_eq!(memory(container), Some(256 * MIB));
        let v1 = files(&[
            MEMINFO,
            ("/proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/docker/abc\n"),
            ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "1073741824\n"),
        ]);
        assert_eq!(memory(v1), Some(1024 * MIB));
        let unlimited = files(&[
            MEMINFO,
            ("/proc/self/cgroup", "4:memory:/\n"),
            (
                "/sys/fs/cgroup/memory/memory.limit_in_bytes",
                "9223372036854771712\n",
            ),
        ]);
        assert_eq!(memory(unlimited), Some(16_000_000 * 1024));
        assert_eq!(memory(|_| None), None);
    }

    #[test]
    fn s2_43_settings_follow_cpus_and_memory() {
        let small = decide(1, Some(128 * MIB));
        assert_eq!(
            (small.writers, small.executor_threads, small.cache_bytes),
            (1, 8, 16 * MIB)
        );
        let large = decide(16, Some(64 * 1024 * MIB));
        assert_eq!(
            (large.writers, large.executor_threads, large.cache_bytes),
            (4, 24, 1024 * MIB)
        );
        assert_eq!(decide(0, None).cpus, 1);
    }
}
