//! What is left to do is an issue: a marker in the source names it.

use super::{Breach, Tree};

/// Written in two parts, so that this file does not break its own rule.
const MARKER: &str = concat!("TO", "DO");
const REFUSED: [&str; 3] = [
    concat!("FIX", "ME"),
    concat!("X", "XX"),
    concat!("HA", "CK"),
];

pub(super) fn check(tree: &Tree) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for (path, text) in tree.with_suffix(".rs") {
        for (number, line) in text.lines().enumerate() {
            if !is_allowed(line) {
                let message = format!("write `{MARKER}(#n)` with the number of an issue");
                breaches.push(Breach::new(path, number + 1, message));
            }
        }
    }
    breaches
}

fn is_allowed(line: &str) -> bool {
    let words: Vec<&str> = line
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .collect();
    if REFUSED.iter().any(|refused| words.contains(refused)) {
        return false;
    }
    line.match_indices(MARKER).all(|(at, _)| {
        let rest = line.get(at + MARKER.len()..).unwrap_or_default();
        let number = rest
            .strip_prefix("(#")
            .and_then(|rest| rest.split_once(')'));
        number.is_some_and(|(digits, _)| digits.parse::<u32>().is_ok())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_without_the_number_of_an_issue_is_a_breach() {
        let text = format!(
            "//! Fine.\n// {MARKER}(#7): later\n// {MARKER}: later\n// {}\n",
            REFUSED[0]
        );
        let tree = Tree::of(&[("a.rs", &text)]);
        let lines: Vec<usize> = check(&tree).iter().map(|breach| breach.line).collect();
        assert_eq!(lines, [3, 4]);
    }
}
