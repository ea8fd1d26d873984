//! openraft's own tests of a log.

use openraft::StorageError;
use openraft::testing::log::{StoreBuilder, Suite};

use super::fixture::{GROUP, OPTIONS, Place};
use super::machine::Machine;
use crate::raft::log::{GroupLog, LogDatabase, LogOptions};
use crate::raft::poison::Poison;
use crate::raft::type_config::TypeConfig;

struct Builder {
    options: LogOptions,
}

impl StoreBuilder<TypeConfig, GroupLog, Machine, (LogDatabase, Place)> for Builder {
    async fn build(
        &self,
    ) -> Result<((LogDatabase, Place), GroupLog, Machine), StorageError<TypeConfig>> {
        let place = Place::new();
        let database = LogDatabase::open(&place.path(), &self.options, Poison::new()).unwrap();
        let log = database.group(GROUP).unwrap();
        Ok(((database, place), log, Machine::default()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn openraft_accepts_the_log() {
    let options = LogOptions::default();
    Suite::test_all(Builder { options }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn openraft_accepts_a_log_that_remembers_nothing() {
    Suite::test_all(Builder { options: OPTIONS }).await.unwrap();
}
