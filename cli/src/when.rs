//! Days as people say them: `today`, `fri`, `in 3 weeks`, `27 Nov`, `2026-11-27`.
//!
//! What was understood is always said again in full, so that nobody has to guess which Friday it is.

use std::str::FromStr;

use jiff::{
    Span, ToSpan as _, Zoned,
    civil::{Date, DateTime, Time, Weekday},
};

use crate::{env::Env, error::CliError};

const DAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// A day that somebody typed; which one it is follows from today.
#[derive(Clone, Debug)]
pub struct When(String);

impl When {
    /// The day.
    pub fn day(&self, env: &Env) -> Result<Date, CliError> {
        day(&self.0, env.today()?).ok_or(CliError::NotADay { text: self.0.clone() })
    }
}

impl FromStr for When {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

/// A day in full: `Fri 27 Nov 2026`.
pub fn shown(day: Date) -> String {
    day.strftime("%a %-d %b %Y").to_string()
}

/// Fields in which a day may stand, or a day and a time.
const DATED: [&str; 5] = ["horizon", "review", "due", "back", "when"];

/// The value of a field as people read it: where a day may stand, a day in full.
pub fn said(field: &str, value: &str) -> String {
    if let Some(at) = (field == "when").then(|| value.parse::<Zoned>().ok()).flatten() {
        return zoned(&at);
    }
    let moment = DATED.contains(&field).then(|| split(value)).flatten();
    moment.map_or_else(|| value.to_owned(), |(day, time)| in_full(day, time))
}

/// A day and a time as they are kept: `2026-11-27`, or `2026-11-27 09:00`.
fn split(value: &str) -> Option<(Date, Option<Time>)> {
    match value.split_once(' ') {
        Some((day, time)) => Some((iso(day)?, Some(time.parse().ok()?))),
        None => Some((iso(value)?, None)),
    }
}

fn in_full(day: Date, time: Option<Time>) -> String {
    time.map_or_else(|| shown(day), |time| format!("{}, {}", shown(day), time.strftime("%H:%M")))
}

/// True if a day as it is kept is before today.
pub fn is_past(value: &str, today: Date) -> bool {
    split(value).is_some_and(|(day, _)| day < today)
}

/// By when, as it is kept, and what was understood: a day, and a time if one was said. `never` and nothing take it away.
pub fn due(env: &Env, typed: &str) -> Result<(String, String), CliError> {
    if ["", "never", "no date", "none"].contains(&typed.trim().to_lowercase().as_str()) {
        return Ok((String::new(), "without a date".to_owned()));
    }
    let now = env.clock()?;
    let (day, time) = moment(typed, now).ok_or_else(|| CliError::NotADay { text: typed.to_owned() })?;
    let kept = time.map_or_else(|| day.to_string(), |time| format!("{day} {}", time.strftime("%H:%M")));
    Ok((kept, format!("by {}", in_full(day, time))))
}

/// When a session begins, as it is kept: a day, and with a time its zone (RFC 9557); the day, and what was understood.
pub fn session(env: &Env, typed: &str) -> Result<(String, Option<Date>, String), CliError> {
    let (kept, said) = due(env, typed)?;
    let Some((day, time)) = split(&kept) else { return Ok((kept, None, said)) };
    let Some(time) = time else { return Ok((kept, Some(day), format!("on {}", shown(day)))) };
    let at = day.to_datetime(time).to_zoned(env.zone()?).map_err(|_| CliError::NotADay { text: typed.to_owned() })?;
    Ok((at.to_string(), Some(day), format!("on {}", zoned(&at))))
}

fn zoned(at: &Zoned) -> String {
    at.strftime("%a %-d %b %Y, %H:%M %Z").to_string()
}

/// The day on which a session is, of what [`session`] keeps.
pub fn day_of(kept: &str) -> Option<Date> {
    kept.parse::<Zoned>().map(|at| at.date()).ok().or_else(|| iso(kept))
}

/// The day that is meant, and the time if one was said: `fri`, `tomorrow 9am`, `in 2 hours`, `18:30`.
pub fn moment(text: &str, now: DateTime) -> Option<(Date, Option<Time>)> {
    let words: Vec<_> = text.split_whitespace().collect();
    if let ["in", number, unit] = words[..]
        && let Some(span) = of_the_clock(number, unit)
    {
        let then = now.checked_add(span).ok()?;
        return Some((then.date(), Some(then.time())));
    }
    let (last, rest) = words.split_last()?;
    let Some(time) = time(last) else { return day(text, now.date()).map(|day| (day, None)) };
    let rest = match rest {
        [rest @ .., "at"] => rest,
        rest => rest,
    };
    let day = match rest {
        [] if time > now.time() => now.date(),
        [] => now.date().tomorrow().ok()?,
        rest => day(&rest.join(" "), now.date())?,
    };
    Some((day, Some(time)))
}

fn of_the_clock(number: &str, unit: &str) -> Option<Span> {
    let number: i64 = if ["a", "an", "one"].contains(&number) { 1 } else { number.parse().ok()? };
    let number = Some(number).filter(|number| (0..=10_000).contains(number))?;
    match unit.strip_suffix('s').unwrap_or(unit) {
        "hour" => Some(number.hours()),
        "minute" => Some(number.minutes()),
        _ => None,
    }
}

/// `9am`, `9:30pm`, `14:00`, `noon`.
fn time(word: &str) -> Option<Time> {
    let word = word.to_lowercase();
    if word == "noon" {
        return Time::new(12, 0, 0, 0).ok();
    }
    let (digits, half) = match (word.strip_suffix("am"), word.strip_suffix("pm")) {
        (Some(digits), _) => (digits, Some(0)),
        (_, Some(digits)) => (digits, Some(12)),
        _ => (word.as_str(), None),
    };
    let (hour, minute) = digits.split_once(':').map_or((digits, None), |(hour, minute)| (hour, Some(minute)));
    // A bare number is no time.
    if half.is_none() && minute.is_none() {
        return None;
    }
    let hour: i8 = hour.parse().ok()?;
    let minute: i8 =
        minute.filter(|it| it.len() == 2).map_or(Some(0).filter(|_| minute.is_none()), |it| it.parse().ok())?;
    let hour = match half {
        Some(half) if (1..=12).contains(&hour) => hour % 12 + half,
        Some(_) => return None,
        None => hour,
    };
    Time::new(hour, minute, 0, 0).ok()
}

/// Until or on when, as it is kept: a day in its one form, other words as they are; and what was understood, after
/// `word`. What is written like a date and is none is [`CliError::NotADay`].
pub fn kept(env: &Env, typed: Option<String>, word: &str) -> Result<(Option<String>, Option<String>), CliError> {
    let Some(typed) = typed else { return Ok((None, None)) };
    Ok(match day(&typed, env.today()?) {
        Some(day) => (Some(day.to_string()), Some(format!("{word} {}", shown(day)))),
        None if is_like_a_date(&typed) || is_day_that_never_comes(&typed) => {
            return Err(CliError::NotADay { text: typed });
        }
        None if typed.trim().is_empty() => (Some(typed), None),
        None => {
            let said = format!("{word} “{}”, in your words", typed.trim());
            (Some(typed), Some(said))
        }
    })
}

/// True for numbers with the signs between them that dates have.
fn is_like_a_date(text: &str) -> bool {
    let text = text.trim();
    let is_part = |c: char| c.is_ascii_digit() || matches!(c, '-' | '.' | '/');
    text.chars().all(is_part) && text.contains(['-', '.', '/']) && text.contains(|c: char| c.is_ascii_digit())
}

/// True for a day of a month that has fewer, and for days before today where those to come are counted.
fn is_day_that_never_comes(text: &str) -> bool {
    let text = text.trim().to_lowercase();
    let words: Vec<_> = text.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    match words[..] {
        ["in", number, unit] => number.parse::<i64>().is_ok() && span("1", unit).is_some(),
        [a, b] => of_a_month(a, b).is_some(),
        [a, b, year] => of_a_month(a, b).is_some() && year.parse::<u16>().is_ok(),
        _ => false,
    }
}

/// The day that is meant, seen from today; none if the words mean no single day.
pub fn day(text: &str, today: Date) -> Option<Date> {
    let text = text.trim().to_lowercase();
    let words: Vec<_> = text.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    let later = |span: Span| today.checked_add(span).ok();
    match words[..] {
        ["today"] => Some(today),
        ["tomorrow"] => later(1.day()),
        ["yesterday"] => later(-1.day()),
        ["next", "week"] => later(1.week()),
        ["next", "month"] => later(1.month()),
        ["next", "year"] => later(1.year()),
        ["in", number, unit] => later(span(number, unit)?),
        [number, unit, "ago"] => later(span(number, unit)?.negate()),
        [word] => weekday(word, today).or_else(|| iso(word)),
        ["on", word] => weekday(word, today),
        [a, b] => of_a_month(a, b).and_then(|(day, month)| coming(day, month, today)),
        [a, b, year] => {
            let (day, month) = of_a_month(a, b)?;
            Date::new(year.parse().ok().filter(|year| *year >= 1900)?, month, day).ok()
        }
        _ => None,
    }
}

/// `2026-11-27` and nothing else: many other forms would be days to some and words to others.
fn iso(word: &str) -> Option<Date> {
    let formed = word.len() == 10 && word.bytes().enumerate().all(|(at, b)| (b == b'-') == (at == 4 || at == 7));
    word.parse().ok().filter(|_| formed)
}

fn span(number: &str, unit: &str) -> Option<Span> {
    let number: i64 = match number {
        "a" | "an" | "one" => 1,
        number => number.parse().ok().filter(|number| (0..=10_000).contains(number))?,
    };
    Some(match unit.strip_suffix('s').unwrap_or(unit) {
        "day" => number.days(),
        "week" => number.weeks(),
        "month" => number.months(),
        "year" => number.years(),
        _ => return None,
    })
}

/// The next such day after today.
fn weekday(word: &str, today: Date) -> Option<Date> {
    let (_, weekday) = DAYS.iter().find(|(name, _)| word.len() >= 3 && name.starts_with(word))?;
    today.nth_weekday(1, *weekday).ok()
}

/// `27 nov` or `nov 27`.
fn of_a_month(a: &str, b: &str) -> Option<(i8, i8)> {
    let day = |word: &str| word.trim_end_matches(['.']).parse::<i8>().ok();
    let month = |word: &str| {
        let at = MONTHS.iter().position(|name| word.len() >= 3 && name.starts_with(word.trim_end_matches('.')));
        at.and_then(|at| i8::try_from(at + 1).ok())
    };
    day(a).zip(month(b)).or_else(|| day(b).zip(month(a)))
}

/// The next such day of a year, today included.
fn coming(day: i8, month: i8, today: Date) -> Option<Date> {
    (today.year()..today.year().checked_add(5)?)
        .filter_map(|year| Date::new(year, month, day).ok())
        .find(|it| *it >= today)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_like_a_date_is_one_or_refused() {
        for text in ["2026-02-30", "1.5.2027", "31/12/2025", "2027-13-45"] {
            assert!(is_like_a_date(text), "{text}");
        }
        for text in ["2027", "spring", "in May", "", "-", "by 31.12."] {
            assert!(!is_like_a_date(text), "{text}");
        }
    }

    #[test]
    fn a_day_that_never_comes_is_not_taken_for_words() {
        for text in ["31 feb", "30 Feb", "nov 31", "31. Nov 2027", "in -3 days"] {
            assert!(is_day_that_never_comes(text), "{text}");
        }
        for text in ["in May", "May 2027", "next friday", "in three weeks", "when the 2 of us agree", "in 2 sessions"] {
            assert!(!is_day_that_never_comes(text), "{text}");
        }
    }

    #[test]
    fn days_are_understood_as_people_say_them() {
        // A Sunday.
        let today = Date::new(2026, 11, 22).expect("a day");
        let said = |text: &str| day(text, today).map(|it| it.to_string());
        for (text, meant) in [
            ("today", "2026-11-22"),
            ("Tomorrow", "2026-11-23"),
            ("yesterday", "2026-11-21"),
            ("fri", "2026-11-27"),
            ("Friday", "2026-11-27"),
            ("on tues", "2026-11-24"),
            ("sun", "2026-11-29"),
            ("in 3 days", "2026-11-25"),
            ("in a week", "2026-11-29"),
            ("in 2 months", "2027-01-22"),
            ("3 days ago", "2026-11-19"),
            ("next week", "2026-11-29"),
            ("2027-05-01", "2027-05-01"),
            ("27 Nov", "2026-11-27"),
            ("nov 21", "2027-11-21"),
            ("1. May 2028", "2028-05-01"),
            ("29 feb", "2028-02-29"),
        ] {
            assert_eq!(said(text).as_deref(), Some(meant), "{text}");
        }
    }

    #[test]
    fn what_is_no_single_day_is_none() {
        let today = Date::new(2026, 11, 22).expect("a day");
        for text in [
            "",
            "May",
            "in May",
            "soon",
            "su",
            "31 feb",
            "in -1 days",
            "in 99999999 days",
            "2026-02-30",
            "20261127",
            "the end",
        ] {
            assert_eq!(day(text, today), None, "{text}");
        }
    }

    #[test]
    fn a_time_of_day_is_understood_with_a_day_or_alone() {
        // A Sunday, at noon.
        let now = Date::new(2026, 11, 22).expect("a day").at(12, 0, 0, 0);
        let said = |text: &str| {
            let (day, time) = moment(text, now)?;
            Some(time.map_or_else(|| day.to_string(), |time| format!("{day} {}", time.strftime("%H:%M"))))
        };
        for (text, meant) in [
            ("fri", "2026-11-27"),
            ("tomorrow 9am", "2026-11-23 09:00"),
            ("tomorrow at 9:30pm", "2026-11-23 21:30"),
            ("12am", "2026-11-23 00:00"),
            ("12:30", "2026-11-22 12:30"),
            ("11:00", "2026-11-23 11:00"),
            ("27 nov noon", "2026-11-27 12:00"),
            ("2027-05-01 18:05", "2027-05-01 18:05"),
            ("in 3 hours", "2026-11-22 15:00"),
            ("in 3 days", "2026-11-25"),
        ] {
            assert_eq!(said(text).as_deref(), Some(meant), "{text}");
        }
        for text in ["", "soon", "25:00", "13pm", "9:3", "fri soon 9am", "9"] {
            assert_eq!(said(text), None, "{text}");
        }
    }

    #[test]
    fn a_day_with_a_time_is_shown_in_full_and_past_once_the_day_is() {
        assert_eq!(super::said("due", "2026-11-27 09:00"), "Fri 27 Nov 2026, 09:00");
        assert_eq!(super::said("due", "2026-11-27"), "Fri 27 Nov 2026");
        assert_eq!(super::said("due", "soon"), "soon");
        let day = Date::new(2026, 11, 27).expect("a day");
        assert!(!is_past("2026-11-27 09:00", day) && is_past("2026-11-26", day) && !is_past("soon", day));
    }

    #[test]
    fn a_day_is_shown_in_full() {
        assert_eq!(shown(Date::new(2026, 11, 27).expect("a day")), "Fri 27 Nov 2026");
    }
}
