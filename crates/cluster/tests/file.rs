//! A topology in memory that outlives its process in a file.
use cluster::{Cluster, Error, LogEntry, NodeInfo, in_process_at, log};
use std::path::{Path, PathBuf};
use topology::{Shard, ShardName, Slot};

/// A directory of the test's own, removed at its end.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Directory {
        let path = std::env::temp_dir().join(format!("stellwerk-cluster-file-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Directory(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("topology.json")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn open(path: &Path) -> std::sync::Arc<dyn Cluster> {
    in_process_at(path).await.unwrap()
}

#[tokio::test]
async fn everything_but_registrations_is_there_again() {
    let directory = Directory::new("again");
    let before = open(&directory.file()).await;
    let (s1, s2) = (ShardName::new("s1"), ShardName::new("s2"));
    for name in [&s1, &s2] {
        before
            .add_shard(Shard {
                name: name.clone(),
                weight: 100,
            })
            .await
            .unwrap();
    }
    let (digest, data) = (log::EMPTY_DIGEST.to_owned(), serde_json::json!({ "a": "ä" }));
    let entry = LogEntry {
        kind: "user".into(),
        digest,
        data,
        idempotency_key: Some("k".into()),
    };
    before.append(0, entry.clone()).await.unwrap();
    before.set_applied(&s1, 1).await.unwrap();
    let made = before
        .create_move(&s1, &s2, vec![Slot::new(1).unwrap()])
        .await
        .unwrap();
    let node = NodeInfo {
        id: "n".into(),
        url: "http://n".into(),
        version: "1".into(),
    };
    let lease = before.register_node(&s1, node).await.unwrap();
    let (id, view) = (before.cluster_id().await.unwrap(), before.view());
    lease.revoke().await;
    drop(before);

    let after = open(&directory.file()).await;
    assert_eq!(after.cluster_id().await.unwrap(), id);
    assert_eq!(
        (after.view().version, &after.view().table),
        (view.version, &view.table)
    );
    assert_eq!(after.view().shards[&s1].applied, 1);
    assert_eq!(after.view().shards[&s1].nodes, []);
    assert_eq!(after.entries(1, 10).await.unwrap(), [(1, entry)]);
    assert_eq!(after.get_moves().await.unwrap(), [made]);
    let table = (*after.table().await.unwrap().unwrap().table).clone();
    assert!(
        after.cas_table(view.version, table).await.unwrap() > view.version,
        "versions go on growing"
    );
}

#[tokio::test]
async fn a_file_in_use_or_damaged_is_refused() {
    let directory = Directory::new("refused");
    let first = open(&directory.file()).await;
    let second = in_process_at(&directory.file()).await.err().unwrap();
    assert!(
        matches!(second, Error::File { .. }) && second.to_string().contains("topology.json"),
        "{second}"
    );
    drop(first);
    std::fs::write(directory.file(), "{").unwrap();
    assert!(matches!(
        in_process_at(&directory.file()).await.err().unwrap(),
        Error::File { .. }
    ));
}
