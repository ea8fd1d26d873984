//! The command line, as people and the man pages see it.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueHint};

use crate::command::bench::BenchArguments;
use crate::command::completions::CompletionsArguments;
use crate::command::dev_cluster::DevClusterArguments;
use crate::command::dump::DumpArguments;
use crate::command::fsck::FsckArguments;
use crate::command::load::LoadArguments;
use crate::command::locks::LocksArguments;
use crate::command::man::ManArguments;
use crate::command::node::NodeArguments;
use crate::command::pki::PkiArguments;
use crate::command::quota::QuotaArguments;
use crate::command::recover::RecoverArguments;
use crate::command::serve::ServeArguments;
use crate::command::session::SessionArguments;
use crate::command::status::StatusArguments;
use crate::command::top::TopArguments;
use crate::command::umount::UmountArguments;
use crate::command::version::{self, VersionArguments};
use crate::command::volume::VolumeArguments;
use crate::command::watch::WatchArguments;
use crate::logging::LogSettings;
use crate::mount_options;

/// A filesystem you mount.
///
/// One machine and a directory are a fast local filesystem: `holdfast mount /mnt/files`. Three machines are a shared,
/// highly available one: `holdfast serve` on each, `holdfast mount --cluster` anywhere.
#[derive(Debug, Parser)]
#[command(
    name = "holdfast",
    version = version::TEXT.as_str(),
    propagate_version = true,
    arg_required_else_help = true,
    max_term_width = 100
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// Of this line.
    pub(crate) fn read(line: Vec<OsString>) -> Result<Cli, clap::Error> {
        let mut command = Cli::command();
        let matches = command.try_get_matches_from_mut(line)?;
        if matches
            .subcommand()
            .is_some_and(|(_, given)| has_two_subjects(given))
        {
            let both = "--cluster and --data: say which of them is meant";
            return Err(command.error(ErrorKind::ArgumentConflict, both));
        }
        Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
    }
}

/// A cluster from the environment gives way to a directory, so clap cannot say it: to it all that is set is there.
fn has_two_subjects(given: &ArgMatches) -> bool {
    ["cluster", "data"].iter().all(|id| {
        let is_known = given.try_contains_id(id).is_ok();
        is_known && given.value_source(id) == Some(ValueSource::CommandLine)
    })
}

/// What can be done; the arguments of each say what it is.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Mount(MountArguments),
    #[command(visible_alias = "unmount")]
    Umount(UmountArguments),
    Serve(ServeArguments),
    Status(StatusArguments),
    Top(TopArguments),
    Node(NodeArguments),
    Volume(VolumeArguments),
    Session(SessionArguments),
    Locks(LocksArguments),
    Quota(QuotaArguments),
    Watch(WatchArguments),
    Pki(PkiArguments),
    DevCluster(DevClusterArguments),
    Dump(DumpArguments),
    Load(LoadArguments),
    Fsck(FsckArguments),
    Recover(RecoverArguments),
    Bench(BenchArguments),
    Completions(CompletionsArguments),
    Man(ManArguments),
    Version(VersionArguments),
}

/// Mount a data directory or a volume of a cluster, and return once it can be used.
///
/// The command returns when the mount is live; a daemon then serves it in the background until it is
/// unmounted (`holdfast umount`, `umount`) or told to end (SIGTERM, SIGINT; a second time also when
/// files are open). It writes its log to `holdfast.log` in the data directory; for a cluster to
/// `/var/log/holdfast/NAME.log`, or `$XDG_STATE_HOME/holdfast/NAME.log` (usually
/// `~/.local/state/holdfast/NAME.log`) for others than root. `RUST_LOG` says how much.
///
/// A mount of a cluster lives on when nodes fail. Without a majority of them its operations wait, until a
/// signal ends the program that waits, or as long as the option `soft` says.
#[derive(Debug, Args)]
#[command(after_long_help = mount_options::help(), after_help = "Options of -o: see --help.")]
pub(crate) struct MountArguments {
    /// The directory that holds everything; made if it does not exist
    ///
    /// Without it and without --cluster: `/var/lib/holdfast/NAME` for root,
    /// `$XDG_DATA_HOME/holdfast/NAME` (usually `~/.local/share/holdfast/NAME`) for others, with a NAME
    /// made from the path of the mountpoint.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) data: Option<PathBuf>,

    /// Nodes of a cluster, separated by commas; any of them that answers tells of the others
    // Not from the environment: a mount of a data directory must not become one of a cluster unasked.
    #[arg(
        long,
        value_name = "HOST:PORT,...",
        value_delimiter = ',',
        conflicts_with = "data"
    )]
    pub(crate) cluster: Vec<String>,

    /// Which volume of the cluster [default: default]
    #[arg(long, value_name = "NAME", requires = "cluster")]
    pub(crate) volume: Option<String>,

    /// Certificates of this mount, for a cluster with TLS: a directory that `holdfast pki issue` has made
    // Not from the environment, as above.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, requires = "cluster")]
    pub(crate) tls: Option<PathBuf>,

    /// Mount options, separated by commas
    #[arg(short, long = "options", value_name = "OPTIONS")]
    pub(crate) options: Vec<String>,

    /// Stay in front and log to the terminal
    #[arg(short, long)]
    pub(crate) foreground: bool,

    /// Where to serve metrics (Prometheus text at /metrics) [default: nowhere]
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) metrics: Option<SocketAddr>,

    #[command(flatten)]
    pub(crate) log: LogSettings,

    /// Say what was mounted as JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// Tell the process that started this one how it went, then detach from it.
    #[arg(long, hide = true, conflicts_with = "foreground")]
    pub(crate) daemon: bool,

    /// Mount under this name, shown in the first column of `df`.
    #[arg(long, hide = true)]
    pub(crate) source: Option<String>,

    /// Where the files appear: an existing directory
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) mountpoint: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn mount_takes_the_arguments_of_the_manual() {
        let line = "holdfast mount --data /d -o ro,noatime -o sync=commit -f /mnt";
        let mount = mount(line).unwrap();
        assert_eq!(mount.options, ["ro,noatime", "sync=commit"]);
        assert_eq!(mount.data, Some(PathBuf::from("/d")));
        assert!(mount.foreground);
    }
    fn mount(line: &str) -> Result<MountArguments, clap::Error> {
        let cli = Cli::try_parse_from(line.split(' '))?;
        let Command::Mount(mount) = cli.command else {
            panic!("not a mount")
        };
        Ok(mount)
    }

    #[test]
    fn a_cluster_is_a_list_of_nodes_and_a_volume() {
        let given = mount("holdfast mount --cluster a:1,b:2 --volume home /mnt").unwrap();
        assert_eq!(given.cluster, ["a:1", "b:2"]);
        assert_eq!(given.volume.as_deref(), Some("home"));
        assert_eq!(given.data, None);
    }

    #[test]
    fn a_mount_has_one_tree() {
        mount("holdfast mount --cluster a:1 --data /d /mnt").unwrap_err();
        mount("holdfast mount --volume home /mnt").unwrap_err();
    }

    #[test]
    fn a_check_or_a_dump_has_one_subject() {
        let read = |line: &str| Cli::read(line.split(' ').map(OsString::from).collect());
        for line in ["fsck", "dump default file", "load default file"] {
            let both = format!("holdfast {line} --cluster a:1 --data /d");
            let error = read(&both).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ArgumentConflict, "{line}");
            read(&format!("holdfast {line} --cluster a:1")).unwrap();
            read(&format!("holdfast {line} --data /d")).unwrap();
        }
    }

    #[test]
    fn the_environment_makes_no_mount_one_of_a_cluster() {
        let cli = Cli::command();
        let mount = cli.find_subcommand("mount").unwrap();
        // How it logs makes it no other mount.
        let is_of_log = |argument: &&clap::Arg| {
            let id = argument.get_id().as_str();
            id.starts_with("log") || id.starts_with("trace")
        };
        for argument in mount.get_arguments().filter(|one| !is_of_log(one)) {
            assert_eq!(argument.get_env(), None, "{}", argument.get_id());
        }
    }
}
