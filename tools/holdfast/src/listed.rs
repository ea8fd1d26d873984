//! Nodes in a sentence.

/// "node 1", or "nodes 1, 2".
pub(crate) fn nodes(ids: &[u64]) -> String {
    let numbers: Vec<String> = ids.iter().map(ToString::to_string).collect();
    match numbers.as_slice() {
        [one] => format!("node {one}"),
        several => format!("nodes {}", several.join(", ")),
    }
}
