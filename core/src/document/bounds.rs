//! Bounds on hostile bytes: walks chunks and their columns before Automerge reads them.
//!
//! A run of a column may claim a billion values in ten bytes, and Automerge believes it. Here every length is held against
//! the bytes that are there, every run against a limit, and every index of an actor against the table of actors; nothing
//! is allocated. Only plain change chunks and one plain document chunk pass: a compressed chunk, a bundle and a deflated
//! column do not, so that zstd outside is the only inflation there is. See Automerge's storage format, "Chunks".

mod column;
pub(super) mod plain;

use alliance_replica::limits;

use self::column::Counts;
use super::incoming::Refusal;

/// Most changes in one part of an entry.
pub(super) const CHANGES: u64 = 256 * 1024;
/// Most operations in a document chunk: Automerge expands all of them at once.
pub(super) const OPS: u64 = limits::ENTRY_OPS as u64;
/// Most actors named by one chunk.
const ACTORS: u64 = 16 * 1024;
/// Most bytes of one actor: the longest derived one.
const ACTOR: usize = 32;
/// Most bytes of a key of a map, and of the message of a change.
pub(super) const NAME: usize = 1024;

const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
const HASH: usize = 32;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Chunk {
    Document = 0,
    Change = 1,
}

/// The change chunks that `raw` consists of, each within bounds, and the number of their operations.
pub(super) fn changes(raw: &[u8]) -> Result<(Vec<&[u8]>, u64), Refusal> {
    let mut reader = Reader(raw);
    let mut chunks = Vec::new();
    let mut ops = 0;
    while !reader.0.is_empty() {
        let before = reader.0;
        ops += change(reader.chunk(Chunk::Change)?)?;
        chunks.push(&before[..before.len() - reader.0.len()]);
        if chunks.len() as u64 > CHANGES || ops > limits::DOCUMENT_OPS as u64 {
            return Err(Refusal::TooManyOps);
        }
    }
    Ok((chunks, ops))
}

/// Checks that `raw` is one document chunk within bounds; returns its number of operations.
pub(super) fn snapshot(raw: &[u8]) -> Result<u64, Refusal> {
    let mut reader = Reader(raw);
    let ops = document(reader.chunk(Chunk::Document)?)?;
    reader.end()?;
    Ok(ops)
}

/// Length of the chunk that `raw` begins with.
pub(super) fn chunk_length(raw: &[u8]) -> Option<usize> {
    let mut reader = Reader(raw);
    reader.take(9).ok()?;
    let length = usize::try_from(reader.unsigned().ok()?).ok()?;
    reader.take(length).ok()?;
    Some(raw.len() - reader.0.len())
}

/// Walks the body of a change chunk; returns its number of operations.
fn change(body: &[u8]) -> Result<u64, Refusal> {
    let mut reader = Reader(body);
    reader.hashes()?;
    reader.actor()?;
    reader.unsigned()?;
    reader.unsigned()?;
    if reader.signed()?.unsigned_abs() > limits::CHANGE_TIME.unsigned_abs() {
        return Err(Refusal::Malformed);
    }
    let message = reader.unsigned_below(NAME as u64 + 1)?;
    reader.take(message)?;
    let actors = 1 + reader.actors()?;
    let columns = reader.columns()?;
    let mut counts = Counts { actors, ops: limits::CHANGE_OPS as u64, groups: limits::CHANGE_OPS as u64, changes: 0 };
    let ops = column::walk(&columns, &mut reader, column::CHANGE, &mut counts)?;
    reader.end()?;
    if ops == 0 { Err(Refusal::Malformed) } else { Ok(ops) }
}

/// Walks the body of a document chunk; returns its number of operations.
fn document(body: &[u8]) -> Result<u64, Refusal> {
    let mut reader = Reader(body);
    let actors = reader.actors()?;
    let heads = reader.hashes()?;
    let change_columns = reader.columns()?;
    let op_columns = reader.columns()?;
    let mut counts = Counts { actors, ops: CHANGES, groups: OPS, changes: CHANGES };
    let changes = column::walk(&change_columns, &mut reader, column::CHANGES_OF_DOCUMENT, &mut counts)?;
    let mut counts = Counts { actors, ops: OPS, groups: OPS, changes };
    let ops = column::walk(&op_columns, &mut reader, column::OPS_OF_DOCUMENT, &mut counts)?;
    for _ in 0..heads {
        reader.unsigned_below(changes)?;
    }
    reader.end()?;
    if changes == 0 || ops == 0 { Err(Refusal::Malformed) } else { Ok(ops) }
}

/// What is left to read.
struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn take(&mut self, length: usize) -> Result<&'b [u8], Refusal> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Refusal::Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn end(&self) -> Result<(), Refusal> {
        if self.0.is_empty() { Ok(()) } else { Err(Refusal::Malformed) }
    }

    fn byte(&mut self) -> Result<u8, Refusal> {
        Ok(self.take(1)?[0])
    }

    /// LEB128, at most 64 bits, without padding.
    fn unsigned(&mut self) -> Result<u64, Refusal> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && byte > 1 || shift > 0 && byte == 0 {
                return Err(Refusal::Malformed);
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Refusal::Malformed)
    }

    fn unsigned_below(&mut self, limit: u64) -> Result<usize, Refusal> {
        let value = self.unsigned()?;
        if value < limit { usize::try_from(value).map_err(|_| Refusal::Malformed) } else { Err(Refusal::Malformed) }
    }

    /// Signed LEB128, at most 64 bits.
    fn signed(&mut self) -> Result<i64, Refusal> {
        let mut value = 0_i64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            if shift == 63 && byte != 0 && byte != 0x7f {
                return Err(Refusal::Malformed);
            }
            value |= i64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                let negative = byte & 0x40 != 0 && shift + 7 < 64;
                return Ok(if negative { value | (-1_i64 << (shift + 7)) } else { value });
            }
        }
        Err(Refusal::Malformed)
    }

    /// The body of the next chunk, which has to be of this type.
    fn chunk(&mut self, wanted: Chunk) -> Result<&'b [u8], Refusal> {
        if self.take(4)? != MAGIC {
            return Err(Refusal::Malformed);
        }
        // The checksum is the start of the chunk's hash: it is compared once Automerge has computed that.
        self.take(4)?;
        match self.byte()? {
            2 => return Err(Refusal::Deflated),
            kind if kind != wanted as u8 => return Err(Refusal::Malformed),
            _ => {}
        }
        let length = usize::try_from(self.unsigned()?).map_err(|_| Refusal::Malformed)?;
        self.take(length)
    }

    /// A counted list of hashes in rising order; returns their number.
    fn hashes(&mut self) -> Result<u64, Refusal> {
        let count = self.unsigned()?;
        let length = usize::try_from(count).ok().and_then(|count| count.checked_mul(HASH)).ok_or(Refusal::Malformed)?;
        let hashes = self.take(length)?;
        let rising = hashes.chunks_exact(HASH).is_sorted_by(|a, b| a < b);
        if rising { Ok(count) } else { Err(Refusal::Malformed) }
    }

    fn actor(&mut self) -> Result<&'b [u8], Refusal> {
        let length = self.unsigned_below(ACTOR as u64 + 1)?;
        self.take(length)
    }

    /// A counted list of actors in rising order; returns their number.
    fn actors(&mut self) -> Result<u64, Refusal> {
        let count = self.unsigned()?;
        if count > ACTORS {
            return Err(Refusal::TooManyOps);
        }
        let mut last = None;
        for _ in 0..count {
            let actor = Some(self.actor()?);
            if actor <= last {
                return Err(Refusal::Malformed);
            }
            last = actor;
        }
        Ok(count)
    }

    /// Column metadata: specification and length of each, in rising order.
    fn columns(&mut self) -> Result<Vec<(u64, usize)>, Refusal> {
        let count = self.unsigned()?;
        if count > column::MOST {
            return Err(Refusal::Malformed);
        }
        let mut columns: Vec<(u64, usize)> = Vec::new();
        for _ in 0..count {
            let specification = self.unsigned()?;
            if specification & column::DEFLATED != 0 {
                return Err(Refusal::Deflated);
            }
            if columns.last().is_some_and(|(last, _)| *last >= specification) {
                return Err(Refusal::Malformed);
            }
            let length = usize::try_from(self.unsigned()?).map_err(|_| Refusal::Malformed)?;
            columns.push((specification, length));
        }
        Ok(columns)
    }
}
