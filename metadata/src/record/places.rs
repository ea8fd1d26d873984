//! Where the names of an inode are listed, as far as it knows.

use crate::change::Was;
use crate::types::{Cookie, InodeId};

/// Where a name is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The directory.
    pub directory: InodeId,
    /// The place in its listing.
    pub cookie: Cookie,
}

/// Up to two of the names of an inode: it is known by the first, and by the second when that is gone. Of what has more, the others are not
/// known, and of what an earlier version made none is until it gets a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Places {
    /// It is known by this one.
    pub first: Option<Place>,
    /// There is no second one without a first.
    pub second: Option<Place>,
}

impl Places {
    /// Of what has this name.
    pub fn of(place: Place) -> Places {
        Places {
            first: Some(place),
            second: None,
        }
    }

    /// All that are known.
    pub fn iter(self) -> impl Iterator<Item = Place> {
        [self.first, self.second].into_iter().flatten()
    }

    /// There is a name more; answers how it was known before.
    pub(crate) fn add(&mut self, place: Place) -> Was {
        match self {
            Places { first: None, .. } => {
                self.first = Some(place);
                Was::Unknown
            }
            Places { second: None, .. } => {
                self.second = Some(place);
                Was::Otherwise
            }
            Places { .. } => Was::Otherwise,
        }
    }

    /// A name is gone; answers whether it was known by that one.
    pub(crate) fn remove(&mut self, place: Place) -> Was {
        if self.first == Some(place) {
            self.first = self.second.take();
            return Was::Known;
        }
        self.second = self.second.filter(|second| *second != place);
        Was::Otherwise
    }

    /// A name is elsewhere; answers whether it was known by that one.
    pub(crate) fn change(&mut self, from: Place, to: Place) -> Was {
        if self.first == Some(from) {
            self.first = Some(to);
            return Was::Known;
        }
        self.second = self.second.filter(|second| *second != from);
        self.add(to)
    }

    /// Only those of which that is so.
    pub(crate) fn filter(self, is_so: impl Fn(Place) -> bool) -> Places {
        let mut kept = self.iter().filter(|place| is_so(*place));
        Places {
            first: kept.next(),
            second: kept.next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(cookie: u64) -> Place {
        Place {
            directory: InodeId::ROOT,
            cookie: Cookie(cookie),
        }
    }

    #[test]
    fn what_has_two_names_is_known_while_it_has_one_of_them() {
        let mut places = Places::of(place(3));
        assert_eq!(places.add(place(4)), Was::Otherwise);
        assert_eq!(places.remove(place(3)), Was::Known);
        assert_eq!(places, Places::of(place(4)));
        assert_eq!(places.add(place(5)), Was::Otherwise);
        assert_eq!(places.add(place(6)), Was::Otherwise);
        assert_eq!(places.remove(place(6)), Was::Otherwise);
        assert_eq!(places.remove(place(5)), Was::Otherwise);
        assert_eq!(places, Places::of(place(4)));
        assert_eq!(places.remove(place(4)), Was::Known);
        assert_eq!(places, Places::default());
        assert_eq!(places.add(place(7)), Was::Unknown);
    }

    #[test]
    fn a_name_that_moves_is_known_where_it_is() {
        let mut places = Places::of(place(3));
        places.add(place(4));
        assert_eq!(places.change(place(3), place(5)), Was::Known);
        assert_eq!(places.change(place(4), place(6)), Was::Otherwise);
        let known: Vec<u64> = places.iter().map(|place| place.cookie.0).collect();
        assert_eq!(known, [5, 6]);
        // One that was not known is, if there is room.
        assert_eq!(places.remove(place(6)), Was::Otherwise);
        assert_eq!(places.change(place(7), place(8)), Was::Otherwise);
        let known: Vec<u64> = places.iter().map(|place| place.cookie.0).collect();
        assert_eq!(known, [5, 8]);
        assert_eq!(Places::default().change(place(1), place(2)), Was::Unknown);
    }
}
