//! Backups.

use super::{Cell, FAINT, Page, STRONG, cell, count, quoted, recovery, status::PRIVATE, styled};
use crate::command::backup::{Kept, Looked, Made, Merged, RestoredFrom, Row, Space, Tried};

/// What is said where not all that is here is in a backup.
const BUT_ASIDE: &str = ", but for what is kept aside";

/// A backup that was made.
pub fn made(Made(made): &Made, page: &mut Page) {
    page.table(made.spaces.iter().map(held).collect());
    let file = quoted(&made.file.display().to_string());
    let but = if made.aside.is_empty() { "" } else { BUT_ASIDE };
    page.talk(&format!("Everything that is here is in {file}, {}{but}.", bytes(made.size)));
    page.talk("Your 24 recovery words open it, and so do your computers; nobody else reads anything in it.");
    page.talk(
        "Keep it elsewhere than on this computer. `alliance backup drill` sees whether everything would come back.",
    );
    left_out(&made.aside, page);
}

/// What a backup holds, and what of it is here.
pub fn looked(looked: &Looked, page: &mut Page) {
    let compared = looked.spaces.iter().any(|it| it.here);
    page.table(looked.spaces.iter().map(|it| if compared { beside(it) } else { held(it) }).collect());
    page.talk(&format!("The backup is whole: {}, {}.", whose(looked), bytes(looked.size)));
    if compared {
        match looked.spaces.iter().any(|it| it.more > 0) {
            true => page.talk(
                "Not all in it is here: `alliance backup restore` with it brings that in; nothing is lost by it.",
            ),
            false if unsent_more(looked) == 0 => page.talk("All in it is here."),
            false => {}
        }
        only_there(looked, page);
        left_out(&looked.aside, page);
        if looked.spaces.iter().any(is_older) {
            page.talk("Not all that is here is in it: `alliance backup create` makes a new one.");
        }
    }
}

/// What a backup brought into a profile that was there.
pub fn merged(merged: &Merged, page: &mut Page) {
    page.table(merged.looked.spaces.iter().map(beside).collect());
    let unsent = unsent_more(&merged.looked);
    let came = match (merged.new, unsent) {
        (0, 0) if merged.looked.aside.is_empty() => "nothing in the backup is new here".to_owned(),
        (0, 0) => "what is not kept aside was here before".to_owned(),
        (0, unsent) => format!("{} came with it", not_sent(unsent, &merged.looked)),
        (new, 0) => format!("{} came in", count(new, "change", "changes")),
        (new, unsent) => {
            format!("{} came in, and {}", count(new, "change", "changes"), not_sent(unsent, &merged.looked))
        }
    };
    page.talk(&format!("Nothing that was here was lost or replaced; {came}."));
    if unsent > 0 && merged.looked.aside.is_empty() {
        page.talk("The next `alliance sync` sends what was not sent.");
    }
    let strange = merged.looked.spaces.iter().filter(|it| !it.here).count() as u64;
    if strange > 0 {
        page.talk(&format!(
            "{} not here: your other computers bring what is yours with `alliance sync`, and your words bring everything back in another --profile.",
            count(strange, "alliance in it is", "alliances in it are")
        ));
    }
    left_out(&merged.looked.aside, page);
}

/// What a backup brought back where there was nothing.
pub fn restored(restored: &RestoredFrom, page: &mut Page) {
    recovery::returned(&restored.returned, page);
    if restored.offline {
        page.talk("No relay was asked. Read and write right away; the next `alliance sync` lets this computer in and brings what was written elsewhere since. If the relay is gone for good, `alliance relay set <url>` names another one first.");
    }
    aside(&restored.aside, page);
}

/// Whether everything would come back.
pub fn tried(tried: &Tried, page: &mut Page) {
    page.table(tried.spaces.iter().map(row).collect());
    let sum = |number: fn(&Row) -> u64| tried.spaces.iter().map(number).sum::<u64>();
    let alliances = tried.spaces.iter().filter(|it| !it.personal).count() as u64;
    let (entries, things, unsent) = (sum(|it| it.entries), sum(|it| it.things), sum(|it| it.unsent));
    let mut all = vec![count(alliances, "alliance", "alliances"), count(things, "thing", "things")];
    if unsent > 0 {
        all.push(format!("{unsent} not sent yet"));
    }
    if tried.whole {
        let but = if tried.aside.is_empty() { "" } else { BUT_ASIDE };
        all.insert(2, count(entries, "change", "changes"));
        page.talk(&format!("Everything that is here would come back{but}: {}.", all.join(", ")));
        return left_out(&tried.aside, page);
    }
    if tried.written {
        let (but, entries) = (if tried.aside.is_empty() { "" } else { BUT_ASIDE }, sum(|it| it.entries_lost));
        page.talk(&format!("All you wrote would come back{but}: {}.", all.join(", ")));
        page.talk(&format!(
            "{} came since, about keys and computers, or with what the backup has as not sent.",
            count(entries, "change", "changes")
        ));
        return left_out(&tried.aside, page);
    }
    let (things, entries, unsent) = (sum(|it| it.things_lost), sum(|it| it.entries_lost), sum(|it| it.unsent_lost));
    let mut lost = Vec::new();
    lost.extend((things > 0).then(|| format!("{} as it is here", count(things, "thing", "things"))));
    lost.extend((unsent > 0).then(|| format!("{} not sent yet", count(unsent, "thing", "things"))));
    lost.extend((entries > 0).then(|| count(entries, "change", "changes")));
    let lost = if lost.is_empty() { "some of what the program keeps for itself".to_owned() } else { lost.join(", ") };
    page.talk(&format!("Not everything would come back. Missing: {lost}."));
    page.talk("`alliance backup create` makes a new one.");
    left_out(&tried.aside, page);
}

/// What is kept aside of other computers, and that it is in no backup of this one.
fn left_out(kept: &[Kept], page: &mut Page) {
    aside(kept, page);
    if !kept.is_empty() {
        page.talk("No backup that is made here has what is kept aside: keep the file that brought it until it is in.");
    }
}

/// What is kept aside of other computers.
pub fn aside(kept: &[Kept], page: &mut Page) {
    let mut told: Vec<Kept> = Vec::new();
    for it in kept {
        match told.iter_mut().find(|before| (&before.id, before.waits_for) == (&it.id, it.waits_for)) {
            Some(before) => before.things += it.things,
            None => told.push(it.clone()),
        }
    }
    for Kept { computer, id, things, waits_for, .. } in told {
        let called = if computer.is_empty() { "another computer of yours" } else { &computer };
        let meant = if computer.is_empty() { id } else { quoted(&computer) };
        let (are, them) = if things == 1 { ("is", "it") } else { ("are", "them") };
        let what = format!("{} that {called} had not sent {are} kept aside", count(things, "change", "changes"));
        let comes = if things == 1 { "it comes" } else { "they come" };
        page.talk(&match waits_for {
            "cut" => format!(
                "{what}. It may still send {them}; if it is lost, {comes} in once it is cut off: `alliance device cut {meant}`."
            ),
            "sync" => format!("{what}; the next `alliance sync` takes {them} in."),
            _ => format!("{what}: what that builds on is not here."),
        });
    }
}

/// What had not been sent, and is in the backup alone.
fn only_there(looked: &Looked, page: &mut Page) {
    let unsent = unsent_more(looked);
    if unsent == 0 {
        return;
    }
    let what = not_sent(unsent, looked);
    let (are, them, come) = if unsent == 1 { ("is", "it", "it comes") } else { ("are", "them", "they come") };
    let maker = maker(looked);
    page.talk(&match looked.spaces.iter().any(|it| it.here && it.unsent_more > 0 && it.lives) {
        true => format!(
            "{what} {are} not here: {maker} may still send {them}. `alliance backup restore` with the file keeps {them} aside here; if {maker} is lost, {come} in once it is cut off. Keep the file until then."
        ),
        false => format!(
            "{what} {are} only in this file: `alliance backup restore` with it, then `alliance sync`, brings {them} in. Keep the file until then."
        ),
    });
}

fn unsent_more(looked: &Looked) -> u64 {
    looked.spaces.iter().filter(|it| it.here).map(|it| it.unsent_more).sum()
}

fn not_sent(changes: u64, looked: &Looked) -> String {
    format!("{} that {} had not sent", count(changes, "change", "changes"), maker(looked))
}

fn maker(looked: &Looked) -> &str {
    if looked.computer.is_empty() { "the computer that made it" } else { &looked.computer }
}

fn whose(looked: &Looked) -> String {
    let at = if looked.computer.is_empty() { String::new() } else { format!(" on {}", looked.computer) };
    format!("made for {}{at}, {}", super::name(&looked.name), looked.made)
}

fn held(space: &Space) -> Vec<Cell> {
    let unsent = if space.unsent > 0 { format!("{} not sent yet", space.unsent) } else { String::new() };
    vec![title(space), cell(count(space.entries, "change", "changes")), styled(unsent, FAINT)]
}

fn beside(space: &Space) -> Vec<Cell> {
    let mut newer = Vec::new();
    newer.extend((space.lacks > 0).then(|| count(space.lacks, "change", "changes")));
    newer.extend(
        (space.lacks_unsent > 0).then(|| format!("{} not sent yet", count(space.lacks_unsent, "thing", "things"))),
    );
    let newer = newer.join(" and ");
    let is = match (space.here, space.more, newer.is_empty()) {
        (false, ..) => "not here".to_owned(),
        (_, 0, _) if space.unsent_more > 0 => format!("{} not here", count(space.unsent_more, "change", "changes")),
        (_, 0, true) => "the same as here".to_owned(),
        (_, 0, false) => format!("older: {newer} came since"),
        (_, more, true) => format!("{more} not here"),
        (_, more, false) => format!("{more} not here; {newer} came since"),
    };
    let mut cells = held(space);
    cells.insert(2, cell(is));
    cells
}

fn is_older(space: &Space) -> bool {
    space.lacks + space.lacks_unsent > 0
}

fn title(space: &Space) -> Cell {
    match (space.personal, space.title.is_empty()) {
        (true, _) => styled(PRIVATE, STRONG),
        (false, true) => styled(&space.id[..space.id.len().min(8)], FAINT),
        (false, false) => styled(&space.title, STRONG),
    }
}

fn row(row: &Row) -> Vec<Cell> {
    let title = if row.personal { PRIVATE } else { &row.title };
    let back = match row.whole {
        true => "would come back".to_owned(),
        false if row.written => "all you wrote would come back".to_owned(),
        false if row.things_lost > 0 => format!("{} would not come back as it is", row.things_lost),
        false => "would not come back whole".to_owned(),
    };
    vec![styled(title, STRONG), cell(count(row.things, "thing", "things")), cell(back)]
}

/// A size as people read it.
fn bytes(size: u64) -> String {
    const UNITS: [&str; 3] = ["KB", "MB", "GB"];
    let (mut size, mut unit) = (size.div_ceil(1000), 0);
    while size >= 10_000 && unit < UNITS.len() - 1 {
        size = size.div_ceil(1000);
        unit += 1;
    }
    format!("{size} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::super::{Layout, tests::seen};
    use super::*;
    use crate::{command::Answer, env::Moment};

    fn space(title: &str, more: u64, lacks: u64, unsent: u64) -> Space {
        let (id, here) = ("0101010101".to_owned(), title != "?");
        let personal = title.is_empty();
        let title = if here { title.to_owned() } else { String::new() };
        Space {
            id,
            title,
            personal,
            here,
            entries: 120,
            more,
            lacks,
            lacks_unsent: lacks / 2,
            unsent,
            unsent_more: 0,
            lives: true,
        }
    }

    fn of(spaces: Vec<Space>) -> Looked {
        let (name, role, computer) = ("Anna".to_owned(), "client".to_owned(), "Laptop".to_owned());
        let made = Moment::new(1_767_603_600, TimeZone::UTC);
        let aside = Vec::new();
        Looked { file: "all.backup".into(), size: 1_234_567, name, role, computer, made, spaces, aside }
    }

    fn kept(waits_for: &'static str, things: u64) -> Kept {
        let (space, computer, id) = ("0101".to_owned(), "Laptop".to_owned(), "0202".to_owned());
        Kept { space, computer, id, things, waits_for }
    }

    #[test]
    fn a_backup_says_what_is_in_it_and_who_opens_it() {
        let made = Answer::BackedUp(Made(of(vec![space("Ben & Anna", 0, 0, 2), space("", 0, 0, 0)])));
        insta::assert_snapshot!("backup_made", seen(&made, Layout::Terminal));
        insta::assert_snapshot!("backup_made_json", serde_json::to_string_pretty(&made).expect("serialises"));
        let spaces = [("Ben & Anna", 0, 0), ("Anna & Dora", 3, 0), ("Anna & Carl", 0, 1), ("?", 120, 0), ("", 1, 2)];
        let spaces = spaces.map(|(title, more, lacks)| space(title, more, lacks, 0));
        let looked = Answer::BackupLooked(of(spaces.to_vec()));
        insta::assert_snapshot!("backup_looked", seen(&looked, Layout::Terminal));
        let aside = vec![kept("cut", 1), kept("cut", 2), kept("sync", 1), kept("more", 2)];
        let merged = Answer::Merged(Merged { looked: Looked { aside, ..of(spaces.to_vec()) }, new: 4 });
        insta::assert_snapshot!("backup_merged", seen(&merged, Layout::Terminal));
        let unsent = |lives| Space { unsent_more: 2, lives, ..space("Ben & Anna", 0, 0, 2) };
        let looked = [true, false].map(|lives| seen(&Answer::BackupLooked(of(vec![unsent(lives)])), Layout::Terminal));
        insta::assert_snapshot!("backup_only_there", looked.join("\n"));
    }

    #[test]
    fn a_drill_says_in_words_what_would_not_come_back() {
        let row = |title: &str, lost| Row {
            id: "0101".to_owned(),
            title: title.to_owned(),
            personal: title.is_empty(),
            whole: lost == 0,
            written: lost == 0,
            entries: 100,
            entries_lost: lost,
            things: 10,
            things_lost: lost,
            unsent: 1,
            unsent_lost: lost,
        };
        let tried = |lost| {
            let spaces = vec![row("Ben & Anna", lost), row("", 0)];
            let aside = if lost == 0 { vec![kept("cut", 1)] } else { Vec::new() };
            seen(
                &Answer::Drilled(Tried { file: None, whole: lost == 0, written: lost == 0, spaces, aside }),
                Layout::Terminal,
            )
        };
        insta::assert_snapshot!("drill_whole", tried(0));
        insta::assert_snapshot!("drill_not_whole", tried(1));
    }
}
