//! A fixed list of shards: readable, never writable.
use cluster::{Cluster, Error, FixedShard, LogEntry, MoveState, NodeInfo, fixed};
use std::sync::Arc;
use topology::{Shard, ShardName, Slot};

fn two() -> Arc<dyn Cluster> {
    fixed(vec![
        "a=http://h1:1,http://h2:2/".parse().unwrap(),
        "b=https://h3".parse().unwrap(),
    ])
    .unwrap()
}

#[tokio::test]
async fn the_slots_are_split_over_the_listed_shards() {
    let cluster = two();
    let view = cluster.view();
    let table = view.table.as_ref().unwrap();
    assert_eq!(table.slots_of(&ShardName::new("a")).len(), 8192);
    assert_eq!(
        view.owner(Slot::new(16383).unwrap()),
        Some((&ShardName::new("b"), 1))
    );
    let urls: Vec<&str> = view.shards[&ShardName::new("a")]
        .nodes
        .iter()
        .map(|n| n.url.as_str())
        .collect();
    assert_eq!(urls, ["http://h1:1", "http://h2:2"]);
    assert_eq!(cluster.table().await.unwrap().unwrap().version, view.version);
    assert!(view.connected && view.age().is_zero());
    assert_eq!(cluster.entries(1, 10).await.unwrap(), []);
}

#[tokio::test]
async fn every_write_is_refused_and_names_the_option_that_helps() {
    let cluster = two();
    let shard = ShardName::new("a");
    let table = (**cluster.view().table.as_ref().unwrap()).clone();
    let node = NodeInfo {
        id: "n".into(),
        url: "http://n".into(),
        version: "1".into(),
    };
    let entry = LogEntry {
        kind: "x".into(),
        digest: String::new(),
        data: ().into(),
        idempotency_key: None,
    };
    let errors = [
        cluster.register_node(&shard, node).await.map(drop),
        cluster.cas_table(1, table).await.map(drop),
        cluster
            .add_shard(Shard {
                name: shard.clone(),
                weight: 100,
            })
            .await
            .map(drop),
        cluster
            .create_move(&shard, &ShardName::new("b"), vec![Slot::new(1).unwrap()])
            .await
            .map(drop),
        cluster
            .cas_move("m", MoveState::Copying, MoveState::Fenced)
            .await
            .map(drop),
        cluster.flip("m").await.map(drop),
        cluster.append(0, entry).await.map(drop),
        cluster.publish(1).await.map(drop),
        cluster.set_applied(&shard, 1).await,
        cluster.mark_behind(&shard, true).await,
        cluster.cas_meta("k", 0, None).await.map(drop),
    ];
    for error in errors {
        let error = error.unwrap_err();
        assert!(matches!(error, Error::Fixed { .. }), "{error}");
        assert!(error.to_string().contains("--topology etcd"), "{error}");
    }
}

#[test]
fn a_wrong_list_is_refused() {
    for text in [
        "a",
        "=http://h",
        "a=",
        "a=h:1",
        "a=http://",
        "a b=http://h",
        "a=http://h,ftp://h",
    ] {
        assert!(text.parse::<FixedShard>().is_err(), "{text}");
    }
    let shard: FixedShard = "a=http://h".parse().unwrap();
    assert!(fixed(vec![]).is_err());
    assert!(fixed(vec![shard.clone(), shard]).is_err());
}
