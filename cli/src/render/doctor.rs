//! What `doctor` found.

use super::{FAINT, LOOK, Page, STRONG, cell, count, styled};
use crate::command::doctor::{Finding, State};

/// A row for each thing that was looked at, and below it what to do.
pub fn findings(findings: &[Finding], page: &mut Page) {
    let mut rows = Vec::new();
    for Finding { id, state, message, help, .. } in findings {
        let (mark, style) = match state {
            State::Ok => ("ok", FAINT),
            State::Warn => ("warn", LOOK),
            State::Fail => ("fail", LOOK.bold()),
        };
        rows.push(vec![styled(mark, style), styled(id, STRONG), cell(message)]);
        if let Some(help) = help {
            rows.push(vec![cell(""), cell(""), styled(format!("→ {help}"), FAINT)]);
        }
    }
    page.table(rows);
    page.talk(&match findings.iter().filter(|it| it.state != State::Ok).count() as u64 {
        0 => "All is well.".to_owned(),
        open => format!("{} to look at.", count(open, "thing", "things")),
    });
}
