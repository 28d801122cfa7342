//! What an engine shows of the instances of a case, as lines without ids and times.
//!
//! Activity instances are named after their element, executions after the activity instance that lists them (`@NAME`).
//! Where an element stands several times, the second is `NAME.2`; their order is that of what hangs on them (variables such as
//! `loopCounter`, jobs, tasks, activity instances inside), so it doesn't depend on ids.
use super::engine::Engine;
use anyhow::{Context, Result};
use serde_json::Value;
use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap, HashSet},
};

/// The state between two steps.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// Sorted.
    pub lines: Vec<String>,
    /// Ids by name, of each kind.
    pub instances: BTreeMap<String, String>,
    /// The definition's id by the name of its instance.
    pub definitions: BTreeMap<String, String>,
    pub nodes: BTreeMap<String, String>,
    pub executions: BTreeMap<String, String>,
    execution_names: HashMap<String, String>,
    pub tasks: BTreeMap<String, String>,
    pub externals: BTreeMap<String, String>,
    pub jobs: BTreeMap<String, String>,
    /// Event subscriptions: type, name and execution id by name.
    pub subscriptions: BTreeMap<String, (String, String, String)>,
    /// Names by id.
    pub names: HashMap<String, String>,
}

/// Stands before the ids of transition instances.
const TRANSITION: &str = "transition:";

/// What is known of the jobs seen so far: element and kind.
pub type Jobs = HashMap<String, (String, String)>;

/// A row that hangs on an execution.
struct Row {
    kind: &'static str,
    id: String,
    element: String,
    execution: String,
    /// The activity instance it belongs to, where the engine says so.
    owner: String,
    text: String,
    /// What it waits for, of an event subscription.
    waits: (String, String),
    created: String,
}

struct Node {
    id: String,
    element: String,
    text: String,
    executions: Vec<String>,
    parent: Option<usize>,
    /// The call activity that waits for this process instance.
    caller: Option<usize>,
    /// What is inside, and what it calls.
    children: Vec<usize>,
    /// What it is and has, and then since when.
    key: (String, String),
}

/// A text member, empty if it is none.
pub fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name].as_str().unwrap_or_default()
}

/// ` label=value` for each member that says something.
pub fn members(row: &Value, names: &[&str]) -> String {
    let mut all = String::new();
    for name in names {
        match &row[*name] {
            Value::Null | Value::Bool(false) => {}
            // What most have isn't shown.
            Value::Number(n) if (*name, n.as_i64()) == ("retries", Some(3)) => {}
            Value::Number(n) if *name == "priority" && matches!(n.as_i64(), Some(0 | 50)) => {}
            Value::String(text) if text.is_empty() => {}
            Value::Bool(true) => all += &format!(" {name}"),
            Value::String(text) => all += &format!(" {name}={}", text.replace('\n', "\\n")),
            other => all += &format!(" {name}={other}"),
        }
    }
    all
}

/// `NAME TYPE VALUE` of a variable.
pub fn value(row: &Value) -> String {
    let class = text(&row["valueInfo"], "objectTypeName");
    let class = if class.is_empty() {
        String::new()
    } else {
        format!("({class})")
    };
    format!(
        "{} {}{class} {}",
        text(row, "name"),
        text(row, "type"),
        row["value"]
    )
}

/// How long after its creation something is due, in steps of five minutes.
fn due(row: &Value) -> String {
    let millis = |name| millis(text(row, name));
    match (millis("createTime"), millis("dueDate")) {
        (_, None) => String::new(),
        (Some(from), Some(due)) if (due - from).abs() < 400 * 86_400_000 => {
            format!(" due=+{}m", ((due - from) as f64 / 300_000.0).round() as i64 * 5)
        }
        _ => format!(" due={}", text(row, "dueDate")),
    }
}

/// An instant in ms.
pub fn millis(time: &str) -> Option<i64> {
    let time = jiff::Timestamp::strptime("%Y-%m-%dT%H:%M:%S%.f%z", time).ok()?;
    Some(time.as_millisecond())
}

/// Reads the state of all instances of these deployments.
pub async fn capture(
    engine: &Engine,
    deployments: &[String],
    definitions: &[String],
    known: &mut Jobs,
) -> Result<State> {
    let mut instances = Vec::new();
    for deployment in deployments {
        instances.extend(
            engine
                .list(&format!("/process-instance?deploymentId={deployment}"))
                .await?,
        );
    }
    let ids: Vec<&str> = instances.iter().map(|i| text(i, "id")).collect();
    let mut rows = Vec::new();
    jobs(engine, definitions, known, &mut rows).await?;
    let mut executions = Vec::new();
    if !ids.is_empty() {
        let ids = ids.join(",");
        for row in engine
            .list(&format!(
                "/variable-instance?deserializeValues=false&processInstanceIdIn={ids}"
            ))
            .await?
        {
            rows.push(Row {
                kind: "var",
                id: String::new(),
                element: String::new(),
                execution: text(&row, "executionId").to_owned(),
                owner: text(&row, "activityInstanceId").to_owned(),
                text: value(&row) + if row["taskId"].is_null() { "" } else { " of task" },
                waits: Default::default(),
                created: String::new(),
            });
        }
        for row in engine.list(&format!("/task?processInstanceIdIn={ids}")).await? {
            const SHOWN: [&str; 10] = [
                "name",
                "assignee",
                "owner",
                "description",
                "delegationState",
                "due",
                "followUp",
                "priority",
                "suspended",
                "formKey",
            ];
            rows.push(plain("task", &row, "taskDefinitionKey", members(&row, &SHOWN)));
        }
        for row in engine
            .list(&format!("/external-task?processInstanceIdIn={ids}"))
            .await?
        {
            const SHOWN: [&str; 8] = [
                "topicName",
                "workerId",
                "retries",
                "errorMessage",
                "priority",
                "suspended",
                "businessKey",
                "tenantId",
            ];
            rows.push(plain("ext", &row, "activityId", members(&row, &SHOWN)));
        }
    }
    let mut incidents = Vec::new();
    let mut nodes = Vec::new();
    let mut roots = Vec::new();
    for instance in &instances {
        let id = text(instance, "id");
        executions.extend(engine.list(&format!("/execution?processInstanceId={id}")).await?);
        for row in engine
            .list(&format!("/event-subscription?processInstanceId={id}"))
            .await?
        {
            let waits = (
                text(&row, "eventType").to_owned(),
                text(&row, "eventName").to_owned(),
            );
            let mut row = plain(
                "sub",
                &row,
                "activityId",
                members(&row, &["eventType", "eventName"]),
            );
            row.waits = waits;
            rows.push(row);
        }
        incidents.extend(engine.list(&format!("/incident?processInstanceId={id}")).await?);
        let tree = engine
            .get(&format!("/process-instance/{id}/activity-instances"))
            .await?;
        roots.push(tree_nodes(&tree, None, &mut nodes));
        let root = &mut nodes[roots[roots.len() - 1]];
        // The tree has the id of the definition, in which a long key isn't.
        root.element = text(instance, "definitionKey").to_owned();
        root.text = members(instance, &["businessKey", "suspended", "tenantId"]);
        // The first isn't shown: most cases have no other.
        let version = text(instance, "definitionId")
            .split(':')
            .nth(1)
            .unwrap_or_default();
        if version.parse().is_ok_and(|version: u32| version > 1) {
            root.text += &format!(" version={version}");
        }
    }
    if roots.len() > 1 {
        for instance in &instances {
            let path = format!(
                "/history/activity-instance?unfinished=true&processInstanceId={}",
                text(instance, "id")
            );
            for row in engine.list(&path).await? {
                let at = |id: &str| nodes.iter().position(|n| !id.is_empty() && n.id == id);
                let caller = at(text(&row, "id"));
                if let (Some(caller), Some(called)) = (caller, at(text(&row, "calledProcessInstanceId"))) {
                    nodes[called].caller = Some(caller);
                    nodes[caller].children.push(called);
                }
            }
        }
    }
    let mut state = State::default();
    name_nodes(&mut state, &mut nodes, &roots, &rows);
    for instance in &instances {
        let name = state.name(text(instance, "id")).to_owned();
        state
            .definitions
            .insert(name, text(instance, "definitionId").to_owned());
    }
    name_executions(&mut state, &nodes, &executions, &rows);
    let there: HashSet<&str> = executions.iter().map(|e| text(e, "id")).collect();
    let mut listed = HashSet::new();
    for node in &nodes {
        let shown = |id: &String| match there.contains(id.as_str()) {
            true => state.execution(id).to_owned(),
            false => format!("{} (not listed)", state.execution(id)),
        };
        let mut on: Vec<String> = node.executions.iter().map(shown).collect();
        on.sort();
        listed.extend(node.executions.iter().map(String::as_str));
        let (name, on) = (state.name(&node.id), on.join(" "));
        let line = match node.parent {
            None => {
                let caller = node
                    .caller
                    .map(|c| format!(" called by {}", state.name(&nodes[c].id)));
                format!(
                    "instance {name}{}{} on {on}",
                    caller.unwrap_or_default(),
                    node.text
                )
            }
            Some(parent) => format!(
                "{} {name} in {} on {on}",
                node.text,
                state.name(&nodes[parent].id)
            ),
        };
        state.lines.push(line);
    }
    // Those that an activity instance lists are shown with it.
    for row in &executions {
        let shown = members(row, &["ended", "suspended"]);
        if !shown.is_empty() || !listed.contains(text(row, "id")) {
            let line = format!("execution {}{shown}", state.execution(text(row, "id")));
            state.lines.push(line);
        }
    }
    rows.sort_by_cached_key(|r| {
        (
            r.kind,
            r.element.clone(),
            state.execution(&r.execution).to_owned(),
            r.text.clone(),
            r.created.clone(),
        )
    });
    let mut counts = HashMap::new();
    for row in &rows {
        let on = state.execution(&row.execution).to_owned();
        if row.kind == "var" {
            let owner = state.name(&row.owner);
            state.lines.push(format!("var {} of {owner} on {on}", row.text));
            continue;
        }
        let name = numbered(&mut counts, (row.kind, row.element.clone()), &row.element);
        let on = if on == "-" {
            String::new()
        } else {
            format!(" on {on}")
        };
        state.lines.push(format!("{} {name}{}{on}", row.kind, row.text));
        state
            .names
            .insert(row.id.clone(), format!("<{} {name}>", row.kind));
        match row.kind {
            "task" => state.tasks.insert(name, row.id.clone()),
            "ext" => state.externals.insert(name, row.id.clone()),
            "job" => state.jobs.insert(name, row.id.clone()),
            _ => {
                let waits = (row.waits.0.clone(), row.waits.1.clone(), row.execution.clone());
                state.subscriptions.insert(name, waits);
                None
            }
        };
    }
    for row in &incidents {
        let cause = if row["causeIncidentId"] == row["id"] {
            ""
        } else {
            " caused"
        };
        state.lines.push(format!(
            "incident {} {}{cause}{} on {} of {}",
            text(row, "activityId"),
            text(row, "incidentType"),
            members(row, &["failedActivityId", "incidentMessage", "annotation"]),
            state.execution(text(row, "executionId")),
            state.name(text(row, "configuration")),
        ));
    }
    state.lines.sort();
    Ok(state)
}

fn plain(kind: &'static str, row: &Value, element: &str, shown: String) -> Row {
    Row {
        kind,
        id: text(row, "id").to_owned(),
        element: text(row, element).to_owned(),
        execution: text(row, "executionId").to_owned(),
        owner: String::new(),
        text: shown,
        waits: Default::default(),
        created: ["created", "createTime", "createdDate"]
            .map(|name| text(row, name))
            .concat(),
    }
}

/// Jobs of these definitions. A job doesn't say where it stands, so the log of its creation is asked once.
async fn jobs(engine: &Engine, definitions: &[String], known: &mut Jobs, rows: &mut Vec<Row>) -> Result<()> {
    for definition in definitions {
        let found = engine
            .list(&format!("/job?processDefinitionId={definition}"))
            .await?;
        if found.iter().any(|job| !known.contains_key(text(job, "id"))) {
            for row in engine
                .list(&format!(
                    "/history/job-log?creationLog=true&processDefinitionId={definition}"
                ))
                .await?
            {
                let kind = format!(
                    "{} {}",
                    text(&row, "jobDefinitionType"),
                    text(&row, "jobDefinitionConfiguration")
                );
                known.insert(
                    text(&row, "jobId").to_owned(),
                    (text(&row, "activityId").to_owned(), kind),
                );
            }
        }
        for job in &found {
            let (element, kind) = known.get(text(job, "id")).cloned().unwrap_or_default();
            let shown = members(
                job,
                &[
                    "priority",
                    "retries",
                    "suspended",
                    "failedActivityId",
                    "exceptionMessage",
                ],
            );
            let mut row = plain("job", job, "", format!(" {kind}{}{shown}", due(job)));
            row.element = element;
            rows.push(row);
        }
    }
    Ok(())
}

fn tree_nodes(tree: &Value, parent: Option<usize>, nodes: &mut Vec<Node>) -> usize {
    let at = nodes.len();
    let list = |value: &Value| -> Vec<String> {
        value
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|v| v.as_str().map(str::to_owned))
            .collect()
    };
    let incidents = |tree: &Value| match list(&tree["incidentIds"]).len() {
        0 => String::new(),
        n => format!(" incidents={n}"),
    };
    nodes.push(Node {
        id: text(tree, "id").to_owned(),
        element: text(tree, "activityId").to_owned(),
        text: format!("activity {}{}", text(tree, "activityType"), incidents(tree)),
        executions: list(&tree["executionIds"]),
        parent,
        caller: None,
        children: Vec::new(),
        key: Default::default(),
    });
    for child in tree["childActivityInstances"].as_array().into_iter().flatten() {
        let child = tree_nodes(child, Some(at), nodes);
        nodes[at].children.push(child);
    }
    for child in tree["childTransitionInstances"].as_array().into_iter().flatten() {
        // Its id is that of its execution, which may be the instance's.
        nodes.push(Node {
            id: format!("{TRANSITION}{}", text(child, "id")),
            element: text(child, "activityId").to_owned(),
            text: format!("transition {}{}", text(child, "activityType"), incidents(child)),
            executions: vec![text(child, "executionId").to_owned()],
            parent: Some(at),
            caller: None,
            children: Vec::new(),
            key: Default::default(),
        });
        let child = nodes.len() - 1;
        nodes[at].children.push(child);
    }
    at
}

/// `NAME`, `NAME.2`, …
fn numbered<K: std::hash::Hash + Eq>(counts: &mut HashMap<K, usize>, key: K, name: &str) -> String {
    let count = counts.entry(key).or_default();
    *count += 1;
    if *count == 1 {
        name.to_owned()
    } else {
        format!("{name}.{count}")
    }
}

/// Says what a node and all inside are and have, and since when, for ordering them.
fn measure(at: usize, nodes: &mut [Node], rows: &[Row], ids: &HashSet<String>) {
    let mut inside = Vec::new();
    for child in nodes[at].children.clone() {
        measure(child, nodes, rows, ids);
        inside.push(nodes[child].key.clone());
    }
    inside.sort();
    let node = &mut nodes[at];
    let (mut parts, mut since) = (Vec::new(), Vec::new());
    for row in rows
        .iter()
        .filter(|r| r.owner == node.id || (!ids.contains(&r.owner) && node.executions.contains(&r.execution)))
    {
        parts.push(format!("{} {}{}", row.kind, row.element, row.text));
        since.push(row.created.clone());
    }
    parts.sort();
    since.extend(inside.iter().map(|(_, since)| since.clone()));
    since.sort();
    let inside = inside
        .iter()
        .map(|(key, _)| key.as_str())
        .collect::<Vec<_>>()
        .join(",");
    let key = format!("{}{}[{}]({inside})", node.element, node.text, parts.join(","));
    node.key = (key, since.concat());
}

fn name_nodes(state: &mut State, nodes: &mut [Node], roots: &[usize], rows: &[Row]) {
    let ids: HashSet<String> = nodes.iter().map(|n| n.id.clone()).collect();
    let roots = roots.iter().copied().filter(|r| nodes[*r].caller.is_none());
    let mut roots: Vec<usize> = roots.collect();
    for root in &roots {
        measure(*root, nodes, rows, &ids);
    }
    let mut counts = HashMap::new();
    roots.sort_by(|a, b| nodes[*a].key.cmp(&nodes[*b].key));
    let mut open: Vec<usize> = roots.into_iter().rev().collect();
    while let Some(at) = open.pop() {
        let node = &nodes[at];
        let name = numbered(&mut counts, node.element.clone(), &node.element);
        state.names.insert(node.id.clone(), name.clone());
        if node.parent.is_none() {
            state.instances.insert(name.clone(), node.id.clone());
        }
        let id = node.id.strip_prefix(TRANSITION).unwrap_or(&node.id);
        state.nodes.insert(name, id.to_owned());
        let mut inside = node.children.clone();
        inside.sort_by_key(|c| Reverse(&nodes[*c].key));
        open.extend(inside);
    }
}

fn name_executions(state: &mut State, nodes: &[Node], executions: &[Value], rows: &[Row]) {
    let mut on: HashMap<&str, Vec<(String, String)>> = HashMap::new();
    for row in rows {
        let text = format!(
            "{} {}{} {}",
            row.kind,
            row.element,
            row.text,
            state.name(&row.owner)
        );
        on.entry(&row.execution)
            .or_default()
            .push((text, row.created.clone()));
    }
    let key = |id: &str| {
        let mut texts = on.get(id).cloned().unwrap_or_default();
        texts.sort();
        let (texts, since): (Vec<_>, Vec<_>) = texts.into_iter().unzip();
        (texts, since)
    };
    let mut order: Vec<&Node> = nodes.iter().collect();
    order.sort_by_key(|n| state.names.get(&n.id).cloned());
    let mut counts = HashMap::new();
    let mut given: HashMap<String, String> = HashMap::new();
    // An instance's own execution is named after it, wherever it is listed.
    for root in nodes.iter().filter(|n| n.parent.is_none()) {
        given.insert(root.id.clone(), format!("@{}", state.name(&root.id)));
    }
    // What is deepest names an execution: an activity instance lists those of its concurrent children too.
    order.sort_by_key(|n| Reverse(depth(nodes, n)));
    for node in order {
        let mut ids: Vec<&String> = node
            .executions
            .iter()
            .filter(|id| !given.contains_key(*id))
            .collect();
        ids.sort_by_cached_key(|id| key(id));
        for id in ids {
            let name = numbered(
                &mut counts,
                node.id.clone(),
                &format!("@{}", state.name(&node.id)),
            );
            given.insert(id.clone(), name);
        }
    }
    let mut others: Vec<&str> = executions
        .iter()
        .map(|e| text(e, "id"))
        .filter(|id| !given.contains_key(*id))
        .collect();
    others.sort_by_cached_key(|id| key(id));
    for id in others {
        let name = numbered(&mut counts, String::new(), "@");
        given.insert(id.to_owned(), name);
    }
    for (id, name) in given {
        state.executions.insert(name.clone(), id.clone());
        state
            .names
            .entry(id.clone())
            .or_insert_with(|| format!("<execution {name}>"));
        state.execution_names.insert(id, name);
    }
    // Concurrent executions of an instance may be named as it is: a step means its own.
    for root in nodes.iter().filter(|n| n.parent.is_none()) {
        let name = state.execution(&root.id).to_owned();
        state.executions.insert(name, root.id.clone());
    }
}

fn depth<'n>(nodes: &'n [Node], mut node: &'n Node) -> usize {
    let mut depth = 0;
    while let Some(parent) = node.parent {
        node = &nodes[parent];
        depth += 1;
    }
    depth
}

impl State {
    /// The name of an id, `-` if it has none.
    pub fn name(&self, id: &str) -> &str {
        self.names.get(id).map_or("-", String::as_str)
    }

    /// The name of an execution's id, `-` if it has none.
    pub fn execution(&self, id: &str) -> &str {
        self.execution_names.get(id).map_or("-", String::as_str)
    }

    /// The id behind a name of that kind.
    pub fn id<'a>(of: &'a BTreeMap<String, String>, name: &str) -> Result<&'a str> {
        of.get(name)
            .map(String::as_str)
            .with_context(|| format!("there is no {name}; there are {:?}", of.keys()))
    }
}
