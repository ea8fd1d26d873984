//! STUB
use crate::fault::Fault;
use crate::outcome::Outcome;
use crate::store::Transaction;
use crate::types::RequestId;

pub(crate) fn recall(_state: &dyn Transaction, _request: RequestId) -> Result<Option<Outcome>, Fault> {
    Ok(None)
}

pub(crate) fn remember(_state: &mut dyn Transaction, _request: RequestId, _outcome: &Outcome) -> Result<(), Fault> {
    Ok(())
}
