//! What people do with their items: every intent of the domain, on whatever items there are.

use std::collections::BTreeMap;

use alliance_core::{
    app::{AppError, Intent, ItemRef, Owner, Place, Profile, Summary, Whereto, World as Outside},
    document::{Splice, TextEdit},
    domain::{
        feedback,
        goal::{self, Rating, Step},
        note,
    },
};
use alliance_replica::id::SpaceId;

use super::{
    device::{Screen, Text},
    dice::Dice,
    record::{LENGTH, WORD},
};

/// What somebody wrote: the item, and the new words in it.
pub(crate) type Wrote = (ItemRef, Vec<String>);

/// What came of something that somebody did, if it could be done.
type Did = Result<Option<Wrote>, AppError>;

/// What has to do with commitments, sessions and the like.
pub(crate) const COACHES: usize = 13;

/// Where somebody does something.
pub(super) struct At<'a, 'w> {
    pub(super) profile: &'a mut Profile,
    pub(super) space: SpaceId,
    pub(super) outside: &'a mut Outside<'w>,
}

impl At<'_, '_> {
    fn add(&mut self, place: Place, intent: &Intent, words: Vec<String>) -> Did {
        Ok(Some((self.profile.add(place, intent, self.outside)?.item, words)))
    }

    fn change(&mut self, item: &ItemRef, intent: &Intent, words: Vec<String>) -> Did {
        Ok(Some((self.profile.change(item, intent, self.outside)?.item, words)))
    }
}

/// One thing that somebody does on one of their computers.
pub(crate) struct Act {
    /// Which.
    pub(crate) what: usize,
    pub(crate) dice: Dice,
    /// New words, enough of them.
    pub(crate) words: Vec<String>,
    /// Where there is something to do.
    pub(crate) spaces: Vec<SpaceId>,
    /// What is open on the screen.
    pub(crate) screen: BTreeMap<Text, Screen>,
    /// A text in which typing tore something apart.
    pub(crate) torn: Option<String>,
    /// What somebody archived, and all that it said as they saw it.
    pub(crate) archived: Option<(ItemRef, String)>,
    /// What is open there now.
    pub(crate) opened: Option<(Text, Screen)>,
}

impl Act {
    fn below(&mut self, bound: usize) -> usize {
        self.dice.index(bound)
    }

    fn word(&mut self) -> String {
        self.words.pop().expect("enough words")
    }

    /// Does it; returns what was written, if anything could be done.
    pub(crate) fn run(&mut self, profile: &mut Profile, outside: &mut Outside<'_>) -> Result<Option<Wrote>, AppError> {
        let alliances = profile.alliances()?;
        let Some(alliance) = (!alliances.is_empty()).then(|| self.below(alliances.len())) else { return Ok(None) };
        let space = alliances[alliance].space;
        if !self.spaces.contains(&space) {
            return Ok(None);
        }
        let place = if self.below(5) == 0 { Place::Personal } else { Place::Alliance(space) };
        let mut at = At { profile, space, outside };
        match self.what {
            0 => self.note(place, &mut at),
            1 => self.goal(place, &mut at),
            2 => self.types(&mut at),
            3 => self.rewrites(&mut at),
            4 => self.renames(&mut at),
            5 => self.edits_goal(&mut at),
            6 => self.tags(&mut at),
            7 => {
                let At { profile, outside, .. } = at;
                let done = if self.below(3) == 0 { profile.redo(outside) } else { profile.undo(outside) }?;
                Ok(Some((done.item, Vec::new())))
            }
            8 => self.chooses(&mut at),
            9 => self.rates(&mut at),
            10 => self.shares(&mut at),
            11 => self.moves(&mut at),
            COACHES => self.coaches(place, &mut at),
            _ => self.says(&mut at),
        }
    }

    fn note(&mut self, place: Place, at: &mut At<'_, '_>) -> Did {
        let (title, body, tag) = (self.word(), self.word(), self.word());
        let add = note::Add { title: title.clone(), body: format!("{body} "), tags: vec![tag.clone()] };
        at.add(place, &Intent::Note(note::Intent::Add(add)), vec![title, body, tag])
    }

    fn goal(&mut self, place: Place, at: &mut At<'_, '_>) -> Did {
        let (title, why, area) = (self.word(), self.word(), self.word());
        let both = self.below(3) == 0 && place != Place::Personal;
        let add = goal::Add {
            title: title.clone(),
            why: format!("{why} "),
            area: vec![area.clone()],
            both,
            ..goal::Add::default()
        };
        at.add(place, &Intent::Goal(goal::Intent::Add(add)), vec![title, why, area])
    }

    fn some(&mut self, at: &mut At<'_, '_>, kind: &str) -> Result<Option<Summary>, AppError> {
        let all = at.profile.list(at.space, kind, true)?;
        Ok((!all.is_empty()).then(|| all[self.below(all.len())].clone()))
    }

    /// Types in the version that the screen shows, however old that is.
    fn types(&mut self, at: &mut At<'_, '_>) -> Did {
        let kind = *["note", "note", "goal"].get(self.below(3)).expect("one of three");
        let Some(summary) = self.some(at, kind)? else { return Ok(None) };
        let field = if kind == "note" { "body" } else { "why" };
        let place = (summary.item, field);
        let known = self.screen.get(&place).cloned().filter(|_| self.below(4) > 0);
        let (mut from, mut text) = match known {
            Some(shown) => shown,
            None => {
                let shown = at.profile.text(&summary.item, field)?;
                (shown.from.unwrap_or_default(), shown.text)
            }
        };
        let before = at.profile.text(&summary.item, field)?.text;
        let mut written = Vec::new();
        for _ in 0..=self.below(3) {
            let word = self.word();
            let gaps: Vec<_> = text.match_indices(' ').map(|(at, _)| at + 1).chain([0]).collect();
            let gap = gaps[self.below(gaps.len())];
            // Where something stands in one version, nothing need begin in another.
            let insert = format!("{word}{}", " ".repeat(1 + self.below(3)));
            let place_in = text[..gap].encode_utf16().count();
            let splice = Splice { at: place_in, delete: 0, insert: insert.clone() };
            let typed = at.profile.type_in(&summary.item, field, &from, &[splice], at.outside)?;
            text.insert_str(gap, &insert);
            from = typed.mine;
            written.push(word);
        }
        let after = at.profile.text(&summary.item, field)?.text;
        // Typed between words, wherever these are by now.
        let whole =
            before.match_indices(WORD).all(|(at, _)| after.contains(&before[at..before.len().min(at + LENGTH)]));
        self.torn = (!whole).then(|| format!("{before:?} became {after:?}"));
        self.opened = Some((place, (from, text)));
        Ok(Some((summary.item, written)))
    }

    /// Writes a text anew, as an editor does: some words go, some come.
    fn rewrites(&mut self, at: &mut At<'_, '_>) -> Did {
        let Some(summary) = self.some(at, "note")? else { return Ok(None) };
        let shown = at.profile.text(&summary.item, "body")?;
        let mut words: Vec<_> = shown.text.split_whitespace().map(str::to_owned).collect();
        if !words.is_empty() && self.below(2) == 0 {
            let gone = self.below(words.len());
            words.remove(gone);
        }
        let word = self.word();
        words.insert(self.below(words.len() + 1), word.clone());
        let text = words.iter().map(|word| format!("{word} ")).collect();
        let edit = note::Edit { body: Some(TextEdit { from: shown.from, text }), ..note::Edit::default() };
        at.change(&summary.item, &Intent::Note(note::Intent::Edit { item: summary.item.item, edit }), vec![word])
    }

    fn renames(&mut self, at: &mut At<'_, '_>) -> Did {
        let Some(summary) = self.some(at, "note")? else { return Ok(None) };
        let word = self.word();
        let edit = note::Edit { title: Some(word.clone()), ..note::Edit::default() };
        at.change(&summary.item, &Intent::Note(note::Intent::Edit { item: summary.item.item, edit }), vec![word])
    }

    fn edits_goal(&mut self, at: &mut At<'_, '_>) -> Did {
        let Some(summary) = self.some(at, "goal")? else { return Ok(None) };
        let mut written = vec![self.word()];
        let mut edit = goal::Edit { title: Some(written[0].clone()), ..goal::Edit::default() };
        if summary.owner != Owner::Theirs && self.below(2) == 0 {
            let status = ["active", "paused", "reached", "released"][self.below(4)];
            let reason = self.word();
            edit =
                goal::Edit { title: edit.title, ..goal::Edit::status(status, Some(TextEdit::from(reason.as_str()))) };
            written.push(reason);
        }
        at.change(&summary.item, &Intent::Goal(goal::Intent::Edit { item: summary.item.item, edit }), written)
    }

    fn tags(&mut self, at: &mut At<'_, '_>) -> Did {
        let Some(summary) = self.some(at, "note")? else { return Ok(None) };
        let word = self.word();
        let there = summary.fields.get("tags").map(|tags| tags.lines().map(str::to_owned).collect::<Vec<_>>());
        let untag = there.into_iter().flatten().take(self.below(2)).collect();
        let edit = note::Edit { tag: vec![word.clone()], untag, ..note::Edit::default() };
        at.change(&summary.item, &Intent::Note(note::Intent::Edit { item: summary.item.item, edit }), vec![word])
    }

    fn chooses(&mut self, at: &mut At<'_, '_>) -> Did {
        let choices = at.profile.conflicts(at.space)?;
        if choices.is_empty() {
            return Ok(None);
        }
        let choice = &choices[self.below(choices.len())];
        let value = &choice.values[self.below(choice.values.len())];
        let (done, _) = at.profile.keep(&choice.item, value.number, at.outside)?;
        Ok(Some((done.item, Vec::new())))
    }

    fn rates(&mut self, at: &mut At<'_, '_>) -> Did {
        let Some(summary) = self.some(at, "goal")? else { return Ok(None) };
        let word = self.word();
        let intent = if self.below(2) == 0 {
            let date = format!("2027-01-{:02}", 1 + self.below(28));
            let rating = Rating { date, level: goal::LEVELS[self.below(5)], note: word.clone() };
            goal::Intent::Rate { item: summary.item.item, rating }
        } else {
            goal::Intent::Milestone { item: summary.item.item, step: Step::Add(word.clone()) }
        };
        at.change(&summary.item, &Intent::Goal(intent), vec![word])
    }

    fn shares(&mut self, at: &mut At<'_, '_>) -> Did {
        let Some(summary) = self.some(at, "note")?.filter(|it| it.private) else { return Ok(None) };
        let done = at.profile.share(&summary.item, at.space, at.outside)?;
        Ok(Some((done.item, Vec::new())))
    }

    fn moves(&mut self, at: &mut At<'_, '_>) -> Did {
        let Some(summary) = self.some(at, "goal")? else { return Ok(None) };
        if summary.owner == Owner::Theirs || summary.private {
            return Ok(None);
        }
        let to = if self.below(2) == 0 { Whereto::First } else { Whereto::Last };
        let done = at.profile.arrange(&summary.item, to, at.outside)?;
        Ok(Some((done.item, Vec::new())))
    }

    fn says(&mut self, at: &mut At<'_, '_>) -> Did {
        let (about, body) = (self.word(), self.word());
        let intent = if self.below(2) == 0 {
            feedback::Intent::Ask { about: about.clone(), body: format!("{body} ") }
        } else {
            let sort = feedback::SORTS[self.below(feedback::SORTS.len())].to_owned();
            let give = feedback::Give { sort, about: Some(about.clone()), body: format!("{body} "), asked_for: None };
            feedback::Intent::Give(give)
        };
        at.add(Place::Alliance(at.space), &Intent::Feedback(intent), vec![about, body])
    }
}
