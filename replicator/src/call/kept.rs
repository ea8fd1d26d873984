//! Records that the node at the other end of a stream lets us answer from.
//!
//! Everything that changes them comes on the stream, in the order in which it happened there: at any time they are what the
//! state was at some moment after the last answer. How long that may be told to others, each answer says ([`Kept::may_use`]).

mod records;

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use holdfast_metadata::copies;
use holdfast_metadata::store::{View, Visit};
use holdfast_metadata::{Fault, PosixError, Query, Reply};
use holdfast_proto as proto;
use nix::time::{ClockId, clock_gettime};
use parking_lot::RwLock;

use self::records::{Known, Records};

/// A time of this machine, which goes on while the machine is suspended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(u64);

impl Moment {
    /// Without such a clock it is the end of time: nothing is usable.
    pub(crate) fn now() -> Moment {
        let now = clock_gettime(ClockId::CLOCK_BOOTTIME);
        Moment(now.map_or(u64::MAX, |now| Duration::from(now).as_nanos() as u64))
    }
}

/// The records of one stream.
#[derive(Debug)]
pub(crate) struct Kept {
    records: RwLock<Records>,
    usable_until: AtomicU64,
    /// Something was answered from it since somebody looked.
    is_used: AtomicBool,
}

impl Kept {
    /// Nothing is in it, and so many records make a generation.
    pub(crate) fn new(generation_max: usize) -> Kept {
        Kept {
            records: RwLock::new(Records::new(generation_max)),
            usable_until: AtomicU64::new(0),
            is_used: AtomicBool::new(false),
        }
    }

    /// Takes in what came on the stream; answers with what is to be confirmed.
    pub(crate) fn take(&self, copies: Vec<proto::Copies>) -> u64 {
        let mut records = self.records.write();
        let mut number = 0;
        for message in copies {
            number = number.max(message.number);
            records.take(message);
        }
        number
    }

    /// A question that was asked then was answered, and its answer says for how long the records may be used.
    pub(crate) fn extend(&self, asked: Moment, lease: Duration) {
        if let Some(until) = asked.0.checked_add(lease.as_nanos() as u64) {
            self.usable_until.fetch_max(until, Ordering::AcqRel);
        }
    }

    /// Whether nobody was acknowledged a change that did not come here, until now.
    fn may_use(&self) -> bool {
        Moment::now().0 < self.usable_until.load(Ordering::Acquire)
    }

    /// How long they may be used if nothing comes.
    pub(crate) fn left(&self) -> Duration {
        let until = self.usable_until.load(Ordering::Acquire);
        Duration::from_nanos(until.saturating_sub(Moment::now().0))
    }

    /// Whether it has answered anything since this was last asked.
    pub(crate) fn take_used(&self) -> bool {
        self.is_used.swap(false, Ordering::AcqRel)
    }

    /// The answer to a query, if the records tell it.
    pub(crate) fn answer(&self, query: &Query) -> Option<Result<Reply, PosixError>> {
        let records = self.records.read();
        let view = KeptView {
            records: &records,
            is_missing: Cell::new(false),
        };
        let answer = copies::answer(&view, query);
        let answer = answer.ok().filter(|_| !view.is_missing.get())?;
        // While they are locked: nothing comes in between that could have made them usable again.
        if !self.may_use() {
            return None;
        }
        drop(records);
        self.is_used.store(true, Ordering::Release);
        Some(answer)
    }
}

/// The records as a view of the state with holes.
struct KeptView<'a> {
    records: &'a Records,
    is_missing: Cell<bool>,
}

impl KeptView<'_> {
    fn miss<T>(&self) -> Result<T, Fault> {
        self.is_missing.set(true);
        Err(Fault::Io("a record is not kept here".to_owned()))
    }
}

impl View for KeptView<'_> {
    fn with_value(&self, key: &[u8], visit: &mut dyn FnMut(&[u8])) -> Result<bool, Fault> {
        match self.records.get(key) {
            Known::Value(value) => {
                visit(value);
                Ok(true)
            }
            Known::NoValue => Ok(false),
            Known::Nothing => self.miss(),
        }
    }

    fn scan(&self, _: &[u8], _: &[u8], _: &mut Visit<'_>) -> Result<(), Fault> {
        self.miss()
    }

    fn scan_back(&self, _: &[u8], _: &[u8], _: &mut Visit<'_>) -> Result<(), Fault> {
        self.miss()
    }
}
