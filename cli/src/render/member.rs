//! The two people of an alliance.

use super::{FAINT, Page, STRONG, cell, count, name, styled};
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
    if let Some(words) = &other.safety_words {
        page.gap();
        page.talk(&format!(
            "Six safety words. Read them to {} by voice; if theirs are the same, nobody stands between you:",
            name(&other.name)
        ));
        page.line([styled(words.join(" "), STRONG)]);
    }
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
        }
    }

    #[test]
    fn the_six_words_stand_on_a_line_of_their_own() {
        let words = "abstract trip affair journey essence mercy";
        let both = || Answer::Members(vec![row("Ben", None), row("", Some(words))]);
        insta::assert_snapshot!("members", seen(&both(), Layout::Terminal));
        insta::assert_snapshot!("members_json", serde_json::to_string_pretty(&both()).expect("serialises"));
        assert_eq!(seen(&both(), Layout::Plain).lines().last(), Some(words));
        insta::assert_snapshot!("member_alone", seen(&Answer::Members(vec![row("Ben", None)]), Layout::Terminal));
    }
}
