//! From one version of a text to another in few splices, so that a whole text that comes back from an editor merges like
//! one that was typed.
//!
//! Words are compared, not characters, and where two versions share little but spaces and small words, the whole stretch is
//! replaced: two people's versions of a sentence stay readable beside each other. The cost is bounded: where the texts have
//! too little in common, the part that differs is replaced as a whole.

/// Most differing words that are looked for; the square of this bounds time and memory.
const DIFFERENCES: usize = 1000;

/// Replaces `delete` UTF-16 units of a text at `at` by `insert`. All places count UTF-16 units, as browsers and Automerge
/// do here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Splice {
    /// Units before the place.
    pub at: usize,
    /// Units to delete.
    pub delete: usize,
    /// What to insert; its lines end in line feeds once it is there.
    pub insert: String,
}

/// The text with line feeds only.
pub(super) fn normal(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// Length in UTF-16 units.
pub(super) fn units(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// The text after splices, each a place of the text after the one before it; what is half of a character is replaced.
pub(super) fn spliced(text: &str, splices: &[Splice]) -> String {
    let mut units: Vec<u16> = text.encode_utf16().collect();
    for splice in splices {
        units.splice(splice.at..splice.at + splice.delete, splice.insert.encode_utf16());
    }
    String::from_utf16_lossy(&units)
}

/// Splices that turn `old` into `new`, the last in the text first, so that each one's offset is one of `old`.
pub(super) fn splices(old: &str, new: &str) -> Vec<Splice> {
    match splice(0, old, new) {
        None => return Vec::new(),
        // Something was put in or taken out at one place, also within a word.
        Some(only) if only.delete == 0 || only.insert.is_empty() => return vec![only],
        Some(_) => {}
    }
    let (a, b) = (words(old), words(new));
    let prefix = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let suffix = a[prefix..].iter().rev().zip(b[prefix..].iter().rev()).take_while(|(a, b)| a == b).count();
    let (a_mid, b_mid) = (&a[prefix..a.len() - suffix], &b[prefix..b.len() - suffix]);
    let hunks = readable(hunks(a_mid, b_mid), a_mid, b_mid);
    if let [hunk] = &hunks[..]
        && hunk.is_rewritten()
        && letters(&a[..prefix]) + letters(&a[a.len() - suffix..]) == 0
    {
        // A full stop is not what two sentences share.
        return vec![Splice { at: 0, delete: units(old), insert: new.to_owned() }];
    }
    let mut at = a[..prefix].iter().map(|word| units(word)).sum();
    let mut splices = Vec::new();
    for hunk in hunks {
        let is_rewritten = hunk.is_rewritten();
        let (old, new) = (a_mid[hunk.old].concat(), b_mid[hunk.new].concat());
        at += a_mid[hunk.kept].iter().map(|word| units(word)).sum::<usize>();
        if is_rewritten {
            splices.push(Splice { at, delete: units(&old), insert: new });
        } else {
            splices.extend(splice(at, &old, &new));
        }
        at += units(&old);
    }
    splices.reverse();
    splices
}

/// Does to `now` what turned `from` into `to`. None if `now` has something else where that was.
pub(super) fn moved(from: &str, to: &str, now: &str) -> Option<String> {
    let others = splices(from, now);
    let mut units: Vec<u16> = now.encode_utf16().collect();
    // The last comes first, so that what is done already moves nothing that is to come.
    for Splice { at, delete, insert } in splices(from, to) {
        let end = at + delete;
        let mut place = at;
        for other in &others {
            let other_end = other.at + other.delete;
            if other_end <= at && (delete > 0 || other.at < at) {
                place = place + self::units(&other.insert) - other.delete;
            } else if other.at < end && at < other_end || (at..end).contains(&other.at) && other.at > at {
                return None;
            }
        }
        units.splice(place..place + delete, insert.encode_utf16());
    }
    String::from_utf16(&units).ok()
}

/// A piece of two versions of a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Piece {
    /// In both.
    Same(String),
    /// In the older one only.
    Removed(String),
    /// In the newer one only.
    Added(String),
}

/// Two versions of a text as one sequence of pieces, word by word.
pub fn pieces(old: &str, new: &str) -> Vec<Piece> {
    let (a, b) = (words(old), words(new));
    let prefix = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let suffix = a[prefix..].iter().rev().zip(b[prefix..].iter().rev()).take_while(|(a, b)| a == b).count();
    let (a_mid, b_mid) = (&a[prefix..a.len() - suffix], &b[prefix..b.len() - suffix]);
    let mut pieces = Vec::new();
    let mut same = a[..prefix].concat();
    let mut at = 0;
    let mut push = |piece: fn(String) -> Piece, text: String| {
        if !text.is_empty() {
            pieces.push(piece(text));
        }
    };
    for hunk in hunks(a_mid, b_mid) {
        same.push_str(&a_mid[hunk.kept].concat());
        push(Piece::Same, std::mem::take(&mut same));
        at = hunk.old.end;
        push(Piece::Removed, a_mid[hunk.old].concat());
        push(Piece::Added, b_mid[hunk.new].concat());
    }
    same.push_str(&a_mid[at..].concat());
    same.push_str(&a[a.len() - suffix..].concat());
    push(Piece::Same, same);
    pieces
}

/// One splice, without what both sides begin and end with.
fn splice(at: usize, old: &str, new: &str) -> Option<Splice> {
    let prefix: usize = old.chars().zip(new.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
    let (kept, old, new) = (&old[..prefix], &old[prefix..], &new[prefix..]);
    let ends = old.chars().rev().zip(new.chars().rev());
    let suffix: usize = ends.take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
    let (old, new) = (&old[..old.len() - suffix], &new[..new.len() - suffix]);
    match (old.is_empty(), new.is_empty()) {
        (true, true) => None,
        (false, false) => Some(Splice { at: at + units(kept), delete: units(old), insert: new.to_owned() }),
        (no_old, _) => {
            let (back, moved) = from_a_word(kept, if no_old { new } else { old });
            let at = at + units(&kept[..kept.len() - back]);
            Some(match no_old {
                true => Splice { at, delete: 0, insert: moved },
                false => Splice { at, delete: units(&moved), insert: String::new() },
            })
        }
    }
}

/// Of all places at which the same could have been put in or taken out, the one that begins with a word, or, where words
/// stick together, the one behind which one begins: what somebody else wrote beside it tears no word apart then. By how many
/// bytes it is further to the front, and what it is there.
fn from_a_word(kept: &str, changed: &str) -> (usize, String) {
    let in_word = |c: char| c.is_alphanumeric();
    let stays = (0, changed.to_owned());
    if changed.chars().all(in_word) {
        return stays;
    }
    let (mut back, mut turned) = (0, String::new());
    let mut ends = changed.chars().rev();
    for before in kept.chars().rev() {
        if !in_word(before) {
            break;
        }
        if ends.next() != Some(before) {
            let is_torn = changed.chars().next().is_some_and(in_word);
            let ends_well = changed[..changed.len() - back].chars().next_back().is_some_and(|c| !in_word(c));
            if is_torn && ends_well {
                break;
            }
            return stays;
        }
        back += before.len_utf8();
        turned.insert(0, before);
    }
    turned.push_str(&changed[..changed.len() - back]);
    (back, turned)
}

/// Runs of letters and digits, and every other character by itself, also those of scripts without spaces.
fn words(text: &str) -> Vec<&str> {
    let in_word = |c: char| c.is_alphanumeric() && c < '\u{2e80}';
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length =
            if in_word(first) { rest.find(|c: char| !in_word(c)).unwrap_or(rest.len()) } else { first.len_utf8() };
        let (word, tail) = rest.split_at(length);
        words.push(word);
        rest = tail;
    }
    words
}

/// A stretch that is equal on both sides, then one that differs.
#[derive(Debug)]
struct Hunk {
    kept: std::ops::Range<usize>,
    old: std::ops::Range<usize>,
    new: std::ops::Range<usize>,
}

impl Hunk {
    /// True if words make way for words, not one for another.
    fn is_rewritten(&self) -> bool {
        !self.old.is_empty() && !self.new.is_empty() && self.old.len().max(self.new.len()) > 1
    }
}

/// Joins hunks that only little parts: what two versions share between two longer changes is there by chance.
fn readable(hunks: Vec<Hunk>, a: &[&str], b: &[&str]) -> Vec<Hunk> {
    let size = |hunk: &Hunk| letters(&a[hunk.old.clone()]).max(letters(&b[hunk.new.clone()]));
    let mut readable: Vec<Hunk> = Vec::new();
    for hunk in hunks {
        let mut next = hunk;
        while let Some(last) = readable.last() {
            if 2 * letters(&a[next.kept.clone()]) > size(last).min(size(&next)) {
                break;
            }
            next =
                Hunk { kept: last.kept.clone(), old: last.old.start..next.old.end, new: last.new.start..next.new.end };
            readable.pop();
        }
        readable.push(next);
    }
    readable
}

/// How many letters and digits words have.
fn letters(words: &[&str]) -> usize {
    words.iter().flat_map(|word| word.chars()).filter(|c| c.is_alphanumeric()).count()
}

/// E. Myers, "An O(ND) Difference Algorithm and Its Variations" (1986): the greedy algorithm with its trace kept.
fn hunks(a: &[&str], b: &[&str]) -> Vec<Hunk> {
    let whole = || vec![Hunk { kept: 0..0, old: 0..a.len(), new: 0..b.len() }];
    let Some(trace) = trace(a, b) else { return whole() };
    // Back from the end: each step of the trace is one word deleted or inserted, then a run of equal words.
    let mut edits = Vec::new();
    let (mut x, mut y) = (a.len(), b.len());
    for (d, furthest) in trace.iter().enumerate().skip(1).rev() {
        let k = x.cast_signed() - y.cast_signed();
        let (before, inserted) = step(furthest, d.cast_signed(), k);
        let (from_x, from_y) = (before, (before.cast_signed() - (k + if inserted { 1 } else { -1 })).cast_unsigned());
        edits.push((from_x, from_y, inserted));
        (x, y) = (from_x, from_y);
    }
    edits.reverse();
    let mut hunks: Vec<Hunk> = Vec::new();
    for (x, y, inserted) in edits {
        let (old, new) = if inserted { (x..x, y..y + 1) } else { (x..x + 1, y..y) };
        let end = hunks.last().map_or((0, 0), |last| (last.old.end, last.new.end));
        match hunks.last_mut() {
            Some(last) if end == (old.start, new.start) => (last.old.end, last.new.end) = (old.end, new.end),
            _ => hunks.push(Hunk { kept: end.0..old.start, old, new }),
        }
    }
    hunks
}

/// For every number of differences the furthest reach on each diagonal before that step; none if there are too many.
fn trace(a: &[&str], b: &[&str]) -> Option<Vec<Vec<usize>>> {
    let mut furthest = vec![0];
    let mut trace = Vec::new();
    for d in 0..=DIFFERENCES.cast_signed() {
        let mut next = Vec::with_capacity(d.cast_unsigned() + 1);
        for k in (-d..=d).step_by(2) {
            let mut x = if d == 0 {
                0
            } else {
                let (before, inserted) = step(&furthest, d, k);
                before + usize::from(!inserted)
            };
            let mut y = x.checked_add_signed(-k)?;
            while x < a.len() && y < b.len() && a[x] == b[y] {
                (x, y) = (x + 1, y + 1);
            }
            next.push(x);
            if x >= a.len() && y >= b.len() {
                trace.push(furthest);
                return Some(trace);
            }
        }
        trace.push(std::mem::replace(&mut furthest, next));
    }
    None
}

/// From which `x` diagonal `k` is reached best with the `d`th difference, and whether by inserting (else by deleting).
/// `furthest` has the reach on diagonals −(d−1), −(d−3) … d−1.
fn step(furthest: &[usize], d: isize, k: isize) -> (usize, bool) {
    let at = |k: isize| usize::try_from((k + d - 1) / 2).ok().and_then(|index| furthest.get(index).copied());
    let above = if k < d { at(k + 1) } else { None };
    let left = if k > -d { at(k - 1) } else { None };
    match (above, left) {
        (Some(above), Some(left)) if left < above => (above, true),
        (Some(above), None) => (above, true),
        (_, left) => (left.unwrap_or(0), false),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn of_two_words_that_begin_alike_the_one_that_went_is_taken_out() {
        let cases = [
            ("then these too", "these too", 0, 5, ""),
            ("these too", "then these too", 0, 0, "then "),
            ("so then these", "so these", 3, 5, ""),
            ("a b c", "a b b c", 4, 0, "b "),
            ("helo", "hello", 3, 0, "l"),
        ];
        for (old, new, at, delete, insert) in cases {
            let made = splices(old, new);
            assert_eq!(made, [Splice { at, delete, insert: insert.to_owned() }], "{old:?} to {new:?}");
            assert_eq!(spliced(old, &made), new);
        }
    }

    proptest! {
        #[test]
        fn splices_turn_one_text_into_the_other(old in "[ab c\u{1f600}語\n]{0,40}", new in "[ab c\u{1f600}語\n]{0,40}") {
            prop_assert_eq!(spliced(&old, &splices(&old, &new)), new);
        }
    }

    proptest! {
        #[test]
        fn pieces_are_both_texts(old in "[ab c\u{1f600}語\n]{0,40}", new in "[ab c\u{1f600}語\n]{0,40}") {
            let (mut before, mut after) = (String::new(), String::new());
            for piece in pieces(&old, &new) {
                match piece {
                    Piece::Same(text) => (before.push_str(&text), after.push_str(&text)).1,
                    Piece::Removed(text) => before.push_str(&text),
                    Piece::Added(text) => after.push_str(&text),
                }
            }
            prop_assert_eq!((before, after), (old, new));
        }
    }

    #[test]
    fn one_changed_word_is_one_small_splice() {
        let splices = splices("we meet on friday at nine", "we meet on thursday at nine");
        assert_eq!(splices, [Splice { at: 11, delete: 3, insert: "thurs".into() }]);
    }

    #[test]
    fn what_one_key_does_takes_no_more_than_its_character() {
        assert_eq!(splices("atonce", "at once"), [Splice { at: 2, delete: 0, insert: " ".into() }]);
        assert_eq!(splices("all at once", "all atonce"), [Splice { at: 6, delete: 1, insert: String::new() }]);
        assert_eq!(splices("all at once", "all at once"), []);
    }

    #[test]
    fn a_word_between_two_that_begin_alike_goes_as_a_whole_also_where_words_stick_together() {
        let splice = |at, delete| [Splice { at, delete, insert: String::new() }];
        assert_eq!(splices("one word39x  word40x", "one word40x"), splice(4, 9));
        assert_eq!(splices("oneword39x  word40x", "oneword40x"), splice(3, 9));
        assert_eq!(splices("xab-ab", "xab"), splice(3, 3), "it ends a word as it is");
    }

    #[test]
    fn a_sentence_in_place_of_another_is_one_splice() {
        let [old, new] = ["I want to be calm.", "My doctor told me to."];
        assert_eq!(splices(old, new), [Splice { at: 0, delete: units(old), insert: new.into() }]);
        let [old, new] = ["First line.\nI want to be calm.\nLast.", "First line.\nMy doctor told me to.\nLast."];
        assert_eq!(splices(old, new), [Splice { at: 12, delete: 17, insert: "My doctor told me to".into() }]);
    }

    #[test]
    fn a_word_more_or_less_is_no_new_sentence() {
        assert_eq!(splices("cat.", "cats."), [Splice { at: 3, delete: 0, insert: "s".into() }]);
        assert_eq!(splices("Hello.", "Hello there."), [Splice { at: 5, delete: 0, insert: " there".into() }]);
        assert_eq!(splices("Hello there.", "Hello."), [Splice { at: 5, delete: 6, insert: String::new() }]);
    }

    #[test]
    fn two_changed_words_are_two_splices_the_last_first() {
        let splices = splices("one two three four", "uno two tres four");
        assert_eq!(splices.len(), 2);
        assert!(splices[0].at > splices[1].at);
    }

    #[test]
    fn texts_without_anything_in_common_are_replaced_at_bounded_cost() {
        let old: String = (0..60_000).map(|n| format!("a{n} ")).collect();
        let new: String = (0..60_000).map(|n| format!("b{n}-")).collect();
        let splices = splices(&old, &new);
        assert_eq!(splices.len(), 1);
        assert_eq!(spliced(&old, &splices), new);
    }

    #[test]
    fn lines_end_in_line_feeds() {
        assert_eq!(normal("a\r\nb\rc\n\r\n"), "a\nb\nc\n\n");
    }
}
