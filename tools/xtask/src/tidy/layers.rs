//! Dependencies point one way: `metadata` <- `replicator` <- `fs` <- tools and tests.

use super::{Breach, Tree};

/// Each layer with those of ours it may use. Tools and tests may use any.
const LAYERS: [(&str, &[&str]); 4] = [
    ("metadata", &[]),
    ("proto", &["metadata"]),
    ("replicator", &["metadata", "proto"]),
    ("fs", &["metadata", "replicator"]),
];

/// Foreign packages that only some layers may know: the state and the log are both kept in RocksDB.
const CONFINED: [(&str, &[&str]); 3] = [
    ("fuser", &["fs", "tests"]),
    ("rocksdb", &["metadata", "replicator"]),
    ("openraft", &["replicator"]),
];

pub(super) fn check(tree: &Tree) -> Vec<Breach> {
    let manifests = tree.with_suffix("/Cargo.toml");
    manifests
        .flat_map(|(path, text)| check_manifest(path, text))
        .collect()
}

fn check_manifest(path: &str, text: &str) -> Vec<Breach> {
    let folder = path.trim_end_matches("/Cargo.toml");
    let mut breaches = Vec::new();
    for (line, dependency) in dependencies(text) {
        if let Some((name, owners)) = CONFINED.iter().find(|(name, _)| *name == dependency)
            && !owners.contains(&folder)
        {
            let owners = owners.join("/ and ");
            let message = format!("only {owners}/ may use {name}");
            breaches.push(Breach::new(path, line, message));
        }
        let Some((_, allowed)) = LAYERS.iter().find(|(layer, _)| *layer == folder) else {
            continue;
        };
        if let Some(ours) = dependency.strip_prefix("holdfast-")
            // A crate names itself to turn a feature on for its own tests.
            && ours != folder
            && !allowed.contains(&ours)
        {
            let message = format!("{folder}/ must not depend on {ours}/: layers point one way");
            breaches.push(Breach::new(path, line, message));
        }
    }
    breaches
}

/// The names in every `[dependencies]` table (of tests and build scripts too), with their lines.
fn dependencies(text: &str) -> Vec<(usize, String)> {
    let mut in_table = false;
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(table) = line.strip_prefix('[') {
            in_table = table.trim_end_matches(']').ends_with("dependencies");
        } else if in_table && !line.starts_with('#') {
            let name = line.split(['.', '=', ' ']).next().unwrap_or_default();
            if !name.is_empty() {
                found.push((number + 1, name.to_owned()));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_against_the_direction_of_the_layers_is_a_breach() {
        let tree = Tree::of(&[
            (
                "metadata/Cargo.toml",
                "[dev-dependencies]\nholdfast-fs.workspace = true\n",
            ),
            (
                "fs/Cargo.toml",
                "[dependencies]\nholdfast-metadata.workspace = true\n",
            ),
            (
                "tests/Cargo.toml",
                "[dependencies]\nholdfast-fs = { path = \"../fs\" }\n",
            ),
        ]);
        let found = check(&tree);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(
            (found[0].path.as_str(), found[0].line),
            ("metadata/Cargo.toml", 2)
        );
    }

    #[test]
    fn a_confined_package_elsewhere_is_a_breach() {
        let tree = Tree::of(&[
            ("fs/Cargo.toml", "[dependencies]\nfuser.workspace = true\n"),
            (
                "tools/holdfast/Cargo.toml",
                "[dependencies]\nfuser = \"0.18\"\n",
            ),
            (
                "tests/Cargo.toml",
                "[dependencies]\nrocksdb.workspace = true\n",
            ),
        ]);
        let found: Vec<String> = check(&tree)
            .iter()
            .map(|breach| breach.path.clone())
            .collect();
        assert_eq!(found, ["tools/holdfast/Cargo.toml", "tests/Cargo.toml"]);
    }
}
