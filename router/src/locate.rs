//! Second phase: where does it belong? Pure: from the operation and what the request names to a slot.
use crate::{
    classify::Call,
    definition_ids::Definitions,
    routing_key::{Placing, RoutingKeys, Said},
    scan::{self, Found},
    text::{percent_decode, query_values},
};
use rest_api::operations::{Class, Merge, Operation};
use topology::{Id, Slot};

/// Where a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The owner of this slot.
    Slot(Slot),
    /// A slot of the router's choice: a start that names nothing.
    AnySlot,
    /// Any shard: no id that carries a slot. If the id is wrong, the error is then the engine's own.
    AnyShard,
    /// More than one shard.
    Many,
}

/// The slot that an id carries; `None` for an id that isn't ours. Takes `ELEMENT:UUID` too.
pub fn slot_of_id(id: &str) -> Option<Slot> {
    id.rsplit(':').next()?.parse::<Id>().ok()?.slot()
}

/// The slot of a task's id, which its client may have chosen.
fn slot_of_task(id: &str) -> Option<Slot> {
    Id::of_text(id).slot()
}

/// What of a request says where it belongs, besides its body.
#[derive(Debug, Clone, Copy)]
pub struct Named<'a> {
    /// Which operation.
    pub operation: &'static Operation,
    /// First parameter of the path, raw.
    pub id: Option<&'a str>,
    /// The second, raw.
    pub second: Option<&'a str>,
    /// Raw query.
    pub query: Option<&'a str>,
}

impl<'a> From<&'a Call> for Named<'a> {
    fn from(call: &'a Call) -> Named<'a> {
        Named {
            operation: call.operation,
            id: call.params.first().map(|(_, id)| id.as_str()),
            second: call.params.get(1).map(|(_, second)| second.as_str()),
            query: call.query.as_deref(),
        }
    }
}

/// Where a request goes, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Located {
    /// Where.
    pub target: Target,
    /// Rules of the router chose the slot, so a node doesn't ask whether it is the business key's.
    pub placed: bool,
}

/// As [`locate`], with starts placed by the rules of the router.
///
/// # Errors
/// The id of a definition that must be known first.
pub fn locate_by<'a, 'h>(
    keys: &RoutingKeys,
    known: &Definitions,
    call: impl Into<Named<'a>>,
    body: &[u8],
    idempotency_key: Option<&str>,
    header: &dyn Fn(&str) -> Option<&'h str>,
) -> Result<Located, String> {
    let call = call.into();
    let placing = match call.operation.class {
        Class::Key if !keys.are_usual() => {
            let said = Said {
                body,
                variables: &["variables"],
                header,
            };
            keys.place(&call, &said, known)
        }
        _ => Placing::Usual,
    };
    let slot = match placing {
        Placing::Usual => {
            return Ok(Located {
                target: locate(call, body, idempotency_key),
                placed: false,
            });
        }
        Placing::Unknown(definition) => return Err(definition),
        Placing::By(value) => Some(Slot::of_key(&value)),
        Placing::Nothing => idempotency_key.map(Slot::of_key),
    };
    Ok(Located {
        target: slot.map_or(Target::AnySlot, Target::Slot),
        placed: true,
    })
}

/// Where the request goes, from its path, query and body. `idempotency_key` places a start without business key, so
/// that a repeated one finds the first (protocols 3).
pub fn locate<'a>(call: impl Into<Named<'a>>, body: &[u8], idempotency_key: Option<&str>) -> Target {
    let call = call.into();
    match call.operation.class {
        // One that is repeated must find the answer to the first; an evaluation tells history.
        Class::Any if !call.operation.path.ends_with("/evaluate") => Target::AnyShard,
        Class::Any | Class::BroadcastWrite => idempotency_key
            .map(Slot::of_key)
            .map_or(Target::AnyShard, Target::Slot),
        Class::Id => by_path(call),
        Class::Key => by_key(call.operation, body, idempotency_key),
        // A command that scatters ids may name a query beside them, which is for everyone.
        Class::BroadcastCommand if call.operation.merge == Merge::ScatterIds => Target::Many,
        Class::FanoutList | Class::FanoutSum | Class::FanoutFirst | Class::BroadcastCommand => {
            by_ids(call, body)
        }
        Class::FanoutFair | Class::Batch => Target::Many,
    }
}

fn by_path(call: Named) -> Target {
    let of = match call.operation.path.starts_with("/task/") {
        true => slot_of_task,
        false => slot_of_id,
    };
    let slot = call.id.and_then(|id| match id.contains('%') {
        true => of(&percent_decode(id, false)),
        false => of(id),
    });
    slot.map_or(Target::AnyShard, Target::Slot)
}

fn by_key(operation: &Operation, body: &[u8], idempotency_key: Option<&str>) -> Target {
    fn text<'f>(found: &'f Option<Found<'_>>) -> Option<&'f str> {
        found.as_ref()?.text()
    }
    // A standalone task lies in the slot of its id, which the client may choose.
    if operation.path == "/task/create" {
        // A part of another task lies beside it.
        let found = scan::members(body, &["parentTaskId", "id"]);
        let ids = found.iter().filter_map(text).filter(|id| !id.is_empty());
        let slot = ids.filter_map(slot_of_task).next();
        let slot = slot.or_else(|| idempotency_key.map(Slot::of_key));
        return slot.map_or(Target::AnySlot, Target::Slot);
    }
    let found = scan::members(body, &operation.placing);
    let (key, ids) = match found.split_first() {
        Some((key, ids)) => (text(key), ids),
        None => (None, [].as_slice()),
    };
    let owner = ids.iter().filter_map(text).find_map(slot_of_id);
    owner
        .or_else(|| key.or(idempotency_key).map(Slot::of_key))
        .map_or(Target::AnySlot, Target::Slot)
}

/// A query that names ids of one slot alone needs to ask only that slot's shard.
fn by_ids(call: Named, body: &[u8]) -> Target {
    let names = &call.operation.id_params;
    if names.is_empty() {
        return Target::Many;
    }
    let from_query = names.iter().map(|name| {
        let values = query_values(call.query, name);
        values
            .iter()
            .flat_map(|value| value.split(','))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    });
    let found = scan::members(body, names);
    let from_body = found
        .iter()
        .map(|found| found.as_ref().map(Found::texts).unwrap_or_default());
    // Each parameter narrows the result; one whose ids all lie in one slot is enough.
    from_query
        .chain(from_body)
        .find_map(|ids| one_slot(&ids))
        .map_or(Target::Many, Target::Slot)
}

fn one_slot(ids: &[String]) -> Option<Slot> {
    let first = slot_of_id(ids.first()?)?;
    ids.iter()
        .all(|id| slot_of_id(id) == Some(first))
        .then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::{Classified, classify};
    use http::Method;

    const A: &str = "018bcfe5-687b-8007-9267-000000000abc"; // slot 4711
    const B: &str = "018bcfe5-687b-8007-9267-000000000abd"; // slot 4711
    const C: &str = "018bcfe5-687b-8007-8001-000000000abd"; // slot 1
    const FOREIGN: &str = "5b28a61c-afea-11ea-a71f-0200170287af";

    fn target(method: Method, path: &str, body: &str, idempotency_key: Option<&str>) -> Target {
        let (path, query) = path.split_once('?').map_or((path, None), |(p, q)| (p, Some(q)));
        match classify(&method, &format!("/engine-rest{path}"), query).unwrap() {
            Classified::Call(call) => locate(&call, body.as_bytes(), idempotency_key),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn s0_27_ids_name_their_slot_wherever_they_stand() {
        let slot = Target::Slot(Slot::new(4711).unwrap());
        for path in [
            format!("/process-instance/{A}"),
            format!("/history/activity-instance/Task_1:{A}"),
            format!("/history/activity-instance/Task_1%3A{A}"),
            format!("/task/{A}/comment/{C}"),
            format!("/task?processInstanceId={A}&name=x"),
            format!("/job/count?jobIds={A},{B}"),
            format!("/job?jobIds={A}%2C{B}"),
        ] {
            assert_eq!(target(Method::GET, &path, "", None), slot, "{path}");
        }
        assert_eq!(
            target(Method::GET, &format!("/job/{FOREIGN}"), "", None),
            Target::AnyShard
        );
        assert_eq!(target(Method::GET, "/job/nonsense", "", None), Target::AnyShard);
        for id in ["chosen", FOREIGN] {
            let own = Target::Slot(Slot::of_key(id));
            assert_eq!(target(Method::GET, &format!("/task/{id}"), "", None), own);
        }
        assert_eq!(
            target(Method::GET, &format!("/job?jobIds={A},{C}"), "", None),
            Target::Many
        );
        assert_eq!(
            target(Method::GET, &format!("/job?jobIds={A},{FOREIGN}"), "", None),
            Target::Many
        );
        let body = format!(r#"{{"processInstanceIds":["{A}","{B}"]}}"#);
        assert_eq!(target(Method::POST, "/process-instance/count", &body, None), slot);
        let body = format!(r#"{{"executionId":"{A}","name":"s"}}"#);
        assert_eq!(target(Method::POST, "/signal", &body, None), slot);
        let body = format!(r#"{{"messageName":"m","processInstanceId":"{A}"}}"#);
        assert_eq!(target(Method::POST, "/message", &body, None), slot);
        assert_eq!(
            target(Method::POST, "/message", r#"{"messageName":"m"}"#, None),
            Target::Many
        );
    }

    #[test]
    fn a_start_goes_to_the_slot_of_its_key_or_of_its_idempotency_key() {
        let start = "/process-definition/Order:1:x/start";
        let key = Target::Slot(Slot::of_key("k 1"));
        assert_eq!(target(Method::POST, start, r#"{"businessKey":"k 1"}"#, None), key);
        assert_eq!(
            target(Method::POST, start, r#"{"businessKey":"k 1"}"#, Some("i")),
            key
        );
        assert_eq!(
            target(Method::POST, start, "{}", Some("i")),
            Target::Slot(Slot::of_key("i"))
        );
        assert_eq!(
            target(Method::POST, start, r#"{"businessKey":null}"#, None),
            Target::AnySlot
        );
        assert_eq!(target(Method::POST, start, "", None), Target::AnySlot);
        assert_eq!(
            target(Method::POST, "/process-definition/key/Order/start", "{x", None),
            Target::AnySlot
        );
        let own = Target::Slot(Slot::of_key("mine"));
        assert_eq!(
            target(Method::POST, "/task/create", r#"{"id":"mine"}"#, None),
            own
        );
        let child = format!(r#"{{"id":"mine","parentTaskId":"{C}"}}"#);
        assert_eq!(
            target(Method::POST, "/task/create", &child, None),
            Target::Slot(Slot::new(1).unwrap())
        );
    }

    #[test]
    fn replicated_data_is_anywhere() {
        for path in ["/process-definition/Order:1:x", "/deployment", "/version"] {
            assert_eq!(target(Method::GET, path, "", None), Target::AnyShard, "{path}");
        }
        assert_eq!(
            target(Method::POST, "/deployment/create", "", None),
            Target::AnyShard
        );
    }
}
