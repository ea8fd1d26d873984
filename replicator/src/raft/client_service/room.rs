//! How much the calls of one stream may be that are under way, with their answers: a stranger must not fill the memory.

use std::sync::Arc;

use bytes::Bytes;
use holdfast_metadata::Query;
use holdfast_metadata::limits::{PAGE_ENTRIES_MAX, READ_BYTES_MAX};
use holdfast_proto::CallRequest;
use holdfast_proto::call_request::Body;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::raft::limits::Limits;

/// Besides: they are few, and not counted where they come from.
const SIGNS_OF_LIFE: usize = 16;

/// A name of a directory with its attributes, on average, or a lock.
const ENTRY_BYTES: usize = 256;

/// What the calls of one stream that are under way may be; what comes then is read later, so the sender slows down.
pub(super) struct Room {
    calls: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    bytes_max: usize,
}

/// What one call takes of it, until its answer has left.
#[derive(Debug)]
pub(crate) struct Place {
    _call: OwnedSemaphorePermit,
    _bytes: OwnedSemaphorePermit,
}

impl Room {
    pub(super) fn new(limits: &Limits) -> Room {
        Room {
            calls: Arc::new(Semaphore::new(limits.calls + SIGNS_OF_LIFE)),
            bytes: Arc::new(Semaphore::new(limits.call_bytes)),
            bytes_max: limits.call_bytes,
        }
    }

    /// Waits until there is room; a call that is larger than all of it goes alone.
    pub(super) async fn take(&self, bytes: usize) -> Option<Place> {
        let bytes = bytes.min(self.bytes_max) as u32;
        Some(Place {
            _call: self.calls.clone().acquire_owned().await.ok()?,
            _bytes: self.bytes.clone().acquire_many_owned(bytes).await.ok()?,
        })
    }
}

/// What a call may take: its own bytes, and those of the answer to what reads many.
pub(super) fn bytes_of(request: &CallRequest) -> usize {
    match &request.body {
        Some(Body::Command(bytes)) => bytes.len(),
        Some(Body::Query(bytes)) => bytes.len() + answer_bytes(bytes),
        Some(Body::Attend(_)) | None => 0,
    }
}

/// The most that the answer may have, where that is more than a little.
fn answer_bytes(query: &Bytes) -> usize {
    match holdfast_proto::decode_query(query.clone()) {
        Ok(Query::Read { length, .. }) => length.min(READ_BYTES_MAX) as usize,
        Ok(
            Query::ReadDirectory { entries_max, .. }
            | Query::Locks { entries_max, .. }
            | Query::Orphans {
                inodes_max: entries_max,
                ..
            },
        ) => entries_max.min(PAGE_ENTRIES_MAX) * ENTRY_BYTES,
        Ok(_) | Err(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    const LIMITS: Limits = Limits::DEFAULT;

    #[tokio::test]
    async fn calls_under_way_are_bounded_by_number_and_by_bytes() {
        let room = Room::new(&LIMITS);
        let large = room.take(LIMITS.call_bytes - 10).await.unwrap();
        let small = room.take(10).await.unwrap();
        assert!(room.take(1).now_or_never().is_none());
        drop(large);
        let next = room.take(1).await.unwrap();
        // Larger than everything: alone, but not never.
        assert!(room.take(usize::MAX).now_or_never().is_none());
        drop((small, next));
        let huge = room.take(usize::MAX).await.unwrap();
        assert!(room.take(1).now_or_never().is_none());
        drop(huge);
        let mut calls = Vec::new();
        for _ in 0..LIMITS.calls + SIGNS_OF_LIFE {
            calls.push(room.take(0).await.unwrap());
        }
        assert!(room.take(0).now_or_never().is_none());
    }

    #[tokio::test]
    async fn who_asks_for_much_and_takes_no_answer_is_read_no_further() {
        let read = |length| CallRequest {
            body: Some(Body::Query(holdfast_proto::encode_query(&Query::Read {
                ino: holdfast_metadata::InodeId::ROOT,
                offset: 0,
                length,
            }))),
            ..CallRequest::default()
        };
        let room = Room::new(&LIMITS);
        let mut under_way = Vec::new();
        while let Some(Some(place)) = room.take(bytes_of(&read(u32::MAX))).now_or_never() {
            under_way.push(place);
        }
        assert_eq!(
            under_way.len(),
            LIMITS.call_bytes / READ_BYTES_MAX as usize - 1
        );
        assert!(bytes_of(&read(4096)) < 5000);
    }
}
