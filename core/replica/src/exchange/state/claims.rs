//! What a peer says it has, followed down the chains.
//!
//! A claim names an entry, and how far down its chain the peer has what comes before it. However often a peer names an
//! entry, and whatever of one chain, each entry held here is looked at about once for what was said before the first
//! acknowledgement and once for what was said later.

use std::collections::BTreeMap;

use crate::{
    exchange::frame::HeldHead,
    id::EntryId,
    limits,
    log::chain::{Chains, Index},
};

/// Most claims of a peer that wait for what they name.
const CLAIMS: usize = 4 * limits::HEADS;

/// Below an entry that starts its chain, or lies lowest in it.
const END: Index = Index::MAX;

/// What a peer said it has, on one channel.
#[derive(Debug, Default)]
pub(super) struct Claims {
    /// Said since the claims were followed.
    new: Vec<Claim>,
    /// Of each entry that is not held, by whether it was named early: the lowest seq of its past that was named with it.
    waiting: BTreeMap<(EntryId, bool), u64>,
    /// How many entries were held when the claims were followed.
    held: usize,
    /// What was claimed late, and what early.
    followed: [Followed; 2],
}

/// Something the peer says it has, and whether it said so before it acknowledged anything.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    pub(super) held: HeldHead,
    pub(super) early: bool,
}

/// An entry that a claim led to.
pub(super) struct Found {
    pub(super) index: Index,
    pub(super) early: bool,
}

impl Claims {
    /// Forgets what nothing followed for so long that it is a peer's noise.
    pub(super) fn tidy(&mut self) {
        if self.new.len() + self.waiting.len() > CLAIMS {
            self.new.clear();
            self.waiting.clear();
        }
    }

    /// Takes in what the peer says.
    pub(super) fn extend(&mut self, claims: impl IntoIterator<Item = Claim>) {
        self.new.extend(claims);
    }

    /// The entries held here that the claims lead to, and that no claim led to before.
    pub(super) fn follow(&mut self, chains: &Chains) -> Vec<Found> {
        let mut found = Vec::new();
        if !self.waiting.is_empty() {
            for index in self.held..chains.len() {
                let index = Index::try_from(index).expect("an index of chains");
                let id = chains.at(index).head.id;
                for early in [false, true] {
                    if let Some(low) = self.waiting.remove(&(id, early)) {
                        self.walk(chains, index, low, early, &mut found);
                    }
                }
            }
        }
        self.held = chains.len();
        for Claim { held: HeldHead { head, low }, early } in std::mem::take(&mut self.new) {
            match chains.index(&head.id) {
                Some(index) => self.walk(chains, index, low, early, &mut found),
                None => {
                    let lowest = self.waiting.entry((head.id, early)).or_insert(low);
                    *lowest = low.min(*lowest);
                }
            }
        }
        found
    }

    /// Goes from an entry down to the one with this seq, over what was followed before.
    fn walk(&mut self, chains: &Chains, from: Index, low: u64, early: bool, found: &mut Vec<Found>) {
        let followed = &mut self.followed[usize::from(early)];
        let mut index = followed.next(from);
        while index != END && chains.at(index).head.seq >= low {
            followed.pass(index, chains.before(index));
            found.push(Found { index, early });
            index = followed.next(index);
        }
    }
}

/// By the index of an entry: itself if no claim led there, else one further down, where to go on.
#[derive(Debug, Default)]
struct Followed(Vec<Index>);

impl Followed {
    /// The first entry, from this one down, to which no claim led.
    fn next(&mut self, from: Index) -> Index {
        let below = |at: Index| self.0.get(at as usize).copied().filter(|below| *below != at);
        let end = std::iter::successors(Some(from), |at| below(*at)).last().unwrap_or(from);
        // Shorter for whoever comes next.
        let mut at = from;
        while at != end {
            at = std::mem::replace(&mut self.0[at as usize], end);
        }
        end
    }

    /// A claim led to this entry; `before` is the one before it in its chain.
    fn pass(&mut self, index: Index, before: Option<Index>) {
        while let Ok(own) = Index::try_from(self.0.len())
            && own <= index
        {
            self.0.push(own);
        }
        self.0[index as usize] = before.unwrap_or(END);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::chain::tests::tree;

    fn claim(chains: &Chains, index: usize, low: u64, early: bool) -> Claim {
        let index = Index::try_from(index).expect("small");
        Claim { held: HeldHead { head: chains.at(index).head, low }, early }
    }

    /// Where claims that are followed one after the other lead.
    fn lead(claims: &mut Claims, chains: &Chains, all: impl IntoIterator<Item = Claim>) -> Vec<(usize, bool)> {
        claims.extend(all);
        let mut found: Vec<_> = claims.follow(chains).iter().map(|it| (it.index as usize, it.early)).collect();
        found.sort_unstable();
        found
    }

    #[test]
    fn however_often_a_chain_is_named_each_entry_is_looked_at_once() {
        let chains = tree(1000, 10);
        let (tip, many) = (chains.len() - 1, limits::HEADS);
        let again = std::iter::repeat_n(claim(&chains, tip, 1, false), many);
        let others = (0..many).map(|n| claim(&chains, n % 1000, 1, false));
        // Each asks for one more, below all that was followed.
        let lower = (1..=1000).rev().map(|low| claim(&chains, tip - 1, low, false));
        for all in [again.collect::<Vec<_>>(), others.collect(), lower.collect()] {
            let mut claims = Claims::default();
            chains.steps.set(0);
            let found = lead(&mut claims, &chains, all);
            assert!(found.len() >= 1000 && chains.steps.get() <= chains.len(), "{}", chains.steps.get());
            assert!(lead(&mut claims, &chains, [claim(&chains, 999, 1, false)]).is_empty());
        }
    }

    #[test]
    fn a_claim_leads_as_far_down_as_it_says_and_goes_on_from_where_others_ended() {
        let chains = tree(10, 2);
        let mut claims = Claims::default();
        assert_eq!(lead(&mut claims, &chains, [claim(&chains, 7, 7, false)]), [(6, false), (7, false)]);
        assert_eq!(lead(&mut claims, &chains, [claim(&chains, 10, 6, false)]), [5, 8, 9, 10].map(|at| (at, false)));
        assert_eq!(lead(&mut claims, &chains, [claim(&chains, 11, 5, false)]), [4, 11].map(|at| (at, false)));
        let early = lead(&mut claims, &chains, [claim(&chains, 5, 5, true)]);
        assert_eq!(early, [(4, true), (5, true)], "what was said early is told beside the rest");
    }

    #[test]
    fn a_claim_waits_for_what_it_names() {
        let (short, long) = (tree(3, 0), tree(6, 0));
        let mut claims = Claims::default();
        let all = [claim(&long, 4, 4, true), claim(&long, 4, 2, true), claim(&long, 5, 6, false)];
        assert_eq!(lead(&mut claims, &short, all), []);
        assert_eq!(lead(&mut claims, &long, []), [(1, true), (2, true), (3, true), (4, true), (5, false)]);
        assert!(claims.waiting.is_empty());
    }
}
