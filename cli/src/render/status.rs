//! How spaces stand, and the security log.

use super::{FAINT, LOOK, Page, STRONG, cell, count, styled};
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
        let here = match (space.waiting, space.unsent) {
            (0, 0) => "nothing waits".to_owned(),
            (waiting, unsent) => format!("{} here for the next sync", count(waiting.max(unsent), "waits", "wait")),
        };
        let relay = space.relay.as_deref().unwrap_or("no relay");
        rows.push(vec![styled(title, STRONG), cell(here), styled(relay, FAINT)]);
        rows.extend(space.others.iter().map(|other| vec![cell(""), cell(has(other)), cell("")]));
    }
    page.table(rows);
}

fn has(other: &Other) -> String {
    match other.missing {
        0 => format!("{} has all you wrote", other.name),
        missing => format!("{}: {missing} not there yet", other.name),
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
        "space-made" => ("made here", false),
        "invitation-offered" => ("an invitation was made", false),
        "joined" => ("joined from this computer", false),
        "relay-met" => ("the relay was met for the first time; its key is known from now on", false),
        "relay-key-changed" => ("the relay has another key than before: nothing was sent", true),
        "relay-lost-data" => ("the relay had lost what it once had; it was sent again", true),
        "entry-refused" => ("something that arrived was refused", true),
        "record-without-effect" => ("a change of membership had no effect", true),
        "device-wrote-two-histories" => ("a computer wrote two histories: it was copied or restored", true),
        "two-people-were-confirmed" => ("two people were let in by one invitation", true),
        "waiting-change-set-aside" => ("something that waited here was set aside", true),
        other => (other, true),
    }
}
