//! What queries answer is what the model says.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use holdfast_metadata::model::{Cell, Model};
use holdfast_metadata::{
    Command, Cookie, Engine, FileKind, FileName, InodeId, MemoryEngine, Operation, Owner, Position,
    PosixError, Query, QuotaInfo, Reply, SeekTarget, StateMachine,
};
use proptest::test_runner::TestCaseResult;
use proptest::{prop_assert, prop_assert_eq};

use crate::generate::NAMES;
use crate::{locks, run};

type Answered = Result<Reply, PosixError>;

fn ask<E: Engine>(machine: &StateMachine<E>, query: &Query) -> Answered {
    machine.query(query).unwrap()
}

/// Each command does to the state machine what it does to the model.
pub(crate) fn follows(commands: &[Command]) -> TestCaseResult {
    let machine = run::machine(MemoryEngine::new());
    let mut model = Model::new(run::FORMAT);
    for (place, command) in commands.iter().enumerate() {
        let expected = model.apply(command);
        let position = Position {
            index: machine.applied().next(),
            record: Bytes::new(),
        };
        let applied = machine
            .apply_at(position, std::slice::from_ref(command))
            .unwrap();
        let outcome = &applied.outcomes[0];
        prop_assert!(
            expected.allows(outcome),
            "command {place} {command:?}\nanswered {outcome:?}\nexpected {expected:?}"
        );
        run::cleanly(&machine, place, command)?;
        locks::granted(&mut model, &applied.news)?;
        locks::same(&machine, &model)?;
        locks::tickets(&machine, &model, &commands[..=place])?;
        after(&machine, &model, command)?;
        sessions(&machine, &model)?;
        quotas(&machine, &model)?;
        owners(&machine, &model)?;
    }
    everything(&machine, &model)
}

/// What is cheap, of every inode; the rest, of those the command names.
pub(crate) fn after<E: Engine>(
    machine: &StateMachine<E>,
    model: &Model,
    command: &Command,
) -> TestCaseResult {
    every_attribute(machine, model)?;
    for ino in named_in(&command.operation) {
        content(machine, model, ino)?;
        xattrs(machine, model, ino)?;
        names(machine, model, ino)?;
    }
    Ok(())
}

/// All there is of every inode.
pub(crate) fn everything<E: Engine>(machine: &StateMachine<E>, model: &Model) -> TestCaseResult {
    every_attribute(machine, model)?;
    for ino in model.inodes() {
        content(machine, model, ino)?;
        xattrs(machine, model, ino)?;
        names(machine, model, ino)?;
    }
    let orphans = Query::Orphans {
        after: InodeId::new(0),
        inodes_max: 1000,
    };
    prop_assert_eq!(ask(machine, &orphans), Ok(Reply::Orphans(model.orphans())));
    sessions(machine, model)?;
    let statistics = ask(machine, &Query::Statistics);
    prop_assert_eq!(statistics, Ok(Reply::Statistics(model.statistics())));
    Ok(())
}

pub(crate) fn sessions<E: Engine>(machine: &StateMachine<E>, model: &Model) -> TestCaseResult {
    let expected = Reply::Sessions(model.sessions());
    prop_assert_eq!(ask(machine, &Query::Sessions), Ok(expected));
    Ok(())
}

/// All there are, in pages of two, and those around every inode.
pub(crate) fn quotas<E: Engine>(machine: &StateMachine<E>, model: &Model) -> TestCaseResult {
    let expected = model.quotas();
    let mut found = Vec::new();
    loop {
        let after = found
            .last()
            .map_or(InodeId::new(0), |quota: &QuotaInfo| quota.root);
        let quotas_max = 2;
        let Ok(Reply::Quotas(page)) = ask(machine, &Query::Quotas { after, quotas_max }) else {
            panic!("no quotas");
        };
        if page.is_empty() {
            break;
        }
        found.extend(page);
    }
    prop_assert_eq!(&found, &expected);
    if expected.is_empty() {
        return Ok(());
    }
    for ino in model.inodes() {
        let around = model.trees_around(ino).into_iter();
        let around = around.map(|root| *expected.iter().find(|quota| quota.root == root).unwrap());
        let expected = Ok(Reply::Quotas(around.collect()));
        prop_assert_eq!(ask(machine, &Query::QuotasAround { ino }), expected);
    }
    Ok(())
}

/// All users and groups, in pages of two.
pub(crate) fn owners<E: Engine>(machine: &StateMachine<E>, model: &Model) -> TestCaseResult {
    let expected = model.owners();
    let (mut from, owners_max) = (Owner::FIRST, 2);
    let mut found = Vec::new();
    loop {
        let Ok(Reply::Owners(page)) = ask(machine, &Query::Owners { from, owners_max }) else {
            panic!("no owners");
        };
        prop_assert_eq!(page.count, expected.count);
        prop_assert_eq!(page.next_inode, expected.next_inode);
        let Some(last) = page.owners.last() else {
            break;
        };
        from = last.owner.next().unwrap();
        found.extend(page.owners);
    }
    prop_assert_eq!(found, expected.owners);
    Ok(())
}

fn named_in(operation: &Operation) -> Vec<InodeId> {
    match operation {
        Operation::Create(create) => vec![create.parent],
        Operation::Mknod(mknod) => vec![mknod.parent],
        Operation::Mkdir(mkdir) => vec![mkdir.parent],
        Operation::Symlink(symlink) => vec![symlink.parent],
        Operation::Link(link) => vec![link.parent, link.ino],
        Operation::Unlink(unlink) => vec![unlink.parent],
        Operation::Rmdir(rmdir) => vec![rmdir.parent],
        Operation::Rename(rename) => vec![rename.parent, rename.new_parent],
        Operation::SetAttributes(set) => vec![set.ino],
        Operation::SetFlags(set) => vec![set.ino],
        Operation::SetQuota(set) => vec![set.ino],
        Operation::TouchAtime(touch) => vec![touch.ino],
        Operation::Write(write) => vec![write.ino],
        Operation::Fallocate(fallocate) => vec![fallocate.ino],
        Operation::CopyRange(copy) => vec![copy.source, copy.destination],
        Operation::SetXattr(set) => vec![set.ino],
        Operation::RemoveXattr(remove) => vec![remove.ino],
        Operation::Reclaim(reclaim) => reclaim.inodes.clone(),
        Operation::SetOwnerQuota(_)
        | Operation::CountOwners(_)
        | Operation::SetTrash(_)
        | Operation::EmptyTrash(_)
        | Operation::Sync
        | Operation::OpenSession(_)
        | Operation::CloseSession
        | Operation::RefuseNoSpace
        | Operation::ExpireSession(_)
        | Operation::RefusePastTerm
        | Operation::Load(_) => Vec::new(),
        Operation::SetLock(set) => vec![set.ino],
        Operation::Unlock(unlock) => vec![unlock.ino],
        Operation::CancelLock(cancel) => vec![cancel.ino],
    }
}

fn every_attribute<E: Engine>(machine: &StateMachine<E>, model: &Model) -> TestCaseResult {
    let last = model.inodes().last().unwrap_or(InodeId::ROOT).get();
    for ino in (0..=last + 1).map(InodeId::new) {
        let expected = model.attributes(ino).ok_or(PosixError::InodeGone);
        let answered = ask(machine, &Query::Attributes { ino });
        prop_assert_eq!(answered, expected.map(Reply::Attributes));
    }
    Ok(())
}

fn content<E: Engine>(machine: &StateMachine<E>, model: &Model, ino: InodeId) -> TestCaseResult {
    let Some(attributes) = model.attributes(ino) else {
        return Ok(());
    };
    if attributes.kind == FileKind::Symlink {
        let target = model.target(ino).unwrap_or_default();
        let expected = Reply::Target { target, attributes };
        prop_assert_eq!(ask(machine, &Query::Readlink { ino }), Ok(expected));
        return Ok(());
    }
    if attributes.kind != FileKind::Regular {
        return Ok(());
    }
    let last = attributes.size.saturating_sub(50);
    for (offset, length) in [(0, 40_000), (4090, 10), (last, 100), (u64::MAX, 1)] {
        let bytes = model
            .read(ino, offset, u64::from(length))
            .unwrap_or_default();
        let query = Query::Read {
            ino,
            offset,
            length,
        };
        let expected = Reply::Data {
            bytes,
            attributes: attributes.clone(),
        };
        // Not `prop_assert_eq`: its message would be all the bytes twice.
        prop_assert!(ask(machine, &query) == Ok(expected), "{:?} differs", query);
    }
    for offset in [0, 100, 4096, 8191, 20_000, attributes.size] {
        seek(machine, model, ino, offset, attributes.size)?;
    }
    Ok(())
}

/// Only in the first bytes: the model looks at each of them.
fn seek<E: Engine>(
    machine: &StateMachine<E>,
    model: &Model,
    ino: InodeId,
    offset: u64,
    size: u64,
) -> TestCaseResult {
    let end = size.min(40_000);
    for target in [SeekTarget::Data, SeekTarget::Hole] {
        let wanted = |at: &u64| {
            let is_data = matches!(model.cell(ino, *at), Some(Cell::Data(_)));
            is_data == (target == SeekTarget::Data)
        };
        let found = (offset..end).find(wanted);
        let expected = match (found, target) {
            _ if offset >= size => Err(PosixError::NoSuchPosition),
            (Some(found), _) => Ok(Reply::Offset(found)),
            (None, _) if size > end => continue,
            (None, SeekTarget::Data) => Err(PosixError::NoSuchPosition),
            (None, SeekTarget::Hole) => Ok(Reply::Offset(size)),
        };
        let query = Query::Seek {
            ino,
            offset,
            target,
        };
        let answered = ask(machine, &query);
        prop_assert!(
            answered == expected,
            "{query:?}: {answered:?}, not {expected:?}"
        );
    }
    Ok(())
}

fn xattrs<E: Engine>(machine: &StateMachine<E>, model: &Model, ino: InodeId) -> TestCaseResult {
    if model.attributes(ino).is_none() {
        return Ok(());
    }
    let expected = model.xattrs(ino);
    let Ok(Reply::XattrNames(names)) = ask(machine, &Query::ListXattr { ino }) else {
        panic!("no list of attributes");
    };
    let listed: BTreeSet<Vec<u8>> = names
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
        .map(<[u8]>::to_vec)
        .collect();
    prop_assert_eq!(listed, expected.keys().cloned().collect());
    for (name, value) in expected {
        let name = name.into_boxed_slice();
        let answered = ask(machine, &Query::GetXattr { ino, name });
        prop_assert!(answered == Ok(Reply::Xattr(value)));
    }
    Ok(())
}

fn names<E: Engine>(machine: &StateMachine<E>, model: &Model, ino: InodeId) -> TestCaseResult {
    let Some(attributes) = model.attributes(ino) else {
        return Ok(());
    };
    let expected = model.entries(ino);
    for name in NAMES.map(|name| FileName::new(name).unwrap()) {
        let found = match expected.get(&name) {
            _ if attributes.kind != FileKind::Directory => Err(PosixError::NotDirectory),
            Some(found) => model.attributes(*found).ok_or(PosixError::InodeGone),
            None => Err(PosixError::NotFound),
        };
        let query = Query::Lookup { parent: ino, name };
        prop_assert_eq!(ask(machine, &query), found.map(Reply::Attributes));
    }
    if attributes.kind != FileKind::Directory {
        return Ok(());
    }
    prop_assert_eq!(listing(machine, model, ino)?, expected);
    if attributes.nlink > 0 {
        let parent = model
            .parent(ino)
            .and_then(|parent| model.attributes(parent));
        let expected = parent.ok_or(PosixError::InodeGone).map(Reply::Attributes);
        prop_assert_eq!(ask(machine, &Query::Parent { ino }), expected);
    }
    Ok(())
}

/// The whole listing, in pages of three.
fn listing<E: Engine>(
    machine: &StateMachine<E>,
    model: &Model,
    ino: InodeId,
) -> Result<BTreeMap<FileName, InodeId>, proptest::test_runner::TestCaseError> {
    let mut listed = BTreeMap::new();
    let mut after = Cookie::START;
    loop {
        let query = Query::ReadDirectory {
            ino,
            after,
            entries_max: 3,
            with_attributes: true,
        };
        let Ok(Reply::Directory { entries, .. }) = ask(machine, &query) else {
            panic!("no listing of {ino}");
        };
        if entries.is_empty() {
            return Ok(listed);
        }
        for entry in entries {
            prop_assert!(entry.cookie > after, "cookies go up");
            after = entry.cookie;
            let Ok(name) = FileName::new(&entry.name) else {
                continue;
            };
            let attributes = model.attributes(entry.ino);
            prop_assert_eq!(&entry.attributes, &attributes);
            prop_assert_eq!(
                Some(entry.kind),
                attributes.map(|attributes| attributes.kind)
            );
            prop_assert!(listed.insert(name, entry.ino).is_none(), "no name twice");
        }
    }
}
