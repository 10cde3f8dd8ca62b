//! The whole file: every report is kept, rejected or a duplicate, and the counts say so.

use crate::hengio::{Answer, Error, Failure};
use crate::report::Report;
use crate::rules::{check, fingerprint, Problem, Rules, Strike};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// What the step passes: `params` of its configuration and the rows as `input`.
#[derive(Deserialize)]
pub struct Call<'a> {
    #[serde(default)]
    pub params: Rules,
    #[serde(borrow)]
    pub input: Batch<'a>,
}

#[derive(Deserialize)]
pub struct Batch<'a> {
    #[serde(borrow)]
    pub rows: Vec<Report<'a>>,
}

#[derive(Serialize)]
pub struct Cleaned<'a> {
    pub rows: Vec<Strike<'a>>,
    pub rejected: Vec<Rejection<'a>>,
    pub summary: Summary,
}

/// One problem of one report. A report with two problems is listed twice, side by side.
#[derive(Serialize)]
pub struct Rejection<'a> {
    pub row: usize,
    pub flight_date: &'a str,
    pub airport: &'a str,
    pub reason: &'static str,
    pub field: &'static str,
    pub value: String,
    pub problem: String,
}

/// `read` = `kept` + `rejected` + `duplicates`, all in reports; `by_reason` counts problems. `repaired` reports were
/// kept with a corrected operator.
#[derive(Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    pub read: usize,
    pub kept: usize,
    pub rejected: usize,
    pub duplicates: usize,
    pub repaired: usize,
    pub by_reason: BTreeMap<&'static str, usize>,
}

/// Checks every report. Of equal ones the first stays.
pub fn clean<'a>(reports: &'a [Report<'a>], rules: &Rules) -> Cleaned<'a> {
    let mut cleaned = Cleaned { rows: Vec::new(), rejected: Vec::new(), summary: Summary::default() };
    let mut seen: HashMap<String, usize> = HashMap::with_capacity(reports.len());
    for (report, row) in reports.iter().zip(1..) {
        cleaned.summary.read += 1;
        let id = fingerprint(report);
        if let Some(first) = seen.get(&id) {
            cleaned.summary.duplicates += 1;
            cleaned.reject(report, row, vec![duplicate(*first)]);
            continue;
        }
        seen.insert(id.clone(), row);
        match check(report, row, id, rules) {
            Ok(strike) => cleaned.keep(report, strike),
            Err(problems) => {
                cleaned.summary.rejected += 1;
                cleaned.reject(report, row, problems);
            }
        }
    }
    cleaned
}

impl<'a> Cleaned<'a> {
    fn keep(&mut self, report: &Report, strike: Strike<'a>) {
        self.summary.kept += 1;
        self.summary.repaired += usize::from(strike.operator != Some(report.operator.text()));
        self.rows.push(strike);
    }

    fn reject(&mut self, report: &'a Report, row: usize, problems: Vec<Problem>) {
        let (flight_date, airport) = (report.flight_date.text(), report.airport.text());
        for problem in problems {
            *self.summary.by_reason.entry(problem.reason).or_default() += 1;
            let Problem { reason, field, value, problem } = problem;
            self.rejected.push(Rejection { row, flight_date, airport, reason, field, value, problem });
        }
    }

    /// The first problem of each reason, with the number of its kind; the most frequent first.
    pub fn worst(&self) -> Vec<(usize, &Rejection<'a>)> {
        let first = |reason| self.rejected.iter().find(|rejection| rejection.reason == reason);
        let by_reason = self.summary.by_reason.iter();
        let mut worst: Vec<_> = by_reason.filter_map(|(reason, count)| Some((*count, first(*reason)?))).collect();
        worst.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
        worst
    }

    /// Fails when more than `most` (0 to 1) of the reports were rejected: then it is the wrong file, not a dirty one.
    pub fn refuse_above(self, most: f64) -> Answer<Self> {
        let Summary { read, rejected, .. } = self.summary;
        let allowed = (most * read as f64) as usize;
        if rejected <= allowed {
            return Ok(self);
        }
        let message = format!("{rejected} of {read} reports were rejected, and at most {allowed} may be");
        let total = Error::new("too_many_rejected", message);
        let examples = self.worst().into_iter().map(|(count, first)| example(count, first));
        Err(Failure::Invalid(std::iter::once(total).chain(examples).collect()))
    }
}

fn duplicate(first: usize) -> Problem {
    let problem = format!("the same report as row {first}");
    Problem { reason: "duplicate", field: "", value: String::new(), problem }
}

fn example(count: usize, first: &Rejection) -> Error {
    Error::new(first.reason, format!("{count} times, first in row {}: {}", first.row, first.problem))
}
