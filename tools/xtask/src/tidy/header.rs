//! Every source file opens with a sentence that says what it owns.

use super::{Breach, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Breach> {
    tree.with_suffix(".rs")
        .filter(|(_, text)| !text.starts_with("//! "))
        .map(|(path, _)| Breach::new(path, 1, "a source file opens with a `//!` sentence"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_file_without_its_sentence_is_a_breach() {
        let tree = Tree::of(&[("a.rs", "//! What it owns.\n"), ("b.rs", "use std::fmt;\n")]);
        let found = check(&tree);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].path, "b.rs");
    }
}
