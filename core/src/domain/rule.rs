//! Why an intent cannot be carried out, and the checks that many kinds have in common.

use std::ops::RangeInclusive;

use alliance_replica::{
    id::MemberId,
    limits,
    planted::{self, Bug},
};

use super::{LINE, SAID};
use crate::document::{Edit, TextEdit, Writer};

/// Why an intent cannot be carried out.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RuleError {
    /// A field that needs words has none.
    #[error("{} is empty", spoken(field))]
    Empty {
        /// The field.
        field: &'static str,
    },
    /// Too many characters.
    #[error("{} is longer than {most} characters", spoken(field))]
    TooLong {
        /// The field.
        field: &'static str,
        /// The most it may have.
        most: usize,
    },
    /// A text that does not fit.
    #[error("{} has {size} bytes, more than {most}", spoken(field))]
    TooLarge {
        /// The field.
        field: &'static str,
        /// Its bytes.
        size: usize,
        /// The most it may have.
        most: usize,
    },
    /// Several lines, or control characters, where one line belongs.
    #[error("{} has line breaks, tabs or other control characters in it", spoken(field))]
    NotALine {
        /// The field.
        field: &'static str,
    },
    /// Not one of the values that a field may have.
    #[error("{field} is one of {}", .allowed.join(", "))]
    NotAllowed {
        /// The field.
        field: &'static str,
        /// What it may be.
        allowed: &'static [&'static str],
    },
    /// Only its owner may do that.
    #[error("only its owner may do that")]
    NotYours {
        /// The owner.
        owner: MemberId,
    },
    /// Only the one who does not own it may do that.
    #[error("only the person whom it is for may do that")]
    ForTheOther,
    /// An answer to what is no request.
    #[error("that is no request for feedback")]
    NoRequest,
    /// Not a day.
    #[error("{field} is not a day as 2026-11-22")]
    NotADay {
        /// The field.
        field: &'static str,
    },
    /// Nothing in a list, or not one thing alone, is what was said.
    #[error("{field} “{text}” is not one of those there are")]
    NoneSuch {
        /// The field.
        field: &'static str,
        /// What was said.
        text: String,
    },
    /// Nobody is there for whom it could be.
    #[error("nobody else is in the alliance yet")]
    NobodyElse,
    /// It does not stand so that this could be done.
    #[error("it is {stands}")]
    StandsSo {
        /// How it stands.
        stands: String,
    },
    /// A value that this program can only show.
    #[error("that value was written by a newer program and can only be shown")]
    OnlyShown,
}

/// What a field is called when people read of it.
fn spoken(field: &str) -> &str {
    match field {
        "body" => "the text",
        "tags" => "a tag",
        "if-then" => "the plan",
        "support" => "what helps",
        "learning" => "what was learned",
        field => field,
    }
}

pub(super) fn mine(writer: Writer, me: MemberId) -> Result<(), RuleError> {
    match writer {
        Writer::Only(owner) if owner != me && !planted::is(Bug::OwnershipUnchecked) => {
            Err(RuleError::NotYours { owner })
        }
        _ => Ok(()),
    }
}

/// One line of words without white space around it.
pub(super) fn line(field: &'static str, text: &str, most: usize) -> Result<String, RuleError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(RuleError::Empty { field });
    }
    if text.chars().any(char::is_control) {
        return Err(RuleError::NotALine { field });
    }
    if text.chars().nth(most).is_some() {
        return Err(RuleError::TooLong { field, most });
    }
    Ok(text.to_owned())
}

pub(super) fn put(field: &'static str, text: &str, most: usize) -> Result<Edit, RuleError> {
    Ok(Edit::Put(field.to_owned(), Some(line(field, text, most)?.into())))
}

/// A line that may be taken away by saying nothing.
pub(super) fn put_or_clear(field: &'static str, text: &str, most: usize) -> Result<Edit, RuleError> {
    if text.trim().is_empty() { Ok(Edit::Put(field.to_owned(), None)) } else { put(field, text, most) }
}

pub(super) fn text(field: &'static str, edit: &TextEdit) -> Result<Edit, RuleError> {
    let (size, most) = (edit.text.len(), limits::TEXT);
    if size > most {
        return Err(RuleError::TooLarge { field, size, most });
    }
    Ok(Edit::Text(field.to_owned(), edit.clone()))
}

/// Edits that add and remove elements of a set.
pub(super) fn elements(field: &'static str, add: &[String], remove: &[String]) -> Result<Vec<Edit>, RuleError> {
    let edit = |make: fn(String, String) -> Edit| {
        move |element: &String| Ok(make(field.to_owned(), line(field, element, LINE)?))
    };
    remove.iter().map(edit(Edit::Remove)).chain(add.iter().map(edit(Edit::Add))).collect()
}

/// A day as people's calendars write it in files: `2026-11-22`.
pub(super) fn day(field: &'static str, text: &str) -> Result<String, RuleError> {
    let formed = text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() });
    let within = || ("01"..="12").contains(&&text[5..7]) && ("01"..="31").contains(&&text[8..]);
    if formed && within() { Ok(text.to_owned()) } else { Err(RuleError::NotADay { field }) }
}

/// Something that was said on a day, on one line, for the end of a list.
pub(super) fn said_on(field: &'static str, date: &str, words: &str) -> Result<Edit, RuleError> {
    let words = if words.trim().is_empty() { String::new() } else { line(field, words, SAID)? };
    let said = format!("{} {words}", day("date", date)?);
    Ok(Edit::Append(field.to_owned(), said.trim_end().into()))
}

pub(super) fn within(
    field: &'static str,
    number: i64,
    range: RangeInclusive<i64>,
    allowed: &'static [&'static str],
) -> Result<(), RuleError> {
    if range.contains(&number) { Ok(()) } else { Err(RuleError::NotAllowed { field, allowed }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_trimmed_and_bounded() {
        assert_eq!(line("title", "  a b ", 3), Ok("a b".into()));
        assert_eq!(line("title", " ", 3), Err(RuleError::Empty { field: "title" }));
        assert_eq!(line("title", "ä€üß", 3), Err(RuleError::TooLong { field: "title", most: 3 }));
        assert_eq!(line("title", "a\nb", 3), Err(RuleError::NotALine { field: "title" }));
    }

    #[test]
    fn a_day_has_one_form() {
        assert_eq!(day("date", "2026-11-22"), Ok("2026-11-22".into()));
        for bad in ["", "2026-13-01", "2026-00-01", "2026-01-32", "2026-1-1", "22.11.2026", "2026-11-2ä", "2026/11/22"]
        {
            assert_eq!(day("date", bad), Err(RuleError::NotADay { field: "date" }), "{bad}");
        }
    }
}
