//! When a batch is worth waiting for. Clients that were answered together ask again within moments; a batch begun
//! with the first of them would be followed by another for the rest, and what a statement costs hardly depends on
//! how much it carries. So after a batch of few, its followers are waited for, if they come at all.
use std::time::{Duration, Instant};

/// Fewer than that wait for nobody: a lone client never does.
const FEW: usize = 2;
/// More than that make large batches by themselves.
const MANY: usize = 12;
/// Followers come within that time or not at all.
const LATELY: Duration = Duration::from_millis(1);
/// Most batches that don't wait after waits in vain: twice as many after each, none after one that paid.
const DISCOURAGED: u32 = 32;

/// What a writer saw of its clients' rhythm.
#[derive(Debug, Default)]
pub struct Rhythm {
    /// When the last batch ended, and how many commands were in it or waiting then.
    last: Option<(Instant, usize)>,
    /// Batches still to begin without waiting, and how many the next wait in vain costs.
    discouraged: u32,
    cost: u32,
}

impl Rhythm {
    /// How many commands are worth waiting for, and until when; `None`: begin.
    pub fn wait_for(&mut self, now: Instant) -> Option<(usize, Instant)> {
        if self.discouraged > 0 {
            self.discouraged -= 1;
            return None;
        }
        let (ended, together) = self.last?;
        let until = ended + LATELY;
        ((FEW..=MANY).contains(&together) && now < until).then_some((together - together / 4, until))
    }

    /// They did not come.
    pub fn in_vain(&mut self) {
        self.cost = (self.cost * 2).clamp(1, DISCOURAGED);
        self.discouraged = self.cost;
    }

    /// They came.
    pub fn paid(&mut self) {
        self.cost = 0;
    }

    /// A batch has ended with so many commands in it or waiting.
    pub fn ended(&mut self, together: usize, now: Instant) {
        self.last = Some((now, together));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lone_client_waits_for_nobody() {
        let (mut rhythm, now) = (Rhythm::default(), Instant::now());
        assert_eq!(rhythm.wait_for(now), None);
        for _ in 0..10 {
            rhythm.ended(1, now);
            assert_eq!(rhythm.wait_for(now), None);
        }
    }

    #[test]
    fn four_clients_are_waited_for_until_they_stay_away() {
        let (mut rhythm, now) = (Rhythm::default(), Instant::now());
        rhythm.ended(4, now);
        assert_eq!(rhythm.wait_for(now), Some((3, now + LATELY)));
        assert_eq!(rhythm.wait_for(now + LATELY), None, "they have not come back");
        for cost in [1, 2, 4, 8, 16, 32, 32] {
            rhythm.in_vain();
            for _ in 0..cost {
                assert_eq!(rhythm.wait_for(now), None);
            }
            assert!(rhythm.wait_for(now).is_some());
        }
        rhythm.paid();
        rhythm.in_vain();
        assert_eq!(rhythm.wait_for(now), None);
        assert!(rhythm.wait_for(now).is_some());
    }

    #[test]
    fn many_clients_need_no_wait() {
        let (mut rhythm, now) = (Rhythm::default(), Instant::now());
        rhythm.ended(64, now);
        assert_eq!(rhythm.wait_for(now), None);
    }
}
