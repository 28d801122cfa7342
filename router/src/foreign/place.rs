//! Which new instances go to a foreign shard: a share of the keys that place starts, the same key always to the same one.
use super::{ask, forward, ids, once, outgoing};
use crate::{
    admit::Admitted,
    classify::ROOT,
    definition_ids::learn,
    fan_out::Stop,
    locate::Named,
    respond::Answer,
    routing_key::{Placing, Said},
    scan::{self, Found},
    snapshot::Shard,
    state::App,
    text::percent_decode,
};
use rest_api::ApiError;
use serde_json::Value;
use xxhash_rust::xxh64::xxh64;

/// Another hash than the one that gives a key its slot: else the keys of a foreign shard would all be of a few slots.
const SEED: u64 = 0x666f_7265;

/// The foreign shard whose share a key is in; `None`: ours.
pub fn shard_of_key<'a>(shards: &'a [Shard], percents: &[u32], key: &str) -> Option<&'a Shard> {
    at(shards, percents, (xxh64(key.as_bytes(), SEED) % 100) as u32)
}

fn at<'a>(shards: &'a [Shard], percents: &[u32], point: u32) -> Option<&'a Shard> {
    let mut end = 0;
    shards.iter().zip(percents).find_map(|(shard, percent)| {
        end += percent;
        (point < end).then_some(shard)
    })
}

/// Answers a start that a foreign shard is to have.
///
/// # Errors
/// The answer to give instead.
pub async fn start(app: &App, request: &Admitted) -> Result<Option<Answer>, Stop> {
    let operation = request.call.operation;
    // Standalone tasks, conditional starts and cases stay with us.
    if !operation.path.starts_with("/process-definition/") {
        return Ok(None);
    }
    // A definition of theirs runs where it is.
    if let Some(id) = ids::in_path(&request.call)
        && let Some(shard) = ids::owner(app, request, &id).await?
    {
        return forward(app, shard, request, &request.out).await.map(Some);
    }
    let key = key_of(app, request).await?;
    let (shards, percents) = (&app.foreign.shards, &app.foreign.percents);
    let chosen = match key {
        Some(key) => shard_of_key(shards, percents, &key),
        None => at(shards, percents, rand::random_range(0..100)),
    };
    let Some(shard) = chosen else {
        return once::ours(app, request).await.map(|()| None);
    };
    let mut out = request.out.clone();
    if operation.path.starts_with("/process-definition/{id}") {
        let Some(theirs) = translated(app, request, shard).await? else {
            // It doesn't have that version: ours has.
            return once::ours(app, request).await.map(|()| None);
        };
        let (_, ours) = &request.call.params[0];
        out.target = out.target.replacen(ours.as_str(), &theirs, 1);
    }
    forward(app, shard, request, &out).await.map(Some)
}

/// What places a start: the value that `--routing-key` names, or the business key; of one without either the idempotency key.
async fn key_of(app: &App, request: &Admitted) -> Result<Option<String>, ApiError> {
    let body = &request.out.body;
    let ask = || {
        let header = |name: &str| request.out.headers.get(name)?.to_str().ok();
        let said = Said {
            body,
            variables: &["variables"],
            header: &header,
        };
        app.routing_keys
            .place(&Named::from(&request.call), &said, &app.definitions)
    };
    let mut placing = ask();
    if let Placing::Unknown(id) = &placing {
        learn(app, &request.out, id).await?;
        placing = ask();
    }
    let business_key = || {
        let found = scan::members(body, &["businessKey"]).pop().flatten();
        found.as_ref().and_then(Found::text).map(str::to_owned)
    };
    let named = match placing {
        Placing::By(value) => Some(value),
        Placing::Usual => business_key(),
        Placing::Nothing | Placing::Unknown(_) => None,
    };
    Ok(named.or_else(|| request.idempotency_key.clone()))
}

/// The id that a foreign shard has for the definition of the path, which is one of ours: of the same key, version and tenant.
async fn translated(app: &App, request: &Admitted, shard: &Shard) -> Result<Option<String>, ApiError> {
    let (_, id) = &request.call.params[0];
    let id = percent_decode(id, false);
    let version = id
        .split(':')
        .nth(1)
        .filter(|version| version.parse::<u32>().is_ok());
    let Some(version) = version else {
        return Ok(None);
    };
    let known = match app.definitions.get(&id) {
        Some(known) => Some(known),
        None => learn(app, &request.out, &id).await?,
    };
    let Some(definition) = known else {
        return Ok(None);
    };
    let tenant = match &definition.tenant_id {
        Some(tenant) => format!("tenantIdIn={}", crate::text::encoded(tenant)),
        None => "withoutTenantId=true".to_owned(),
    };
    let key = crate::text::encoded(&definition.key);
    let target = format!("{ROOT}/process-definition?key={key}&version={version}&{tenant}");
    let mut out = outgoing(&request.to_read(target).out);
    out.body = Default::default();
    out.headers.remove(http::header::CONTENT_TYPE);
    let answer = ask(app, shard, &out, true).await?;
    if !answer.status.is_success() {
        let why = format!(
            "foreign shard {} answered {} when asked for definition {id}",
            shard.name,
            answer.status.as_u16()
        );
        return Err(ApiError::unavailable(why));
    }
    let rows: Vec<Value> = serde_json::from_slice(&answer.body).unwrap_or_default();
    let theirs = rows.first().and_then(|row| row["id"].as_str());
    Ok(theirs.map(crate::text::encoded))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::foreign::{Foreign, ForeignShard};

    #[test]
    fn a_share_of_the_keys_goes_to_each_and_a_key_never_changes_its_side_when_a_share_grows() {
        let shards = |a: u32, b: u32| {
            let listed = [
                format!("a={a}@http://a:1/engine-rest"),
                format!("b={b}@http://b:1/engine-rest"),
            ];
            let listed: Vec<ForeignShard> = listed.iter().map(|one| one.parse().unwrap()).collect();
            Foreign::new(&listed, 10).unwrap()
        };
        let foreign = shards(20, 30);
        let side = |foreign: &Foreign, key: &str| {
            shard_of_key(&foreign.shards, &foreign.percents, key).map(|shard| shard.name.to_string())
        };
        let keys: Vec<String> = (0..10_000).map(|n| format!("order-{n}")).collect();
        let count = |foreign: &Foreign, name: Option<&str>| {
            keys.iter()
                .filter(|key| side(foreign, key).as_deref() == name)
                .count()
        };
        assert!((1_800..2_200).contains(&count(&foreign, Some("a"))));
        assert!((2_700..3_300).contains(&count(&foreign, Some("b"))));
        let moved_off = shards(0, 0);
        assert_eq!(count(&moved_off, None), keys.len());
        let less = shards(10, 0);
        assert!(
            keys.iter()
                .all(|key| side(&less, key).is_none() || side(&foreign, key).as_deref() == Some("a"))
        );
        for text in [
            "a",
            "a=5",
            "a=101@http://a",
            "a=x@http://a",
            "a=5@a:1",
            "=5@http://a",
        ] {
            assert!(text.parse::<ForeignShard>().is_err(), "{text}");
        }
        let two: Vec<ForeignShard> = ["a=60@http://a", "b=50@http://b"]
            .iter()
            .map(|s| s.parse().unwrap())
            .collect();
        assert!(Foreign::new(&two, 1).is_err());
    }
}
