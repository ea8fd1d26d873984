//! Runs a change of locks against the state.

use super::{Context, Stop};
use crate::lock::Tables;

impl Context<'_> {
    /// Lets `change` work on the tables of locks, and keeps what it changed unless it is refused.
    pub(crate) fn change_locks<T>(
        &mut self,
        change: impl FnOnce(&mut Tables<'_>) -> Result<T, Stop>,
    ) -> Result<T, Stop> {
        let mut tables = Tables::new(&*self.state);
        let changed = change(&mut tables);
        if !matches!(changed, Ok(_) | Err(Stop::PosixChanged(_))) {
            return changed;
        }
        let (changes, news) = tables.finish()?;
        for (key, value) in changes {
            match value {
                Some(value) => self.state.put(key, value),
                None => self.state.delete(key),
            }
        }
        self.news.extend(news);
        changed
    }
}
