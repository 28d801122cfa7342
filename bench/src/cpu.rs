//! CPU time of processes and their children, read from /proc.
use std::{collections::BTreeMap, fs, time::Duration};

/// Clock ticks a second in /proc: 100 on every Linux this runs on.
const TICKS: u64 = 100;

/// CPU time of an engine, of its database, of this program and of the whole machine so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    pub engine: Duration,
    pub database: Duration,
    pub client: Duration,
    /// Everything that ran on this machine.
    pub machine: Duration,
}

impl Used {
    /// What was used since an earlier look.
    #[must_use]
    pub fn since(self, earlier: Used) -> Used {
        Used {
            engine: self.engine.saturating_sub(earlier.engine),
            database: self.database.saturating_sub(earlier.database),
            client: self.client.saturating_sub(earlier.client),
            machine: self.machine.saturating_sub(earlier.machine),
        }
    }
}

/// Whose CPU time is looked at.
#[derive(Clone, Debug, Default)]
pub struct Watched {
    pub engine: Vec<u32>,
    /// Servers of the database: postmasters.
    pub database: Vec<u32>,
    /// Name of the database: with it, the server's sessions in other databases don't count.
    pub name: Option<String>,
}

impl Watched {
    /// Sorts process ids: a process called `postgres` is a database.
    pub fn new(pids: &[u32], name: Option<String>) -> Watched {
        let (database, engine) = pids.iter().partition(|pid| {
            let comm = fs::read_to_string(format!("/proc/{pid}/comm"));
            comm.is_ok_and(|comm| comm.trim() == "postgres")
        });
        Watched {
            engine,
            database,
            name,
        }
    }

    /// CPU time so far.
    pub fn used(&self) -> Used {
        let all = processes();
        let name = self.name.as_deref();
        Used {
            engine: sum(&all, &self.engine, |_, p| p.own + p.ended),
            database: sum(&all, &self.database, |pid, p| match name {
                // Sessions that have ended count at the server, whatever their database was.
                Some(name) => {
                    if is_session_elsewhere(&title(pid), name) {
                        0
                    } else {
                        p.own
                    }
                }
                None => p.own + p.ended,
            }),
            client: sum(&all, &[std::process::id()], |pid, p| {
                if pid == std::process::id() { p.own } else { 0 }
            }),
            machine: machine(),
        }
    }
}

/// Whether a title as PostgreSQL writes it, `postgres: USER DATABASE ADDRESS STATE`, is that of a session in another
/// database than the one named.
fn is_session_elsewhere(title: &str, name: &str) -> bool {
    let Some(rest) = title.strip_prefix("postgres: ") else {
        return false;
    };
    let words: Vec<&str> = rest.split(' ').collect();
    // Sessions have an address: `127.0.0.1(4711)` or `[local]`.
    match words.iter().position(|w| w.ends_with(')') || *w == "[local]") {
        Some(at) if at >= 1 => words[at - 1] != name,
        _ => false,
    }
}

fn title(pid: u32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes)
        .trim_end_matches('\0')
        .replace('\0', " ")
}

struct Process {
    parent: u32,
    /// Ticks of its own, and of children that have ended.
    own: u64,
    ended: u64,
}

fn processes() -> BTreeMap<u32, Process> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        if let Some(process) = fs::read_to_string(entry.path().join("stat"))
            .ok()
            .and_then(|s| parse(&s))
        {
            all.insert(pid, process);
        }
    }
    all
}

/// One line of `/proc/PID/stat`.
fn parse(stat: &str) -> Option<Process> {
    // The name may hold blanks and parentheses: fields are counted after the last one.
    let (_, rest) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    let number = |i: usize| fields.get(i).and_then(|f| f.parse::<u64>().ok()).unwrap_or(0);
    Some(Process {
        parent: number(1) as u32,
        own: number(11) + number(12),
        ended: number(13) + number(14),
    })
}

/// Adds up what `ticks` gives for the processes and all their descendants. A process that is gone counts nothing.
fn sum(all: &BTreeMap<u32, Process>, roots: &[u32], ticks: impl Fn(u32, &Process) -> u64) -> Duration {
    let belongs = |mut pid: u32| {
        for _ in 0..64 {
            if roots.contains(&pid) {
                return true;
            }
            match all.get(&pid) {
                Some(process) if process.parent != 0 => pid = process.parent,
                _ => return false,
            }
        }
        false
    };
    let ticks: u64 = all
        .iter()
        .filter(|(pid, _)| belongs(**pid))
        .map(|(pid, p)| ticks(*pid, p))
        .sum();
    Duration::from_millis(ticks * 1000 / TICKS)
}

/// Busy time of all cores, from `/proc/stat`.
fn machine() -> Duration {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = text.lines().next().unwrap_or_default();
    let fields: Vec<u64> = line
        .split_whitespace()
        .skip(1)
        .filter_map(|f| f.parse().ok())
        .collect();
    // user, nice, system, irq, softirq
    let ticks: u64 = [0, 1, 2, 5, 6].iter().filter_map(|i| fields.get(*i)).sum();
    Duration::from_millis(ticks * 1000 / TICKS)
}

/// Resident memory of a process in KiB.
pub fn resident_kib(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|l| l.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_in_other_databases_do_not_count() {
        assert!(!is_session_elsewhere(
            "postgres: postgres shop 127.0.0.1(34684) idle",
            "shop"
        ));
        assert!(is_session_elsewhere(
            "postgres: postgres other 127.0.0.1(34684) idle in transaction",
            "shop"
        ));
        assert!(is_session_elsewhere(
            "postgres: postgres other [local] SELECT",
            "shop"
        ));
        assert!(!is_session_elsewhere("postgres: walwriter ", "shop"));
        assert!(!is_session_elsewhere(
            "/usr/lib/postgresql/15/bin/postgres -D /data",
            "shop"
        ));
    }

    #[test]
    fn a_stat_line_is_read_whatever_the_name_is() {
        let process = parse("7 (a) b (c) S 3 7 7 0 -1 0 0 0 0 0 11 12 13 14 20 0").expect("parses");
        assert_eq!((process.parent, process.own, process.ended), (3, 23, 27));
    }

    #[test]
    fn this_program_uses_time() {
        let before = Watched::default().used();
        let mut x = 1_u64;
        while Watched::default().used().since(before).client < Duration::from_millis(20) {
            for i in 0..1_000_000_u64 {
                x = std::hint::black_box(x.wrapping_mul(i | 1));
            }
        }
        assert!(Watched::default().used().since(before).machine > Duration::ZERO);
    }
}
