//! `alliance remind`: reminders that one sets for oneself, on this computer alone.
//!
//! `alliance remind --due` says what is due now, for a timer of the system to run, and `sync --watch` does while it is open. It keeps
//! quiet in the hours that one wants quiet, says each thing once a day, and no more a day than one wants.

use std::{collections::BTreeSet, str::FromStr};

use alliance_core::{
    app::{Looks, Owner, Profile, Summary},
    domain::{commitment, insight, session},
};
use clap::{Args, Subcommand};
use jiff::{ToSpan as _, civil::Date};
use serde::Serialize;

use super::{Answer, Context, item::Named, prep};
use crate::{error::CliError, when};

/// Where the settings are kept on this computer.
const SET: &str = "remind";
/// Where it is kept what was said today.
const SAID: &str = "reminded";

/// Arguments of `remind`; without a verb it says how it is set.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Remind {
    /// Say what is due now, each thing once a day; for a timer
    #[arg(long)]
    due: bool,
    /// What to do.
    #[command(subcommand)]
    verb: Option<Verb>,
}

/// What can be done with reminders.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Be reminded, of your commitments, sessions and insights
    Set {
        /// Hours without reminders, such as 22-7
        #[arg(long, value_name = "HOURS", default_value = "21-8")]
        quiet: Quiet,
        /// At most so many a day
        #[arg(long, value_name = "NUMBER", default_value_t = 3)]
        most: usize,
        /// So many days before
        #[arg(long, value_name = "DAYS", default_value_t = 1)]
        before: i64,
    },
    /// Be reminded no more
    Off,
}

/// Hours from one to another, perhaps over midnight.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quiet(i8, i8);

impl Quiet {
    fn has(self, hour: i8) -> bool {
        let Self(from, to) = self;
        if from <= to { (from..to).contains(&hour) } else { hour >= from || hour < to }
    }
}

impl FromStr for Quiet {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hour = |text: &str| text.trim().parse::<i8>().ok().filter(|hour| (0..=24).contains(hour));
        let parsed = text.split_once('-').and_then(|(from, to)| Some(Self(hour(from)?, hour(to)?)));
        parsed.ok_or("say it as 22-7")
    }
}

/// How reminders are set.
#[derive(Serialize, Debug)]
pub struct Settings {
    /// True if one wants any.
    pub on: bool,
    /// Hours without reminders.
    pub quiet: Option<String>,
    /// At most so many a day.
    pub most: Option<usize>,
    /// So many days before.
    pub before: Option<i64>,
}

/// Something to be reminded of.
#[derive(Serialize, Debug)]
pub struct Reminder {
    /// What.
    #[serde(flatten)]
    pub item: Named,
    /// By when, when, or since when.
    pub when: String,
}

struct Wanted {
    quiet: Quiet,
    most: usize,
    before: i64,
}

impl Remind {
    /// Sets reminders, or says what is due.
    pub fn run(self, context: &Context<'_>) -> Result<Answer, CliError> {
        let mut profile = context.profile()?;
        match self.verb {
            Some(Verb::Set { quiet: Quiet(from, to), most, before }) => {
                profile.keep_here(SET, &format!("{from}-{to} {most} {}", before.clamp(0, 30)))?;
            }
            Some(Verb::Off) => profile.keep_here(SET, "")?,
            None if self.due => return due(context, &mut profile).map(Answer::Reminders),
            None => {}
        }
        let set = wanted(&mut profile)?;
        Ok(Answer::Reminding(Settings {
            on: set.is_some(),
            quiet: set.as_ref().map(|it| format!("{}-{}", it.quiet.0, it.quiet.1)),
            most: set.as_ref().map(|it| it.most),
            before: set.as_ref().map(|it| it.before),
        }))
    }
}

/// Reminders for whoever leaves `sync --watch` open: it is looked for them once a minute.
#[derive(Default)]
pub struct Bell(Option<i64>);

impl Bell {
    /// Says what is due now, if somebody reads it.
    pub fn ring(&mut self, context: &Context<'_>, profile: &mut Profile) -> Result<(), CliError> {
        let minute = context.env.now() / 60;
        if context.looks() == Looks::Program || self.0.replace(minute) == Some(minute) {
            return Ok(());
        }
        for Reminder { item: Named { short, title, .. }, when } in due(context, profile)? {
            context.ui.talk(&format!("You wanted to be reminded: {short} “{title}”, {when}."));
        }
        Ok(())
    }
}

fn wanted(profile: &mut Profile) -> Result<Option<Wanted>, CliError> {
    let set = profile.kept_here(SET)?.unwrap_or_default();
    let mut words = set.split(' ');
    let mut parse = || {
        let quiet = words.next()?.parse().ok()?;
        Some(Wanted { quiet, most: words.next()?.parse().ok()?, before: words.next()?.parse().ok()? })
    };
    Ok(parse())
}

fn due(context: &Context<'_>, profile: &mut Profile) -> Result<Vec<Reminder>, CliError> {
    let Some(Wanted { quiet, most, before }) = wanted(profile)? else { return Ok(Vec::new()) };
    let now = context.env.clock()?;
    if quiet.has(now.hour()) {
        return Ok(Vec::new());
    }
    let today = now.date();
    let kept = profile.kept_here(SAID)?.unwrap_or_default();
    let mut lines = kept.lines();
    let is_today = lines.next() == Some(today.to_string().as_str());
    let mut said: BTreeSet<String> = if is_today { lines.map(str::to_owned).collect() } else { BTreeSet::new() };
    let until = today.checked_add(before.days()).unwrap_or(today);
    let mut reminders = Vec::new();
    for (summary, day) in all(profile, today)? {
        let id = summary.item.item.to_string();
        if day <= until && said.len() < most && said.insert(id) {
            let field = if summary.kind == session::KIND.name { session::WHEN } else { commitment::DUE };
            let when = summary.fields.get(field).map_or_else(|| when::shown(day), |it| when::said(field, it));
            reminders.push(Reminder { item: summary.into(), when });
        }
    }
    if !reminders.is_empty() {
        let lines = [today.to_string()].into_iter().chain(said).collect::<Vec<_>>().join("\n");
        profile.keep_here(SAID, &lines)?;
    }
    Ok(reminders)
}

/// What one may be reminded of, and the day, the earliest first.
fn all(profile: &mut Profile, today: Date) -> Result<Vec<(Summary, Date)>, CliError> {
    let mut all = Vec::new();
    for info in profile.alliances()? {
        for it in profile.list(info.space, commitment::KIND.name, false)? {
            if it.owner == Owner::Mine && it.status.as_deref() != Some(commitment::OFFERED) {
                let day = earliest(profile, &it)?;
                all.extend(day.map(|day| (it, day)));
            }
        }
        for it in profile.list(info.space, session::KIND.name, false)? {
            let day = it.fields.get(session::WHEN).and_then(|it| when::day_of(it)).filter(|day| *day >= today);
            all.extend(day.map(|day| (it, day)));
        }
        let back = profile.list(info.space, insight::KIND.name, false)?;
        all.extend(back.into_iter().filter(|it| prep::is_back(it, today)).map(|it| (it, today)));
    }
    // What is private is seen beside each alliance.
    all.sort_by_key(|(it, day)| (*day, it.item));
    all.dedup_by_key(|(it, _)| it.item);
    Ok(all)
}

/// By when; of several dates that were said at once, the earlier one.
fn earliest(profile: &mut Profile, item: &Summary) -> Result<Option<Date>, CliError> {
    let day = |kept: &str| when::day_of(kept.split(' ').next().unwrap_or_default());
    let said = item.fields.get(commitment::DUE).and_then(|due| day(due));
    if item.choices == 0 {
        return Ok(said);
    }
    let choices = profile.item(&item.item)?.choices;
    let dates = choices.iter().filter(|it| it.field == commitment::DUE).flat_map(|it| &it.values);
    Ok(dates.filter_map(|it| day(&it.value)).chain(said).min())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_hours_may_go_over_midnight() {
        let quiet: Quiet = "22-7".parse().expect("hours");
        assert!(
            [22, 23, 0, 6].into_iter().all(|hour| quiet.has(hour)) && ![7, 12, 21].into_iter().any(|it| quiet.has(it))
        );
        let quiet: Quiet = "12-14".parse().expect("hours");
        assert!(quiet.has(13) && !quiet.has(14) && !quiet.has(3));
        assert!("25-1".parse::<Quiet>().is_err() && "22".parse::<Quiet>().is_err());
    }
}
