//! The state of a replica obeys the rules of the state machine.

use holdfast_metadata::{Engine, invariant};

use crate::raft::machine::Machine;

pub(in crate::raft::simulation) fn state_is_sound(machine: &Machine) -> Result<(), String> {
    let Machine::Volume(volume) = machine else {
        return Err("not a volume".to_owned());
    };
    let violations = invariant::check(&volume.engine().view(), &mut |_| {});
    let violations = violations.map_err(|fault| fault.to_string())?;
    match violations.first() {
        None => Ok(()),
        Some(violation) => Err(format!("the state is unsound: {violation}")),
    }
}
