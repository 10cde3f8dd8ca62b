//! Validates and cleans wildlife strike reports.
//!
//! In: the rows of the file, as read. Out: `rows` (typed), `rejected` (what was wrong where), `summary` (counts).

pub mod cleaning;
#[macro_use]
pub mod hengio;
pub mod report;
pub mod rules;
pub mod step;
