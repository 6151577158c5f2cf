//! A bare program that puts one row into a SQLite file, on disk when it ends: what writing costs at the least.

use std::{env, error::Error};

use rusqlite::Connection;

/// Bytes of the row, as of a note.
const ROW: usize = 4096;

fn main() -> Result<(), Box<dyn Error>> {
    let file = env::args_os().nth(1).ok_or("which file?")?;
    let connection = Connection::open(file)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.execute("CREATE TABLE IF NOT EXISTS rows (body BLOB)", ())?;
    connection.execute("INSERT INTO rows (body) VALUES (?1)", [vec![7_u8; ROW]])?;
    Ok(())
}
