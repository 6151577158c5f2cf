//! Everything an alliance is on one computer.

pub mod document;
