//! The two people of an alliance.

use super::{FAINT, Page, STRONG, cell, count, styled};
use crate::command::member::Row;

/// Both people, and the words to compare.
pub fn members(members: &[Row], page: &mut Page) {
    let row = |member: &Row| {
        let you = if member.you { "you" } else { "" };
        let devices = count(member.devices as u64, "computer", "computers");
        vec![styled(&member.name, STRONG), cell(&member.role), cell(you), styled(devices, FAINT)]
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
            other.name
        ));
        page.line([styled(words.join(" "), STRONG)]);
    }
}
