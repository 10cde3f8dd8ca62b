//! The step as the host calls it: reads the call, does the work, tells the log and the steps that follow.

use crate::cleaning::{clean, Call, Cleaned};
use crate::hengio::{get_context, log, log_fields, set_context, Answer, Level};
use serde_json::json;

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
    log_fields(Level::Info, &message, json!(summary));
    for (count, first) in cleaned.worst() {
        log(Level::Warn, &format!("{count} × {}, first in row {}: {}", first.reason, first.row, first.problem));
    }
}
