//! `holdfast pki`: the authority of a cluster, and the certificates that it makes.

mod authority;
mod files;
mod lifetime;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use clap::{Args, Subcommand, ValueHint};
use holdfast_replicator::{
    CA_FILE, CERTIFICATE_FILE, Certificate, Holder, Rights, Squash, Volumes,
};

pub(crate) use self::authority::Authority;
pub(crate) use self::lifetime::Lifetime;
use self::lifetime::date;

/// Make the certificates of a cluster.
///
/// One authority is one cluster: whoever has a certificate of it is let in, with the rights that are written in the certificate.
/// Keep its directory on a machine that is neither node nor client, and a copy of it elsewhere.
#[derive(Debug, Args)]
pub(crate) struct PkiArguments {
    /// Directory of the authority
    #[arg(long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath, default_value = "holdfast-pki", env = "HOLDFAST_PKI")]
    pki: PathBuf,

    #[command(subcommand)]
    command: PkiCommand,
}

#[derive(Debug, Subcommand)]
enum PkiCommand {
    /// Make the authority of a new cluster
    Init {
        /// For people who look at certificates
        #[arg(long, value_name = "NAME", default_value = "holdfast")]
        name: String,

        /// How long it is good: a number with s, m, h, d or y
        #[arg(long, value_name = "TIME", default_value = "10y")]
        valid_for: Lifetime,
    },
    /// Make a certificate, or one that follows it when its time is nearly over
    Issue(IssueArguments),
    /// Show who holds a certificate, with which rights, and until when
    Show {
        /// A certificate, or a directory that `issue` has made
        #[arg(value_hint = ValueHint::AnyPath)]
        path: PathBuf,
    },
}

#[derive(Debug, Args)]
struct IssueArguments {
    #[command(subcommand)]
    holder: HolderArguments,

    /// The directory to make, for --tls [default: node-ID or client-NAME in that of the authority]
    #[arg(long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
    out: Option<PathBuf>,

    /// How long it is good: a number with s, m, h, d or y
    #[arg(long, global = true, value_name = "TIME", default_value = "1y")]
    valid_for: Lifetime,
}

#[derive(Debug, Subcommand)]
enum HolderArguments {
    /// For the node of this number
    Node {
        /// As in `holdfast serve --id`
        #[arg(value_parser = clap::value_parser!(u64).range(1..))]
        id: u64,
    },
    /// For a mount, an operator or a program
    Client {
        /// 1 to 64 of a-z, 0-9, ".", "_" and "-", beginning with a letter or a digit
        name: String,

        /// Volumes that it may use, separated by commas; `*` for all [default: none]
        #[arg(long, value_name = "NAMES")]
        volumes: Option<String>,

        /// It may change nothing in them
        #[arg(long)]
        read_only: bool,

        /// Whoever works in them through it is this user and group, and may do there what these may
        #[arg(long, value_name = "UID:GID", conflicts_with = "admin")]
        squash: Option<String>,

        /// It may administer the cluster: nodes, volumes, and the sessions of others
        #[arg(long)]
        admin: bool,
    },
}

/// Does it.
pub(crate) fn run(arguments: &PkiArguments) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        PkiCommand::Init { name, valid_for } => {
            Authority::make(&arguments.pki, name, *valid_for)?;
            let directory = arguments.pki.display();
            writeln!(
                io::stdout(),
                "made the authority of a cluster in {directory}: whoever has its ca.key can let anybody in"
            )?;
        }
        PkiCommand::Issue(issue) => {
            let holder = issue.holder.holder()?;
            let directory = match &issue.out {
                Some(directory) => directory.clone(),
                None => arguments.pki.join(holder.name().replace('/', "-")),
            };
            let authority = Authority::open(&arguments.pki)?;
            let made = authority.issue(&holder, &directory, issue.valid_for)?;
            write!(io::stdout(), "made {} for ", directory.display())?;
            tell(&made)?;
        }
        PkiCommand::Show { path } => tell(&read(path)?)?,
    }
    Ok(ExitCode::SUCCESS)
}

impl HolderArguments {
    fn holder(&self) -> anyhow::Result<Holder> {
        match self {
            HolderArguments::Node { id } => Ok(Holder::Node(*id)),
            HolderArguments::Client {
                name,
                volumes,
                read_only,
                squash,
                admin,
            } => {
                let mut rights = Rights::new(name)?;
                if let Some(volumes) = volumes {
                    rights.volumes = Volumes::parse(volumes)?;
                }
                rights.read_only = *read_only;
                rights.squash = squash.as_deref().map(Squash::parse).transpose()?;
                rights.admin = *admin;
                if volumes.is_none() && !admin {
                    bail!("this client could do nothing: say --volumes NAMES, --admin, or both");
                }
                ensure!(
                    volumes.is_some() || !read_only,
                    "--read-only is about volumes: say which, with --volumes"
                );
                ensure!(
                    volumes.is_some() || squash.is_none(),
                    "--squash is about volumes: say which, with --volumes"
                );
                Ok(Holder::Client(rights))
            }
        }
    }
}

fn read(path: &Path) -> anyhow::Result<Certificate> {
    let inside = path.join(CERTIFICATE_FILE);
    let path = if path.is_dir() { &inside } else { path };
    let shown = path.display();
    let ders = files::certificates(path)?;
    let first = ders
        .first()
        .with_context(|| format!("there is no certificate in {shown}"))?;
    Certificate::read(first).with_context(|| {
        format!(
            "{shown} is no certificate of a node or a client ({CA_FILE} is that of the authority)"
        )
    })
}

fn tell(certificate: &Certificate) -> io::Result<()> {
    writeln!(
        io::stdout(),
        "{}\n  serial {}\n  good until {}",
        certificate.holder,
        certificate.serial,
        date(certificate.expires)
    )
}
