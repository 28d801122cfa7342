//! The file behind an in-process topology: a snapshot of every key, replaced as a whole at each change.
use crate::{Error, Result, keys, store::Entry};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::{
    collections::BTreeMap,
    fs::{File, rename},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
};

/// A file that this process alone may use, until it is dropped.
pub(crate) struct Backing {
    path: PathBuf,
    _lock: File,
}

#[derive(Serialize, Deserialize)]
struct Snapshot {
    revision: u64,
    keys: Vec<Stored>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    key: String,
    revision: u64,
    value: Box<RawValue>,
}

fn failed(path: &Path, reason: impl ToString) -> Error {
    Error::File {
        path: path.display().to_string(),
        reason: reason.to_string(),
    }
}

impl Backing {
    /// Takes the file for this process and reads what it holds; nothing if it doesn't exist yet. Refuses a file that
    /// another process uses.
    pub fn open(path: &Path) -> Result<(Backing, u64, BTreeMap<String, Entry>)> {
        let beside = path.with_extension("lock");
        let lock = File::create(&beside).map_err(|e| failed(&beside, e))?;
        lock.try_lock()
            .map_err(|e| failed(path, format!("another process uses it ({e})")))?;
        let backing = Backing {
            path: path.to_owned(),
            _lock: lock,
        };
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok((backing, 0, BTreeMap::new())),
            Err(error) => return Err(failed(path, error)),
        };
        let snapshot: Snapshot = serde_json::from_slice(&bytes).map_err(|e| failed(path, e))?;
        let entry = |s: Stored| {
            let value = s.value.get().as_bytes().to_vec();
            (
                s.key.clone(),
                Entry {
                    key: s.key,
                    value,
                    revision: s.revision,
                },
            )
        };
        Ok((
            backing,
            snapshot.revision,
            snapshot.keys.into_iter().map(entry).collect(),
        ))
    }

    /// Replaces what the file holds; after a crash it holds either the old or the new. Registrations of nodes are
    /// left out: they don't outlive the process.
    pub fn write(&self, revision: u64, entries: &BTreeMap<String, Entry>) -> Result<()> {
        let stored = entries
            .values()
            .filter(|e| !e.key.starts_with(keys::NODES))
            .map(|entry| {
                let text = String::from_utf8_lossy(&entry.value).into_owned();
                let value = RawValue::from_string(text).map_err(|e| failed(&self.path, e))?;
                Ok(Stored {
                    key: entry.key.clone(),
                    revision: entry.revision,
                    value,
                })
            });
        let snapshot = Snapshot {
            revision,
            keys: stored.collect::<Result<_>>()?,
        };
        let bytes = serde_json::to_vec(&snapshot).map_err(|e| failed(&self.path, e))?;
        let new = self.path.with_extension("new");
        let write = || -> std::io::Result<()> {
            let mut file = File::create(&new)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            rename(&new, &self.path)?;
            let parent = self
                .path
                .parent()
                .filter(|p| !p.as_os_str().is_empty())
                .unwrap_or(Path::new("."));
            File::open(parent)?.sync_all()
        };
        write().map_err(|e| failed(&self.path, e))
    }
}
