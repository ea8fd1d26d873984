//! What `holdfast --version` and `holdfast version` say: the release, and the formats it writes and reads.

use std::io::{self, Write};
use std::sync::LazyLock;

use anyhow::Context;
use clap::Args;
use holdfast_replicator::{DataDirectory, format_versions};

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

/// Print the release, and the versions of the protocol and of all formats.
///
/// Programs of one protocol version understand each other. What is at rest is read from the oldest version that is named.
#[derive(Debug, Args)]
pub(crate) struct VersionArguments {
    /// For scripts
    #[arg(long)]
    json: bool,
}

/// Prints them.
pub(crate) fn run(arguments: &VersionArguments) -> anyhow::Result<()> {
    let formats = format_versions();
    let mut output = io::stdout().lock();
    if arguments.json {
        let formats = formats.iter().map(|format| {
            serde_json::json!({
                "name": format.name,
                "version": format.version,
                "reads_from": format.reads_from,
            })
        });
        let all = serde_json::json!({ "release": NUMBER, "formats": formats.collect::<Vec<_>>() });
        serde_json::to_writer_pretty(&mut output, &all).context("cannot print")?;
        writeln!(output)?;
        return Ok(());
    }
    writeln!(output, "holdfast {NUMBER}")?;
    for format in formats {
        write!(output, "{:<26}{}", format.name, format.version)?;
        if format.reads_from < format.version {
            write!(output, " (reads from {})", format.reads_from)?;
        }
        writeln!(output)?;
    }
    Ok(())
}
