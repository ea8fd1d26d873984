//! Where the time of an operation goes, for whoever began it and finds that it was slow.
//!
//! It travels with the future of the operation, not with its calls: whoever is in the middle need not pass it on, and one that is
//! of no interest costs two readings of the clock a call.

use std::cell::RefCell;
use std::pin::{Pin, pin};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use holdfast_metadata::RequestId;
use tokio::task::futures::TaskLocalFuture;

tokio::task_local! {
    static COURSE: RefCell<Course>;
}

/// What an operation has waited for.
#[derive(Debug, Clone, Default)]
pub struct Course {
    /// Of its last command, if it had one.
    pub request: Option<RequestId>,
    /// Calls to nodes, those that were tried again among them.
    pub calls: u32,
    /// Waiting for a node that can be asked.
    pub searching: Duration,
    /// Waiting for answers.
    pub asking: Duration,
    under_way: Option<(Wait, Instant)>,
}

#[derive(Debug, Clone, Copy)]
enum Wait {
    Search,
    Answer,
}

impl Course {
    fn begin(&mut self, wait: Wait) {
        self.end();
        self.under_way = Some((wait, Instant::now()));
    }

    /// A wait may have been given up without a word.
    fn end(&mut self) {
        match self.under_way.take() {
            Some((Wait::Search, began)) => self.searching += began.elapsed(),
            Some((Wait::Answer, began)) => self.asking += began.elapsed(),
            None => {}
        }
    }
}

/// An operation with its course.
pub type Watched<F> = TaskLocalFuture<RefCell<Course>, F>;

/// Begins an operation.
pub fn watch<F: Future>(operation: F) -> Watched<F> {
    COURSE.scope(RefCell::default(), operation)
}

/// What is known of an operation, at its end or when it is given up: it is not polled any more.
pub fn taken<F: Future>(operation: Pin<&mut Watched<F>>) -> Course {
    let course = operation.take_value().map(RefCell::into_inner);
    let mut course = course.unwrap_or_default();
    course.end();
    course
}

/// Notes it, if somebody watches.
fn note(what: impl FnOnce(&mut Course)) {
    // Signs of life and other work of the replicator itself belong to no operation.
    COURSE
        .try_with(|course| what(&mut course.borrow_mut()))
        .ok();
}

/// A command of the operation has this id.
pub(crate) fn has_request(request: RequestId) {
    note(|course| course.request = Some(request));
}

/// Waits for a node. Usually there is one at once.
pub(crate) async fn searching<T>(wait: impl Future<Output = T>) -> T {
    let mut wait = pin!(wait);
    if let Some(found) = wait.as_mut().now_or_never() {
        return found;
    }
    note(|course| course.begin(Wait::Search));
    let found = wait.await;
    note(Course::end);
    found
}

/// Waits for an answer.
pub(crate) async fn asking<T>(call: impl Future<Output = T>) -> T {
    note(|course| {
        course.calls += 1;
        course.begin(Wait::Answer);
    });
    let answer = call.await;
    note(Course::end);
    answer
}

#[cfg(test)]
mod tests {
    use holdfast_metadata::SessionId;

    use super::*;

    #[tokio::test]
    async fn an_operation_knows_what_it_has_waited_for_and_nothing_of_others() {
        let request = RequestId {
            session: SessionId(0x00c0_ffee),
            sequence: 17,
            acknowledged: 3,
        };
        let mut operation = Box::pin(watch(async {
            has_request(request);
            searching(tokio::task::yield_now()).await;
            asking(tokio::task::yield_now()).await;
            asking(tokio::task::yield_now()).await;
        }));
        watch(asking(async {})).await;
        operation.as_mut().await;
        let course = taken(operation.as_mut());
        assert_eq!((course.request, course.calls), (Some(request), 2));
        assert!(course.searching > Duration::ZERO && course.asking > Duration::ZERO);
        assert_eq!(request.to_string(), "0000000000c0ffee-17");
        // What need not be waited for is not timed.
        let mut operation = Box::pin(watch(searching(async {})));
        operation.as_mut().await;
        assert_eq!(taken(operation.as_mut()).searching, Duration::ZERO);
        // Nobody watches: nothing happens.
        asking(async {}).await;
    }

    #[tokio::test]
    async fn a_wait_that_was_given_up_counts() {
        let mut operation = Box::pin(watch(asking(std::future::pending::<()>())));
        let patience = Duration::from_millis(20);
        let ended = tokio::time::timeout(patience, operation.as_mut()).await;
        assert!(ended.is_err());
        let course = taken(operation.as_mut());
        assert!(course.asking >= patience, "{course:?}");
        assert_eq!(course.searching, Duration::ZERO);
    }
}
