//! What matters of a certificate that was verified: who holds it, which one it is, how long it is good.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio_rustls::rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::holder::{Holder, HolderError};

/// A certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Whose it is.
    pub holder: Holder,
    /// Its number, in hexadecimal digits.
    pub serial: String,
    /// From then on it is good for nothing.
    pub expires: SystemTime,
}

/// Why a certificate says nothing to us.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// The bytes are none.
    #[error("it is no X.509 certificate")]
    Malformed,
    /// Made by another program, or for something else.
    #[error("it does not say for which node or client of holdfast it was made")]
    NoHolder,
    /// Nobody can be two.
    #[error("it was made for more than one node or client")]
    ManyHolders,
    /// It says something else.
    #[error(transparent)]
    Holder(#[from] HolderError),
}

impl Certificate {
    /// Reads one; it must have been verified, or be one's own.
    pub fn read(der: &[u8]) -> Result<Certificate, CertificateError> {
        let (_, parsed) =
            X509Certificate::from_der(der).map_err(|_| CertificateError::Malformed)?;
        let names = parsed
            .subject_alternative_name()
            .map_err(|_| CertificateError::Malformed)?;
        let names = names.iter().flat_map(|names| &names.value.general_names);
        let mut holders = names.filter_map(|name| match name {
            GeneralName::URI(text) if Holder::is_meant(text) => Some(*text),
            _ => None,
        });
        let text = holders.next().ok_or(CertificateError::NoHolder)?;
        if holders.next().is_some() {
            return Err(CertificateError::ManyHolders);
        }
        let expires = parsed.validity().not_after.timestamp();
        Ok(Certificate {
            holder: text.parse()?,
            serial: parsed.raw_serial_as_string().replace(':', ""),
            expires: UNIX_EPOCH + Duration::from_secs(expires.max(0) as u64),
        })
    }

    pub(super) fn of(chain: &[CertificateDer<'_>]) -> Result<Certificate, CertificateError> {
        let own = chain.first().ok_or(CertificateError::Malformed)?;
        Certificate::read(own)
    }
}
