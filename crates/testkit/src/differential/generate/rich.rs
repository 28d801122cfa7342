//! Blocks with scripts, listeners, lists and maps, flows that fork without a gateway, links.
use super::model::{Builder, Element, Ends, Scope};

impl Builder {
    /// A task with more than an expression.
    pub(super) fn rich_leaf(&mut self, scope: &mut Scope) -> Ends {
        let asynchronous = self.asynchronous();
        let id = self.id("y");
        let listened = format!("${{task.setVariable('{id}_task', x)}}");
        let (head, inside): (&str, Vec<String>) = match self.dice.below(10) {
            0 | 1 => {
                let script = self.pick(&[
                    "script : ${x + 1}",
                    "script : ${execution.setVariable('made', x)}",
                    "script : text ${x}",
                    "script : ${x > 2}",
                ]);
                let result = self.pick(&["", " @resultVariable=y", " @resultVariable=z"]);
                let head = format!("script-task {id} scriptFormat=juel{result}{asynchronous}");
                scope.add(&id, head).inside.push(script.to_owned());
                return (id.clone(), id);
            }
            2 => {
                let event = self.pick(&["create", "complete", "delete", "assignment", "update"]);
                (
                    "user {} @assignee=demo",
                    vec![format!("listen-task {event} {listened}")],
                )
            }
            3 => (
                "user {}",
                vec![
                    "listen-task create ${task.setAssignee('kim')}".to_owned(),
                    format!("listen-task assignment {listened}"),
                ],
            ),
            4 | 5 => (
                "external {} topic @taskPriority=${x}",
                vec!["camunda:errorEventDefinition E1 expression=${x>2}".to_owned()],
            ),
            6 => (
                "user {} @dueDate=2030-01-02T03:04:05 @followUpDate=2030-01-01T00:00:00 @candidateUsers=ann,bob",
                Vec::new(),
            ),
            7 => ("receive {}", Vec::new()),
            8 => (
                "service {} @expression=${x}",
                vec![
                    "camunda:executionListener event=start".to_owned(),
                    "  camunda:script scriptFormat=juel : ${execution.setVariable('heard', x)}".to_owned(),
                ],
            ),
            _ => (
                "service {} @expression=${execution.setVariableLocal('near',x)}",
                Vec::new(),
            ),
        };
        let element = scope.add(&id, head.replacen("{}", &id, 1) + asynchronous);
        element.inside = inside;
        (id.clone(), id)
    }

    /// Parameters that are lists, maps and scripts.
    pub(super) fn rich_extras(&mut self, id: &str, element: &mut Element, multi: bool) {
        let value: &[&str] = match self.dice.below(5) {
            0 => &[
                "  camunda:list",
                "    camunda:value : ${x}",
                "    camunda:value : text",
            ],
            1 => &[
                "  camunda:map",
                "    camunda:entry key=a : ${x}",
                "    camunda:entry key=b : text",
            ],
            2 => &["  camunda:script scriptFormat=juel : ${x * 2}"],
            3 => &[
                "  camunda:map",
                "    camunda:entry key=a",
                "      camunda:list",
                "        camunda:value : ${x}",
            ],
            _ => &["  camunda:script scriptFormat=juel : ${x > 2}"],
        };
        let out = !multi && self.dice.once_in(2);
        let name = if out {
            format!("out {id}_out")
        } else {
            "in given".to_owned()
        };
        element.inside.push(name);
        element.inside.extend(value.iter().map(|line| (*line).to_owned()));
    }
}
