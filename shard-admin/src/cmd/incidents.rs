//! `incidents list` and `incidents retry`: over all shards, asked directly, without a router.
use crate::{
    connect::Admin,
    node::{ShardClient, encode},
    options::{IncidentFilter, Options},
    output,
};
use anyhow::{Result, bail};
use futures_util::{StreamExt, stream};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use service::ConfigError;
use std::{collections::BTreeMap, io::Write};

/// Incidents per request.
const PAGE: usize = 1_000;
/// Retries under way at once per shard.
const AT_ONCE: usize = 8;

/// An incident, as REST tells it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Incident {
    id: String,
    #[serde(default)]
    process_definition_id: Option<String>,
    #[serde(default)]
    activity_id: Option<String>,
    incident_type: String,
    #[serde(default)]
    incident_message: Option<String>,
    #[serde(default)]
    configuration: Option<String>,
}

impl Incident {
    /// Key of its definition: the id's part before the first colon.
    fn definition(&self) -> &str {
        self.process_definition_id
            .as_deref()
            .and_then(|id| id.split(':').next())
            .unwrap_or_default()
    }

    fn matches(&self, filter: &IncidentFilter) -> bool {
        let same =
            |wanted: &Option<String>, value: &str| wanted.as_ref().is_none_or(|wanted| wanted == value);
        same(&filter.definition, self.definition())
            && same(&filter.activity, self.activity_id.as_deref().unwrap_or_default())
            && same(
                &filter.message,
                self.incident_message.as_deref().unwrap_or_default(),
            )
    }
}

/// Incidents with the same definition, activity, type and message.
#[derive(Debug, Serialize, PartialEq, Eq)]
struct Group {
    definition: String,
    activity: String,
    #[serde(rename = "type")]
    kind: String,
    message: String,
    count: u64,
    /// Count by shard.
    shards: BTreeMap<String, u64>,
}

fn group(found: &[(String, Vec<Incident>)]) -> Vec<Group> {
    let mut groups: BTreeMap<[String; 4], BTreeMap<String, u64>> = BTreeMap::new();
    for (shard, incidents) in found {
        for incident in incidents {
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            let key = [
                incident.definition().to_owned(),
                text(&incident.activity_id),
                incident.incident_type.clone(),
                text(&incident.incident_message),
            ];
            *groups.entry(key).or_default().entry(shard.clone()).or_default() += 1;
        }
    }
    let group =
        |([definition, activity, kind, message], shards): ([String; 4], BTreeMap<String, u64>)| Group {
            count: shards.values().sum(),
            definition,
            activity,
            kind,
            message,
            shards,
        };
    let mut groups: Vec<Group> = groups.into_iter().map(group).collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.count));
    groups
}

/// Every matching incident of a shard, page by page.
async fn fetch(shard: &ShardClient, filter: &IncidentFilter) -> Result<Vec<Incident>> {
    let mut path = "/engine-rest/incident?sortBy=incidentId&sortOrder=asc".to_owned();
    for (name, value) in [
        ("activityId", &filter.activity),
        ("incidentMessage", &filter.message),
    ] {
        if let Some(value) = value {
            path.push_str(&format!("&{name}={}", encode(value)));
        }
    }
    let mut found: BTreeMap<String, Incident> = BTreeMap::new();
    for page in 0.. {
        let rows: Vec<Incident> = shard
            .get(&format!("{path}&firstResult={}&maxResults={PAGE}", page * PAGE))
            .await?;
        let last = rows.len() < PAGE;
        found.extend(
            rows.into_iter()
                .filter(|i| i.matches(filter))
                .map(|i| (i.id.clone(), i)),
        );
        if last {
            break;
        }
    }
    Ok(found.into_values().collect())
}

/// A shard whose incidents could not be read or retried.
#[derive(Serialize)]
struct Missing {
    shard: String,
    error: String,
}

async fn collect(
    admin: &Admin,
    filter: &IncidentFilter,
) -> (Vec<(ShardClient, Vec<Incident>)>, Vec<Missing>) {
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for shard in admin.shards() {
        match fetch(&shard, filter).await {
            Ok(incidents) => found.push((shard, incidents)),
            Err(error) => missing.push(Missing {
                shard: shard.name.to_string(),
                error: format!("{error:#}"),
            }),
        }
    }
    (found, missing)
}

fn complain(missing: &[Missing]) -> Result<()> {
    match missing {
        [] => Ok(()),
        missing => {
            let each: Vec<String> = missing
                .iter()
                .map(|m| format!("{}: {}", m.shard, m.error))
                .collect();
            bail!("not every shard could be asked: {}", each.join("; "))
        }
    }
}

/// Counts incidents by definition, activity, type and message.
///
/// # Errors
/// etcd doesn't answer; or, after printing, a shard could not be asked.
pub async fn list(options: &Options, filter: &IncidentFilter, out: &mut (dyn Write + Send)) -> Result<()> {
    let admin = Admin::connect(options).await?;
    let (found, missing) = collect(&admin, filter).await;
    let named: Vec<_> = found
        .into_iter()
        .map(|(shard, incidents)| (shard.name.to_string(), incidents))
        .collect();
    let groups = group(&named);
    let row = |g: &Group| {
        let shards: Vec<String> = g.shards.iter().map(|(shard, n)| format!("{shard}:{n}")).collect();
        vec![
            g.count.to_string(),
            g.definition.clone(),
            g.activity.clone(),
            g.kind.clone(),
            shards.join(" "),
            g.message.clone(),
        ]
    };
    let value = serde_json::json!({ "groups": groups, "missing": missing });
    let header = ["COUNT", "DEFINITION", "ACTIVITY", "TYPE", "SHARDS", "MESSAGE"];
    output::print(
        out,
        options.output,
        &value,
        &header,
        groups.iter().map(row).collect(),
    )?;
    complain(&missing)
}

/// What retrying did on a shard.
#[derive(Serialize, Default)]
struct Retried {
    shard: String,
    retried: u64,
    failed: u64,
    /// Of a type that has nothing to retry.
    skipped: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<String>,
}

/// Where new tries are given, for a type of incident.
fn target(incident: &Incident) -> Option<String> {
    let id = incident.configuration.as_deref()?;
    match incident.incident_type.as_str() {
        "failedJob" => Some(format!("/engine-rest/job/{}/retries", encode(id))),
        "failedExternalTask" => Some(format!("/engine-rest/external-task/{}/retries", encode(id))),
        _ => None,
    }
}

/// Gives new tries to what is behind the matching incidents.
///
/// # Errors
/// Nothing narrows the incidents down and `all` isn't given; or, after printing, some could not be retried.
pub async fn retry(
    options: &Options,
    filter: &IncidentFilter,
    all: bool,
    retries: u32,
    out: &mut (dyn Write + Send),
) -> Result<()> {
    if !all && filter.definition.is_none() && filter.activity.is_none() && filter.message.is_none() {
        return Err(
            ConfigError::usage("incidents retry needs --definition, --activity, --message or --all").into(),
        );
    }
    let admin = Admin::connect(options).await?;
    let (found, missing) = collect(&admin, filter).await;
    let total = found.iter().map(|(_, incidents)| incidents.len()).sum::<usize>();
    let bar = output::progress("incidents", total as u64);
    let mut results: Vec<Retried> = Vec::new();
    for (shard, incidents) in &found {
        let mut result = Retried {
            shard: shard.name.to_string(),
            ..Retried::default()
        };
        let paths: Vec<String> = incidents.iter().filter_map(target).collect();
        result.skipped = (incidents.len() - paths.len()) as u64;
        bar.inc(result.skipped);
        let body = serde_json::json!({ "retries": retries });
        let body = &body;
        let mut answers = stream::iter(paths)
            .map(|path| async move { shard.send(Method::PUT, &path, Some(body)).await })
            .buffer_unordered(AT_ONCE);
        while let Some(answer) = answers.next().await {
            bar.inc(1);
            match answer {
                Ok(()) => result.retried += 1,
                Err(error) => {
                    result.failed += 1;
                    if result.errors.len() < 10 {
                        result.errors.push(format!("{error:#}"));
                    }
                }
            }
        }
        results.push(result);
    }
    bar.finish_and_clear();
    let row = |r: &Retried| {
        let numbers = [r.retried, r.failed, r.skipped].map(|n| n.to_string());
        [
            vec![r.shard.clone()],
            numbers.to_vec(),
            vec![r.errors.first().cloned().unwrap_or_default()],
        ]
        .concat()
    };
    let value = serde_json::json!({ "shards": results, "missing": missing });
    let rows = results.iter().map(row).collect();
    output::print(
        out,
        options.output,
        &value,
        &["SHARD", "RETRIED", "FAILED", "SKIPPED", "FIRST ERROR"],
        rows,
    )?;
    complain(&missing)?;
    match results.iter().map(|r| r.failed).sum::<u64>() {
        0 => Ok(()),
        n => bail!("{n} of {total} could not be retried"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn incident(definition: &str, activity: &str, message: &str) -> Incident {
        Incident {
            id: "i".into(),
            process_definition_id: Some(format!("{definition}:1:uuid")),
            activity_id: Some(activity.into()),
            incident_type: "failedJob".into(),
            incident_message: Some(message.into()),
            configuration: Some("j/1".into()),
        }
    }

    #[test]
    fn incidents_of_all_shards_are_grouped_by_definition_activity_and_message() {
        let a = incident("order", "pay", "no money");
        let b = incident("order", "pay", "no bank");
        let groups = group(&[
            ("s1".into(), vec![a.clone(), b]),
            ("s2".into(), vec![a.clone(), a]),
        ]);
        assert_eq!(groups.len(), 2);
        assert_eq!((groups[0].message.as_str(), groups[0].count), ("no money", 3));
        assert_eq!(
            groups[0].shards,
            BTreeMap::from([("s1".into(), 1), ("s2".into(), 2)])
        );
    }

    #[test]
    fn a_filter_compares_whole_values() {
        let one = incident("order", "pay", "no money");
        let filter = |definition: &str| IncidentFilter {
            definition: Some(definition.into()),
            ..IncidentFilter::default()
        };
        assert!(one.matches(&filter("order")) && !one.matches(&filter("ord")));
        assert!(one.matches(&IncidentFilter::default()));
        assert!(!one.matches(&IncidentFilter {
            message: Some("no".into()),
            ..IncidentFilter::default()
        }));
    }

    #[test]
    fn tries_go_to_the_job_or_the_external_task() {
        let mut one = incident("order", "pay", "m");
        assert_eq!(target(&one).unwrap(), "/engine-rest/job/j%2F1/retries");
        one.incident_type = "failedExternalTask".into();
        assert_eq!(target(&one).unwrap(), "/engine-rest/external-task/j%2F1/retries");
        one.incident_type = "custom".into();
        assert_eq!(target(&one), None);
    }
}
