//! fallocate(2).

use super::file::error_of_range;
use super::node::Node;
use super::{Checked, Model, refuse_if_any};
use crate::command::{Fallocate, FallocateMode};
use crate::limits::{BLOCK_BYTES, FILE_BYTES_MAX};
use crate::outcome::{Answer, PosixError};

impl Model {
    pub(super) fn fallocate(&mut self, fallocate: Fallocate) -> Checked<Answer> {
        let node = self.node(fallocate.ino)?;
        node.regular().map_err(|error| vec![error])?;
        refuse_if_any(errors(node, fallocate))?;
        let (start, length) = (fallocate.offset, fallocate.length);
        let end = start + length;
        self.modify(fallocate.ino, |node| {
            let Some(content) = node.content_mut() else {
                return;
            };
            match fallocate.mode {
                FallocateMode::Allocate { keep_size } | FallocateMode::ZeroRange { keep_size } => {
                    if matches!(fallocate.mode, FallocateMode::ZeroRange { .. }) {
                        content.punch(start, end);
                    }
                    content.reserve(start, end);
                    if !keep_size {
                        content.size = content.size.max(end);
                    }
                }
                FallocateMode::Unshare => {
                    content.reserve(start, end);
                    content.size = content.size.max(end);
                }
                FallocateMode::PunchHole => content.punch(start, end),
                FallocateMode::CollapseRange => {
                    content.relocate(|at| match at {
                        _ if at < start => Some(at),
                        _ if at < end => None,
                        _ => Some(at - length),
                    });
                    content.size -= length;
                }
                FallocateMode::InsertRange => {
                    content.relocate(|at| {
                        let to = if at < start { at } else { at + length };
                        (to < FILE_BYTES_MAX).then_some(to)
                    });
                    content.size += length;
                }
            }
        });
        Ok(Answer::Done)
    }
}

fn errors(node: &Node, fallocate: Fallocate) -> Vec<PosixError> {
    let (start, length) = (fallocate.offset, fallocate.length);
    let end = start.saturating_add(length);
    let mut errors = Vec::new();
    let only_adds = matches!(fallocate.mode, FallocateMode::Allocate { .. });
    if node.immutable() || (node.append_only() && !only_adds) {
        errors.push(PosixError::NotPermitted);
    }
    if length == 0 {
        errors.push(PosixError::InvalidArgument);
    }
    errors.extend(error_of_range(start, length));
    let moves = match fallocate.mode {
        FallocateMode::CollapseRange => {
            if end >= node.size() {
                errors.push(PosixError::InvalidArgument);
            }
            true
        }
        FallocateMode::InsertRange => {
            if start >= node.size() {
                errors.push(PosixError::InvalidArgument);
            }
            errors.extend(error_of_range(node.size(), length));
            true
        }
        FallocateMode::Allocate { .. }
        | FallocateMode::PunchHole
        | FallocateMode::ZeroRange { .. }
        | FallocateMode::Unshare => false,
    };
    let unit = u64::from(BLOCK_BYTES);
    if moves && (start % unit != 0 || length % unit != 0) {
        errors.push(PosixError::InvalidArgument);
    }
    errors
}
