//! The search for an order that explains a history.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::hash::Hash;
use std::time::{Duration, Instant};

use super::history::{Event, History, Moment, Operation};
use super::model::{Model, Next};

/// How much may be spent on one history.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Places of the search, which are remembered.
    pub places: usize,
    /// Time.
    pub time: Duration,
}

/// What the search found.
#[derive(Debug)]
pub enum Verdict<S> {
    /// An order explains everything, found after so many places.
    Explained(usize),
    /// There is none.
    Refuted {
        /// The index of the operation whose outcome nothing explains, given what was answered before it.
        culprit: usize,
        /// What the state may have been at the moment of its answer, some of them.
        states: Vec<S>,
        /// Moments at which there was but one possibility: after so many events, with all that had been answered done and
        /// nothing else.
        certain: Vec<(usize, S)>,
    },
    /// The limits did not suffice.
    Undecided {
        /// The index of the operation up to which an order was found.
        reached: usize,
    },
}

/// A place of the search: so many events have passed, and every operation that has returned is done.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Place<S, P> {
    event: usize,
    /// Operations that are done and have not returned, in order.
    ahead: Vec<usize>,
    /// Operations under way that have seen something, in order.
    progress: Vec<(usize, P)>,
    state: S,
}

/// Searches for an order of the steps of all operations that begins with this state and explains each outcome.
///
/// Who is frozen for seconds has mostly seen what it saw just before or just after that: an order is looked for first in which all have.
/// Any order explains the history; only if there is none like that everything is tried, within the same limits once more.
pub fn check<M: Model>(
    history: &History<M::Call, M::Outcome>,
    initial: &M::State,
    limits: Limits,
) -> Verdict<M::State> {
    match Search::<M>::new(history, limits, AT_ITS_ENDS).run(initial) {
        Verdict::Refuted { .. } | Verdict::Undecided { .. } => {
            Search::<M>::new(history, limits, Moment::MAX).run(initial)
        }
        explained @ Verdict::Explained(_) => explained,
    }
}

/// 250 ms: so long after it was invoked, and before it returns.
const AT_ITS_ENDS: Moment = 250_000_000;

struct Search<'a, M: Model> {
    history: &'a History<M::Call, M::Outcome>,
    events: Vec<Event>,
    /// At each event: what was invoked before it and has not returned before it.
    open: Vec<Vec<usize>>,
    limits: Limits,
    /// An operation sees something only so soon after it was invoked, or so shortly before it returns.
    at_its_ends: Moment,
    began: Instant,
    seen: HashSet<Place<M::State, M::Progress>>,
    /// At each event: the states of the places that came there, and whether nothing was ahead.
    arrivals: Vec<Arrivals<M::State>>,
    deepest: usize,
}

/// What comes of an operation if all its steps are taken now.
struct Walk<S, P> {
    index: usize,
    /// What it has seen before, and after each step.
    seen: Vec<P>,
    end: End<S>,
}

enum End<S> {
    /// It cannot end now.
    Nowhere,
    /// It ends and changes nothing.
    Same,
    /// It ends with this state.
    Other(S),
}

#[derive(Clone)]
struct Arrivals<S> {
    states: Vec<S>,
    is_ahead: bool,
}

/// So many different states of one moment are kept.
const STATES_MAX: usize = 4;
/// More steps than an operation has, also if it begins anew.
const STEPS_MAX: usize = 16;

impl<'a, M: Model> Search<'a, M> {
    fn new(
        history: &'a History<M::Call, M::Outcome>,
        limits: Limits,
        at_its_ends: Moment,
    ) -> Search<'a, M> {
        let events = history.events();
        let mut open = Vec::with_capacity(events.len());
        let mut now: Vec<usize> = Vec::new();
        for event in &events {
            match event {
                Event::Invoked(index) => {
                    open.push(now.clone());
                    let operation = history.operations.get(*index);
                    // What has no outcome and changes nothing explains nothing.
                    if operation.is_some_and(|one| one.answer.is_some() || M::may_change(one)) {
                        now.push(*index);
                    }
                }
                Event::Returned(index) => {
                    open.push(now.clone());
                    now.retain(|one| one != index);
                }
            }
        }
        let nobody = Arrivals {
            states: Vec::new(),
            is_ahead: false,
        };
        Search {
            arrivals: vec![nobody; events.len()],
            history,
            events,
            open,
            limits,
            at_its_ends,
            began: Instant::now(),
            seen: HashSet::new(),
            deepest: 0,
        }
    }

    fn run(mut self, initial: &M::State) -> Verdict<M::State> {
        let mut places = vec![Place {
            event: 0,
            ahead: Vec::new(),
            progress: Vec::new(),
            state: initial.clone(),
        }];
        while let Some(mut place) = places.pop() {
            let Some(returning) = self.pass(&mut place) else {
                return Verdict::Explained(self.seen.len());
            };
            if !self.seen.insert(place.clone()) {
                continue;
            }
            if self.seen.len() > self.limits.places
                || (self.seen.len().is_multiple_of(1024) && self.began.elapsed() > self.limits.time)
            {
                return Verdict::Undecided {
                    reached: self.reached(),
                };
            }
            self.successors(&place, returning, &mut places);
        }
        self.refuted()
    }

    /// Lets events pass up to the return of an operation that is not done; answers which. Nothing if all is explained.
    fn pass(&mut self, place: &mut Place<M::State, M::Progress>) -> Option<usize> {
        let mut has_passed = place.event == 0;
        while let Some(event) = self.events.get(place.event).copied() {
            if let Event::Returned(index) = event {
                let Some(at) = place.ahead.iter().position(|one| *one == index) else {
                    if has_passed {
                        self.arrive(place);
                    }
                    return Some(index);
                };
                place.ahead.remove(at);
            }
            place.event += 1;
            has_passed = true;
        }
        None
    }

    fn arrive(&mut self, place: &Place<M::State, M::Progress>) {
        self.deepest = self.deepest.max(place.event);
        if let Some(arrivals) = self.arrivals.get_mut(place.event) {
            arrivals.is_ahead |= !place.ahead.is_empty();
            if arrivals.states.len() < STATES_MAX && !arrivals.states.contains(&place.state) {
                arrivals.states.push(place.state.clone());
            }
        }
    }

    /// What may happen before the operation returns that is to return next.
    ///
    /// What never changes anything and has its outcome ends at once: nobody is hindered by it. (Not so what might have
    /// changed something: a `rename` of two names of one inode does nothing, but others may need it to happen later, when
    /// they are not.) Otherwise something changes. What others have seen before that counts only if they would not see the
    /// same afterwards.
    fn successors(
        &self,
        place: &Place<M::State, M::Progress>,
        returning: usize,
        places: &mut Vec<Place<M::State, M::Progress>>,
    ) {
        let mut walks = Vec::new();
        for index in self.open.get(place.event).into_iter().flatten() {
            if place.ahead.binary_search(index).is_ok() {
                continue;
            }
            let walk = self.walk(place, *index);
            if matches!(walk.end, End::Same) && !self.may_change(*index) {
                places.push(done(place, *index, place.state.clone()));
                return;
            }
            walks.push(walk);
        }
        // What is looked at last is tried first.
        walks.sort_by_key(|walk| Reverse(self.returned(walk.index)));
        for walk in walks.iter().filter(|walk| walk.index != returning) {
            self.change(place, walk, &walks, places);
        }
        for walk in walks.iter().filter(|walk| walk.index == returning) {
            self.change(place, walk, &walks, places);
        }
    }

    fn may_change(&self, index: usize) -> bool {
        self.history
            .operations
            .get(index)
            .is_some_and(M::may_change)
    }

    fn returned(&self, index: usize) -> Moment {
        let operation = self.history.operations.get(index);
        operation
            .and_then(Operation::returned)
            .unwrap_or(Moment::MAX)
    }

    /// What comes of all steps of an operation if they are taken now.
    fn walk(
        &self,
        place: &Place<M::State, M::Progress>,
        index: usize,
    ) -> Walk<M::State, M::Progress> {
        let seen = place.progress.iter().find(|(one, _)| *one == index);
        let mut walk = Walk {
            index,
            seen: vec![
                seen.map(|(_, progress)| progress.clone())
                    .unwrap_or_default(),
            ],
            end: End::Nowhere,
        };
        let Some(operation) = self.history.operations.get(index) else {
            return walk;
        };
        while walk.seen.len() < STEPS_MAX {
            let progress = walk.seen.last().cloned().unwrap_or_default();
            match M::step(&place.state, operation, &progress) {
                Some(Next::Goes(progress)) => walk.seen.push(progress),
                Some(Next::Ends) if operation.answer.is_some() => walk.end = End::Same,
                Some(Next::Changes(state)) => walk.end = End::Other(state),
                Some(Next::Ends) | None => {}
            }
            if !matches!(walk.end, End::Nowhere) || walk.seen.last() == Some(&progress) {
                break;
            }
        }
        walk
    }

    /// An operation changes the state; each of the others has seen before that as much as makes a difference.
    fn change(
        &self,
        place: &Place<M::State, M::Progress>,
        walk: &Walk<M::State, M::Progress>,
        walks: &[Walk<M::State, M::Progress>],
        places: &mut Vec<Place<M::State, M::Progress>>,
    ) {
        let state = match &walk.end {
            End::Nowhere => return,
            End::Same => &place.state,
            End::Other(state) => state,
        };
        let mut nexts = vec![done(place, walk.index, state.clone())];
        if *state == place.state {
            places.append(&mut nexts);
            return;
        }
        for other in walks.iter().filter(|other| other.index != walk.index) {
            let Some(operation) = self.history.operations.get(other.index) else {
                continue;
            };
            if !self.may_see(operation, place.event) {
                continue;
            }
            let mut variants = Vec::new();
            for pair in other.seen.windows(2) {
                let [before, after] = pair else { continue };
                let later = M::step(state, operation, before);
                if !matches!(later, Some(Next::Goes(later)) if later == *after) {
                    variants.extend(nexts.iter().map(|next| gone(next, other.index, after)));
                }
            }
            variants.append(&mut nexts);
            nexts = variants;
        }
        places.append(&mut nexts);
    }

    /// Whether the search is to try that the operation has seen something before this event, and not later.
    fn may_see(&self, operation: &Operation<M::Call, M::Outcome>, event: usize) -> bool {
        let now = match self.events.get(event) {
            Some(Event::Invoked(index)) => {
                self.history.operations.get(*index).map(|one| one.invoked)
            }
            Some(Event::Returned(index)) => Some(self.returned(*index)),
            None => None,
        };
        let now = now.unwrap_or(Moment::MAX);
        let before_end = operation
            .returned()
            .unwrap_or(Moment::MAX)
            .saturating_sub(now);
        now.saturating_sub(operation.invoked).min(before_end) <= self.at_its_ends
    }

    /// The operation whose return the search never got past.
    fn reached(&self) -> usize {
        match self.events.get(self.deepest) {
            Some(Event::Returned(index) | Event::Invoked(index)) => *index,
            None => 0,
        }
    }

    fn refuted(self) -> Verdict<M::State> {
        let culprit = self.reached();
        let deepest = self.arrivals.get(self.deepest);
        let states = deepest.map_or_else(Vec::new, |arrivals| arrivals.states.clone());
        let certain = self.arrivals.into_iter().enumerate().take(self.deepest + 1);
        let certain = certain.filter_map(|(event, arrivals)| match arrivals.states.as_slice() {
            [state] if !arrivals.is_ahead => Some((event, state.clone())),
            _ => None,
        });
        Verdict::Refuted {
            culprit,
            states,
            certain: certain.collect(),
        }
    }
}

fn done<S: Clone, P: Clone>(place: &Place<S, P>, index: usize, state: S) -> Place<S, P> {
    let mut ahead = place.ahead.clone();
    let at = ahead.binary_search(&index).unwrap_or_else(|at| at);
    ahead.insert(at, index);
    let progress = place.progress.iter().filter(|(one, _)| *one != index);
    Place {
        event: place.event,
        ahead,
        progress: progress.cloned().collect(),
        state,
    }
}

fn gone<S: Clone, P: Clone>(place: &Place<S, P>, index: usize, to: &P) -> Place<S, P> {
    let mut next = place.clone();
    match next.progress.binary_search_by_key(&index, |(one, _)| *one) {
        Ok(at) => next.progress[at].1 = to.clone(),
        Err(at) => next.progress.insert(at, (index, to.clone())),
    }
    next
}
