//! Writing certificates, and keys that nobody else reads.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

const SECRET: u32 = 0o600;
const PUBLIC: u32 = 0o644;
/// Bits of a mode with which others than the owner may use a file.
const OTHERS: u32 = 0o077;

/// Makes a directory for secrets; one that is there stays as it is.
pub(super) fn make_directory(path: &Path) -> anyhow::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("cannot make {}", path.display()))
}

/// Replaces a file that everybody may read.
pub(super) fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    put(path, &prepare(path, text, PUBLIC)?)
}

/// Replaces a file that only its owner reads; it never was there with another mode.
pub(super) fn write_secret(path: &Path, text: &str) -> anyhow::Result<()> {
    put(path, &prepare(path, text, SECRET)?)
}

/// Replaces a certificate and its key, one right after the other.
pub(super) fn write_pair(
    (certificate, text): (&Path, &str),
    (key, secret): (&Path, &str),
) -> anyhow::Result<()> {
    let prepared_key = prepare(key, secret, SECRET)?;
    let prepared = prepare(certificate, text, PUBLIC)?;
    put(key, &prepared_key)?;
    put(certificate, &prepared)
}

fn prepare(path: &Path, text: &str, mode: u32) -> anyhow::Result<PathBuf> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let prepared = PathBuf::from(name);
    let write = || {
        if prepared.exists() {
            fs::remove_file(&prepared)?;
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(mode);
        let mut file = options.open(&prepared)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().with_context(|| format!("cannot write {}", prepared.display()))?;
    Ok(prepared)
}

fn put(path: &Path, prepared: &Path) -> anyhow::Result<()> {
    fs::rename(prepared, path).with_context(|| format!("cannot write {}", path.display()))
}

/// Reads a file that nobody else can read.
pub(super) fn read_secret(path: &Path) -> anyhow::Result<String> {
    let shown = path.display();
    let mut file = File::open(path).with_context(|| format!("cannot read {shown}"))?;
    let mode = file
        .metadata()
        .with_context(|| format!("cannot read {shown}"))?
        .mode();
    ensure!(
        mode & OTHERS == 0,
        "others may read the key {shown} (mode {:o}): whoever has read it can let anybody in; chmod 600 {shown} if nobody has",
        mode & 0o7777
    );
    let mut text = String::new();
    file.read_to_string(&mut text)
        .with_context(|| format!("cannot read {shown}"))?;
    Ok(text)
}

/// The certificates in a file, as they are signed.
pub(super) fn certificates(path: &Path) -> anyhow::Result<Vec<Vec<u8>>> {
    let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(holdfast_replicator::certificates_in(&text))
}
