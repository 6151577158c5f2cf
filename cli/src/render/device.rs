//! A person's computers.

use super::{FAINT, ID, Page, STRONG, alliance, backup, cell, count, field, plain, quoted, styled};
use crate::{
    command::device::{
        self, Arrived, Came, Cut, Renewed, Row,
        late::{Late, Thing, TookIn},
        out::{Out, Why},
    },
    when,
};

/// Things that are named where not all are shown.
const NAMED: usize = 3;

/// What brings over what a computer that was cut off had not sent.
const BRINGS_OVER: &str = "`alliance backup create FILE` here, and `backup restore FILE` on a computer of yours that is in, bring over what was not sent";

/// How a computer that was put out comes in again.
const AS_A_NEW_ONE: &str =
    "`invite --device` on a computer of yours that is in, and `join` here with another --profile";

/// All computers, this one first.
pub fn computers(computers: &[Row], page: &mut Page) {
    let is_out = computers.iter().any(|it| it.out.is_some());
    let row = |computer: &Row| {
        let Row { id, name, this, live, ends, spaces, missing, .. } = computer;
        let has = match (live, this, missing) {
            (_, true, _) if is_out => "this one, which is not let in any more".to_owned(),
            (false, ..) => "cut off".to_owned(),
            // Nothing is heard of it here any more.
            _ if is_out => String::new(),
            _ if *ends => "to be cut off with the next sync".to_owned(),
            (_, true, _) => "this one".to_owned(),
            (.., 0) => "has all you wrote".to_owned(),
            (.., missing) => format!("{missing} not there yet"),
        };
        let alliances = count(spaces.saturating_sub(1) as u64, "alliance", "alliances");
        let called = if *this && name.is_empty() { "this computer" } else { device::called(name) };
        vec![styled(id, ID), styled(called, STRONG), cell(has), styled(alliances, FAINT)]
    };
    page.table(computers.iter().map(row).collect());
    backup::aside(&computers.iter().flat_map(|it| it.aside.clone()).collect::<Vec<_>>(), page);
    for late in computers.iter().filter_map(|it| it.late.as_ref()) {
        page.talk(&told(late));
    }
    if is_out {
        out(computers.iter().filter_map(|it| it.out.as_ref()), page);
        page.talk("The list is as this computer knew it last.");
    } else if computers.iter().filter(|it| it.live && !it.ends).count() < 2 {
        page.talk("This is your only computer. `alliance invite --device` makes the word that lets another one in.");
    }
}

/// A computer that was cut off.
pub fn cut(cut: &Cut, page: &mut Page) {
    let called = device::called(&cut.name);
    match cut.done {
        true => page.talk(&format!("{called} is cut off: it is refused from now on, and opens nothing that is written after this.")),
        false => page.talk(&format!("{called} is to be cut off. The relay does not know it yet, and nothing is sent before it does: `alliance sync` tries again.")),
    }
    page.talk(
        "What was on it stays readable to whoever has it and can unlock it, and what it had not sent is only there.",
    );
    page.talk("If its disk was not locked: tell the other person, and change what was written down in notes, such as passwords.");
    page.talk(match cut.words {
        true => "Recovery words that were made on it end with it: `alliance recovery check` sees whether yours still work, and `alliance recovery replace` makes new ones.",
        false => "Your recovery words work as before. If they were with it, on paper or in a file, whoever has them can come back as you: then begin anew with the other person, in a new profile that has other words: `alliance --profile new init`.",
    });
    if cut.left < 2 {
        page.talk("This is your only computer now. `alliance invite --device` lets another one in.");
    }
}

/// Why this computer is not in some spaces any more, and what helps. Of several reasons the first that is known.
pub fn out<'a>(all: impl Iterator<Item = &'a Out>, page: &mut Page) {
    let Some(out) = all.min_by_key(|it| it.why) else { return };
    page.talk(&format!("{} Everything that was written here is still here.", happened(out)));
    helps(out.why).iter().for_each(|it| page.talk(it));
}

/// The same, within a sentence.
pub fn within(out: &Out) -> String {
    let said = happened(out);
    let first = said.chars().take(1).flat_map(char::to_lowercase);
    first.chain(said.trim_end_matches('.').chars().skip(1)).collect()
}

/// Why this computer is not in a space any more.
pub fn happened(out: &Out) -> String {
    match out.why {
        Why::CutOff => {
            let by = match out.by.as_deref() {
                None => String::new(),
                Some(Out::WORDS) => ", by your recovery words".to_owned(),
                Some(Out::COPY) => ", because a copy of it goes on under fresh keys".to_owned(),
                Some(name) => format!(", on your computer “{name}”"),
            };
            let heard = out.heard.as_ref().map(|at| format!("; it heard of that on {at}")).unwrap_or_default();
            format!("This computer was cut off{by}{heard}.")
        }
        Why::TwoHistories => "Two histories were written under the keys of this computer: it was copied, or put back from a backup, and both went on.".to_owned(),
        Why::Unknown => "The relay does not let this computer in.".to_owned(),
        Why::NotLetIn => "This computer was never let in, and the invitation by which it came works no more.".to_owned(),
    }
}

/// What helps a computer that is not in a space any more.
pub fn helps(why: Why) -> Vec<String> {
    match why {
        Why::CutOff => vec![
            format!("{BRINGS_OVER}."),
            format!("To use this computer again, take it in as a new one: {AS_A_NEW_ONE}."),
        ],
        Why::TwoHistories => vec![
            "`alliance device renew` with your 24 recovery words lets this computer in again, and nothing is lost."
                .to_owned(),
        ],
        Why::NotLetIn => vec![format!("A new invitation lets it in, taken up with another --profile here: `invite --device` on another computer of yours, or `invite` where the alliance was made.")],
        Why::Unknown => vec![
            format!(
                "If it was cut off, on another computer of yours or by your recovery words, or if a copy of it goes on under fresh keys: {BRINGS_OVER}. To use it again, take it in as a new one: {AS_A_NEW_ONE}."
            ),
            "If there are copies of it, or it was put back from a backup, and none of them is let in any more: `alliance device renew` with your 24 recovery words lets it in again, and nothing is lost.".to_owned(),
        ],
    }
}

/// What computers wrote after they were cut off.
pub fn late(all: &[Late], page: &mut Page) {
    if all.is_empty() {
        page.talk("Everything that your computers wrote counts.");
    }
    for late in all {
        page.talk(&wrote(late));
        for thing in &late.things {
            let Thing { named, alliance, new, words, .. } = thing;
            let place = alliance.as_deref().unwrap_or(super::status::PRIVATE);
            let change = if *new { "new" } else { "would change" };
            let title = styled(&named.title, STRONG);
            page.table(vec![vec![
                styled(&named.short, ID),
                cell(&named.kind),
                title,
                cell(place),
                styled(change, FAINT),
            ]]);
            for (name, said) in words {
                let said = when::said(name, said);
                for (at, line) in said.lines().enumerate() {
                    let name = if at == 0 { format!("  {}:", field(name)) } else { "   ".to_owned() };
                    page.line([styled(name, FAINT), cell(line)]);
                }
            }
        }
        page.talk(&format!("If you wrote it yourself, `alliance device take {}` takes it in.", typed(late)));
    }
}

/// What a person is about to take in.
pub fn about(late: &Late) -> String {
    let mut text = format!("{}\n", plain(&wrote(late)));
    for Thing { named, alliance, .. } in &late.things {
        let place = alliance.as_deref().unwrap_or(super::status::PRIVATE);
        text.push_str(&format!("  {} “{}” ({})\n", named.kind, plain(&named.title), plain(place)));
    }
    text.push_str("Whoever has that computer could have written it. Once it counts, nobody can undo that.\n");
    text
}

/// What was taken in.
pub fn took_in(took: &TookIn, page: &mut Page) {
    let called = device::called(&took.name);
    page.table(took.things.iter().map(|it| vec![styled(&it.short, ID), cell(&it.kind), cell(&it.title)]).collect());
    match (took.things.len() as u64, took.done) {
        (0, true) => {
            page.talk(&format!("There is nothing to take in that {called} wrote: all of it counts, or nothing came."));
        }
        (0, false) => page.talk("It was taken in already; the next `alliance sync` tells the others."),
        (things, true) => {
            page.talk(&format!("{} for everybody from now on.", count(things, "thing counts", "things count")));
        }
        (things, false) => page.talk(&format!(
            "{} here from now on, and for everybody else with the next `alliance sync`.",
            count(things, "thing counts", "things count")
        )),
    }
    if took.closed > 0 {
        page.talk(&format!("{} could not be taken in.", more(took.closed)));
    }
}

fn wrote(late: &Late) -> String {
    let called = if late.this { "this computer" } else { device::called(&late.name) };
    let who = if late.by_copy { format!("A copy of {called}") } else { called.to_owned() };
    let last = late.last.as_ref().map(|last| format!(", the last of it on {}", last.day())).unwrap_or_default();
    let closed = if late.closed > 0 { format!(", and {}", more(late.closed)) } else { String::new() };
    let things = count(late.things.len() as u64, "thing", "things");
    format!("{who} wrote {things} after it was cut off{last}{closed}. That does not count.")
}

fn more(closed: u64) -> String {
    format!("{} that cannot be read here or could never count", count(closed, "entry", "entries"))
}

/// The same, with the first titles.
fn summary(late: &Late) -> String {
    let named = late.things.iter().take(NAMED).map(|it| format!("{} “{}”", it.named.kind, it.named.title));
    let mut named: Vec<_> = named.collect();
    if late.things.len() > NAMED {
        named.push("…".to_owned());
    }
    match named.is_empty() {
        true => wrote(late),
        false => format!("{} It is: {}.", wrote(late), named.join(", ")),
    }
}

/// The same, and what can be done.
pub fn told(late: &Late) -> String {
    format!("{}\n{}", summary(late), help(late))
}

fn help(late: &Late) -> String {
    let called = typed(late);
    format!(
        "`alliance device late {called}` shows it; if you wrote it yourself, `alliance device take {called}` takes it in."
    )
}

/// A computer as it is typed in commands.
fn typed(late: &Late) -> String {
    match late.name.as_str() {
        "" => late.id.clone(),
        name if name.contains(|c: char| !c.is_alphanumeric()) => quoted(name),
        name => name.to_owned(),
    }
}

/// This computer goes on under fresh keys.
pub fn renewed(renewed: &Renewed, page: &mut Page) {
    if renewed.by_words {
        match renewed.done {
            true => page.talk("This computer is in again, under fresh keys, with everything that was written on it."),
            false => page
                .talk("This computer is not in everywhere yet: `alliance device renew` goes on, with the same words."),
        }
        page.talk("The copy of it is not. If you use that one as well, run `alliance device renew` there: with the words it goes on as another computer of yours.");
        return;
    }
    match renewed.done {
        true => page.talk("This computer has fresh keys and everything it had. A copy of it is refused from now on."),
        false => page
            .talk("The relay does not know it yet, and nothing is sent before it does: `alliance sync` tries again."),
    }
    for title in &renewed.kept {
        page.talk(&format!("“{title}” keeps its key until the other person is in: nobody else could invite them."));
    }
    page.talk("If a copy still runs somewhere, what it had not sent is only there: `alliance backup create FILE` there, and `alliance backup restore FILE` here, bring it over. To use that computer as well, take it in as a new one: `alliance invite --device` here, and `join` there with another --profile.");
}

/// This computer came to those of a person.
pub fn arrived(arrived: &Arrived, page: &mut Page) {
    let whose = arrived
        .name
        .as_deref()
        .map_or_else(|| "another person's computers".to_owned(), |name| format!("{name}'s computers"));
    page.talk(&format!("This is one of {whose} now."));
    for Came { title, items, .. } in &arrived.alliances {
        page.talk(&format!("“{title}” is here: {}.", count(*items as u64, "thing", "things")));
    }
    alliance::unchosen(arrived.alliances.iter().filter(|it| !it.ended).count(), page);
    match arrived.synced {
        true => page.talk("Read or write right away; your other computer's next sync lets this one in, and what you write goes out after that."),
        false => page.talk("Not everything is here yet: `alliance sync` goes on where it stopped."),
    }
}
