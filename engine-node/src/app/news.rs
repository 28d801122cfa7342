//! What this node hears of its shard: from the other nodes over the database, and from itself. Whoever waits for a
//! change waits here, and asks the database by itself only now and then ([`Settings::idle_look`](super::Settings)), for
//! news that were lost.
use super::Engine;
use crate::store::Subject;
use tokio::sync::watch;

/// What was heard, by subject.
#[derive(Debug)]
pub struct News {
    heard: [watch::Sender<()>; Subject::ALL.len()],
}

impl Default for News {
    fn default() -> News {
        News {
            heard: std::array::from_fn(|_| watch::Sender::new(())),
        }
    }
}

impl News {
    /// Follows a subject from now on.
    pub fn of(&self, subject: Subject) -> Follower {
        Follower(self.heard[subject as usize].subscribe())
    }

    /// There may be something new.
    pub fn heard(&self, subject: Subject) {
        self.heard[subject as usize].send_replace(());
    }

    fn gap(&self) {
        Subject::ALL.into_iter().for_each(|subject| self.heard(subject));
    }
}

/// Waits for news of one subject.
#[derive(Clone, Debug)]
pub struct Follower(watch::Receiver<()>);

impl Follower {
    /// Ends when something was heard since the last time, at once if it was meanwhile.
    pub async fn news(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending().await
        }
    }
}

impl Engine {
    /// What this node hears of its shard.
    pub fn news(&self) -> &News {
        &self.inner.news
    }
}

/// Hears what nodes of the shard tell, until the store is closed or the task aborted.
pub async fn listen(engine: Engine) {
    let executor = engine.executor();
    let mut lines = engine.store().announcements();
    while let Some(line) = lines.recv().await {
        match line {
            // Something may have been missed.
            None => {
                engine.news().gap();
                executor.wake();
            }
            Some(line) => match Subject::of(&line) {
                Some(subject) => {
                    engine.news().heard(subject);
                    // Jobs may have been activated, or have come with slots.
                    if matches!(subject, Subject::Log | Subject::Slots) {
                        executor.wake();
                    }
                }
                None => executor.told(&line),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[tokio::test]
    async fn news_are_of_one_subject_and_wait_for_whoever_is_busy() {
        let news = News::default();
        let (mut log, mut slots) = (news.of(Subject::Log), news.of(Subject::Slots));
        news.heard(Subject::Log);
        news.heard(Subject::Log);
        assert!(log.news().now_or_never().is_some());
        assert!(log.news().now_or_never().is_none(), "both were told of at once");
        assert!(slots.news().now_or_never().is_none());
        news.gap();
        assert!(log.news().now_or_never().is_some() && slots.news().now_or_never().is_some());
        for subject in Subject::ALL {
            assert_eq!(Subject::of(subject.line()), Some(subject));
        }
    }
}
