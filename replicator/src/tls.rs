//! Mutual TLS between all programs of a cluster: who is at the other end, and what it may do (decision 0016).
//!
//! A program has a directory with the certificate of the authority, its own, its key, and perhaps a list of what is revoked. The
//! files are looked at with each new connection, and every two seconds on a node: what was changed holds from then on, also for
//! connections that are open, if it is in the list. Files that do not fit together change nothing but the log.

mod arriving;
mod certificate;
mod connector;
mod explain;
mod guarded;
mod holder;
mod last_words;
mod material;
mod revoked;
mod verifier;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;
use tokio::sync::watch;

pub(crate) use self::arriving::Arriving;
pub use self::certificate::{Certificate, CertificateError};
pub(crate) use self::connector::connect;
pub use self::connector::{connect_lazy, connect_listening};
pub use self::explain::explain;
pub use self::holder::{Holder, HolderError, Rights, Squash, Volumes};
pub use self::last_words::LastWords;
pub use self::material::{
    CA_FILE, CERTIFICATE_FILE, KEY_FILE, REVOKED_FILE, TlsError, certificates_in,
};
use self::material::{Material, Stamp, stamp};
pub use self::revoked::RevokedError;

/// How often a node looks whether its files have changed.
const LOOK: Duration = Duration::from_secs(2);
/// A node whose certificate is good for less complains, once a day.
const NEAR: Duration = Duration::from_hours(14 * 24);
const DAY: Duration = Duration::from_hours(24);

/// The certificates of this program. Clones share them.
#[derive(Clone)]
pub struct Tls {
    shared: Arc<Shared>,
}

struct Shared {
    directory: PathBuf,
    current: watch::Sender<Arc<Material>>,
    /// Of what was looked at last, whether or not it could be used.
    seen: Mutex<Stamp>,
    /// Held by who looks.
    looking: Arc<tokio::sync::Mutex<()>>,
}

impl Tls {
    /// Reads the directory. What is wrong with it is an error only here; later it is a line in the log.
    pub fn open(directory: &Path) -> Result<Tls, TlsError> {
        let seen = stamp(directory);
        let material = Material::load(directory)?;
        tracing::info!(
            directory = %directory.display(),
            holder = %material.own.holder,
            revoked = material.revoked.len(),
            "TLS with this certificate"
        );
        Ok(Tls {
            shared: Arc::new(Shared {
                directory: directory.to_owned(),
                current: watch::Sender::new(Arc::new(material)),
                seen: Mutex::new(seen),
                looking: Arc::default(),
            }),
        })
    }

    /// Its own certificate.
    pub fn own(&self) -> Certificate {
        self.shared.current.borrow().own.clone()
    }

    /// Whether the node of this number may show it.
    pub(crate) fn check_node(&self, id: u64) -> Result<(), String> {
        let holder = self.own().holder;
        if holder == Holder::Node(id) {
            return Ok(());
        }
        Err(format!(
            "this is to be node {id}, and the certificate is that of {}: make one with holdfast pki issue node {id}",
            holder.name()
        ))
    }

    /// As [`Tls::refresh`], and waits for the disk elsewhere; of those who wait for a disk that hangs only one has a thread.
    async fn refreshed(&self) -> Arc<Material> {
        let looking = Arc::clone(&self.shared.looking).lock_owned().await;
        let tls = self.clone();
        let looked = tokio::task::spawn_blocking(move || {
            let _looking = looking;
            tls.refresh()
        });
        match looked.await {
            Ok(material) => material,
            // The runtime ends.
            Err(_) => self.shared.current.borrow().clone(),
        }
    }

    /// The files as they are now, or as they were when they were last in order.
    fn refresh(&self) -> Arc<Material> {
        let mut seen = self.shared.seen.lock();
        let now = stamp(&self.shared.directory);
        if *seen != now {
            // Before they are read: what is changed meanwhile is another change.
            *seen = now;
            self.reload();
        }
        self.shared.current.borrow().clone()
    }

    fn reload(&self) {
        let directory = self.shared.directory.display();
        let known = self.own().holder;
        match Material::load(&self.shared.directory) {
            Ok(material) if is_somebody_else(&known, &material.own.holder) => {
                let holder = material.own.holder.to_string();
                tracing::error!(%directory, holder, "the new certificate is of somebody else: the old one stays");
            }
            Ok(material) => {
                let (serial, revoked) = (material.own.serial.clone(), material.revoked.len());
                self.shared.current.send_replace(Arc::new(material));
                tracing::info!(%directory, serial, revoked, "certificates read again");
            }
            Err(error) => {
                tracing::error!(%directory, %error, "certificates not read again: the old ones stay");
            }
        }
    }

    fn expires_within(&self, time: Duration) -> bool {
        let left = self.own().expires.duration_since(SystemTime::now());
        left.unwrap_or_default() < time
    }

    /// Looks at the files again and again, so that connections end whose certificates were revoked.
    pub(crate) async fn watch(self) {
        let mut warned: Option<Instant> = None;
        loop {
            if warned.is_none_or(|warned| warned.elapsed() >= DAY) && self.expires_within(NEAR) {
                warned = Some(Instant::now());
                tracing::warn!("the certificate of this node expires soon: issue the next one");
            }
            tokio::time::sleep(LOOK).await;
            self.refreshed().await;
        }
    }
}

/// Nobody becomes somebody else while it runs: a node has data and a client has sessions under its name.
fn is_somebody_else(known: &Holder, found: &Holder) -> bool {
    known.name() != found.name()
}

impl fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Tls")
            .field("directory", &self.shared.directory)
            .finish_non_exhaustive()
    }
}

/// The same if they are clones.
impl PartialEq for Tls {
    fn eq(&self, other: &Tls) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl Eq for Tls {}
