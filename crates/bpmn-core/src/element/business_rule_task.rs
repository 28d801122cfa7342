//! The business rule task: evaluates a decision in its place, or is like a service task.
//!
//! The result is seen as `decisionResult` until the task is left; `resultVariable` keeps it, as `mapDecisionResult` says.
use super::{Behavior, ElementSpec, Next, service_task};
use crate::{
    callable::Callable,
    command::Rejection,
    ctx::Ctx,
    definition::Node,
    moves::ResultMapping,
    xml::{Reader, extension},
};
use roxmltree::Node as Xml;
use topology::Id;

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "businessRuleTask",
    event: None,
    activity_type: "businessRuleTask",
    parse,
};

fn parse<'x>(reader: &mut Reader<'x>, xml: Xml<'x, 'x>) -> Option<Box<dyn Behavior>> {
    let id = xml.attribute("id").unwrap_or_default();
    let Some(key) = extension(xml, "decisionRef") else {
        let missing = "One of the attributes 'class', 'delegateExpression', 'type', or 'expression' is mandatory on \
                       businessRuleTask. If you are using a connector, make sure the connect process engine plugin is \
                       registered with the process engine.";
        return service_task::parse(reader, xml, id, "businessRuleTask", missing);
    };
    let names = [
        "decisionRefBinding",
        "decisionRefVersion",
        "decisionRefVersionTag",
        "decisionRefTenantId",
    ];
    let decision = Callable::parse(reader, xml, id, key, names)?;
    let mapping = match extension(xml, "mapDecisionResult") {
        None | Some("resultList") => ResultMapping::List,
        Some("singleEntry") => ResultMapping::SingleEntry,
        Some("singleResult") => ResultMapping::SingleResult,
        Some("collectEntries") => ResultMapping::Entries,
        Some(other) => {
            let message = format!(
                "No decision result mapper found for name '{other}'. Supported mappers are 'singleEntry', \
                 'singleResult', 'collectEntries' and 'resultList'."
            );
            reader.error(xml, id, message);
            return None;
        }
    };
    let result = extension(xml, "resultVariable").or_else(|| extension(xml, "resultVariableName"));
    Some(Box::new(Decide {
        decision,
        result: result.map(str::to_owned),
        mapping,
    }))
}

#[derive(Debug)]
struct Decide {
    decision: Callable,
    result: Option<String>,
    mapping: ResultMapping,
}

impl Behavior for Decide {
    fn enter(&self, at: &Node, token: Id, ctx: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        let called = self.decision.evaluate(at, token, ctx)?;
        let call = called.call(ctx.def.id);
        ctx.decide(token, at, &call, self.result.as_deref(), self.mapping)?;
        Ok(Next::Leave)
    }

    fn is_scope(&self) -> bool {
        true
    }
}
