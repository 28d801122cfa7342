//! `execution` in expressions: what it tells.
use super::{Place, text};
use crate::{definition::Node, instance::Token, moves::Scene, tree::activity_instance_id};
use expr::Value;
use topology::Id;

impl<'a> Place<'_, 'a, '_> {
    /// A property of `execution`; `None`: it has none of that name.
    pub(super) fn execution_property(&self, name: &str) -> Option<Value> {
        let ctx = &*self.ctx;
        let process = &ctx.inst.process;
        Some(match name {
            "id" => Value::Str(self.execution().to_string()),
            "processInstanceId" => Value::Str(process.id.to_string()),
            "rootProcessInstanceId" => Value::Str(process.root_id.to_string()),
            "processDefinitionKey" => Value::Str(ctx.def.definition.key.clone()),
            "processBusinessKey" | "businessKey" => text(process.business_key.clone()),
            "processDefinitionId" => Value::Str(ctx.def.rest_id.to_owned()),
            "currentActivityId" | "activityId" => text(self.current().map(|n| n.id.clone())),
            "currentActivityName" => text(self.current().and_then(|n| n.name.clone())),
            "activityInstanceId" => match self.row() {
                Some(row) => text(row.activity_id.map(|id| activity_instance_id(&row.element, id))),
                None => Value::Str(process.id.to_string()),
            },
            "parentActivityInstanceId" => self.parent_activity(),
            "parentId" => match self.row() {
                Some(row) if row.execution_id != process.id => {
                    Value::Str(ctx.scope_execution(row.parent_id).to_string())
                }
                _ => Value::Null,
            },
            "eventName" => ctx.scene.and_then(Scene::event).map_or(Value::Null, Value::from),
            "currentTransitionId" => match ctx.scene {
                Some(Scene::Take(flow)) => Value::Str(ctx.def.definition.flows[flow].id.clone()),
                _ => Value::Null,
            },
            "tenantId" => text(process.tenant_id.clone()),
            "canceled" => Value::Bool(ctx.canceling),
            "variableScopeKey" => Value::from("execution"),
            "ended" | "skipCustomListeners" | "skipIoMappings" => Value::Bool(false),
            "active" => Value::Bool(true),
            "suspended" => Value::Bool(process.suspended),
            "processInstanceExecution" => Value::Bool(self.execution() == process.id),
            "concurrent" => Value::Bool(self.row().is_some_and(|row| row.execution_id == row.id)),
            "scope" => {
                let own = self.execution() == process.id;
                Value::Bool(own || self.current().is_some_and(|node| node.is_scope()))
            }
            "deleteReason" => text(ctx.delete_reason.clone()),
            "caseInstanceId" | "superExecution" | "superCaseExecution" => Value::Null,
            _ => return None,
        })
    }

    fn row(&self) -> Option<&Token> {
        self.token.and_then(|t| self.ctx.inst.tokens.get(t))
    }

    /// The activity instance around: a scope's, or the process instance.
    fn parent_activity(&self) -> Value {
        let ctx = &*self.ctx;
        let parent = self.row().and_then(|row| ctx.inst.tokens.get(row.parent_id?));
        match parent {
            Some(parent) => text(
                parent
                    .activity_id
                    .map(|id| activity_instance_id(&parent.element, id)),
            ),
            None if self.token.is_some() => Value::Str(ctx.inst.process.id.to_string()),
            None => Value::Null,
        }
    }

    /// Java's `toString` of the execution.
    pub(super) fn shown(&self) -> String {
        let own = self.execution();
        let truth = |name: &str| self.execution_property(name) == Some(Value::Bool(true));
        match truth("processInstanceExecution") {
            true => format!("ProcessInstance[{own}]"),
            false => format!(
                "{}{}Execution[{own}]",
                if truth("concurrent") { "Concurrent" } else { "" },
                if truth("scope") { "Scope" } else { "" }
            ),
        }
    }

    /// REST's id of the execution.
    pub(super) fn execution(&self) -> Id {
        let ctx = &*self.ctx;
        match ctx.scene {
            // Beside others, the execution around an activity is the token's own.
            Some(Scene::Outside(token)) if ctx.tokens_within(self.token) > 1 => token,
            _ => ctx.scope_execution(self.token),
        }
    }

    /// The element that `execution` stands on.
    pub(super) fn current(&self) -> Option<&'a Node> {
        let ctx = &*self.ctx;
        let element = match ctx.scene {
            Some(Scene::Outside(_)) => None,
            Some(Scene::ProcessEnd) => ctx.last.as_ref(),
            _ => self.row().map(|row| &row.element),
        };
        ctx.def.definition.node(element?)
    }
}
