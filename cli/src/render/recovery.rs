//! Recovery words, and what they brought back.

use super::{Page, STRONG, alliance, cell, count, listed, status::PRIVATE, styled};
use crate::command::{
    alliance::State,
    recovery::{Back, Checked, Replaced, Returned},
};

/// What tells that only this computer holds everything.
pub const REMINDER: &str = "Only this computer can open all this so far: `alliance recovery check` sees whether you have your 24 words, `alliance invite --device` lets another computer in.";

/// Whether words are one's own.
pub fn checked(checked: Checked, page: &mut Page) {
    page.talk(checked.said());
}

/// New words.
pub fn replaced(replaced: Replaced, page: &mut Page) {
    page.talk("The next `alliance sync` makes these words yours everywhere. The words before them still work for whoever finds them: they were lost, not ended.");
    if !replaced.checked {
        page.talk("Once they are on paper, `alliance recovery check` sees whether they are right.");
    }
}

/// What came back.
pub fn returned(returned: &Returned, page: &mut Page) {
    let Returned { name, spaces, missing, cut_others, cut_computers, .. } = returned;
    let again = returned.again && cut_computers.is_empty();
    page.talk(&match again {
        true => format!("Everything that was there had come back before, {name}."),
        false => format!("Welcome back, {name}."),
    });
    let row = |back: &Back| {
        let title = if back.personal { PRIVATE } else { &back.title };
        let over = if back.state == Some(State::Ended) { "you had left it" } else { "" };
        let things = if back.personal { String::new() } else { count(back.items as u64, "thing", "things") };
        vec![styled(title, STRONG), cell(things), cell(over)]
    };
    page.table(spaces.iter().map(row).collect());
    let most = |number: fn(&Back) -> usize| spaces.iter().map(number).max().unwrap_or(0) as u64;
    let (cut, kept, withdrawn) = (most(|it| it.cut), most(|it| it.kept), most(|it| it.withdrawn));
    if cut > 0 && !again {
        page.talk(&match cut_computers.len() {
            0 => format!("{} cut off.", count(cut, "other computer of yours was", "other computers of yours were")),
            1 => format!("{} was cut off.", cut_computers[0]),
            _ => format!("{} were cut off.", listed(cut_computers)),
        });
        page.talk("What was on it stays readable to whoever has it; nothing written from now on is. If its disk was not locked, change what was written down in notes, such as passwords.");
    }
    if withdrawn > 0 && !again {
        page.talk(&format!("{} ended.", count(withdrawn, "open invitation was", "open invitations were")));
    }
    if most(|it| it.words) > 0 && !again {
        page.talk("Words that were made after these do not work any more: keep those that you just typed, or make new ones with `alliance recovery replace`.");
    }
    if kept > 0 && !cut_others {
        page.talk(&format!(
            "Nothing was cut off: {} still in. If one is lost, `alliance device cut` shuts it out.",
            count(kept, "other computer of yours is", "other computers of yours are")
        ));
    }
    let open = spaces.iter().filter(|it| !it.personal && it.state != Some(State::Ended)).count();
    alliance::unchosen(open, page);
    if !missing.is_empty() {
        let named = missing.iter().map(|id| id[..8].to_owned()).collect::<Vec<_>>().join(", ");
        page.talk(&format!(
            "Not at this relay: {} ({named}). If there is another relay where you exchanged, `alliance recovery restore --relay <url>` with the same words brings back what it holds.",
            count(missing.len() as u64, "alliance", "alliances"),
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Layout, tests::seen};
    use super::*;
    use crate::command::Answer;

    #[test]
    fn who_comes_back_is_told_what_is_there_and_what_a_thief_can_read() {
        let back = |title: &str, cut| Back {
            id: "0101".to_owned(),
            title: title.to_owned(),
            personal: title.is_empty(),
            state: (!title.is_empty()).then_some(State::Together),
            items: 2,
            cut,
            kept: 1 - cut,
            withdrawn: cut,
            words: cut,
        };
        let returned = |cut| {
            Answer::Returned(Returned {
                profile: "default".to_owned(),
                name: "Anna".to_owned(),
                role: "client".to_owned(),
                cut_others: cut > 0,
                cut_computers: vec!["Laptop".to_owned(); cut],
                spaces: vec![back("Ben & Anna", cut), back("", cut)],
                missing: vec!["0202020202020202".to_owned(); cut],
                again: false,
            })
        };
        insta::assert_snapshot!("returned", seen(&returned(1), Layout::Terminal));
        insta::assert_snapshot!("returned_kept", seen(&returned(0), Layout::Terminal));
        insta::assert_snapshot!("returned_json", serde_json::to_string_pretty(&returned(1)).expect("serialises"));
    }
}
