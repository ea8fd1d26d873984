//! A client of a volume: sends what a mount would send for the system calls of one program.

use std::rc::Rc;

use anyhow::{Context, bail};
use holdfast_metadata as metadata;
use holdfast_metadata::{Create, FileName, InodeId, Mode, PosixError, RenameFlags, Rmdir, Unlink};
use holdfast_replicator::PosixMetadataReplicator;

use super::super::operation::{Object, Operation};
use super::super::target::Client;
use super::volume::{UMASK, Volume, VolumeError, file_name, mkdir};

/// A client with the names it owns: `PREFIX-0`, `PREFIX-1`, ... in its directory.
#[derive(Debug)]
pub(in crate::command::bench) struct RemoteClient<R> {
    volume: Rc<Volume<R>>,
    operation: Operation,
    /// The directory of all clients, and the name of this one's in it.
    scratch: InodeId,
    name: String,
    prefix: String,
    /// Removes the directory in the end.
    is_owner: bool,
    directory: Option<InodeId>,
}

impl<R: PosixMetadataReplicator> RemoteClient<R> {
    pub(super) fn new(
        volume: Rc<Volume<R>>,
        operation: Operation,
        scratch: InodeId,
        name: String,
        number: usize,
        is_owner: bool,
    ) -> RemoteClient<R> {
        RemoteClient {
            volume,
            operation,
            scratch,
            name,
            prefix: format!("t{number}"),
            is_owner,
            directory: None,
        }
    }

    fn parent(&self) -> anyhow::Result<InodeId> {
        self.directory.context("its directory was not made")
    }

    async fn find_or_make_directory(&self) -> Result<InodeId, VolumeError> {
        let (scratch, name) = (self.scratch, file_name(&self.name)?);
        match self.volume.make_directory(scratch, name.clone()).await {
            Err(VolumeError::Posix(PosixError::Exists)) => {
                Ok(self.volume.look_up(scratch, name).await?.ino)
            }
            made => made,
        }
    }

    /// The command of the operation; none for what is asked, not changed.
    fn command(
        &self,
        parent: InodeId,
        name: FileName,
        free: u64,
    ) -> anyhow::Result<Option<metadata::Operation>> {
        let command = match self.operation {
            Operation::Create => create(parent, name),
            Operation::Mkdir => mkdir(parent, name),
            Operation::Stat => return Ok(None),
            Operation::Rename => metadata::Operation::Rename(metadata::Rename {
                parent,
                name,
                new_parent: parent,
                new_name: self.place(free)?,
                flags: RenameFlags::default(),
                seen: None,
            }),
            Operation::Unlink => metadata::Operation::Unlink(Unlink { parent, name }),
            Operation::Rmdir => metadata::Operation::Rmdir(Rmdir {
                parent,
                name,
                seen: None,
            }),
            Operation::StatCold
            | Operation::Readdir
            | Operation::ReaddirCold
            | Operation::Open
            | Operation::Read
            | Operation::Write
            | Operation::Fsync => bail!("it needs a mount"),
        };
        Ok(Some(command))
    }
}

impl<R: PosixMetadataReplicator> Client for RemoteClient<R> {
    type Place = FileName;

    async fn enter(&mut self) -> anyhow::Result<()> {
        if self.directory.is_none() {
            let found = self.find_or_make_directory().await;
            self.directory = Some(found.with_context(|| format!("cannot make {}", self.name))?);
        }
        Ok(())
    }

    fn place(&self, number: u64) -> anyhow::Result<FileName> {
        Ok(file_name(&format!("{}-{number}", self.prefix))?)
    }

    fn describe(&self, place: &FileName) -> String {
        let (name, volume) = (place.as_bytes().escape_ascii(), &self.volume.name);
        format!("{}/{name} of {volume}", self.name)
    }

    async fn make(&mut self, object: Object, places: Vec<FileName>) -> anyhow::Result<()> {
        let parent = self.parent()?;
        let commands = places.into_iter().map(|name| match object {
            Object::EmptyFile | Object::SmallFile => create(parent, name),
            Object::EmptyDirectory => mkdir(parent, name),
        });
        let made = self.volume.change_all(commands.collect()).await;
        made.with_context(|| format!("cannot prepare {}", self.name))
    }

    async fn perform(&mut self, place: &FileName, free: u64) -> anyhow::Result<u64> {
        let parent = self.parent()?;
        match self.command(parent, place.clone(), free)? {
            Some(command) => self.volume.change(command).await.map(drop)?,
            None => self.volume.look_up(parent, place.clone()).await.map(drop)?,
        }
        Ok(1)
    }

    async fn leave(&mut self) -> anyhow::Result<()> {
        self.directory = None;
        if !self.is_owner {
            return Ok(());
        }
        let name = file_name(&self.name)?;
        let removed = self.volume.remove_directory(self.scratch, name).await;
        removed.with_context(|| format!("cannot remove {}", self.name))
    }
}

/// What a mount sends for `open(O_CREAT | O_EXCL)`.
fn create(parent: InodeId, name: FileName) -> metadata::Operation {
    metadata::Operation::Create(Create {
        parent,
        name,
        mode: Mode::new(0o666),
        umask: UMASK,
        exclusive: true,
    })
}
