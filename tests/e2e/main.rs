//! The built programs, driven from outside as people drive them.
