//! Every alliance at a glance: no document is opened, and few rows are read.

use alliance_replica::log::control::SpaceKind;

use super::{AllianceInfo, AppError, Profile, parting, profile, query};
use crate::domain::{commitment, session};

/// An alliance at a glance.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Glance {
    /// The alliance.
    pub alliance: AllianceInfo,
    /// When the next session is planned, with its zone.
    pub next_session: Option<String>,
    /// When the last finished session was.
    pub last_session: Option<String>,
    /// Offers that wait for oneself.
    pub offers: usize,
    /// Commitments of one's own that are not over.
    pub commitments: usize,
}

impl Profile {
    /// Every alliance at a glance, in order of joining.
    pub fn glances(&mut self) -> Result<Vec<Glance>, AppError> {
        self.store.read(|tx| {
            let (current, left) = (profile::current(tx)?, parting::all_left(tx)?);
            let mut all = Vec::new();
            for row in tx.spaces()?.into_iter().filter(|row| row.kind == SpaceKind::Alliance) {
                let space = &row.space;
                let (mut offers, mut commitments) = (0, 0);
                for status in commitment::KIND.open {
                    let stand_so = if *status == commitment::OFFERED { &mut offers } else { &mut commitments };
                    *stand_so += tx.count_commitments(space, &row.member, status)?;
                }
                all.push(Glance {
                    alliance: query::one_of_all(tx, &row, &left, current)?,
                    next_session: tx.first_session(space, session::PLANNED)?,
                    last_session: tx.last_session(space, session::FINISHED)?,
                    offers,
                    commitments,
                });
            }
            Ok(all)
        })
    }
}
