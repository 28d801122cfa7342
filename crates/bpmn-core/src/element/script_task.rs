//! The script task: runs a script and keeps its value, if it has one, as a variable.
use super::{Behavior, ElementSpec, Next};
use crate::{
    command::Rejection,
    ctx::Ctx,
    definition::Node,
    moves::ScriptEnd,
    script::Script,
    xml::{Reader, extension},
};
use roxmltree::Node as Xml;
use topology::Id;

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "scriptTask",
    event: None,
    activity_type: "scriptTask",
    parse,
};

fn parse<'x>(reader: &mut Reader<'x>, xml: Xml<'x, 'x>) -> Option<Box<dyn Behavior>> {
    let id = xml.attribute("id").unwrap_or_default();
    let script = Script::of_task(reader, xml, id)?;
    let result = extension(xml, "resultVariable").or_else(|| extension(xml, "resultVariableName"));
    Some(Box::new(ScriptTask {
        script,
        result: result.map(str::to_owned),
    }))
}

#[derive(Debug)]
struct ScriptTask {
    script: Script,
    result: Option<String>,
}

impl Behavior for ScriptTask {
    fn enter(&self, _: &Node, token: Id, ctx: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        match ctx.run_script(&self.script, Some(token), None)? {
            ScriptEnd::Value(value) => {
                if let Some(name) = self.result.as_ref().filter(|_| !value.is_null()) {
                    ctx.set_variable(Some(token), None, name, value);
                }
                Ok(Next::Leave)
            }
            ScriptEnd::Error(error) => {
                ctx.throw_error(token, &error.code, error.message.as_deref())?;
                Ok(Next::Wait)
            }
        }
    }
}
