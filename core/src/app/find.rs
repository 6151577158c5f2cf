//! Which item is meant: by its id, by the shortest start of it that is unique, or by its title.

use alliance_replica::id::{ItemId, SpaceId};

use super::{
    AppError, Candidate, ItemRef, Profile,
    query::{self, Summary},
    seen::Seen,
    undo,
};
use crate::{
    domain,
    store::{StoredRow, Tx},
};

/// Letters of short ids: Crockford's 32, of which none looks like another.
const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Letters of a short id at the least, after the kind's letter.
const SHORTEST: usize = 3;
/// Letters at the least of a part of a title.
pub const SHORTEST_PART: usize = 3;
/// What means the item that was written to last.
const LAST: &str = "@last";
/// Most titles that are offered instead of one that is not there.
const OFFERED: usize = 3;
/// How much of two titles must be the same, in percent, for one to be offered for the other.
const ALIKE: usize = 45;

/// By how much of its title an item is found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Titles {
    Whole,
    Parts,
}

impl Profile {
    /// Finds an item by its short id, the start of its id, or its whole title, whatever its capitals. `@last` is the one
    /// that was written to last.
    pub fn find(&mut self, space: SpaceId, kind: Option<&str>, text: &str) -> Result<ItemRef, AppError> {
        self.find_by(space, kind, text, Titles::Whole)
    }

    /// Finds an item to look at, as [`Profile::find`] does, and also by a part of its title or the beginnings of its words.
    /// Nothing is written to what was found by a part: it may be another one than the person has in mind.
    pub fn find_to_show(&mut self, space: SpaceId, kind: Option<&str>, text: &str) -> Result<ItemRef, AppError> {
        self.find_by(space, kind, text, Titles::Parts)
    }

    fn find_by(&mut self, space: SpaceId, kind: Option<&str>, text: &str, by: Titles) -> Result<ItemRef, AppError> {
        if text.trim().is_empty() {
            return Err(AppError::NotNamed { kind: kind.unwrap_or("item").to_owned() });
        }
        self.store.read(|tx| {
            let seen = Seen::new(tx, space)?;
            if text == LAST {
                let none = || AppError::NotFound {
                    kind: kind.unwrap_or("item").to_owned(),
                    text: text.to_owned(),
                    like: Vec::new(),
                };
                let last = undo::last(tx)?.ok_or_else(none)?;
                let its = query::read_row(tx, &last)?.kind;
                return if kind.is_none_or(|kind| kind == its) { Ok(last) } else { Err(none()) };
            }
            // By its id also the alliance itself, whose fields may have several values.
            let rows = rows_by_id(&seen, tx, text)?.into_iter().filter(|row| !domain::is_for_programs(&row.kind));
            let mut by_id = seen.each(tx, rows)?;
            by_id.retain(|row| kind.is_none_or(|kind| row.kind == kind) && is_id(row, text));
            let titles = if by_id.len() == 1 { Vec::new() } else { seen.rows(tx, kind)? };
            let wanted = text.trim().to_lowercase();
            let ways: [&dyn Fn(&str) -> bool; 3] =
                [&|title| title == wanted, &|title| title.contains(&wanted), &|title| has_words(title, &wanted)];
            let mut same: Vec<Vec<&Summary>> = Vec::new();
            let is_part = by == Titles::Parts && wanted.chars().count() >= SHORTEST_PART;
            for fits in &ways[..if is_part { ways.len() } else { 1 }] {
                same.push(titles.iter().filter(|row| fits(&row.title.to_lowercase())).collect());
            }
            same.insert(1, by_id.iter().collect());
            match same.iter().find(|found| !found.is_empty()).map(Vec::as_slice).unwrap_or_default() {
                [one] => Ok(one.item),
                [] => {
                    let (kind, text) = (kind.unwrap_or("item").to_owned(), text.to_owned());
                    Err(AppError::NotFound { kind, text, like: alike(&titles, &wanted) })
                }
                several => {
                    let candidates = several.iter().map(|row| candidate(row)).collect();
                    Err(AppError::Ambiguous { text: text.to_owned(), candidates })
                }
            }
        })
    }

    /// The item that the next undo would change, or the next redo.
    pub fn next_turn(&mut self, undo: bool) -> Result<Option<ItemRef>, AppError> {
        self.store.read(|tx| {
            let act = if undo { tx.last_done()? } else { tx.last_undone()? };
            Ok(act.map(|act| ItemRef { space: act.space, item: act.item }))
        })
    }

    /// Short ids and titles of the items of a kind that begin so, for whoever completes what is typed.
    pub fn complete(
        &mut self,
        space: SpaceId,
        kind: Option<&str>,
        start: &str,
    ) -> Result<Vec<(String, String)>, AppError> {
        self.store.read(|tx| {
            let rows = Seen::new(tx, space)?.rows(tx, kind)?;
            let start = start.trim().to_lowercase();
            let fits = |row: &&Summary| row.short.starts_with(&start) || row.title.to_lowercase().starts_with(&start);
            Ok(rows.iter().filter(fits).map(|row| (row.short.clone(), row.title.clone())).collect())
        })
    }
}

/// True if every word that was typed begins a word of the title, in their order.
fn has_words(title: &str, typed: &str) -> bool {
    let mut words = title.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let mut typed = typed.split_whitespace().peekable();
    typed.peek().is_some() && typed.all(|start| words.any(|word| word.starts_with(start)))
}

fn candidate(row: &Summary) -> Candidate {
    Candidate { short: row.short.clone(), title: row.title.clone(), private: row.private }
}

/// Titles that are almost what was typed, the nearest first.
fn alike(rows: &[Summary], wanted: &str) -> Vec<Candidate> {
    let mut near: Vec<_> = rows.iter().map(|row| (likeness(&row.title.to_lowercase(), wanted), row)).collect();
    near.retain(|(likeness, _)| *likeness >= ALIKE);
    near.sort_by_key(|(likeness, _)| std::cmp::Reverse(*likeness));
    near.into_iter().take(OFFERED).map(|(_, row)| candidate(row)).collect()
}

/// Pairs of letters that two words share, in percent of all (Dice 1945).
fn likeness(a: &str, b: &str) -> usize {
    let pairs = |text: &str| {
        let letters: Vec<char> = text.chars().take(200).collect();
        letters.windows(2).map(|pair| (pair[0], pair[1])).collect::<Vec<_>>()
    };
    let (a, mut b) = (pairs(a), pairs(b));
    let all = a.len() + b.len();
    let shared = a.iter().filter(|pair| b.iter().position(|it| it == *pair).map(|at| b.swap_remove(at)).is_some());
    let shared = shared.count();
    (200 * shared).checked_div(all).unwrap_or(0)
}

/// Rows whose id may be what was typed, with or without its kind's letter.
fn rows_by_id(seen: &Seen, tx: &Tx<'_>, text: &str) -> Result<Vec<StoredRow>, AppError> {
    let text = text.trim().to_lowercase();
    let mut rows = Vec::new();
    for typed in [Some(text.as_str()), text.get(1..)].into_iter().flatten().filter(|it| it.len() >= SHORTEST) {
        if typed.bytes().all(|letter| LETTERS.contains(&letter)) {
            let (from, to) = bounds(typed);
            for space in &seen.spaces() {
                rows.extend(tx.rows_between(space, &from, &to)?);
            }
        }
    }
    if let Some(item) = ItemId::from_hex(&text) {
        for space in &seen.spaces() {
            rows.extend(tx.row(space, &item)?);
        }
    }
    rows.sort_by_key(|row| row.item);
    rows.dedup_by_key(|row| row.item);
    Ok(rows)
}

/// A kind's letter and as much of the id as tells the item from all others of its kind in its space.
pub(super) fn short(tx: &Tx<'_>, item: &ItemRef, kind: &str) -> Result<String, AppError> {
    let letters = letters(&item.item);
    let mut length = SHORTEST;
    while length < letters.len() {
        let (from, to) = bounds(&letters[..length]);
        if tx.count_items_between(&item.space, &from, &to)? <= 1 {
            break;
        }
        length += 1;
    }
    Ok(format!("{}{}", kind.chars().next().unwrap_or('i'), &letters[..length]))
}

fn is_id(row: &Summary, text: &str) -> bool {
    let text = text.trim().to_lowercase();
    let letters = letters(&row.item.item);
    let bare = row.kind.chars().next().and_then(|letter| text.strip_prefix(letter));
    let starts = |bare: &str| bare.len() >= SHORTEST && letters.starts_with(bare);
    starts(&text) || bare.is_some_and(starts) || row.item.item.to_string() == text
}

/// The id in 26 letters of five bits.
fn letters(item: &ItemId) -> String {
    let bits = u128::from_be_bytes(*item.as_bytes());
    (0..26)
        .map(|at| LETTERS[(if at < 25 { bits >> (123 - 5 * at) } else { bits << 2 } & 31) as usize] as char)
        .collect()
}

/// Lowest and highest id that begin with these letters.
fn bounds(letters: &str) -> ([u8; 16], [u8; 16]) {
    let mut low: u128 = 0;
    for (at, letter) in letters.bytes().take(25).enumerate() {
        let value = LETTERS.iter().position(|it| *it == letter).unwrap_or(0) as u128;
        low |= value << (123 - 5 * at);
    }
    let rest = 128 - 5 * letters.len().min(25);
    let high = low | if rest == 128 { u128::MAX } else { (1 << rest) - 1 };
    (low.to_be_bytes(), high.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_of_words_in_their_order_mean_a_title() {
        assert!(has_words("run a half-marathon in may", "ru half mar"));
        assert!(!has_words("run a half-marathon in may", "half run"));
        assert!(!has_words("run a half-marathon in may", "arathon"));
        assert!(!has_words("run", " ") && !has_words("", "x"));
    }

    #[test]
    fn a_slip_is_alike_and_another_word_is_not() {
        assert!(likeness("first session", "frist sesion") >= ALIKE);
        assert!(likeness("run a half marathon", "half maraton") >= ALIKE);
        assert!(likeness("first session", "sleep more") < ALIKE);
        assert_eq!((likeness("", ""), likeness("a", "a"), likeness("same", "same")), (0, 0, 100));
    }
}
