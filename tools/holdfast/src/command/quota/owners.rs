//! Users and groups of a volume: finding them by name, counting what they use.

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use anyhow::{Context, anyhow, bail};
use clap::Args;
use holdfast_fs::{COUNT_NAME, CountState, OwnerAttribute, OwnerLine};
use holdfast_metadata::Owner;
use nix::unistd::{Gid, Group, Uid, User, getegid, geteuid, getgroups};
use rustix::fs::{XattrFlags, setxattr};
use rustix::io::Errno;

use super::{Place, read, refusal};

/// Whose quota, instead of that of a directory.
#[derive(Debug, Args)]
pub(super) struct OwnerArguments {
    /// Of this user, by name or uid: all that it owns in the volume, wherever that is
    #[arg(long, value_name = "USER", conflicts_with = "group")]
    user: Option<String>,

    /// Of this group, by name or gid: all that belongs to it in the volume
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
}

impl OwnerArguments {
    /// Whether anybody is named.
    pub(super) fn is_given(&self) -> bool {
        self.user.is_some() || self.group.is_some()
    }

    /// Who that is; `None` for nobody.
    pub(super) fn find(&self) -> anyhow::Result<Option<Owner>> {
        match (&self.user, &self.group) {
            (Some(user), _) => find_user(user).map(Some),
            (None, Some(group)) => find_group(group).map(Some),
            (None, None) => Ok(None),
        }
    }
}

fn find_user(name: &str) -> anyhow::Result<Owner> {
    let found = User::from_name(name).context("cannot look for users")?;
    let uid = found.map(|user| user.uid.as_raw());
    let uid = uid.or_else(|| name.parse().ok());
    uid.map(Owner::User)
        .ok_or_else(|| anyhow!("there is no user {name} on this machine: name its uid"))
}

fn find_group(name: &str) -> anyhow::Result<Owner> {
    let found = Group::from_name(name).context("cannot look for groups")?;
    let gid = found.map(|group| group.gid.as_raw());
    let gid = gid.or_else(|| name.parse().ok());
    gid.map(Owner::Group)
        .ok_or_else(|| anyhow!("there is no group {name} on this machine: name its gid"))
}

/// The name on this machine, or the number.
pub(super) fn name(owner: Owner) -> String {
    let name = match owner {
        Owner::User(uid) => {
            let user = User::from_uid(Uid::from_raw(uid)).ok().flatten();
            user.map(|user| user.name)
        }
        Owner::Group(gid) => {
            let group = Group::from_gid(Gid::from_raw(gid)).ok().flatten();
            group.map(|group| group.name)
        }
    };
    name.unwrap_or_else(|| owner.id().to_string())
}

/// Who asks, and the groups it is in.
fn oneself() -> anyhow::Result<Vec<Owner>> {
    let mut groups: Vec<u32> = getgroups()?.iter().map(|gid| gid.as_raw()).collect();
    groups.push(getegid().as_raw());
    groups.sort_unstable();
    groups.dedup();
    let user = Owner::User(geteuid().as_raw());
    Ok([user]
        .into_iter()
        .chain(groups.into_iter().map(Owner::Group))
        .collect())
}

/// What is known of one.
pub(super) fn usage(place: &Place, owner: Owner) -> anyhow::Result<Option<OwnerLine>> {
    let name = OwnerAttribute::Usage(owner).to_string();
    let text = read(&place.path, &name).map_err(|errno| refusal(&place.path, errno))?;
    Ok(parse(&text)?.pop())
}

/// The limits that bind who asks.
pub(super) fn binding(place: &Place) -> anyhow::Result<Vec<OwnerLine>> {
    let ask = |owner| read(&place.path, &OwnerAttribute::Usage(owner).to_string());
    let text = told(&oneself()?, ask).map_err(|errno| refusal(&place.path, errno))?;
    let mut lines = parse(&text)?;
    lines.retain(OwnerLine::is_limited);
    Ok(lines)
}

/// What the mount tells of them. To one that does not see our process we are in no group but the first.
fn told(owners: &[Owner], ask: impl Fn(Owner) -> Result<String, Errno>) -> Result<String, Errno> {
    let mut text = String::new();
    for owner in owners {
        match ask(*owner) {
            Ok(lines) => text.push_str(&lines),
            Err(Errno::ACCESS) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(text)
}

/// All that are known.
pub(super) fn all(place: &Place) -> anyhow::Result<Vec<OwnerLine>> {
    let mut found: Vec<OwnerLine> = Vec::new();
    let mut from = Some(Owner::FIRST);
    while let Some(next) = from {
        let name = OwnerAttribute::Page(next).to_string();
        let text = read(&place.path, &name).map_err(|errno| refusal(&place.path, errno))?;
        let page = parse(&text)?;
        from = page.last().and_then(|last| last.owner.next());
        found.extend(page);
    }
    Ok(found)
}

fn parse(text: &str) -> anyhow::Result<Vec<OwnerLine>> {
    let parse = |line| OwnerLine::parse(line).with_context(|| format!("cannot understand {line}"));
    text.lines().map(parse).collect()
}

/// How far is counted.
pub(super) fn state(place: &Place) -> anyhow::Result<CountState> {
    let text = read(&place.path, COUNT_NAME).map_err(|errno| refusal(&place.path, errno))?;
    CountState::parse(&text).with_context(|| format!("cannot understand {text}"))
}

/// Goes step by step to where everything is counted, or nothing.
pub(super) fn count(place: &Place, given: &Path, on: bool) -> anyhow::Result<()> {
    let (wanted, word) = if on {
        (CountState::On, "on")
    } else {
        (CountState::Off, "off")
    };
    let is_shown = io::stderr().is_terminal();
    loop {
        let state = state(place)?;
        if state == wanted {
            if is_shown {
                eprint!("\r\x1b[K");
            }
            return Ok(());
        }
        if let (CountState::Counting(counted, all), true) = (state, is_shown) {
            eprint!("\rcounting what users and groups have: inode {counted} of {all}");
            io::stderr().flush()?;
        }
        setxattr(
            &place.path,
            COUNT_NAME,
            word.as_bytes(),
            XattrFlags::empty(),
        )
        .map_err(|errno| refusal(given, errno))?;
    }
}

/// Why users and groups are missing in a list of all, and what to do.
pub(super) fn missing(place: &Place) -> anyhow::Result<Option<&'static str>> {
    Ok(unfinished(state(place)?))
}

fn unfinished(state: CountState) -> Option<&'static str> {
    match state {
        CountState::On | CountState::Off => None,
        CountState::Counting(..) => Some(
            "users and groups are not shown, they are counted only in part: run holdfast quota on PATH",
        ),
        CountState::Forgetting => Some(
            "users and groups are not shown, they are being forgotten: run holdfast quota off PATH",
        ),
    }
}

/// Refuses unless all is counted.
pub(super) fn check_counted(place: &Place) -> anyhow::Result<()> {
    let told = match state(place)? {
        CountState::On => return Ok(()),
        CountState::Off => "is not counted",
        CountState::Counting(..) => "is counted only in part",
        CountState::Forgetting => "is being forgotten",
    };
    bail!("what users and groups have in this volume {told}: run holdfast quota on PATH")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_that_the_mount_does_not_see_are_left_out() {
        let owners = [Owner::User(7), Owner::Group(7), Owner::Group(8)];
        let line = |owner| match owner {
            Owner::Group(8) => Err(Errno::ACCESS),
            owner => Ok(format!("{owner:?}\n")),
        };
        assert_eq!(told(&owners, line).unwrap(), "User(7)\nGroup(7)\n");
        assert_eq!(told(&owners, |_| Err(Errno::IO)), Err(Errno::IO));
    }

    #[test]
    fn a_list_of_all_says_what_it_has_not() {
        assert_eq!(unfinished(CountState::On), None);
        assert_eq!(unfinished(CountState::Off), None);
        let counting = unfinished(CountState::Counting(12, 345)).unwrap();
        assert!(counting.contains("quota on"), "{counting}");
        let forgetting = unfinished(CountState::Forgetting).unwrap();
        assert!(forgetting.contains("quota off"), "{forgetting}");
    }
}
