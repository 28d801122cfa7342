//! What differs silently between databases: nulls, byte order, NUL, precision, extremes (protocol 15).
use super::fixture::*;
use crate::store::{schema::visible, *};
use bpmn_core::value::TypedValue;
use sea_query::{Alias, Expr, ExprTrait, NullOrdering, Order, Query};

pub(super) async fn a_bad_value_refuses_its_unit_alone(f: Fixture) {
    let at = slot(3);
    let mut units: Vec<Unit> = (0..9).map(|_| unit(&instance(at))).collect();
    let bad = variable(
        units[4].instances[0].instance.process.id,
        at,
        "v",
        TypedValue::String("a\0b".into()),
    );
    units[4].instances[0].instance.variables.insert(bad);
    let results = f.store.write(&units).await.unwrap();
    for (n, result) in results.iter().enumerate() {
        assert_eq!(matches!(result, Applied::Refused(_)), n == 4, "{result:?}");
        assert_eq!(result == &Applied::Done, n != 4);
    }
    assert_eq!(f.count(at, "process_instance").await, 8);
}

pub(super) async fn values_come_back_as_they_were(f: Fixture) {
    let at = slot(3);
    let mut i = instance(at);
    let text = "Ä/ß 漢字 🚆 \u{1}\u{ffff} '\"\\ %_";
    let values = [
        TypedValue::Null,
        TypedValue::NullOf("String"),
        TypedValue::NullOf("Double"),
        TypedValue::Boolean(true),
        TypedValue::Boolean(false),
        TypedValue::Short(i16::MIN),
        TypedValue::Integer(i32::MAX),
        TypedValue::Long(i64::MAX),
        TypedValue::Long(i64::MIN),
        TypedValue::Long(9_007_199_254_740_993),
        TypedValue::Double(0.1 + 0.2),
        TypedValue::Double(f64::MIN_POSITIVE),
        TypedValue::Double(f64::INFINITY),
        TypedValue::Double(5.0),
        TypedValue::String(text.into()),
        TypedValue::String(String::new()),
        TypedValue::Date(1_700_000_000_123),
        TypedValue::Date(-1),
        TypedValue::Bytes(vec![0, 255, 1]),
        TypedValue::Bytes(Vec::new()),
        TypedValue::File {
            content: vec![0, 1],
            filename: "a\"b.txt".into(),
            mime_type: None,
            encoding: Some("utf-8".into()),
        },
        TypedValue::Object {
            text: None,
            type_name: "java.util.List<X>".into(),
            format: "application/json".into(),
        },
        TypedValue::Json("{\"a\": 1}".into()),
        TypedValue::Xml("<a/>".into()),
        TypedValue::String("x".repeat(1_000_000)),
    ];
    for (n, value) in values.iter().enumerate() {
        i.variables
            .insert(variable(i.process.id, at, &format!("v{n}"), value.clone()));
    }
    i.variables
        .insert(variable(i.process.id, at, "nan", TypedValue::Double(f64::NAN)));
    f.save(&mut i).await;
    let loaded = f.load_one(i.process.id).await.unwrap();
    for (n, value) in values.iter().enumerate() {
        let found = loaded
            .variables
            .iter()
            .find(|v| v.name == format!("v{n}"))
            .unwrap();
        assert_eq!(&found.value, value);
    }
    let nan = loaded.variables.iter().find(|v| v.name == "nan").unwrap();
    assert!(matches!(nan.value, TypedValue::Double(d) if d.is_nan()));
}

pub(super) async fn lists_sort_nulls_and_bytes_alike(f: Fixture) {
    let at = slot(3);
    for key in [
        Some("b"),
        Some("B"),
        Some("a"),
        Some("Ä"),
        Some("é"),
        Some("z"),
        Some("_"),
        None,
        Some("10"),
        Some("9"),
    ] {
        let mut i = instance(at);
        i.process.business_key = key.map(str::to_string);
        f.save(&mut i).await;
    }
    let table = Alias::new("process_instance");
    let key = Alias::new("business_key");
    let list = |like: Option<&str>, nulls: NullOrdering| {
        let mut query = Query::select();
        query
            .column(key.clone())
            .from(table.clone())
            .and_where(visible(table.clone()));
        query.order_by_with_nulls(key.clone(), Order::Asc, nulls);
        if let Some(like) = like {
            query.and_where(Expr::col(key.clone()).like(like));
        }
        query
    };
    let texts = |s: Snapshot| {
        s.rows
            .iter()
            .map(|r| r.text_opt(0).unwrap().unwrap_or("-".into()))
            .collect::<Vec<_>>()
    };
    let all = f.store.select(&list(None, NullOrdering::Last)).await.unwrap();
    assert_eq!(texts(all), ["10", "9", "B", "_", "a", "b", "z", "Ä", "é", "-"]);
    let all = f.store.select(&list(None, NullOrdering::First)).await.unwrap();
    assert_eq!(texts(all)[0], "-");
    // LIKE tells case apart on both.
    assert_eq!(
        texts(
            f.store
                .select(&list(Some("b%"), NullOrdering::Last))
                .await
                .unwrap()
        ),
        ["b"]
    );
}

pub(super) async fn reopening_finds_everything(mut f: Fixture) {
    let at = slot(3);
    let mut i = full_instance(at);
    f.save(&mut i).await;
    f.set_state(slot(8), SlotState::Released).await;
    let before = f.store.slots().await.unwrap();
    f.reopen().await;
    assert_eq!(f.store.slots().await.unwrap(), before);
    let loaded = f.load_one(i.process.id).await.unwrap();
    assert_eq!((loaded.process.revision, loaded.tasks.len()), (1, 1));
    f.store.ping().await.unwrap();
}

pub(super) async fn payloads_users_and_deployments_are_kept(f: Fixture) {
    let at = slot(0);
    assert_eq!(
        (
            f.store.applied_index().await.unwrap(),
            f.store.user_count().await.unwrap()
        ),
        (0, 0)
    );
    for _ in 0..2 {
        f.store.put_payload("abc", &[0, 1, 2]).await.unwrap();
    }
    assert_eq!(f.store.payload("abc").await.unwrap(), Some(vec![0, 1, 2]));
    assert_eq!(f.store.payload("abd").await.unwrap(), None);

    let deployment = id(at);
    let definition = DefinitionRow {
        id: id(at),
        rest_id: "p:1:x".into(),
        key: "p".into(),
        version: 1,
        name: Some("P".into()),
        category: None,
        description: None,
        version_tag: None,
        tenant_id: None,
        history_ttl_days: Some(5),
        startable_in_tasklist: true,
        suspended: false,
        resource_name: "p.bpmn".into(),
        deployment_id: deployment,
        home: slot(77),
    };
    let resource = ResourceRow {
        id: id(at),
        name: "p.bpmn".into(),
        content: b"<x/>\0".to_vec(),
    };
    let row = DeploymentRow {
        id: deployment,
        name: None,
        source: Some("test".into()),
        tenant_id: None,
        deployed: 5,
        resources: vec![resource.clone()],
        definitions: vec![definition.clone()],
        decisions: Vec::new(),
        requirements: Vec::new(),
    };
    let user = UserRow {
        id: "anna".into(),
        first_name: Some("Anna".into()),
        last_name: None,
        email: None,
        password_hash: "$argon2id$".into(),
        unlocks: 0,
    };
    let entry = [
        Reference::Deploy(Box::new(row.clone())),
        Reference::Identity(vec![IdentityChange::PutUser(user.clone())]),
    ];
    // Two nodes apply the same entry.
    let (a, b) = tokio::join!(
        f.store.apply_reference(1, &entry),
        f.store.apply_reference(1, &entry)
    );
    a.and(b).unwrap();
    assert_eq!(f.store.applied_index().await.unwrap(), 1);
    let without = DeploymentRow {
        resources: vec![ResourceRow {
            content: vec![],
            ..resource.clone()
        }],
        ..row
    };
    assert_eq!(f.store.deployments().await.unwrap(), [(without.clone(), false)]);
    let next = [
        Reference::Publish { deployment },
        Reference::SuspendDefinition {
            definition: definition.id,
            suspended: true,
        },
        Reference::Identity(vec![IdentityChange::PutUser(UserRow {
            email: Some("a@b".into()),
            ..user.clone()
        })]),
    ];
    f.store.apply_reference(2, &next).await.unwrap();
    // A repeated index does nothing.
    f.store
        .apply_reference(
            2,
            &[Reference::DeleteDeployment {
                deployment,
                cascade: true,
            }],
        )
        .await
        .unwrap();
    let suspended = DefinitionRow {
        suspended: true,
        ..definition
    };
    let expected = DeploymentRow {
        definitions: vec![suspended],
        ..without
    };
    assert_eq!(f.store.deployments().await.unwrap(), [(expected, true)]);
    assert_eq!(
        f.store.resource(deployment, "p.bpmn").await.unwrap(),
        Some(resource)
    );
    assert_eq!(f.store.resource(deployment, "q.bpmn").await.unwrap(), None);
    assert_eq!(
        f.store.user("anna").await.unwrap().unwrap().email.as_deref(),
        Some("a@b")
    );
    assert_eq!(
        (
            f.store.user("Anna").await.unwrap(),
            f.store.user_count().await.unwrap()
        ),
        (None, 1)
    );
    f.store
        .apply_reference(
            3,
            &[Reference::DeleteDeployment {
                deployment,
                cascade: true,
            }],
        )
        .await
        .unwrap();
    assert_eq!(f.store.deployments().await.unwrap(), []);
}
