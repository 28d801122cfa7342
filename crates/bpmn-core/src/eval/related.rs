//! What getters of `execution` and `task` lead to: other executions, the process definition, the element of the model.
//! Such an object is named by the way there (`execution.processDefinition`).
use super::{Bean, EXECUTION, Place, getter, text};
use expr::{EvalError, Value};
use topology::Id;

type Found = Result<Option<Value>, EvalError>;

/// An object that a getter leads to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Related {
    /// The execution of the process instance.
    Instance,
    /// The execution of the scope around.
    Parent,
    Definition,
    /// The element in the model.
    Element,
    /// The service of the engine that knows who asks; all other services fail.
    Identity,
    /// Who asks.
    Authentication,
}

impl Related {
    /// The object by its name.
    pub(super) fn of(bean: &str) -> Option<Related> {
        Some(match bean.rsplit_once('.').map_or(bean, |(_, last)| last) {
            IDENTITY => Related::Identity,
            AUTHENTICATION => Related::Authentication,
            _ if !bean.contains('.') => return None,
            "processInstance" => Related::Instance,
            "parent" => Related::Parent,
            "processDefinition" => Related::Definition,
            "bpmnModelElementInstance" => Related::Element,
            _ => return None,
        })
    }
}

/// The engine's service that expressions find under this name, too.
pub(super) const IDENTITY: &str = "identityService";
const AUTHENTICATION: &str = "currentAuthentication";

/// Whether the name is that of the engine's services.
pub(super) fn is_services(bean: &str) -> bool {
    bean.ends_with(".processEngineServices") || bean.ends_with(".processEngine")
}

/// A method of the engine's services. They can't be called from inside a step, which sees only its own instance.
pub(super) fn service(method: &str) -> Found {
    match getter(method) {
        Some((name, false)) => service_property(&name),
        _ => Ok(None),
    }
}

/// A property of the engine's services.
pub(super) fn service_property(name: &str) -> Found {
    match name {
        "name" => return Ok(Some(Value::from("default"))),
        IDENTITY => return Ok(Some(Value::Bean(IDENTITY.to_owned()))),
        _ => {}
    }
    if !name.ends_with("Service") {
        return Ok(None);
    }
    Err(EvalError::new(format!(
        "the engine's {name} can't be called in an expression here: use a BPMN event, a call activity or an external task \
         that calls the REST API"
    )))
}

impl Place<'_, '_, '_> {
    /// The object that a property of `execution` or `task` leads to.
    pub(super) fn leads_to(&self, bean: Bean, name: &str) -> Option<Value> {
        let of_execution = matches!(bean, Bean::Execution);
        let there = match name {
            "processInstance" | "processDefinition" if of_execution => true,
            "parent" if of_execution => self.execution() != self.ctx.inst.process.id,
            "bpmnModelElementInstance" => self.current().is_some(),
            "processEngineServices" | "processEngine" => true,
            _ => return None,
        };
        Some(match there {
            true => Value::Bean(format!("{EXECUTION}.{name}")),
            false => Value::Null,
        })
    }

    /// A method of such an object.
    pub(super) fn related_call(&mut self, related: Related, method: &str, args: Vec<Value>) -> Found {
        use expr::Context;
        match (related, args.as_slice()) {
            (Related::Instance, _) => self.at(None, |place| place.call(EXECUTION, method, args)),
            (Related::Parent, _) => {
                let scope = self.around();
                self.at(scope, |place| place.call(EXECUTION, method, args))
            }
            (Related::Element, [name]) if method == "getAttributeValue" => {
                let found = self.element_property(&name.to_text());
                Ok(Some(found.unwrap_or(Value::Null)))
            }
            (_, []) => match getter(method) {
                Some((name, _)) => self.related_property(related, &name),
                None => Ok(None),
            },
            _ => Ok(None),
        }
    }

    /// A property of such an object.
    pub(super) fn related_property(&mut self, related: Related, name: &str) -> Found {
        use expr::Context;
        match related {
            Related::Instance => self.at(None, |place| place.property(EXECUTION, name)),
            Related::Parent => {
                let scope = self.around();
                self.at(scope, |place| place.property(EXECUTION, name))
            }
            Related::Definition => Ok(self.definition_property(name)),
            Related::Element => Ok(self.element_property(name)),
            Related::Identity => Ok((name == AUTHENTICATION).then(|| match self.ctx.env.user {
                Some(_) => Value::Bean(AUTHENTICATION.to_owned()),
                None => Value::Null,
            })),
            Related::Authentication => Ok(self.authentication_property(name)),
        }
    }

    fn authentication_property(&self, name: &str) -> Option<Value> {
        let env = &*self.ctx.env;
        Some(match name {
            "userId" => text(env.user.map(str::to_owned)),
            "groupIds" => env.groups.map_or(Value::Null, |groups| {
                Value::List(groups.iter().cloned().map(Value::Str).collect())
            }),
            _ => return None,
        })
    }

    /// Does something as the execution of a scope; `None`: of the process instance.
    fn at<T>(&mut self, token: Option<Id>, run: impl FnOnce(&mut Place<'_, '_, '_>) -> T) -> T {
        run(&mut Place {
            ctx: &mut *self.ctx,
            token,
            task: None,
        })
    }

    /// The scope around.
    fn around(&self) -> Option<Id> {
        self.ctx.inst.tokens.get(self.token?)?.parent_id
    }

    fn definition_property(&self, name: &str) -> Option<Value> {
        let def = self.ctx.def;
        Some(match name {
            "id" => Value::Str(def.rest_id.to_owned()),
            "key" => Value::Str(def.definition.key.clone()),
            "name" => text(def.definition.name.clone()),
            "version" => Value::Int(def.version),
            "versionTag" => text(def.definition.version_tag.clone()),
            "category" => text(def.definition.category.clone()),
            "tenantId" => text(def.tenant_id.map(str::to_owned)),
            "description" => text(def.definition.documentation.clone()),
            "historyTimeToLive" => def.definition.history_ttl.map_or(Value::Null, Value::Int),
            _ => return None,
        })
    }

    fn element_property(&self, name: &str) -> Option<Value> {
        let node = self.current()?;
        Some(match name {
            "id" => Value::Str(node.id.clone()),
            "name" => text(node.name.clone()),
            "elementType" => Value::Map(vec![("typeName".to_owned(), Value::from(node.activity_type))]),
            _ => return None,
        })
    }
}
