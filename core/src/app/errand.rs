//! What one program of a profile leaves to another one that has its endpoint: a dial, and what came of it. Both lie in the
//! profile's database, where each finds what the other wrote.

use alliance_replica::wire;
use minicbor::{CborLen, Decode, Encode};

use super::{AppError, Profile, World};
use crate::keys::Route;

/// What is wanted.
const ERRAND: &str = "errand";
/// What came of it.
const ANSWER: &str = "errand-answer";
/// Most bytes of either.
const LONGEST: usize = 4 * 1024;

/// To dial everybody who is known, or one of whom there is a ticket, and to exchange everything.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
#[cbor(map)]
pub struct Errand {
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    id: [u8; 16],
    /// Where the ticket leads.
    #[n(1)]
    pub route: Option<Route>,
}

/// How many computers were reached, and have all that is here.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
#[cbor(map)]
struct Answer {
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    id: [u8; 16],
    #[n(1)]
    reached: u64,
}

impl Profile {
    /// Leaves an errand to whoever has the endpoint. A later one takes the place of an earlier.
    pub fn leave_errand(&mut self, route: Option<&Route>, world: &mut World<'_>) -> Result<Errand, AppError> {
        let mut id = [0; 16];
        world.rng.fill_bytes(&mut id);
        let errand = Errand { id, route: route.cloned() };
        self.store.note::<_, AppError>(|tx| Ok(tx.set_meta(ERRAND, &wire::encode(&errand))?))?;
        Ok(errand)
    }

    /// The errand that was left last; nothing if there is none that can be read.
    pub fn errand(&mut self) -> Result<Option<Errand>, AppError> {
        let kept = self.store.read::<_, AppError>(|tx| Ok(tx.meta(ERRAND)?))?;
        Ok(kept.and_then(|kept| wire::decode("errand", &kept, LONGEST).ok()))
    }

    /// Says how many computers were reached.
    pub fn answer_errand(&mut self, errand: &Errand, reached: u64) -> Result<(), AppError> {
        let answer = wire::encode(&Answer { id: errand.id, reached });
        self.store.note::<_, AppError>(|tx| Ok(tx.set_meta(ANSWER, &answer)?))
    }

    /// How many computers were reached, once that is known.
    pub fn errand_answer(&mut self, errand: &Errand) -> Result<Option<u64>, AppError> {
        let kept = self.store.read::<_, AppError>(|tx| Ok(tx.meta(ANSWER)?))?;
        let answer = kept.and_then(|kept| wire::decode::<Answer>("errand", &kept, LONGEST).ok());
        Ok(answer.filter(|it| it.id == errand.id).map(|it| it.reached))
    }
}
