//! Failed logins: after each the user waits longer, after ten until an unlocking, as in the reference. Counted by each
//! node for itself and in memory, for the last users that failed.
use crate::store::UserRow;
use bpmn_core::Millis;
use quick_cache::sync::Cache;

/// Users remembered.
const USERS: usize = 10_000;
/// Failures after which only unlocking helps (the reference's `loginMaxAttempts`).
const MOST: u32 = 10;
/// Wait after the first failure, in ms (`loginDelayBase`); it doubles with each further one (`loginDelayFactor`).
const FIRST_WAIT: Millis = 3_000;
/// The longest wait, in ms (`loginDelayMaxTime`).
const LONGEST_WAIT: Millis = 60_000;

/// The failed logins of a user.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Failed {
    attempts: u32,
    until: Millis,
    /// Unlockings of the user by then: a later one forgets this.
    unlocks: i64,
}

/// What this node remembers of failed logins.
pub struct Logins(Cache<String, Failed>);

impl Default for Logins {
    fn default() -> Logins {
        Logins(Cache::new(USERS))
    }
}

impl Logins {
    /// Whether the user has to wait: no password is right until then.
    pub fn is_locked(&self, user: &UserRow, now: Millis) -> bool {
        self.of(user)
            .is_some_and(|failed| failed.attempts >= MOST || failed.until > now)
    }

    /// Remembers how a try ended.
    pub fn tried(&self, user: &UserRow, right: bool, now: Millis) {
        if right {
            self.0.remove(&user.id);
            return;
        }
        let attempts = self.of(user).map_or(0, |failed| failed.attempts) + 1;
        let wait = FIRST_WAIT.saturating_mul(1 << (attempts - 1).min(16));
        let failed = Failed {
            attempts,
            until: now + wait.min(LONGEST_WAIT),
            unlocks: user.unlocks,
        };
        self.0.insert(user.id.clone(), failed);
    }

    fn of(&self, user: &UserRow) -> Option<Failed> {
        self.0
            .get(&user.id)
            .filter(|failed| failed.unlocks == user.unlocks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(unlocks: i64) -> UserRow {
        UserRow {
            id: "anna".into(),
            first_name: None,
            last_name: None,
            email: None,
            password_hash: String::new(),
            unlocks,
        }
    }

    #[test]
    fn each_failure_waits_longer_and_a_right_password_forgets_them() {
        let (logins, anna) = (Logins::default(), user(0));
        assert!(!logins.is_locked(&anna, 0));
        logins.tried(&anna, false, 0);
        assert!(logins.is_locked(&anna, 2_999) && !logins.is_locked(&anna, 3_000));
        logins.tried(&anna, false, 3_000);
        assert!(logins.is_locked(&anna, 8_999) && !logins.is_locked(&anna, 9_000));
        logins.tried(&anna, true, 9_000);
        logins.tried(&anna, false, 9_000);
        assert!(!logins.is_locked(&anna, 12_000));
    }

    #[test]
    fn ten_failures_lock_until_the_user_is_unlocked() {
        let (logins, anna) = (Logins::default(), user(0));
        for n in 0..10 {
            logins.tried(&anna, false, n);
        }
        assert!(logins.is_locked(&anna, Millis::MAX));
        assert!(!logins.is_locked(&user(1), 0));
        logins.tried(&user(1), false, 0);
        assert!(!logins.is_locked(&user(1), 3_000));
    }
}
