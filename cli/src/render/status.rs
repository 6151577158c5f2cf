//! How spaces stand, and the security log.

use super::{FAINT, LOOK, Page, STRONG, cell, count, name, styled};
use crate::command::{
    security::Line,
    status::{Other, Status},
};

/// What one's own private space is called.
pub const PRIVATE: &str = "only yours";

/// How every space stands.
pub fn status(spaces: &[Status], page: &mut Page) {
    let mut rows = Vec::new();
    for space in spaces {
        let title = if space.personal { PRIVATE } else { &space.title };
        let relay = space.relay.as_deref().unwrap_or("no relay");
        rows.push(vec![styled(title, STRONG), cell(waits(space)), styled(relay, FAINT)]);
        let mut more = |text: String| rows.push(vec![cell(""), cell(text), cell("")]);
        if space.unread > 0 {
            more(format!("{} arrived and cannot be read yet", space.unread));
        }
        space.others.iter().for_each(|other| more(has(other)));
    }
    page.table(rows);
}

fn waits(space: &Status) -> String {
    match space.waiting + space.unsent {
        0 => "nothing waits".to_owned(),
        waiting => format!("{} here for the next sync", count(waiting, "waits", "wait")),
    }
}

fn has(other: &Other) -> String {
    let name = name(&other.name);
    match other.missing {
        0 => format!("{name} has all you wrote"),
        missing => format!("{name}: {missing} not there yet"),
    }
}

/// The security log.
pub fn security(lines: &[Line], page: &mut Page) {
    if lines.is_empty() {
        page.talk("Nothing has happened yet.");
    }
    let row = |line: &Line| {
        let (what, look) = event(&line.kind);
        let style = if look { LOOK } else { anstyle::Style::new() };
        vec![styled(line.at.to_string(), FAINT), cell(line.title.as_deref().unwrap_or(PRIVATE)), styled(what, style)]
    };
    page.table(lines.iter().map(row).collect());
}

/// What happened, in words, and whether somebody should look at it.
fn event(kind: &str) -> (&str, bool) {
    match kind {
        "space-made" => ("it began", false),
        "joined" => ("this computer joined", false),
        "device-added" => ("a computer was added", false),
        "device-cut" => ("a key or a computer was shut out", false),
        "invitation-offered" => ("an invitation was made here", false),
        "invitation-made" => ("an invitation became valid", false),
        "invitation-used" => ("an invitation was used", false),
        "invitation-confirmed" => ("the person who used it was let in", false),
        "member-left" => ("somebody left", true),
        "key-rotated" => ("what is written from now on has a new key", false),
        "key-granted" => ("a computer was given the key", false),
        "forget-asked" => ("somebody asked to forget something", true),
        "relay-met" => ("the relay was met for the first time; its key is known from now on", false),
        "relay-key-changed" => ("the relay has another key than before: nothing was sent", true),
        "relay-moved" => ("the alliance moved to another relay", false),
        "relay-lost-data" => ("the relay had lost what it once had; it was sent again", true),
        "entry-refused" => ("something that arrived was refused", true),
        "entry-does-not-open" => ("something that arrived cannot be opened", true),
        "record-without-effect" => ("a change of membership had no effect", true),
        "device-wrote-two-histories" => ("a computer wrote two histories: it was copied or restored", true),
        "two-people-were-confirmed" => ("two people were let in by one invitation", true),
        "waiting-change-set-aside" => ("something that waited here was set aside", true),
        other => (other, true),
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::super::{Layout, tests::seen};
    use super::*;
    use crate::{
        command::{Answer, alliance::State},
        env::Moment,
    };

    fn space(title: &str, waiting: u64, missing: &[u64]) -> Status {
        let other = |missing: &u64| Other { name: "Anna".to_owned(), missing: *missing };
        Status {
            id: "0101".to_owned(),
            title: title.to_owned(),
            personal: title.is_empty(),
            state: (!title.is_empty()).then_some(State::Together),
            relay: Some("http://127.0.0.1:8787".to_owned()),
            waiting,
            unsent: 1,
            unread: waiting,
            others: missing.iter().map(other).collect(),
        }
    }

    #[test]
    fn status_says_what_waits_and_what_is_not_there_yet_and_never_a_time() {
        let status = || Answer::Status(vec![space("Ben & Anna", 2, &[0, 3]), space("", 0, &[])]);
        insta::assert_snapshot!("status", seen(&status(), Layout::Terminal));
        insta::assert_snapshot!("status_json", serde_json::to_string_pretty(&status()).expect("serialises"));
    }

    #[test]
    fn the_security_log_is_in_words_and_shows_what_it_does_not_know() {
        let line = |id, kind: &str| Line {
            id,
            at: Moment::new(1_767_603_600, TimeZone::UTC),
            space: "0101".to_owned(),
            title: (id == 1).then(|| "Ben & Anna".to_owned()),
            kind: kind.to_owned(),
            about: serde_json::json!({ "device": "0202" }),
        };
        let log = || Answer::Security(vec![line(1, "invitation-used"), line(2, "something-new")]);
        insta::assert_snapshot!("security", seen(&log(), Layout::Terminal));
        insta::assert_snapshot!("security_json", serde_json::to_string_pretty(&log()).expect("serialises"));
    }
}
