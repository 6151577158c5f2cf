//! Everything an alliance is on one computer.

pub mod document;
pub mod domain;
pub mod view;
