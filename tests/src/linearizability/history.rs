//! Who asked for what when, and what was answered when.

use std::fmt::{self, Display, Formatter, Write as _};
use std::fs;
use std::path::Path;
use std::time::Duration;

/// Nanoseconds since the history began, by a clock that all its clients share.
pub type Moment = u64;

/// One call of one client.
#[derive(Debug, Clone)]
pub struct Operation<C, O> {
    /// Unlike that of any other operation of the history, and not 0.
    pub id: u32,
    /// Who called, for people.
    pub client: String,
    /// What for.
    pub call: C,
    /// What was answered, and when. Without it nobody knows: it may take effect at any later time, or never.
    pub answer: Option<(O, Moment)>,
    /// When it was asked for.
    pub invoked: Moment,
}

impl<C, O> Operation<C, O> {
    /// What was answered.
    pub fn outcome(&self) -> Option<&O> {
        self.answer.as_ref().map(|(outcome, _)| outcome)
    }

    /// When it was answered.
    pub fn returned(&self) -> Option<Moment> {
        self.answer.as_ref().map(|(_, returned)| *returned)
    }
}

impl<C: Display, O: Display> Display for Operation<C, O> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let milliseconds = |moment: Moment| Duration::from_nanos(moment).as_secs_f64() * 1e3;
        let begin = milliseconds(self.invoked);
        match &self.answer {
            Some((outcome, returned)) => write!(
                f,
                "{begin:>11.3} - {:>11.3} ms  {:<10} #{:<5} {} -> {outcome}",
                milliseconds(*returned),
                self.client,
                self.id,
                self.call
            ),
            None => write!(
                f,
                "{begin:>11.3} -         ... ms  {:<10} #{:<5} {} -> nobody knows",
                self.client, self.id, self.call
            ),
        }
    }
}

/// Something that happens to the operation of this index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// It is asked for.
    Invoked(usize),
    /// It is answered.
    Returned(usize),
}

/// All operations on one state.
#[derive(Debug, Clone)]
pub struct History<C, O> {
    /// In the order in which they were asked for.
    pub operations: Vec<Operation<C, O>>,
}

impl<C: Clone, O: Clone> History<C, O> {
    /// Puts them in order.
    pub fn new(mut operations: Vec<Operation<C, O>>) -> History<C, O> {
        operations.sort_by_key(|operation| (operation.invoked, operation.id));
        History { operations }
    }

    /// What happens, in its order. Of what happens at one moment, calls come first: it may overlap.
    pub fn events(&self) -> Vec<Event> {
        let mut events = Vec::new();
        for (index, operation) in self.operations.iter().enumerate() {
            events.push((operation.invoked, 0, Event::Invoked(index)));
            if let Some(returned) = operation.returned() {
                events.push((returned, 1, Event::Returned(index)));
            }
        }
        events.sort_by_key(|(moment, kind, _)| (*moment, *kind));
        events.into_iter().map(|(_, _, event)| event).collect()
    }
}

impl<C: Display, O: Display> History<C, O> {
    /// Writes it down, a line an operation.
    pub fn save(&self, path: &Path) -> std::io::Result<()> {
        let mut text = String::new();
        for operation in &self.operations {
            writeln!(text, "{operation}").ok();
        }
        fs::write(path, text)
    }
}
