//! The two people of an alliance.

use super::{FAINT, LOOK, Page, STRONG, cell, count, name, styled};
use crate::command::member::Row;

/// Both people, and the words to compare.
pub fn members(members: &[Row], page: &mut Page) {
    let row = |member: &Row| {
        let you = if member.you { "you" } else { "" };
        let devices = count(member.devices as u64, "computer", "computers");
        vec![styled(name(&member.name), STRONG), cell(&member.role), cell(you), styled(devices, FAINT)]
    };
    page.table(members.iter().map(row).collect());
    let Some(other) = members.iter().find(|member| !member.you) else {
        page.talk("The other person has not come yet. `alliance invite` makes the word that lets them in.");
        return;
    };
    let Some(words) = &other.safety_words else { return };
    let called = name(&other.name);
    page.gap();
    let talk = match other.compared {
        None => format!(
            "Six safety words. Read them to {called} by voice; if theirs are the same, nobody stands between you, and `alliance member compared` remembers that:"
        ),
        Some(true) => "Six safety words. They are those that you compared:".to_owned(),
        Some(false) => format!(
            "These are NOT the words that you compared. Write nothing here before you have spoken with {called}:"
        ),
    };
    page.talk(&talk);
    page.line([styled(words.join(" "), if other.compared == Some(false) { LOOK } else { STRONG })]);
}

#[cfg(test)]
mod tests {
    use super::super::{Layout, tests::seen};
    use super::*;
    use crate::command::Answer;

    fn row(name: &str, words: Option<&str>) -> Row {
        Row {
            id: "0101".to_owned(),
            name: name.to_owned(),
            role: "coach".to_owned(),
            you: words.is_none(),
            devices: 1,
            safety_words: words.map(|words| words.split(' ').map(str::to_owned).collect()),
            compared: None,
        }
    }

    #[test]
    fn the_six_words_stand_on_a_line_of_their_own() {
        let words = "abstract trip affair journey essence mercy";
        let both = || Answer::Members(vec![row("Ben", None), row("", Some(words))]);
        insta::assert_snapshot!("members", seen(&both(), Layout::Terminal));
        insta::assert_snapshot!("members_json", serde_json::to_string_pretty(&both()).expect("serialises"));
        assert_eq!(seen(&both(), Layout::Plain).lines().last(), Some(words));
        let compared =
            |same| Answer::Members(vec![row("Ben", None), Row { compared: Some(same), ..row("Anna", Some(words)) }]);
        insta::assert_snapshot!(
            "members_compared",
            [true, false].map(|it| seen(&compared(it), Layout::Plain)).concat()
        );
        insta::assert_snapshot!("member_alone", seen(&Answer::Members(vec![row("Ben", None)]), Layout::Terminal));
    }
}
