//! `property` of a user task: a variable that is made of another, or of an expression, when the task begins. What it does
//! not do in the reference it does not do here: without `dst` there is no name to set, and `link` looks at `src`.
use crate::{
    command::Rejection,
    ctx::Ctx,
    definition::Node,
    value::TypedValue,
    xml::{Reader, extension},
};
use expr::Expression;
use roxmltree::Node as Xml;
use topology::Id;

/// What the reference answers where a variable without a name is written.
const NOT_WRITTEN: &str = "An exception occurred in the persistence layer. Please check the server logs for a detailed \
                           message and the entire exception stack trace.";

/// A property.
#[derive(Debug)]
pub(crate) struct Property {
    dst: Option<String>,
    src: Option<String>,
    src_expr: Option<Expression>,
    link: bool,
    link_expr: bool,
}

impl Property {
    /// From `property` of a user task.
    pub fn read(reader: &mut Reader<'_>, xml: Xml<'_, '_>) -> Property {
        let text = |name| extension(xml, name).map(str::to_owned);
        Property {
            dst: text("dst"),
            src: text("src"),
            src_expr: reader.expression_attribute(xml, "srcExpr"),
            link: text("link").is_some(),
            link_expr: text("linkExpr").is_some(),
        }
    }

    /// Makes the variable: where its name is visible, else in the process instance.
    ///
    /// # Errors
    /// There is no such source, or no name to set.
    pub fn make(&self, at: &Node, token: Id, ctx: &mut Ctx<'_, '_>) -> Result<(), Rejection> {
        if self.src.is_some() {
            self.copy(at, token, ctx)?;
        }
        if let Some(expression) = &self.src_expr {
            self.evaluate(expression, at, token, ctx)?;
        }
        if self.link_expr {
            match &self.src_expr {
                Some(expression) => self.evaluate(expression, at, token, ctx)?,
                None => {
                    let message = "Cannot invoke \"org.camunda.bpm.engine.delegate.Expression.getValue(\
                                   org.camunda.bpm.engine.delegate.VariableScope)\" because \"this.sourceExpression\" is \
                                   null";
                    return Err(Ctx::failure(at, message));
                }
            }
        }
        match self.link {
            true => self.copy(at, token, ctx),
            false => Ok(()),
        }
    }

    fn copy(&self, at: &Node, token: Id, ctx: &mut Ctx<'_, '_>) -> Result<(), Rejection> {
        let around = ctx.token(token)?.parent_id;
        let found = self.src.as_deref().and_then(|name| ctx.touch(around, None, name));
        let Some(value) = found
            .and_then(|id| ctx.inst.variables.get(id))
            .map(|v| v.value.clone())
        else {
            let name = |name: &Option<String>| name.clone().unwrap_or_else(|| "null".to_owned());
            let message = format!(
                "Couldn't create variable '{}', since the source variable '{}does not exist",
                name(&self.dst),
                name(&self.src)
            );
            return Err(Ctx::failure(at, message));
        };
        self.set(at, around, value, ctx)
    }

    fn evaluate(
        &self,
        expression: &Expression,
        at: &Node,
        token: Id,
        ctx: &mut Ctx<'_, '_>,
    ) -> Result<(), Rejection> {
        let around = ctx.token(token)?.parent_id;
        let name = self.dst.as_deref().unwrap_or("null");
        let value = ctx.eval_typed(expression, around, name)?;
        self.set(at, around, value, ctx)
    }

    /// The scope around sets it: in the reference the activity has not begun.
    fn set(
        &self,
        at: &Node,
        around: Option<Id>,
        value: TypedValue,
        ctx: &mut Ctx<'_, '_>,
    ) -> Result<(), Rejection> {
        let name = self.dst.as_deref().ok_or_else(|| Ctx::failure(at, NOT_WRITTEN))?;
        ctx.set_variable(around, None, name, value);
        Ok(())
    }
}
