//! The files of one program, read at one moment, and what TLS makes of them.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use tokio_rustls::rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore, ServerConfig, version};

use super::certificate::{Certificate, CertificateError};
use super::revoked::{Revoked, RevokedError};
use super::verifier::{ClientVerifier, NodeVerifier};

/// The certificates of the authority, or of several while one follows the other.
pub const CA_FILE: &str = "ca.crt";
/// The certificate of this program.
pub const CERTIFICATE_FILE: &str = "tls.crt";
/// Its key.
pub const KEY_FILE: &str = "tls.key";
/// Who is not let in any more; need not be there.
pub const REVOKED_FILE: &str = "revoked";

/// Bits of a mode with which others than the owner may use a file.
const OTHERS: u32 = 0o077;

/// Why TLS cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// It is not there, or this user may not read it.
    #[error("cannot read {path}: {error}")]
    Unreadable {
        /// Of the file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Somebody else may have read the key.
    #[error(
        "others may read the key {path} (mode {mode:o}): chmod 600 {path}, and make a new key if it was so for long"
    )]
    LooseKey {
        /// Of the key.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// Its owner can change it, and make it readable.
    #[error("the key {path} belongs to user {owner}: it must belong to root or to who runs this")]
    StrangersKey {
        /// Of the key.
        path: PathBuf,
        /// Number of the owner.
        owner: u32,
    },
    /// No PEM in it.
    #[error("there is no {what} in {path}, which should be in PEM")]
    Empty {
        /// What should be there.
        what: &'static str,
        /// Of the file.
        path: PathBuf,
    },
    /// Its own certificate.
    #[error("the certificate {path} cannot be used: {error}")]
    Certificate {
        /// Of the certificate.
        path: PathBuf,
        /// Why.
        error: CertificateError,
    },
    /// Nobody would accept it.
    #[error(
        "the certificate {path} has expired or is not valid yet: issue a new one (holdfast pki issue), or set the clock"
    )]
    Expired {
        /// Of the certificate.
        path: PathBuf,
    },
    /// Of another cluster, or the files are mixed up.
    #[error(
        "the certificates of {path} do not belong together: tls.crt must be made by ca.crt, for tls.key ({error})"
    )]
    Inconsistent {
        /// Of the directory.
        path: PathBuf,
        /// What rustls says.
        error: rustls::Error,
    },
    /// The list cannot be trusted to be whole.
    #[error("{path}: {error}")]
    Revoked {
        /// Of the list.
        path: PathBuf,
        /// Which line.
        error: RevokedError,
    },
}

/// What is in the files.
#[derive(Debug)]
pub(super) struct Material {
    pub(super) own: Certificate,
    pub(super) revoked: Revoked,
    pub(super) server: Arc<ServerConfig>,
    pub(super) client: Arc<ClientConfig>,
}

/// By which a change of the files is noticed: of each its number, times, length and mode.
pub(super) type Stamp = [Option<(u64, i64, i64, i64, i64, u64, u32)>; 4];

/// Of the files as they are now.
pub(super) fn stamp(directory: &Path) -> Stamp {
    [CA_FILE, CERTIFICATE_FILE, KEY_FILE, REVOKED_FILE].map(|name| {
        let data = fs::metadata(directory.join(name)).ok()?;
        Some((
            data.ino(),
            data.mtime(),
            data.mtime_nsec(),
            data.ctime(),
            data.ctime_nsec(),
            data.len(),
            data.mode(),
        ))
    })
}

impl Material {
    /// Reads and checks everything: what others would refuse is found here, where it can be mended.
    pub(super) fn load(directory: &Path) -> Result<Material, TlsError> {
        let key = read_key(&directory.join(KEY_FILE))?;
        let authorities = certificates(&directory.join(CA_FILE))?;
        let path = directory.join(CERTIFICATE_FILE);
        let chain = certificates(&path)?;
        let own = Certificate::of(&chain).map_err(|error| TlsError::Certificate {
            path: path.clone(),
            error,
        })?;
        let revoked = read_revoked(&directory.join(REVOKED_FILE))?;
        let inconsistent = |error| TlsError::Inconsistent {
            path: directory.to_owned(),
            error,
        };
        let mut roots = RootCertStore::empty();
        for authority in authorities {
            roots.add(authority).map_err(inconsistent)?;
        }
        let (roots, provider) = (Arc::new(roots), Arc::new(ring::default_provider()));
        let verifier = ClientVerifier::new(&roots, &provider, revoked.clone());
        let verifier = verifier.map_err(|error| inconsistent(rustls::Error::General(error)))?;
        check_own(&verifier, &chain).map_err(|error| match error {
            rustls::Error::InvalidCertificate(
                rustls::CertificateError::Expired
                | rustls::CertificateError::ExpiredContext { .. }
                | rustls::CertificateError::NotValidYet
                | rustls::CertificateError::NotValidYetContext { .. },
            ) => TlsError::Expired { path: path.clone() },
            error => inconsistent(error),
        })?;
        let server = server(verifier, &provider, chain.clone(), key.clone_key());
        let client = client(roots, &provider, chain, key);
        Ok(Material {
            own,
            revoked,
            server: server.map_err(inconsistent)?,
            client: client.map_err(inconsistent)?,
        })
    }

    /// Whether a certificate that was good may still be used.
    pub(super) fn still_admits(&self, certificate: &Certificate) -> bool {
        !self.revoked.has(certificate) && SystemTime::now() < certificate.expires
    }
}

fn check_own(verifier: &ClientVerifier, chain: &[CertificateDer<'_>]) -> Result<(), rustls::Error> {
    let Some((own, between)) = chain.split_first() else {
        return Err(rustls::Error::NoCertificatesPresented);
    };
    verifier.verify_chain(own, between, UnixTime::now())
}

/// Sessions are not resumed: each handshake asks who is there.
fn server(
    verifier: ClientVerifier,
    provider: &Arc<CryptoProvider>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(&[&version::TLS13])?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

fn client(
    roots: Arc<RootCertStore>,
    provider: &Arc<CryptoProvider>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<ClientConfig>, rustls::Error> {
    let verifier = NodeVerifier::new(roots, Arc::clone(provider));
    let mut config = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(&[&version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_auth_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    config.resumption = Resumption::disabled();
    // Nodes are known by their numbers.
    config.enable_sni = false;
    Ok(Arc::new(config))
}

pub(super) fn client_verifier(
    roots: &Arc<RootCertStore>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn rustls::server::danger::ClientCertVerifier>, String> {
    WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(provider))
        .build()
        .map_err(|error| error.to_string())
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let pem = read(path, check_key)?;
    PrivateKeyDer::from_pem_slice(&pem).map_err(|_| TlsError::Empty {
        what: "private key",
        path: path.to_owned(),
    })
}

/// Looks at the file that was opened: another one may be under its name by now.
fn check_key(path: &Path, file: &File) -> Result<(), TlsError> {
    let data = file.metadata().map_err(|error| TlsError::Unreadable {
        path: path.to_owned(),
        error,
    })?;
    let (mode, owner) = (data.mode() & 0o7777, data.uid());
    if mode & OTHERS != 0 {
        let path = path.to_owned();
        return Err(TlsError::LooseKey { path, mode });
    }
    if owner != 0 && owner != nix::unistd::geteuid().as_raw() {
        let path = path.to_owned();
        return Err(TlsError::StrangersKey { path, owner });
    }
    Ok(())
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = read(path, |_, _| Ok(()))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let found = found.ok().filter(|found| !found.is_empty());
    found.ok_or_else(|| TlsError::Empty {
        what: "certificate",
        path: path.to_owned(),
    })
}

/// The certificates in a text in PEM, as they are signed.
pub fn certificates_in(pem: &[u8]) -> Vec<Vec<u8>> {
    let found = CertificateDer::pem_slice_iter(pem).filter_map(Result::ok);
    found.map(|der| der.to_vec()).collect()
}

fn read_revoked(path: &Path) -> Result<Revoked, TlsError> {
    let text = match read(path, |_, _| Ok(())) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(TlsError::Unreadable { error, .. }) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Revoked::default());
        }
        Err(error) => return Err(error),
    };
    Revoked::parse(&text).map_err(|error| TlsError::Revoked {
        path: path.to_owned(),
        error,
    })
}

fn read(
    path: &Path,
    check: impl FnOnce(&Path, &File) -> Result<(), TlsError>,
) -> Result<Vec<u8>, TlsError> {
    let unreadable = |error| TlsError::Unreadable {
        path: path.to_owned(),
        error,
    };
    let mut file = File::open(path).map_err(unreadable)?;
    check(path, &file)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}
