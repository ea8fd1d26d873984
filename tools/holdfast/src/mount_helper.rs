//! The binary as the helper of mount(8): `/sbin/mount.holdfast` and `/sbin/mount.fuse.holdfast` are
//! links to it, and mount.fuse3(8) executes it as `holdfast SOURCE DIRECTORY -o OPTIONS`.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::ensure;
use clap::error::ErrorKind;
use clap::{Parser, ValueHint};

use crate::cli::MountArguments;
use crate::command;
use crate::complain;
use crate::logging::LogSettings;
use crate::mount_options::Settings;
use crate::mount_plan;
use crate::tree::Tree;

const NAMES: [&str; 4] = [
    "mount.holdfast",
    "mount.fuse.holdfast",
    "mount.fuse2.holdfast",
    "mount.fuse3.holdfast",
];

/// What mount(8) shows for "incorrect invocation".
const EXIT_USAGE: u8 = 1;
/// What mount(8) shows for "mount failure".
const EXIT_FAILURE: u8 = 32;

/// Mount a Holdfast data directory or a volume of a cluster; called by mount(8).
///
/// Usually by way of `mount -t holdfast /srv/data /mnt/files`, or of a line in /etc/fstab such as
/// `/srv/data /mnt/files holdfast defaults 0 0`. A volume is written HOST:PORT,HOST:PORT/VOLUME:
/// `10.0.0.1:7420,10.0.0.2:7420/home /home holdfast defaults,_netdev 0 0`.
///
/// The options are those of holdfast-mount(1). Mounted by root this way, other users may enter
/// (`allow_other`), as with any filesystem in fstab.
#[derive(Debug, Parser)]
#[command(
    name = "mount.holdfast",
    version = command::version::TEXT.as_str(),
    override_usage = "mount.holdfast SOURCE MOUNTPOINT [-fnsv] [-o OPTIONS] [-t TYPE]",
    max_term_width = 100
)]
pub(crate) struct HelperArguments {
    /// The data directory, made if it does not exist; or nodes and volume of a cluster
    #[arg(value_name = "SOURCE", value_hint = ValueHint::DirPath)]
    source: PathBuf,
    /// Where the files appear
    #[arg(value_hint = ValueHint::DirPath)]
    mountpoint: PathBuf,
    /// Mount options, separated by commas
    #[arg(short, value_name = "OPTIONS")]
    options: Vec<String>,
    /// Do nothing but check the arguments
    #[arg(short)]
    fake: bool,
    /// Accepted without effect: there is no /etc/mtab to write
    #[arg(short)]
    no_mtab: bool,
    /// Accepted without effect: unknown options are errors all the same
    #[arg(short)]
    sloppy: bool,
    /// Say what is mounted where
    #[arg(short)]
    verbose: bool,
    /// The type, such as `holdfast` or `fuse.holdfast`
    #[arg(short = 't', value_name = "TYPE")]
    kind: Option<String>,
    /// Refused: mount inside the namespace instead
    #[arg(short = 'N', value_name = "NAMESPACE")]
    namespace: Option<String>,
}

/// Whether the process was called as a helper.
pub(crate) fn is_called(arguments: &[OsString]) -> bool {
    let [name, rest @ ..] = arguments else {
        return false;
    };
    let name = Path::new(name).file_name().and_then(OsStr::to_str);
    name.is_some_and(|name| NAMES.contains(&name)) || is_from_mount_fuse(rest)
}

/// mount.fuse3 adds `dev,suid` to whatever root gives, and passes a path as the source: no
/// subcommand looks like that.
fn is_from_mount_fuse(arguments: &[OsString]) -> bool {
    let arguments: Vec<_> = arguments
        .iter()
        .map(|argument| argument.to_string_lossy())
        .collect();
    let arguments: Vec<&str> = arguments.iter().map(AsRef::as_ref).collect();
    match arguments.as_slice() {
        [source, mountpoint] => is_path(source) && is_path(mountpoint),
        [source, mountpoint, "-o", options] => {
            let flagged = options
                .split(',')
                .any(|word| word == "dev" || word == "suid");
            is_operand(source)
                && is_operand(mountpoint)
                && (is_path(source) || flagged)
                && !is_subcommand(source)
        }
        _ => false,
    }
}

fn is_path(argument: &str) -> bool {
    argument.contains('/') && is_operand(argument)
}

fn is_operand(argument: &str) -> bool {
    !argument.starts_with('-')
}

fn is_subcommand(argument: &str) -> bool {
    use clap::CommandFactory;
    crate::cli::Cli::command()
        .find_subcommand(argument)
        .is_some()
}

/// Mounts as mount(8) wants it: silent, and with its exit codes.
pub(crate) fn run(arguments: Vec<OsString>) -> ExitCode {
    let arguments = match HelperArguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(message) => {
            message.print().ok();
            return match message.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
                _ => ExitCode::from(EXIT_USAGE),
            };
        }
    };
    match mount(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain("mount.holdfast", &error);
            ExitCode::from(EXIT_FAILURE)
        }
    }
}

fn mount(arguments: &HelperArguments) -> anyhow::Result<()> {
    ensure!(
        arguments.namespace.is_none(),
        "-N is not supported: run mount inside the namespace (nsenter)"
    );
    let mut options = arguments.options.clone();
    if let Some(kind) = arguments
        .kind
        .as_deref()
        .filter(|kind| kind.starts_with("fuse."))
    {
        options.insert(0, format!("fstype={kind}"));
    }
    if nix::unistd::geteuid().is_root() {
        // What every other filesystem that mount(8) mounts allows.
        options.insert(0, "allow_other".into());
    }
    let mut mount = MountArguments {
        data: None,
        cluster: Vec::new(),
        volume: None,
        tls: None,
        metrics: None,
        log: LogSettings::default(),
        options,
        foreground: false,
        json: false,
        daemon: false,
        source: None,
        mountpoint: arguments.mountpoint.clone(),
    };
    let exists = |source: &OsStr| Path::new(source).symlink_metadata().is_ok();
    match Tree::from_source(arguments.source.as_os_str(), exists)? {
        Tree::Data(data) => mount.data = Some(data),
        Tree::Cluster(volume) => {
            mount.source = arguments.source.to_str().map(str::to_owned);
            mount.cluster = volume.addresses;
            mount.volume = Some(volume.name);
        }
    }
    if arguments.fake {
        let options = mount.options.iter().map(String::as_str);
        Settings::parse(mount_plan::tree_kind(&mount), options)?;
        Ok(())
    } else if arguments.verbose {
        command::mount::run(&mount).map(drop)
    } else {
        command::mount::run_quietly(&mount)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called(line: &str) -> bool {
        let arguments: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        is_called(&arguments)
    }

    #[test]
    fn the_names_of_helpers_are_known_with_any_path() {
        assert!(called("/sbin/mount.holdfast /srv/data /mnt -o rw"));
        assert!(called("mount.fuse.holdfast data /mnt"));
        assert!(!called("/usr/bin/holdfast mount /mnt"));
    }

    #[test]
    fn the_call_of_mount_fuse_is_told_from_a_subcommand() {
        assert!(called("holdfast /srv/data /mnt -o rw,dev,suid"));
        assert!(called("holdfast data /mnt -o rw,dev,suid"));
        assert!(called("holdfast /srv/data /mnt"));
        assert!(called("holdfast a:1,b:2/home /mnt"));
        assert!(called("holdfast a:1 /mnt -o rw,dev,suid"));
        assert!(!called("holdfast mount /mnt -o rw,dev,suid"));
        assert!(!called("holdfast mount /mnt -o ro"));
        assert!(!called("holdfast umount /mnt"));
        assert!(!called("holdfast mont /mnt -o ro"));
        assert!(!called("holdfast --data /srv /mnt"));
        assert!(!called("holdfast"));
    }

    #[test]
    fn flags_may_be_joined() {
        let line = "mount.holdfast /srv/data /mnt -sfnv -o rw,ro -t fuse.holdfast";
        let arguments = HelperArguments::try_parse_from(line.split(' ')).unwrap();
        assert!(arguments.fake && arguments.verbose && arguments.sloppy && arguments.no_mtab);
        assert_eq!(arguments.options, ["rw,ro"]);
        assert_eq!(arguments.kind.as_deref(), Some("fuse.holdfast"));
    }
}
