//! One timer for all waits of a connection.
use std::{
    pin::Pin,
    task::{Context, Poll},
};
use tokio::time::{Instant, Sleep, sleep_until};

/// A time-out that is moved with each wait, and nearly always away: a timer is only set anew when it goes off too early, or
/// when the new time lies before it. Setting one for each request would cost more than parsing it.
#[derive(Debug)]
pub struct Alarm {
    sleep: Pin<Box<Sleep>>,
    armed: Instant,
    at: Instant,
}

impl Alarm {
    /// Goes off then.
    pub fn new(at: Instant) -> Alarm {
        Alarm {
            sleep: Box::pin(sleep_until(at)),
            armed: at,
            at,
        }
    }

    /// Goes off then instead.
    pub fn set(&mut self, at: Instant) {
        self.at = at;
        if at < self.armed {
            self.sleep.as_mut().reset(at);
            self.armed = at;
        }
    }

    /// Ready when the time has come.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if Instant::now() >= self.at {
                return Poll::Ready(());
            }
            self.armed = self.at;
            self.sleep.as_mut().reset(self.at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{future::poll_fn, time::Duration};

    #[tokio::test]
    async fn it_goes_off_at_the_time_that_was_set_last() {
        let start = Instant::now();
        let after = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut alarm = Alarm::new(after(3_600_000));
        // Earlier than it was set, later than it was set, and past.
        for at in [after(5), after(15), after(1)] {
            alarm.set(after(7_200_000));
            alarm.set(at);
            poll_fn(|cx| alarm.poll(cx)).await;
            assert!(Instant::now() >= at);
        }
        alarm.set(after(3_600_000));
        assert!(poll_fn(|cx| Poll::Ready(alarm.poll(cx))).await.is_pending());
    }
}
