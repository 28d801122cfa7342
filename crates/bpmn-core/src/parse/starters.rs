//! Who may start a process, as its model names them.
use crate::{
    definition::Starter,
    xml::{bpmn_child, extension, extensions, raw_text, split_list},
};
use roxmltree::Node as Xml;

/// From `camunda:potentialStarter`s, whose names are groups unless they say `user(…)`, and from Camunda's attributes; as
/// often as they are named.
pub(super) fn read(process: Xml<'_, '_>) -> Vec<Starter> {
    let mut found = Vec::new();
    for starter in extensions(process, "potentialStarter") {
        let names = bpmn_child(starter, "resourceAssignmentExpression")
            .and_then(|expression| bpmn_child(expression, "formalExpression"))
            .map(raw_text);
        found.extend(
            owners(names.as_deref().unwrap_or_default()).map(|(group, name)| Starter { group, name }),
        );
    }
    for (group, attribute) in [(false, "candidateStarterUsers"), (true, "candidateStarterGroups")] {
        let names = split_list(extension(process, attribute).unwrap_or_default());
        found.extend(names.into_iter().map(|name| Starter {
            group,
            name: name.to_owned(),
        }));
    }
    found
}

/// Users (`false`) and groups (`true`) of a list of owners: `user(a), group(b), c`, where `c` is a group.
pub(crate) fn owners(list: &str) -> impl Iterator<Item = (bool, String)> {
    split_list(list).into_iter().map(|name| {
        for (group, prefix) in [(false, "user("), (true, "group(")] {
            if let Some(rest) = name.strip_prefix(prefix) {
                // Its last character is taken for the closing parenthesis.
                let mut chars = rest.chars();
                chars.next_back();
                return (group, chars.as_str().trim().to_owned());
            }
        }
        (true, name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use crate::parse::parse;

    #[test]
    fn who_may_start_is_read_from_both_notations() {
        // As the reference makes identity links of it.
        let model = r#"<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"
            xmlns:camunda="http://camunda.org/schema/1.0/bpmn" targetNamespace="t">
            <process id="p" isExecutable="true" camunda:candidateStarterUsers="a , ,b,${x}" camunda:candidateStarterGroups="g,g">
            <extensionElements><camunda:potentialStarter><resourceAssignmentExpression>
            <formalExpression>user(u), group(h), plain</formalExpression>
            </resourceAssignmentExpression></camunda:potentialStarter></extensionElements>
            <startEvent id="s"/></process></definitions>"#;
        let starters = &parse(model.as_bytes()).unwrap()[0].starters;
        let told: Vec<String> = starters
            .iter()
            .map(|s| format!("{}{}", if s.group { "group " } else { "" }, s.name))
            .collect();
        assert_eq!(
            told,
            [
                "u",
                "group h",
                "group plain",
                "a",
                "",
                "b",
                "${x}",
                "group g",
                "group g"
            ]
        );
    }
}
