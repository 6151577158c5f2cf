//! The membership fold rule by rule, and against the reference model: in every order of delivery, and as
//! computers of simulated worlds have it.

mod compare;
mod dice;
mod meaning;
mod random;
mod reference;
mod replay;
mod rules;
mod story;
mod worlds;
