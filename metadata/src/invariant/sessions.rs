//! Outcomes are kept for open sessions only, and only while they may be asked for again.

use std::ops::ControlFlow;

use super::cursor::Cursor;
use super::report::Report;
use crate::fault::Fault;
use crate::keys::{self, Prefix};
use crate::record::SessionRecord;
use crate::store::View;
use crate::types::SessionId;

pub(super) fn check(view: &dyn View, report: &mut Report<'_>) -> Result<(), Fault> {
    closed(view, report)?;
    let mut sessions = Cursor::new(view, Prefix::Session);
    // The session at hand, and its watermark if its record decodes.
    let mut open: Option<(u64, Option<u64>)> = None;
    let mut requests = Cursor::new(view, Prefix::Request);
    while let Some((key, _)) = requests.next(report)? {
        let session = keys::first_number(&key).unwrap_or_default();
        let sequence = keys::second_number(&key).unwrap_or_default();
        while open.is_none_or(|(number, _)| number < session) {
            let Some((key, value)) = sessions.next(report)? else {
                break;
            };
            let acknowledged = SessionRecord::decode(&value)
                .ok()
                .map(|record| record.acknowledged);
            open = keys::first_number(&key).map(|number| (number, acknowledged));
        }
        match open {
            Some((number, acknowledged)) if number == session => {
                if let Some(acknowledged) = acknowledged.filter(|first| sequence < *first) {
                    report.add(|| {
                        format!(
                            "outcome {sequence} of session {session} is kept but acknowledged: \
                             so is everything below {acknowledged}"
                        )
                    });
                }
            }
            Some(_) | None => report.add(|| {
                format!("outcome {sequence} belongs to session {session}, which is not open")
            }),
        }
    }
    Ok(())
}

fn closed(view: &dyn View, report: &mut Report<'_>) -> Result<(), Fault> {
    let (start, end) = keys::all(Prefix::ClosedSession);
    view.scan(&start, &end, &mut |key, _| {
        report.record();
        if let Some(session) = keys::first_number(key)
            && view.contains(&keys::session(SessionId(session)))?
        {
            report.add(|| format!("session {session} is open and closed"));
        }
        Ok(ControlFlow::Continue(()))
    })
}

#[cfg(test)]
mod tests {
    use crate::invariant::testing::State;
    use crate::keys;
    use crate::outcome::Answer;
    use crate::record::OutcomeRecord;
    use crate::types::SessionId;

    fn put_outcome(state: &mut State, session: u64, sequence: u64) {
        let outcome = Ok(Answer::Done);
        let key = keys::request_of(SessionId(session), sequence);
        state.put(key, &OutcomeRecord { outcome }.encode());
    }

    #[test]
    fn an_outcome_of_no_session_is_reported() {
        // `State::sound` has a session 2.
        for session in [1, 3] {
            let mut state = State::sound();
            put_outcome(&mut state, session, 50);
            state.expect(&format!(
                "sessions: outcome 50 belongs to session {session}, which is not open"
            ));
        }
    }

    #[test]
    fn an_outcome_that_was_acknowledged_is_reported() {
        let mut state = State::sound();
        put_outcome(&mut state, 2, 6);
        state.expect("sessions: outcome 6 of session 2 is kept but acknowledged");
    }

    #[test]
    fn a_session_is_open_or_closed() {
        let mut state = State::sound();
        state.put(keys::closed_session(SessionId(2)), b"");
        state.expect("sessions: session 2 is open and closed");
    }
}
