//! How spaces stand, and the security log.

use super::{FAINT, LOOK, NARROW, Page, STRONG, backup, cell, count, device, name, recovery, styled};
use crate::command::{
    alliance::State,
    security::{Line, Of},
    status::{Held, Other, Status},
};

/// What one's own private space is called.
pub const PRIVATE: &str = "only yours";

/// How every space stands.
pub fn status(spaces: &[Status], page: &mut Page) {
    let mut rows = Vec::new();
    let narrow = page.is_within(NARROW);
    for space in spaces {
        let title = if space.personal { PRIVATE } else { &space.title };
        let relay = styled(space.relay.as_deref().unwrap_or("no relay"), FAINT);
        if narrow {
            rows.push(vec![styled(title, STRONG), cell(waits(space))]);
            rows.push(vec![cell(""), relay]);
        } else {
            rows.push(vec![styled(title, STRONG), cell(waits(space)), relay]);
        }
        let mut more = |text: String| rows.push(vec![cell(""), cell(text), cell("")]);
        if space.state == Some(State::AwaitsConfirmation) && space.waiting > 0 {
            more(kept(space.waiting));
        }
        if space.out.is_some() {
            more("this computer is not in it any more".to_owned());
        } else if let Some(why) = space.refused {
            more(format!("the relay did not take it: {why}"));
        }
        if let Some(why) = space.unsealed {
            more(format!("it could not be sealed on this computer: {why}"));
        }
        if space.unread > 0 {
            more(format!("{} arrived and cannot be read yet", space.unread));
        }
        for name in &space.ends {
            more(format!("the next sync cuts {name} off; until then the relay lets it in"));
        }
        if space.late > 0 {
            let things = count(space.late, "thing", "things");
            more(format!("a computer of yours wrote {things} after it was cut off: `alliance device late` shows them"));
        }
        space.others.iter().filter_map(|other| has(space, other)).for_each(more);
    }
    page.table(rows);
    device::out(spaces.iter().filter_map(|space| space.out.as_ref()), page);
    backup::aside(&spaces.iter().flat_map(|space| space.aside.clone()).collect::<Vec<_>>(), page);
    if spaces.iter().any(|space| space.unrecoverable) {
        page.talk(recovery::REMINDER);
    }
}

fn waits(space: &Status) -> String {
    match space.waiting + space.unsent {
        _ if space.state == Some(State::AwaitsConfirmation) => waits_for(space.host.as_deref()),
        0 if space.relay.is_some() && !space.kept => "not at the relay yet".to_owned(),
        0 if space.invites => "an invitation waits here for the next sync".to_owned(),
        0 => "nothing waits".to_owned(),
        waiting => format!("{} here for the next sync", count(waiting, "waits", "wait")),
    }
}

/// What is known of one of the other person's computers, and nothing that is not.
fn has(space: &Status, other: &Other) -> Option<String> {
    let name = name(&other.name);
    match other.missing {
        0 if space.waiting + space.unsent > 0 => None,
        0 => Some(format!("{name} has all you wrote")),
        1 => Some(format!("{name} may not have what you wrote last")),
        missing => Some(format!("{name} may not have the last {missing} things that you wrote")),
    }
}

/// Why nothing goes out yet, and what is kept.
pub fn held(held: &Held) -> String {
    let waits = waits_for(held.other.as_deref());
    if held.waiting == 0 { format!("{waits}.") } else { format!("{waits}; {}.", kept(held.waiting)) }
}

fn waits_for(other: Option<&str>) -> String {
    format!("Waiting for {}'s next sync to let you in", name(other.unwrap_or_default()))
}

fn kept(number: u64) -> String {
    format!("{} kept here until then", count(number, "thing you wrote is", "things you wrote are"))
}

/// The security log.
pub fn security(lines: &[Line], page: &mut Page) {
    if lines.is_empty() {
        page.talk("Nothing has happened yet.");
    }
    let mut rows = Vec::new();
    // What happens with a relay is noted for each space that it keeps.
    for same in lines.chunk_by(|a, b| a.kind.starts_with("relay-") && a.kind == b.kind && a.at.is(&b.at)) {
        let line = &same[0];
        let (what, look) = words(line);
        let style = if look { LOOK } else { anstyle::Style::new() };
        let title = if same.len() > 1 { "everything" } else { line.title.as_deref().unwrap_or(PRIVATE) };
        rows.push(vec![styled(line.at.to_string(), FAINT), cell(title), styled(what, style)]);
    }
    page.table(rows);
}

fn words(line: &Line) -> (String, bool) {
    match (&*line.kind, &line.of) {
        ("invitation-confirmed", Of::You) => ("you were let in".to_owned(), false),
        ("invitation-confirmed", Of::Them(name)) => (format!("{name} was let in"), false),
        ("device-cut", Of::Invitation) => ("an invitation was ended".to_owned(), false),
        (kind, Of::Computer(name)) => {
            let what = match (kind, line.about["reason"].as_str()) {
                ("device-added", _) => "was added",
                ("work-taken-over", _) => "took over what a computer that was cut off had not sent",
                ("invitation-confirmed", _) => "was let in",
                ("device-cut", Some("lost")) => "was cut off as lost",
                ("device-cut", Some("renewed")) => "goes on with a new key; the old one was ended",
                ("device-cut", _) => "was cut off",
                ("late-taken", _) => {
                    return (format!("what {name} wrote after it was cut off was taken in here"), false);
                }
                ("wrote-after-cut", _) => {
                    let entries = line.about["entries"].as_u64().unwrap_or(0);
                    let times = count(entries, "time", "times");
                    return (format!("{name} wrote {times} after it was cut off: that does not count"), true);
                }
                _ => "wrote two histories: it was copied or restored",
            };
            (format!("{name} {what}"), event(kind).1)
        }
        (kind, _) => {
            let (what, look) = event(kind);
            (what.to_owned(), look)
        }
    }
}

/// What happened, in words, and whether somebody should look at it.
fn event(kind: &str) -> (&str, bool) {
    match kind {
        "space-made" => ("it began", false),
        "joined" => ("this computer joined", false),
        "device-added" => ("a computer was added", false),
        "work-taken-over" => ("a computer took over what another one that was cut off had not sent", false),
        "came-back-by-words" => ("somebody came back on a new computer, by their recovery words", true),
        "renewed-by-words" => ("a computer goes on with a new key, by recovery words", true),
        "renewed-here" => ("this computer goes on with a new key, by your recovery words", false),
        "restored" => ("this computer came back by your recovery words", false),
        "words-made" => ("new recovery words were made here", false),
        "words-added" => ("new recovery words became valid", true),
        "device-cut" => ("a computer was cut off", true),
        "invitation-offered" => ("an invitation was made here", false),
        "invitation-made" => ("an invitation became valid", false),
        "invitation-used" => ("an invitation was used", false),
        "invitation-confirmed" => ("the person who used it was let in", false),
        "wrote-after-cut" => ("a computer wrote after it was cut off: that does not count", true),
        "late-taken" => ("what a computer wrote after it was cut off was taken in here", false),
        "member-left" => ("somebody left", true),
        "key-rotated" => ("what is written from now on has a new key", false),
        "key-granted" => ("a computer was given the key", false),
        "forget-asked" => ("somebody asked to forget something", true),
        "safety-words-compared" => ("you compared the six words", false),
        "safety-words-changed" => ("the six words are not those any more that you compared", true),
        "relay-met" => ("the relay was met for the first time; its key is known from now on", false),
        "relay-key-changed" => ("the relay has another key than before: nothing was sent", true),
        "relay-moved" => ("the alliance moved to another relay", false),
        "relay-not-named" => {
            ("so much was written into the alliance at once that its new relay cannot be named in it", true)
        }
        "relay-withholds" => ("the relay did not hand on all that was written", true),
        "relay-dropped" => ("a relay forgot its copy, as you wanted", false),
        "relay-lost-data" => ("the relay had lost what it once had; it was sent again", true),
        "entry-refused" => ("something that arrived was refused", true),
        "entry-does-not-open" => ("something that arrived cannot be opened", true),
        "key-does-not-open" => ("a key that was handed on is not the one that it is said to be", true),
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

    use super::super::{
        Layout,
        tests::{printed, seen},
    };
    use super::*;
    use crate::{command::Answer, env::Moment};

    fn space(title: &str, waiting: u64, missing: &[u64]) -> Status {
        let other = |missing: &u64| Other { name: "Anna".to_owned(), missing: *missing };
        Status {
            id: "0101".to_owned(),
            title: title.to_owned(),
            personal: title.is_empty(),
            state: (!title.is_empty()).then_some(State::Together),
            relay: Some("http://127.0.0.1:8787".to_owned()),
            other: (!title.is_empty()).then(|| "Anna".to_owned()),
            host: (!title.is_empty()).then(|| "Anna".to_owned()),
            waiting,
            unsent: waiting / 2,
            refused: (waiting > 1).then_some("it is full"),
            unsealed: None,
            out: None,
            kept: true,
            invites: false,
            unread: waiting,
            others: missing.iter().map(other).collect(),
            ends: Vec::new(),
            late: 0,
            unrecoverable: title.is_empty(),
            aside: Vec::new(),
        }
    }

    #[test]
    fn what_is_not_at_the_relay_does_not_read_as_if_it_were() {
        let new = Status { kept: false, ..space("New", 0, &[]) };
        let invites = Status { invites: true, ..space("Invites", 0, &[]) };
        let alone = Status { kept: false, relay: None, ..space("Alone", 0, &[]) };
        let written = Status { kept: false, ..space("Written", 2, &[]) };
        let words = [&new, &invites, &alone, &written].map(waits);
        let expected = [
            "not at the relay yet",
            "an invitation waits here for the next sync",
            "nothing waits",
            "3 wait here for the next sync",
        ];
        assert_eq!(words, expected);
    }

    #[test]
    fn status_says_what_waits_and_what_is_not_there_yet_and_never_a_time() {
        let awaits = || Status {
            state: Some(State::AwaitsConfirmation),
            others: Vec::new(),
            waiting: 1,
            ..space("Anna & Carl", 0, &[])
        };
        let status = || {
            let all = [space("Ben & Anna", 2, &[0, 3]), space("Anna & Dora", 0, &[0, 1]), awaits(), space("", 0, &[])];
            Answer::Status(all.into())
        };
        insta::assert_snapshot!("status", seen(&status(), Layout::Terminal));
        let mut narrow = Page::new(Layout::Terminal).of_width(40);
        crate::render::answer(&status(), &mut narrow);
        insta::assert_snapshot!("status_narrow", printed(&narrow));
        insta::assert_snapshot!("status_json", serde_json::to_string_pretty(&status()).expect("serialises"));
    }

    #[test]
    fn the_security_log_is_in_words_and_shows_what_it_does_not_know() {
        let line = |id: usize, kind: &str| Line {
            id,
            at: Moment::new(1_767_603_600, TimeZone::UTC),
            space: "0101".to_owned(),
            title: (id % 2 == 1).then(|| "Ben & Anna".to_owned()),
            kind: kind.to_owned(),
            about: serde_json::json!({ "device": "0202" }),
            of: Of::Nothing,
        };
        let log = || Answer::Security(vec![line(1, "invitation-used"), line(2, "something-new")]);
        let of = |of, kind: &str| Line { of, ..line(3, kind) };
        let named = Answer::Security(vec![
            line(1, "relay-met"),
            line(2, "relay-met"),
            of(Of::Them("Anna".to_owned()), "invitation-confirmed"),
            of(Of::You, "invitation-confirmed"),
            of(Of::Invitation, "device-cut"),
            line(5, "device-cut"),
        ]);
        insta::assert_snapshot!("security_named", seen(&named, Layout::Terminal));
        insta::assert_snapshot!("security", seen(&log(), Layout::Terminal));
        insta::assert_snapshot!("security_json", serde_json::to_string_pretty(&log()).expect("serialises"));
    }
}
