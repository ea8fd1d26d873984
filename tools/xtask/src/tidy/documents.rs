//! A document has one title, on its first line.

use super::{Breach, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Breach> {
    tree.with_suffix(".md")
        .filter_map(|(path, text)| check_one(path, text))
        .collect()
}

fn check_one(path: &str, text: &str) -> Option<Breach> {
    let titles = titles(text);
    match titles.as_slice() {
        [1] => None,
        [] => Some(Breach::new(path, 1, "a document begins with `# Title`")),
        [1, second, ..] => Some(Breach::new(path, *second, "a document has one `# Title`")),
        [first, ..] => Some(Breach::new(path, *first, "the `# Title` is the first line")),
    }
}

/// The lines that are titles; what stands in a code block is none.
fn titles(text: &str) -> Vec<usize> {
    let mut in_code = false;
    let mut titles = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if !in_code && line.starts_with("# ") {
            titles.push(number + 1);
        }
    }
    titles
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_with_no_title_two_titles_or_a_late_one_is_a_breach() {
        let tree = Tree::of(&[
            (
                "good.md",
                "# Title\n```\n# a comment of a shell\n```\n## Part\n",
            ),
            ("late.md", "\n# Title\n"),
            ("none.md", "words\n"),
            ("two.md", "# Title\n\n# Another\n"),
        ]);
        let found: Vec<String> = check(&tree)
            .iter()
            .map(|breach| breach.path.clone())
            .collect();
        assert_eq!(found, ["late.md", "none.md", "two.md"]);
    }
}
