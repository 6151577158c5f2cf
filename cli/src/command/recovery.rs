//! `alliance recovery`: the 24 words that bring everything back. No file of a profile ever has them.

mod restore;

use std::{
    io::{self, IsTerminal as _, Read as _},
    path::{Path, PathBuf},
};

use alliance_core::{
    app::{Profile, WhoseWords, WordsNeed},
    keys::Words,
};
use clap::{Args, Subcommand};
use serde::Serialize;
use zeroize::Zeroizing;

pub use restore::{Back, Restore, Restoring, Returned};

use super::{
    Answer, Context,
    device::out::Out,
    init::{self, Recovery as Said, Shown},
};
use crate::{env::Outside, error::CliError, ui::Ui};

/// Most bytes of words that are read.
const LONGEST: u64 = 16 * 1024;
/// How many words there are, and how many of them are asked back.
const WORDS: usize = 24;
const ASKED: usize = 3;
/// How often one of them may be typed wrong.
const TRIES: usize = 3;

/// Arguments of `recovery`.
#[derive(Args, Debug)]
pub struct Recovery {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What can be done.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// See whether the words on your paper are yours: asks for all 24, or reads them from standard input
    Check,
    /// Bring everything back on a computer that has nothing, from your 24 words and the relay
    ///
    /// Asks for the words, or reads them from standard input. Your other computers and open invitations are cut off: they
    /// were lost, and what was on them stays readable to whoever has them; nothing written from now on is. If it is
    /// stopped, the same command goes on with the same words.
    Restore(Restore),
    /// Make new words, if the old ones are lost
    ///
    /// It asks before, or wants --yes. The old ones are earlier ones from then on, and still work for whoever finds them, also
    /// for new alliances of this profile: if somebody may have read them, begin a new profile, with `alliance --profile new
    /// init`, and a new alliance in it.
    Replace {
        /// Make them without being asked
        #[arg(long)]
        yes: bool,
        /// Write the recovery words to this new file instead of showing them
        #[arg(long, value_name = "PATH")]
        recovery_file: Option<PathBuf>,
    },
}

/// Whether words are one's own.
#[derive(Serialize, Clone, Copy, PartialEq, Eq, Debug)]
pub struct Checked {
    /// `yours`, `earlier`, `ended`, `void` or `not-yours`.
    pub words: &'static str,
    /// What they need to bring everything back, if they do not: `sync`, `relay`, or `other-computer`, which alone can tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needs: Option<&'static str>,
}

/// New words, which were said before.
#[derive(Serialize, Clone, Copy, PartialEq, Eq, Debug)]
pub struct Replaced {
    /// True if the person has shown that they have them.
    pub checked: bool,
}

impl Checked {
    const YOURS: &str = "yours";
    const EARLIER: &str = "earlier";
    const ENDED: &str = "ended";
    const VOID: &str = "void";
    const NOT_YOURS: &str = "not-yours";
    const SYNC: &str = "sync";
    const RELAY: &str = "relay";
    const OTHER_COMPUTER: &str = "other-computer";

    /// True if they are those of now.
    pub fn is_yours(self) -> bool {
        self.words == Self::YOURS
    }

    /// What is said of them.
    pub fn said(self) -> &'static str {
        match self.words {
            Self::YOURS if self.needs == Some(Self::SYNC) => {
                "These are your words. They bring nothing back until `alliance sync` has run: no relay knows of them yet."
            }
            Self::YOURS if self.needs == Some(Self::RELAY) => {
                "These are your words. They bring nothing back so far, because no relay has what is yours: `alliance relay set <url>`, then `alliance sync`, changes that, and `alliance backup create` makes a file that they open."
            }
            Self::YOURS if self.needs == Some(Self::OTHER_COMPUTER) => {
                "These are your words, as far as this computer knows. The relay does not let it in any more, so it cannot tell whether they still bring everything back: `alliance recovery check` on a computer of yours that is in does. What this one had not sent they do not bring back."
            }
            Self::YOURS => "These are your words: they bring everything back.",
            Self::EARLIER => {
                "These are earlier words of yours. They still work; `alliance recovery replace` made newer ones."
            }
            Self::ENDED => "These are earlier words of yours, and they bring nothing back any more.",
            Self::VOID => {
                "These words were made on a computer of yours under keys that ended, because it was copied, or put back from a backup, and both went on: they bring nothing back. The words before them do."
            }
            _ => {
                "These are not the words of this profile. If yours are lost, `alliance recovery replace` makes new ones."
            }
        }
    }
}

impl Recovery {
    /// Runs the verb.
    pub fn run(self, context: &Context<'_>) -> Result<Answer, CliError> {
        match self.verb {
            Verb::Restore(restore) => restore.run(context),
            Verb::Check => {
                let mut profile = context.profile()?;
                let words = read(context.ui)?;
                let whose = profile.check_words(&words)?;
                let need = match whose {
                    WhoseWords::Theirs => profile.words_need(&words)?,
                    _ => None,
                };
                let words = match whose {
                    WhoseWords::Theirs => Checked::YOURS,
                    WhoseWords::Earlier => Checked::EARLIER,
                    WhoseWords::Ended => Checked::ENDED,
                    WhoseWords::Void => Checked::VOID,
                    WhoseWords::NotTheirs => Checked::NOT_YOURS,
                };
                let needs = need.map(|need| match need {
                    WordsNeed::Sync => Checked::SYNC,
                    WordsNeed::Relay => Checked::RELAY,
                    WordsNeed::OtherComputer => Checked::OTHER_COMPUTER,
                });
                Ok(Answer::WordsChecked(Checked { words, needs }))
            }
            Verb::Replace { yes, recovery_file } => replace(yes, recovery_file, context),
        }
    }
}

/// Says new words, then lets them be this person's: whoever is stopped in between has the old ones.
fn replace(yes: bool, file: Option<PathBuf>, context: &Context<'_>) -> Result<Answer, CliError> {
    let mut profile = context.profile()?;
    // They would be nobody's words: the old ones would be thrown away for them.
    let own = profile.private_space()?;
    Out::refuse(&mut profile, own, context)?;
    if !yes {
        let about = "The words that you have become earlier ones: they still work for whoever finds them, and coming back with them ends the new ones.\n";
        context.confirm(about, "Make new recovery words?", "making new recovery words")?;
    }
    let mut outside = context.outside();
    let words = Words::generate(outside.world().rng);
    let said = init::say_to(file, &words)?;
    context.ui.begin(&said)?;
    profile.replace_words(&words, &mut outside.world())?;
    let checked = match &said {
        Said::RecoveryWords(shown) if ask_back(context.ui, shown, &mut outside) => {
            profile.check_words(&words)?;
            true
        }
        _ => false,
    };
    Ok(Answer::WordsReplaced(Replaced { checked }))
}

/// Asks for some of the words that were just shown, and keeps in the profile that they are there; who does not want to
/// is reminded later.
pub fn ask_back_for(profile: &Path, shown: &Shown, context: &Context<'_>) -> Result<(), CliError> {
    if ask_back(context.ui, shown, &mut context.outside()) {
        let words = shown.words().collect::<Vec<_>>().join(" ");
        let words = Words::parse(&Zeroizing::new(words)).map_err(CliError::Words)?;
        Profile::open(profile)?.check_words(&words)?;
    }
    Ok(())
}

/// Asks for some of the words that were just shown; true if all were right. Nobody is asked without a terminal.
fn ask_back(ui: &Ui, shown: &Shown, outside: &mut Outside<'_>) -> bool {
    if !ui.is_interactive() {
        return false;
    }
    let words: Vec<_> = shown.words().collect();
    let asked = numbers(outside);
    ui.talk("Three of them, to see that they are on your paper. Return alone skips this; you are reminded later.");
    let right = are_right(&words, &asked, |number, again| {
        let again = if again { "That is another word. " } else { "" };
        ui.ask_line(&format!("{again}Word {number}: "))
    });
    if right {
        ui.talk("Right. Now close this window: the words are still in it.");
    }
    right
}

/// Whether the words of these numbers are typed, each within a few tries.
fn are_right(words: &[&str], asked: &[usize], mut ask: impl FnMut(usize, bool) -> Option<String>) -> bool {
    asked.iter().all(|number| {
        for again in 0..TRIES {
            match ask(*number, again > 0).map(|line| line.trim().to_lowercase()) {
                Some(typed) if typed == words[number - 1] => return true,
                Some(typed) if !typed.is_empty() => {}
                _ => return false,
            }
        }
        false
    })
}

/// Numbers of words, chosen at random, in order.
fn numbers(outside: &mut Outside<'_>) -> Vec<usize> {
    let mut numbers = std::collections::BTreeSet::new();
    while numbers.len() < ASKED {
        let mut byte = [0];
        outside.world().rng.fill_bytes(&mut byte);
        numbers.insert(usize::from(byte[0]) % WORDS + 1);
    }
    numbers.into_iter().collect()
}

/// The words that the person types, which the terminal does not show, or that standard input has.
pub fn read(ui: &Ui) -> Result<Words, CliError> {
    let mut typed = Zeroizing::new(String::new());
    if !io::stdin().is_terminal() {
        io::stdin().take(LONGEST).read_to_string(&mut typed).map_err(CliError::Input)?;
        if typed.trim().is_empty() {
            return Err(CliError::NoWords);
        }
        return Words::parse(&typed).map_err(CliError::Words);
    }
    ui.talk("Type your 24 recovery words. They are not shown; return after as many as you like.");
    loop {
        let next = typed.split_whitespace().count() + 1;
        if next > WORDS {
            return Words::parse(&typed).map_err(CliError::Words);
        }
        let line = ui.ask_hidden(&format!("From word {next} on: ")).ok_or(CliError::Cancelled)?;
        if line.trim().is_empty() {
            return Err(CliError::Untouched(Box::new(CliError::Cancelled)));
        }
        match Words::unknown(&line) {
            Some(at) => ui.talk(&format!(
                "Word {} is in no list of recovery words: is a letter wrong? Type this line once more.",
                next + at - 1
            )),
            None => {
                typed.push_str(&line);
                typed.push(' ');
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_asked_back_until_they_are_right_or_somebody_has_enough() {
        let words = ["zero", "one", "two"];
        let asks = |typed: &[Option<&str>]| {
            let mut typed = typed.iter();
            let right = are_right(&words, &[1, 3], |_, _| typed.next().copied().flatten().map(str::to_owned));
            (right, typed.len())
        };
        assert_eq!(asks(&[Some("zero\n"), Some(" Two ")]), (true, 0));
        assert_eq!(asks(&[Some("one"), Some("zero"), Some("two"), None]), (true, 1));
        assert_eq!(asks(&[Some("zero"), Some("\n"), Some("two")]), (false, 1));
        assert_eq!(asks(&[Some("one"), Some("one"), Some("one"), Some("zero"), Some("two")]), (false, 2));
        assert_eq!(asks(&[None, Some("zero")]), (false, 1));
    }
}
