//! Everything that people can do with what they keep together, by chance: for the simulator, and for what holds of each.

use alliance_core::{
    document::TextEdit,
    domain::{
        Intent, belief, comment,
        commitment::{self, CheckIn, Offer, Terms},
        goal,
        insight::{self, Back},
        note, question, reflection,
        session::{self, Details},
        win,
    },
};
use alliance_replica::id::ItemId;

/// Where luck and words come from.
pub trait Luck {
    /// A number below `bound`.
    fn below(&mut self, bound: usize) -> usize;

    /// A word that nobody wrote.
    fn word(&mut self) -> String;
}

/// Kinds that [`new`] makes.
pub const KINDS: [&str; 8] = ["commitment", "session", "reflection", "question", "insight", "belief", "win", "comment"];

fn day(luck: &mut dyn Luck) -> String {
    format!("2027-01-{:02}", 1 + luck.below(28))
}

fn back(luck: &mut dyn Luck) -> Back {
    Back { day: day(luck), months: insight::INTERVALS[luck.below(3)] }
}

fn text(luck: &mut dyn Luck) -> TextEdit {
    TextEdit { from: None, text: format!("{} ", luck.word()) }
}

/// Something new of one of [`KINDS`]; a comment is about `target`.
pub fn new(kind: usize, target: ItemId, luck: &mut dyn Luck) -> Intent {
    match kind {
        0 if luck.below(3) == 0 => {
            let offer = Offer { title: luck.word(), links: Vec::new() };
            commitment::Intent::Make(offer, terms(luck)).into()
        }
        0 => commitment::Intent::Offer(Offer { title: luck.word(), links: Vec::new() }).into(),
        1 => {
            let details = Details { title: Some(luck.word()), agenda: vec![luck.word()], ..Details::default() };
            session::Intent::Plan(details).into()
        }
        2 => {
            let (prompt, body) = (Some(luck.word()), format!("{} ", luck.word()));
            reflection::Intent::Write { prompt, body, tags: Vec::new() }.into()
        }
        3 => {
            let new = question::New { text: format!("{} ", luck.word()), tags: Vec::new() };
            if luck.below(2) == 0 { question::Intent::Offer(new) } else { question::Intent::Take(new) }.into()
        }
        4 if luck.below(2) == 0 => insight::Intent::Offer { text: format!("{} ", luck.word()) }.into(),
        4 => insight::Intent::Add { text: format!("{} ", luck.word()), back: back(luck) }.into(),
        5 => belief::Intent::Name { belief: luck.word(), strength: Some((day(luck), 70)) }.into(),
        6 => win::Intent::Add { text: format!("{} ", luck.word()) }.into(),
        _ => comment::Intent::Add { target, body: format!("{} ", luck.word()) }.into(),
    }
}

fn terms(luck: &mut dyn Luck) -> Terms {
    Terms { due: Some(day(luck)), if_then: Some(text(luck)), confidence: Some(7), ..Terms::default() }
}

/// Something that somebody may want to do with an item of a kind; whether they may is another matter.
pub fn change(kind: &str, item: ItemId, luck: &mut dyn Luck) -> Option<Intent> {
    Some(match kind {
        "commitment" => commitments(item, luck).into(),
        "session" => match luck.below(4) {
            0 => {
                let details = Details { agenda: vec![luck.word()], aim: Some(text(luck)), ..Details::default() };
                session::Intent::Edit { item, details }
            }
            1 => session::Intent::Edit { item, details: Details { title: Some(luck.word()), ..Details::default() } },
            2 => session::Intent::TakeAway { item, date: day(luck), words: luck.word() },
            _ => session::Intent::Finish { item },
        }
        .into(),
        "reflection" => {
            let (tag, untag) = (vec![luck.word()], Vec::new());
            reflection::Intent::Edit { item, body: None, tag, untag }.into()
        }
        "question" => {
            let status = question::STATUSES[luck.below(question::STATUSES.len())].to_owned();
            question::Intent::Stand { item, status, answer: Some(text(luck)) }.into()
        }
        "insight" => {
            let status = Some(insight::STATUSES[luck.below(insight::STATUSES.len())].to_owned());
            insight::Intent::Stand { item, status, back: Some(back(luck)) }.into()
        }
        "belief" => match luck.below(3) {
            0 => belief::Intent::Evidence { item, supports: luck.below(2) == 0, date: day(luck), words: luck.word() },
            1 => belief::Intent::Reframe { item, date: day(luck), words: luck.word() },
            _ => belief::Intent::Strength { item, date: day(luck), strength: 40 },
        }
        .into(),
        "win" => win::Intent::Cheer { item, date: day(luck), words: luck.word() }.into(),
        "comment" => comment::Intent::Edit { item, body: text(luck) }.into(),
        "note" => {
            let edit = note::Edit { tag: vec![luck.word()], ..note::Edit::default() };
            note::Intent::Edit { item, edit }.into()
        }
        "goal" => {
            let status = goal::STATUSES[luck.below(goal::STATUSES.len())];
            goal::Intent::Edit { item, edit: goal::Edit::status(status, Some(text(luck))) }.into()
        }
        _ => return None,
    })
}

fn commitments(item: ItemId, luck: &mut dyn Luck) -> commitment::Intent {
    use commitment::Intent;
    match luck.below(10) {
        0 | 1 => Intent::Accept { item, terms: terms(luck) },
        2 => {
            let (title, link, unlink) = (Some(luck.word()), Vec::new(), Vec::new());
            Intent::Edit { item, title, link, unlink, terms: Terms::default() }
        }
        3 => {
            let (link, unlink) = (Vec::new(), Vec::new());
            Intent::Edit { item, title: None, link, unlink, terms: terms(luck) }
        }
        4 => Intent::Withdraw { item },
        5 => {
            let how = commitment::ENDS[luck.below(commitment::ENDS.len())].to_owned();
            Intent::End { item, how, learning: Some(text(luck)) }
        }
        6 => Intent::Renegotiate { item, title: Some(luck.word()), terms: terms(luck) },
        7 => Intent::Ask { item, date: day(luck), words: luck.word() },
        8 => Intent::Mute { item, muted: luck.below(2) == 0 },
        _ => {
            let outcome = commitment::OUTCOMES[luck.below(commitment::OUTCOMES.len())].to_owned();
            let check_in = CheckIn { date: day(luck), outcome, obstacle: Some(luck.word()), ..CheckIn::default() };
            Intent::CheckIn { item, check_in }
        }
    }
}
