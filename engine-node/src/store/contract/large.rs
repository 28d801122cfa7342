//! Large values: rows of their own that go where their tree goes.
use super::fixture::*;
use crate::store::*;
use bpmn_core::{
    DefinitionRef,
    command::{Command, Env, Retries},
    history::FULL,
    large::Content,
};
use std::collections::BTreeMap;

const MODEL: &str = r#"<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"
xmlns:camunda="http://camunda.org/schema/1.0/bpmn" targetNamespace="t"><process id="p" isExecutable="true">
<startEvent id="s"/><sequenceFlow id="f1" sourceRef="s" targetRef="u"/><userTask id="u"><extensionElements>
<camunda:inputOutput><camunda:inputParameter name="copy">${text}</camunda:inputParameter></camunda:inputOutput>
</extensionElements></userTask></process></definitions>"#;

/// Contents by the names of their variables, and how many large values the instance refers to.
async fn contents(f: &Fixture, instance: &Instance) -> (BTreeMap<String, Content>, usize) {
    let named: Vec<(String, Id)> = instance
        .variables
        .iter()
        .filter_map(|v| Some((v.name.clone(), v.value.large_id()?)))
        .collect();
    let root = instance.process.root_id;
    let mut ids: Vec<(Id, Id)> = named.iter().map(|(_, id)| (root, *id)).collect();
    ids.sort_unstable();
    ids.dedup();
    let found = f.store.large_values(&ids).await.expect("contents");
    let found: BTreeMap<Id, Content> = found.into_iter().collect();
    let of = |(name, id): (String, Id)| Some((name, found.get(&id)?.clone()));
    (named.into_iter().filter_map(of).collect(), ids.len())
}

pub(super) async fn s2_15_a_large_value_is_one_row_that_moves_with_its_tree(f: Fixture) {
    let at = slot(21);
    let definition = bpmn_core::parse(MODEL.as_bytes()).expect("model").remove(0);
    let def = DefinitionRef {
        id: id(at),
        definition: &definition,
        rest_id: "p:1:id",
        version: 1,
        tenant_id: None,
        job_settings: &[],
    };
    let generator = topology::IdGenerator::default();
    let mut ids = &generator;
    let mut env = Env {
        now: 1_700_000_000_000,
        ids: &mut ids,
        user: None,
        groups: None,
        max_steps: 100,
        retries: Retries::default(),
        history: &FULL,
        world: &bpmn_core::world::NoWorld,
        given: &[],
    };
    let text: String = (0..1_000_000u32)
        .map(|n| char::from_u32(0x20 + n % 0x24f).unwrap_or('x'))
        .collect();
    let bytes: Vec<u8> = (0..100_000u32).map(|n| (n % 251) as u8).collect();
    let mut instance = bpmn_core::new_instance(&def, at, None, &mut env);
    let start = Command::Start {
        element: None,
        variables: vec![
            ("text".to_owned(), TypedValue::String(text.clone())),
            ("bytes".to_owned(), TypedValue::Bytes(bytes.clone())),
            (
                "small".to_owned(),
                TypedValue::String("x".repeat(bpmn_core::large::LARGE)),
            ),
        ],
    };
    bpmn_core::step(&def, &mut instance, start, &mut env).expect("start");
    f.save(&mut instance).await;
    let loaded = f.load_one(instance.process.id).await.expect("stored");
    assert!(
        loaded.variables.iter().eq(instance.variables.iter()),
        "values that were not read are equal"
    );
    let expected = BTreeMap::from([
        ("bytes".to_owned(), Content::Bytes(bytes)),
        ("copy".to_owned(), Content::Text(text.clone())),
        ("text".to_owned(), Content::Text(text)),
    ]);
    assert_eq!(contents(&f, &loaded).await, (expected.clone(), 2));
    assert_eq!(f.count(at, "large_value").await, 2);

    let target = f.another().await;
    target.set_state(at, SlotState::Incoming).await;
    f.set_state(at, SlotState::Fenced).await;
    let mut cursor = None;
    loop {
        let (lines, next) = f.store.export_slot(at, cursor).await.expect("export");
        target.store.import_slot(at, &lines).await.expect("import");
        cursor = next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(
        contents(&target, &loaded).await.0,
        BTreeMap::new(),
        "not seen before the slot is owned"
    );
    target.set_state(at, SlotState::Owned).await;
    f.set_state(at, SlotState::Released).await;
    let moved = target.load_one(instance.process.id).await.expect("moved");
    assert_eq!(contents(&target, &moved).await, (expected, 2));
    f.store.purge_slot(at).await.expect("purge");
    assert_eq!(f.count(at, "large_value").await, 0);
    f.store.close().await;
    target.store.close().await;
}
