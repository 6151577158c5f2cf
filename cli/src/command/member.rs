//! `alliance member`: who belongs to the alliance, and the six words that prove that nobody stands between.

use alliance_core::app::{self, Members};
use clap::{Args, Subcommand};
use serde::Serialize;

use super::{Answer, Context};
use crate::error::CliError;

/// Arguments of `member`; without a verb it lists.
#[derive(Args, Debug)]
pub struct Member {
    /// What to do.
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

/// What can be done.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// List both people and the six safety words; also what a bare `member` does
    List,
    /// Say that you compared the six words and they were the same: if they ever change, you are told
    Compared,
}

/// A person of the alliance.
#[derive(Serialize, Debug)]
pub struct Row {
    /// The member, in hexadecimal.
    pub id: String,
    /// Their name.
    pub name: String,
    /// Their role.
    pub role: String,
    /// True if it is oneself.
    pub you: bool,
    /// Number of their computers.
    pub devices: usize,
    /// The words to compare with this person by voice; none for oneself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub safety_words: Option<Vec<String>>,
    /// Whether they are those that you compared, once you did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compared: Option<bool>,
}

impl Member {
    /// Runs the verb.
    pub fn run(self, context: &Context<'_>) -> Result<Answer, CliError> {
        match self.verb.unwrap_or(Verb::List) {
            Verb::List => list(context).map(Answer::Members),
            Verb::Compared => {
                let mut profile = context.profile()?;
                let space = context.space(&mut profile)?;
                if !profile.compare_words(space, &context.outside().world())? {
                    return Err(CliError::NobodyThere);
                }
                list(context).map(Answer::Members)
            }
        }
    }
}

fn list(context: &Context<'_>) -> Result<Vec<Row>, CliError> {
    let mut profile = context.profile()?;
    let space = context.space(&mut profile)?;
    let Members { me, other, safety_words, compared, .. } = profile.members(space)?;
    let mut rows = vec![row(me, true, None, None)];
    let safety_words = safety_words.map(|words| words.split(' ').map(str::to_owned).collect());
    rows.extend(other.map(|other| row(other, false, safety_words, compared)));
    Ok(rows)
}

fn row(member: app::Member, you: bool, safety_words: Option<Vec<String>>, compared: Option<bool>) -> Row {
    let app::Member { id, name, role, devices } = member;
    Row { id: id.to_string(), name, role, you, devices, safety_words, compared }
}
