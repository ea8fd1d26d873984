//! The rules that neither rustfmt nor clippy knows, one file a rule.
//!
//! **Invariant:** a rule looks at a [`Tree`] and nothing else, so that its test plants a breach in a
//! tree of a few lines and sees the rule fail on it.

mod ascii;
mod documents;
mod header;
mod layers;
mod length;
mod markers;
mod semantics;
mod sleeps;
mod tree;

use std::fmt;
use std::path::Path;

use anyhow::{Result, bail};

use tree::Tree;

/// A rule that is broken somewhere.
#[derive(Debug, PartialEq, Eq)]
struct Breach {
    path: String,
    line: usize,
    message: String,
}

impl Breach {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Breach {
        Breach {
            path: path.to_owned(),
            line,
            message: message.into(),
        }
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}", self.path, self.line, self.message)
    }
}

const RULES: [fn(&Tree) -> Vec<Breach>; 8] = [
    ascii::check,
    documents::check,
    header::check,
    layers::check,
    length::check,
    markers::check,
    semantics::check,
    sleeps::check,
];

/// Prints every breach and fails if there is one.
pub(crate) fn run(root: &Path) -> Result<()> {
    let tree = Tree::read(root)?;
    for warning in length::warnings(&tree) {
        eprintln!("warning: {warning}");
    }
    let breaches: Vec<Breach> = RULES.iter().flat_map(|rule| rule(&tree)).collect();
    for breach in &breaches {
        eprintln!("{breach}");
    }
    if breaches.is_empty() {
        return Ok(());
    }
    bail!("tidy: {} breaches", breaches.len())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_work_tree_is_tidy() {
        super::run(&crate::root()).unwrap();
    }
}
