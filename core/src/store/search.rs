//! Full-text search over the words of every item (SQLite's FTS5), kept with the rows of the view.
//!
//! What a person types is never query syntax: each word becomes a quoted beginning of a word, and all of them are wanted.

use alliance_replica::id::{ItemId, SpaceId};
use rusqlite::{OptionalExtension as _, types::Value};

use super::{StoreError, Tx, id};

/// Most words of a query that are looked for.
const WORDS: usize = 16;
/// Most characters of one.
const WORD: usize = 64;
/// Marks in a snippet where what was found begins and ends. They are taken out of what is kept.
const MARKS: [char; 2] = ['\u{2}', '\u{3}'];

/// An item in which all words were found.
#[derive(Debug)]
pub struct Hit {
    /// The space.
    pub space: SpaceId,
    /// The item.
    pub item: ItemId,
    /// A part of its text around what was found: pieces, and whether each is what was found.
    pub snippet: Vec<(bool, String)>,
}

impl Tx<'_> {
    /// Keeps the words of an item for search, over those it had.
    pub fn put_words(&self, space: &SpaceId, item: &ItemId, title: &str, body: &str) -> Result<(), StoreError> {
        let mut statement = self.prepare_cached("SELECT n FROM searched WHERE space = ?1 AND item = ?2")?;
        let known: Option<i64> = statement.query_row((space.as_ref(), item.as_ref()), |row| row.get(0)).optional()?;
        let n = match known {
            Some(n) => {
                self.prepare_cached("DELETE FROM words WHERE rowid = ?1")?.execute([n])?;
                self.prepare_cached("UPDATE searched SET stale = 0 WHERE n = ?1 AND stale = 1")?.execute([n])?;
                n
            }
            None => {
                let mut statement = self.prepare_cached("INSERT INTO searched (space, item) VALUES (?1, ?2)")?;
                statement.insert((space.as_ref(), item.as_ref()))?
            }
        };
        let mut statement = self.prepare_cached("INSERT INTO words (rowid, title, body) VALUES (?1, ?2, ?3)")?;
        statement.execute((n, unmarked(title), unmarked(body)))?;
        Ok(())
    }

    /// Notes that the words that are kept of an item are older than it, or that none are kept yet.
    pub fn outdate_words(&self, space: &SpaceId, item: &ItemId) -> Result<(), StoreError> {
        let mut statement = self.prepare_cached(
            "INSERT INTO searched (space, item, stale) VALUES (?1, ?2, 1)
             ON CONFLICT (space, item) DO UPDATE SET stale = 1 WHERE stale = 0",
        )?;
        statement.execute((space.as_ref(), item.as_ref()))?;
        Ok(())
    }

    /// Items of these spaces in which every word that was typed begins a word, the best first; words in titles weigh
    /// more. At most `limit`.
    pub fn search(&self, spaces: &[SpaceId], typed: &str, limit: usize) -> Result<Vec<Hit>, StoreError> {
        let query = query(typed);
        if query.is_empty() || spaces.is_empty() {
            return Ok(Vec::new());
        }
        let places = (0..spaces.len()).map(|at| format!("?{}", at + 5)).collect::<Vec<_>>().join(", ");
        let mut statement = self.prepare(&format!(
            "SELECT searched.space, searched.item, snippet(words, 1, ?2, ?3, '…', 16)
             FROM words JOIN searched ON searched.n = words.rowid
             WHERE words MATCH ?1 AND searched.space IN ({places})
             ORDER BY bm25(words, 4.0, 1.0), searched.n DESC LIMIT ?4"
        ))?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let [begin, end] = MARKS.map(|mark| mark.to_string());
        let fixed = [Value::from(query), begin.into(), end.into(), limit.into()];
        let all = fixed.into_iter().chain(spaces.iter().map(|space| Value::from(space.as_ref().to_vec())));
        let mut rows = statement.query(rusqlite::params_from_iter(all))?;
        let mut hits = Vec::new();
        while let Some(row) = rows.next()? {
            let text: String = row.get(2)?;
            hits.push(Hit {
                space: id("space", row.get_ref(0)?.as_blob().map_err(|_| DAMAGED)?)?,
                item: id("item", row.get_ref(1)?.as_blob().map_err(|_| DAMAGED)?)?,
                snippet: pieces(&text),
            });
        }
        Ok(hits)
    }

    /// Items whose words are not kept, or are older than they.
    pub fn unsearched(&self) -> Result<Vec<(SpaceId, ItemId)>, StoreError> {
        let mut statement = self.prepare_cached("SELECT space, item FROM searched WHERE stale = 1")?;
        let mut rows = statement.query(())?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let space = id("space", row.get_ref(0)?.as_blob().map_err(|_| DAMAGED)?)?;
            found.push((space, id("item", row.get_ref(1)?.as_blob().map_err(|_| DAMAGED)?)?));
        }
        Ok(found)
    }

    /// Forgets all words of a space.
    pub(super) fn clear_words(&self, space: &SpaceId) -> Result<(), StoreError> {
        let all = "DELETE FROM words WHERE rowid IN (SELECT n FROM searched WHERE space = ?1)";
        self.execute(all, [space.as_ref()])?;
        self.execute("DELETE FROM searched WHERE space = ?1", [space.as_ref()])?;
        Ok(())
    }
}

fn unmarked(text: &str) -> String {
    text.replace(MARKS, " ")
}

/// Each word as a quoted beginning; words without a letter or digit say nothing.
fn query(typed: &str) -> String {
    let words = typed.split(|c: char| c.is_whitespace() || c.is_control() || c == '"');
    let words = words.filter(|word| word.chars().any(char::is_alphanumeric)).take(WORDS);
    let words = words.map(|word| format!("\"{}\"*", word.chars().take(WORD).collect::<String>()));
    words.collect::<Vec<_>>().join(" ")
}

/// A snippet in its pieces.
fn pieces(text: &str) -> Vec<(bool, String)> {
    let pieces = text.split(MARKS).zip([false, true].into_iter().cycle());
    pieces.filter(|(piece, _)| !piece.is_empty()).map(|(piece, found)| (found, on_a_line(piece))).collect()
}

/// A text on one line: an empty line, which parts one thing from another, is a dot.
fn on_a_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(char::is_whitespace) {
        let (word, after) = rest.split_at(start);
        rest = after.trim_start();
        let parts = after[..after.len() - rest.len()].matches('\n').count() > 1;
        line.push_str(word);
        line.push_str(if parts { " · " } else { " " });
    }
    line.push_str(rest);
    line
}

const DAMAGED: StoreError = StoreError::Damaged { what: "the search" };

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    fn space(n: u8) -> SpaceId {
        SpaceId::new([n; 16])
    }

    fn item(n: u8) -> ItemId {
        ItemId::new([n; 16])
    }

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().expect("a folder");
        let mut store = Store::create(&folder.path().join("profile.db")).expect("a store");
        let put = |tx: &Tx<'_>| {
            tx.put_words(&space(1), &item(1), "First session", "What matters to Anna: run, and sleep.")?;
            tx.put_words(
                &space(1),
                &item(2),
                "Doubts",
                "The first\nquestion is a good \u{2}question\u{3}.\n\nÜber Mut.",
            )?;
            tx.put_words(&space(2), &item(3), "Elsewhere", "first things first")?;
            Ok::<_, StoreError>(())
        };
        store.write(put).expect("kept");
        (folder, store)
    }

    fn found(store: &mut Store, typed: &str) -> Vec<u8> {
        let hits = store.read(|tx| tx.search(&[space(1)], typed, 10)).expect("searches");
        hits.iter().map(|hit| hit.item.as_bytes()[0]).collect()
    }

    #[test]
    fn every_word_is_wanted_by_its_beginning_and_titles_weigh_more() {
        let (_folder, mut store) = store();
        assert_eq!(found(&mut store, "first"), [1, 2]);
        assert_eq!(found(&mut store, "fir quest"), [2]);
        assert_eq!(found(&mut store, "SLE run"), [1]);
        assert_eq!(found(&mut store, "uber mut"), [2]);
        assert!(found(&mut store, "things").is_empty(), "another space");
        let both = store.read(|tx| tx.search(&[space(1), space(2)], "first", 2)).expect("searches");
        assert_eq!(both.len(), 2, "bounded");
    }

    #[test]
    fn a_snippet_says_what_was_found() {
        let (_folder, mut store) = store();
        let hits = store.read(|tx| tx.search(&[space(1)], "question", 10)).expect("searches");
        let said: String = hits[0]
            .snippet
            .iter()
            .map(|(found, text)| if *found { format!("<{text}>") } else { text.clone() })
            .collect();
        assert_eq!(said, "The first <question> is a good <question> . · Über Mut.");
    }

    #[test]
    fn what_was_replaced_is_no_longer_found() {
        let (_folder, mut store) = store();
        store.write(|tx| tx.put_words(&space(1), &item(1), "First session", "Nothing")).expect("kept");
        assert!(found(&mut store, "sleep").is_empty());
        assert_eq!(found(&mut store, "nothing"), [1]);
        store.write(|tx| tx.clear_words(&space(1))).expect("cleared");
        assert!(found(&mut store, "first").is_empty());
    }

    #[test]
    fn words_that_are_older_than_their_item_are_named_until_they_are_kept_anew() {
        let (_folder, mut store) = store();
        let unsearched = |store: &mut Store| store.read(|tx| tx.unsearched()).expect("reads");
        let put = |tx: &Tx<'_>| (1..3).try_for_each(|n| tx.put_row(&space(1), &item(n), "note", "", 0, "{}"));
        store.write(put).expect("rows");
        assert_eq!(unsearched(&mut store), []);
        store.write(|tx| tx.outdate_words(&space(1), &item(2))).expect("noted");
        assert_eq!(unsearched(&mut store), [(space(1), item(2))]);
        store.write(|tx| tx.put_words(&space(1), &item(2), "Doubts", "none")).expect("kept");
        assert_eq!(unsearched(&mut store), []);
        // One of which no words were kept yet.
        store.write(|tx| tx.outdate_words(&space(1), &item(9))).expect("noted");
        assert_eq!(unsearched(&mut store), [(space(1), item(9))]);
        store.write(|tx| tx.put_words(&space(1), &item(9), "New", "none")).expect("kept");
        assert_eq!(unsearched(&mut store), []);
    }

    #[test]
    fn query_syntax_is_only_words() {
        let (_folder, mut store) = store();
        let long = "x".repeat(100_000);
        let many = "first ".repeat(10_000);
        for hostile in [
            "",
            " ",
            "\"",
            "\"\"",
            "*",
            "^",
            "(",
            ")",
            "a AND",
            "NOT",
            "NEAR(",
            "title:",
            "-first",
            "body : x",
            "{a b}",
            "' OR 1=1 --",
            "first\0",
            "\u{0}",
            "a\"b\"*c",
            "+",
            "🙂",
            "\u{301}",
            &long,
        ] {
            found(&mut store, hostile);
        }
        assert_eq!(found(&mut store, &many), [1, 2]);
        assert_eq!(found(&mut store, "\"first session\""), [1]);
        assert_eq!(found(&mut store, "first *"), [1, 2]);
        assert_eq!(found(&mut store, "first-session"), [1]);
    }
}
