//! Columns: run-length, delta and boolean encoded values, counted and held against limits without expanding them.

use alliance_replica::limits;

use super::{NAME, Reader};
use crate::document::incoming::Refusal;

/// The bit of a specification that says that a column is deflated.
pub(super) const DEFLATED: u64 = 8;
/// Most columns of one table.
pub(super) const MOST: u64 = 16;

/// What is known before a table's columns are walked, and how many values they may have.
pub(super) struct Counts {
    /// Actors that an actor column may point to.
    pub(super) actors: u64,
    /// Most rows.
    pub(super) ops: u64,
    /// Most values in the lists of all rows together.
    pub(super) groups: u64,
    /// Changes that a dependency may point to.
    pub(super) changes: u64,
}

/// What the values of a column are.
#[derive(Clone, Copy)]
pub(super) enum Values {
    /// Index into the actors.
    Actor,
    /// Counter of an operation, as it is.
    Counter,
    /// Counter of an operation or a sequence number, as differences.
    CounterDelta,
    /// Time of a change, as differences.
    TimeDelta,
    /// What an operation does; the number of these is the number of operations.
    Action,
    /// Yes or no.
    Flag,
    /// Key of a map, or message.
    Name,
    /// Type and length of a value whose bytes are in the next column.
    ValueMeta,
    /// Bytes of values.
    ValueBytes,
    /// Length of a row's list; the next columns have the values of all lists, one after the other.
    Group,
    /// Actors in lists.
    GroupedActor,
    /// Counters in lists.
    GroupedCounter,
    /// Indexes of changes in lists.
    GroupedChange,
}

/// Columns of a change: object, key, insert, action, value, predecessors.
pub(super) const CHANGE: &[(u64, Values)] = &[
    (1, Values::Actor),
    (2, Values::Counter),
    (17, Values::Actor),
    (19, Values::CounterDelta),
    (21, Values::Name),
    (52, Values::Flag),
    (66, Values::Action),
    (86, Values::ValueMeta),
    (87, Values::ValueBytes),
    (112, Values::Group),
    (113, Values::GroupedActor),
    (115, Values::GroupedCounter),
];

/// Columns of a document's operations: those of a change, with an id each and successors for predecessors.
pub(super) const OPS_OF_DOCUMENT: &[(u64, Values)] = &[
    (1, Values::Actor),
    (2, Values::Counter),
    (17, Values::Actor),
    (19, Values::CounterDelta),
    (21, Values::Name),
    (33, Values::Actor),
    (35, Values::CounterDelta),
    (52, Values::Flag),
    (66, Values::Action),
    (86, Values::ValueMeta),
    (87, Values::ValueBytes),
    (128, Values::Group),
    (129, Values::GroupedActor),
    (131, Values::GroupedCounter),
];

/// Columns of a document's changes: actor, sequence number, last operation, time, message, dependencies, extra bytes.
pub(super) const CHANGES_OF_DOCUMENT: &[(u64, Values)] = &[
    (1, Values::Actor),
    (3, Values::CounterDelta),
    (19, Values::CounterDelta),
    (35, Values::TimeDelta),
    (53, Values::Name),
    (64, Values::Group),
    (67, Values::GroupedChange),
    (86, Values::ValueMeta),
    (87, Values::ValueBytes),
];

/// Walks the data of these columns, which are some of `known`; returns the number of rows.
pub(super) fn walk(
    columns: &[(u64, usize)],
    reader: &mut Reader<'_>,
    known: &[(u64, Values)],
    counts: &mut Counts,
) -> Result<u64, Refusal> {
    let mut rows = None;
    let (mut grouped, mut value_bytes) = (0, 0);
    for (specification, length) in columns {
        let (_, values) = known.iter().find(|(its, _)| its == specification).ok_or(Refusal::UnknownOperation)?;
        let mut column = Column { reader: Reader(reader.take(*length)?), limit: counts.ops };
        let actors = 0..=i128::from(counts.actors) - 1;
        let operations = 0..=limits::DOCUMENT_OPS as i128;
        let changes = 0..=i128::from(counts.changes) - 1;
        let count = match values {
            Values::Actor => column.numbers(&actors)?,
            Values::Counter => column.numbers(&operations)?,
            Values::Action => column.numbers(&(0..=7))?,
            Values::CounterDelta => column.deltas(&operations)?,
            Values::TimeDelta => {
                let most = i128::from(limits::CHANGE_TIME);
                column.deltas(&(-most..=most))?
            }
            Values::Flag => column.flags()?,
            Values::Name => column.names()?,
            Values::ValueMeta => {
                let (count, bytes) = column.totals(4)?;
                value_bytes = bytes;
                count
            }
            Values::ValueBytes if value_bytes == *length as u64 => {
                value_bytes = 0;
                continue;
            }
            Values::ValueBytes => return Err(Refusal::Malformed),
            Values::Group => {
                let (count, total) = column.totals(0)?;
                if total > counts.groups {
                    return Err(Refusal::TooManyOps);
                }
                grouped = total;
                count
            }
            Values::GroupedActor | Values::GroupedCounter | Values::GroupedChange => {
                column.limit = grouped;
                let count = match values {
                    Values::GroupedActor => column.numbers(&actors)?,
                    Values::GroupedCounter => column.deltas(&operations)?,
                    _ => column.deltas(&changes)?,
                };
                if count == grouped { continue } else { return Err(Refusal::Malformed) }
            }
        };
        // A column without any value is left out; the others have one a row.
        if count != *rows.get_or_insert(count) {
            return Err(Refusal::Malformed);
        }
    }
    if value_bytes == 0 { Ok(rows.unwrap_or(0)) } else { Err(Refusal::Malformed) }
}

/// One column's data and the most values it may have.
struct Column<'b> {
    reader: Reader<'b>,
    limit: u64,
}

type Range = std::ops::RangeInclusive<i128>;

impl<'b> Column<'b> {
    /// Runs of unsigned numbers within a range.
    fn numbers(&mut self, range: &Range) -> Result<u64, Refusal> {
        self.runs(Reader::unsigned, |value, _| {
            let within = value.is_none_or(|value| range.contains(&i128::from(value)));
            if within { Ok(()) } else { Err(Refusal::Malformed) }
        })
    }

    /// Runs of differences between numbers that stay within a range.
    fn deltas(&mut self, range: &Range) -> Result<u64, Refusal> {
        let mut at = 0_i128;
        self.runs(Reader::signed, |delta, count| {
            let Some(delta) = delta else { return Ok(()) };
            // Within a run the numbers rise or fall evenly, so its first and its last are its extremes.
            let first = at + i128::from(delta);
            at += i128::from(delta) * i128::from(count);
            if range.contains(&first) && range.contains(&at) { Ok(()) } else { Err(Refusal::Malformed) }
        })
    }

    /// Runs of numbers of which the part above `shift` bits is a length; returns the sum of the lengths too.
    fn totals(&mut self, shift: u32) -> Result<(u64, u64), Refusal> {
        let mut total = 0_u64;
        let count = self.runs(Reader::unsigned, |value, count| {
            let length = value.ok_or(Refusal::Malformed)? >> shift;
            let run = length.checked_mul(count).ok_or(Refusal::TooManyOps)?;
            total = total.checked_add(run).ok_or(Refusal::TooManyOps)?;
            Ok(())
        })?;
        Ok((count, total))
    }

    /// Runs of short texts, which together stay within what an entry may inflate to.
    fn names(&mut self) -> Result<u64, Refusal> {
        let mut total = 0_u64;
        let read = |reader: &mut Reader<'b>| {
            let length = reader.unsigned_below(NAME as u64 + 1)?;
            std::str::from_utf8(reader.take(length)?).map_err(|_| Refusal::Malformed)?;
            Ok(length as u64)
        };
        self.runs(read, |length, count| {
            total = total.saturating_add(length.unwrap_or(0).saturating_mul(count));
            if total > limits::INFLATED as u64 { Err(Refusal::TooManyOps) } else { Ok(()) }
        })
    }

    /// Lengths of runs of no and yes in turn.
    fn flags(&mut self) -> Result<u64, Refusal> {
        let mut count = 0_u64;
        while !self.reader.0.is_empty() {
            let length = self.reader.unsigned()?;
            count = count.checked_add(length).filter(|count| *count <= self.limit).ok_or(Refusal::TooManyOps)?;
        }
        Ok(count)
    }

    /// Run-length encoding: a count and one value, minus a count and as many values, or nought and a count of nothings.
    fn runs<V>(
        &mut self,
        mut read: impl FnMut(&mut Reader<'b>) -> Result<V, Refusal>,
        mut run: impl FnMut(Option<V>, u64) -> Result<(), Refusal>,
    ) -> Result<u64, Refusal> {
        let mut count = 0_u64;
        while !self.reader.0.is_empty() {
            let head = self.reader.signed()?;
            let length = if head == 0 { self.reader.unsigned()? } else { head.unsigned_abs() };
            count = count.checked_add(length).filter(|count| *count <= self.limit).ok_or(Refusal::TooManyOps)?;
            match head {
                0 if length == 0 => return Err(Refusal::Malformed),
                0 => run(None, length)?,
                1.. => run(Some(read(&mut self.reader)?), length)?,
                _ => {
                    for _ in 0..length {
                        run(Some(read(&mut self.reader)?), 1)?;
                    }
                }
            }
        }
        Ok(count)
    }
}
