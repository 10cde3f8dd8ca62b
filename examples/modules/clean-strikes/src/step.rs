//! The step as the host calls it: reads the call, does the work, tells the log and the steps that follow.

use crate::cleaning::{clean, Call, Cleaned};
use crate::hengio::{get_context, log, log_fields, set_context, Answer, Level};

/// Of the reports, when neither the step nor the variable `max_rejected_share` says otherwise.
const MAX_REJECTED_SHARE: f64 = 0.05;

entry!(run, Call, clean_file);

/// Cleans the file and leaves its summary in the variable `cleaning`.
pub fn clean_file<'a>(call: &'a Call<'a>) -> Answer<Cleaned<'a>> {
    let most = match call.params.max_rejected_share {
        Some(share) => share,
        None => get_context("variables.max_rejected_share")?.unwrap_or(MAX_REJECTED_SHARE),
    };
    let cleaned = clean(&call.input.rows, &call.params);
    tell(&cleaned);
    let cleaned = cleaned.refuse_above(most)?;
    set_context("cleaning", &cleaned.summary)?;
    Ok(cleaned)
}

fn tell(cleaned: &Cleaned) {
    let summary = &cleaned.summary;
    let message = format!("{} of {} reports kept", summary.kept, summary.read);
    log_fields(Level::Info, &message, summary);
    for (count, first) in cleaned.worst() {
        log(Level::Warn, &format!("{count} × {}, first in row {}: {}", first.reason, first.row, first.problem));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hengio::{envelope, read, Failure};

    const REPORT: &str = r#"{"Airport Name":"LIHUE ARPT","Aircraft Make Model":"B-737","Effect Amount of damage":"None",
        "Flight Date":"1999-10-19","Aircraft Airline Operator":"UNKNOWN","Origin State":"Hawaii","Phase of flight":"Taxi",
        "Wildlife Size":"Small","Wildlife Species":"Zebra dove","Time of day":"Day","Cost Other":0,"Cost Repair":0,
        "Cost Total $":0,"Speed IAS in knots":null}"#;

    fn input(params: &str, rows: &[&str]) -> Vec<u8> {
        format!(r#"{{"abi":1,"params":{params},"input":{{"rows":[{}]}}}}"#, rows.join(",")).into_bytes()
    }

    #[test]
    fn every_report_is_kept_rejected_or_a_duplicate() {
        let rows = [REPORT, "{}", REPORT, &REPORT.replace("Small", "Tiny")];
        let input = input(r#"{"max_rejected_share":0.5}"#, &rows);
        let call: Call = read(&input).unwrap();
        let cleaned = clean_file(&call).unwrap();
        let summary = &cleaned.summary;
        assert_eq!((summary.read, summary.kept, summary.rejected, summary.duplicates), (4, 1, 2, 1));
        assert_eq!((summary.repaired, summary.by_reason["duplicate"]), (1, 1));
        assert_eq!(cleaned.rows[0].row, 1);
        assert!(cleaned.rejected.iter().any(|rejection| rejection.row == 3 && rejection.reason == "duplicate"));
    }

    #[test]
    fn a_file_with_too_many_rejected_reports_is_invalid() {
        let input = input("{}", &["{}", REPORT]);
        let call: Call = read(&input).unwrap();
        match clean_file(&call) {
            Err(Failure::Invalid(errors)) => assert_eq!(errors[0].code, "too_many_rejected"),
            _ => panic!("expected a validation failure"),
        }
    }

    #[test]
    fn input_of_another_shape_is_an_error_with_its_place() {
        let failure = read::<Call>(br#"{"input":{"rows":[1]}}"#).err().unwrap();
        let written = String::from_utf8(envelope::<()>(Err(failure.into()))).unwrap();
        assert!(written.contains(r#""code":"bad_input""#) && written.contains("line 1 column"), "{written}");
    }
}
