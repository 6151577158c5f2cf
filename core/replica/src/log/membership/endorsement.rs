//! Content beyond a cut: whether somebody who did not know better had it in view and is believed (rules 6, 7 and 10).
//!
//! An entry `s` endorses content `e` if `s` counts or stands, is by another device (for an own facet: of the same
//! member), and `e` counts in the view of `s`, or `s` keeps `e` or something that has `e` in its past. That view is
//! judged by the same rule, so what counts in the view of every entry is worked out from the oldest to the newest.
//!
//! Only entries *in question* need that; all others count in each view that has them. Endorsement by one of those is for
//! good. So a view is: which questions are in its past, which of them are endorsed for good, and the control fold; equal
//! ones are worked out once. Worst case, `q` entries in question and `m` entries after them: `m × q² / 64` words, where
//! honest devices make `q` the few entries that a cut device wrote before it heard of its cut.

use std::{collections::BTreeMap, rc::Rc, sync::Arc};

use super::{
    bits::Bits,
    counting::{Facet, History, Kept, Place},
    roster::{Roster, State},
    validity::Effect,
};
use crate::{
    id::{DeviceId, MemberId},
    planted::{self, Bug},
};

/// One facet's questions over a history.
pub(super) struct Endorsement<'a> {
    history: &'a History<'a>,
    state: &'a State,
    facet: Facet,
    /// Content that counts nowhere.
    out: &'a Bits,
    order: Vec<Place>,
    /// Entries in question, and control entries that do not stand in every fold that has them, oldest first.
    questions: Vec<Place>,
    numbers: BTreeMap<Place, usize>,
    /// Content in question by author.
    authors: BTreeMap<DeviceId, Bits>,
    views: BTreeMap<Place, View>,
    states: BTreeMap<Bits, Arc<State>>,
}

/// What an entry knew; numbers are those of questions.
#[derive(Clone)]
struct View {
    /// Questions in its past.
    past: Rc<Bits>,
    /// Content among them that was endorsed for good.
    settled: Rc<Bits>,
    /// The fold of its control view.
    state: Arc<State>,
    /// Content among them that counts in this view.
    counted: Rc<Bits>,
    /// Content among them that the entry keeps, with its past.
    kept: Rc<Bits>,
}

impl<'a> Endorsement<'a> {
    /// `question` and `out` are content in question and content that counts nowhere.
    pub(super) fn new(
        history: &'a History<'a>,
        state: &'a State,
        facet: Facet,
        question: &Bits,
        out: &'a Bits,
    ) -> Self {
        let order = history.order();
        let mut this = Self {
            history,
            state,
            facet,
            out,
            order: Vec::new(),
            questions: Vec::new(),
            numbers: BTreeMap::new(),
            authors: BTreeMap::new(),
            views: BTreeMap::new(),
            states: BTreeMap::new(),
        };
        for place in &order {
            let open = match *place {
                Place::Content(at) => question.contains(at),
                Place::Control(at) => this.endorses(at) && !this.is_solid(at),
            };
            if open {
                let number = this.questions.len();
                this.numbers.insert(*place, number);
                this.questions.push(*place);
                if let Place::Content(at) = *place {
                    this.authors.entry(history.contents.all[at].device).or_default().insert(number);
                }
            }
        }
        this.order = order;
        this
    }

    /// The content in question that counts, with what is about to be kept.
    pub(super) fn decide(mut self, kept: &Kept) -> Bits {
        for place in std::mem::take(&mut self.order) {
            let view = self.view(place);
            self.views.insert(place, view);
        }
        let past: Bits = (0..self.questions.len()).collect();
        let mut settled = Bits::default();
        self.views.iter().for_each(|(place, view)| settled.union(&self.settles(*place, view)));
        if let Some(by) = kept.by {
            settled.union(&self.may_be_endorsed(&self.state.roster, &by, self.with_past(&kept.content)));
        }
        let counted = self.counted(self.state, &past, &settled);
        let content = counted.iter().filter_map(|number| match self.questions[number] {
            Place::Content(at) => Some(at),
            Place::Control(_) => None,
        });
        content.collect()
    }

    /// True if the control entry can endorse at all: it is valid and some member's.
    fn endorses(&self, at: usize) -> bool {
        let valid = self.history.graph().valid(at);
        valid.is_some_and(|valid| !matches!(valid.effect, Effect::Redeems { .. }))
    }

    /// True if the control entry stands in every fold that has it.
    fn is_solid(&self, at: usize) -> bool {
        let (graph, roster) = (self.history.graph(), &self.state.roster);
        let device = &graph.nodes[at].device;
        roster.anchored.contains(device) && roster.keeps(graph, device, at)
    }

    fn view(&mut self, place: Place) -> View {
        let parents: Vec<_> =
            self.history.parents(place).filter_map(|parent| self.views.get_key_value(&parent)).collect();
        let past = union(parents.iter().map(|(parent, view)| match self.numbers.get(parent) {
            None => Rc::clone(&view.past),
            Some(number) => Rc::new(view.past.iter().chain([*number]).collect()),
        }));
        let settled = union(parents.iter().map(|(parent, view)| {
            let more = self.settles(**parent, view);
            if more.is_subset(&view.settled) {
                return Rc::clone(&view.settled);
            }
            let mut settled = Bits::clone(&view.settled);
            settled.union(&more);
            Rc::new(settled)
        }));
        let parents: Vec<_> = parents.into_iter().map(|(_, view)| view.clone()).collect();
        let state = self.state_of(place);
        let same = parents
            .into_iter()
            .find(|view| Arc::ptr_eq(&view.state, &state) && view.past == past && view.settled == settled);
        let counted = same.map_or_else(|| Rc::new(self.counted(&state, &past, &settled)), |view| view.counted);
        let kept = match place {
            Place::Control(_) => Rc::default(),
            Place::Content(at) => Rc::new(self.with_past(&self.history.contents.all[at].keeps)),
        };
        View { past, settled, state, counted, kept }
    }

    /// Questions among this content and in its past.
    fn with_past(&self, content: &[usize]) -> Bits {
        let mut all = Bits::default();
        for place in content.iter().map(|at| Place::Content(*at)) {
            if let Some(view) = self.views.get(&place) {
                all.union(&view.past);
            }
            if let Some(number) = self.numbers.get(&place) {
                all.insert(*number);
            }
        }
        all
    }

    fn state_of(&mut self, place: Place) -> Arc<State> {
        let control = match place {
            Place::Control(at) => &self.history.graph().nodes[at].past,
            Place::Content(at) => &*self.history.contents.all[at].control,
        };
        if let Some(state) = self.states.get(control) {
            return Arc::clone(state);
        }
        let state = self.history.dag.state(control.clone());
        self.states.insert(control.clone(), Arc::clone(&state));
        state
    }

    /// What an entry endorses for good: it counts or stands wherever it is.
    fn settles(&self, place: Place, view: &View) -> Bits {
        let (author, solid) = match place {
            Place::Content(at) => {
                let open = self.numbers.contains_key(&place) || self.out.contains(at);
                (self.history.contents.all[at].device, !open)
            }
            Place::Control(at) => (self.history.graph().nodes[at].device, self.endorses(at) && self.is_solid(at)),
        };
        if !solid || view.counted.is_empty() && view.kept.is_empty() {
            return Bits::default();
        }
        let mut endorsed = Bits::clone(&view.counted);
        endorsed.union(&view.kept);
        self.may_be_endorsed(&view.state.roster, &author, endorsed)
    }

    /// The part of some content that a device may endorse.
    fn may_be_endorsed(&self, roster: &Roster, by: &DeviceId, mut content: Bits) -> Bits {
        for (device, mask) in &self.authors {
            if !self.may_endorse(roster, by, device) {
                content.subtract(mask);
            }
        }
        content
    }

    /// Which content in `past` counts in the fold `state`. Whoever endorses comes later, so the newest is decided first.
    fn counted(&self, state: &State, past: &Bits, settled: &Bits) -> Bits {
        let mut counted = Bits::default();
        let mut open = false;
        for (device, mask) in &self.authors {
            if state.roster.introductions.contains_key(device) {
                let mut here = mask.clone();
                here.intersect(past);
                let mut sure = self.kept(state, device, &here);
                let mut good = settled.clone();
                good.intersect(&here);
                sure.union(&good);
                open |= sure != here;
                counted.union(&sure);
            }
        }
        let mut said: BTreeMap<DeviceId, Bits> = BTreeMap::new();
        for number in past.iter().rev().take_while(|_| open) {
            let place = self.questions[number];
            let (device, believed) = match place {
                Place::Control(at) => (self.history.graph().nodes[at].device, state.stands(at)),
                Place::Content(at) => {
                    let device = self.history.contents.all[at].device;
                    let vouched = |(other, said): (&DeviceId, &Bits)| {
                        said.contains(number) && self.may_endorse(&state.roster, other, &device)
                    };
                    (device, counted.contains(number) || said.iter().any(vouched) && counted.insert(number))
                }
            };
            if believed && let Some(view) = self.views.get(&place) {
                let said = said.entry(device).or_default();
                said.union(&view.counted);
                said.union(&view.kept);
            }
        }
        counted
    }

    /// What of a device's content counts without endorsement.
    fn kept(&self, state: &State, device: &DeviceId, here: &Bits) -> Bits {
        if !state.roster.devices.contains_key(device) {
            return Bits::default();
        }
        let mut kept = here.clone();
        for bound in state.roster.bounds.get(device).into_iter().flatten() {
            let past = bound.and_then(|last| self.views.get(&Place::Control(last))).map(|view| Rc::clone(&view.past));
            kept.intersect(&past.unwrap_or_default());
        }
        if planted::is(Bug::OwnBoundRaised) {
            let own = here.iter().filter_map(|number| self.views.get(&self.questions[number]));
            own.for_each(|view| kept.union(&view.kept));
            kept.intersect(here);
        }
        kept
    }

    fn may_endorse(&self, roster: &Roster, endorser: &DeviceId, author: &DeviceId) -> bool {
        let member = |device| roster.introductions.get(device).and_then(|all| all.first()).map(|one| one.member);
        let (Some(by), Some(of)): (Option<MemberId>, _) = (member(endorser), member(author)) else { return false };
        endorser != author && (self.facet == Facet::Shared || by == of)
    }
}

/// The union of sets; shared if one of them is that.
fn union(sets: impl Iterator<Item = Rc<Bits>>) -> Rc<Bits> {
    let mut all: Rc<Bits> = Rc::default();
    for set in sets {
        if all.is_subset(&set) {
            all = set;
        } else if !set.is_subset(&all) {
            Rc::make_mut(&mut all).union(&set);
        }
    }
    all
}
