//! How a closing stands.

use super::{ID, Page, STRONG, cell, review, styled};
use crate::command::close::Closing;

/// How a closing stands.
pub fn closing(closing: &Closing, page: &mut Page) {
    let Closing { title, other, questions, did, letters, over, .. } = closing;
    let other = other.as_deref().unwrap_or("the other person");
    page.line([styled(format!("Closing “{title}”"), STRONG)]);
    did.iter().for_each(|it| page.line([cell(it)]));
    let left: Vec<_> = questions.iter().filter(|it| !it.done && !*over).collect();
    if did.is_empty() && !left.is_empty() {
        page.gap();
        review::asked(&left, page);
    }
    if !letters.is_empty() {
        page.gap();
        page.line([styled("Letters", STRONG)]);
        let by = |owner: &str| if owner == "you" { "yours".to_owned() } else { format!("of {other}") };
        page.table(letters.iter().map(|it| vec![styled(&it.item.short, ID), cell(by(it.owner))]).collect());
        page.talk("`alliance reflect show <id>` reads one; only who wrote it can change it.");
    }
    if *over {
        page.talk("It is over, and all of it stays on your computers. `alliance export <folder>` makes files of it.");
        return;
    }
    let is_written = |owner: &str| letters.iter().any(|it| it.owner == owner);
    if !is_written("you") {
        page.talk("Take your time: `alliance close` goes on here, `close --letter -` takes your letter, `--answers FILE` answers from a file. Nothing has to be answered.");
    } else if !is_written("them") {
        page.talk(&format!("{other} finds your letter with the next sync, and `alliance close` asks them likewise. Leave once you both have said what you wanted to say."));
    }
    page.talk(&format!("`alliance leave` ends it: you and {other} keep all of it, and neither can write in it any more once you both have left."));
}
