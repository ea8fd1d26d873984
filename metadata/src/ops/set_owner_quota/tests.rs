//! Who may limit whom, and when.

use super::*;
use crate::command::{CountOwners, Operation};
use crate::ops::fixture::Fixture;
use crate::outcome::{Outcome, OwnerInfo, Reply};
use crate::query::Query;
use crate::types::{Amounts, Credentials, InodeId, Owner};

fn set(fixture: &mut Fixture, id: u32, bytes: Option<u64>, inodes: Option<u64>) -> Outcome {
    let owner = Owner::User(id);
    let set = SetOwnerQuota {
        owner,
        bytes,
        inodes,
    };
    fixture.run(Operation::SetOwnerQuota(set))
}

fn counting() -> Fixture {
    let mut fixture = Fixture::new();
    let (on, records_max) = (true, 1);
    let count = Operation::CountOwners(CountOwners { on, records_max });
    fixture.run(count).unwrap();
    fixture
}

fn of_users(fixture: &Fixture) -> Vec<OwnerInfo> {
    let query = Query::Owners {
        from: Owner::User(1),
        owners_max: 9,
    };
    match fixture.machine.query(&query).unwrap() {
        Ok(Reply::Owners(mut page)) => {
            page.owners
                .retain(|info| matches!(info.owner, Owner::User(_)));
            page.owners
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_limit_waits_until_all_is_counted() {
    let mut fixture = Fixture::new();
    fixture.create(InodeId::ROOT, "file");
    let early = Err(PosixError::NotSupported);
    assert_eq!(set(&mut fixture, 7, Some(1), None), early);
    let (on, records_max) = (true, 1);
    let count = Operation::CountOwners(CountOwners { on, records_max });
    fixture.run(count.clone()).unwrap();
    assert_eq!(set(&mut fixture, 7, Some(1), None), early);
    fixture.run(count).unwrap();
    set(&mut fixture, 7, Some(1), None).unwrap();
}

#[test]
fn what_is_not_named_stays_and_what_says_nothing_is_not_kept() {
    let mut fixture = counting();
    set(&mut fixture, 7, Some(10), None).unwrap();
    set(&mut fixture, 7, None, Some(20)).unwrap();
    let limits = Amounts {
        bytes: 10,
        inodes: 20,
    };
    assert_eq!(of_users(&fixture)[0].limits, limits);
    let lift = SetOwnerQuota::lifted(Owner::User(7));
    fixture.run(Operation::SetOwnerQuota(lift)).unwrap();
    assert_eq!(of_users(&fixture), []);
}

#[test]
fn nobody_is_nobody_and_only_the_superuser_limits() {
    let mut fixture = counting();
    let nobody = set(&mut fixture, u32::MAX, Some(1), None);
    assert_eq!(nobody, Err(PosixError::InvalidArgument));
    let user = Credentials {
        uid: 7,
        gid: 7,
        groups: Vec::new(),
    };
    let lift = Operation::SetOwnerQuota(SetOwnerQuota::lifted(Owner::User(7)));
    let outcome = fixture.run_as(user, lift);
    assert_eq!(outcome, Err(PosixError::NotPermitted));
}
