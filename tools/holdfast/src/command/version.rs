//! What `holdfast --version` says: the release, and the format of data directories it reads.

use std::sync::LazyLock;

use holdfast_replicator::DataDirectory;

/// The release alone, as nodes tell it each other.
pub(crate) const NUMBER: &str = env!("CARGO_PKG_VERSION");

/// `0.1.0 (data directory format 1)`
pub(crate) static TEXT: LazyLock<String> = LazyLock::new(|| {
    format!(
        "{} (data directory format {})",
        NUMBER,
        DataDirectory::FORMAT_VERSION
    )
});
