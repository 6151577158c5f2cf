//! Values into text for people. Nothing here decides anything, reads anything or prints.
//!
//! On a terminal columns are aligned and coloured; elsewhere they are separated by tabs, one row a line. Words that people
//! wrote never reach a terminal with control characters in them.

pub mod agreement;
pub mod alliance;
pub mod backup;
mod cell;
pub mod close;
pub mod commitment;
pub mod device;
pub mod doctor;
pub mod history;
pub mod item;
pub mod list;
pub mod member;
pub mod prep;
pub mod recovery;
pub mod review;
pub mod search;
pub mod security;
pub mod spoken;
pub mod start;
pub mod status;
pub mod sync;
pub mod today;

use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthStr as _;

pub use self::cell::{Cell, cell, styled};
use self::cell::{GAP, Long, fitting, widths};
use crate::command::Answer;

/// Ids.
pub const ID: Style = AnsiColor::Cyan.on_default();
/// What matters most.
pub const STRONG: Style = Style::new().bold();
/// What matters least.
pub const FAINT: Style = Style::new().dimmed();
/// What somebody should look at.
pub const LOOK: Style = AnsiColor::Yellow.on_default();
const ERROR: Style = AnsiColor::Red.on_default().bold();

/// For what is the text?
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layout {
    /// A person's terminal.
    Terminal,
    /// A pipe or a file.
    Plain,
}

/// A piece of what is printed.
#[derive(PartialEq, Eq, Debug)]
pub enum Part {
    /// For stdout.
    Data(String),
    /// For stderr.
    Talk(String),
}

/// Columns of a terminal that does not say how many it has.
const WIDTH: usize = 80;
/// Columns that a terminal is taken to have at least.
const LEAST: usize = 24;
/// Columns that a title keeps on however narrow a terminal.
const NARROWEST: usize = 16;
/// Columns in which an address, which stays whole, leaves no room for words beside it.
const NARROW: usize = 60;

/// Text being put together.
pub struct Page {
    layout: Layout,
    width: usize,
    parts: Vec<Part>,
}

impl Page {
    /// An empty page.
    pub fn new(layout: Layout) -> Self {
        Self { layout, width: WIDTH, parts: Vec::new() }
    }

    /// The page for a terminal with so many columns.
    pub fn of_width(self, width: usize) -> Self {
        Self { width: width.max(LEAST), ..self }
    }

    /// What was put together, in order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// True on a terminal.
    pub fn is_terminal(&self) -> bool {
        self.layout == Layout::Terminal
    }

    /// True if what is printed has so few columns.
    pub fn is_within(&self, width: usize) -> bool {
        self.is_terminal() && self.width <= width
    }

    /// A line of data, which on a terminal goes on in the next line where it ends.
    pub fn line(&mut self, cells: impl IntoIterator<Item = Cell>) {
        let cells: Vec<_> = cells.into_iter().collect();
        if !self.is_terminal() {
            return self.row(&cells, &[]);
        }
        let mut line = Cell(Vec::new());
        for cell in cells.into_iter().filter(|cell| !cell.is_empty()) {
            if !line.is_empty() {
                line.0.push((" ".repeat(GAP), Style::new()));
            }
            line.0.extend(cell.0);
        }
        for line in line.flowing(self.width) {
            self.data(&line.printed());
        }
    }

    /// Rows of data. On a terminal that is narrower than they are, the widest columns are broken between words.
    pub fn table(&mut self, rows: Vec<Vec<Cell>>) {
        let widths = if self.is_terminal() { fitting(&rows, self.width) } else { Vec::new() };
        for row in rows {
            self.row(&row, &widths);
        }
    }

    /// Rows of data, of which one column is cut on a terminal so that a row is a line.
    pub fn table_cutting(&mut self, column: usize, mut rows: Vec<Vec<Cell>>) {
        if self.is_terminal() {
            let widths = widths(&rows, Cell::width);
            let others = widths.iter().enumerate().filter(|(at, _)| *at != column).map(|(_, it)| it + GAP);
            let most = self.width.saturating_sub(others.sum()).max(NARROWEST);
            rows.iter_mut().filter_map(|row| row.get_mut(column)).for_each(|cell| cell.cut(most));
        }
        self.table(rows);
    }

    /// A text of several lines, as data.
    pub fn text(&mut self, text: &str) {
        for line in text.lines() {
            self.line([cell(line)]);
        }
    }

    /// A text for another program, as it is: nobody else's words.
    pub fn verbatim(&mut self, text: &str) {
        self.data(text.strip_suffix('\n').unwrap_or(text));
    }

    /// An empty line, on a terminal.
    pub fn gap(&mut self) {
        if self.is_terminal() {
            self.data("");
        }
    }

    /// A line beside the data.
    pub fn talk(&mut self, text: &str) {
        self.parts.push(Part::Talk(format!("{}\n", plain(text))));
    }

    /// One row, in columns of these widths; parted by tabs and all of them where there is no terminal.
    fn row(&mut self, row: &[Cell], widths: &[usize]) {
        if !self.is_terminal() {
            return self.data(&row.iter().map(Cell::printed).collect::<Vec<_>>().join("\t"));
        }
        let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| cell.broken(*width, Long::Cut)).collect();
        for at in 0..cells.iter().map(Vec::len).max().unwrap_or(0) {
            let line: Vec<_> = cells.iter().map(|lines| lines.get(at)).collect();
            let last = line.iter().rposition(|cell| cell.is_some_and(|cell| !cell.is_empty())).unwrap_or(0);
            let mut printed = String::new();
            for (cell, width) in line[..last].iter().zip(widths) {
                printed.push_str(&cell.map(Cell::printed).unwrap_or_default());
                printed.push_str(&" ".repeat(width - cell.map_or(0, Cell::width) + GAP));
            }
            printed.push_str(&line[last].map(Cell::printed).unwrap_or_default());
            self.data(&printed);
        }
    }

    fn data(&mut self, line: &str) {
        let line = format!("{line}\n");
        match self.parts.last_mut() {
            Some(Part::Data(text)) => text.push_str(&line),
            _ => self.parts.push(Part::Data(line)),
        }
    }
}

/// Shows what a command has to say.
pub fn answer(answer: &Answer, page: &mut Page) {
    match answer {
        Answer::Started(started) => start::started(started, page),
        Answer::Joined(joined) => start::joined(joined, page),
        Answer::Alliance(chosen) => alliance::chosen(chosen, page),
        Answer::Invited(invited) => start::invited(invited, page),
        Answer::Withdrawn(withdrawn) => start::withdrawn(withdrawn, page),
        Answer::Done(done) => item::done(done, page),
        Answer::Items(list) => list::list(list, page),
        Answer::Item(whole) => item::item(whole, page),
        Answer::Found(hits) => search::found(hits, page),
        Answer::Brief(brief) => prep::brief(brief, page),
        Answer::Exported(exported) => review::exported(exported, page),
        Answer::Imported(all) => review::imported(all, page),
        Answer::Reminding(settings) => review::reminding(settings, page),
        Answer::Reminders(reminders) => review::reminders(reminders, page),
        Answer::Closing(closing) => close::closing(closing, page),
        Answer::Reviewed(reviewed) => review::reviewed(reviewed, page),
        Answer::Glances(all) => prep::glances(all, page),
        Answer::Agreement(it) => agreement::shown(it, page),
        Answer::Differs(sections) => agreement::differs(sections, page),
        Answer::Forces(all) => agreement::forces(all, page),
        Answer::About(about) => alliance::about(about, page),
        Answer::Settings(rows) => page.table(
            rows.iter()
                .map(|row| {
                    let set = if row.value.is_some() { "set" } else { "" };
                    vec![cell(row.id), styled(row.in_force.as_deref().unwrap_or_default(), STRONG), styled(set, FAINT)]
                })
                .collect(),
        ),
        Answer::Text(text) => page.verbatim(text),
        Answer::Ids(ids) => page.table(ids.iter().map(|it| vec![cell(&it.id), cell(&it.title)]).collect()),
        Answer::History(lines) => history::history(lines, page),
        Answer::Today(day) => today::today(day, page),
        Answer::Choices(list) => item::conflicts(list, page),
        Answer::Computers(computers) => device::computers(computers, page),
        Answer::Cut(cut) => device::cut(cut, page),
        Answer::Late(late) => device::late(late, page),
        Answer::TookIn(took) => device::took_in(took, page),
        Answer::Renewed(renewed) => device::renewed(renewed, page),
        Answer::Left(left) => alliance::left(left, page),
        Answer::Arrived(arrived) => device::arrived(arrived, page),
        Answer::Members(members) => member::members(members, page),
        Answer::WordsChecked(it) => recovery::checked(*it, page),
        Answer::WordsReplaced(it) => recovery::replaced(*it, page),
        Answer::Returned(returned) => recovery::returned(returned, page),
        Answer::BackedUp(made) => backup::made(made, page),
        Answer::BackupLooked(looked) => backup::looked(looked, page),
        Answer::Merged(merged) => backup::merged(merged, page),
        Answer::RestoredFrom(restored) => backup::restored(restored, page),
        Answer::Drilled(tried) => backup::tried(tried, page),
        Answer::Status(spaces) => status::status(spaces, page),
        Answer::Synced(synced) => sync::synced(synced, page),
        Answer::Verified(rows) => sync::verified(rows, page),
        Answer::Checked(findings) => doctor::findings(findings, page),
        Answer::Gone(rows) => alliance::gone(rows, page),
        Answer::Relays(relays) => alliance::relays(relays, page),
        Answer::Security(lines) => security::log(lines, page),
        // Both were printed while they ran.
        Answer::Ticket(ticket) => start::ticket(ticket, page),
        Answer::Played(_) | Answer::Said => {}
    }
}

/// Shows why a command failed and what helps.
pub fn failure(message: &str, hint: Option<&str>) -> String {
    let mut text = format!("{ERROR}error{ERROR:#}: {}\n", plain(message));
    if let Some(hint) = hint {
        let hint = hint.lines().map(plain).collect::<Vec<_>>().join("\n");
        text.push_str(&format!("{STRONG}hint{STRONG:#}: {hint}\n"));
    }
    text
}

/// Text whose lines are broken between words where they are wider than that. Lines that are indented stay as they are.
pub fn wrapped(text: &str, width: usize) -> String {
    let mut wrapped = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let mut at = 0;
        for (n, word) in line.split(' ').enumerate() {
            let wide = anstream::adapter::strip_str(word.trim_end_matches('\n')).to_string().width();
            if n > 0 {
                let full = at + 1 + wide > width && !line.starts_with(' ');
                wrapped.push(if full { '\n' } else { ' ' });
                at = if full { 0 } else { at + 1 };
            }
            wrapped.push_str(word);
            at += wide;
        }
    }
    wrapped
}

/// A command as it is typed to mean the alliance that is called so; none is the one that commands mean anyway.
pub fn in_alliance(title: Option<&str>, verb: &str) -> String {
    match title {
        Some(title) => format!("alliance --alliance {} {verb}", quoted(title)),
        None => format!("alliance {verb}"),
    }
}

/// Words as a shell takes them.
pub fn quoted(words: &str) -> String {
    format!("'{}'", words.replace('\'', "'\\''"))
}

/// What a field is called when people read of it.
pub fn field(name: &str) -> String {
    match name {
        "body" => "text".to_owned(),
        "thanked" => "thanks".to_owned(),
        "if-then" => "if … then".to_owned(),
        "support" => "what helps".to_owned(),
        "learning" => "what was learned".to_owned(),
        "accepted-as" => "accepted as".to_owned(),
        "links" => "for".to_owned(),
        "muted" => "wants not to be asked".to_owned(),
        "check-ins" => "how it went".to_owned(),
        "take-aways" => "taken along".to_owned(),
        "for" => "for it".to_owned(),
        "against" => "against it".to_owned(),
        "reframe" => "seen otherwise".to_owned(),
        "offered-evidence" => "offered: against it".to_owned(),
        "offered-reframe" => "offered: seen otherwise".to_owned(),
        "back" => "comes back".to_owned(),
        "target" => "about".to_owned(),
        "withdrawn" => "taken back".to_owned(),
        name => match name.strip_prefix("level").filter(|level| level.parse::<i8>().is_ok()) {
            Some(level) => format!("level {level}"),
            None => name.to_owned(),
        },
    }
}

/// How many, with the right word.
pub fn count(number: u64, one: &str, several: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {several}") }
}

/// The name of the other person, if it has arrived.
pub fn name(name: &str) -> &str {
    if name.is_empty() { "the other person" } else { name }
}

/// A line without control characters, which could do anything to a terminal, and without what changes the direction of
/// writing or is not seen at all: two titles that look the same should be the same.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => plain.push(' '),
            // They join and part letters of many scripts, and the parts of an emoji.
            '\u{200c}' | '\u{200d}' if plain.chars().next_back().is_some_and(|last| !last.is_ascii()) => plain.push(c),
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' => {}
            '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' => {}
            c => plain.push(c),
        }
    }
    plain
}

/// Names, as they are said one after the other.
pub fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::command::item::Named;

    /// Both streams as somebody sees them, without colour; lines beside the data are marked.
    pub(crate) fn seen(value: &Answer, layout: Layout) -> String {
        let mut page = Page::new(layout);
        answer(value, &mut page);
        printed(&page)
    }

    /// A note that is called so.
    pub(crate) fn named(title: &str) -> Named {
        Named { id: "02".repeat(16), short: "n3k9".to_owned(), kind: "note".to_owned(), title: title.to_owned() }
    }

    /// Both streams of a page, likewise.
    pub(crate) fn printed(page: &Page) -> String {
        let parts = page.parts().iter().map(|part| match part {
            Part::Data(text) => text.clone(),
            Part::Talk(text) => format!("# {text}"),
        });
        anstream::adapter::strip_str(&parts.collect::<String>()).to_string()
    }

    fn data(page: &Page) -> String {
        let text = page.parts().iter().map(|part| match part {
            Part::Data(text) | Part::Talk(text) => text.as_str(),
        });
        anstream::adapter::strip_str(&text.collect::<String>()).to_string()
    }

    fn two_rows() -> Vec<Vec<Cell>> {
        vec![vec![styled("g3k", ID), cell("日本"), cell("")], vec![cell("g3k9"), cell("Run"), cell("private")]]
    }

    #[test]
    fn columns_line_up_on_a_terminal_whatever_the_letters() {
        let mut page = Page::new(Layout::Terminal);
        page.table(two_rows());
        assert_eq!(data(&page), "g3k   日本\ng3k9  Run   private\n");
    }

    #[test]
    fn a_long_title_is_cut_to_the_terminal_and_nowhere_else() {
        let rows = || vec![vec![cell("g3k"), cell("日".repeat(40)), cell("private")], vec![cell("g3k9"), cell("Run")]];
        let mut page = Page::new(Layout::Terminal).of_width(40);
        page.table_cutting(1, rows());
        let text = data(&page);
        assert!(text.lines().all(|line| line.width() <= 40) && text.contains("日…  private"), "{text}");
        let mut page = Page::new(Layout::Terminal).of_width(1);
        page.table_cutting(1, rows());
        let text = data(&page);
        assert!(text.lines().all(|line| line.width() <= LEAST) && text.contains('…'), "{text}");
        let mut page = Page::new(Layout::Plain).of_width(40);
        page.table_cutting(1, rows());
        assert!(data(&page).contains(&"日".repeat(40)));
    }

    #[test]
    fn what_is_wider_than_the_terminal_is_broken_between_words() {
        let rows = || {
            let waits = "for all one knows Anna may not have what you wrote last";
            vec![vec![styled("Ben & Anna", STRONG), cell(waits), cell("http://127.0.0.1:8787")]]
        };
        for width in [120, 50, 40, 1] {
            let mut page = Page::new(Layout::Terminal).of_width(width);
            page.table(rows());
            let text = data(&page);
            assert!(text.lines().all(|line| line.width() <= width.max(LEAST)), "{text}");
            let words: String = text.split_whitespace().collect();
            assert!(words.contains("Ben") && words.len() >= 70, "{text}");
        }
        let mut page = Page::new(Layout::Terminal).of_width(50);
        page.table(rows());
        assert!(data(&page).contains("http://127.0.0.1:8787"), "an address stays whole while there is room");
        let mut page = Page::new(Layout::Plain).of_width(40);
        page.table(rows());
        assert_eq!(data(&page).lines().count(), 1);
    }

    #[test]
    fn a_line_goes_on_below_as_far_in_and_breaks_no_word() {
        let mut page = Page::new(Layout::Terminal).of_width(24);
        page.line([styled("    body", FAINT), Cell::pieces("", &[("one two three ", STRONG), ("four five", FAINT)])]);
        assert_eq!(data(&page), "    body  one two three\n    four five\n");
        let word = "alliance:".to_owned() + &"x".repeat(60);
        let mut page = Page::new(Layout::Terminal).of_width(24);
        page.line([cell(&word)]);
        page.text("some words that are more than a line\n\n  in");
        assert_eq!(data(&page), format!("{word}\nsome words that are more\nthan a line\n\n  in\n"));
    }

    #[test]
    fn columns_are_separated_by_tabs_elsewhere_and_none_is_left_out() {
        let mut page = Page::new(Layout::Plain);
        page.table(two_rows());
        assert_eq!(data(&page), "g3k\t日本\t\ng3k9\tRun\tprivate\n");
    }

    #[test]
    fn words_of_others_cannot_steer_a_terminal() {
        let mut page = Page::new(Layout::Terminal);
        page.line([cell("a\u{1b}[2Jb\r\u{7}\u{9b}31m")]);
        page.text("one\u{1b}]0;x\u{7}\ntwo\tthree");
        let text: String = page.parts().iter().map(|part| format!("{part:?}")).collect();
        assert!(!text.contains("\\u{1b}[2J") && !text.contains("\\u{1b}]") && !text.contains("\\u{7}"), "{text}");
        assert!(!failure("\u{1b}[2J", Some("\u{1b}[2J")).contains("\u{1b}[2J"));
    }

    #[test]
    fn words_that_look_the_same_are_printed_the_same() {
        assert_eq!(plain("user\u{202e}gnp\u{202c}.exe\u{200b}\u{feff}"), "usergnp.exe");
        assert_eq!(plain("a\u{200d}b\u{2066}c\u{2069}\u{e0041}"), "abc");
        let family = "👩\u{200d}👧 می\u{200c}خواهم";
        assert_eq!(plain(family), family, "parts of letters stay");
    }

    #[test]
    fn talk_is_broken_between_words_where_the_terminal_ends() {
        let text = "\u{1b}[1merror\u{1b}[0m: one two 日本 three\n  g3k  a title that is longer\n";
        let fits = wrapped(text, 18);
        assert_eq!(fits, "\u{1b}[1merror\u{1b}[0m: one two\n日本 three\n  g3k  a title that is longer\n");
        assert_eq!(wrapped(text, 80), text);
        assert_eq!(wrapped("Donaudampfschiff ja\n", 4), "Donaudampfschiff\nja\n");
    }

    #[test]
    fn a_hint_keeps_its_lines() {
        let text = anstream::adapter::strip_str(&failure("x", Some("say which:\n  g3k  Run"))).to_string();
        assert_eq!(text, "error: x\nhint: say which:\n  g3k  Run\n");
    }
}
