//! What was found, and where.

use super::{Cell, FAINT, ID, LOOK, Page, STRONG, styled};
use crate::command::search::Hits;

/// Items in which the words were found, the best first.
pub fn found(hits: &Hits, page: &mut Page) {
    let Hits { rows: found, nothing_said } = hits;
    if *nothing_said {
        page.talk("There is nothing to look for: say the beginning of a word, as in `alliance search marathon`.");
    } else if found.is_empty() {
        page.talk("Nothing found. Words are found by their beginnings, and all of them are looked for.");
    }
    let several = found.iter().any(|it| it.alliance.is_some() && it.alliance != found[0].alliance);
    for it in found {
        let place = match &it.alliance {
            None => styled("private", LOOK),
            Some(title) => styled(if several || !page.is_terminal() { title } else { "" }, FAINT),
        };
        let mut snippet: Vec<_> =
            it.snippet.iter().map(|piece| (&*piece.text, if piece.found { STRONG } else { FAINT })).collect();
        // What parts the title, which stands before it, from the rest.
        if let Some((first, _)) = snippet.first_mut() {
            *first = first.strip_prefix(" · ").unwrap_or(first);
        }
        if page.is_terminal() {
            page.line([styled(&it.item.short, ID), styled(&it.item.title, STRONG), place]);
            page.line([Cell::pieces("    ", &snippet)]);
        } else {
            page.line([styled(&it.item.short, ID), styled(&it.item.title, STRONG), place, Cell::pieces("", &snippet)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        Layout,
        tests::{named, seen},
    };
    use super::*;
    use crate::command::{
        Answer,
        search::{Found, Piece},
    };

    fn answer() -> Answer {
        let piece = |text: &str, found| Piece { text: text.to_owned(), found };
        let found = |alliance: Option<&str>, title: &str| Found {
            item: named(title),
            private: alliance.is_none(),
            alliance: alliance.map(str::to_owned),
            snippet: vec![piece("What ", false), piece("matters", true), piece(" to Anna…", false)],
        };
        let rows = vec![found(Some("Ben & Anna"), "First session"), found(None, "Doubts")];
        Answer::Found(Hits { rows, nothing_said: false })
    }

    #[test]
    fn what_was_found_is_shown_with_the_words_around_it() {
        let nothing = |nothing_said| seen(&Answer::Found(Hits { rows: Vec::new(), nothing_said }), Layout::Terminal);
        insta::assert_snapshot!("found_terminal", seen(&answer(), Layout::Terminal));
        insta::assert_snapshot!("found_plain", seen(&answer(), Layout::Plain).replace('\t', "⇥"));
        insta::assert_snapshot!("found_json", serde_json::to_string_pretty(&answer()).expect("serialises"));
        insta::assert_snapshot!("found_nothing", nothing(false));
        insta::assert_snapshot!("found_nothing_said", nothing(true));
    }
}
