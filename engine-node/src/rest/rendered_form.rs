//! The HTML of a form that has only fields, as the reference generates it for its task list.
use bpmn_core::{
    form::{Field, FieldKind, Shown},
    value::TypedValue,
};
use std::fmt::Write;

/// An HTML document being written, indented.
#[derive(Default)]
struct Html {
    text: String,
    depth: usize,
}

impl Html {
    fn line(&mut self, line: &str) {
        let _ = writeln!(self.text, "{}{line}", "  ".repeat(self.depth));
    }

    /// An element with what `inner` writes into it.
    fn element(&mut self, tag: &str, attributes: &str, inner: impl FnOnce(&mut Html)) {
        let space = if attributes.is_empty() { "" } else { " " };
        self.line(&format!("<{tag}{space}{attributes}>"));
        self.depth += 1;
        inner(self);
        self.depth -= 1;
        self.line(&format!("</{tag}>"));
    }
}

/// The form of some fields.
pub fn render<'a>(fields: impl Iterator<Item = (&'a Field, &'a Shown)>) -> String {
    let mut html = Html::default();
    html.element("form", r#"name="generatedForm" role="form""#, |html| {
        for (field, shown) in fields {
            html.element("div", r#"class="form-group""#, |html| {
                if let Some(label) = shown.label.as_deref().filter(|label| !label.is_empty()) {
                    html.element("label", &format!("for=\"{}\"", field.id), |html| html.line(label));
                }
                match &field.kind {
                    FieldKind::Date(_) => date(html, field, shown),
                    FieldKind::Enum(values) => select(html, field, values),
                    _ => html.line(&format!("<input {} />", input(field, shown))),
                }
                errors(html, field);
            });
        }
    });
    html.text
}

/// A text within an attribute, which nothing but a quote can end. What stands outside of attributes comes from the
/// model and stays as it is, as in the reference: a label may hold elements.
fn escaped(text: &str) -> String {
    text.replace('"', "&quot;")
}

/// The attributes that say which variable it is.
fn names(field: &Field) -> String {
    let id = &field.id;
    match field.business_key {
        true => format!(r#"class="form-control" name="{id}" cam-business-key"#),
        false => format!(
            r#"class="form-control" name="{id}" cam-variable-type="{}" cam-variable-name="{id}""#,
            field.kind.word()
        ),
    }
}

/// The constraints, as attributes; those of classes are the engine's alone.
fn constraints(field: &Field) -> String {
    let mut text = String::new();
    for constraint in &field.constraints {
        let name = match constraint.name.as_str() {
            "validator" => continue,
            "readonly" => "disabled",
            name => name,
        };
        let _ = write!(text, " {name}");
        if let Some(config) = &constraint.config {
            let _ = write!(text, "=\"{}\"", escaped(config));
        }
    }
    text
}

/// The reference shows the default, whatever the variable is; that of a date nowhere.
fn value(field: &Field, shown: &Shown) -> Option<String> {
    if matches!(field.kind, FieldKind::Date(_)) {
        return None;
    }
    match &shown.default {
        TypedValue::Null => None,
        TypedValue::String(text) => Some(escaped(text)),
        TypedValue::Long(number) => Some(number.to_string()),
        TypedValue::Boolean(truth) => Some(truth.to_string()),
        _ => None,
    }
}

fn input(field: &Field, shown: &Shown) -> String {
    let kind = match field.kind {
        FieldKind::Boolean => "checkbox",
        _ => "text",
    };
    let value = value(field, shown).map_or(String::new(), |value| format!(" value=\"{value}\""));
    format!("{}{} type=\"{kind}\"{value}", names(field), constraints(field))
}

fn date(html: &mut Html, field: &Field, shown: &Shown) {
    let FieldKind::Date(pattern) = &field.kind else {
        return;
    };
    let id = &field.id;
    let readonly = field.constraints.iter().any(|c| c.name == "readonly");
    html.element("div", r#"class="input-group""#, |html| {
        if readonly {
            // There is nothing to be picked.
            html.line(&format!("<input {} />", input(field, shown)));
            return;
        }
        html.line(&format!(
            "<input {} uib-datepicker-popup=\"{}\" is-open=\"dateFieldOpened{id}\" />",
            input(field, shown),
            escaped(pattern)
        ));
        html.element("div", r#"class="input-group-btn""#, |html| {
            let button = format!(r#"type="button" class="btn btn-default" ng-click="open{id}($event)""#);
            html.element("button", &button, |html| {
                html.element("i", r#"class="glyphicon glyphicon-calendar""#, |_| {});
            });
        });
        html.element("script", r#"cam-script type="text/form-script""#, |html| {
            html.line(&format!(
                "$scope.open{id} = function ($event) {{ $event.preventDefault(); $event.stopPropagation(); \
                 $scope.dateFieldOpened{id} = true; }};"
            ));
        });
    });
}

fn select(html: &mut Html, field: &Field, values: &[(String, String)]) {
    let attributes = format!("{}{}", names(field), constraints(field));
    html.element("select", &attributes, |html| {
        // The reference marks none, not even the default.
        for (id, name) in values {
            html.element("option", &format!("value=\"{}\"", escaped(id)), |html| {
                html.line(name);
            });
        }
    });
}

/// The notes beside a field that isn't filled in right.
fn errors(html: &mut Html, field: &Field) {
    let form = format!("this.generatedForm.{}", field.id);
    let frame = format!("ng-if=\"{form}.$invalid && {form}.$dirty\" class=\"has-error\"");
    let note = |html: &mut Html, when: String, text: &str| {
        html.element(
            "div",
            &format!("ng-show=\"{when}\" class=\"help-block\""),
            |html| html.line(text),
        );
    };
    html.element("div", &frame, |html| match &field.kind {
        FieldKind::Date(pattern) => {
            note(
                html,
                format!("{form}.$error.required && !{form}.$error.date"),
                "Required field",
            );
            let text = format!("Invalid date format: the date should have the pattern '{pattern}'");
            note(html, format!("{form}.$error.date"), &text);
        }
        kind => {
            note(html, format!("{form}.$error.required"), "Required field");
            let text = format!("Only a {} value is allowed", kind.word().to_lowercase());
            note(html, format!("{form}.$error.camVariableType"), &text);
        }
    });
}
