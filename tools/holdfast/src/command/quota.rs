//! `holdfast quota`: what directory trees, users and groups of a mounted volume may use, and what they use.
//!
//! All of it goes through extended attributes of the mount, for a data directory and a volume of a cluster alike (`holdfast_fs`
//! has their names); the mount asks whoever orders its changes.

mod amount;
mod owners;
mod table;

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, anyhow, bail, ensure};
use clap::{ArgGroup, Args, Subcommand, ValueHint};
use holdfast_fs::{ALL_NAME, AROUND_NAME, LIMITS_NAME, NewLimits, OwnerAttribute, QuotaLine};
use holdfast_metadata::limits::XATTR_VALUE_BYTES_MAX;
use rustix::fs::{XattrFlags, getxattr, removexattr, setxattr};
use rustix::io::Errno;

use self::table::{Root, Shown};
use crate::{mount_table, presence};
use owners::OwnerArguments;
use table::Row;

/// Limit what a directory tree, a user or a group may use, and see what it uses.
///
/// A quota of a tree is set on an empty directory of a mounted volume, of a cluster or not. Everything that comes to be in it counts: inodes, and the
/// bytes that were written or reserved, not rounded to blocks. Who would go beyond gets EDQUOT ("Disk quota exceeded"), root as well, on whichever machine; below the directory `df` shows the quota. Files
/// are not renamed or linked into or out of it (EXDEV): `mv` copies them.
///
/// A quota of a user or group (--user, --group) limits all that it owns in the volume, wherever that is. Root passes it. It begins with counting what
/// is there, once.
#[derive(Debug, Args)]
pub(crate) struct QuotaArguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Set(SetArguments),
    List(ListArguments),
    Clear(ClearArguments),
    /// Count what each user and group of a volume has, as root; setting a limit does it, too.
    ///
    /// Goes through all inodes of the volume once, while it is used as always. When it is cut off, run it again: it goes on where it was.
    On(CountArguments),
    /// Count it no more, and forget the limits of users and groups, as root.
    Off(CountArguments),
}

/// Set or change limits, as root; what is not named stays as it is.
///
/// A directory that has no quota yet must be empty; with --user or --group the path is any of the volume. A limit may be below what is used: then nothing can be added before enough is removed.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("limits").required(true).multiple(true)))]
struct SetArguments {
    /// The directory, or with --user or --group anything of the volume
    #[arg(value_hint = ValueHint::DirPath)]
    path: PathBuf,

    #[command(flatten)]
    owner: OwnerArguments,

    /// Most bytes: 500M, 10G, 2T (of 1024); none lifts the limit
    #[arg(long, value_name = "SIZE", value_parser = amount::bytes, group = "limits")]
    bytes: Option<u64>,

    /// Most files, directories and the like, the directory itself among them: 500, 100k, 2M (of 1000); none lifts the limit
    #[arg(long, value_name = "NUMBER", value_parser = amount::number, group = "limits")]
    inodes: Option<u64>,
}

/// Show the quotas that bind a path and who asks, the innermost first, or all of the volume.
#[derive(Debug, Args)]
struct ListArguments {
    /// Anything on a mounted volume
    #[arg(value_hint = ValueHint::AnyPath)]
    path: PathBuf,

    /// All quotas of the volume, and what each user and group has if that is counted, as root
    #[arg(long)]
    all: bool,

    #[command(flatten)]
    owner: OwnerArguments,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Lift the limits of a directory, a user or a group, as root.
///
/// As long as something is in it, it is still counted and listed, and names do not lead out of it; once it is empty that ends by itself.
#[derive(Debug, Args)]
struct ClearArguments {
    /// The directory, or with --user or --group anything of the volume
    #[arg(value_hint = ValueHint::DirPath)]
    path: PathBuf,

    #[command(flatten)]
    owner: OwnerArguments,
}

#[derive(Debug, Args)]
struct CountArguments {
    /// Anything on a mounted volume
    #[arg(value_hint = ValueHint::AnyPath)]
    path: PathBuf,
}

/// Does it.
pub(crate) fn run(arguments: &QuotaArguments) -> anyhow::Result<ExitCode> {
    match &arguments.action {
        Action::Set(arguments) => set(arguments)?,
        Action::List(arguments) => list(arguments)?,
        Action::Clear(arguments) => clear(arguments)?,
        Action::On(CountArguments { path }) => owners::count(&Place::find(path)?, path, true)?,
        Action::Off(CountArguments { path }) => owners::count(&Place::find(path)?, path, false)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn set(arguments: &SetArguments) -> anyhow::Result<()> {
    let place = Place::find(&arguments.path)?;
    let owner = arguments.owner.find()?;
    let name = match owner {
        Some(owner) => {
            owners::count(&place, &arguments.path, true)?;
            OwnerAttribute::Limits(owner).to_string()
        }
        None => LIMITS_NAME.to_owned(),
    };
    let limits = NewLimits {
        bytes: arguments.bytes,
        inodes: arguments.inodes,
    };
    let text = limits.to_string();
    setxattr(&place.path, &*name, text.as_bytes(), XattrFlags::empty())
        .map_err(|errno| refusal(&arguments.path, errno))
}

fn clear(arguments: &ClearArguments) -> anyhow::Result<()> {
    let (given, owner) = (&*arguments.path, arguments.owner.find()?);
    let place = Place::find(given)?;
    if let Some(owner) = owner {
        owners::check_counted(&place)?;
        let name = OwnerAttribute::Limits(owner).to_string();
        return removexattr(&place.path, &*name).map_err(|errno| refusal(given, errno));
    }
    let path = place.path;
    removexattr(&path, LIMITS_NAME).map_err(|errno| refusal(given, errno))?;
    let is_counted = read(&path, LIMITS_NAME).is_ok();
    if is_counted {
        println!(
            "the limits are lifted; {} is still counted, and names do not lead out of it, until it is empty",
            given.display()
        );
    }
    Ok(())
}

fn list(arguments: &ListArguments) -> anyhow::Result<()> {
    let place = Place::find(&arguments.path)?;
    let (trees, lines) = match (arguments.owner.find()?, arguments.all) {
        (Some(owner), _) => (
            Vec::new(),
            owners::usage(&place, owner)?.into_iter().collect(),
        ),
        (None, true) => (all(&place)?, owners::all(&place)?),
        (None, false) => (around(&place)?, owners::binding(&place)?),
    };
    let trees = trees.iter().map(Row::of_tree);
    let rows: Vec<Row> = trees.chain(lines.iter().map(Row::of_owner)).collect();
    if arguments.all
        && let Some(note) = owners::missing(&place)?
    {
        eprintln!("{note}");
    }
    if arguments.json {
        return table::print_json(rows);
    }
    if rows.is_empty() {
        println!("{}", arguments.nothing());
        return Ok(());
    }
    table::print(&rows)
}

impl ListArguments {
    /// What to say when there is nothing to show.
    fn nothing(&self) -> &'static str {
        if self.all {
            "the volume has no quota"
        } else if self.owner.is_given() {
            "nothing is known of it: it has nothing in the volume, or that is not counted to its end (holdfast quota on)"
        } else {
            "no quota binds this path (--all shows those of the volume)"
        }
    }
}

/// Something on a mount of ours.
struct Place {
    path: PathBuf,
    mountpoint: PathBuf,
    /// What of the volume is seen at the mountpoint.
    root: PathBuf,
}

impl Place {
    fn find(given: &Path) -> anyhow::Result<Place> {
        let shown = given.display();
        let path = given
            .canonicalize()
            .with_context(|| format!("cannot find {shown}"))?;
        let Some(mount) = mount_table::around(&path)? else {
            bail!(
                "{shown} is not on a mount of holdfast: mount the volume, then name a directory in it"
            )
        };
        // Elsewhere the attribute would be stored like any other.
        ensure!(
            mount.is_holdfast() || presence::daemon_of(&mount).is_some(),
            "{shown} is not on a mount of holdfast but on one of type {}: mount the volume, then name a directory in it",
            mount.kind
        );
        Ok(Place {
            path,
            mountpoint: mount.mountpoint,
            root: mount.root,
        })
    }

    /// Where a path of the volume is seen; it is empty if the tree was removed.
    fn root_at(&self, path: &str) -> Root {
        if path.is_empty() {
            return Root::Removed;
        }
        Path::new(path)
            .strip_prefix(&self.root)
            .map_or(Root::Elsewhere, |below| {
                // The mountpoint itself without a slash behind it.
                let seen: PathBuf = self
                    .mountpoint
                    .components()
                    .chain(below.components())
                    .collect();
                Root::At(seen.display().to_string())
            })
    }
}

/// Those whose roots are the path or above it.
fn around(place: &Place) -> anyhow::Result<Vec<Shown>> {
    let text = read(&place.path, AROUND_NAME)
        .map_err(|errno| refusal(&place.path, errno))
        .context("cannot read the quotas")?;
    let quotas = parse(&text)?.into_iter();
    let mut quotas: Vec<Shown> = quotas
        .map(|quota| Shown {
            quota,
            root: Root::Elsewhere,
        })
        .collect();
    for directory in place.path.ancestors() {
        let ino = fs::symlink_metadata(directory)?.ino();
        let mut shown = quotas.iter_mut();
        if let Some(shown) = shown.find(|shown| shown.quota.root.get() == ino) {
            shown.root = Root::At(directory.display().to_string());
        }
        if directory == place.mountpoint {
            break;
        }
    }
    Ok(quotas)
}

fn all(place: &Place) -> anyhow::Result<Vec<Shown>> {
    let mut quotas: Vec<Shown> = Vec::new();
    loop {
        let after = quotas.last().map_or(0, |last| last.quota.root.get());
        let text = read(&place.mountpoint, &format!("{ALL_NAME}{after}"))
            .map_err(|errno| refusal(&place.path, errno))?;
        let page = parse(&text)?;
        if page.is_empty() {
            return Ok(quotas);
        }
        quotas.extend(page.into_iter().map(|quota| Shown {
            root: place.root_at(&quota.path),
            quota,
        }));
    }
}

fn parse(text: &str) -> anyhow::Result<Vec<QuotaLine>> {
    let parse = |line| QuotaLine::parse(line).with_context(|| format!("cannot understand {line}"));
    text.lines().map(parse).collect()
}

fn read(path: &Path, name: &str) -> Result<String, Errno> {
    let mut value = vec![0; XATTR_VALUE_BYTES_MAX];
    let length = getxattr(path, name, value.as_mut_slice())?;
    value.truncate(length);
    String::from_utf8(value).map_err(|_| Errno::INVAL)
}

/// What it means here, and what to do.
fn refusal(path: &Path, errno: Errno) -> anyhow::Error {
    let path = path.display();
    match errno {
        Errno::PERM | Errno::ACCESS => anyhow!(
            "only root may do this, and on a cluster with TLS only through a mount whose certificate allows administration \
             (holdfast pki issue client --admin --volumes)"
        ),
        Errno::NOTEMPTY => anyhow!(
            "{path} is not empty, and a quota begins with an empty directory: make one, set its quota, and move the files into it (mv copies them)"
        ),
        Errno::NOTDIR => anyhow!("{path} is not a directory: a quota is that of a directory tree"),
        Errno::MLINK => {
            anyhow!("{path} is inside of 8 quotas already: set it on a directory further up")
        }
        Errno::NODATA if !nix::unistd::geteuid().is_root() => {
            anyhow!("only root may do this")
        }
        Errno::NODATA => anyhow!("{path} has no quota of its own (see holdfast quota list)"),
        errno => anyhow::Error::new(io::Error::from(errno)).context(format!("cannot ask {path}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_the_volume_is_told_as_the_mount_shows_it() {
        let place = |mountpoint: &str, root: &str| Place {
            path: PathBuf::new(),
            mountpoint: mountpoint.into(),
            root: root.into(),
        };
        let at = |path: &str| Root::At(path.to_owned());
        let whole = place("/mnt", "/");
        assert_eq!(whole.root_at("/a/b"), at("/mnt/a/b"));
        assert_eq!(whole.root_at("/"), at("/mnt"));
        assert_eq!(whole.root_at(""), Root::Removed);
        assert_eq!(place("/", "/").root_at("/a"), at("/a"));
        let part = place("/mnt", "/a");
        assert_eq!(part.root_at("/a/b"), at("/mnt/b"));
        assert_eq!(part.root_at("/a"), at("/mnt"));
        assert_eq!(part.root_at("/ab"), Root::Elsewhere);
        assert_eq!(part.root_at("/"), Root::Elsewhere);
    }
}
