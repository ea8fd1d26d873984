//! Who makes the certificates of a cluster.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use holdfast_replicator::{CA_FILE, CERTIFICATE_FILE, Certificate, Holder, KEY_FILE};
use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType,
};

use super::files;
use super::lifetime::Lifetime;

/// Beside its certificate.
const CA_KEY_FILE: &str = "ca.key";

/// An authority whose key is at hand.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

impl Authority {
    /// Makes a new one in a directory that has none.
    pub(crate) fn make(
        directory: &Path,
        name: &str,
        valid_for: Lifetime,
    ) -> anyhow::Result<Authority> {
        for file in [CA_FILE, CA_KEY_FILE] {
            let path = directory.join(file);
            ensure!(
                !path.exists(),
                "{} is there already: a new authority would shut out everybody who has a certificate of the old one",
                path.display()
            );
        }
        let mut params = parameters(&format!("{name} authority"), valid_for)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().context("cannot make a key")?;
        let certificate = params
            .self_signed(&key)
            .context("cannot make a certificate")?;
        files::make_directory(directory)?;
        files::write_secret(&directory.join(CA_KEY_FILE), &key.serialize_pem())?;
        files::write(&directory.join(CA_FILE), &certificate.pem())?;
        Authority::open(directory)
    }

    /// The one in this directory.
    pub(crate) fn open(directory: &Path) -> anyhow::Result<Authority> {
        let path = directory.join(CA_FILE);
        let certificate = fs::read_to_string(&path).with_context(|| {
            format!(
                "there is no authority in {} (holdfast pki init makes one)",
                directory.display()
            )
        })?;
        let key = files::read_secret(&directory.join(CA_KEY_FILE))?;
        let key =
            KeyPair::from_pem(&key).with_context(|| format!("{CA_KEY_FILE} is no key in PEM"))?;
        let issuer = Issuer::from_ca_cert_pem(&certificate, key)
            .with_context(|| format!("{} is no certificate in PEM", path.display()))?;
        Ok(Authority {
            issuer,
            certificate,
        })
    }

    /// Makes what `--tls` takes. What is there already for the same holder is replaced.
    pub(crate) fn issue(
        &self,
        holder: &Holder,
        directory: &Path,
        valid_for: Lifetime,
    ) -> anyhow::Result<Certificate> {
        check_place(holder, directory)?;
        let mut params = parameters(&holder.name(), valid_for)?;
        let address = Ia5String::try_from(holder.to_string()).context("not a plain name")?;
        params.subject_alt_names = vec![SanType::URI(address)];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        // Only a node listens: what a client has is never taken from who does.
        params.extended_key_usages = match holder {
            Holder::Node(_) => vec![
                ExtendedKeyUsagePurpose::ServerAuth,
                ExtendedKeyUsagePurpose::ClientAuth,
            ],
            Holder::Client(_) => vec![ExtendedKeyUsagePurpose::ClientAuth],
        };
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().context("cannot make a key")?;
        let made = params
            .signed_by(&key, &self.issuer)
            .context("cannot make a certificate")?;
        files::make_directory(directory)?;
        // Certificate and key together: whoever looks between the two finds that they do not fit, and looks again.
        files::write(&directory.join(CA_FILE), &self.certificate)?;
        files::write_pair(
            (&directory.join(CERTIFICATE_FILE), &made.pem()),
            (&directory.join(KEY_FILE), &key.serialize_pem()),
        )?;
        Ok(Certificate::read(made.der())?)
    }
}

fn check_place(holder: &Holder, directory: &Path) -> anyhow::Result<()> {
    let path = directory.join(CERTIFICATE_FILE);
    if !path.exists() {
        return Ok(());
    }
    let known = files::certificates(&path)?;
    let known = known.first().map(|der| Certificate::read(der));
    if let Some(Ok(known)) = known
        && known.holder.name() == holder.name()
    {
        return Ok(());
    }
    bail!(
        "{} is of somebody else: choose another directory with --out",
        path.display()
    )
}

fn parameters(name: &str, valid_for: Lifetime) -> anyhow::Result<CertificateParams> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    valid_for.begin_now(&mut params)?;
    Ok(params)
}
