//! The steps of loading a dump.

use bytes::Bytes;
use holdfast_metadata::LoadStep;
use holdfast_metadata::record::LoadProgress;

use crate::generated as wire;
use crate::generated::command::Operation as WireOperation;
use crate::malformed::Malformed;

pub(super) fn encode_step(step: &LoadStep) -> WireOperation {
    match step {
        LoadStep::Entries { number, entries } => WireOperation::LoadEntries(wire::LoadEntries {
            number: *number,
            entries: entries.clone(),
        }),
        LoadStep::Finish(progress) => WireOperation::FinishLoad((*progress).into()),
    }
}

impl From<wire::LoadEntries> for LoadStep {
    fn from(entries: wire::LoadEntries) -> LoadStep {
        LoadStep::Entries {
            number: entries.number,
            entries: entries.entries,
        }
    }
}

impl From<LoadProgress> for wire::FinishLoad {
    fn from(progress: LoadProgress) -> wire::FinishLoad {
        wire::FinishLoad {
            batches: progress.batches,
            chain: Bytes::copy_from_slice(&progress.chain.to_be_bytes()),
        }
    }
}

impl TryFrom<wire::FinishLoad> for LoadStep {
    type Error = Malformed;

    fn try_from(finish: wire::FinishLoad) -> Result<LoadStep, Malformed> {
        let chain = <[u8; 16]>::try_from(finish.chain.as_ref()).map_err(|_| {
            let detail = format!("{} bytes long", finish.chain.len());
            Malformed::invalid("the chain of a load", &detail)
        })?;
        Ok(LoadStep::Finish(LoadProgress {
            batches: finish.batches,
            chain: u128::from_be_bytes(chain),
        }))
    }
}
