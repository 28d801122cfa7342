//! A parsed process definition: flow nodes, sequence flows, and what the shell asks of them.
use crate::{
    JobSetting, Millis,
    element::{Behavior, ConditionalEvent, Start, TimerDefinition},
    form::Form,
    hash_order::hash_order,
    instance::JobKind,
    listener::{Listener, Listeners},
    needs::Need,
    script::{Condition, Script},
    timer::{self, TimerKind},
    value::Variables,
    world::Call,
};
use expr::Expression;
use std::collections::HashMap;
use topology::Id;

/// Index of a node in [`Definition::nodes`].
pub type NodeIx = usize;
/// Index of a flow in [`Definition::flows`].
pub type FlowIx = usize;

/// An executable process of a BPMN file.
#[derive(Debug)]
pub struct Definition {
    pub key: String,
    pub name: Option<String>,
    /// The `targetNamespace` of the file, as the reference has it.
    pub category: Option<String>,
    pub version_tag: Option<String>,
    /// Days. An absent attribute gives the reference's default of 180; an empty one gives `None`.
    pub history_ttl: Option<i32>,
    /// Line and column of a process that gives no time to live, for operators who refuse it.
    pub without_ttl: Option<(u32, u32)>,
    pub startable_in_tasklist: bool,
    /// The process's `documentation`: REST's `description`.
    pub documentation: Option<String>,
    /// Priority of jobs whose element gives none.
    pub job_priority: Option<Expression>,
    /// Priority of external tasks whose element gives none.
    pub task_priority: Option<Expression>,
    /// The variable that gets who starts an instance.
    pub(crate) initiator: Option<String>,
    /// Who may start it, as the model says.
    pub starters: Vec<Starter>,
    pub(crate) listeners: Listeners,
    /// What it needs that an engine may lack.
    pub needs: Vec<Need>,
    pub nodes: Vec<Node>,
    pub flows: Vec<Flow>,
    /// Start events of the event subprocesses directly in the process.
    pub(crate) event_starts: Vec<NodeIx>,
    /// Those of them that wait, as [`Node::waiting`].
    pub(crate) waiting: Vec<NodeIx>,
    /// Whether any event waits for a condition.
    pub(crate) has_conditions: bool,
    /// Whether any of its elements calls other processes.
    pub(crate) has_calls: bool,
    pub(crate) by_id: HashMap<String, NodeIx>,
    /// What [`Definition::initial`] gives.
    pub(crate) initial: Option<NodeIx>,
}

/// Who may start a process.
#[derive(Clone, Debug, PartialEq)]
pub struct Starter {
    /// Whether the name is a group's; else a user's.
    pub group: bool,
    pub name: String,
}

/// A flow node.
#[derive(Debug)]
pub struct Node {
    pub id: String,
    pub name: Option<String>,
    pub documentation: Option<String>,
    /// Camunda's word: `userTask`, `startEvent`, `intermediateMessageCatch`, …
    pub activity_type: &'static str,
    /// The subprocess it lies in.
    pub parent: Option<NodeIx>,
    pub incoming: Vec<FlowIx>,
    pub outgoing: Vec<FlowIx>,
    pub default_flow: Option<FlowIx>,
    pub async_before: bool,
    pub async_after: bool,
    /// Whether the jobs of its asynchronous continuations never run beside other exclusive jobs of the instance.
    pub exclusive: bool,
    /// The same of its timer: the timer event definition says so.
    pub timer_exclusive: bool,
    pub job_priority: Option<Expression>,
    /// The text of `failedJobRetryTimeCycle`; it may hold an expression.
    pub retry_cycle: Option<Expression>,
    pub inputs: Vec<Mapping>,
    pub outputs: Vec<Mapping>,
    /// `camunda:properties`: names and values as written, for workers that ask for them.
    pub properties: Vec<(String, String)>,
    /// Whether it has a `camunda:inputOutput`, even an empty one: that alone makes it a scope.
    pub has_mappings: bool,
    pub(crate) listeners: Listeners,
    /// Of user tasks and start events.
    pub form: Form,
    /// Boundary events attached to it.
    pub boundary: Vec<NodeIx>,
    /// Whether one of them waits or catches: compensation alone makes no scope.
    pub(crate) has_event_boundary: bool,
    /// The activity a boundary event is attached to.
    pub attached_to: Option<NodeIx>,
    /// Whether a boundary event cancels its activity.
    pub interrupting: bool,
    /// The start event inside a subprocess: of an event subprocess its only one, else the none start event.
    pub(crate) inner_start: Option<NodeIx>,
    /// Start events of the event subprocesses directly in it.
    pub(crate) event_starts: Vec<NodeIx>,
    /// The events at its edge and of the event subprocesses directly in it that wait while it lives, in the order in
    /// which the reference lets them: subscriptions before timers, and each of them as a hash map lists their ids. The
    /// first of several that fail tells why the activity can't begin.
    pub(crate) waiting: Vec<NodeIx>,
    /// Whether it is a catch event behind an event-based gateway, which waits in its place.
    pub(crate) behind_gateway: bool,
    /// Whether it is an event subprocess.
    pub event_subprocess: bool,
    /// Whether it is a compensation handler: not part of the normal flow.
    pub for_compensation: bool,
    /// What compensates it: an activity that its compensation boundary event is associated with, or the compensation
    /// event subprocess inside it.
    pub(crate) compensation_handler: Option<NodeIx>,
    /// Of a multi-instance body the activity it repeats.
    pub(crate) repeats: Option<NodeIx>,
    /// Of a multi-instance activity its body, which has its place in the flow.
    pub(crate) body: Option<NodeIx>,
    pub(crate) behavior: Box<dyn Behavior>,
}

/// A sequence flow.
#[derive(Debug)]
pub struct Flow {
    pub id: String,
    pub name: Option<String>,
    pub source: NodeIx,
    pub target: NodeIx,
    pub condition: Option<Condition>,
    /// Listeners that run when it is taken.
    pub(crate) take: Vec<Listener>,
}

/// An input or output parameter.
#[derive(Debug)]
pub struct Mapping {
    pub name: String,
    pub value: MappingValue,
}

/// The right side of a parameter.
#[derive(Debug)]
pub enum MappingValue {
    Null,
    Text(Expression),
    Script(Script),
    List(Vec<MappingValue>),
    /// Keys are expressions too.
    Map(Vec<(Expression, MappingValue)>),
}

/// A definition together with what the shell knows of it.
#[derive(Clone, Copy, Debug)]
pub struct DefinitionRef<'a> {
    /// Id of the definition row: the UUID part of REST's `key:version:uuid`.
    pub id: Id,
    pub definition: &'a Definition,
    /// REST's `key:version:uuid`.
    pub rest_id: &'a str,
    pub version: i32,
    pub tenant_id: Option<&'a str>,
    /// What operators have set for its jobs; nothing else is listed.
    pub job_settings: &'a [JobSetting],
}

impl DefinitionRef<'_> {
    /// What an operator has set for the jobs of one kind at an element.
    pub fn job_setting(&self, element: &str, kind: JobKind) -> Option<&JobSetting> {
        let mut all = self.job_settings.iter();
        all.find(|s| s.kind == kind && s.element == element)
    }
}

/// A message that starts instances.
#[derive(Clone, Debug, PartialEq)]
pub struct MessageStart {
    pub element: String,
    /// The message's name; an expression in it has no variables to look at.
    pub name: String,
}

/// A timer that starts instances.
#[derive(Clone, Debug, PartialEq)]
pub struct TimerStart {
    pub element: String,
    pub kind: TimerKind,
    /// Date, duration or cycle as written; [`crate::timer::next`] evaluates an expression in it.
    pub text: String,
    pub exclusive: bool,
    /// Of the element or the process; an expression that needs variables gives 0.
    /// `None` where an expression gives it, which the reference refuses to deploy.
    pub priority: Option<i64>,
}

impl Definition {
    /// One without elements: of tasks that no process has made.
    pub(crate) fn empty() -> Definition {
        Definition {
            key: String::new(),
            name: None,
            category: None,
            version_tag: None,
            history_ttl: None,
            without_ttl: None,
            startable_in_tasklist: false,
            documentation: None,
            job_priority: None,
            task_priority: None,
            initiator: None,
            starters: Vec::new(),
            listeners: Listeners::default(),
            needs: Vec::new(),
            nodes: Vec::new(),
            flows: Vec::new(),
            event_starts: Vec::new(),
            waiting: Vec::new(),
            has_conditions: false,
            has_calls: false,
            by_id: HashMap::new(),
            initial: None,
        }
    }

    /// The flow node of that id.
    pub fn node(&self, id: &str) -> Option<&Node> {
        self.by_id.get(id).map(|&ix| &self.nodes[ix])
    }

    /// All flow nodes with id, name and Camunda's type, in document order.
    pub fn activities(&self) -> impl Iterator<Item = (&str, Option<&str>, &'static str)> {
        self.nodes
            .iter()
            .map(|n| (n.id.as_str(), n.name.as_deref(), n.activity_type))
    }

    /// Start events on process level that wait for a message.
    pub fn start_messages(&self) -> Vec<MessageStart> {
        self.starts()
            .filter_map(|(node, start)| match start {
                Start::Message(name) => Some(MessageStart {
                    element: node.id.clone(),
                    name: crate::eval::message_name(name),
                }),
                _ => None,
            })
            .collect()
    }

    /// Start events on process level that wait for a signal: element and name.
    pub fn start_signals(&self) -> Vec<(String, String)> {
        self.starts()
            .filter_map(|(node, start)| match start {
                Start::Signal(name) => Some((node.id.clone(), crate::eval::message_name(name))),
                _ => None,
            })
            .collect()
    }

    /// Ids of the start events on process level that wait for a condition.
    pub fn start_conditions(&self) -> Vec<&str> {
        self.conditional_starts().map(|(element, _)| element).collect()
    }

    /// Those of [`Definition::start_conditions`] whose condition holds with these variables at `now`. One that is
    /// about a variable needs that among them.
    pub fn starts_that_hold(&self, variables: &Variables, now: Millis) -> Vec<&str> {
        let offered = |name: &String| variables.iter().any(|(known, _)| known == name);
        self.conditional_starts()
            .filter(|(_, event)| event.variable.as_ref().is_none_or(offered))
            .filter(|(_, event)| event.holds_with(variables, now))
            .map(|(element, _)| element)
            .collect()
    }

    fn conditional_starts(&self) -> impl Iterator<Item = (&str, &ConditionalEvent)> {
        self.starts().filter_map(|(node, start)| match start {
            Start::Conditional(event) => Some((node.id.as_str(), event)),
            _ => None,
        })
    }

    /// Start events on process level that wait for a timer.
    pub fn start_timers(&self) -> Vec<TimerStart> {
        self.starts()
            .filter_map(|(node, start)| match start {
                Start::Timer(timer) => Some(TimerStart {
                    element: node.id.clone(),
                    kind: timer.kind,
                    text: timer.text.text().to_owned(),
                    exclusive: node.timer_exclusive,
                    priority: self.start_priority(node),
                }),
                _ => None,
            })
            .collect()
    }

    /// Why a start timer can't be armed at `now`, in the reference's words; it refuses the deployment then.
    pub fn start_timer_problem(&self, now: Millis) -> Option<String> {
        self.start_timers()
            .iter()
            .find_map(|start| match timer::next(start.kind, &start.text, now, None) {
                Ok(Some(_)) => None,
                Ok(None) => Some("duedate is null".to_owned()),
                Err(cause) => Some(cause.explained(start.kind, &start.text)),
            })
    }

    /// The start event that a plain start uses: the none or timer start event, of which there is at most one, else the
    /// only start event.
    pub fn initial(&self) -> Option<NodeIx> {
        self.initial
    }

    /// What its call activities call in whatever state, outer ones before those in subprocesses: each with its
    /// element. `caller` is the definition's own row, `tenant` where it lives.
    pub fn static_calls<'a>(&'a self, caller: Id, tenant: Option<&'a str>) -> Vec<(&'a str, Call<'a>)> {
        let calls = self.nodes.iter().filter_map(|node| {
            let call = node.behavior.static_call()?;
            let call = Call {
                tenant: call.tenant.or(tenant),
                caller,
                ..call
            };
            Some((self.depth(node), node.id.as_str(), call))
        });
        let mut calls: Vec<_> = calls.collect();
        calls.sort_by_key(|(depth, ..)| *depth);
        calls
            .into_iter()
            .map(|(_, element, call)| (element, call))
            .collect()
    }

    /// In how many subprocesses a node lies.
    fn depth(&self, node: &Node) -> usize {
        std::iter::successors(node.parent, |&ix| self.nodes[ix].parent).count()
    }

    /// Finds where the process and its subprocesses start, once.
    pub(crate) fn find_starts(&mut self) {
        for ix in 0..self.nodes.len() {
            let node = &self.nodes[ix];
            let Some(start) = node.behavior.start() else {
                continue;
            };
            let (plain, timer) = (matches!(start, Start::None), matches!(start, Start::Timer(_)));
            let compensates = matches!(start, Start::Compensation);
            match node.parent {
                None if plain || timer => self.initial = self.initial.or(Some(ix)),
                None => {}
                Some(parent) if self.nodes[parent].event_subprocess => {
                    self.nodes[parent].inner_start = Some(ix);
                    let around = self.nodes[parent].parent;
                    match around {
                        Some(around) => self.nodes[around].event_starts.push(ix),
                        None => self.event_starts.push(ix),
                    }
                    if let Some(around) = around.filter(|_| compensates) {
                        self.nodes[around].compensation_handler = Some(parent);
                    }
                }
                Some(parent) if plain => {
                    let found = &mut self.nodes[parent].inner_start;
                    *found = found.or(Some(ix));
                }
                Some(_) => {}
            }
        }
        // The only start event is where a plain start begins, whatever it waits for.
        let starts = |node: &Node| node.parent.is_none() && node.behavior.start().is_some();
        let mut all = (0..self.nodes.len()).filter(|&ix| starts(&self.nodes[ix]));
        if let (None, Some(only), None) = (self.initial, all.next(), all.next()) {
            self.initial = Some(only);
        }
    }

    /// Orders the events that wait with each scope. Call it when boundary events and starts are known.
    pub(crate) fn order_waiting(&mut self) {
        for ix in 0..self.nodes.len() {
            let node = &self.nodes[ix];
            if !node.boundary.is_empty() || !node.event_starts.is_empty() {
                self.nodes[ix].waiting = self.ordered(node.event_starts.iter().chain(&node.boundary));
            }
        }
        self.waiting = self.ordered(self.event_starts.iter());
    }

    fn ordered<'n>(&self, events: impl Iterator<Item = &'n NodeIx>) -> Vec<NodeIx> {
        let waits = |&ix: &NodeIx| {
            let event = &self.nodes[ix].behavior;
            let caught = event.catch().is_some() || event.is_compensation_boundary();
            !caught && !matches!(event.start(), Some(Start::Compensation))
        };
        let (timers, subscriptions): (Vec<NodeIx>, Vec<NodeIx>) = events
            .copied()
            .filter(waits)
            .partition(|&ix| self.nodes[ix].behavior.timer().is_some());
        let listed = |events: Vec<NodeIx>| {
            let ids: Vec<&str> = events.iter().map(|&ix| self.nodes[ix].id.as_str()).collect();
            hash_order(&ids)
                .into_iter()
                .map(|at| events[at])
                .collect::<Vec<_>>()
        };
        [listed(subscriptions), listed(timers)].concat()
    }

    /// `None` where an expression gives it: there is no instance that could evaluate it.
    fn start_priority(&self, node: &Node) -> Option<i64> {
        match node.job_priority.as_ref().or(self.job_priority.as_ref()) {
            Some(expression) if !expression.is_literal() => None,
            expression => Some(expression.and_then(crate::eval::number).unwrap_or(0)),
        }
    }

    fn starts(&self) -> impl Iterator<Item = (&Node, Start<'_>)> {
        self.nodes
            .iter()
            .filter(|n| n.parent.is_none())
            .filter_map(|n| Some((n, n.behavior.start()?)))
    }

    /// The sequence flow of that id.
    pub(crate) fn flow(&self, id: &str) -> Option<&Flow> {
        self.flows.iter().find(|flow| flow.id == id)
    }

    pub(crate) fn index(&self, id: &str) -> Option<NodeIx> {
        self.by_id.get(id).copied()
    }
}

impl Node {
    /// Whether its timers tell listeners of its task, and do nothing else.
    pub(crate) fn has_timeout(&self) -> bool {
        !self.behavior.timeouts().is_empty()
    }

    /// The timer that makes its jobs of a kind.
    pub(crate) fn timer_of(&self, kind: JobKind) -> Option<&TimerDefinition> {
        let event = self.behavior.timer().filter(|_| kind == JobKind::Timer);
        event.or_else(|| {
            self.behavior
                .timeouts()
                .get(kind.timeout())
                .filter(|_| kind.is_timer())
        })
    }

    /// Whether the reference gives it a child execution of its own: it waits for events, has mappings or boundary
    /// events, or contains others.
    pub fn is_scope(&self) -> bool {
        // A multi-instance body isolates the variables of parameters, and of a call, already.
        let isolated = self.body.is_some();
        (self.behavior.is_scope() && !self.behind_gateway && !(isolated && self.behavior.calls()))
            || (self.has_mappings && !isolated)
            || self.has_event_boundary
    }
}
