//! Where this laptop is dialled, and as whom: what a driver needs to open an endpoint, and what it learned from one.

use alliance_replica::id::Secret;
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
