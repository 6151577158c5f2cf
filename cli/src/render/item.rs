//! Items of every kind: whole items, what a change did, and choices between values.

use alliance_core::domain::{self, alliance, feedback};

use super::{Cell, FAINT, ID, Page, STRONG, cell, count, in_alliance, plain, spoken, styled};
use crate::{
    command::{
        alliance::State,
        archive::PUT_AWAY,
        commitment::OFFERED,
        conflict::{self, Choice, Value},
        feedback::ASKED,
        item::{Audience, Done, Item, Milestone, Progress, Rating, Said},
    },
    when,
};

/// What a change did.
pub fn done(done: &Done, page: &mut Page) {
    page.line([styled(&done.short, ID), cell(&done.title)]);
    if !done.changed {
        page.talk("It is so already; nothing changed.");
        return;
    }
    let Done { verb, kind, .. } = done;
    let said = done.said.as_ref().map(|said| format!(", {said}")).unwrap_or_default();
    let one = spoken::one(kind);
    page.talk(&match &done.audience {
        Some(audience) if *verb == PUT_AWAY => {
            let whose = whose(verb, kind, done.owner, audience);
            format!("{verb}: {whose}. Lists leave it out, for {}.", people(audience))
        }
        None => format!("{verb}{said}: {one} that only you have."),
        Some(audience) if done.stays => format!("{verb}{said}: {}.", seen_by(verb, kind, done.owner, audience)),
        Some(audience) => {
            format!("{verb}{said}: {}. `alliance sync` exchanges it.", seen_by(verb, kind, done.owner, audience))
        }
    });
    if done.stays {
        page.talk("For now it stays here: the relay does not let this computer in. `alliance status` says what helps.");
    }
    done.next.iter().for_each(|next| page.talk(next));
    for choice in &done.replaced {
        let value = |value: &Value| {
            let said = when::said(&choice.field, &value.value);
            value.by.as_ref().map_or_else(|| format!("“{said}”"), |by| format!("“{said}” ({by})"))
        };
        let values: Vec<_> = choice.values.iter().map(value).collect();
        page.talk(&format!(
            "This replaced what you both had written as {}: {}.",
            super::field(&choice.field),
            values.join(", ")
        ));
    }
}

/// Whose something is, and who sees it where.
fn seen_by(verb: &str, kind: &str, owner: &str, audience: &Audience) -> String {
    let Audience { other, .. } = audience;
    let whose = match owner {
        "you" => whose(verb, kind, owner, audience),
        "them" if verb == OFFERED => {
            return format!(
                "{} for {}, seen by {}",
                spoken::one(kind),
                super::name(other.as_deref().unwrap_or_default()),
                people(audience)
            );
        }
        "them" => whose(verb, kind, owner, audience),
        _ if kind == alliance::KIND.name => return format!("what the alliance itself is, for {}", people(audience)),
        _ => return format!("{} for {}", spoken::one(kind), people(audience)),
    };
    format!("{whose}, seen by {}", people(audience))
}

/// Whose something is.
fn whose(verb: &str, kind: &str, owner: &str, audience: &Audience) -> String {
    match owner {
        "you" if verb == ASKED => format!("your request for {kind}"),
        "you" => format!("your {kind}"),
        "them" => format!("the {kind} of {}", audience.other.as_deref().unwrap_or("the other person")),
        _ => spoken::one(kind),
    }
}

/// For whom something in an alliance is, and what the alliance is called.
pub fn people(audience: &Audience) -> String {
    let Audience { title, other, state } = audience;
    let with = match (state, other.as_deref()) {
        (State::TheyLeft | State::Ended, _) => String::new(),
        (State::Alone, _) => " and whoever joins".to_owned(),
        (_, Some(other)) => format!(" and {other}"),
        (_, None) => " and the other person".to_owned(),
    };
    format!("you{with}, in “{title}”")
}

/// Lines of a text that a preview shows at most.
const PREVIEW: usize = 5;

/// What somebody is about to share, and for whom.
pub fn preview(kind: &str, title: &str, body: &str, people: &str) -> String {
    let mut text = format!("{STRONG}{}{STRONG:#}\n", plain(title));
    let mut lines = body.lines();
    for line in lines.by_ref().take(PREVIEW) {
        text.push_str(&format!("  {}\n", plain(line)));
    }
    if lines.next().is_some() {
        text.push_str("  …\n");
    }
    let (one, people) = (spoken::one(kind), plain(people));
    text.push_str(&format!("A copy of it, whole, becomes {one} for {people}. That cannot be taken back.\n"));
    text
}

/// An item as a whole.
pub fn item(item: &Item, page: &mut Page) {
    let Item { row, conflicts, comments, texts, other, alone } = item;
    page.line([styled(&row.short, ID), styled(&row.title, STRONG)]);
    let mut facts = Vec::new();
    let mut fact = |name: &str, value: &str| facts.push(vec![styled(name, FAINT), cell(value)]);
    if let Some(status) = &row.status {
        fact("status", status);
    }
    let is_quiet = |name: &str| domain::commitment::QUIET.contains(&name) && row.kind == domain::commitment::KIND.name;
    let facts_of = |(name, value): &(&String, &String)| !texts.contains(*name) && !value.is_empty() && !is_quiet(name);
    for (name, value) in row.fields.iter().filter(facts_of) {
        if name == feedback::ASKED_FOR {
            fact(name, row.asked_for.as_deref().unwrap_or("something that is not here"));
        } else {
            fact(&super::field(name), &when::said(name, value));
        }
    }
    fact(
        "whose",
        match row.owner {
            "you" => "you",
            "them" => other.as_deref().unwrap_or("the other person"),
            _ => "both of you",
        },
    );
    let seen_by = match row.private {
        true => "only you",
        false if *alone => "you and whoever joins",
        false => "both of you",
    };
    fact("seen by", seen_by);
    if let Some(archived) = row.archived {
        let who = row.archived_by.as_deref().unwrap_or("somebody");
        let (had, but) = if archived { ("", "") } else { ("had ", "; somebody wrote to it since, so it is back") };
        fact("archived", &format!("{who} {had}archived it{but}"));
    }
    page.table(facts);
    for (name, text) in row.fields.iter().filter(|(name, text)| texts.contains(name) && !text.is_empty()) {
        page.gap();
        if texts.len() > 1 || name != "body" {
            page.line([styled(super::field(name), FAINT)]);
        }
        page.text(text);
    }
    if let Some(its) = &row.progress {
        progress(its, page);
    }
    for (name, said) in row.said.iter().filter(|(_, said)| !said.is_empty()) {
        page.gap();
        page.line([styled(super::field(name), FAINT)]);
        said.iter().for_each(|said| self::said(said, page));
    }
    if !comments.is_empty() {
        page.gap();
        page.line([styled("comments", FAINT)]);
    }
    for comment in comments {
        let who = if comment.owner == "you" { "you" } else { other.as_deref().unwrap_or("the other person") };
        page.line([styled(&comment.short, ID), styled(who, FAINT), cell(&comment.words)]);
    }
    if !conflicts.is_empty() {
        page.gap();
        choices(conflicts, None, page);
    }
}

/// Something that was said, with who and when; further lines further in.
fn said(said: &Said, page: &mut Page) {
    let day = said.day.as_deref().and_then(|day| day.parse().ok()).map(when::shown).unwrap_or_default();
    let by = said.by.as_deref().map(super::name).unwrap_or_default();
    let mut lines = said.words.lines();
    page.line([cell(day), styled(by, FAINT), cell(lines.next().unwrap_or_default())]);
    lines.for_each(|line| page.line([cell(format!("    {line}"))]));
}

/// How far a goal has come; nothing if nobody said anything of it.
fn progress(progress: &Progress, page: &mut Page) {
    let Progress { levels, milestones, ratings } = progress;
    let mut section = |name: &str, rows: Vec<Vec<Cell>>| {
        if !rows.is_empty() {
            page.gap();
            page.line([styled(name, FAINT)]);
            page.table(rows);
        }
    };
    let signed = |level: i8| if level == 0 { "0".to_owned() } else { format!("{level:+}") };
    section("levels", levels.iter().map(|(level, words)| vec![styled(signed(*level), STRONG), cell(words)]).collect());
    let tick = |ticked| if ticked { "[x]" } else { "[ ]" };
    let milestone = |it: &Milestone| vec![styled(it.number.to_string(), ID), cell(tick(it.ticked)), cell(&it.words)];
    section("milestones", milestones.iter().map(milestone).collect());
    let rating = |it: &Rating| {
        let day = it.date.parse().map_or_else(|_| it.date.clone(), when::shown);
        vec![cell(day), styled(signed(it.level), STRONG), styled(super::name(&it.by), FAINT), cell(&it.note)]
    };
    section("ratings", ratings.iter().map(rating).collect());
}

/// Fields with several values, of an alliance; and where there are others.
pub fn conflicts(list: &conflict::List, page: &mut Page) {
    let conflict::List { choices: here, title, current, elsewhere } = list;
    if here.is_empty() && elsewhere.is_empty() {
        page.talk("Nothing to choose: no field has more than one value.");
    } else if here.is_empty() {
        page.talk(&format!("Nothing to choose in “{title}”: no field there has more than one value."));
    } else {
        choices(here, (!current).then_some(title), page);
    }
    for (title, number) in elsewhere {
        let fields = count(*number as u64, "field has", "fields have");
        let list = in_alliance(Some(title), "conflict list");
        page.talk(&format!("In “{title}” {fields} more than one value: `{list}` shows them."));
    }
}

/// Fields with several values, and what chooses; in the alliance of this title if commands do not mean it anyway.
pub fn choices(choices: &[Choice], title: Option<&str>, page: &mut Page) {
    let mut rows = Vec::new();
    for choice in choices {
        let of = if choice.kind == alliance::KIND.name { "the alliance itself" } else { &choice.title };
        for (at, value) in choice.values.iter().enumerate() {
            let again = page.is_terminal() && at > 0;
            let once = |text: &str| if again { String::new() } else { text.to_owned() };
            rows.push(vec![
                styled(once(&choice.short), ID),
                cell(once(of)),
                cell(once(&super::field(&choice.field))),
                styled(value.number.to_string(), STRONG),
                cell(when::said(&choice.field, &value.value)),
                styled(value.by.as_deref().unwrap_or_default(), FAINT),
            ]);
        }
    }
    page.table(rows);
    let keep = in_alliance(title, "conflict keep <id> <n>");
    page.talk(&format!("You both wrote at the same time, and both are kept. `{keep}` chooses."));
}

#[cfg(test)]
pub(crate) mod tests {
    use alliance_core::app;
    use alliance_replica::id::{ItemId, SpaceId};

    use super::super::{Layout, tests::seen};
    use crate::command::{Answer, conflict, item};

    pub(crate) fn summary(n: u8, title: &str, private: bool) -> app::Summary {
        app::Summary {
            item: app::ItemRef { space: SpaceId::new([1; 16]), item: ItemId::new([n; 16]) },
            short: format!("g3k{n}"),
            kind: "goal".to_owned(),
            title: title.to_owned(),
            status: Some("active".to_owned()),
            private,
            owner: app::Owner::Both,
            choices: usize::from(n % 2),
            fields: [("horizon".to_owned(), "in May".to_owned()), ("title".to_owned(), title.to_owned())].into(),
            texts: [("why".to_owned(), "Because".to_owned())].into(),
            progress: None,
            position: None,
            asked_for: None,
            said: std::collections::BTreeMap::new(),
            archived: None,
        }
    }

    fn list() -> Answer {
        let rows = vec![summary(1, "Run a half marathon", false).into(), summary(2, "Sleep", true).into()];
        Answer::Items(item::List { rows, over: Vec::new(), kind: "goal", today: None, other: None })
    }

    fn whole() -> Answer {
        let texts = [("why".to_owned(), "Because it is there.\nAnd it is good.".to_owned())].into();
        let summary = app::Summary { texts, ..summary(1, "Run a half marathon", false) };
        Answer::Item(
            app::Item { summary, choices: conflict::tests::choices(), comments: Vec::new(), heads: Vec::new() }.into(),
        )
    }

    #[test]
    fn a_list_has_a_row_an_item() {
        insta::assert_snapshot!("list_terminal", seen(&list(), Layout::Terminal));
        insta::assert_snapshot!("list_plain", seen(&list(), Layout::Plain).replace('\t', "⇥"));
        let empty = |over: &[&str]| {
            let over = over.iter().map(|status| (*status).to_owned()).collect();
            seen(
                &Answer::Items(item::List { rows: Vec::new(), over, kind: "goal", today: None, other: None }),
                Layout::Plain,
            )
        };
        insta::assert_snapshot!("list_empty", empty(&[]));
        insta::assert_snapshot!("list_all_over", [empty(&["reached"]), empty(&["reached", "released"])].concat());
    }

    #[test]
    fn json_of_a_list_begins_with_the_id_and_has_every_field() {
        insta::assert_snapshot!("list_json", serde_json::to_string_pretty(&list()).expect("serialises"));
    }

    #[test]
    fn an_item_shows_its_fields_its_texts_and_its_choices() {
        insta::assert_snapshot!("item_terminal", seen(&whole(), Layout::Terminal));
        insta::assert_snapshot!("item_json", serde_json::to_string_pretty(&whole()).expect("serialises"));
    }

    #[test]
    fn choices_show_every_value_with_its_number_and_its_author() {
        let some = |of: fn(&mut Vec<app::Choice>), current, elsewhere: &[(&str, usize)]| {
            let mut choices = conflict::tests::choices();
            of(&mut choices);
            let elsewhere = elsewhere.iter().map(|(title, number)| ((*title).to_owned(), *number)).collect();
            let title = "Ben & Anna".to_owned();
            Answer::Choices(conflict::List { choices: conflict::shown(choices), title, current, elsewhere })
        };
        let all = || some(|_| {}, true, &[]);
        insta::assert_snapshot!("choices_terminal", seen(&all(), Layout::Terminal));
        insta::assert_snapshot!("choices_plain", seen(&all(), Layout::Plain).replace('\t', "⇥"));
        let told = [
            some(|all| all[0].kind = "alliance".to_owned(), false, &[("Ben & Carl", 1)]),
            some(Vec::clear, true, &[("Carl's & Ben's", 2)]),
            some(Vec::clear, true, &[]),
        ];
        insta::assert_snapshot!("choices_elsewhere", told.map(|it| seen(&it, Layout::Terminal)).join("\n"));
    }

    #[test]
    fn a_change_is_one_line_of_data_and_a_word_beside_it() {
        let item = app::ItemRef { space: SpaceId::new([1; 16]), item: ItemId::new([2; 16]) };
        let (short, kind, title) = ("n3k".to_owned(), "note".to_owned(), "Doubts".to_owned());
        let done = app::Done {
            item,
            short,
            kind,
            title,
            private: true,
            owner: app::Owner::Mine,
            alliance: None,
            replaced: Vec::new(),
            changed: true,
            stays: false,
        };
        let answer = |done| Answer::Done(item::Done::new("Added", done));
        insta::assert_snapshot!("done", seen(&answer(done.clone()), Layout::Plain));
        insta::assert_snapshot!("done_stays", seen(&answer(app::Done { stays: true, ..done.clone() }), Layout::Plain));
        insta::assert_snapshot!(
            "done_unchanged",
            seen(&answer(app::Done { changed: false, ..done.clone() }), Layout::Plain)
        );
        let in_alliance = |owner, state, other: Option<&str>| {
            let (space, title) = (SpaceId::new([1; 16]), "Ben & Carl".to_owned());
            let other = other.map(str::to_owned);
            let alliance = Some(app::AllianceInfo { space, title, other, state, current: false, by_own: false });
            let replaced = if owner == app::Owner::Theirs { conflict::tests::choices() } else { Vec::new() };
            seen(&answer(app::Done { private: false, owner, alliance, replaced, ..done.clone() }), Layout::Plain)
        };
        let told = [
            in_alliance(app::Owner::Both, app::AllianceState::Alone, None),
            in_alliance(app::Owner::Both, app::AllianceState::AwaitsConfirmation, None),
            in_alliance(app::Owner::Both, app::AllianceState::Together, Some("Carl")),
            in_alliance(app::Owner::Mine, app::AllianceState::Together, Some("Carl")),
            in_alliance(app::Owner::Theirs, app::AllianceState::Together, Some("Carl")),
            in_alliance(app::Owner::Both, app::AllianceState::TheyLeft, Some("Carl")),
        ];
        insta::assert_snapshot!("done_for_whom", told.concat());
    }

    #[test]
    fn a_preview_shows_what_the_other_person_will_see() {
        let body = (1..=9).map(|n| format!("line {n}\u{1b}[2J\n")).collect::<String>();
        let told = super::preview("note", "Doubts", &body, "you and Carl, in “Ben & Carl”");
        insta::assert_snapshot!("preview", anstream::adapter::strip_str(&told).to_string());
    }
}
