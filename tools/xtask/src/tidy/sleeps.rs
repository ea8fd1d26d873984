//! A test waits for a state, not for a time: a sleep stands only in a loop that has a deadline.

use super::{Breach, Tree};

const SLEEP: &str = concat!("sle", "ep(");
const DEADLINE: &str = "deadline";
/// How far above the sleep the deadline may be named.
const LINES_ABOVE: usize = 15;

pub(super) fn check(tree: &Tree) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for (path, text) in tree.with_suffix(".rs") {
        let lines: Vec<&str> = text.lines().collect();
        for number in test_lines(path, &lines) {
            let Some(line) = lines.get(number) else {
                continue;
            };
            if line.contains(SLEEP) && !has_deadline(&lines, number) {
                let message = "wait for a state with a deadline, not for a time";
                breaches.push(Breach::new(path, number + 1, message));
            }
        }
    }
    breaches
}

/// All lines of a file of tests; those of its own module of tests elsewhere, which is at the end.
fn test_lines(path: &str, lines: &[&str]) -> std::ops::Range<usize> {
    let is_test_file = path
        .split('/')
        .any(|part| part == "tests" || part == "testing")
        || path.ends_with("tests.rs");
    let first_test = lines
        .windows(2)
        .position(|pair| pair[0].trim() == "#[cfg(test)]" && pair[1].starts_with("mod tests"));
    let begin = if is_test_file {
        0
    } else {
        first_test.unwrap_or(lines.len())
    };
    begin..lines.len()
}

fn has_deadline(lines: &[&str], number: usize) -> bool {
    let above = lines
        .get(number.saturating_sub(LINES_ABOVE)..number)
        .unwrap_or_default();
    above.iter().any(|line| line.contains(DEADLINE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleep_of_a_test_without_a_deadline_is_a_breach() {
        let bare = format!("//! x\nthread::{SLEEP}second);\n");
        let polled = format!("//! x\nwhile now < {DEADLINE} {{\nthread::{SLEEP}tick);\n}}\n");
        let unit =
            format!("//! x\nthread::{SLEEP}a);\n#[cfg(test)]\nmod tests {{\nthread::{SLEEP}b);\n");
        let tree = Tree::of(&[
            ("tests/tests/mounted/main.rs", &bare),
            ("tests/src/poll.rs", &polled),
            ("fs/src/mount.rs", &unit),
        ]);
        let found: Vec<(String, usize)> = check(&tree)
            .into_iter()
            .map(|breach| (breach.path, breach.line))
            .collect();
        assert_eq!(
            found,
            [
                ("tests/tests/mounted/main.rs".to_owned(), 2),
                ("fs/src/mount.rs".to_owned(), 5)
            ]
        );
    }
}
