//! Beginnings: a profile, an invitation, an alliance that was joined.

use super::{ID, Page, STRONG, cell, styled};
use crate::command::{
    init::{Recovery, Started},
    invite::Invited,
    join::Joined,
};

/// Words a row on a terminal.
const ROW: usize = 6;

/// A profile that began.
pub fn started(started: &Started, page: &mut Page) {
    page.talk(&format!(
        "Welcome, {}. “{}” is ready, and everything in it stays on this computer.",
        started.name, started.title
    ));
    recovery(&started.recovery, page);
    match started.relay {
        Some(_) => {
            page.talk("Next: `alliance sync`, then `alliance invite` makes the word that lets the other person in.");
        }
        None => page.talk("Next: `alliance relay set <url>` names where you two exchange, then `alliance invite`."),
    }
}

/// An alliance that was joined.
pub fn joined(joined: &Joined, page: &mut Page) {
    let with = joined.other.as_deref().map(|other| format!(" with {other}")).unwrap_or_default();
    match joined.title.as_str() {
        "" => page.talk("You have joined the alliance."),
        title => page.talk(&format!("You have joined “{title}”{with}.")),
    }
    match &joined.recovery {
        Some(words) => recovery(words, page),
        None => page.talk("The recovery words of this profile stay as they are and hold for this alliance too."),
    }
    if !joined.synced {
        page.talk("What is there could not be fetched yet: `alliance sync` tries again.");
    }
    page.talk("Read or write right away; the other person's next sync confirms you.");
    page.talk("Then compare six words with each other by voice: `alliance member list`.");
}

/// An invitation.
pub fn invited(invited: &Invited, page: &mut Page) {
    page.talk("Give this word to the other person, by a way that only they read. It lets one person in, once.");
    page.line([styled(invited.invitation.as_str(), ID)]);
    page.talk(&format!("It can be used until {}. Run `alliance sync` before they do.", invited.expires));
}

fn recovery(recovery: &Recovery, page: &mut Page) {
    match recovery {
        Recovery::RecoveryFile(path) => {
            page.talk(&format!("Your 24 recovery words are in {} and nowhere else.", path.display()));
            page.talk("They bring everything back if this computer is lost. Put them on paper, then delete the file.");
        }
        Recovery::RecoveryWords(words) => {
            page.talk("These 24 words bring everything back if this computer is lost. They are shown this once and kept nowhere:");
            page.talk("write them down on paper, in this order, and keep the paper where only you find it.");
            page.gap();
            let words: Vec<_> = words.words().collect();
            if page.is_terminal() {
                let numbered = words.iter().enumerate().map(|(at, word)| cell(format!("{:2} {word}", at + 1)));
                let mut cells: Vec<_> = numbered.collect();
                let mut rows = Vec::new();
                while !cells.is_empty() {
                    let rest = cells.split_off(ROW.min(cells.len()));
                    rows.push(std::mem::replace(&mut cells, rest));
                }
                page.table(rows);
            } else {
                page.line([styled(words.join(" "), STRONG)]);
            }
            page.gap();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Layout, tests::seen};
    use super::*;
    use crate::command::{Answer, init::Shown};

    fn answer(recovery: Recovery) -> Answer {
        let words = |text: &str| text.to_owned();
        Answer::Started(Started {
            id: words("0101"),
            profile: words("default"),
            name: words("Ben"),
            role: words("coach"),
            title: words("Ben & Anna"),
            relay: None,
            recovery,
        })
    }

    fn shown() -> Answer {
        let words: Vec<_> = (1..=24).map(|n| format!("word{n}")).collect();
        answer(Recovery::RecoveryWords(Shown::new(words.join(" ").into())))
    }

    #[test]
    fn the_words_are_shown_once_and_explained() {
        insta::assert_snapshot!("words_terminal", seen(&shown(), Layout::Terminal));
        insta::assert_snapshot!("words_plain", seen(&shown(), Layout::Plain));
        insta::assert_snapshot!("words_json", serde_json::to_string_pretty(&shown()).expect("serialises"));
        assert!(!format!("{:?}", shown()).contains("word1"), "not in a debug output");
    }

    #[test]
    fn words_in_a_file_are_nowhere_else() {
        let filed = answer(Recovery::RecoveryFile("words.txt".into()));
        insta::assert_snapshot!("words_filed", seen(&filed, Layout::Terminal));
        insta::assert_snapshot!("words_filed_json", serde_json::to_string_pretty(&filed).expect("serialises"));
    }
}
