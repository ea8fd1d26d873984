//! Who claims a place or a name, among the odd entries of a directory.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::Line;
use crate::types::{Cookie, FileKind, InodeId};

/// All of one directory.
#[derive(Default)]
pub(super) struct Claims<'a> {
    places: BTreeMap<Cookie, Claim<'a>>,
    names: BTreeMap<&'a [u8], Claim<'a>>,
    listed: BTreeMap<(&'a [u8], InodeId, FileKind), Claim<'a>>,
}

/// What is claimed, by whom.
#[derive(Clone, Copy)]
pub(super) enum Claim<'a> {
    /// By this one alone.
    One(&'a Line),
    /// By several.
    More,
}

impl<'a> Claims<'a> {
    pub(super) fn of(names: &'a [Line], places: &'a [Line]) -> Claims<'a> {
        let mut claims = Claims::default();
        for line in names.iter().chain(places) {
            claim(&mut claims.places, line.cookie, line);
            claim(&mut claims.names, &line.name, line);
        }
        for place in places {
            let key = (place.name.as_slice(), place.ino, place.kind);
            claim(&mut claims.listed, key, place);
        }
        claims
    }

    /// Whether no other entry says to be at its place.
    pub(super) fn is_only_at_place(&self, line: &Line) -> bool {
        is_only(self.places.get(&line.cookie), line)
    }

    /// Whether no other entry has its name.
    pub(super) fn is_only_of_name(&self, line: &Line) -> bool {
        is_only(self.names.get(line.name.as_slice()), line)
    }

    /// Where the same name of the same inode is listed, among the places that have no such name.
    pub(super) fn listed(&self, line: &Line) -> Option<Claim<'a>> {
        let key = (line.name.as_slice(), line.ino, line.kind);
        self.listed.get(&key).copied()
    }
}

fn claim<'a, K: Ord>(claims: &mut BTreeMap<K, Claim<'a>>, key: K, line: &'a Line) {
    match claims.entry(key) {
        Entry::Vacant(entry) => {
            entry.insert(Claim::One(line));
        }
        Entry::Occupied(mut entry) if !is_only(Some(entry.get()), line) => {
            entry.insert(Claim::More);
        }
        Entry::Occupied(_) => {}
    }
}

fn is_only(claim: Option<&Claim<'_>>, line: &Line) -> bool {
    match claim {
        None => true,
        Some(Claim::One(one)) => *one == line,
        Some(Claim::More) => false,
    }
}
