//! Where this laptop is dialled, and as whom: what a driver needs to open an endpoint, and what it learned from one. And
//! where other laptops are, as they said themselves, sealed for the space, or as this one reached them.

use std::collections::BTreeMap;

use alliance_replica::{
    id::{DeviceId, ReplicaKey, Secret, SpaceId},
    log::membership::{DeviceState, Role},
    wire,
};
use minicbor::{CborLen, Decode, Encode};
use zeroize::Zeroizing;

use super::{AppError, Profile, World};
use crate::{
    keys::Route,
    store::{StoreError, Tx},
};

/// The seed of the endpoint's key.
const ENDPOINT: &str = "endpoint";
/// Where this laptop was reached last.
const ROUTE: &str = "route";
/// Where others are.
const OTHERS: &str = "routes";
/// Others whose routes are kept.
const MOST: usize = 64;
/// Most bytes of all that.
const LONGEST: usize = 64 * 1024;

/// Where a device was reached last, or said that it is.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
#[cbor(map)]
struct Known {
    #[n(0)]
    space: SpaceId,
    #[n(1)]
    device: DeviceId,
    #[n(2)]
    route: Route,
}

/// By which way two laptops reached each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
#[cbor(index_only)]
pub enum Passage {
    /// Within one network, or on one computer.
    #[n(0)]
    SameNetwork,
    /// From one network to another, with nobody between.
    #[n(1)]
    Direct,
    /// By way of a relay that passes on what it cannot read.
    #[n(2)]
    Relay,
}

/// How a device was reached last; not when.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
#[cbor(map)]
struct Reached {
    #[n(0)]
    space: SpaceId,
    #[n(1)]
    device: DeviceId,
    #[n(2)]
    passage: Passage,
}

/// The latest last.
#[derive(Debug, Default, Encode, Decode, CborLen)]
#[cbor(map)]
struct All {
    #[n(0)]
    #[cbor(decode_with = "wire::list::<_, _, { MOST }>")]
    known: Vec<Known>,
    #[n(1)]
    #[cbor(default, decode_with = "wire::list::<_, _, { MOST }>")]
    reached: Vec<Reached>,
}

impl Profile {
    /// The seed of the Ed25519 key of this profile's endpoint, which is drawn when it is asked for first. It names a
    /// laptop on the network and opens nothing.
    pub fn endpoint(&mut self, world: &mut World<'_>) -> Result<Zeroizing<[u8; 32]>, AppError> {
        if let Some(seed) = self.store.read(seed)? {
            return Ok(seed);
        }
        self.store.write(|tx| {
            if let Some(seed) = seed(tx)? {
                return Ok(seed);
            }
            let mut fresh = Zeroizing::new([0; 32]);
            world.rng.fill_bytes(&mut *fresh);
            tx.set_meta(ENDPOINT, &*fresh)?;
            Ok(fresh)
        })
    }

    /// Where this laptop was reached last; nothing if it never was, or has another key by now.
    pub fn route(&mut self) -> Result<Option<Route>, AppError> {
        self.store.read(own)
    }

    /// Keeps where this laptop is reached.
    pub fn set_route(&mut self, route: &Route) -> Result<(), AppError> {
        let route = route.encode();
        let kept = self.store.read::<_, AppError>(|tx| Ok(tx.meta(ROUTE)?))?;
        if kept.as_ref() == Some(&route) { Ok(()) } else { self.store.write(|tx| Ok(tx.set_meta(ROUTE, &route)?)) }
    }

    /// Keeps where a device is.
    pub fn keep_route(&mut self, space: &SpaceId, device: &DeviceId, route: &Route) -> Result<(), AppError> {
        let known = Known { space: *space, device: *device, route: route.clone() };
        if self.store.read(all)?.known.contains(&known) {
            return Ok(());
        }
        self.store.note(|tx| {
            let mut all = all(tx)?;
            all.known.retain(|it| (it.space, it.device) != (known.space, known.device));
            all.known.push(known.clone());
            let more = all.known.len().saturating_sub(MOST);
            all.known.drain(..more);
            Ok(tx.set_meta(OTHERS, &wire::encode(&all))?)
        })
    }

    /// Keeps by which way a device was reached, and not when.
    pub fn keep_passage(&mut self, space: &SpaceId, device: &DeviceId, passage: Passage) -> Result<(), AppError> {
        let reached = Reached { space: *space, device: *device, passage };
        if self.store.read(all)?.reached.contains(&reached) {
            return Ok(());
        }
        self.store.note(|tx| {
            let mut all = all(tx)?;
            all.reached.retain(|it| (it.space, it.device) != (reached.space, reached.device));
            all.reached.push(reached.clone());
            let more = all.reached.len().saturating_sub(MOST);
            all.reached.drain(..more);
            Ok(tx.set_meta(OTHERS, &wire::encode(&all))?)
        })
    }

    /// Where the laptops are that still belong to a space of this profile, the latest that is known of each.
    pub fn routes(&mut self) -> Result<Vec<Route>, AppError> {
        self.routes_of(|_| true)
    }

    /// The same, of this person's own laptops alone: whether the other person's answers is nobody's business.
    pub fn own_routes(&mut self) -> Result<Vec<Route>, AppError> {
        self.routes_of(|is_mine| is_mine)
    }

    fn routes_of(&mut self, wanted: fn(bool) -> bool) -> Result<Vec<Route>, AppError> {
        let own = self.route()?.map(|route| route.endpoint);
        let mut routes: BTreeMap<ReplicaKey, (bool, Route)> = BTreeMap::new();
        for known in self.store.read(all)?.known {
            let Ok(space) = self.space(&known.space) else { continue };
            let me = space.device();
            let is_mine = |member| member == space.row.member;
            let is_meant = |it: &DeviceState| it.live && it.role == Role::Ordinary && wanted(is_mine(it.member));
            if space.log.fold().device(&known.device).is_some_and(is_meant)
                && known.device != me
                && Some(known.route.endpoint) != own
            {
                // Of one's own laptops nobody else's word is taken while they say where they are.
                let mine = is_mine(space.log.fold().device(&known.device).map_or(space.row.member, |it| it.member));
                let said = routes.entry(known.route.endpoint).or_insert_with(|| (mine, known.route.clone()));
                if mine || !said.0 {
                    *said = (mine, known.route);
                }
            }
        }
        Ok(routes.into_values().map(|(_, route)| route).collect())
    }
}

/// What is known of others; nothing if it cannot be read, for it is learned again.
fn all(tx: &Tx<'_>) -> Result<All, AppError> {
    Ok(tx.meta(OTHERS)?.and_then(|kept| wire::decode("routes", &kept, LONGEST).ok()).unwrap_or_default())
}

/// By which way devices of a space were reached last.
pub(super) fn passages(tx: &Tx<'_>, space: &SpaceId) -> Result<BTreeMap<DeviceId, Passage>, AppError> {
    let reached = all(tx)?.reached.into_iter().filter(|it| it.space == *space);
    Ok(reached.map(|it| (it.device, it.passage)).collect())
}

/// See [`Profile::route`].
pub(super) fn own(tx: &Tx<'_>) -> Result<Option<Route>, AppError> {
    let Some(seed) = seed(tx)? else { return Ok(None) };
    let key = Secret::from_seed(&seed).public();
    let kept = tx.meta(ROUTE)?.and_then(|kept| Route::decode(&kept).ok());
    Ok(kept.filter(|route| route.endpoint == key))
}

fn seed(tx: &Tx<'_>) -> Result<Option<Zeroizing<[u8; 32]>>, AppError> {
    let Some(kept) = tx.meta(ENDPOINT)?.map(Zeroizing::new) else { return Ok(None) };
    let seed = <[u8; 32]>::try_from(kept.as_slice());
    Ok(Some(Zeroizing::new(seed.map_err(|_| StoreError::Damaged { what: "the key of the endpoint" })?)))
}
