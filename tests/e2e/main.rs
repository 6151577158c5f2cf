//! The built programs, driven from outside as people drive them.
#![allow(missing_docs, clippy::unwrap_used)]
#![allow(clippy::print_stdout, reason = "a test prints its seed")]

mod answers;
mod apart;
mod backup;
mod coaching;
mod computers;
mod copied;
mod copies;
mod disks;
mod doctor;
mod dropped;
mod durable;
mod elsewhere;
mod faults;
mod forged;
mod growing;
mod healing;
mod hostile;
mod imports;
mod invitations;
mod journeys;
mod late;
mod live;
mod moving;
mod networks;
mod offline;
mod operator;
mod outages;
mod passed;
mod peers;
mod profiles;
mod promised;
mod proxied;
mod put_out;
mod readme;
mod recovery;
mod relay;
mod room;
mod secrecy;
mod story;
mod terminal;
mod things;
mod told;
mod trace;
mod words;

/// How often a test does its thing: as this variable says, which tests/long sets, else as in the gate.
fn count(variable: &str, in_the_gate: u64) -> u64 {
    std::env::var(variable)
        .map_or(in_the_gate, |text| text.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}
