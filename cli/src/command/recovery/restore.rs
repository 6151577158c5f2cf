//! `alliance recovery restore`: everything comes back from 24 words and a relay.
//!
//! Nothing is written before the relay is known to hold what the words open. From then on the profile is in its place and
//! marked as unfinished, and whoever is stopped goes on with the same command.

use std::{collections::BTreeSet, path::PathBuf};

use alliance_core::{
    app::{
        AppError, Computer, Inquiry as _, NotRestored, Others, Person, Profile, Restored, Seeking, SessionError, Wanted,
    },
    keys::Words,
};
use alliance_replica::{exchange::frame::Code, id::ReplicaKey};
use clap::Args;
use serde::Serialize;
use tokio::runtime::Runtime;

use crate::{
    args::words,
    command::{Answer, Context, alliance::State, init::Birth, relay, sync},
    error::CliError,
    net::{relay::Way, talk::Asking, url::RelayUrl},
    render,
};

/// How often what came may name more alliances, or there may be more than is taken at once. Who still has a lost computer
/// may go on for ever to name some; what is left is `missing`, and comes when the command is run again.
const ROUNDS: usize = 16;

/// Arguments of `recovery restore`.
#[derive(Args, Debug)]
pub struct Restore {
    /// The relay through which you exchanged
    #[arg(long, value_name = "URL")]
    relay: RelayUrl,
    /// Cut nothing off: your other computers are all with you
    #[arg(long)]
    keep_others: bool,
    /// Cut them off without being asked
    #[arg(long)]
    yes: bool,
    /// Your name, if no alliance says it
    #[arg(long, value_parser = words, requires = "role")]
    name: Option<String>,
    /// What you are, if no alliance says it
    #[arg(long, value_parser = words, requires = "name")]
    role: Option<String>,
    /// Go on without this relay, which an alliance names and which is gone for good
    #[arg(long, value_name = "URL")]
    without: Vec<RelayUrl>,
    /// File with the certificate of the authority behind the relay's, as PEM, if it is not a public one
    #[arg(long, value_name = "PATH")]
    root: Option<PathBuf>,
}

/// What came back.
#[derive(Serialize, Debug)]
pub struct Returned {
    /// The profile on this computer.
    pub profile: String,
    /// The person's name.
    pub name: String,
    /// Their role.
    pub role: String,
    /// False if other computers were to be kept.
    pub cut_others: bool,
    /// Other computers of theirs that were cut off, by their names.
    pub cut_computers: Vec<String>,
    /// A row a space, one's own last.
    pub spaces: Vec<Back>,
    /// Alliances that no relay had, in hexadecimal.
    pub missing: Vec<String>,
    /// True if everything that is here had come back before.
    #[serde(skip)]
    pub again: bool,
}

/// A space that came back.
#[derive(Serialize, Debug)]
pub struct Back {
    /// The space, in hexadecimal.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// True if it is one's own, private space.
    pub personal: bool,
    /// How far the alliance has come; none for one's own space.
    pub state: Option<State>,
    /// Things in it.
    pub items: usize,
    /// Computers that were cut off.
    pub cut: usize,
    /// Computers of the person that are still in.
    pub kept: usize,
    /// Invitations that were ended.
    pub withdrawn: usize,
    /// Other recovery words that do not work any more.
    pub words: usize,
}

impl From<Restored> for Back {
    fn from(it: Restored) -> Self {
        let Restored { space, title, personal, state, items, cut, withdrawn, words, kept } = it;
        let state = (!personal).then(|| state.into());
        Self { id: space.to_string(), title, personal, state, items, cut, kept, withdrawn, words }
    }
}

impl Restore {
    /// Brings everything back, or goes on with it.
    pub fn run(self, context: &Context<'_>) -> Result<Answer, CliError> {
        if context.is_offline() {
            return Err(CliError::Offline);
        }
        let root = self.root.as_deref().map(relay::read_root).transpose()?;
        let words = super::read(context.ui)?;
        let way = Way { root, ..Way::to(self.relay) };
        let mut restoring = Restoring::new(context, Some(way.clone()), self.without, &words, false)?;
        let mut profile = restoring.profile(&way)?;
        if way.root.is_some() {
            profile.set_relay_root(way.url.as_str(), way.root.clone())?;
        }
        profile.lend(restoring.words)?;
        restoring.pull(&mut profile)?;
        let others = if self.keep_others { Others::Keep } else { Others::Cut };
        restoring.take_over(&mut profile, others, self.yes)?;
        restoring.exchange(&mut profile)?;
        let said = self.name.zip(self.role).map(|(name, role)| Person { name, role });
        profile.finish_restore(said)?;
        Ok(Answer::Returned(restoring.returned(&mut profile, !self.keep_others)?))
    }
}

/// A computer that ends. One that was the only one has said no name.
fn called(computer: &Computer) -> String {
    if computer.name.is_empty() { "the computer without a name".to_owned() } else { computer.name.clone() }
}

/// Somebody who is being brought back.
pub struct Restoring<'a> {
    context: &'a Context<'a>,
    runtime: Runtime,
    /// A relay that was named.
    way: Option<Way>,
    without: Vec<RelayUrl>,
    words: &'a Words,
    /// True if a backup is there as well.
    backed_up: bool,
    /// The computers that were cut off now.
    cut: Vec<String>,
    /// True if the profile was whole before.
    again: bool,
}

impl<'a> Restoring<'a> {
    /// By these words, through the relay that was named and those that are known, without some of them.
    pub fn new(
        context: &'a Context<'a>,
        way: Option<Way>,
        without: Vec<RelayUrl>,
        words: &'a Words,
        backed_up: bool,
    ) -> Result<Self, CliError> {
        Ok(Self { context, runtime: sync::runtime()?, way, without, words, backed_up, cut: Vec::new(), again: false })
    }

    /// Lets this computer in, and cuts the others off unless they are to be kept; the person is asked before, and nothing
    /// is written where nobody can be.
    pub fn take_over(&mut self, profile: &mut Profile, others: Others, yes: bool) -> Result<(), CliError> {
        // One that has not said its name yet is a row of its own in each space; all are in one's own.
        let own = profile.restored()?.into_iter().find(|it| it.personal).map(|it| it.space);
        let is_there = |it: &Computer| own.is_none_or(|own| it.places.contains_key(&own));
        let ends: Vec<_> = match others {
            Others::Cut => profile.computers()?.into_iter().filter(|it| it.live && !it.this && is_there(it)).collect(),
            Others::Keep => Vec::new(),
        };
        let mut names: Vec<_> = ends.iter().map(called).collect();
        names.sort();
        if !names.is_empty() && !yes {
            let them = render::listed(&names);
            let about = format!(
                "This cuts off {them}: lost computers get nothing that is written from now on, and cannot come back as they are. Do you still have them? Then --keep-others.\n"
            );
            match self.context.ui.ask(&about, "Cut them off?") {
                Some(true) => {}
                Some(false) => return Err(CliError::NotCut),
                None => return Err(CliError::WouldCut { computers: names }),
            }
        }
        profile.take_over(others, &mut self.context.outside().world())?;
        self.cut = names;
        Ok(())
    }

    /// What came back, now that the profile is whole.
    pub fn returned(&self, profile: &mut Profile, cut_others: bool) -> Result<Returned, CliError> {
        profile.check_words(self.words)?;
        let missing = profile.lost_alliances(self.words)?;
        let missing: BTreeSet<_> = missing.into_iter().filter_map(|it| it.space).map(|it| it.to_string()).collect();
        let Person { name, role } = profile.person()?;
        Ok(Returned {
            profile: self.context.home()?.1.to_string(),
            name,
            role,
            cut_others,
            cut_computers: self.cut.clone(),
            spaces: profile.restored()?.into_iter().map(Back::from).collect(),
            missing: missing.into_iter().collect(),
            again: self.again,
        })
    }

    /// The profile that was begun, or one that is begun now.
    fn profile(&mut self, way: &Way) -> Result<Profile, CliError> {
        let (home, name) = self.context.home()?;
        if home.holds(&name) {
            let mut profile = Profile::open(&home.file(&name))?;
            self.again = !profile.is_restoring()?;
            return Ok(profile);
        }
        let birth = Birth::prepare(self.context, None)?;
        let wanted = vec![Wanted { key: self.words.device_secret(), space: None }];
        let found = self.seek(way, wanted, None).map_err(|error| CliError::Untouched(Box::new(error)))?;
        if !found.has_personal() {
            return Err(AppError::NotRestored(NotRestored::Unknown).into());
        }
        let (url, mut outside) = (way.url.as_str(), self.context.outside());
        let (profile, born) = birth.made_by(|file| Profile::restore(file, &found, url, &mut outside.world()))?;
        drop(profile);
        Ok(Profile::open(&born.settle(self.context)?)?)
    }

    /// Pulls everything that the relays have, with the keys that the words open.
    pub fn pull(&mut self, profile: &mut Profile) -> Result<(), CliError> {
        for _ in 0..ROUNDS {
            self.exchange(profile)?;
            let mut ways: Vec<_> = self.way.iter().cloned().collect();
            for relay in profile.relays()? {
                // No program could reach it, whoever named it.
                let Ok(way) = sync::way(&relay) else { continue };
                if !ways.iter().any(|it| it.url == way.url) && !self.without.contains(&way.url) {
                    ways.push(way);
                }
            }
            let mut came = false;
            for way in ways {
                let lost = profile.lost_alliances(self.words)?;
                if lost.is_empty() {
                    break;
                }
                let known = profile.relay_key(way.url.as_str())?;
                let found = self.seek(&way, lost, known).map_err(|error| self.unfinished(error))?;
                let taken = profile.take_found(&found, way.url.as_str(), &mut self.context.outside().world())?;
                came |= !taken.is_empty();
            }
            profile.lend(self.words)?;
            if !came {
                break;
            }
        }
        Ok(())
    }

    /// Exchanges everything with every relay, once. Without one that is in use nothing goes on: what only it has would
    /// not be known of.
    pub fn exchange(&self, profile: &mut Profile) -> Result<(), CliError> {
        let mut visited = BTreeSet::new();
        while let Some(relay) = profile.relays()?.into_iter().find(|relay| !visited.contains(&relay.url)) {
            visited.insert(relay.url.clone());
            let Ok(way) = sync::way(&relay) else { continue };
            if self.without.contains(&way.url) {
                continue;
            }
            match self.runtime.block_on(sync::once(self.context, profile, &relay)) {
                Ok(rows) => {
                    let refused = |row: &&sync::Traffic| profile.is_lent(&row.id) && row.refused.is_some();
                    if let Some(row) = rows.iter().find(refused) {
                        let (title, why) = (row.title.clone(), row.refused.unwrap_or_default());
                        return Err(CliError::NotBack { title, why });
                    }
                }
                Err(CliError::Net(_) | CliError::Session(_)) if relay.is_left() => {}
                Err(error) => return Err(self.unfinished(error)),
            }
        }
        Ok(())
    }

    /// With what helps where somebody is being brought back.
    fn unfinished(&self, error: CliError) -> CliError {
        match self.backed_up {
            true => CliError::BackupUnfinished(Box::new(error)),
            false => CliError::Unfinished(Box::new(error)),
        }
    }

    /// Asks a relay where keys are live.
    fn seek(&self, way: &Way, wanted: Vec<Wanted>, known: Option<ReplicaKey>) -> Result<Seeking, CliError> {
        let mut outside = self.context.outside();
        let mut asking = Asking(Seeking::new(wanted, known, &mut outside.world()));
        let progress = sync::progress(self.context, way);
        let said = self.runtime.block_on(sync::say(&progress, way, &mut asking));
        match said {
            // A relay may end the connection of whoever has nothing open for long.
            Err(CliError::Session(SessionError::Closed(Code::Slow))) if asking.0.is_done() => {}
            said => said?,
        }
        Ok(asking.0)
    }
}
