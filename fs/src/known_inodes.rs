//! Which inodes the kernel knows, and what is asked about them when they have lost their last name.
//!
//! The cluster asks every mount of a volume about an orphan. What a mount does not keep it will never use again; what it
//! keeps it releases when it is not in use any more.

use holdfast_metadata::InodeId;
use holdfast_replicator::{Attendant, Pending};

use crate::arrivals::Arrivals;
use crate::lookup_count::LookupCounts;

/// The inodes in use on one mount.
#[derive(Debug)]
pub(crate) struct KnownInodes {
    pub(crate) lookups: LookupCounts,
    pub(crate) arrivals: Arrivals,
}

impl KnownInodes {
    pub(crate) fn new() -> KnownInodes {
        KnownInodes {
            lookups: LookupCounts::new(),
            arrivals: Arrivals::default(),
        }
    }
}

impl Attendant for KnownInodes {
    fn keep(&self, mut orphans: Vec<InodeId>) -> Pending<'_, Vec<InodeId>> {
        Box::pin(async move {
            self.arrivals.over().await;
            let about_to_open = |ino: &InodeId| self.lookups.may_be_opened_for(*ino);
            if let Some(longest) = orphans.iter().filter_map(about_to_open).max() {
                tokio::time::sleep(longest).await;
            }
            orphans.retain(|ino| self.lookups.keep(*ino));
            orphans
        })
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};
    use std::time::Duration;

    use super::*;

    const OPEN: InodeId = InodeId::new(5);
    const CLOSED: InodeId = InodeId::new(6);

    #[tokio::test(start_paused = true)]
    async fn what_is_open_is_kept_until_it_is_closed() {
        let inodes = KnownInodes::new();
        inodes.lookups.remember(CLOSED);
        assert!(inodes.lookups.open(OPEN, true));
        assert_eq!(inodes.keep(vec![CLOSED, OPEN]).await, [OPEN]);
        assert!(inodes.lookups.close(OPEN), "it is to be released");
        assert_eq!(inodes.keep(vec![OPEN]).await, []);
    }

    #[test]
    fn what_an_operation_brings_that_was_under_way_is_kept() {
        let inodes = KnownInodes::new();
        let open = inodes.arrivals.begin();
        let mut kept = pin!(inodes.keep(vec![OPEN]));
        let mut context = Context::from_waker(Waker::noop());
        assert_eq!(kept.as_mut().poll(&mut context), Poll::Pending);
        assert!(inodes.lookups.open(OPEN, true));
        drop(open);
        assert_eq!(kept.as_mut().poll(&mut context), Poll::Ready(vec![OPEN]));
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_kernel_has_just_looked_up_is_kept_if_it_opens_it() {
        let inodes = KnownInodes::new();
        inodes.lookups.remember(OPEN);
        inodes.lookups.remember(CLOSED);
        let mut kept = pin!(inodes.keep(vec![OPEN, CLOSED]));
        let mut context = Context::from_waker(Waker::noop());
        assert_eq!(kept.as_mut().poll(&mut context), Poll::Pending);
        assert!(inodes.lookups.open(OPEN, false));
        assert_eq!(kept.await, [OPEN]);
        assert!(!inodes.lookups.open(CLOSED, false), "it was given up");
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_kernel_does_not_know_or_was_told_of_long_ago_is_not_waited_for() {
        let inodes = KnownInodes::new();
        inodes.lookups.remember(CLOSED);
        tokio::time::advance(Duration::from_secs(2)).await;
        let mut kept = pin!(inodes.keep(vec![OPEN, CLOSED]));
        let mut context = Context::from_waker(Waker::noop());
        assert_eq!(kept.as_mut().poll(&mut context), Poll::Ready(Vec::new()));
    }
}
