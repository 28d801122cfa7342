//! `/job-definition`: list, read, suspension, retries and priority of jobs.
use super::{
    batch::{encoded, jobs as of_batches},
    call::{Call, json, no_content},
    error,
    suspension::{definitions, demand, later, of_instances, one_of, schedule},
};
use crate::{
    App,
    app::{
        Deployed,
        operations::{self, option, text},
        sweep::{Jobs, Sweep},
    },
    query::{
        job_definition::{self as query, Found},
        memory,
    },
    rights::need::{Need, UPDATE_INSTANCE, resource},
    store::{BatchJobChange, JobDefinitionRow, operations::Told},
};
use axum::{
    Router,
    response::Response,
    routing::{get, put},
};
use bpmn_core::command::JobChange;
use rest_api::{
    ApiError, ApiResult,
    filters::{Filters, sorting},
    job_definition::JobDefinition,
};
use serde_json::json;
use std::sync::Arc;

/// Routes of this resource.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/job-definition", get(list).post(list_post))
        .route("/job-definition/count", get(count).post(count_post))
        .route("/job-definition/suspended", put(suspend_by))
        .route("/job-definition/{id}", get(one))
        .route("/job-definition/{id}/suspended", put(suspend))
        .route("/job-definition/{id}/retries", put(retries))
        .route("/job-definition/{id}/jobPriority", put(priority))
}

fn dto(found: Found) -> JobDefinition {
    let (of, row) = (found.of.as_ref().map(|deployed| &deployed.row), found.row);
    JobDefinition {
        id: row.id.to_string(),
        process_definition_id: of.map(|d| d.rest_id.clone()),
        process_definition_key: of.map(|d| d.key.clone()),
        job_type: row.job_type,
        job_configuration: row.configuration,
        activity_id: of.map(|_| row.element),
        suspended: row.suspended,
        overriding_job_priority: row.priority,
        tenant_id: found.tenant_id,
        deployment_id: found.deployment_id.map(|id| id.to_string()),
    }
}

async fn list(call: Call) -> ApiResult<Response> {
    find(&call, &call.filters()).await
}

async fn list_post(call: Call) -> ApiResult<Response> {
    find(&call, &call.body()?).await
}

/// Job definitions that meet the filters, of process definitions that may be read.
async fn found(call: &Call, filters: &Filters) -> ApiResult<Vec<Found>> {
    let mut rows = query::find(filters, &call.catalog(), of_batches::definitions(call).await?)?;
    call.keep(&mut rows, resource::PROCESS_DEFINITION, "READ", |found| {
        let key = found.of.as_ref().map(|deployed| deployed.row.key.clone());
        (key.unwrap_or_default(), found.tenant().map(str::to_owned))
    });
    Ok(rows)
}

async fn find(call: &Call, filters: &Filters) -> ApiResult<Response> {
    let sortings = sorting(filters, &|by| query::SORTS.contains(&by))?;
    let rows = found(call, filters).await?;
    let id = |found: &Found| found.row.id.to_string();
    let rows = memory::page(rows, &sortings, call.paging()?, query::key, id);
    let rows: Vec<JobDefinition> = rows.into_iter().map(dto).collect();
    Ok(json(&rows))
}

async fn count(call: Call) -> ApiResult<Response> {
    number(&call, &call.filters()).await
}

async fn count_post(call: Call) -> ApiResult<Response> {
    number(&call, &call.body()?).await
}

async fn number(call: &Call, filters: &Filters) -> ApiResult<Response> {
    sorting(filters, &|by| query::SORTS.contains(&by))?;
    let rows = found(call, filters).await?;
    Ok(json(&json!({"count": rows.len()})))
}

/// The job definition that the path names.
fn named(call: &Call) -> Option<(Arc<Deployed>, JobDefinitionRow)> {
    let view = call.catalog();
    let (deployed, job) = view.job_definition(call.id("id")?)?;
    deployed.published.then(|| (deployed.clone(), job.clone()))
}

async fn one(call: Call) -> ApiResult<Response> {
    let id = call.param("id");
    let found = match named(&call) {
        Some((deployed, job)) => Some(Found::of_process(&deployed, &job)),
        None => of_batches::definitions(&call)
            .await?
            .into_iter()
            .find(|found| found.row.id.to_string() == id),
    };
    let found =
        found.ok_or_else(|| ApiError::not_found(format!("Job Definition with id {id} does not exist")))?;
    Ok(json(&dto(found)))
}

/// What the user log is told of a batch's job definition, that of the path.
fn told_of_batch(call: &Call, told: Told) -> Told {
    Told {
        job_definition_id: call.id("id").and_then(text),
        ..told
    }
}

/// The job definition of a batch that the path names.
async fn of_batch(call: &Call) -> ApiResult<Option<(bpmn_core::Id, rest_api::batch::JobDefinition)>> {
    match call.id("id") {
        Some(id) => of_batches::definition(call, id).await,
        None => Ok(None),
    }
}

/// What job definitions are suspended by, as the reference lists it.
const BY: &str = "jobDefinitionId, processDefinitionId or processDefinitionKey";

async fn suspend(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    if body.has("processDefinitionId") || body.has("processDefinitionKey") {
        let text = format!("Only one of {BY} should be set to update the suspension state.");
        return Err(ApiError::invalid_request(text));
    }
    let id = call.param("id");
    let could_not = format!("The suspension state of Job Definition with id {id} could not be updated");
    let (suspended, jobs) = (body.on("suspended")?, body.on("includeJobs")?);
    let path = format!("/job-definition/{}/suspended", encoded(id));
    let later = later(&body, &could_not)?;
    let Some((deployed, job)) = named(&call) else {
        // The reference answers 204 for an id that it doesn't know.
        if let Some(of) = of_batch(&call).await? {
            let told = told_of_batch(&call, told(suspended));
            call.log(|| vec![told]).await?;
            match later {
                Some(due) => schedule(&call, &body, &path, None, due).await?,
                None => {
                    of_batches::set(&call, of, Some(suspended), None).await?;
                    if jobs {
                        of_batches::change_jobs(&call, of, BatchJobChange::Suspended(suspended)).await?;
                    }
                }
            }
        } else if let Some(due) = later {
            schedule(&call, &body, &path, None, due).await?;
        }
        return Ok(no_content());
    };
    if jobs {
        let deployed = std::slice::from_ref(&deployed);
        demand(&call, &body, deployed, |key| of_instances(UPDATE_INSTANCE, key))?;
    }
    let of = vec![(deployed.row.id, Some(job.id))];
    let told = Told {
        job_definition_id: text(job.id),
        ..told(suspended).of_definition(&deployed.row)
    };
    let sweep = Sweep::SuspendJobs {
        definitions: vec![deployed.row.id],
        at: Some((job.element, job.kind.number())),
        suspended,
    };
    let sweeps = jobs.then_some(sweep).into_iter().collect();
    match later {
        Some(due) => schedule(&call, &body, &path, Some(deployed.row.deployment_id), due).await?,
        None => set_suspended(&call, of, suspended, sweeps).await?,
    }
    call.log(|| vec![told]).await?;
    Ok(no_content())
}

/// What the user log is told of a suspension.
fn told(suspended: bool) -> Told {
    let operation = match suspended {
        true => "SuspendJobDefinition",
        false => "ActivateJobDefinition",
    };
    let told = Told::operator("JobDefinition", operation);
    told.changed("suspensionState", None, operations::suspension(suspended))
}

async fn suspend_by(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    if body.has("jobDefinitionId") {
        let text =
            "Either processDefinitionId or processDefinitionKey can be set to update the suspension state.";
        return Err(ApiError::invalid_request(text));
    }
    one_of(&body, &["processDefinitionId", "processDefinitionKey"], BY)?;
    let could_not = "Could not update the suspension state of Job Definitions";
    let later = later(&body, could_not)?;
    let suspended = body.on("suspended")?;
    let found = definitions(&body, &call.catalog())?;
    demand(&call, &body, &found, |key| {
        vec![Need::on(resource::PROCESS_DEFINITION, "UPDATE", key)]
    })?;
    if body.on("includeJobs")? {
        demand(&call, &body, &found, |key| of_instances(UPDATE_INSTANCE, key))?;
    }
    let deployment = found.first().map(|d| d.row.deployment_id);
    let found: Vec<_> = found.iter().map(|d| d.row.id).collect();
    let of = found.iter().map(|id| (*id, None)).collect();
    // Start timers follow in any case, as in the reference.
    let mut sweeps = vec![Sweep::Definitions {
        definitions: found.clone(),
        suspended,
        instances: false,
    }];
    if body.on("includeJobs")? {
        sweeps.push(Sweep::SuspendJobs {
            definitions: found,
            at: None,
            suspended,
        });
    }
    match later {
        Some(due) => schedule(&call, &body, "/job-definition/suspended", deployment, due).await?,
        None => set_suspended(&call, of, suspended, sweeps).await?,
    }
    let (id, key) = (
        body.text("processDefinitionId")?,
        body.text("processDefinitionKey")?,
    );
    let told = told(suspended).of_named(&call.catalog(), id.as_deref(), key.as_deref());
    call.log(|| vec![told]).await?;
    Ok(no_content())
}

async fn set_suspended(
    call: &Call,
    of: Vec<(bpmn_core::Id, Option<bpmn_core::Id>)>,
    suspended: bool,
    sweeps: Vec<Sweep>,
) -> ApiResult<()> {
    if of.is_empty() {
        return Ok(());
    }
    let replication = &call.app.replication;
    let done = replication
        .suspend_jobs(&call.caller, of, suspended, sweeps)
        .await;
    done.map_err(error::api)
}

/// New tries for jobs that have none left; of this shard, since the router asks every one.
async fn retries(call: Call) -> ApiResult<Response> {
    let (retries, due) = super::job::given_retries(&call.body()?)?;
    let Some((deployed, job)) = named(&call) else {
        // That of a batch, or nobody's.
        if let Some(of) = of_batch(&call).await? {
            let told = told_of_batch(
                &call,
                Told::operator("Job", "SetJobRetries").said("retries", retries),
            );
            call.log(|| vec![told]).await?;
            let change = of_batches::change(&JobChange::Retries { retries, due });
            of_batches::change_jobs(&call, of, change).await?;
        }
        return Ok(no_content());
    };
    let told = Told {
        job_definition_id: text(job.id),
        ..Told::operator("Job", "SetJobRetries").of_definition(&deployed.row)
    };
    let jobs = Jobs {
        definitions: vec![deployed.row.id],
        at: Some((job.element, job.kind)),
    };
    let change = JobChange::Retries { retries, due };
    let done = call.app.engine.change_jobs(&call.caller, &jobs, change).await;
    done.map_err(error::api)?;
    call.log(|| {
        let mut all = vec![told.said("retries", retries)];
        if let Some(due) = due {
            all.push(told.changed("dueDate", None, option(due)));
        }
        all
    })
    .await?;
    Ok(no_content())
}

async fn priority(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    let id = call.param("id");
    let (priority, jobs) = (body.long("priority")?, body.on("includeJobs")?);
    if priority.is_none() && jobs {
        return Err(ApiError::invalid_request(format!(
            "Cannot reset priority for job definition {id} with includeJobs=true"
        )));
    }
    let found = named(&call);
    if found.is_none()
        && let Some(of) = of_batch(&call).await?
    {
        let told = Told::operator("JobDefinition", "SetPriority");
        let told = told_of_batch(&call, told.changed("overridingPriority", None, option(priority)));
        call.log(|| vec![told]).await?;
        of_batches::set(&call, of, None, Some(priority)).await?;
        if let Some(priority) = priority {
            of_batches::change_jobs(&call, of, BatchJobChange::Priority(priority)).await?;
        }
        return Ok(no_content());
    }
    let (deployed, job) = found.ok_or_else(|| {
        ApiError::not_found(format!(
            "Job definition with id '{id}' does not exist: jobDefinition is null"
        ))
    })?;
    // The reference changes the jobs that exist too, asked for or not.
    let sweep = priority.map(|priority| Sweep::JobPriority {
        definition: deployed.row.id,
        at: (job.element.clone(), job.kind.number()),
        priority,
    });
    let replication = &call.app.replication;
    let done = replication
        .set_job_priority(&call.caller, job.id, priority, sweep)
        .await;
    done.map_err(error::api)?;
    call.log(|| {
        let of = |entity| Told {
            job_definition_id: text(job.id),
            ..Told::operator(entity, "SetPriority").of_definition(&deployed.row)
        };
        let mut all =
            vec![of("JobDefinition").changed("overridingPriority", option(job.priority), option(priority))];
        if let Some(priority) = priority {
            all.push(of("Job").said("priority", priority));
        }
        all
    })
    .await?;
    Ok(no_content())
}
