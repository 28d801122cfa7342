//! Filters on incidents of a historic process instance: one incident has to meet all of them.
use super::H;
use crate::query::{Where, always, col, equals_id, like, uuids};
use rest_api::ApiResult;
use sea_query::{Condition, Expr, ExprTrait, Query};

/// `withIncidents`, `withRootIncidents`, `incidentType`, `incidentStatus`, `incidentMessage`, `…Like`, `incidentIdIn`.
pub(super) fn filters(w: &mut Where<'_>) -> ApiResult<()> {
    let (with, roots) = (w.filters.on("withIncidents")?, w.filters.on("withRootIncidents")?);
    let status = w.filters.text("incidentStatus")?;
    let mut wanted: Vec<Expr> = Vec::new();
    if with {
        wanted.push(always());
    }
    if roots {
        wanted.push(col("i", "id").equals(("i", "root_cause_id")));
    }
    if let Some(kind) = w.filters.text("incidentType")? {
        wanted.push(col("i", "kind").eq(kind));
    }
    if let Some(text) = w.filters.text("incidentMessage")? {
        wanted.push(col("i", "message").eq(text));
    }
    if let Some(pattern) = w.filters.text("incidentMessageLike")? {
        wanted.push(like(col("i", "message"), &pattern));
    }
    if let Some(ids) = w.filters.list("incidentIdIn")?.filter(|l| !l.is_empty()) {
        wanted.push(match &ids[..] {
            [one] => equals_id(col("i", "id"), one),
            _ => col("i", "id").is_in(uuids(&ids)),
        });
    }
    if wanted.is_empty() && status.is_none() {
        return Ok(());
    }
    let one = |table: &'static str, more: Expr| {
        let mut all = Condition::all().add(more);
        for condition in &wanted {
            all = all.add(condition.clone());
        }
        let query = Query::select()
            .expr(Expr::val(1))
            .from_as(table, "i")
            .and_where(col("i", "root_id").equals((H, "root_id")))
            .and_where(col("i", "instance_id").equals((H, "id")))
            .cond_where(all)
            .take();
        Expr::exists(query)
    };
    let open = || one("incident", col("i", "recorded").eq(true));
    let over = || one("history_incident", always());
    w.and(match status.as_deref() {
        Some("open") => open(),
        Some("resolved") => over(),
        // Any other word is no condition but that there is an incident, as there.
        _ => open().or(over()),
    });
    Ok(())
}
