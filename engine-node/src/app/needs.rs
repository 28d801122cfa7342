//! What deployed models need that this node may lack: a warning for the operator, or a refusal.
use super::{EngineError, Settings};
use bpmn_core::{
    Definition, ParseErrors, Problem, Severity,
    needs::{Need, Needed},
    problem::Refusal,
    world::JavaCode,
};

/// Why the node can't do what is needed, and what to set; `None`: it can.
fn lacking(settings: &Settings, need: &Need) -> Option<String> {
    let topic = |code: JavaCode<'_>| settings.java.topic(code).is_some();
    let mapped = match &need.what {
        Needed::Class(class) => topic(JavaCode::Class(class)),
        Needed::Delegate(expression) => topic(JavaCode::Delegate(expression)),
        Needed::Bean(bean) => match topic(JavaCode::Bean(bean)) {
            true => true,
            false => return Some("as a bean it has no external task topic: --java-delegates".to_owned()),
        },
        Needed::Listener(_) => {
            return Some("Java listeners can't be run: use an expression or a script".to_owned());
        }
        Needed::Script(language) => match settings.runner.runs(language) {
            true => true,
            false => return Some(format!("this node runs no scripts in '{language}'")),
        },
    };
    (!mapped).then(|| "it has no external task topic: --java-delegates".to_owned())
}

/// Warns of everything that models need and this node lacks.
///
/// # Errors
/// With `strict_deploy` such models are refused, with line and element.
pub fn check(settings: &Settings, models: &[(String, Vec<Definition>)]) -> Result<(), EngineError> {
    let mut refused = Vec::new();
    for (file, definitions) in models {
        let mut problems = Vec::new();
        for definition in definitions {
            if settings.enforce_history_ttl {
                problems.extend(missing_ttl(definition));
            }
            for need in &definition.needs {
                let Some(why) = lacking(settings, need) else {
                    continue;
                };
                let message = format!("Element '{}' needs {}, and {why}", need.element, need.what);
                // Nobody knows yet whether there will be a variable of a bean's name.
                let sure = !matches!(need.what, Needed::Bean(_));
                if settings.strict_deploy && sure {
                    problems.push(Problem {
                        message,
                        line: need.line,
                        column: need.column,
                        main_element: Some(need.element.clone()),
                        element_ids: vec![need.element.clone()],
                        severity: Severity::Error,
                    });
                } else {
                    tracing::warn!(
                        definition = %definition.key,
                        file,
                        line = need.line,
                        "{message}; it fails when it is reached"
                    );
                }
            }
        }
        if !problems.is_empty() {
            let refusal = Refusal::Problems;
            refused.push((file.clone(), ParseErrors { problems, refusal }));
        }
    }
    match refused.first() {
        None => Ok(()),
        Some((file, errors)) => Err(EngineError::Parse {
            message: errors.message(file),
            problems: refused,
        }),
    }
}

/// The reference's words for a process without a time to live, where it asks for one.
fn missing_ttl(definition: &Definition) -> Option<Problem> {
    let (line, column) = definition.without_ttl?;
    let message = "ENGINE-12018 History Time To Live (TTL) cannot be null. TTL is necessary for the History Cleanup to \
                   work. The following options are possible:\n* Set historyTimeToLive in the model\n* Set a default \
                   historyTimeToLive as a global process engine configuration\n* (Not recommended) Deactivate the \
                   enforceTTL config to disable this check";
    Some(Problem {
        message: format!("{message}: {message}"),
        line,
        column,
        main_element: Some(definition.key.clone()),
        element_ids: vec![definition.key.clone()],
        severity: Severity::Error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_without_a_time_to_live_is_refused_where_the_operator_asks_for_it() {
        let mut settings = Settings::default();
        assert_eq!(checked(&settings), Ok(()));
        settings.enforce_history_ttl = true;
        let refused = checked(&settings).expect_err("it has none");
        assert!(
            refused.contains("ENGINE-12018 History Time To Live (TTL) cannot be null."),
            "{refused}"
        );
        assert!(refused.contains("line 2"), "{refused}");
    }

    const MODEL: &str = r#"<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" targetNamespace="test"
        xmlns:camunda="http://camunda.org/schema/1.0/bpmn"><process id="p" isExecutable="true"><startEvent id="s"/>
        <sequenceFlow id="f1" sourceRef="s" targetRef="a"/><serviceTask id="a" camunda:class="com.acme.Mail"/>
        <sequenceFlow id="f2" sourceRef="a" targetRef="b"/>
        <serviceTask id="b" camunda:expression="${orders.add(1)}"/></process></definitions>"#;

    fn checked(settings: &Settings) -> Result<(), String> {
        let models = vec![(
            "order.bpmn".to_owned(),
            bpmn_core::parse(MODEL.as_bytes()).expect("a model"),
        )];
        check(settings, &models).map_err(|error| error.to_string())
    }

    #[test]
    fn a_strict_node_refuses_what_it_can_not_run_with_line_and_element() {
        let mut settings = Settings::default();
        assert_eq!(checked(&settings), Ok(()));
        settings.strict_deploy = true;
        assert_eq!(
            checked(&settings),
            Err(
                "ENGINE-09005 Could not parse BPMN process. Errors: \n* Element 'a' needs the Java class \
                 'com.acme.Mail', and it has no external task topic: --java-delegates | resource order.bpmn | line 3 | \
                 column 111"
                    .to_owned()
            )
        );
        settings.java = std::sync::Arc::new(toml::from_str("default = \"java\"").expect("topics"));
        assert_eq!(checked(&settings), Ok(()));
    }
}
