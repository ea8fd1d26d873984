//! Which operations are under way that could have the kernel use an inode which it does not use yet.
//!
//! An inode that has lost its last name cannot be found any more, but an operation that found it before may be about to
//! answer. Whoever wants to know that the kernel will never use the inode again waits until everything is over
//! that was under way: a grace period. Operations are counted on one of two sides; a grace period turns new ones to
//! the other side and waits until the first is empty.

use parking_lot::Mutex;
use tokio::sync::Notify;

/// The operations of one mount.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    sides: Mutex<Sides>,
    emptied: Notify,
    /// Grace periods come one after the other.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Sides {
    under_way: [usize; 2],
    /// The side of operations that begin now.
    current: usize,
}

impl Sides {
    fn of(&mut self, side: usize) -> &mut usize {
        let [even, odd] = &mut self.under_way;
        if side == 0 { even } else { odd }
    }
}

/// An operation that is under way until this is dropped.
#[derive(Debug)]
pub(crate) struct Arrival<'a> {
    arrivals: &'a Arrivals,
    side: usize,
}

impl Drop for Arrival<'_> {
    fn drop(&mut self) {
        let mut sides = self.arrivals.sides.lock();
        let left = sides.of(self.side);
        *left -= 1;
        if *left == 0 {
            drop(sides);
            self.arrivals.emptied.notify_waiters();
        }
    }
}

impl Arrivals {
    /// An operation begins. What it finds must be counted in [`LookupCounts`](crate::lookup_count::LookupCounts)
    /// before it ends.
    pub(crate) fn begin(&self) -> Arrival<'_> {
        let mut sides = self.sides.lock();
        let side = sides.current;
        *sides.of(side) += 1;
        Arrival {
            arrivals: self,
            side,
        }
    }

    /// Waits until every operation is over that is under way now.
    pub(crate) async fn over(&self) {
        let _turn = self.turn.lock().await;
        // The last one may have given up while it waited, with operations left on what is the other side now.
        self.emptied_side(|sides| 1 - sides.current).await;
        let side = {
            let mut sides = self.sides.lock();
            let side = sides.current;
            sides.current = 1 - side;
            side
        };
        self.emptied_side(|_| side).await;
    }

    async fn emptied_side(&self, which: impl Fn(&Sides) -> usize) {
        loop {
            let emptied = self.emptied.notified();
            {
                let mut sides = self.sides.lock();
                let side = which(&sides);
                if *sides.of(side) == 0 {
                    return;
                }
            }
            emptied.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn is_over<F: Future<Output = ()>>(grace: std::pin::Pin<&mut F>) -> bool {
        grace.poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(())
    }

    #[test]
    fn nothing_under_way_is_over_at_once() {
        let arrivals = Arrivals::default();
        drop(arrivals.begin());
        assert!(is_over(pin!(arrivals.over())));
        assert!(is_over(pin!(arrivals.over())));
    }

    #[test]
    fn a_grace_period_ends_with_the_last_operation_that_was_under_way() {
        let arrivals = Arrivals::default();
        let (first, second) = (arrivals.begin(), arrivals.begin());
        let mut grace = pin!(arrivals.over());
        assert!(!is_over(grace.as_mut()));
        drop(first);
        assert!(!is_over(grace.as_mut()));
        drop(second);
        assert!(is_over(grace.as_mut()));
    }

    #[test]
    fn what_begins_later_is_not_waited_for() {
        let arrivals = Arrivals::default();
        let before = arrivals.begin();
        let mut grace = pin!(arrivals.over());
        assert!(!is_over(grace.as_mut()));
        let later = arrivals.begin();
        drop(before);
        assert!(is_over(grace.as_mut()));
        let mut next = pin!(arrivals.over());
        assert!(!is_over(next.as_mut()));
        drop(later);
        assert!(is_over(next.as_mut()));
    }

    #[test]
    fn a_grace_period_that_is_given_up_does_not_shorten_the_next() {
        let arrivals = Arrivals::default();
        let before = arrivals.begin();
        {
            let mut given_up = pin!(arrivals.over());
            assert!(!is_over(given_up.as_mut()));
        }
        let between = arrivals.begin();
        let mut grace = pin!(arrivals.over());
        assert!(!is_over(grace.as_mut()));
        drop(before);
        assert!(!is_over(grace.as_mut()), "the second is still under way");
        drop(between);
        assert!(is_over(grace.as_mut()));
    }
}
