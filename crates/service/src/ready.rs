//! Whether this process should get requests.
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// The reason of a part that stops because the process was asked to.
pub const STOPPING: &str = "stopping";

/// Readiness made of named parts ("database", "reference-log", …). Ready when every part is; each other part says why.
/// Cheap to clone; clones share the state.
#[derive(Clone, Debug)]
pub struct Readiness(Arc<Mutex<BTreeMap<&'static str, Result<(), String>>>>);

impl Readiness {
    /// Readiness that waits for these parts.
    pub fn waiting_for(parts: &[&'static str]) -> Readiness {
        Readiness(Arc::new(Mutex::new(
            parts.iter().map(|p| (*p, Err("starting".to_owned()))).collect(),
        )))
    }

    /// Marks a part as ready.
    pub fn ready(&self, part: &'static str) {
        self.set(part, Ok(()));
    }

    /// Marks a part as not ready, with the reason for the operator.
    pub fn not_ready(&self, part: &'static str, why: impl Into<String>) {
        self.set(part, Err(why.into()));
    }

    fn set(&self, part: &'static str, state: Result<(), String>) {
        let before = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(part, state.clone());
        if before.as_ref() != Some(&state) {
            match state {
                Ok(()) => tracing::info!(part, "ready"),
                // Asked for, so nothing to warn of.
                Err(why) if why == STOPPING => tracing::info!(part, why, "not ready"),
                Err(why) => tracing::warn!(part, why, "not ready"),
            }
        }
    }

    /// Ok when everything is ready.
    ///
    /// # Errors
    /// `PART: REASON`, joined by `; `, for the parts that aren't.
    pub fn check(&self) -> Result<(), String> {
        let parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let missing: Vec<String> = parts
            .iter()
            .filter_map(|(part, state)| state.as_ref().err().map(|why| format!("{part}: {why}")))
            .collect();
        if missing.is_empty() {
            Ok(())
        } else {
            Err(missing.join("; "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_is_when_every_part_is_and_otherwise_says_which_is_not() {
        let ready = Readiness::waiting_for(&["database", "log"]);
        ready.ready("log");
        assert_eq!(ready.check(), Err("database: starting".to_owned()));
        ready.ready("database");
        assert_eq!(ready.check(), Ok(()));
        ready.clone().not_ready("database", "unreachable");
        assert_eq!(ready.check(), Err("database: unreachable".to_owned()));
    }
}
