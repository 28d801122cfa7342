//! `externalTask` in expressions: there while the execution stands on an external task.
use super::{Place, text};
use crate::{instance::ExternalTask, tracked::By, tree::activity_instance_id};
use expr::Value;

impl Place<'_, '_, '_> {
    /// The external task of the execution.
    pub(super) fn external_task(&self) -> Option<&ExternalTask> {
        self.ctx.inst.external_tasks.first(By::Token(self.token?))
    }

    /// A property of `externalTask`; `None`: it has none of that name.
    pub(super) fn external_property(&self, name: &str) -> Option<Value> {
        let task = self.external_task()?;
        let definition = &self.ctx.def;
        Some(match name {
            "id" => Value::Str(task.id.to_string()),
            "topicName" => Value::Str(task.topic.clone()),
            "workerId" => text(task.worker_id.clone()),
            "errorMessage" => text(task.error_message.clone()),
            "errorDetails" => text(task.error_details.clone()),
            "retries" => task.retries.map_or(Value::Null, Value::Int),
            "priority" => Value::Long(task.priority),
            "lockExpirationTime" => task.lock_expires.map_or(Value::Null, Value::Date),
            "createTime" => Value::Date(task.created),
            "suspended" => Value::Bool(task.suspended),
            "activityId" => Value::Str(task.element.clone()),
            "activityInstanceId" => Value::Str(activity_instance_id(&task.element, task.activity_id)),
            "executionId" => Value::Str(task.execution_id.to_string()),
            "processInstanceId" => Value::Str(task.instance_id.to_string()),
            "processDefinitionId" => Value::Str(definition.rest_id.to_owned()),
            "processDefinitionKey" => Value::Str(definition.definition.key.clone()),
            "businessKey" => text(task.business_key.clone()),
            "tenantId" => text(task.tenant_id.clone()),
            _ => return None,
        })
    }
}
