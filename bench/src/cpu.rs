//! CPU time of processes and their children, read from /proc.
use std::{collections::BTreeMap, fs, time::Duration};

/// Clock ticks a second in /proc: 100 on every Linux this runs on.
const TICKS: u64 = 100;

/// User and system time of the processes and all their descendants so far. A process that is gone counts nothing.
pub fn used(roots: &[u32]) -> Duration {
    let mut parents: BTreeMap<u32, (u32, u64)> = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        // The name may hold blanks and parentheses: fields are counted after the last one.
        let Some((_, rest)) = stat.rsplit_once(") ") else {
            continue;
        };
        let fields: Vec<&str> = rest.split(' ').collect();
        let number = |i: usize| fields.get(i).and_then(|f| f.parse::<u64>().ok()).unwrap_or(0);
        // Own user and system time, and that of children that have ended.
        parents.insert(
            pid,
            (
                number(1) as u32,
                number(11) + number(12) + number(13) + number(14),
            ),
        );
    }
    let belongs = |mut pid: u32| {
        for _ in 0..64 {
            if roots.contains(&pid) {
                return true;
            }
            match parents.get(&pid) {
                Some((parent, _)) if *parent != 0 => pid = *parent,
                _ => return false,
            }
        }
        false
    };
    let ticks: u64 = parents
        .iter()
        .filter(|(pid, _)| belongs(**pid))
        .map(|(_, (_, ticks))| ticks)
        .sum();
    Duration::from_millis(ticks * 1000 / TICKS)
}

/// Resident memory of a process in KiB.
pub fn resident_kib(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|l| l.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
