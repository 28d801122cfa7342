//! Spin's XML elements. An element is kept as its text; methods that change it give the changed copy.

use roxmltree::{Document, Node};

use super::xpath::Query;
use super::{Called, text};
use crate::{EvalError, Java, Value};

const FORMAT_ERROR: &str = "org.camunda.spin.xml.SpinXmlDataFormatException";
const ATTRIBUTE_ERROR: &str = "org.camunda.spin.xml.SpinXmlAttributeException";
const ELEMENT_ERROR: &str = "org.camunda.spin.xml.SpinXmlElementException";

/// An attribute of an element, namespace declarations included.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute {
    pub(crate) prefix: Option<String>,
    pub(crate) namespace: Option<String>,
    pub(crate) name: String,
    pub(crate) value: String,
}

impl Attribute {
    /// The name as it is written.
    fn qualified(&self) -> String {
        qualified(self.prefix.as_deref(), &self.name)
    }

    /// A method of an attribute.
    pub(crate) fn call(&self, name: &str, arguments: &[Value]) -> Option<Value> {
        let optional = |value: Option<&String>| value.map_or(Value::Null, |text| Value::from(text.as_str()));
        Some(match (name, arguments) {
            ("value", []) => Value::from(self.value.as_str()),
            ("name", []) => Value::from(self.name.as_str()),
            ("namespace", []) => optional(self.namespace.as_ref()),
            ("hasNamespace", [wanted]) => Value::Bool(text(wanted) == self.namespace.as_deref()),
            ("getDataFormatName", []) => Value::from("application/xml"),
            _ => return None,
        })
    }
}

/// An element with what is below it.
#[derive(Clone)]
struct Element {
    prefix: Option<String>,
    name: String,
    /// Namespace declarations and then the other attributes, each in the order of the text.
    attributes: Vec<Attribute>,
    children: Vec<Child>,
}

#[derive(Clone)]
enum Child {
    Element(Element),
    Text(String),
}

fn qualified(prefix: Option<&str>, name: &str) -> String {
    match prefix {
        Some(prefix) => format!("{prefix}:{name}"),
        None => name.to_owned(),
    }
}

/// The element a text holds.
///
/// # Errors
/// The text is no XML document.
pub(crate) fn parse(input: &str) -> Result<Value, EvalError> {
    let input = input.trim_start();
    match Document::parse(input) {
        Ok(_) => Ok(Value::Xml(input.to_owned())),
        Err(_) => Err(unreadable()),
    }
}

fn unreadable() -> EvalError {
    EvalError::thrown(
        FORMAT_ERROR,
        "SPIN/DOM-XML-01009 Unable to parse input into DOM document",
    )
}

fn tree(source: &str) -> Result<Element, EvalError> {
    let document = Document::parse(source).map_err(|_| unreadable())?;
    Ok(element(source, document.root_element()))
}

/// The text of an element inside a document, with the namespaces it needs.
pub(crate) fn extracted(source: &str, node: Node<'_, '_>) -> Value {
    Value::Xml(compact(&element(source, node)))
}

/// An attribute of an element of a document.
pub(crate) fn attribute(source: &str, attribute: &roxmltree::Attribute<'_, '_>) -> Attribute {
    Attribute {
        prefix: prefix(source.get(attribute.range_qname())),
        namespace: attribute.namespace().map(str::to_owned),
        name: attribute.name().to_owned(),
        value: attribute.value().to_owned(),
    }
}

fn prefix(written: Option<&str>) -> Option<String> {
    written?.split_once(':').map(|(prefix, _)| prefix.to_owned())
}

/// A node as an element of its own: what is declared around it is declared at it.
fn element(source: &str, node: Node<'_, '_>) -> Element {
    let mut found = below(source, node);
    let declared: Vec<_> = node.namespaces().filter(|ns| ns.name() != Some("xml")).collect();
    let used: Vec<_> = declared
        .into_iter()
        .filter(|ns| node.parent_element().is_none() || uses(source, node, ns.name()))
        .map(|ns| declaration(ns.name(), ns.uri()))
        .collect();
    found.attributes.retain(|a| !is_declaration(a));
    found.attributes.splice(0..0, used);
    found
}

fn uses(source: &str, node: Node<'_, '_>, prefix: Option<&str>) -> bool {
    node.descendants().filter(Node::is_element).any(|element| {
        tag_prefix(source, element).as_deref() == prefix
            || prefix.is_some()
                && element
                    .attributes()
                    .any(|a| attribute(source, &a).prefix.as_deref() == prefix)
    })
}

fn declaration(prefix: Option<&str>, uri: &str) -> Attribute {
    Attribute {
        prefix: prefix.map(|_| "xmlns".to_owned()),
        namespace: Some("http://www.w3.org/2000/xmlns/".to_owned()),
        name: prefix.unwrap_or("xmlns").to_owned(),
        value: uri.to_owned(),
    }
}

fn is_declaration(attribute: &Attribute) -> bool {
    attribute.namespace.as_deref() == Some("http://www.w3.org/2000/xmlns/")
}

fn tag_prefix(source: &str, node: Node<'_, '_>) -> Option<String> {
    let tag = source.get(node.range())?.strip_prefix('<')?;
    let end = tag.find(|c: char| c.is_whitespace() || c == '>' || c == '/')?;
    prefix(tag.get(..end))
}

fn below(source: &str, node: Node<'_, '_>) -> Element {
    let outer: Vec<_> = node
        .parent_element()
        .map(|p| p.namespaces().collect())
        .unwrap_or_default();
    let declared = node
        .namespaces()
        .filter(|ns| !outer.iter().any(|o| o.name() == ns.name() && o.uri() == ns.uri()))
        .map(|ns| declaration(ns.name(), ns.uri()));
    let others = node.attributes().map(|a| attribute(source, &a));
    Element {
        prefix: tag_prefix(source, node),
        name: node.tag_name().name().to_owned(),
        attributes: declared.chain(others).collect(),
        children: node
            .children()
            .filter_map(|child| match child.text() {
                _ if child.is_element() => Some(Child::Element(below(source, child))),
                Some(text) if child.is_text() => Some(Child::Text(text.to_owned())),
                _ => None,
            })
            .collect(),
    }
}

fn escaped(text: &str, quoted: bool) -> String {
    let text = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    if quoted { text.replace('"', "&quot;") } else { text }
}

/// The start tag without its end: the element's own namespace, other declarations, attributes by name.
fn start_tag(element: &Element, out: &mut String) {
    out.push('<');
    out.push_str(&qualified(element.prefix.as_deref(), &element.name));
    let own = element.prefix.as_deref().unwrap_or("xmlns");
    let mut attributes: Vec<&Attribute> = element.attributes.iter().collect();
    attributes.sort_by_key(|a| {
        let declares = is_declaration(a);
        (!declares, !(declares && a.name == own), a.qualified())
    });
    for attribute in attributes {
        let value = escaped(&attribute.value, true);
        out.push_str(&format!(" {}=\"{value}\"", attribute.qualified()));
    }
}

fn compact(element: &Element) -> String {
    let mut out = String::new();
    written(element, None, &mut out);
    out
}

/// An element as Spin's `toString` shows it: indented, with an XML declaration.
pub(crate) fn pretty(source: &str) -> String {
    let Ok(element) = tree(source) else {
        return source.to_owned();
    };
    let mut out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>".to_owned();
    written(&element, Some(0), &mut out);
    out.push('\n');
    out
}

/// Writes an element; `level` is how deep it is indented, `None` writes it on one line.
fn written(element: &Element, level: Option<usize>, out: &mut String) {
    let break_line = |level: Option<usize>, out: &mut String| {
        if let Some(level) = level {
            out.push('\n');
            out.push_str(&"  ".repeat(level));
        }
    };
    start_tag(element, out);
    let shown: Vec<&Child> = element
        .children
        .iter()
        .filter(|child| level.is_none() || !matches!(child, Child::Text(text) if text.trim().is_empty()))
        .collect();
    if shown.is_empty() {
        out.push_str("/>");
        return;
    }
    out.push('>');
    let inner = match shown[..] {
        [Child::Text(_)] => None,
        _ => level.map(|level| level + 1),
    };
    for child in shown {
        break_line(inner, out);
        match child {
            Child::Element(child) => written(child, inner, out),
            Child::Text(text) => {
                out.push_str(&escaped(if inner.is_some() { text.trim() } else { text }, false))
            }
        }
    }
    if inner.is_some() {
        break_line(level, out);
    }
    out.push_str(&format!(
        "</{}>",
        qualified(element.prefix.as_deref(), &element.name)
    ));
}

/// A method of an element.
pub(crate) fn call(source: &str, name: &str, arguments: &[Value]) -> Called {
    let document = Document::parse(source).map_err(|_| unreadable())?;
    let root = document.root_element();
    let own = root.tag_name().namespace();
    let optional = |value: Option<&str>| value.map_or(Value::Null, Value::from);
    Ok(Some(match (name, arguments) {
        ("name", []) => Value::from(root.tag_name().name()),
        ("namespace", []) => optional(own),
        ("prefix", []) => optional(tag_prefix(source, root).as_deref()),
        ("textContent", []) => {
            let texts = root
                .descendants()
                .filter(Node::is_text)
                .filter_map(|node| node.text());
            Value::Str(texts.collect())
        }
        ("getDataFormatName", []) => Value::from("application/xml"),
        ("hasPrefix", [wanted]) => Value::Bool(text(wanted) == tag_prefix(source, root).as_deref()),
        ("hasNamespace", [wanted]) => Value::Bool(text(wanted) == own),
        ("hasAttr", [name]) => Value::Bool(find(source, None, &name.to_text()).is_ok()),
        ("hasAttrNs", [ns, name]) => Value::Bool(find(source, text(ns), &name.to_text()).is_ok()),
        ("attr", [name]) => Java::Attribute(find(source, None, &name.to_text())?).into(),
        ("attrNs", [ns, name]) => Java::Attribute(find(source, text(ns), &name.to_text())?).into(),
        ("attrs", []) => listed(attributes(source, None)?),
        ("attrs", [ns]) => listed(attributes(source, text(ns))?),
        ("attrNames", []) => names(attributes(source, None)?),
        ("attrNames", [ns]) => names(attributes(source, text(ns))?),
        ("childElements", []) => Value::List(
            root.children()
                .filter(Node::is_element)
                .map(|child| extracted(source, child))
                .collect(),
        ),
        ("childElements", [name]) => Value::List(children(source, root, own, &name.to_text())?),
        ("childElements", [ns, name]) => Value::List(children(source, root, text(ns), &name.to_text())?),
        ("childElement", [name]) => child(source, root, own, &name.to_text())?,
        ("childElement", [ns, name]) => child(source, root, text(ns), &name.to_text())?,
        ("xPath", [path]) => Java::XPath(Query::new(source, &path.to_text())).into(),
        ("mapTo", [class]) => {
            let class = class.to_text();
            let shown = format!("[{}: null]...", root.tag_name().name());
            let message = format!("SPIN/DOM-XML-01028 Cannot deserialize '{shown}' to java class '{class}'");
            return Err(EvalError::thrown(FORMAT_ERROR, message));
        }
        _ => return changed(source, name, arguments),
    }))
}

/// A method that changes an element: the changed copy.
fn changed(source: &str, name: &str, arguments: &[Value]) -> Called {
    let mut element = tree(source)?;
    let set = |element: &mut Element, ns: Option<&str>, name: &Value, value: &Value| {
        let (name, value) = (name.to_text(), value.to_text());
        let known = |a: &&mut Attribute| a.name == name && a.namespace.as_deref() == ns;
        match element.attributes.iter_mut().find(known) {
            Some(attribute) => attribute.value = value,
            None => element.attributes.push(Attribute {
                prefix: None,
                namespace: ns.map(str::to_owned),
                name,
                value,
            }),
        }
    };
    let unset = |element: &mut Element, ns: Option<&str>, name: &Value| {
        let name = name.to_text();
        element
            .attributes
            .retain(|a| a.name != name || a.namespace.as_deref() != ns);
    };
    match (name, arguments) {
        ("attr", [name, value]) => set(&mut element, None, name, value),
        ("attrNs", [ns, name, value]) => set(&mut element, text(ns), name, value),
        ("removeAttr", [name]) => unset(&mut element, None, name),
        ("removeAttrNs", [ns, name]) => unset(&mut element, text(ns), name),
        ("textContent", [content]) => element.children = vec![Child::Text(content.to_text())],
        ("append", added) if !added.is_empty() => {
            for added in added {
                let Value::Xml(added) = added else { return Ok(None) };
                element.children.push(Child::Element(tree(added)?));
            }
        }
        _ => return Ok(None),
    }
    Ok(Some(Value::Xml(compact(&element))))
}

/// All attributes in the order a DOM has them; `namespace` keeps those of one namespace.
fn attributes(source: &str, namespace: Option<&str>) -> Result<Vec<Attribute>, EvalError> {
    let mut found = tree(source)?.attributes;
    found.sort_by_key(Attribute::qualified);
    found.retain(|a| namespace.is_none() || a.namespace.as_deref() == namespace);
    Ok(found)
}

fn listed(attributes: Vec<Attribute>) -> Value {
    Value::List(
        attributes
            .into_iter()
            .map(|a| Java::Attribute(a).into())
            .collect(),
    )
}

fn names(attributes: Vec<Attribute>) -> Value {
    Value::List(attributes.into_iter().map(|a| Value::Str(a.name)).collect())
}

fn find(source: &str, namespace: Option<&str>, name: &str) -> Result<Attribute, EvalError> {
    let known = |a: &Attribute| a.name == name && a.namespace.as_deref() == namespace;
    tree(source)?.attributes.into_iter().find(known).ok_or_else(|| {
        let namespace = namespace.unwrap_or("null");
        let what = format!("attribute with namespace '{namespace}' and name '{name}'");
        EvalError::thrown(
            ATTRIBUTE_ERROR,
            format!("SPIN/DOM-XML-01006 Unable to find {what}"),
        )
    })
}

fn children(
    source: &str,
    root: Node<'_, '_>,
    namespace: Option<&str>,
    name: &str,
) -> Result<Vec<Value>, EvalError> {
    let wanted = |node: &Node<'_, '_>| {
        node.is_element() && node.tag_name().name() == name && node.tag_name().namespace() == namespace
    };
    let found: Vec<_> = root
        .children()
        .filter(wanted)
        .map(|node| extracted(source, node))
        .collect();
    if found.is_empty() {
        let namespace = namespace.unwrap_or("null");
        let what = format!("child element with namespace '{namespace}' and name '{name}'");
        return Err(EvalError::thrown(
            ELEMENT_ERROR,
            format!("SPIN/DOM-XML-01007 Unable to find {what}"),
        ));
    }
    Ok(found)
}

fn child(source: &str, root: Node<'_, '_>, namespace: Option<&str>, name: &str) -> Result<Value, EvalError> {
    let mut found = children(source, root, namespace, name)?;
    match (found.pop(), found.is_empty()) {
        (Some(only), true) => Ok(only),
        _ => {
            let namespace = namespace.unwrap_or("null");
            let place = format!("namespace '{namespace}' and name '{name}'");
            let message = format!("SPIN/DOM-XML-01008 More than one child element was found for {place}");
            Err(EvalError::thrown(ELEMENT_ERROR, message))
        }
    }
}
