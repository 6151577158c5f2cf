//! Changes as Automerge writes them, read without expanding their operations.
//!
//! There is one way to write the operations of a change. Here the plain ones, those of which nearly all documents consist,
//! are read straight from the columns, and seen to be written in that way. Of whatever else there may be this says
//! nothing: then Automerge expands the change and writes it anew, and the bytes are compared.

use alliance_replica::limits;
use automerge::{ActorId, Change, ObjType};

use super::{Chunk, MAGIC, Reader};
use crate::document::outline::{Does, Id, Outline, Spot};

/// Most operations that are read so.
const MOST: usize = 8 * 1024;
/// The bits of a value's type.
const TYPE: u32 = 4;
/// Values without bytes: nothing, no, yes.
const NULL: u64 = 0;
const BARE: std::ops::RangeInclusive<u64> = 0..=2;
const TEXT: u64 = 6;

/// The outline of a change whose bytes are what Automerge writes for its operations, if all of these are plain and it is
/// not a fixed one.
pub(in crate::document) fn outline(change: &Change) -> Option<Outline> {
    let raw = change.raw_bytes();
    // The chunk's checksum is the start of its hash.
    if raw.get(MAGIC.len()..MAGIC.len() + 4)? != &change.hash().0[..4] {
        return None;
    }
    let mut reader = Reader(raw);
    let body = reader.chunk(Chunk::Change).ok()?;
    reader.end().ok()?;
    read(body)
}

fn read(body: &[u8]) -> Option<Outline> {
    let mut reader = Reader(body);
    reader.hashes().ok()?;
    let author = reader.actor().ok()?;
    let seq = reader.unsigned().ok()?;
    reader.unsigned().ok()?;
    let time = signed(&mut reader)?;
    let message = reader.unsigned_below(super::NAME as u64 + 1).ok()?;
    reader.take(message).ok()?;
    if seq == 1 && time == 0 && message == 0 {
        // It may be a fixed one.
        return None;
    }
    let mut actors = vec![author];
    let count = reader.unsigned_below(MOST as u64).ok()?;
    for at in 0..count {
        let actor = reader.actor().ok()?;
        if actor == author || at > 0 && actors.last().is_none_or(|last| *last >= actor) {
            return None;
        }
        actors.push(actor);
    }
    let columns = Columns::read(&mut reader)?;
    reader.end().ok()?;
    let mut rows =
        Rows { used: vec![false; actors.len()], outline: Outline::new(actors.into_iter().map(ActorId::from)) };
    rows.read(&columns)?;
    // An actor that nobody names is not written down.
    rows.used.iter().skip(1).all(|used| *used).then_some(rows.outline)
}

/// The columns of a change.
#[derive(Default)]
struct Columns<'b> {
    object: [&'b [u8]; 2],
    key: [&'b [u8]; 3],
    insert: &'b [u8],
    action: &'b [u8],
    value: [&'b [u8]; 2],
    preds: [&'b [u8]; 3],
}

impl<'b> Columns<'b> {
    fn read(reader: &mut Reader<'b>) -> Option<Self> {
        let mut columns = Self::default();
        for (specification, length) in reader.columns().ok()? {
            let column = match specification {
                1 => &mut columns.object[0],
                2 => &mut columns.object[1],
                17 => &mut columns.key[0],
                19 => &mut columns.key[1],
                21 => &mut columns.key[2],
                52 => &mut columns.insert,
                66 => &mut columns.action,
                86 => &mut columns.value[0],
                87 => &mut columns.value[1],
                112 => &mut columns.preds[0],
                113 => &mut columns.preds[1],
                115 => &mut columns.preds[2],
                _ => return None,
            };
            *column = reader.take(length).ok().filter(|bytes| !bytes.is_empty())?;
        }
        Some(columns)
    }
}

/// The operations, row by row.
struct Rows {
    used: Vec<bool>,
    outline: Outline,
}

impl Rows {
    fn read(&mut self, columns: &Columns<'_>) -> Option<()> {
        let actions = all(runs(columns.action, unsigned)?)?;
        let count = actions.len();
        if count == 0 {
            return None;
        }
        let objects = pairs(columns.object.map(|column| padded(count, runs(column, unsigned)?)))?;
        let key_actors = padded(count, runs(columns.key[0], unsigned)?)?;
        let key_counters = padded(count, counters(columns.key[1])?)?;
        let names = padded(count, runs(columns.key[2], name)?)?;
        let inserts = flags(columns.insert)?;
        let values = all(runs(columns.value[0], unsigned)?)?;
        let pred_counts = all(runs(columns.preds[0], unsigned)?)?;
        let pred_actors = all(runs(columns.preds[1], unsigned)?)?;
        let pred_counters = all(counters(columns.preds[2])?)?;
        let named = pred_actors.len();
        if [inserts.len(), values.len(), pred_counts.len()] != [count; 3] || pred_counters.len() != named {
            return None;
        }
        let mut preds = pred_actors.into_iter().zip(pred_counters);
        let mut bytes = Reader(columns.value[1]);
        for at in 0..count {
            let insert = inserts[at];
            let object = match objects[at] {
                Some((actor, counter)) => Some(self.id(actor, counter)?),
                None => None,
            };
            let key = match (names[at], key_actors[at], key_counters[at]) {
                (Some(name), None, None) if !insert => Spot::Name(self.outline.name(name)),
                (None, None, Some(0)) => Spot::Head,
                (None, Some(actor), Some(counter)) => Spot::Element(self.id(actor, counter)?),
                _ => return None,
            };
            let pred = match pred_counts[at] {
                0 => None,
                1 if !insert => {
                    let (actor, counter) = preds.next()?;
                    Some(self.id(actor, counter)?)
                }
                _ => return None,
            };
            let (does, types) = match (actions[at], values[at]) {
                (0, NULL) => (Does::Make(ObjType::Map), false),
                (2, NULL) => (Does::Make(ObjType::List), false),
                (4, NULL) => (Does::Make(ObjType::Text), false),
                (3, NULL) if !insert && pred.is_some() => (Does::Delete, true),
                (1, value) if BARE.contains(&value) => (Does::Put, false),
                (1, value) if value & ((1 << TYPE) - 1) == TEXT => {
                    let length = usize::try_from(value >> TYPE).ok()?;
                    let text = std::str::from_utf8(bytes.take(length).ok()?).ok()?;
                    (Does::Put, insert && text.chars().nth(1).is_none() && !text.is_empty())
                }
                _ => return None,
            };
            self.outline.add(object, key, does, insert, types, pred);
        }
        (preds.next().is_none() && bytes.0.is_empty()).then_some(())
    }

    fn id(&mut self, actor: u64, counter: u64) -> Option<Id> {
        let actor = usize::try_from(actor).ok()?;
        *self.used.get_mut(actor)? = true;
        (counter > 0).then_some(Id { counter, actor: u32::try_from(actor).ok()? })
    }
}

/// Whose and which operation, row by row; neither for the root.
fn pairs([actors, counters]: [Option<Vec<Option<u64>>>; 2]) -> Option<Vec<Option<(u64, u64)>>> {
    let pair = |(actor, counter): (Option<u64>, Option<u64>)| match (actor, counter) {
        (Some(actor), Some(counter)) => Some(Some((actor, counter))),
        (None, None) => Some(None),
        _ => None,
    };
    actors?.into_iter().zip(counters?).map(pair).collect()
}

/// The values of a column that has one in every row.
fn all<V>(values: Vec<Option<V>>) -> Option<Vec<V>> {
    values.into_iter().collect()
}

/// The values of a column, which is left out if it has none.
fn padded<V: Clone>(count: usize, values: Vec<Option<V>>) -> Option<Vec<Option<V>>> {
    match values.len() {
        0 => Some(vec![None; count]),
        length => (length == count).then_some(values),
    }
}

fn unsigned(reader: &mut Reader<'_>) -> Option<u64> {
    reader.unsigned().ok()
}

/// A signed number in as few bytes as it needs.
fn signed(reader: &mut Reader<'_>) -> Option<i64> {
    let before = reader.0.len();
    let value = reader.signed().ok()?;
    let bits = 65 - (if value < 0 { !value } else { value }).leading_zeros() as usize;
    (before - reader.0.len() == bits.div_ceil(7)).then_some(value)
}

fn name<'b>(reader: &mut Reader<'b>) -> Option<&'b str> {
    let length = reader.unsigned_below(super::NAME as u64 + 1).ok()?;
    std::str::from_utf8(reader.take(length).ok()?).ok()
}

/// Numbers that are written as differences.
fn counters(column: &[u8]) -> Option<Vec<Option<u64>>> {
    let mut at = 0_i64;
    let absolute = |delta: Option<i64>| match delta {
        None => Some(None),
        Some(delta) => {
            at = at.checked_add(delta)?;
            let value = u64::try_from(at).ok().filter(|value| *value <= limits::DOCUMENT_OPS as u64)?;
            Some(Some(value))
        }
    };
    runs(column, signed)?.into_iter().map(absolute).collect()
}

/// Runs of no and yes in turn; none but the first is empty.
fn flags(column: &[u8]) -> Option<Vec<bool>> {
    let mut reader = Reader(column);
    let (mut flags, mut flag) = (Vec::new(), false);
    while !reader.0.is_empty() {
        let length = reader.unsigned_below(MOST as u64 + 1).ok()?;
        if flags.len() + length > MOST || length == 0 && (flag || !flags.is_empty()) {
            return None;
        }
        flags.resize(flags.len() + length, flag);
        flag = !flag;
    }
    Some(flags)
}

/// What was read last of a column.
enum Last<V> {
    Nothing,
    Nulls,
    /// Values that stand alone, of which this is the last.
    Alone(V),
    /// One value several times.
    Run(V),
}

/// The values of a column in runs, if it has a value and no run could be longer: what follows another is not the same.
fn runs<'b, V: Copy + PartialEq>(
    column: &'b [u8],
    read: impl Fn(&mut Reader<'b>) -> Option<V>,
) -> Option<Vec<Option<V>>> {
    let mut reader = Reader(column);
    let (mut values, mut last) = (Vec::new(), Last::Nothing);
    while !reader.0.is_empty() {
        let head = signed(&mut reader)?;
        let length = if head == 0 { reader.unsigned().ok()? } else { head.unsigned_abs() };
        let length = usize::try_from(length).ok().filter(|length| *length <= MOST - values.len())?;
        let repeats = |last: &Last<V>, value: V| matches!(last, Last::Alone(it) | Last::Run(it) if *it == value);
        match (head, &last) {
            (0, Last::Nulls) => return None,
            (0, _) if length > 0 => {
                values.resize(values.len() + length, None);
                last = Last::Nulls;
            }
            (2.., _) => {
                let value = read(&mut reader)?;
                if repeats(&last, value) {
                    return None;
                }
                values.resize(values.len() + length, Some(value));
                last = Last::Run(value);
            }
            (..0, Last::Nothing | Last::Nulls | Last::Run(_)) => {
                for _ in 0..length {
                    let value = read(&mut reader)?;
                    if repeats(&last, value) {
                        return None;
                    }
                    values.push(Some(value));
                    last = Last::Alone(value);
                }
            }
            _ => return None,
        }
    }
    // A column without any value is left out.
    (values.is_empty() || values.iter().any(Option::is_some)).then_some(values)
}

#[cfg(test)]
mod tests {
    use rand_chacha::rand_core::Rng as _;

    use super::*;
    use crate::document::{
        Document, Edit, Scalar,
        facet::tests::schema,
        incoming::tests::is_right,
        tests::{rng, shared},
        write::tests::{body, put, write},
    };

    /// An outline with the names of all that it names.
    fn said(outline: &Outline) -> Vec<String> {
        let id = |id: &Id| format!("{}@{}", id.counter, outline.actors[id.actor as usize]);
        let key = |spot: &Spot| match spot {
            Spot::Name(name) => outline.names[*name as usize].clone(),
            Spot::Head => "head".to_owned(),
            Spot::Element(element) => id(element),
        };
        let step = |step: &crate::document::outline::Step| {
            let preds: Vec<_> = outline.preds(step).iter().map(id).collect();
            let object = step.object.as_ref().map(id);
            format!("{object:?} {} {:?} {} {} {preds:?}", key(&step.key), step.does, step.insert, step.types)
        };
        outline.steps.iter().map(step).collect()
    }

    /// What two people wrote in one facet, taking turns and at the same time.
    fn written() -> Vec<Change> {
        let mut anna = Document::new(shared(), schema());
        let texts = ["One.", "One two three, ünï 🙂.", "two three", "", "Zero two 🙂 three and four.", "x"];
        write(&mut anna, 1, &[body("Begun."), put("title", "a")]).expect("works");
        let mut ben = Document { actor: None, ..anna.clone() };
        for (n, text) in texts.iter().enumerate() {
            let tag = format!("tag-{n}");
            let edits = [body(text), put("title", text), Edit::Add("tags".into(), tag.clone())];
            write(&mut anna, 1, &edits).expect("works");
            let number = Edit::Put("number".into(), Some(Scalar::from("1")));
            write(&mut ben, 2, &[body(&format!("{text}{text}")), number, Edit::Put("title".into(), None)])
                .expect("works");
            if n % 2 == 0 {
                let (hers, his) = (anna.changes(&[]), ben.changes(&[]));
                anna.apply(his).expect("applies");
                ben.apply(hers).expect("applies");
                write(&mut ben, 2, &[Edit::Remove("tags".into(), tag)]).expect("works");
            }
        }
        let his = ben.changes(&[]);
        anna.apply(his).expect("applies");
        anna.changes(&[])
    }

    #[test]
    fn what_people_write_is_plain_and_read_as_automerge_reads_it() {
        let all = written();
        let mut read = 0;
        for change in &all {
            let Some(outline) = outline(change) else { continue };
            assert!(is_right(change));
            assert_eq!(said(&outline), said(&Outline::of(&change.decode())));
            read += 1;
        }
        assert!(all.len() > 15 && read + 3 > all.len(), "{read} of {}", all.len());
        assert_eq!(
            schema().changes().iter().filter(|change| outline(change).is_some()).count(),
            0,
            "fixed ones are not"
        );
    }

    #[test]
    fn whatever_is_taken_for_plain_is_what_automerge_would_write() {
        let all = written();
        let mut random = rng(1);
        let (mut parsed, mut plain) = (0, 0);
        for round in 0..60_000_u32 {
            let change = &all[round as usize % all.len()];
            let mut raw = change.raw_bytes().to_vec();
            for _ in 0..=random.next_u32() % 2 {
                let at = 10 + random.next_u32() as usize % (raw.len() - 10);
                match random.next_u32() % 4 {
                    0 => raw[at] = random.next_u32().to_le_bytes()[0],
                    1 => raw[at] ^= 1 << (random.next_u32() % 8),
                    2 => raw[at] = raw[at].wrapping_add(1),
                    _ => raw[at] = raw[at].wrapping_sub(1),
                }
            }
            if super::super::changes(&raw).is_err() {
                continue;
            }
            let Ok(spoilt) = Change::try_from(raw.as_slice()) else { continue };
            // With the checksum that belongs to it.
            raw[4..8].copy_from_slice(&spoilt.hash().0[..4]);
            let Ok(spoilt) = Change::try_from(raw.as_slice()) else { continue };
            parsed += 1;
            if let Some(outline) = outline(&spoilt) {
                assert!(is_right(&spoilt), "{}", spoilt.hash());
                assert_eq!(said(&outline), said(&Outline::of(&spoilt.decode())));
                plain += 1;
            }
        }
        assert!(parsed > 1000 && plain > 100 && plain < parsed, "{plain} of {parsed}");
    }

    #[test]
    fn a_wrong_checksum_is_not_plain() {
        let all = written();
        let change = all.iter().find(|change| outline(change).is_some()).expect("one");
        let mut raw = change.raw_bytes().to_vec();
        raw[5] ^= 1;
        assert!(Change::try_from(raw.as_slice()).map_or(true, |it| outline(&it).is_none()));
    }
}
