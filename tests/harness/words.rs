//! Bringing people back by their words, as the program does it.

use alliance_core::{
    app::{
        AppError, Inquiry as _, NotRestored, Others, Person, Profile, Restored, Seeking, SessionError, Wanted,
        World as Outside,
    },
    keys::Words,
};
use alliance_sync_server::store::Store;
use tempfile::TempDir;

use crate::{Laptop, RELAY, World};

/// Where bringing somebody back is broken off, as if the program were killed there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Until {
    /// The profile is there, with a personal space of which nothing was pulled.
    Begun,
    /// The personal space is there whole.
    Personal,
    /// The alliances are named.
    Found,
    /// All is pulled.
    Pulled,
    /// What lets the computer in is on disk, and nowhere else.
    TakenOver,
    /// All is done.
    Done,
}

impl<S: Store> World<S> {
    /// The words that somebody's profile was made with.
    ///
    /// # Panics
    /// If it was not made here.
    #[must_use]
    pub fn words_of(&self, name: &str) -> Words {
        let words = self.people[name].words.as_ref().expect("words").reveal();
        Words::parse(&words).expect("the same words")
    }

    /// Brings a person back on a computer that is called `name` from now on; goes on where it was broken off before.
    ///
    /// # Errors
    /// Why not.
    ///
    /// # Panics
    /// If the exchange does not end.
    pub fn bring_back(
        &mut self,
        name: &str,
        words: &Words,
        others: Others,
        until: Until,
    ) -> Result<Vec<Restored>, SessionError> {
        if !self.people.contains_key(name) {
            let found = self.seek(vec![Wanted { key: words.device_secret(), space: None }])?;
            let folder = TempDir::new().expect("a folder");
            let mut outside = Outside { now: self.now, rng: &mut self.rng };
            let profile = Profile::restore(&folder.path().join("profile.db"), &found, RELAY, &mut outside)?;
            self.people.insert(name.to_owned(), Laptop { folder, profile, words: None });
        }
        if until == Until::Begun {
            return Ok(Vec::new());
        }
        self.try_act(name, |profile, _| profile.lend(words))?;
        self.try_sync(name)?;
        if until == Until::Personal {
            return Ok(Vec::new());
        }
        let lost = self.try_act(name, |profile, _| profile.lost_alliances(words))?;
        let found = self.seek(lost)?;
        self.try_act(name, |profile, outside| profile.take_found(&found, RELAY, outside))?;
        if until == Until::Found {
            return Ok(Vec::new());
        }
        self.try_act(name, |profile, _| profile.lend(words))?;
        self.try_sync(name)?;
        if until == Until::Pulled {
            return Ok(Vec::new());
        }
        self.try_act(name, |profile, outside| profile.take_over(others, outside))?;
        if until == Until::TakenOver {
            return Ok(Vec::new());
        }
        self.try_sync(name)?;
        let nobody = Person { name: "nobody".to_owned(), role: String::new() };
        self.try_act(name, |profile, _| profile.finish_restore(Some(nobody)))?;
        Ok(self.try_act(name, |profile, _| profile.restored())?)
    }

    /// Asks the relay for keys.
    fn seek(&mut self, keys: Vec<Wanted>) -> Result<Seeking, SessionError> {
        let mut seeking = Seeking::new(keys, None, &mut Outside { now: self.now, rng: &mut self.rng });
        self.ask(&mut seeking)?;
        if seeking.is_done() { Ok(seeking) } else { Err(AppError::NotRestored(NotRestored::Unknown).into()) }
    }
}
