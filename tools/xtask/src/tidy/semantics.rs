//! Every operation of the state machine is described where its POSIX semantics are.

use super::{Breach, Tree};

const DOCUMENT: &str = "docs/SEMANTICS.md";
const OPERATIONS: &str = "metadata/src/ops/";

pub(super) fn check(tree: &Tree) -> Vec<Breach> {
    let Some(document) = tree.text(DOCUMENT) else {
        return vec![Breach::new(DOCUMENT, 1, "the semantics are documented")];
    };
    let words: Vec<&str> = document
        .split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
        .collect();
    operations(tree)
        .filter(|(_, name)| !words.contains(name))
        .map(|(path, name)| Breach::new(path, 1, format!("{DOCUMENT} does not mention `{name}`")))
        .collect()
}

/// The files of operations with their names: those in the folder that are neither tests nor what operations share.
fn operations(tree: &Tree) -> impl Iterator<Item = (&str, &str)> {
    tree.with_suffix(".rs").filter_map(|(path, _)| {
        let name = path.strip_prefix(OPERATIONS)?.strip_suffix(".rs")?;
        let is_operation = !name.ends_with("tests") && !matches!(name, "fixture" | "context");
        (is_operation && !name.contains('/')).then_some((path, name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_that_the_semantics_do_not_mention_is_a_breach() {
        let tree = Tree::of(&[
            (
                "docs/SEMANTICS.md",
                "# Semantics\n`rename` is atomic; link_count is not an entry\n",
            ),
            ("metadata/src/ops/rename.rs", "//! x\n"),
            ("metadata/src/ops/rename_tests.rs", "//! x\n"),
            ("metadata/src/ops/link.rs", "//! x\n"),
        ]);
        let found = check(&tree);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].path, "metadata/src/ops/link.rs");
    }

    #[test]
    fn semantics_that_are_missing_are_a_breach() {
        assert_eq!(check(&Tree::of(&[])).len(), 1);
    }
}
