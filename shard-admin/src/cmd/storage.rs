//! `storage`: rows, bytes and writes of each group of tables on each shard (S3-39).
use crate::{
    connect::Admin,
    options::{Options, StorageArgs},
    output,
};
use anyhow::{Result, bail};
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use std::{io::Write, time::Duration};

#[derive(Clone, Deserialize, Serialize)]
struct Group {
    group: String,
    rows: i64,
    bytes: Option<i64>,
    written: Option<i64>,
    /// Rows written a second while the command looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    writes_per_second: Option<f64>,
}

#[derive(Serialize)]
struct Shard {
    shard: String,
    groups: Vec<Group>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Rows written a second between two looks; the database may have begun to count anew.
fn rates(before: &[Group], mut after: Vec<Group>, seconds: f64) -> Vec<Group> {
    for group in &mut after {
        let old = before
            .iter()
            .find(|g| g.group == group.group)
            .and_then(|g| g.written);
        let written = group.written.zip(old).map(|(new, old)| (new - old).max(0));
        group.writes_per_second = written.map(|rows| rows as f64 / seconds);
    }
    after
}

/// Prints a line for each group of each shard.
///
/// # Errors
/// etcd doesn't answer; or, after printing, a shard doesn't.
pub async fn run(options: &Options, args: &StorageArgs, out: &mut (dyn Write + Send)) -> Result<()> {
    const PATH: &str = "/internal/storage";
    let admin = Admin::connect(options).await?;
    let wanted = |name: &str| args.shard.as_ref().is_none_or(|s| s == name);
    let look = async |client: &crate::node::ShardClient| -> Result<Vec<Group>> {
        let groups = client.get::<Vec<Group>>(PATH).await?;
        if args.rate.is_zero() {
            return Ok(groups);
        }
        // Databases publish their statistics about once a second.
        tokio::time::sleep(args.rate.max(Duration::from_secs(1))).await;
        let after = client.get::<Vec<Group>>(PATH).await?;
        Ok(rates(
            &groups,
            after,
            args.rate.max(Duration::from_secs(1)).as_secs_f64(),
        ))
    };
    let shards: Vec<Shard> = stream::iter(admin.shards())
        .filter(|client| std::future::ready(wanted(client.name.as_str())))
        .map(|client| async move {
            let (groups, error) = match look(&client).await {
                Ok(groups) => (groups, None),
                Err(error) => (Vec::new(), Some(format!("{error:#}"))),
            };
            Shard {
                shard: client.name.to_string(),
                groups,
                error,
            }
        })
        .buffered(16)
        .collect()
        .await;
    let optional = |number: Option<String>| number.unwrap_or_else(|| "-".to_owned());
    let mut rows = Vec::new();
    for Shard { shard, groups, error } in &shards {
        if let Some(error) = error {
            rows.push(vec![shard.clone(), error.clone()]);
        }
        rows.extend(groups.iter().map(|g| {
            vec![
                shard.clone(),
                g.group.clone(),
                g.rows.to_string(),
                optional(g.bytes.map(|bytes| format!("{:.1}", bytes as f64 / 1_048_576.0))),
                optional(g.written.map(|rows| rows.to_string())),
                optional(g.writes_per_second.map(|rate| format!("{rate:.1}"))),
            ]
        }));
    }
    let header = ["SHARD", "GROUP", "ROWS", "MIB", "ROWS WRITTEN", "WRITES/S"];
    output::print(out, options.output, &shards, &header, rows)?;
    match shards.iter().filter(|s| s.error.is_some()).count() {
        0 => Ok(()),
        silent => bail!("{silent} shards don't answer"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_of_what_was_written_between_two_looks() {
        let group = |written| Group {
            group: "history".into(),
            rows: 1,
            bytes: None,
            written,
            writes_per_second: None,
        };
        let rate = |a, b| rates(&[group(a)], vec![group(b)], 2.0)[0].writes_per_second;
        assert_eq!(rate(Some(10), Some(30)), Some(10.0));
        assert_eq!(rate(Some(30), Some(10)), Some(0.0));
        assert_eq!(rate(None, Some(10)), None);
    }
}
