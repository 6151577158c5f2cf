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
        match self.what {
            0 => self.note(profile, place, outside),
            1 => self.goal(profile, place, outside),
            2 => self.types(profile, space, outside),
            3 => self.rewrites(profile, space, outside),
            4 => self.renames(profile, space, outside),
            5 => self.edits_goal(profile, space, outside),
            6 => self.tags(profile, space, outside),
            7 => {
                let done = if self.below(3) == 0 { profile.redo(outside) } else { profile.undo(outside) }?;
                Ok(Some((done.item, Vec::new())))
            }
            8 => self.chooses(profile, space, outside),
            9 => self.rates(profile, space, outside),
            10 => self.shares(profile, space, outside),
            11 => self.moves(profile, space, outside),
            _ => self.says(profile, space, outside),
        }
    }

    fn note(
        &mut self,
        profile: &mut Profile,
        place: Place,
        outside: &mut Outside<'_>,
    ) -> Result<Option<Wrote>, AppError> {
        let (title, body, tag) = (self.word(), self.word(), self.word());
        let add = note::Add { title: title.clone(), body: format!("{body} "), tags: vec![tag.clone()] };
        let done = profile.add(place, &Intent::Note(note::Intent::Add(add)), outside)?;
        Ok(Some((done.item, vec![title, body, tag])))
    }

    fn goal(
        &mut self,
        profile: &mut Profile,
        place: Place,
        outside: &mut Outside<'_>,
    ) -> Result<Option<Wrote>, AppError> {
        let (title, why, area) = (self.word(), self.word(), self.word());
        let both = self.below(3) == 0 && place != Place::Personal;
        let add = goal::Add {
            title: title.clone(),
            why: format!("{why} "),
            area: vec![area.clone()],
            both,
            ..goal::Add::default()
        };
        let done = profile.add(place, &Intent::Goal(goal::Intent::Add(add)), outside)?;
        Ok(Some((done.item, vec![title, why, area])))
    }

    fn some(&mut self, profile: &mut Profile, space: SpaceId, kind: &str) -> Result<Option<Summary>, AppError> {
        let all = profile.list(space, kind, true)?;
        Ok((!all.is_empty()).then(|| all[self.below(all.len())].clone()))
    }

    /// Types in the version that the screen shows, however old that is.
    fn types(
        &mut self,
        profile: &mut Profile,
        space: SpaceId,
        outside: &mut Outside<'_>,
    ) -> Result<Option<Wrote>, AppError> {
        let kind = *["note", "note", "goal"].get(self.below(3)).expect("one of three");
        let Some(summary) = self.some(profile, space, kind)? else { return Ok(None) };
        let field = if kind == "note" { "body" } else { "why" };
        let place = (summary.item, field);
        let known = self.screen.get(&place).cloned().filter(|_| self.below(4) > 0);
        let (mut from, mut text) = match known {
            Some(shown) => shown,
            None => {
                let shown = profile.text(&summary.item, field)?;
                (shown.from.unwrap_or_default(), shown.text)
            }
        };
        let before = profile.text(&summary.item, field)?.text;
        let mut written = Vec::new();
        for _ in 0..=self.below(3) {
            let word = self.word();
            let gaps: Vec<_> = text.match_indices(' ').map(|(at, _)| at + 1).chain([0]).collect();
            let gap = gaps[self.below(gaps.len())];
            let insert = format!("{word} ");
            let at = text[..gap].encode_utf16().count();
            let splice = Splice { at, delete: 0, insert: insert.clone() };
            let typed = profile.type_in(&summary.item, field, &from, &[splice], outside)?;
            text.insert_str(gap, &insert);
            from = typed.mine;
            written.push(word);
        }
        let after = profile.text(&summary.item, field)?.text;
        // Typed between words, wherever these are by now.
        let whole =
            before.match_indices(WORD).all(|(at, _)| after.contains(&before[at..before.len().min(at + LENGTH)]));
        self.torn = (!whole).then(|| format!("{before:?} became {after:?}"));
        self.opened = Some((place, (from, text)));
        Ok(Some((summary.item, written)))
    }

    /// Writes a text anew, as an editor does: some words go, some come.
    fn rewrites(
        &mut self,
        profile: &mut Profile,
        space: SpaceId,
        outside: &mut Outside<'_>,
    ) -> Result<Option<Wrote>, AppError> {
        let Some(summary) = self.some(profile, space, "note")? else { return Ok(None) };
        let shown = profile.text(&summary.item, "body")?;
        let mut words: Vec<_> = shown.text.split_whitespace().map(str::to_owned).collect();
        if !words.is_empty() && self.below(2) == 0 {
            let gone = self.below(words.len());
            words.remove(gone);
        }
        let word = self.word();
        let at = self.below(words.len() + 1);
        words.insert(at, word.clone());
        let text = words.iter().map(|word| format!("{word} ")).collect();
        let edit = note::Edit { body: Some(TextEdit { from: shown.from, text }), ..note::Edit::default() };
        let intent = Intent::Note(note::Intent::Edit { item: summary.item.item, edit });
        let done = profile.change(&summary.item, &intent, outside)?;
        Ok(Some((done.item, vec![word])))
    }

    fn renames(
        &mut self,
        profile: &mut Profile,
        space: SpaceId,
        outside: &mut Outside<'_>,
    ) -> Result<Option<Wrote>, AppError> {
        let Some(summary) = self.some(profile, space, "note")? else { return Ok(None) };
        let word = self.word();
        let edit = note::Edit { title: Some(word.clone()), ..note::Edit::default() };
        let intent = Intent::Note(note::Intent::Edit { item: summary.item.item, edit });
        let done = profile.change(&summary.item, &intent, outside)?;
        Ok(Some((done.item, vec![word])))
    }

    fn edits_goal(
        &mut self,
        profile: &mut Profile,
        space: SpaceId,
        outside: &mut Outside<'_>,
    ) -> Result<Option<Wrote>, AppError> {
        let Some(summary) = self.some(profile, space, "goal")? else { return Ok(None) };
        let mut written = vec![self.word()];
        let mut edit = goal::Edit { title: Some(written[0].clone()), ..goal::Edit::default() };
        if summary.owner != Owner::Theirs && self.below(2) == 0 {
            let status = ["active", "paused", "reached", "released"][self.below(4)];
            let reason = self.word();
            edit =
                goal::Edit { title: edit.title, ..goal::Edit::status(status, Some(TextEdit::from(reason.as_str()))) };
            written.push(reason);
        }
        let done = profile.change(
            &summary.item,
            &Intent::Goal(goal::Intent::Edit { item: summary.item.item, edit }),
            outside,
        )?;
        Ok(Some((done.item, written)))
    }

    fn tags(
        &mut self,
        profile: &mut Profile,
        space: SpaceId,
        outside: &mut Outside<'_>,
    ) -> Result<Option<Wrote>, AppError> {
        let Some(summary) = self.some(profile, space, "note")? else { return Ok(None) };
        let word = self.word();
        let there = summary.fields.get("tags").map(|tags| tags.lines().map(str::to_owned).collect::<Vec<_>>());
        let untag = there.into_iter().flatten().take(self.below(2)).collect();
        let edit = note::Edit { tag: vec![word.clone()], untag, ..note::Edit::default() };
        let intent = Intent::Note(note::Intent::Edit { item: summary.item.item, edit });
        let done = profile.change(&summary.item, &intent, outside)?;
        Ok(Some((done.item, vec![word])))
    }

    fn chooses(
        &mut self,
        profile: &mut Profile,
        space: SpaceId,
        outside: &mut Outside<'_>,
    ) -> Result<Option<Wrote>, AppError> {
        let choices = profile.conflicts(space)?;
        if choices.is_empty() {
            return Ok(None);
        }
        let choice = &choices[self.below(choices.len())];
        let value = &choice.values[self.below(choice.values.len())];
        let (done, _) = profile.keep(&choice.item, value.number, outside)?;
        Ok(Some((done.item, Vec::new())))
    }

    fn rates(
        &mut self,
        profile: &mut Profile,
        space: SpaceId,
        outside: &mut Outside<'_>,
    ) -> Result<Option<Wrote>, AppError> {
        let Some(summary) = self.some(profile, space, "goal")? else { return Ok(None) };
        let word = self.word();
        let intent = if self.below(2) == 0 {
            let date = format!("2027-01-{:02}", 1 + self.below(28));
            let rating = Rating { date, level: goal::LEVELS[self.below(5)], note: word.clone() };
            goal::Intent::Rate { item: summary.item.item, rating }
        } else {
            goal::Intent::Milestone { item: summary.item.item, step: Step::Add(word.clone()) }
        };
        let done = profile.change(&summary.item, &Intent::Goal(intent), outside)?;
        Ok(Some((done.item, vec![word])))
    }

    fn shares(
        &mut self,
        profile: &mut Profile,
        space: SpaceId,
        outside: &mut Outside<'_>,
    ) -> Result<Option<Wrote>, AppError> {
        let Some(summary) = self.some(profile, space, "note")?.filter(|it| it.private) else { return Ok(None) };
        let done = profile.share(&summary.item, space, outside)?;
        Ok(Some((done.item, Vec::new())))
    }

    fn moves(
        &mut self,
        profile: &mut Profile,
        space: SpaceId,
        outside: &mut Outside<'_>,
    ) -> Result<Option<Wrote>, AppError> {
        let Some(summary) = self.some(profile, space, "goal")? else { return Ok(None) };
        if summary.owner == Owner::Theirs || summary.private {
            return Ok(None);
        }
        let to = if self.below(2) == 0 { Whereto::First } else { Whereto::Last };
        let done = profile.arrange(&summary.item, to, outside)?;
        Ok(Some((done.item, Vec::new())))
    }

    fn says(
        &mut self,
        profile: &mut Profile,
        space: SpaceId,
        outside: &mut Outside<'_>,
    ) -> Result<Option<Wrote>, AppError> {
        let (about, body) = (self.word(), self.word());
        let intent = if self.below(2) == 0 {
            feedback::Intent::Ask { about: about.clone(), body: format!("{body} ") }
        } else {
            let sort = feedback::SORTS[self.below(feedback::SORTS.len())].to_owned();
            let give = feedback::Give { sort, about: Some(about.clone()), body: format!("{body} "), asked_for: None };
            feedback::Intent::Give(give)
        };
        let done = profile.add(Place::Alliance(space), &Intent::Feedback(intent), outside)?;
        Ok(Some((done.item, vec![about, body])))
    }
}
