//! What to say of a connection that certificates have prevented or ended.

use std::error::Error;
use std::io;

use tokio_rustls::rustls::{self, AlertDescription, CertificateError};

/// What is wrong with who is at the other end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum PeerProblem {
    /// It speaks something else.
    #[error("that node does not speak TLS: leave out --tls, or start the node with --tls")]
    Plaintext,
    /// It has certificates, and we have none.
    #[error("that node speaks only TLS: say --tls DIR, the directory of your certificate")]
    OnlyTls,
    /// A client that listens.
    #[error("what listens there has the certificate of {0}, and is no node")]
    NoNode(String),
    /// Two nodes have changed places, or somebody claims to be another.
    #[error("node {meant} was meant, and what listens there has the certificate of {found}")]
    OtherNode {
        /// Who was looked for.
        meant: u64,
        /// Who is there.
        found: String,
    },
    /// It says nothing that we understand.
    #[error("the certificate of what listens there is of no use: {0}")]
    Unfit(#[from] super::certificate::CertificateError),
    /// Its time is over.
    #[error("the certificate of {0} has expired")]
    Expired(String),
    /// TLS ended it, or the other side did so in TLS.
    #[error("{0}")]
    Tls(String),
    /// It is on the list.
    #[error("the certificate of {0} was revoked")]
    Revoked(String),
}

impl PeerProblem {
    /// An error of a stream; what TLS says is put into words here, because HTTP/2 keeps nothing else of it.
    pub(super) fn in_words(error: io::Error) -> io::Error {
        let inner = error.get_ref();
        match inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(inner) => PeerProblem::Tls(of_tls(inner)).into(),
            None => error,
        }
    }
}

impl From<PeerProblem> for io::Error {
    fn from(problem: PeerProblem) -> io::Error {
        io::Error::new(io::ErrorKind::PermissionDenied, problem)
    }
}

/// What an error of a connection has to do with TLS, in words for an operator; `None` if nothing.
pub fn explain(error: &(dyn Error + 'static)) -> Option<String> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(told) = error.downcast_ref::<io::Error>().and_then(of_io) {
            return Some(told);
        }
        if let Some(problem) = error.downcast_ref::<PeerProblem>() {
            return Some(problem.to_string());
        }
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            return Some(of_tls(error));
        }
        let of_http = error.downcast_ref::<h2::Error>();
        if let Some(told) = of_http.and_then(h2::Error::get_io).and_then(of_io) {
            return Some(told);
        }
        cause = error.source();
    }
    None
}

/// Of this kind the system has no words of its own to carry: they are ours.
fn of_io(error: &io::Error) -> Option<String> {
    let inner = error.get_ref()?;
    if error.kind() == io::ErrorKind::PermissionDenied {
        return Some(inner.to_string());
    }
    explain(inner as &(dyn Error + 'static))
}

fn of_tls(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidMessage(_) => PeerProblem::Plaintext.to_string(),
        rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        ) => {
            "the certificate of that node was made by another authority: is it of another cluster?"
                .to_owned()
        }
        rustls::Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        ) => "the certificate of that node has expired".to_owned(),
        rustls::Error::InvalidCertificate(
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. },
        ) => "what listens there has the certificate of a client, and is no node".to_owned(),
        rustls::Error::AlertReceived(alert) => of_alert(*alert),
        other => format!("TLS failed: {other}"),
    }
}

/// What the node says of our certificate.
fn of_alert(alert: AlertDescription) -> String {
    let told = match alert {
        AlertDescription::UnknownCA | AlertDescription::DecryptError => {
            "that node does not know the authority that made your certificate: is it of another cluster?"
        }
        AlertDescription::CertificateExpired => "your certificate has expired",
        AlertDescription::CertificateRevoked => "your certificate was revoked",
        AlertDescription::AccessDenied => {
            "that node does not understand what your certificate allows"
        }
        AlertDescription::CertificateRequired => "that node wants a certificate",
        other => return format!("that node refuses TLS with this program: {other:?}"),
    };
    told.to_owned()
}
