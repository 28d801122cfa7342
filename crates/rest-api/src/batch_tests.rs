use super::*;

const ID: &str = "018bcfe5-687b-8007-9267-000000000abc";

fn row(total: i64, ended: Option<i64>) -> Part {
    Part {
        id: ID.into(),
        kind: Some("instance-deletion".into()),
        total,
        running: ended.is_none(),
        recorded: true,
        started: Some(1_000 + total),
        ended,
        ..Part::default()
    }
}

fn work(remaining: i64, failed: i64) -> Part {
    Part {
        id: ID.into(),
        remaining,
        failed,
        ..Part::default()
    }
}

fn ask(path: &str, parts: &[Part], query: &[(&str, &str)]) -> ApiResult<Value> {
    let query: Vec<_> = query
        .iter()
        .map(|(n, v)| (n.to_string(), v.to_string()))
        .collect();
    Question::of(path).unwrap().answer(parts.to_vec(), ID, &query)
}

#[test]
fn parts_of_shards_add_up_to_one_batch() {
    let parts = [row(2, Some(5_000)), row(3, None), work(2, 1)];
    let statistics = ask("/batch/statistics", &parts, &[]).unwrap();
    assert_eq!(statistics[0]["totalJobs"], 5);
    assert_eq!(statistics[0]["remainingJobs"], 2);
    assert_eq!(statistics[0]["completedJobs"], 3);
    assert_eq!(statistics[0]["failedJobs"], 1);
    assert_eq!(ask("/batch/count", &parts, &[]).unwrap(), json!({"count": 1}));
    let historic = ask("/history/batch/{id}", &parts, &[]).unwrap();
    assert_eq!(historic["endTime"], Value::Null);
    assert_eq!(historic["startTime"], "1970-01-01T00:00:01.002+0000");
}

#[test]
fn a_batch_has_ended_when_all_its_parts_have() {
    let parts = [row(2, Some(5_000)), row(3, Some(6_000))];
    assert_eq!(ask("/batch", &parts, &[]).unwrap(), json!([]));
    assert_eq!(ask("/batch/{id}", &parts, &[]).unwrap_err().status, 404);
    let historic = ask("/history/batch", &parts, &[("completed", "true")]).unwrap();
    assert_eq!(historic[0]["endTime"], "1970-01-01T00:00:06.000+0000");
    let report = ask("/history/batch/cleanable-batch-report", &parts, &[]).unwrap();
    assert_eq!(report[0]["finishedBatchesCount"], 1);
}

#[test]
fn filters_and_order_are_the_reference_s() {
    let parts = [row(2, None)];
    for (path, by) in [("/batch", "startTime"), ("/batch/statistics", "endTime")] {
        let refused = ask(path, &parts, &[("sortBy", by), ("sortOrder", "asc")]).unwrap_err();
        assert_eq!(
            refused.message,
            format!("Cannot set query parameter 'sortBy' to value '{by}'")
        );
    }
    for (query, expected) in [
        (("type", "x"), 0),
        (("suspended", "false"), 1),
        (("withFailures", "true"), 0),
        (("withoutFailures", "true"), 1),
        (("startedBefore", "2030-01-01T00:00:00.000+0000"), 1),
        (("tenantIdIn", "a"), 0),
    ] {
        let found = ask("/batch/statistics/count", &parts, &[query]).unwrap();
        assert_eq!(found["count"], expected, "{query:?}");
    }
}

#[test]
fn job_definitions_name_their_batch() {
    let batch: Id = ID.parse().unwrap();
    let work = JobDefinition::Work.of(batch);
    assert_ne!(work, batch);
    assert_eq!(work.slot(), batch.slot());
    assert_eq!(JobDefinition::Work.batch(work), batch);
}
