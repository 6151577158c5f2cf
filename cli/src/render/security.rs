//! The security log: what happened to keys and membership, in words.

use super::{FAINT, LOOK, NARROW, Page, cell, count, status::PRIVATE, styled};
use crate::command::security::{Line, Of};

/// Things that a sync tells at most.
const NEWS: usize = 5;

/// The security log.
pub fn log(lines: &[Line], page: &mut Page) {
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
        if page.is_within(NARROW) {
            page.line([styled(line.at.to_string(), FAINT), cell(title)]);
            page.line([styled(format!("    {what}"), style)]);
        } else {
            rows.push(vec![styled(line.at.to_string(), FAINT), cell(title), styled(what, style)]);
        }
    }
    page.table(rows);
    means(lines).into_iter().for_each(|it| page.talk(&it));
}

/// What happened while something was exchanged: each thing once, with the alliances in which it did.
pub fn news(lines: &[Line]) -> Vec<String> {
    let mut told: Vec<(String, Vec<String>)> = Vec::new();
    for line in lines.iter().filter(|line| is_news(line)) {
        let (what, _) = words(line);
        let title = line.title.as_ref().map_or_else(|| "what is only yours".to_owned(), |title| format!("“{title}”"));
        match told.iter_mut().find(|it| it.0 == what) {
            Some((_, titles)) if titles.contains(&title) => {}
            Some((_, titles)) => titles.push(title),
            None => told.push((what, vec![title])),
        }
    }
    let more = told.len().saturating_sub(NEWS);
    let mut said: Vec<_> =
        told.into_iter().take(NEWS).map(|(what, titles)| format!("In {}: {what}.", titles.join(", "))).collect();
    if more > 0 {
        said.push(format!("{} happened to keys and computers.", count(more as u64, "more thing", "more things")));
    }
    said.extend(means(lines));
    if !said.is_empty() {
        said.push("`alliance security` shows all of it.".to_owned());
    }
    said
}

/// What it means for this person that a computer of the other one was lost, if one was.
fn means(lines: &[Line]) -> Option<String> {
    let lost = |line: &&Line| line.kind == "device-cut" && line.about["reason"] == "lost";
    let whose = lines.iter().filter(lost).find_map(|line| match &line.of {
        Of::TheirComputer(whose) => Some(whose),
        _ => None,
    })?;
    Some(format!(
        "For you that means: whoever has that computer of {whose} and can unlock it may read what you and {whose} wrote there until then, but nothing that is written from now on. Nothing is lost here. Ask {whose}, by voice, whether they cut it off themselves, and change what was written down there that lets somebody in elsewhere, such as passwords."
    ))
}

/// True for what a person should hear of at once. Who comes by an invitation is told in other words.
fn is_news(line: &Line) -> bool {
    let is_told = ["relay-withholds", "relay-lost-data", "relay-key-changed", "wrote-after-cut"].contains(&&*line.kind);
    let is_computers = line.kind == "invitation-confirmed" && matches!(line.of, Of::Computer(_) | Of::TheirComputer(_));
    is_computers || !is_told && line.of != Of::Invitation && event(&line.kind).1
}

/// What a line says, and whether somebody should look at it.
pub fn words(line: &Line) -> (String, bool) {
    match (&*line.kind, &line.of) {
        ("invitation-confirmed", Of::You) => ("you were let in".to_owned(), false),
        ("invitation-confirmed", Of::Them(name)) => (format!("{name} was let in"), false),
        ("came-back-by-words", Of::You) => (
            "you came back on a new computer, by your recovery words; if that was not you, somebody has them"
                .to_owned(),
            true,
        ),
        ("came-back-by-words", Of::Them(name)) => (
            format!(
                "{name} came back on a new computer, by their recovery words; ask {name}, by voice, whether that was them"
            ),
            true,
        ),
        ("renewed-by-words", Of::You) => {
            ("a computer of yours goes on with a new key, by your recovery words".to_owned(), true)
        }
        ("renewed-by-words", Of::Them(name)) => {
            (format!("{name} goes on with a new key, by their recovery words"), true)
        }
        ("words-added", Of::You) => ("new recovery words of yours became valid".to_owned(), true),
        ("words-added", Of::Them(name)) => (format!("new recovery words of {name} became valid"), true),
        ("member-left", Of::You) => ("you left".to_owned(), true),
        ("member-left", Of::Them(name)) => (format!("{name} left"), true),
        ("device-cut", Of::Invitation) => ("an invitation was ended".to_owned(), false),
        ("device-cut", Of::Words(None)) => {
            ("recovery words of yours ended: they bring nothing back any more".to_owned(), true)
        }
        ("device-cut", Of::Words(Some(name))) => (format!("recovery words of {name} ended"), true),
        ("device-cut", Of::Nothing) if line.about["reason"] == "renewed" => {
            ("a computer goes on with a new key; the old one was ended".to_owned(), true)
        }
        (kind, Of::Computer(_) | Of::TheirComputer(_)) => {
            let name = match &line.of {
                Of::TheirComputer(whose) => format!("a computer of {whose}"),
                Of::Computer(name) => name.clone(),
                _ => String::new(),
            };
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
        "key-granted" => ("the keys to what was written were handed on", false),
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
            of(Of::Words(None), "device-cut"),
            of(Of::Words(Some("Anna".to_owned())), "device-cut"),
            Line { about: serde_json::json!({ "device": "0202", "reason": "renewed" }), ..line(5, "device-cut") },
            Line {
                about: serde_json::json!({ "device": "0202", "reason": "lost" }),
                ..of(Of::TheirComputer("Anna".to_owned()), "device-cut")
            },
            line(5, "device-cut"),
        ]);
        insta::assert_snapshot!("security_named", seen(&named, Layout::Terminal));
        let mut narrow = Page::new(Layout::Terminal).of_width(60);
        crate::render::answer(&named, &mut narrow);
        insta::assert_snapshot!("security_narrow", printed(&narrow));
        insta::assert_snapshot!("security", seen(&log(), Layout::Terminal));
        insta::assert_snapshot!("security_json", serde_json::to_string_pretty(&log()).expect("serialises"));
    }

    #[test]
    fn a_sync_tells_what_a_person_should_hear_of_each_thing_once() {
        let line = |kind: &str, title: Option<&str>, of| Line {
            id: 1,
            at: Moment::new(1_767_603_600, TimeZone::UTC),
            space: "0101".to_owned(),
            title: title.map(str::to_owned),
            kind: kind.to_owned(),
            about: serde_json::json!({ "device": "0202", "reason": "lost" }),
            of,
        };
        let tablet = || Of::Computer("your computer “Tablet”".to_owned());
        let lines = [
            line("key-rotated", Some("Ben & Anna"), Of::Nothing),
            line("device-cut", None, tablet()),
            line("device-cut", Some("Ben & Anna"), tablet()),
            line("device-cut", Some("Ben & Anna"), Of::Invitation),
            line("invitation-confirmed", Some("Ben & Anna"), Of::TheirComputer("Anna".to_owned())),
            line("invitation-confirmed", Some("Ben & Carl"), Of::Them("Carl".to_owned())),
            line("came-back-by-words", Some("Ben & Anna"), Of::Them("Anna".to_owned())),
            line("member-left", Some("Ben & Anna"), Of::Them("Anna".to_owned())),
        ];
        insta::assert_snapshot!("security_news", news(&lines).join("\n"));
        assert!(news(&lines[..1]).is_empty(), "what nobody has to do anything about is no news");
        let many: Vec<_> =
            (0..9).map(|n| line("member-left", Some("Ben & Anna"), Of::Them(format!("Anna {n}")))).collect();
        assert_eq!(news(&many).len(), NEWS + 2);
    }
}
