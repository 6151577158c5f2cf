//! `alliance backup restore`: into a profile that is there, or on a computer that has nothing.

use std::path::{Path, PathBuf};

use alliance_core::{
    app::{AppError, Backup, Merged as Came, NotRestored, Others, Person, Profile},
    keys::Words,
};
use clap::Args;
use serde::Serialize;

use super::{Context, Kept, Looked, aside, look, looked, open};
use crate::{
    args::words,
    command::{
        Answer,
        init::Birth,
        recovery::{self, Restoring, Returned},
    },
    error::CliError,
    net::url::RelayUrl,
};

/// Arguments of `backup restore`.
#[derive(Args, Debug)]
pub struct Restore {
    /// The backup
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Open it with your 24 words, also where there is a profile
    #[arg(long)]
    words: bool,
    /// Cut nothing off: your other computers are all with you
    #[arg(long)]
    keep_others: bool,
    /// Cut them off without being asked
    #[arg(long)]
    yes: bool,
    /// Your name, if neither an alliance nor the backup says it
    #[arg(long, value_parser = words, requires = "role")]
    name: Option<String>,
    /// What you are, if neither an alliance nor the backup says it
    #[arg(long, value_parser = words, requires = "name")]
    role: Option<String>,
    /// Go on without this relay, which is gone for good
    #[arg(long, value_name = "URL")]
    without: Vec<RelayUrl>,
}

/// What a backup brought into a profile that was there.
#[derive(Serialize, Debug)]
pub struct Merged {
    /// What the backup holds, and what of it was here before.
    #[serde(flatten)]
    pub looked: Looked,
    /// Entries that are new here.
    pub new: u64,
}

/// What a backup brought back where there was nothing.
#[derive(Serialize, Debug)]
pub struct RestoredFrom {
    /// What came back.
    #[serde(flatten)]
    pub returned: Returned,
    /// True if no relay was asked.
    pub offline: bool,
    /// What other computers had not sent.
    pub aside: Vec<Kept>,
}

impl Restore {
    pub(super) fn run(self, context: &Context<'_>) -> Result<Answer, CliError> {
        let (home, name) = context.home()?;
        let path = home.file(&name);
        let mut whole = None;
        if home.holds(&name) {
            let mut profile = Profile::open(&path)?;
            whole = (!profile.is_restoring()?).then_some(profile);
        }
        let words = (self.words || whole.is_none()).then(|| recovery::read(context.ui)).transpose()?;
        match (whole, words) {
            (Some(profile), words) => self.merge(profile, words.as_ref(), context),
            (None, Some(words)) => self.bring_back(&words, context),
            (None, None) => Err(CliError::Cancelled),
        }
    }

    fn merge(self, mut profile: Profile, words: Option<&Words>, context: &Context<'_>) -> Result<Answer, CliError> {
        let found = look(&self.file, Some(&mut profile), words)?;
        let mut outside = context.outside();
        if let Some(words) = words.filter(|_| found.spaces.iter().any(|it| !it.here)) {
            profile.take_backup(open(&self.file)?, words, &mut outside.world())?;
            if profile.is_restoring()? {
                return self.finish(profile, &found, words, Others::Keep, context);
            }
        }
        let Came { backup, new } = profile.merge_backup(found, open(&self.file)?, words, &mut outside.world())?;
        let new = new.values().sum();
        Ok(Answer::Merged(Merged { looked: looked(self.file, backup, Some(&mut profile), context)?, new }))
    }

    fn bring_back(self, words: &Words, context: &Context<'_>) -> Result<Answer, CliError> {
        // Nothing is written before all of it is known to be right.
        let found = look(&self.file, None, Some(words))?;
        let mut profile = begin(&self.file, words, context)?;
        profile.take_backup(open(&self.file)?, words, &mut context.outside().world())?;
        let others = if self.keep_others { Others::Keep } else { Others::Cut };
        self.finish(profile, &found, words, others, context)
    }

    /// Adds this computer where the words let it in, after everything is here that the relays have.
    fn finish(
        self,
        mut profile: Profile,
        found: &Backup,
        words: &Words,
        others: Others,
        context: &Context<'_>,
    ) -> Result<Answer, CliError> {
        let is_gone = |url: &String| self.without.iter().any(|it| it.as_str() == url);
        let all_gone = found.spaces.iter().flat_map(|it| &it.relays).all(is_gone);
        let offline = context.is_offline() || all_gone;
        // Where there never was a relay nobody can have written what is not here.
        let others = if offline && found.has_relay() { Others::Keep } else { others };
        let said = self.name.zip(self.role).map(|(name, role)| Person { name, role });
        let said = said.or_else(|| called(found));
        let mut restoring = Restoring::new(context, None, self.without, words, true)?;
        profile.lend(words)?;
        if offline {
            restoring.take_over(&mut profile, others, self.yes)?;
            profile.finish_offline(said)?;
        } else {
            restoring.pull(&mut profile)?;
            restoring.take_over(&mut profile, others, self.yes)?;
            restoring.exchange(&mut profile)?;
            match profile.finish_restore(said) {
                Err(AppError::NotRestored(NotRestored::Unsent)) => return Err(CliError::BackupUnsent),
                finished => finished?,
            }
        }
        let returned = restoring.returned(&mut profile, others == Others::Cut)?;
        Ok(Answer::RestoredFrom(RestoredFrom { returned, offline, aside: aside(&mut profile)? }))
    }
}

/// The profile that was begun, or one that is begun now.
fn begin(file: &Path, words: &Words, context: &Context<'_>) -> Result<Profile, CliError> {
    let (home, name) = context.home()?;
    if home.holds(&name) {
        return Ok(Profile::open(&home.file(&name))?);
    }
    let birth = Birth::prepare(context, None)?;
    let (from, mut outside) = (open(file)?, context.outside());
    let made = birth.made_by(|path| Profile::restore_backup(path, from, words, &mut outside.world()));
    let (profile, born) = made?;
    drop(profile);
    Ok(Profile::open(&born.settle(context)?)?)
}

/// How the person was called when the backup was made.
fn called(backup: &Backup) -> Option<Person> {
    let Backup { name, role, .. } = backup.clone();
    (!name.is_empty()).then_some(Person { name, role })
}
