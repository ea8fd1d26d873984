//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum, ValueHint};

/// Run xfstests on Holdfast and compare with what is expected.
///
/// Fails when a test newly fails, newly passes or newly does not run. Must be root: it mounts, makes two
/// data directories or a cluster of three nodes on this machine, and takes everything away at the end.
#[derive(Debug, Parser)]
#[command(name = "xfstests/run", max_term_width = 100)]
pub(crate) struct Arguments {
    /// A built tree of xfstests
    #[arg(long, value_name = "PATH", value_hint = ValueHint::DirPath)]
    pub(crate) tree: PathBuf,

    /// What is mounted
    #[arg(long, value_enum, default_value_t = Backend::Noop)]
    pub(crate) backend: Backend,

    /// Groups (generic/quick) or tests (generic/001); can be given several times
    #[arg(
        short = 'g',
        long = "group",
        value_name = "GROUP|TEST",
        value_delimiter = ',',
        num_args = 1..,
        default_value = "generic/quick"
    )]
    pub(crate) groups: Vec<String>,

    /// Groups or tests to leave out: -g generic/auto -x generic/quick
    #[arg(
        short = 'x',
        long = "without",
        value_name = "GROUP|TEST",
        value_delimiter = ','
    )]
    pub(crate) without: Vec<String>,

    /// Run also those that are excluded because they take long
    #[arg(long)]
    pub(crate) slow: bool,

    /// Run those that are excluded for other reasons, too; one that passes is told
    #[arg(long)]
    pub(crate) excluded: bool,

    /// A test that takes longer is ended, and has failed
    #[arg(long, value_name = "MINUTES", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,

    /// Write what was seen into expected/, instead of comparing with it
    #[arg(long)]
    pub(crate) accept: bool,

    /// Where data, mounts and what the tests leave go; results stay there [default: a new one in /var/tmp]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) work: Option<PathBuf>,

    /// Keep everything, also the data
    #[arg(long)]
    pub(crate) keep: bool,

    /// The program that is tested
    #[arg(long, value_name = "PATH", env = "HOLDFAST_BIN", value_hint = ValueHint::FilePath)]
    pub(crate) holdfast: PathBuf,

    /// The folder with exclude/ and expected/
    #[arg(long, value_name = "DIR", hide = true)]
    pub(crate) lists: PathBuf,
}

/// What is mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Backend {
    /// Two data directories of this machine
    Noop,
    /// Two volumes of a cluster of three nodes
    Cluster,
}

impl Backend {
    /// As in the names of files.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Backend::Noop => "noop",
            Backend::Cluster => "cluster",
        }
    }
}

impl Arguments {
    pub(crate) fn limit(&self) -> Duration {
        Duration::from_mins(self.limit)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn groups_may_be_given_together_or_one_by_one() {
        let line = "run --tree t --holdfast h --lists l -g generic/quick,generic/001 generic/002 -g generic/acl";
        let given = Arguments::try_parse_from(line.split(' ')).unwrap();
        assert_eq!(
            given.groups,
            ["generic/quick", "generic/001", "generic/002", "generic/acl"]
        );
        assert_eq!(given.limit(), Duration::from_mins(10));
    }
}
