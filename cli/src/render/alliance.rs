//! Alliances and the relays through which they are exchanged.

use super::{FAINT, ID, NARROW, Page, STRONG, cell, item, plain, status::PRIVATE, styled};
use crate::{
    command::{
        about::Shown,
        alliance::{Chosen, Row, State},
        leave::Left,
        relay::{Gone, Known},
    },
    when,
};

/// An alliance that began or was chosen, or all of them.
pub fn chosen(chosen: &Chosen, page: &mut Page) {
    match chosen {
        Chosen::Began(row) => {
            page.line([styled(&row.title, STRONG)]);
            page.talk("A new alliance; commands mean it from now on. `alliance invite` makes the word that lets the other person in.");
        }
        Chosen::Now(row) => {
            page.line([styled(&row.title, STRONG)]);
            page.talk("Commands mean this alliance from now on.");
        }
        Chosen::All(rows) => {
            page.table(
                rows.iter()
                    .map(|row| {
                        let mark = if row.current { "*" } else { "" };
                        let id = row.id.get(..8).unwrap_or(&row.id);
                        let state = state(row.state, row.other.as_deref(), row.host.as_deref());
                        vec![cell(mark), styled(title(&row.title), STRONG), cell(state), styled(id, FAINT)]
                    })
                    .collect(),
            );
            if rows.is_empty() {
                page.talk("No alliance yet. `alliance new <title>` starts one.");
            }
        }
    }
}

/// The alliance itself.
pub fn about(about: &Shown, page: &mut Page) {
    page.line([styled(&about.title, STRONG)]);
    if let Some(review) = &about.review {
        let day = when::said("review", review);
        page.line([styled("look back", FAINT), cell(day)]);
    }
    if let Some(purpose) = &about.purpose {
        page.gap();
        page.text(purpose);
    } else {
        page.talk("`alliance about --purpose <text>` says what it is for, `--review <day>` when you look back at it.");
    }
    if !about.conflicts.is_empty() {
        page.gap();
        item::choices(&about.conflicts, None, page);
    }
}

/// What an alliance is called, also before that has come.
pub fn title(title: &str) -> &str {
    if title.is_empty() { "(its title has not come yet)" } else { title }
}

/// How far an alliance has come, in words; `host` lets this computer in, while it is not.
pub fn state(state: State, other: Option<&str>, host: Option<&str>) -> String {
    let name = other.unwrap_or("the other person");
    match state {
        State::Alone => "waiting for the other person".to_owned(),
        State::AwaitsConfirmation => {
            format!("waiting for {}'s next sync to let you in", host.unwrap_or("the other person"))
        }
        State::Together => format!("with {name}"),
        State::TheyLeft => format!("{name} left; your copy continues"),
        State::Ended => "over on this computer; your copy stays".to_owned(),
    }
}

/// The relays in use.
pub fn relays(relays: &[Known], page: &mut Page) {
    if relays.is_empty() {
        page.talk("No relay is set: everything stays on this computer. `alliance relay set <url>` names one.");
    }
    let mut rows = Vec::new();
    for relay in relays {
        let key = relay.key.as_deref().map_or("not met yet", |key| key.get(..16).unwrap_or(key));
        let left = relay.left.len() == relay.spaces.len();
        let more = if left { "left; visited until all have moved" } else { "" };
        let token = if relay.token { "token kept" } else { "" };
        if page.is_within(NARROW) {
            page.line([styled(&relay.id, ID)]);
            page.line([styled(format!("    {key}"), FAINT), cell(token), styled(more, FAINT)]);
        } else {
            rows.push(vec![styled(&relay.id, ID), styled(key, FAINT), cell(token), styled(more, FAINT)]);
        }
    }
    page.table(rows);
}

/// The line under which an alliance's things stand.
pub fn heading(row: &Row, page: &mut Page) {
    let state = state(row.state, row.other.as_deref(), row.host.as_deref());
    page.line([styled(title(&row.title), STRONG), styled(state, FAINT)]);
}

/// An alliance that was left.
pub fn left(left: &Left, page: &mut Page) {
    let Left { title, other, done, empty, .. } = left;
    page.talk(&format!("You have left “{title}”. All of it stays on your computers, to read as long as you like; `alliance export <folder>` makes files of it."));
    let other = other.as_deref().unwrap_or("The other person");
    match done {
        true if *empty => {
            page.talk("Nobody is in it any more: `alliance relay drop` has the relay forget its copy.");
        }
        true => page.talk(&format!("{other} keeps a full copy, too, and learns of it with the next sync. The relay keeps one while {other} is in.")),
        false => page.talk("The relay does not know it yet: `alliance sync` tries again."),
    }
}

/// What is said where several alliances came to a computer, on which nobody chose one.
pub fn unchosen(alliances: usize, page: &mut Page) {
    if alliances > 1 {
        page.talk(&format!("You have {alliances} alliances: `alliance use <title>` chooses the one that commands mean on this computer."));
    }
}

/// What a relay is about to forget.
pub fn about_to_drop<'a>(relay: &str, titles: impl Iterator<Item = &'a str>, own: bool) -> String {
    let mut text = format!("{relay} forgets its copy, if nobody is in it any more:\n");
    titles.for_each(|title| text.push_str(&format!("  {}\n", plain(title))));
    if own {
        text.push_str(&format!("  {PRIVATE}: your recovery words bring nothing back from there afterwards\n"));
    }
    text.push_str("All that is on your computers stays. Nobody can undo it.\n");
    text
}

/// What a relay forgot.
pub fn gone(rows: &[Gone], page: &mut Page) {
    if rows.is_empty() {
        page.talk("No alliance that you have left is kept there, so nothing was changed.");
    }
    for row in rows {
        let title = if row.personal { PRIVATE } else { &row.title };
        match row.why {
            None => page.talk(&format!("{} keeps nothing of “{title}” any more. All of it is still here.", row.relay)),
            Some(why) => page.talk(&format!("{} still keeps “{title}”: {why}.", row.relay)),
        }
    }
    if rows.iter().any(|row| row.personal && row.dropped) {
        page.talk("What is only yours is on your computers alone now, and your words bring nothing back. `alliance relay set <url>` names a relay for it again.");
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Layout, tests::printed};
    use super::*;

    #[test]
    fn the_address_of_a_relay_stays_whole_on_a_narrow_terminal() {
        let relay = |id: &str, key: Option<&str>, left: &[&str]| Known {
            id: id.to_owned(),
            key: key.map(str::to_owned),
            spaces: vec!["0101".to_owned()],
            left: left.iter().map(|&space| space.to_owned()).collect(),
            root: false,
            token: key.is_none(),
        };
        let all =
            [relay("http://127.0.0.1:8789", None, &[]), relay("http://10.10.0.1:8787", Some("c7703b"), &["0101"])];
        let shown = [80, 40].map(|width| {
            let mut page = Page::new(Layout::Terminal).of_width(width);
            relays(&all, &mut page);
            printed(&page)
        });
        insta::assert_snapshot!("relays", shown.join("\n"));
    }

    #[test]
    fn an_alliance_whose_title_has_not_come_has_a_line_of_words() {
        let row = Row {
            id: "0101010101".to_owned(),
            title: String::new(),
            other: Some("Ben".to_owned()),
            state: State::AwaitsConfirmation,
            current: true,
            host: Some("your other computer".to_owned()),
        };
        let mut page = Page::new(Layout::Plain);
        heading(&row, &mut page);
        let said = "(its title has not come yet)\twaiting for your other computer's next sync to let you in\n";
        assert_eq!(printed(&page), said);
    }
}
