//! Tasks that no process has made: their units, and the ids that clients choose for them.
use super::fixture::*;
use crate::query::alias;
use crate::store::*;

fn unit(at: Slot) -> Instance {
    let process = ProcessInstance {
        definition_id: Id::NIL,
        start_element: String::new(),
        business_key: None,
        ..full_instance(at).process
    };
    let mut unit = Instance::new(process);
    let own = unit.process.id;
    let alone = |parent_id| UserTask {
        token_id: None,
        execution_id: None,
        activity_id: None,
        definition_id: None,
        element: None,
        parent_id,
        ..task(own, at)
    };
    let whole = alone(None);
    let part = alone(Some(whole.id));
    unit.tasks.insert(whole);
    unit.tasks.insert(part);
    unit
}

pub(super) async fn a_unit_of_tasks_is_guarded_and_moves_with_its_slot(f: Fixture) {
    let at = slot(3);
    let mut made = unit(at);
    let own = made.process.id;
    f.save(&mut made).await;
    let loaded = f.load_one(own).await.unwrap();
    assert!(loaded.is_standalone() && loaded.stored);
    assert_eq!((loaded.process.revision, loaded.tasks.len()), (1, 2));
    let tasks: Vec<Id> = loaded.tasks.iter().map(|t| t.id).collect();
    let owners = f.store.instances_of(Entity::Task, &tasks).await.unwrap();
    assert_eq!(owners, [Some(own), Some(own)]);
    assert_eq!(f.count(at, "process_instance").await, 0);

    let write = |instance: Instance| Unit {
        slots: vec![at],
        instances: vec![InstanceWrite { instance }],
        ..Unit::default()
    };
    let mut stale = loaded.clone();
    stale.process.revision = 7;
    stale.tasks.get_mut(tasks[0]).unwrap().name = Some("stale".into());
    assert_eq!(f.store.write(&[write(stale)]).await.unwrap(), [Applied::Conflict]);

    for (table, rows) in [("task_unit", 1), ("task", 2), ("task_candidate", 4)] {
        assert_eq!(f.count(at, table).await, rows, "{table}");
    }
    let mut lines = Vec::new();
    let mut cursor = None;
    loop {
        let (more, next) = f.store.export_slot(at, cursor).await.unwrap();
        lines.extend(more);
        cursor = next;
        if cursor.is_none() {
            break;
        }
    }
    assert!(
        lines.iter().any(|line| line.contains("\"task_unit\"")),
        "{lines:?}"
    );
    assert_eq!(
        lines
            .iter()
            .filter(|line| line.contains("\"t\":\"task\""))
            .count(),
        2
    );

    let mut ended = loaded;
    for id in tasks {
        ended.tasks.remove(id);
    }
    ended.ended = true;
    f.save(&mut ended).await;
    assert!(f.load_one(own).await.is_none());
    for table in ["task_unit", "task", "task_candidate"] {
        assert_eq!(f.count(at, table).await, 0, "{table}");
    }
}

pub(super) async fn an_id_of_a_client_s_is_taken_once(f: Fixture) {
    let entity_id = Id::named("mine");
    let at = entity_id.slot().unwrap();
    let row = |kind, slot| AliasRow {
        slot,
        kind,
        text: "mine".into(),
        unit_slot: slot,
        root_id: None,
        entity_id,
    };
    let unit = |alias: AliasRow| Unit {
        slots: vec![alias.slot],
        aliases: vec![alias],
        ..Unit::default()
    };
    let place = unit(row(AliasKind::Place, at));
    assert_eq!(
        f.store.write(std::slice::from_ref(&place)).await.unwrap(),
        [Applied::Done]
    );
    assert_eq!(f.store.write(&[place]).await.unwrap(), [Applied::Conflict]);
    // How it is called stands elsewhere too, and may be said again.
    let name = unit(row(AliasKind::Name, slot(3)));
    for _ in 0..2 {
        assert_eq!(
            f.store.write(std::slice::from_ref(&name)).await.unwrap(),
            [Applied::Done]
        );
    }
    let texts = f.store.select(&alias::texts(&[entity_id])).await.unwrap();
    let texts: Vec<_> = texts
        .rows
        .iter()
        .map(|r| alias::text_row(&**r).unwrap())
        .collect();
    assert_eq!(texts, [(entity_id, "mine".to_owned())]);
    let places = f.store.select(&alias::place(entity_id)).await.unwrap();
    let places: Vec<_> = places
        .rows
        .iter()
        .map(|r| alias::place_row(&**r).unwrap())
        .collect();
    assert_eq!(places, [at]);
}
