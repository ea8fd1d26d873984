//! A watch channel that wakes who waits in the order in which they came. That of tokio draws lots, and not from our seed.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Waker};

use futures_util::FutureExt;
use openraft::rt::watch::{self, RecvError, SendError};
use openraft::{OptionalSend, OptionalSync};
use parking_lot::Mutex;
use tokio::sync::watch as tokio_watch;

/// See above.
pub(crate) struct OrderedWatch;

/// Those who wait.
#[derive(Clone, Default)]
struct Waiting(Arc<Mutex<Vec<Waker>>>);

impl Waiting {
    fn add(&self, waker: &Waker) {
        let mut wakers = self.0.lock();
        if !wakers.iter().any(|known| known.will_wake(waker)) {
            wakers.push(waker.clone());
        }
    }

    fn wake(&self) {
        let wakers = std::mem::take(&mut *self.0.lock());
        for waker in wakers {
            waker.wake();
        }
    }
}

/// Wakes them when a sender is gone, which may be the last.
#[derive(Clone)]
struct Farewell(Waiting);

impl Drop for Farewell {
    fn drop(&mut self) {
        self.0.wake();
    }
}

/// Where values come from. Fields are dropped in this order.
pub(crate) struct Sender<T> {
    values: tokio_watch::Sender<T>,
    farewell: Farewell,
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        Sender {
            values: self.values.clone(),
            farewell: self.farewell.clone(),
        }
    }
}

/// Where values go to.
pub(crate) struct Receiver<T> {
    values: tokio_watch::Receiver<T>,
    waiting: Waiting,
}

impl<T> Receiver<T> {
    fn has_changed(&mut self) -> Option<Result<(), RecvError>> {
        let changed = self.values.changed().now_or_never()?;
        Some(changed.map_err(|_| RecvError(())))
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Receiver<T> {
        Receiver {
            values: self.values.clone(),
            waiting: self.waiting.clone(),
        }
    }
}

impl watch::Watch for OrderedWatch {
    type Sender<T: OptionalSend + OptionalSync> = Sender<T>;
    type Receiver<T: OptionalSend + OptionalSync> = Receiver<T>;
    type Ref<'a, T: OptionalSend + 'a> = tokio_watch::Ref<'a, T>;

    fn channel<T: OptionalSend + OptionalSync>(init: T) -> (Sender<T>, Receiver<T>) {
        let (sender, receiver) = tokio_watch::channel(init);
        let waiting = Waiting::default();
        let sender = Sender {
            values: sender,
            farewell: Farewell(waiting.clone()),
        };
        let receiver = Receiver {
            values: receiver,
            waiting,
        };
        (sender, receiver)
    }
}

impl<T: OptionalSend + OptionalSync> watch::WatchSender<OrderedWatch, T> for Sender<T> {
    fn send(&self, value: T) -> Result<(), SendError<T>> {
        let sent = self.values.send(value);
        self.farewell.0.wake();
        sent.map_err(|error| SendError(error.0))
    }

    fn send_if_modified<F: FnOnce(&mut T) -> bool>(&self, modify: F) -> bool {
        let is_modified = self.values.send_if_modified(modify);
        if is_modified {
            self.farewell.0.wake();
        }
        is_modified
    }

    fn borrow_watched(&self) -> tokio_watch::Ref<'_, T> {
        self.values.borrow()
    }

    fn subscribe(&self) -> Receiver<T> {
        Receiver {
            values: self.values.subscribe(),
            waiting: self.farewell.0.clone(),
        }
    }
}

impl<T: OptionalSend + OptionalSync> watch::WatchReceiver<OrderedWatch, T> for Receiver<T> {
    async fn changed(&mut self) -> Result<(), RecvError> {
        poll_fn(|context| {
            if let Some(changed) = self.has_changed() {
                return Poll::Ready(changed);
            }
            self.waiting.add(context.waker());
            // Outside a simulation another thread may have sent something in between.
            self.has_changed().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    fn borrow_watched(&self) -> tokio_watch::Ref<'_, T> {
        self.values.borrow()
    }

    fn borrow_and_update(&mut self) -> tokio_watch::Ref<'_, T> {
        self.values.borrow_and_update()
    }
}
