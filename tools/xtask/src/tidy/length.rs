//! A file is short enough to be read in one go.

use super::{Breach, Tree};

/// From here on the author is asked to explain.
const LINES_EXPLAINED: usize = 500;
/// From here on it is no longer one concept.
const LINES_MAX: usize = 800;

pub(super) fn check(tree: &Tree) -> Vec<Breach> {
    longer_than(tree, LINES_MAX, "split it: a file has at most 800 lines")
}

/// Files that are legal but ask for a reason.
pub(super) fn warnings(tree: &Tree) -> Vec<Breach> {
    longer_than(
        tree,
        LINES_EXPLAINED,
        "more than 500 lines: is it one concept?",
    )
}

fn longer_than(tree: &Tree, lines_max: usize, message: &str) -> Vec<Breach> {
    tree.with_suffix(".rs")
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > lines_max)
        .map(|(path, lines)| Breach::new(path, lines, message))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_801_lines_is_a_breach_and_one_of_501_a_warning() {
        let tree = Tree::of(&[
            ("fits.rs", &"//!\n".repeat(500)),
            ("long.rs", &"//!\n".repeat(501)),
            ("longer.rs", &"//!\n".repeat(801)),
        ]);
        assert_eq!(check(&tree).len(), 1);
        assert_eq!(check(&tree)[0].path, "longer.rs");
        assert_eq!(warnings(&tree).len(), 2);
    }
}
