//! What people wrote, as they know it: the measure of what must not be lost.

use std::collections::BTreeMap;

use alliance_core::app::ItemRef;

/// What every word begins with.
pub(crate) const WORD: &str = "canary";
/// Bytes of a word.
pub(crate) const LENGTH: usize = WORD.len() + 5;

/// A word that somebody wrote, unlike any other.
#[derive(Clone, Debug)]
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) item: ItemRef,
    /// On which computer.
    pub(crate) on: String,
    /// When, in milliseconds of the world's time.
    pub(crate) at: u64,
    /// False if nobody promised that it is written, or a copy of the profile from before was put in its place.
    pub(crate) promised: bool,
}

/// Everything that was written.
#[derive(Default)]
pub(crate) struct Record {
    made: u64,
    words: Vec<Word>,
    /// What was archived, and all that it said as whoever did it saw it.
    archived: BTreeMap<ItemRef, Vec<String>>,
    /// Items, by which computer's program made them.
    items: BTreeMap<ItemRef, String>,
}

impl Record {
    /// A word that was never written.
    pub(crate) fn word(&mut self) -> String {
        self.made += 1;
        format!("{WORD}{:04}x", self.made)
    }

    /// Notes that a word is written.
    pub(crate) fn wrote(&mut self, text: String, item: ItemRef, on: &str, at: u64) {
        self.items.entry(item).or_insert_with(|| on.to_owned());
        self.words.push(Word { text, item, on: on.to_owned(), at, promised: true });
    }

    /// Notes that an item is archived that said this.
    pub(crate) fn archived(&mut self, item: ItemRef, said: String) {
        self.archived.entry(item).or_default().push(said);
    }

    /// A word that an item says, of those in the text, that nobody knew who archived it.
    pub(crate) fn hidden(&self, item: &ItemRef, now: &str) -> Option<String> {
        let says = self.words.iter().filter(|word| word.item == *item && now.contains(&word.text));
        let words: Vec<_> = says.map(|word| &word.text).collect();
        let seen = self.archived.get(item).map_or(&[][..], Vec::as_slice);
        let knew = |said: &&String| words.iter().all(|word| said.contains(word.as_str()));
        let all_known = seen.iter().any(|said| knew(&said));
        if all_known { None } else { words.first().map(|word| (*word).clone()) }
    }

    /// All words.
    pub(crate) fn words(&self) -> &[Word] {
        &self.words
    }

    /// Nobody promises any more what was written on a computer after that time, but for what `spares`.
    pub(crate) fn forgive(&mut self, on: &str, after: u64, spares: impl Fn(&Word) -> bool) {
        let words = self.words.iter_mut().filter(|word| word.on == on && word.at > after);
        words.filter(|word| !spares(word)).for_each(|word| word.promised = false);
    }
}
