//! Nothing is answered from before what was answered before: the order of the log agrees with the order of time.

use bytes::Bytes;

use super::Acknowledged;
use super::replay::Replay;
use crate::raft::simulation::history::Read;
use crate::raft::type_config::Entry;

struct Window<'a> {
    read: &'a Read,
    first: u64,
    last: u64,
    /// Indexes after which the state gives this reply.
    fits: Vec<u64>,
}

pub(super) fn check(
    entries: &[Entry],
    acknowledged: &[Acknowledged],
    reads: &[Read],
) -> Result<(), String> {
    for later in acknowledged {
        let before = acknowledged.iter();
        let before = before.take_while(|earlier| earlier.answered < later.change.invoked);
        // A request of a session has its index from the first try, which may be older than a repeated opening.
        if let Some(earlier) = before.max_by_key(|earlier| earlier.index)
            && earlier.index >= later.index
            && later.change.request.sequence != 0
            && earlier.change.request.sequence != 0
        {
            return Err(format!(
                "{:?} at {} was answered before {:?} at {} was asked for",
                earlier.change.request, earlier.index, later.change.request, later.index
            ));
        }
    }
    let mut windows: Vec<Window<'_>> = reads
        .iter()
        .map(|read| {
            let before = acknowledged.iter();
            let before = before.take_while(|change| change.answered < read.invoked);
            let before = before.filter(|change| change.change.request.sequence != 0);
            Window {
                read,
                first: before.map(|change| change.index).max().unwrap_or(0),
                last: read.last_index,
                fits: Vec::new(),
            }
        })
        .collect();
    let mut replay = Replay::new();
    for entry in entries {
        replay.apply(entry, Bytes::new())?;
        let index = entry.log_id.index;
        for window in &mut windows {
            if (window.first..=window.last).contains(&index)
                && replay.answer(&window.read.query) == window.read.reply
            {
                window.fits.push(index);
            }
        }
    }
    in_order(&windows)
}

/// Reads are in an order, too.
fn in_order(windows: &[Window<'_>]) -> Result<(), String> {
    for window in windows {
        let earlier = windows.iter();
        let earlier = earlier.filter(|other| other.read.answered < window.read.invoked);
        let shown = earlier.filter_map(|other| other.fits.first()).max();
        let first = shown.copied().unwrap_or(0);
        if !window.fits.iter().any(|index| *index >= first) {
            let Window {
                read,
                first: least,
                last,
                fits,
            } = window;
            return Err(format!(
                "a stale answer: {:?}, asked when {least} was acknowledged and {first} was shown, fits {fits:?} up to {last}: {:?}",
                read.query, read.reply
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use holdfast_metadata::{Answer, RequestId, SessionId};
    use tokio::time::Instant;

    use super::*;
    use crate::raft::simulation::history::Change;

    /// Changes asked for and answered in these seconds, and where they are in the log.
    fn in_the_log(changes: &[(u64, u64, u64)]) -> Result<(), String> {
        let epoch = Instant::now();
        let at = |second| epoch + Duration::from_secs(second);
        let acknowledged = changes.iter().zip(1..);
        let acknowledged = acknowledged.map(|((invoked, answered, index), sequence)| {
            let request = RequestId {
                session: SessionId(1),
                sequence,
                acknowledged: 1,
            };
            let change = Change {
                request,
                told: String::new(),
                invoked: at(*invoked),
                answered: Some((at(*answered), Ok(Answer::Done))),
            };
            Acknowledged {
                change,
                answered: at(*answered),
                index: *index,
            }
        });
        let acknowledged: Vec<Acknowledged> = acknowledged.collect();
        check(&[], &acknowledged, &[])
    }

    #[test]
    fn what_was_asked_for_after_an_answer_is_behind_it_in_the_log() {
        assert_eq!(in_the_log(&[(0, 1, 5), (2, 3, 6)]), Ok(()));
        let found = in_the_log(&[(0, 1, 6), (2, 3, 5)]).unwrap_err();
        assert!(found.contains("was answered before"), "{found}");
    }

    #[test]
    fn what_is_under_way_at_once_may_have_any_order() {
        assert_eq!(in_the_log(&[(0, 2, 6), (1, 3, 5)]), Ok(()));
    }
}
