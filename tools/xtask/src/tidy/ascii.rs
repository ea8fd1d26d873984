//! Source is ASCII: what a reader sees is what the compiler sees. Documents may use any letter.

use super::{Breach, Tree};

const SOURCE: [&str; 5] = [".rs", ".toml", ".proto", "Makefile", ".ci/run"];

pub(super) fn check(tree: &Tree) -> Vec<Breach> {
    let source = tree
        .files()
        .filter(|(path, _)| SOURCE.iter().any(|end| path.ends_with(end)));
    let lines = source.flat_map(|(path, text)| {
        text.lines()
            .enumerate()
            .map(move |(number, line)| (path, number + 1, line))
    });
    lines
        .filter(|(_, _, line)| !line.is_ascii())
        .map(|(path, number, _)| Breach::new(path, number, "source is ASCII"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_beyond_ascii_in_source_is_a_breach_and_in_a_document_is_not() {
        let text = "first\nna\u{ef}ve\n";
        let tree = Tree::of(&[("fs/src/lib.rs", text), ("docs/page.md", text)]);
        assert_eq!(
            check(&tree),
            [Breach::new("fs/src/lib.rs", 2, "source is ASCII")]
        );
    }
}
