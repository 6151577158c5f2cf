//! Beginnings: a profile, an invitation, an alliance that was joined.

use super::{ID, Page, STRONG, cell, count, styled};
use crate::command::{
    init::{Recovery, Started},
    invite::{Invited, Withdrawn},
    join::Joined,
    peer::Ticket,
};

/// Words a row on a terminal.
const ROW: usize = 6;
/// Columns in which there is room for half as many: a word has up to eight letters and its number.
const NARROW: usize = 76;

/// A profile that began.
pub fn started(started: &Started, page: &mut Page) {
    page.talk(&format!(
        "Welcome, {}. “{}” is ready, and everything in it stays on this computer until you sync.",
        started.name, started.title
    ));
    match started.relay {
        Some(_) => {
            page.talk("Next: `alliance sync`, then `alliance invite` makes the word that lets the other person in.");
        }
        None => {
            page.talk("Next: `alliance invite` makes the word that lets the other person in, from computer to computer: `alliance sync --watch` stays open until they have joined. If you have a relay, `alliance relay set <url>` before that: then neither has to wait for the other.");
        }
    }
}

/// An alliance that was joined.
pub fn joined(joined: &Joined, page: &mut Page) {
    let with = joined.other.as_deref().map(|other| format!(" with {other}")).unwrap_or_default();
    match joined.title.as_str() {
        "" => page.talk("You have joined the alliance."),
        title => page.talk(&format!("You have joined “{title}”{with}.")),
    }
    if !joined.is_new {
        page.talk("The recovery words of this profile stay as they are and hold for this alliance too.");
    }
    if !joined.synced {
        page.talk("What is there could not be fetched yet: `alliance sync` tries again.");
    }
    page.talk(
        "Read or write right away; the other person's next sync lets you in, and what you write goes out after that.",
    );
    page.talk("Then compare six words with each other by voice: `alliance member list`.");
}

/// An invitation.
pub fn invited(invited: &Invited, page: &mut Page) {
    match invited.device {
        true => page.talk("Type or paste this word on your other computer, after `alliance join`, and show it to nobody. It lets one computer in, once, to everything you have."),
        false => page.talk("Give this word to the other person, by a way that only they read. It lets one person in, once."),
    }
    page.line([styled(invited.invitation.as_str(), ID)]);
    if invited.direct {
        page.talk(&format!(
            "It can be used until {}, while this computer answers: `alliance sync --watch`.",
            invited.expires
        ));
        return;
    }
    let before = if invited.device { "that" } else { "they do" };
    page.talk(&format!("It can be used until {}. Run `alliance sync` before {before}.", invited.expires));
    let device = if invited.device { " --device" } else { "" };
    page.talk(&format!("`alliance invite{device} --withdraw` takes it back for as long as nobody has used it."));
}

/// That invitations were taken back.
pub fn withdrawn(withdrawn: &Withdrawn, page: &mut Page) {
    let whom = if withdrawn.device { "a computer of yours" } else { "the other person" };
    if withdrawn.count == 0 {
        return page.talk(&format!("No invitation for {whom} is open."));
    }
    let taken = count(withdrawn.count as u64, "invitation", "invitations");
    page.talk(&match withdrawn.done {
        true => format!("{taken} for {whom} taken back: nobody comes in by it any more."),
        false if withdrawn.direct => {
            format!("{taken} for {whom} to be taken back. That counts once this computer has met another one.")
        }
        false => {
            format!("{taken} for {whom} to be taken back. The relay does not know it yet: `alliance sync` tries again.")
        }
    });
}

/// How another computer reaches this one, while the command waits for it.
pub fn ticket(ticket: &Ticket, page: &mut Page) {
    page.talk("On the other computer, type `alliance sync --peer` and after it this ticket. It opens nothing to anybody who is not in an alliance with you.");
    page.talk("This computer answers as long as this goes on; Ctrl-C ends it.");
    page.line([styled(&ticket.ticket, ID)]);
}

/// The words that bring everything back.
pub fn recovery(recovery: &Recovery, page: &mut Page) {
    match recovery {
        Recovery::RecoveryFile(path) => {
            page.talk(&format!("Your 24 recovery words are in {} and nowhere else.", path.display()));
            page.talk("They are the only way to bring everything back if this computer is lost: from the relay with `alliance recovery restore`, or from a file that `alliance backup create` wrote. Put them on paper, keep it where only you find it, then delete the file.");
        }
        Recovery::RecoveryWords(words) => {
            page.talk("These 24 words are the only way to bring everything back if this computer is lost: from the relay with `alliance recovery restore`, or from a file that `alliance backup create` wrote. They are shown this once and kept nowhere: write them down on paper, in this order, and keep the paper where only you find it.");
            page.gap();
            let words: Vec<_> = words.words().collect();
            if page.is_terminal() {
                let numbered = words.iter().enumerate().map(|(at, word)| cell(format!("{:2} {word}", at + 1)));
                let mut cells: Vec<_> = numbered.collect();
                let mut rows = Vec::new();
                let most = if page.is_within(NARROW) { ROW / 2 } else { ROW };
                while !cells.is_empty() {
                    let rest = cells.split_off(most.min(cells.len()));
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
    use super::super::{
        Layout,
        tests::{printed, seen},
    };
    use super::*;
    use crate::command::{Answer, init::Shown};

    fn shown(layout: Layout) -> String {
        let words: Vec<_> = (1..=24).map(|n| format!("word{n}")).collect();
        said(&Recovery::RecoveryWords(Shown::new(words.join(" ").into())), layout)
    }

    fn said(words: &Recovery, layout: Layout) -> String {
        assert!(!format!("{words:?}").contains("word1"), "in a debug output");
        let mut page = Page::new(layout);
        recovery(words, &mut page);
        printed(&page)
    }

    #[test]
    fn the_words_are_shown_once_and_explained() {
        insta::assert_snapshot!("words_terminal", shown(Layout::Terminal));
        insta::assert_snapshot!("words_plain", shown(Layout::Plain));
    }

    #[test]
    fn words_in_a_file_are_nowhere_else() {
        insta::assert_snapshot!("words_filed", said(&Recovery::RecoveryFile("words.txt".into()), Layout::Terminal));
    }

    #[test]
    fn who_has_begun_is_told_how_to_go_on() {
        let words = |text: &str| text.to_owned();
        let started = |relay| {
            Answer::Started(Started {
                id: words("0101"),
                profile: words("default"),
                name: words("Ben"),
                role: words("coach"),
                title: words("Ben & Anna"),
                relay,
            })
        };
        insta::assert_snapshot!("started", seen(&started(None), Layout::Terminal));
        insta::assert_snapshot!("started_json", serde_json::to_string_pretty(&started(None)).expect("serialises"));
    }
}
