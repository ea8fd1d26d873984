//! Positions in a directory.

/// A place in a directory's listing. Given to an entry when it is made and never reused in that
/// directory, so a listing resumes exactly where it stopped, whatever changed in between.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cookie(pub u64);

impl Cookie {
    /// Before the first entry.
    pub const START: Cookie = Cookie(0);
    /// The place of `.`.
    pub const DOT: Cookie = Cookie(1);
    /// The place of `..`.
    pub const DOT_DOT: Cookie = Cookie(2);
    /// The place of the first entry with a name of its own.
    pub const FIRST: Cookie = Cookie(3);
}
