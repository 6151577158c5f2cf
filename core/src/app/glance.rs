//! Every alliance at a glance: no document is opened, and few rows are read.

use alliance_replica::{id::MemberId, log::control::SpaceKind};
use serde::Deserialize;

use super::{AllianceInfo, AppError, Profile, parting, profile, query};
use crate::{
    domain::{commitment, session},
    store::{StoreError, StoredRow},
};

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

/// What is read of a row.
#[derive(Deserialize)]
struct Brief {
    owner: Option<String>,
    status: Option<String>,
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
                for stored in tx.rows_with_status(space, commitment::KIND.name, commitment::KIND.open, usize::MAX)? {
                    match brief(&stored)? {
                        it if !it.is_of(row.member) => {}
                        it if it.status.as_deref() == Some(commitment::OFFERED) => offers += 1,
                        _ => commitments += 1,
                    }
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

impl Brief {
    fn is_of(&self, member: MemberId) -> bool {
        self.owner.as_deref().and_then(MemberId::from_hex) == Some(member)
    }
}

fn brief(stored: &StoredRow) -> Result<Brief, AppError> {
    Ok(serde_json::from_str(&stored.json).map_err(|_| StoreError::Damaged { what: "a row of the view" })?)
}
