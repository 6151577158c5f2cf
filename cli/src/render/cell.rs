//! Cells of tables: words and how they look, cut or broken where their room ends.

use anstyle::Style;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr};

use super::plain;

/// Columns that a column of a table keeps while others can give way.
const THINNEST: usize = 6;
/// What parts columns.
pub(super) const GAP: usize = 2;

/// A cell of a table: words and how they look.
pub struct Cell(pub(super) Vec<(String, Style)>);

/// What becomes of a word that is longer than a line.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Long {
    /// It goes on in the next line.
    Cut,
    /// It stays whole: somebody may copy it.
    Whole,
}

impl Cell {
    /// A cell of several looks.
    pub fn pieces(before: &str, pieces: &[(&str, Style)]) -> Self {
        let before = (before.to_owned(), Style::new());
        Self(std::iter::once(before).chain(pieces.iter().map(|(text, style)| (plain(text), *style))).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|(text, _)| text.is_empty())
    }

    pub(super) fn width(&self) -> usize {
        self.0.iter().map(|(text, _)| text.width()).sum()
    }

    /// Columns of its longest word.
    fn longest(&self) -> usize {
        self.0.iter().flat_map(|(text, _)| text.split(' ')).map(UnicodeWidthStr::width).max().unwrap_or(0)
    }

    pub(super) fn printed(&self) -> String {
        let pieces = self.0.iter().filter(|(text, _)| !text.is_empty());
        pieces.map(|(text, style)| format!("{style}{text}{style:#}")).collect()
    }

    /// Leaves at most so many columns, the last of which then says that there is more.
    pub(super) fn cut(&mut self, most: usize) {
        if self.width() > most {
            *self = self.until(most - 1);
            if let Some((text, _)) = self.0.last_mut() {
                text.push('…');
            }
        }
    }

    /// The cell in lines of so many columns, broken between words, each as far in as the first.
    pub(super) fn flowing(self, width: usize) -> Vec<Self> {
        let all: String = self.0.iter().map(|(text, _)| text.as_str()).collect();
        let indent = (all.len() - all.trim_start_matches(' ').len()).min(width / 2);
        let mut left = indent;
        let mut pieces = self.0;
        for (text, _) in &mut pieces {
            let spaces = left.min(text.len() - text.trim_start_matches(' ').len());
            text.drain(..spaces);
            left -= spaces;
        }
        let mut lines = Self(pieces).broken(width - indent, Long::Whole);
        lines.iter_mut().for_each(|line| line.0.insert(0, (" ".repeat(indent), Style::new())));
        lines
    }

    /// The cell in lines of so many columns, broken between words.
    pub(super) fn broken(&self, width: usize, long: Long) -> Vec<Self> {
        let all: Vec<_> = self.0.iter().flat_map(|(text, style)| text.chars().map(|c| (c, *style))).collect();
        let wide = |at: usize| all[at].0.width().unwrap_or(0);
        let (mut lines, mut start) = (Vec::new(), 0);
        loop {
            let (mut end, mut room) = (start, width);
            while end < all.len() && wide(end) <= room {
                room -= wide(end);
                end += 1;
            }
            let mut next = end;
            if end < all.len() {
                let words = (start..=end).find(|at| all[*at].0 != ' ').unwrap_or(start);
                let before = (words..=end).rev().find(|at| all[*at].0 == ' ');
                let after = || (end..all.len()).find(|at| all[*at].0 == ' ').unwrap_or(all.len());
                (end, next) = match before {
                    Some(space) => (space, space + 1),
                    None if long == Long::Cut => (end.max(start + 1), end.max(start + 1)),
                    None => (after(), after() + 1),
                };
            }
            lines.push(Self::of(&all[start..end]));
            if next >= all.len() {
                return lines;
            }
            start = next;
        }
    }

    /// As much of it as has so many columns.
    fn until(&self, most: usize) -> Self {
        let mut room = most;
        let all = self.0.iter().flat_map(|(text, style)| text.chars().map(|c| (c, *style)));
        let fits: Vec<_> = all
            .take_while(|(c, _)| {
                let fits = c.width().unwrap_or(0) <= room;
                room = room.saturating_sub(c.width().unwrap_or(0));
                fits
            })
            .collect();
        Self::of(&fits)
    }

    fn of(all: &[(char, Style)]) -> Self {
        let same = all.chunk_by(|(_, one), (_, other)| one == other);
        Self(same.map(|chunk| (chunk.iter().map(|(c, _)| c).collect(), chunk[0].1)).collect())
    }
}

/// Plain words.
pub fn cell(text: impl AsRef<str>) -> Cell {
    styled(text, Style::new())
}

/// Words with a look.
pub fn styled(text: impl AsRef<str>, style: Style) -> Cell {
    Cell(vec![(plain(text.as_ref()), style)])
}

/// The widest cell of each column, as `of` measures it.
pub(super) fn widths(rows: &[Vec<Cell>], of: fn(&Cell) -> usize) -> Vec<usize> {
    let mut widths = Vec::new();
    for row in rows {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = of(cell).max(*width);
        }
    }
    widths
}

/// Widths of columns with which a row has at most so many columns: the widest give way, as far as their words stay whole
/// if that is enough.
pub(super) fn fitting(rows: &[Vec<Cell>], width: usize) -> Vec<usize> {
    let mut widths = widths(rows, Cell::width);
    let words = self::widths(rows, Cell::longest);
    let thinnest = vec![THINNEST; words.len()];
    for least in [words, thinnest] {
        while widths.iter().map(|it| it + GAP).sum::<usize>() > width + GAP {
            let gives = (0..widths.len()).filter(|at| widths[*at] > least[*at]).max_by_key(|at| widths[*at]);
            let Some(at) = gives else { break };
            widths[at] -= 1;
        }
    }
    widths
}
