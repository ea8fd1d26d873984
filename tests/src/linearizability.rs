//! Histories of concurrent operations, and whether one order of all of them explains every answer.
//!
//! A system call is more than one operation of a filesystem: the kernel looks up each name of a path, and then asks for
//! what was meant. Each of these steps takes effect at one moment between call and return, and that is what is checked:
//! a [`Model`] says which steps an operation takes and what each may answer, and [`check`] searches for an order of steps
//! that explains all outcomes (the search of Wing and Gong, with Lowe's memory of where it has been and his way of
//! deciding as late as possible). What has no outcome may happen at any later time, or never.

mod checker;
mod choices;
mod history;
mod lock_table;
mod model;
mod namespace;
mod recorder;
mod system_calls;
mod window;

pub use self::checker::{Limits, Verdict, check};
pub use self::choices::{choose, look_at_all};
pub use self::history::{Event, History, Moment, Operation};
pub use self::lock_table::{Ending, LockCall, LockOutcome, LockTable, Owner};
pub use self::model::{Model, Next};
pub use self::namespace::{
    Call, Disk, Exchange, Kind, Name, Namespace, Outcome, Path, Tree, XattrMode,
};
pub use self::recorder::Recorder;
pub use self::system_calls::{Known, known, perform};
pub use self::window::Window;
