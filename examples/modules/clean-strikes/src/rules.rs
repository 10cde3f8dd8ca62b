//! What makes one report acceptable. Pure: a report in, a strike or the problems with it out.

use crate::report::{Cell, Report};
use serde::{Deserialize, Serialize};

/// The parameters of the step.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub struct Rules {
    /// Faster than this is a typing error in any phase of flight.
    pub max_speed_knots: u32,
    /// The damage codes that mean something to us.
    pub known_damage: Vec<String>,
    /// More than this share of rejected reports (0 to 1) and the whole file is refused.
    pub max_rejected_share: Option<f64>,
}

impl Default for Rules {
    fn default() -> Self {
        let known_damage = ["None", "Minor", "Medium", "Substantial"].map(String::from).to_vec();
        Rules { max_speed_knots: 400, known_damage, max_rejected_share: None }
    }
}

/// A report that passed: typed values under names fit for a table. `row` counts from 1, without the header.
#[derive(Debug, PartialEq, Serialize)]
pub struct Strike<'a> {
    pub strike_id: String,
    pub row: usize,
    pub flight_date: &'a str,
    pub airport: &'a str,
    pub state: &'a str,
    pub operator: Option<&'a str>,
    pub aircraft: &'a str,
    pub damage: String,
    pub phase: String,
    pub wildlife_size: String,
    pub species: &'a str,
    pub time_of_day: String,
    pub speed_knots: Option<u32>,
    pub cost_repair: u64,
    pub cost_other: u64,
    pub cost_total: u64,
}

/// One thing that is wrong with a report: a stable `reason`, the column, what stands there, and words for people.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Problem {
    pub reason: &'static str,
    pub field: &'static str,
    pub value: String,
    pub problem: String,
}

/// Phases of flight, with the slowest and fastest indicated air speed (knots) an aircraft can have in them.
const PHASES: [(&str, u32, u32); 7] = [
    ("Parked", 0, 0),
    ("Taxi", 0, 60),
    ("Take-off run", 0, 220),
    ("Climb", 20, u32::MAX),
    ("Descent", 20, u32::MAX),
    ("Approach", 20, u32::MAX),
    ("Landing Roll", 0, 220),
];
const SIZES: [&str; 3] = ["Small", "Medium", "Large"];
const TIMES_OF_DAY: [&str; 4] = ["Dawn", "Day", "Dusk", "Night"];

/// Checks every rule, so that whoever corrects the file sees all that is wrong with a report at once.
pub fn check<'a>(report: &'a Report, row: usize, strike_id: String, rules: &Rules) -> Result<Strike<'a>, Vec<Problem>> {
    let mut found = Problems::default();
    let strike = Strike {
        strike_id,
        row,
        flight_date: found.date("Flight Date", &report.flight_date),
        airport: found.present("Airport Name", &report.airport),
        state: found.present("Origin State", &report.state),
        operator: operator(&report.operator),
        aircraft: report.aircraft.text(),
        damage: found.one_of("Effect Amount of damage", &report.damage, rules.known_damage.iter().map(String::as_str)),
        phase: found.one_of("Phase of flight", &report.phase, PHASES.iter().map(|(name, ..)| *name)),
        wildlife_size: found.one_of("Wildlife Size", &report.size, SIZES),
        species: found.present("Wildlife Species", &report.species),
        time_of_day: found.one_of("Time of day", &report.time_of_day, TIMES_OF_DAY),
        speed_knots: found.speed(report, rules),
        cost_repair: found.amount("Cost Repair", &report.cost_repair),
        cost_other: found.amount("Cost Other", &report.cost_other),
        cost_total: found.amount("Cost Total $", &report.cost_total),
    };
    found.costs(&strike);
    if found.0.is_empty() {
        Ok(strike)
    } else {
        Err(found.0)
    }
}

/// The same for the same report in every run (64-bit FNV-1a over its cells): the key under which it is stored.
pub fn fingerprint(report: &Report) -> String {
    let bytes = report.cells().into_iter().flat_map(|cell| cell.text().bytes().chain([0]));
    let hash =
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    format!("{hash:016x}")
}

/// The file marks some operators with a trailing `*` and writes UNKNOWN for none.
pub fn operator<'a>(cell: &'a Cell) -> Option<&'a str> {
    let name = cell.text().trim_end_matches('*').trim_end();
    (!name.is_empty() && name != "UNKNOWN").then(|| name)
}

/// `Take-off run` → `take_off_run`: codes are compared, stored and routed on by the steps that follow.
fn code(text: &str) -> String {
    text.replace(|other: char| !other.is_ascii_alphanumeric(), "_").to_ascii_lowercase()
}

#[derive(Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn add(&mut self, reason: &'static str, field: &'static str, value: impl ToString, problem: String) {
        self.0.push(Problem { reason, field, value: value.to_string(), problem });
    }

    fn present<'a>(&mut self, field: &'static str, cell: &'a Cell) -> &'a str {
        if cell.text().is_empty() {
            self.add("missing", field, "", format!("{field} is empty"));
        }
        cell.text()
    }

    fn one_of<'a>(&mut self, field: &'static str, cell: &Cell, known: impl IntoIterator<Item = &'a str>) -> String {
        let text = self.present(field, cell);
        if !text.is_empty() && !known.into_iter().any(|name| name == text) {
            self.add("unknown_code", field, text, format!("{field} has no code {text:?}"));
        }
        code(text)
    }

    fn date<'a>(&mut self, field: &'static str, cell: &'a Cell) -> &'a str {
        let text = self.present(field, cell);
        if !text.is_empty() && !is_date(text) {
            self.add("not_a_date", field, text, format!("{text:?} is not a date (year-month-day)"));
        }
        text
    }

    fn amount(&mut self, field: &'static str, cell: &Cell) -> u64 {
        let text = self.present(field, cell);
        text.parse().unwrap_or_else(|_| {
            if !text.is_empty() {
                self.add("not_a_number", field, text, format!("{text:?} is not a whole amount of dollars"));
            }
            0
        })
    }

    /// Many reports have no speed; one that is given must fit the phase of flight.
    fn speed(&mut self, report: &Report, rules: &Rules) -> Option<u32> {
        const FIELD: &str = "Speed IAS in knots";
        let text = report.speed.text();
        if text.is_empty() {
            return None;
        }
        let speed = match text.parse::<u32>() {
            Ok(speed) => speed,
            Err(_) => {
                self.add("not_a_number", FIELD, text, format!("{text:?} is not a whole number of knots"));
                return None;
            }
        };
        let (phase, slowest, fastest) = *PHASES.iter().find(|(name, ..)| *name == report.phase.text())?;
        let fastest = fastest.min(rules.max_speed_knots);
        if speed < slowest || speed > fastest {
            let problem = format!("{speed} knots in the phase {phase:?}, where {slowest} to {fastest} are possible");
            self.add("implausible_speed", FIELD, speed, problem);
        }
        Some(speed)
    }

    fn costs(&mut self, strike: &Strike) {
        let parts = strike.cost_repair.saturating_add(strike.cost_other);
        if parts != strike.cost_total && !self.0.iter().any(|problem| problem.field.starts_with("Cost")) {
            let problem = format!("the total is {}, its parts are {parts}", strike.cost_total);
            self.add("cost_mismatch", "Cost Total $", strike.cost_total, problem);
        }
        if strike.damage == "none" && strike.cost_repair > 0 {
            let problem = format!("repairs for {} dollars, but no damage", strike.cost_repair);
            self.add("repair_without_damage", "Cost Repair", strike.cost_repair, problem);
        }
    }
}

/// Whether the text is a day of the Gregorian calendar as `YYYY-MM-DD`.
pub fn is_date(text: &str) -> bool {
    let well_formed = text.len() == 10
        && text.bytes().enumerate().all(|(place, byte)| match place {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if !well_formed {
        return false;
    }
    let number = |range: std::ops::Range<usize>| text[range].parse::<u32>().unwrap_or(0);
    let (year, month, day) = (number(0..4), number(5..7), number(8..10));
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    (1..=days).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    fn cell(text: &str) -> Cell {
        Cell(Cow::Borrowed(text))
    }

    fn good_report() -> Report<'static> {
        Report {
            airport: cell("SÂN BAY ĐÀ NẴNG"),
            aircraft: cell("A-320"),
            damage: cell("Minor"),
            flight_date: cell("2000-02-29"),
            operator: cell("US AIRWAYS*"),
            state: cell("Texas"),
            phase: cell("Take-off run"),
            size: cell("Medium"),
            species: cell("Rock pigeon"),
            time_of_day: cell("Day"),
            cost_other: cell("20"),
            cost_repair: cell("100"),
            cost_total: cell("120"),
            speed: cell("140"),
        }
    }

    /// The reasons for which a report is rejected, after `change` was made to a good one.
    fn reasons(change: impl FnOnce(&mut Report)) -> Vec<&'static str> {
        let mut report = good_report();
        change(&mut report);
        let checked = check(&report, 1, String::new(), &Rules::default());
        checked.err().unwrap_or_default().into_iter().map(|problem| problem.reason).collect()
    }

    #[test]
    fn a_good_report_becomes_typed_values_under_names_for_a_table() {
        let report = good_report();
        let strike = check(&report, 7, fingerprint(&report), &Rules::default()).unwrap();
        assert_eq!((strike.row, strike.airport, strike.operator), (7, "SÂN BAY ĐÀ NẴNG", Some("US AIRWAYS")));
        assert_eq!((strike.damage.as_str(), strike.phase.as_str()), ("minor", "take_off_run"));
        assert_eq!((strike.speed_knots, strike.cost_total), (Some(140), 120));
    }

    #[test]
    fn a_missing_speed_is_no_problem_but_a_missing_airport_is() {
        assert_eq!(reasons(|report| report.speed = cell("")), [] as [&str; 0]);
        assert_eq!(reasons(|report| report.airport = cell("  ")), ["missing"]);
    }

    #[test]
    fn codes_that_nobody_defined_are_rejected_unless_the_step_knows_them() {
        assert_eq!(reasons(|report| report.damage = cell("C")), ["unknown_code"]);
        let rules = Rules { known_damage: vec!["C".into()], ..Rules::default() };
        let report = Report { damage: cell("C"), ..good_report() };
        assert!(check(&report, 1, String::new(), &rules).is_ok());
    }

    #[test]
    fn a_speed_has_to_fit_the_phase_of_flight() {
        assert_eq!(reasons(|report| report.speed = cell("320")), ["implausible_speed"]);
        let slow = |phase| reasons(move |report| (report.phase, report.speed) = (cell(phase), cell("0")));
        assert_eq!(slow("Approach"), ["implausible_speed"]);
        assert_eq!(slow("Parked"), [] as [&str; 0]);
        assert_eq!(
            reasons(|report| (report.phase, report.speed) = (cell("Climb"), cell("401"))),
            ["implausible_speed"]
        );
    }

    #[test]
    fn costs_have_to_add_up_and_repairs_to_have_a_reason() {
        assert_eq!(reasons(|report| report.cost_total = cell("100")), ["cost_mismatch"]);
        assert_eq!(reasons(|report| report.cost_total = cell("a lot")), ["not_a_number"]);
        assert_eq!(reasons(|report| report.damage = cell("None")), ["repair_without_damage"]);
    }

    #[test]
    fn all_that_is_wrong_with_a_report_is_told_at_once() {
        let both = reasons(|report| (report.flight_date, report.size) = (cell("1999-02-29"), cell("Huge")));
        assert_eq!(both, ["not_a_date", "unknown_code"]);
    }

    #[test]
    fn days_that_the_calendar_does_not_have_are_no_dates() {
        assert!(["2000-02-29", "1996-02-29", "1999-12-31"].into_iter().all(is_date));
        assert!(!["1900-02-29", "2001-04-31", "2001-13-01", "2001-1-1", "2001-01-0é", ""].into_iter().any(is_date));
    }

    #[test]
    fn the_fingerprint_tells_reports_apart_by_every_cell() {
        let moved = Report { airport: cell("SÂN BAY ĐÀ NẴNGA"), aircraft: cell("-320"), ..good_report() };
        assert_eq!(fingerprint(&good_report()), fingerprint(&good_report()));
        assert_ne!(fingerprint(&good_report()), fingerprint(&moved));
    }

    #[test]
    fn an_unknown_operator_is_none() {
        assert_eq!(operator(&cell("UNKNOWN")), None);
        assert_eq!(operator(&cell("DELTA AIR LINES")), Some("DELTA AIR LINES"));
    }
}
