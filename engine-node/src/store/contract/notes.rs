//! Links of tasks, comments and attachments.
use super::fixture::*;
use crate::store::{housekeeping::Expired, *};
use bpmn_core::note::{Attachment, Comment, NoteChange, TaskLink};

fn link(kind: &str, group: bool, name: &str) -> TaskLink {
    TaskLink {
        kind: kind.into(),
        group,
        name: name.into(),
    }
}

fn notes(root: Id, task: Id, at: Slot) -> Vec<NoteChange> {
    let comment = Comment {
        id: id(at),
        root_id: root,
        task_id: task,
        process_instance_id: Some(root.to_string()),
        user_id: None,
        time: 5,
        message: "well".into(),
        bound: true,
    };
    let attachment = Attachment {
        id: id(at),
        root_id: root,
        task_id: task,
        name: None,
        description: None,
        kind: None,
        url: None,
        user_id: None,
        created: 5,
        bound: true,
        content: Some(vec![0, 255]),
    };
    vec![
        NoteChange::PutComment(comment),
        NoteChange::PutAttachment(attachment),
    ]
}

async fn counts(f: &Fixture, at: Slot) -> (u64, u64) {
    (f.count(at, "comment").await, f.count(at, "attachment").await)
}

pub(super) async fn links_that_come_and_go_later_are_stored(f: Fixture) {
    let at = slot(5);
    let mut i = full_instance(at);
    let own = i.process.id;
    f.save(&mut i).await;
    let task = i.tasks.iter().next().unwrap().id;
    let change = |i: &mut Instance, link: TaskLink, add: bool| {
        let row = i.tasks.get_mut(task).unwrap();
        let who = (link.group, link.name.clone());
        match (link.is_candidate(), add) {
            (true, true) => row.candidates.push(who),
            (true, false) => row.candidates.retain(|c| *c != who),
            (false, true) => row.links.push(link.clone()),
            (false, false) => row.links.retain(|l| *l != link),
        }
        row.changed_links.push((link, add));
    };
    change(&mut i, link("candidate", true, "board"), true);
    change(&mut i, link("candidate", false, "anna"), false);
    change(&mut i, link("helper", false, "anna"), true);
    change(&mut i, link("helper", true, "anna"), true);
    f.save(&mut i).await;
    let loaded = f.load_one(own).await.unwrap();
    let row = loaded.tasks.iter().next().unwrap();
    assert_eq!(
        row.candidates,
        [(true, "board".to_owned()), (true, "clerks".into())]
    );
    assert_eq!(
        row.links,
        [link("helper", false, "anna"), link("helper", true, "anna")]
    );

    let mut i = loaded;
    change(&mut i, link("helper", false, "anna"), false);
    f.save(&mut i).await;
    assert_eq!(f.count(at, "task_link").await, 1);
    i.tasks.remove(task);
    f.save(&mut i).await;
    assert_eq!(
        (
            f.count(at, "task_link").await,
            f.count(at, "task_candidate").await
        ),
        (0, 0)
    );
}

pub(super) async fn notes_outlive_their_task_move_with_their_slot_and_go_with_history(f: Fixture) {
    let at = slot(6);
    let mut i = full_instance(at);
    let (own, task) = (i.process.id, i.tasks.iter().next().unwrap().id);
    for note in notes(own, task, at) {
        i.notes.push(note);
    }
    f.save(&mut i).await;
    end(&mut i);
    f.save(&mut i).await;
    assert!(f.load_one(own).await.is_none());
    assert_eq!(counts(&f, at).await, (1, 1));
    let late = Unit {
        slots: vec![at],
        notes: notes(own, task, at),
        ..Unit::default()
    };
    assert_eq!(f.write_one(late.clone()).await, Applied::Done);
    assert_eq!(counts(&f, at).await, (2, 2));

    let target = f.another().await;
    target.set_state(at, SlotState::Incoming).await;
    let (lines, cursor) = f.store.export_slot(at, None).await.unwrap();
    assert_eq!(cursor, None);
    for _ in 0..2 {
        target.store.import_slot(at, &lines).await.unwrap();
    }
    target.set_state(at, SlotState::Owned).await;
    assert_eq!(counts(&target, at).await, (2, 2));
    f.set_state(at, SlotState::Released).await;
    assert!(matches!(f.write_one(late).await, Applied::NotOwner(_)));
    f.store.purge_slot(at).await.unwrap();
    assert_eq!(counts(&f, at).await, (0, 0));

    let expired = Expired::Definition {
        id: i.process.definition_id,
        from: 0,
        before: i64::MAX,
    };
    target.store.clean(expired, 10).await.unwrap();
    assert_eq!(counts(&target, at).await, (0, 0));
}
