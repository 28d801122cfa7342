//! History as lists and views read it: what runs is told by the runtime tables, what has ended by history.
use super::fixture::*;
use crate::{
    app::CatalogView,
    query::{
        Listing, Where, history_detail, history_incident,
        history_log::Log,
        history_task::{self, links},
        history_variable,
    },
    store::*,
};
use bpmn_core::{instance::*, value::TypedValue};
use migrations::Db;
use rest_api::{
    ApiResult,
    filters::{Filters, Paging},
};
use std::collections::BTreeMap;

const MODEL: &str = r#"<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" targetNamespace="t">
<process id="told" name="Told" isExecutable="true"><startEvent id="start" name="Begun"/>
<sequenceFlow id="f" sourceRef="start" targetRef="task"/><userTask id="task" name="Check"/></process></definitions>"#;

/// Applies the deployment of [`MODEL`].
async fn deployed(f: &Fixture, definition: Id) {
    let deployment = id(slot(0));
    let row = DeploymentRow {
        id: deployment,
        name: None,
        source: None,
        tenant_id: None,
        deployed: 5,
        resources: vec![ResourceRow {
            id: id(slot(0)),
            name: "told.bpmn".into(),
            content: MODEL.as_bytes().to_vec(),
        }],
        definitions: vec![DefinitionRow {
            id: definition,
            rest_id: format!("told:1:{definition}"),
            key: "told".into(),
            version: 1,
            name: Some("Told".into()),
            category: None,
            description: None,
            version_tag: None,
            tenant_id: None,
            history_ttl_days: Some(5),
            startable_in_tasklist: true,
            suspended: false,
            resource_name: "told.bpmn".into(),
            deployment_id: deployment,
            home: slot(77),
        }],
        decisions: Vec::new(),
        requirements: Vec::new(),
    };
    let entries = [
        Reference::Deploy(Box::new(row)),
        Reference::Publish { deployment },
    ];
    f.store.apply_reference(1, &entries).await.unwrap();
}

fn version(recorded: Recorded, revision: i32, updated: Option<Millis>) -> Version {
    Version {
        created: 10,
        updated,
        revision,
        version_id: (revision > 0).then(|| id(slot(3))),
        writer_id: None,
        shown_id: None,
        recorded,
        initial: revision == 0,
    }
}

/// A running instance of which every kind of row exists and has ended once, and another, so that it isn't alone.
async fn told(f: &Fixture) -> Instance {
    let at = slot(3);
    let mut other = instance(at);
    deployed(f, other.process.definition_id).await;
    let mut i = instance(at);
    i.process.definition_id = other.process.definition_id;
    let own = i.process.id;
    for (name, recorded) in [("amount", Recorded::Detail), ("hidden", Recorded::No)] {
        let mut v = variable(own, at, name, TypedValue::Integer(6));
        v.version = version(recorded, 0, None);
        if recorded == Recorded::Detail {
            i.history.push(HistoryRow::Detail(
                Variable {
                    value: TypedValue::String("x".repeat(5000)),
                    ..v.clone()
                }
                .into(),
            ));
            v.version = version(recorded, 1, Some(20));
        }
        i.variables.insert(v);
    }
    let mut gone = variable(own, at, "gone", TypedValue::Bytes(vec![1, 2, 3]));
    gone.version = version(Recorded::Detail, 0, None);
    i.history.push(HistoryRow::Variable(HistoricVariable {
        variable: gone.into(),
        activity_id: None,
        ended: 30,
        deleted: true,
    }));
    let mut open = task(own, at);
    (open.recorded, open.definition_id) = (true, Some(i.process.definition_id));
    i.history.push(HistoryRow::Task(HistoricTask {
        task: UserTask {
            id: id(at),
            ..open.clone()
        }
        .into(),
        ended: 30,
        delete_reason: Some("completed".into()),
        went_along: false,
    }));
    i.history.push(HistoryRow::IdentityLink(HistoricIdentityLink {
        id: id(at),
        task_id: Some(open.id),
        instance_id: Some(own),
        definition_id: Some(i.process.definition_id),
        kind: "candidate".into(),
        user_id: None,
        group_id: Some("clerks".into()),
        added: true,
        operator: None,
        time: 12,
        tenant_id: None,
    }));
    i.tasks.insert(open);
    let mut waits = job(Some(own), at);
    (waits.recorded, waits.definition_id) = (true, i.process.definition_id);
    let ended = Job {
        id: id(at),
        ..waits.clone()
    };
    for (state, error) in [(RunState::Failed, Some("boom")), (RunState::Successful, None)] {
        i.history.push(HistoryRow::Job(HistoricJob {
            id: id(at),
            job: ended.clone().into(),
            time: 25,
            state,
            error_message: error.map(str::to_owned),
            stacktrace: error.map(|e| format!("at {e}")),
        }));
    }
    i.jobs.insert(waits);
    let mut worked = external_task(&i, at, "send");
    worked.recorded = true;
    i.history.push(HistoryRow::ExternalTask(HistoricExternalTask {
        id: id(at),
        task: ExternalTask {
            id: id(at),
            worker_id: Some("w".into()),
            ..worked.clone()
        }
        .into(),
        time: 26,
        state: RunState::Deleted,
    }));
    i.external_tasks.insert(worked);
    let mut raised = incident(Some(own), at, None);
    (raised.recorded, raised.definition_id) = (true, i.process.definition_id);
    i.history.push(HistoryRow::Incident(HistoricIncident {
        incident: Incident {
            id: id(at),
            ..raised.clone()
        }
        .into(),
        ended: 27,
        resolved: true,
    }));
    i.incidents.insert(raised);
    f.save(&mut i).await;
    f.save(&mut other).await;
    i
}

type Build = fn(Where<'_>) -> ApiResult<Listing>;

async fn rows(f: &Fixture, build: Build, query: &[(&str, String)]) -> Vec<Box<dyn Row>> {
    let pairs: Vec<(String, String)> = query.iter().map(|(n, v)| (n.to_string(), v.clone())).collect();
    let filters = Filters::from_query(&pairs);
    let view = CatalogView::new(BTreeMap::new(), Vec::new(), Default::default(), 0);
    let listing = build(Where::new(&filters, &view)).unwrap();
    let page = f.store.select(&listing.page(Paging::default())).await.unwrap();
    let count = f.store.select(&listing.count()).await.unwrap();
    assert_eq!(count.rows[0].i64(0).unwrap(), page.rows.len() as i64, "{query:?}");
    page.rows
}

pub(super) async fn s2_39_every_value_of_a_variable_is_told_in_order(f: Fixture) {
    let i = told(&f).await;
    let own = i.process.id.to_string();
    let query = [
        ("processInstanceId", own.clone()),
        ("variableUpdates", "true".to_owned()),
        ("sortBy", "time".to_owned()),
        ("sortOrder", "asc".to_owned()),
    ];
    let read: Vec<_> = rows(&f, history_detail::listing, &query)
        .await
        .iter()
        .map(|row| history_detail::row(&**row).unwrap())
        .collect();
    let mut seen: Vec<(&str, i64, i64)> = read
        .iter()
        .map(|d| (d.name.as_str(), d.time, d.revision))
        .collect();
    seen.sort();
    assert_eq!(seen, [("amount", 10, 0), ("amount", 20, 1), ("gone", 10, 0)]);
    assert!(read.is_sorted_by_key(|d| d.time));
    let first = read
        .iter()
        .find(|d| (d.name.as_str(), d.revision) == ("amount", 0))
        .unwrap();
    assert_eq!(first.value, TypedValue::String("x".repeat(5000)));
    assert_eq!(first.execution_id, Some(i.process.id));
    let gone = read.iter().find(|d| d.name == "gone").unwrap();
    // Lists leave content out, single reads have it.
    assert_eq!(gone.value, TypedValue::Bytes(Vec::new()));
    let one = f.store.select(&history_detail::by_id(gone.id)).await.unwrap();
    let one = history_detail::row(&*one.rows[0]).unwrap();
    assert_eq!(one.value, TypedValue::Bytes(vec![1, 2, 3]));
    for (filter, value, found) in [
        ("variableTypeIn", "integer,bytes".to_owned(), 2),
        ("variableNameLike", "am%".to_owned(), 2),
        ("initial", "true".to_owned(), 2),
        ("occurredAfter", "1970-01-01T00:00:00.015+0000".to_owned(), 1),
        ("activityInstanceId", own.clone(), 3),
        ("executionId", own.clone(), 3),
        (
            "variableInstanceId",
            first.variable_id.expect("variable").to_string(),
            2,
        ),
        ("formFields", "true".to_owned(), 0),
        ("processInstanceIdIn", own.clone(), 3),
        ("excludeTaskDetails", "true".to_owned(), 3),
    ] {
        let got = rows(&f, history_detail::listing, &[(filter, value.clone())])
            .await
            .len();
        assert_eq!(got, found, "{filter}={value}");
    }
}

pub(super) async fn lists_of_history_tell_what_runs_and_what_has_ended(f: Fixture) {
    let i = told(&f).await;
    let own = i.process.id.to_string();
    let of =
        |name: &'static str, value: &str| vec![("processInstanceId", own.clone()), (name, value.to_owned())];
    let job_log: Build = |w| Log::Job.listing(w);
    let task_log: Build = |w| Log::ExternalTask.listing(w);
    type Case = (Build, Vec<(&'static str, String)>, usize);
    let cases: Vec<Case> = vec![
        (history_variable::listing, of("variableName", "amount"), 1),
        (
            history_variable::listing,
            of("variableNameIn", "amount,gone,hidden"),
            1,
        ),
        (history_variable::listing, of("includeDeleted", "true"), 2),
        (history_variable::listing, of("activityInstanceIdIn", &own), 1),
        (history_task::listing, of("finished", "true"), 1),
        (history_task::listing, of("unfinished", "true"), 1),
        (history_task::listing, of("taskNameLike", "App%"), 2),
        (history_task::listing, of("processUnfinished", "true"), 2),
        (history_task::listing, of("taskHadCandidateGroup", "clerks"), 1),
        (
            history_task::listing,
            of("processInstanceBusinessKey", "order-1"),
            2,
        ),
        (history_incident::listing, of("open", "true"), 1),
        (history_incident::listing, of("resolved", "true"), 1),
        (history_incident::listing, of("incidentType", "failedJob"), 2),
        (job_log, of("creationLog", "true"), 2),
        (job_log, of("failureLog", "true"), 1),
        (job_log, of("successLog", "true"), 1),
        (job_log, of("jobExceptionMessage", "boom"), 1),
        (task_log, of("creationLog", "true"), 2),
        (task_log, of("deletionLog", "true"), 1),
        (task_log, of("workerId", "w"), 1),
        (links::listing, vec![("groupId", "clerks".to_owned())], 1),
        (links::listing, vec![("operationType", "delete".to_owned())], 0),
    ];
    for (build, query, found) in cases {
        assert_eq!(rows(&f, build, &query).await.len(), found, "{query:?}");
    }
    // Every criterion of every list is SQL that both databases take.
    let sorts: [(Build, &[&str]); 7] = [
        (
            history_variable::listing,
            &["instanceId", "variableName", "tenantId"],
        ),
        (
            history_detail::listing,
            &[
                "processInstanceId",
                "variableName",
                "variableType",
                "variableRevision",
                "formPropertyId",
                "occurrence",
                "tenantId",
            ],
        ),
        (
            history_task::listing,
            &[
                "taskId",
                "activityInstanceId",
                "processDefinitionId",
                "duration",
                "endTime",
                "dueDate",
                "priority",
                "caseInstanceId",
                "tenantId",
            ],
        ),
        (
            history_incident::listing,
            &[
                "incidentId",
                "endTime",
                "processDefinitionKey",
                "historyConfiguration",
                "incidentState",
                "configuration",
            ],
        ),
        (
            job_log,
            &[
                "timestamp",
                "jobDefinitionId",
                "jobDueDate",
                "jobRetries",
                "deploymentId",
                "hostname",
                "occurrence",
            ],
        ),
        (
            task_log,
            &[
                "timestamp",
                "retries",
                "workerId",
                "activityInstanceId",
                "processDefinitionKey",
            ],
        ),
        (
            links::listing,
            &[
                "time",
                "operationType",
                "processDefinitionId",
                "taskId",
                "groupId",
            ],
        ),
    ];
    for (build, names) in sorts {
        for name in names {
            let query = [("sortBy", name.to_string()), ("sortOrder", "desc".to_owned())];
            rows(&f, build, &query).await;
        }
    }
    let failed = rows(&f, job_log, &of("failureLog", "true")).await;
    let failed = Log::Job.row(&*failed[0]).unwrap();
    let text = f.store.select(&Log::Job.details(failed.id)).await.unwrap();
    assert_eq!(text.rows[0].text_opt(0).unwrap().as_deref(), Some("at boom"));
    // Rows of a slot that is being moved are not shown.
    f.set_state(slot(3), SlotState::Incoming).await;
    assert_eq!(rows(&f, job_log, &of("failureLog", "true")).await.len(), 0);
}

/// One number of the database.
async fn number(db: &mut Db, statement: String) -> i64 {
    let statement = sqlx::AssertSqlSafe(statement);
    match db {
        Db::Postgres(c) => sqlx::query_scalar(statement).fetch_one(c).await.unwrap(),
        Db::Sqlite(c) => sqlx::query_scalar(statement).fetch_one(c).await.unwrap(),
    }
}

/// Rows of each view of history, by name: what levels are compared with the reference by (S2-13).
pub(super) async fn history_counts(db: &mut Db) -> BTreeMap<&'static str, i64> {
    const VIEWS: [&str; 9] = [
        "ACT_HI_PROCINST",
        "ACT_HI_ACTINST",
        "ACT_HI_TASKINST",
        "ACT_HI_VARINST",
        "ACT_HI_DETAIL",
        "ACT_HI_INCIDENT",
        "ACT_HI_JOB_LOG",
        "ACT_HI_EXT_TASK_LOG",
        "ACT_HI_IDENTITYLINK",
    ];
    let mut counts = BTreeMap::new();
    for view in VIEWS {
        counts.insert(view, number(db, format!("SELECT count(*) FROM {view}")).await);
    }
    counts
}

pub(super) async fn s3_06_views_have_the_reference_s_names_and_rows(f: Fixture) {
    let i = told(&f).await;
    let mut db = Db::connect(&f.url).await.unwrap();
    let counts = history_counts(&mut db).await;
    let expected = [
        ("ACT_HI_ACTINST", 2),
        ("ACT_HI_DETAIL", 3),
        ("ACT_HI_EXT_TASK_LOG", 3),
        ("ACT_HI_IDENTITYLINK", 1),
        ("ACT_HI_INCIDENT", 2),
        ("ACT_HI_JOB_LOG", 4),
        ("ACT_HI_PROCINST", 2),
        ("ACT_HI_TASKINST", 2),
        ("ACT_HI_VARINST", 2),
    ];
    assert_eq!(counts, BTreeMap::from(expected));
    let own = i.process.id;
    for (statement, found) in [
        (format!("SELECT count(*) FROM ACT_RU_EXECUTION WHERE PROC_INST_ID_ = '{own}' AND PROC_DEF_KEY_ = 'told'"), 1),
        (format!("SELECT count(*) FROM ACT_RU_VARIABLE WHERE EXECUTION_ID_ = '{own}' AND LONG_ = 6"), 2),
        ("SELECT count(*) FROM ACT_RU_JOB WHERE RETRIES_ > 0 AND LOCK_OWNER_ IS NULL AND DUEDATE_ IS NULL".into(), 1),
        ("SELECT count(*) FROM ACT_RU_INCIDENT WHERE ACTIVITY_ID_ = 'timer'".into(), 1),
        ("SELECT count(*) FROM ACT_RE_PROCDEF WHERE KEY_ = 'told' AND VERSION_ = 1".into(), 1),
        ("SELECT count(*) FROM ACT_RE_DEPLOYMENT D JOIN ACT_GE_BYTEARRAY B ON B.DEPLOYMENT_ID_ = D.ID_".into(), 1),
        ("SELECT count(*) FROM ACT_HI_ACTINST WHERE ACT_NAME_ = 'Check' AND ACT_TYPE_ = 'userTask' AND END_TIME_ IS NULL".into(), 2),
        (format!("SELECT count(*) FROM ACT_HI_TASKINST WHERE PROC_INST_ID_ = '{own}' AND DURATION_ = 29"), 1),
        ("SELECT count(*) FROM ACT_HI_VARINST WHERE STATE_ = 'DELETED' AND BYTEARRAY_ID_ IS NOT NULL".into(), 1),
        ("SELECT count(*) FROM ACT_RU_TASK T JOIN ACT_RU_IDENTITYLINK L ON L.TASK_ID_ = T.ID_ WHERE L.GROUP_ID_ = 'clerks'".into(), 1),
        ("SELECT count(*) FROM ACT_GE_PROPERTY".into(), 2),
        ("SELECT count(*) FROM ACT_RU_EXT_TASK WHERE TOPIC_NAME_ = 'send'".into(), 1),
        ("SELECT count(*) FROM ACT_RU_EVENT_SUBSCR".into(), 0),
        ("SELECT count(*) FROM ACT_ID_USER".into(), 0),
    ] {
        assert_eq!(number(&mut db, statement.clone()).await, found, "{statement}");
    }
    // Copies in the making are not shown.
    f.set_state(slot(3), SlotState::Incoming).await;
    let counts = history_counts(&mut db).await;
    assert!(counts.values().all(|n| *n == 0), "{counts:?}");
    db.close().await.unwrap();
}
