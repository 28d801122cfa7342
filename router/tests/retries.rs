//! How often requests are sent again.
mod support;

use serde_json::json;
use support::*;

#[tokio::test]
async fn a_shard_in_trouble_gets_few_requests_twice_on_either_way() {
    for fast_path in [true, false] {
        let (one, two) = (
            FakeNode::start(async |_| status(503, json!({"message": "busy"}))).await,
            FakeNode::start(async |_| status(503, json!({"message": "busy"}))).await,
        );
        let options = router::Options {
            fast_path,
            ..router::Options::default()
        };
        let cluster = Cluster::with(&[("a", &[&one, &two])], options).await;
        let path = format!("/task/{}", id_in(FIRST, 1));
        const ASKED: usize = 300;
        for _ in 0..ASKED {
            assert_eq!(cluster.get(&path).await.status, 503);
        }
        // 20 tries are in reserve, and one in ten of what enters the shard may be tried again; seconds that pass give a few more.
        let sent = one.seen().len() + two.seen().len();
        assert!(
            (ASKED..ASKED + 120).contains(&sent),
            "fast path {fast_path}: {sent}"
        );
    }
}
