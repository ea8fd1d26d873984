//! Content: `write(2)` and `copy_file_range(2)`.

use super::content::{Cell, Content};
use super::node::Node;
use super::{Checked, Model, refuse_if_any};
use crate::command::{CopyRange, Write, WritePosition};
use crate::limits::{FILE_BYTES_MAX, WRITE_BYTES_MAX};
use crate::outcome::{Answer, PosixError};
use crate::types::InodeId;

impl Model {
    pub(super) fn write(&mut self, write: &Write) -> Checked<Answer> {
        let node = self.node(write.ino)?;
        let size = node.regular().map_err(|error| vec![error])?.size;
        let offset = match write.position {
            WritePosition::At(offset) => offset,
            WritePosition::End => size,
        };
        let length = write.data.len() as u64;
        let mut errors = errors_of_writing(node, offset);
        if write.data.len() > WRITE_BYTES_MAX {
            errors.push(PosixError::InvalidArgument);
        }
        if length > 0 {
            errors.extend(error_of_range(offset, length));
        }
        refuse_if_any(errors)?;
        if length > 0 {
            let now = self.now;
            self.change(write.ino, |node| {
                if let Some(content) = node.content_mut() {
                    for (byte, offset) in write.data.iter().zip(offset..) {
                        content.set(offset, Cell::Data(*byte));
                    }
                    content.size = content.size.max(offset + length);
                }
                node.modified(now);
                node.drop_capability();
                if write.clear_privileges {
                    node.drop_set_id();
                }
            });
        }
        Ok(Answer::Written { offset, length })
    }

    /// Holes are copied as holes, and so is space that was never written.
    pub(super) fn copy_range(&mut self, copy: CopyRange) -> Checked<Answer> {
        let (source, node) = match (self.regular(copy.source), self.regular(copy.destination)) {
            (Ok(source), Ok(destination)) => (source, destination),
            (first, second) => {
                let second = second.err().unwrap_or_default();
                return Err([first.err().unwrap_or_default(), second].concat());
            }
        };
        let left = source.size().saturating_sub(copy.source_offset);
        let length = copy.length.min(left);
        let offset = copy.destination_offset;
        let mut errors = errors_of_writing(node, offset);
        if length > 0 {
            errors.extend(error_of_range(offset, length));
            let apart = copy.source_offset.abs_diff(offset);
            if copy.source == copy.destination && apart < length {
                errors.push(PosixError::InvalidArgument);
            }
        }
        refuse_if_any(errors)?;
        if length > 0 {
            let data: Vec<(u64, Cell)> = source
                .content()
                .into_iter()
                .flat_map(Content::cells)
                .filter(|(_, cell)| matches!(cell, Cell::Data(_)))
                .filter(|(at, _)| *at >= copy.source_offset && at - copy.source_offset < length)
                .map(|(at, cell)| (at - copy.source_offset + offset, cell))
                .collect();
            self.modify(copy.destination, |node| {
                if let Some(content) = node.content_mut() {
                    content.punch(offset, offset + length);
                    for (at, cell) in data {
                        content.set(at, cell);
                    }
                    content.size = content.size.max(offset + length);
                }
            });
        }
        Ok(Answer::Written { offset, length })
    }

    fn regular(&self, ino: InodeId) -> Checked<&Node> {
        let node = self.node(ino)?;
        node.regular().map_err(|error| vec![error])?;
        Ok(node)
    }

    /// Changes the content and all that goes with it.
    pub(super) fn modify(&mut self, ino: InodeId, change: impl FnOnce(&mut Node)) {
        let (now, superuser) = (self.now, self.superuser());
        self.change(ino, |node| {
            change(node);
            node.modified(now);
            node.drop_capability();
            if !superuser {
                node.drop_set_id();
            }
        });
    }
}

/// `FS_IOC_SETFLAGS(2const)`: an append-only file is only written at or past its end.
fn errors_of_writing(node: &Node, offset: u64) -> Vec<PosixError> {
    if node.immutable() || (node.append_only() && offset < node.size()) {
        vec![PosixError::NotPermitted]
    } else {
        Vec::new()
    }
}

/// `EFBIG` past the largest file.
pub(super) fn error_of_range(offset: u64, length: u64) -> Option<PosixError> {
    let end = u128::from(offset) + u128::from(length);
    (end > u128::from(FILE_BYTES_MAX)).then_some(PosixError::FileTooLarge)
}
