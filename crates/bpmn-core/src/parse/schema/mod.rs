//! Validation against the XML schema of BPMN 2.0, with the messages, their order and the positions of the reference's
//! validator: a table of declarations, content models as automata, and simple types.
mod content;
mod simple;
mod table;

use self::{
    content::{Leaf, State},
    simple::{Kind, Simple},
    table::{ComplexType, SCHEMA, Type},
};
use crate::{hash_order::hash_order, xml::Reader};
use roxmltree::{Attribute, Node as Xml};
use std::collections::{HashMap, HashSet};

const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
const XSD: &str = "http://www.w3.org/2001/XMLSchema";

/// Notes what the schema forbids in the file.
pub(super) fn validate<'x>(reader: &mut Reader<'x>, root: Xml<'x, 'x>) {
    let mut validator = Validator {
        reader,
        open: Vec::new(),
        ids: HashSet::new(),
        id_references: Vec::new(),
        locations: HashMap::new(),
        declared: SCHEMA.namespaces(),
    };
    validator.note_locations(root);
    validator.misled_by_locations();
    // Elements wait in a list instead of a call stack: a file decides how deep they nest.
    let mut at = root;
    validator.start(root);
    loop {
        if let Some(child) = at.first_element_child() {
            at = child;
            validator.start(at);
            continue;
        }
        loop {
            validator.end(at);
            if let Some(sibling) = at.next_sibling_element().filter(|_| at != root) {
                at = sibling;
                validator.start(at);
                break;
            }
            match at.parent_element().filter(|_| at != root) {
                Some(parent) => at = parent,
                None => return validator.finish(root),
            }
        }
    }
}

/// An element whose children are being read.
struct Open {
    ty: Type,
    state: State,
}

struct Validator<'r, 'x> {
    reader: &'r mut Reader<'x>,
    open: Vec<Open>,
    ids: HashSet<String>,
    id_references: Vec<String>,
    /// Where the file says the schema of a namespace is.
    locations: HashMap<String, Vec<String>>,
    /// The namespaces whose declarations are known.
    declared: &'static [&'static str],
}

impl<'x> Validator<'_, 'x> {
    fn start(&mut self, node: Xml<'x, 'x>) {
        let schema = &*SCHEMA;
        let namespace = node.tag_name().namespace().unwrap_or_default();
        let name = node.tag_name().name();
        if !self.open.is_empty() {
            self.note_locations(node);
        }
        self.look_up(namespace, node);
        let leaf = self.place(node);
        let mut declared = match leaf {
            Some(Leaf::Element(at)) => Some(at),
            _ => None,
        };
        declared = declared.or_else(|| self.global(namespace, name));
        let mut ty = declared.map(|at| schema.declarations[at].ty);
        let xsi_type = node.attribute((XSI, "type"));
        if ty.is_none() && xsi_type.is_none() {
            let message = if self.open.is_empty() {
                format!(
                    "cvc-elt.1.a: Cannot find the declaration of element '{}'.",
                    self.tag(node)
                )
            } else if matches!(leaf, Some(Leaf::Any { strict: true, .. })) {
                format!(
                    "cvc-complex-type.2.4.c: The matching wildcard is strict, but no declaration can be found for \
                     element '{}'.",
                    self.tag(node)
                )
            } else {
                String::new()
            };
            if !message.is_empty() {
                self.error(node, message);
            }
        }
        if let Some(text) = xsi_type {
            ty = self.type_from_instance(node, text, ty).or(ty);
        }
        let ty = ty.unwrap_or(Type::Any);
        if declared.is_some_and(|at| schema.declarations[at].is_abstract) {
            let message = format!(
                "cvc-elt.2: The value of {{abstract}} in the element declaration for '{}' must be false.",
                self.tag(node)
            );
            self.error(node, message);
        }
        if let Type::Complex(at) = ty
            && schema.types[at].is_abstract
        {
            let message = format!(
                "cvc-type.2: The type definition cannot be abstract for element {}.",
                self.tag(node)
            );
            self.error(node, message);
        }
        self.attributes(node, ty);
        self.open.push(Open {
            ty,
            state: State::Start,
        });
    }

    /// Finds the place of an element among its siblings.
    fn place(&mut self, node: Xml<'x, 'x>) -> Option<Leaf> {
        let schema = &*SCHEMA;
        let parent = self.open.last_mut()?;
        let at = match parent.ty {
            Type::Complex(at) => at,
            Type::Simple(_) => return None,
            Type::Any => {
                return Some(Leaf::Any {
                    outside: None,
                    strict: false,
                });
            }
        };
        let namespace = node.tag_name().namespace().filter(|ns| !ns.is_empty());
        let name = node.tag_name().name();
        let child = (namespace.unwrap_or_default(), name);
        let content = schema.types[at].content.as_ref();
        let known = self.declared.contains(&child.0) || !schema.namespaces().contains(&child.0);
        if parent.state != State::Failed {
            if let Some((leaf, found)) = content
                .filter(|_| known)
                .and_then(|c| c.step(schema, parent.state, child))
            {
                parent.state = State::After(leaf);
                return Some(found);
            }
            let repeated = content.and_then(|c| c.must_repeat(parent.state));
            let expected = content.and_then(|c| c.expected(schema, parent.state, self.declared));
            parent.state = State::Failed;
            let message = match expected {
                Some(_) if repeated.is_some() => format!(
                    "cvc-complex-type.2.4.g: Invalid content was found starting with element '{}'. {}",
                    self.tag(node),
                    once_more(repeated)
                ),
                Some(expected) => {
                    let found = match namespace {
                        Some(namespace) => format!("{{\"{namespace}\":{name}}}"),
                        None => name.to_owned(),
                    };
                    format!(
                        "cvc-complex-type.2.4.a: Invalid content was found starting with element '{found}'. One of \
                         '{expected}' is expected."
                    )
                }
                None => format!(
                    "cvc-complex-type.2.4.d: Invalid content was found starting with element '{}'. No child element \
                     is expected at this point.",
                    self.tag(node)
                ),
            };
            self.error(node, message);
        }
        content.filter(|_| known).and_then(|c| c.anywhere(schema, child))
    }

    /// The type that `xsi:type` names.
    fn type_from_instance(&mut self, node: Xml<'x, 'x>, text: &str, declared: Option<Type>) -> Option<Type> {
        let schema = &*SCHEMA;
        let qname = Simple::builtin("QName");
        let normalized = qname.normalized(text);
        if let Err(message) = qname.check(&normalized, node) {
            self.error(node, message);
            let message = format!(
                "cvc-elt.4.1: The value '{text}' of attribute '{XSI},type' of element '{}' is not a valid QName.",
                self.tag(node)
            );
            self.error(node, message);
            return None;
        }
        let (prefix, name) = match normalized.split_once(':') {
            Some((prefix, name)) => (Some(prefix), name),
            None => (None, normalized.as_str()),
        };
        let namespace = node.lookup_namespace_uri(prefix).unwrap_or_default();
        let found = if namespace == XSD {
            Some(match name {
                "anyType" => Type::Any,
                name => Type::Simple(Simple::builtin(name)),
            })
        } else {
            self.look_up(namespace, node);
            schema
                .type_named(namespace, name)
                .filter(|_| self.declared.contains(&namespace))
        };
        let Some(found) = found else {
            let message = format!(
                "cvc-elt.4.2: Cannot resolve '{text}' to a type definition for element '{}'.",
                self.tag(node)
            );
            self.error(node, message);
            return None;
        };
        if let Some(declared) = declared.filter(|&declared| !schema.is_derived(found, declared)) {
            let base = match declared {
                Type::Any => "anyType",
                Type::Simple(simple) => simple.name,
                Type::Complex(at) => schema.types[at].name.1,
            };
            let message = format!(
                "cvc-elt.4.3: Type '{text}' is not validly derived from the type definition, '{base}', of element '{}'.",
                self.tag(node)
            );
            self.error(node, message);
        }
        Some(found)
    }

    fn attributes(&mut self, node: Xml<'x, 'x>, ty: Type) {
        let complex: Option<&ComplexType> = match ty {
            Type::Complex(at) => Some(&SCHEMA.types[at]),
            _ => None,
        };
        for attribute in node.attributes() {
            let (namespace, name) = (attribute.namespace(), attribute.name());
            if namespace == Some(XSI) {
                match name {
                    "type" => self.value(node, attribute, Simple::builtin("QName")),
                    "nil" => self.value(node, attribute, Simple::builtin("boolean")),
                    _ => {}
                }
                continue;
            }
            if matches!(ty, Type::Simple(_)) {
                let message = format!(
                    "cvc-type.3.1.1: Element '{}' is a simple type, so it cannot have attributes, excepting those \
                     whose namespace name is identical to '{XSI}' and whose [local name] is one of 'type', 'nil', \
                     'schemaLocation' or 'noNamespaceSchemaLocation'. However, the attribute, '{}' was found.",
                    self.tag(node),
                    self.attribute_name(attribute)
                );
                self.error(node, message);
                continue;
            }
            let Some(complex) = complex else {
                self.look_up(namespace.unwrap_or_default(), node);
                continue;
            };
            let declared = complex
                .attributes
                .iter()
                .find(|a| namespace.is_none() && a.name == name);
            if let Some(declared) = declared {
                self.value(node, attribute, declared.ty);
                continue;
            }
            let foreign = namespace.is_some_and(|namespace| {
                complex
                    .foreign_attributes_outside
                    .is_some_and(|outside| outside != namespace)
            });
            if foreign {
                self.look_up(namespace.unwrap_or_default(), node);
            } else {
                let message = format!(
                    "cvc-complex-type.3.2.2: Attribute '{}' is not allowed to appear in element '{}'.",
                    self.attribute_name(attribute),
                    self.tag(node)
                );
                self.error(node, message);
            }
        }
        for attribute in complex.into_iter().flat_map(|c| &c.attributes) {
            if attribute.required && node.attribute(attribute.name).is_none() {
                let message = format!(
                    "cvc-complex-type.4: Attribute '{}' must appear on element '{}'.",
                    attribute.name,
                    self.tag(node)
                );
                self.error(node, message);
            }
        }
    }

    fn value(&mut self, node: Xml<'x, 'x>, attribute: Attribute<'x, 'x>, ty: &Simple) {
        if let Err(message) = self.check(node, ty, attribute.value()) {
            self.error(node, message);
            let message = format!(
                "cvc-attribute.3: The value '{}' of attribute '{}' on element '{}' is not valid with respect to its \
                 type, '{}'.",
                attribute.value(),
                self.attribute_name(attribute),
                self.tag(node),
                ty.name
            );
            self.error(node, message);
        }
    }

    fn check(&mut self, node: Xml<'x, 'x>, ty: &Simple, text: &str) -> Result<(), String> {
        let value = ty.normalized(text);
        ty.check(&value, node)?;
        match ty.kind {
            Kind::Id if !self.ids.insert(value.clone()) => Err(format!(
                "cvc-id.2: There are multiple occurrences of ID value '{value}'."
            )),
            Kind::IdRef => {
                self.id_references.push(value);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn end(&mut self, node: Xml<'x, 'x>) {
        let Some(open) = self.open.pop() else { return };
        let schema = &*SCHEMA;
        let texts = || node.children().filter(|c| c.is_text()).filter_map(|c| c.text());
        let at = match open.ty {
            Type::Any => return,
            Type::Complex(at) => at,
            Type::Simple(simple) => {
                if node.first_element_child().is_some() {
                    let message = format!(
                        "cvc-type.3.1.2: Element '{}' is a simple type, so it must have no element information item \
                         [children].",
                        self.tag(node)
                    );
                    self.error_at_end(node, message);
                }
                let text: String = texts().collect();
                if let Err(message) = self.check(node, simple, &text) {
                    self.error_at_end(node, message);
                    let message = format!(
                        "cvc-type.3.1.3: The value '{text}' of element '{}' is not valid.",
                        self.tag(node)
                    );
                    self.error_at_end(node, message);
                }
                return;
            }
        };
        let ty = &schema.types[at];
        let Some(content) = &ty.content else {
            if node.first_element_child().is_some() || texts().any(|text| !text.is_empty()) {
                let message = format!(
                    "cvc-complex-type.2.1: Element '{}' must have no character or element information item \
                     [children], because the type's content type is empty.",
                    self.tag(node)
                );
                self.error_at_end(node, message);
            }
            return;
        };
        let space = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r');
        if !ty.mixed && texts().any(|text| !text.chars().all(space)) {
            let message = format!(
                "cvc-complex-type.2.3: Element '{}' cannot have character [children], because the type's content type \
                 is element-only.",
                self.tag(node)
            );
            self.error_at_end(node, message);
        }
        if !content.may_end(open.state) {
            let expected = content
                .expected(schema, open.state, self.declared)
                .unwrap_or_default();
            let message = match content.must_repeat(open.state) {
                Some(leaf) => format!(
                    "cvc-complex-type.2.4.i: The content of element '{}' is not complete. {}",
                    self.tag(node),
                    once_more(Some(leaf))
                ),
                None => format!(
                    "cvc-complex-type.2.4.b: The content of element '{}' is not complete. One of '{expected}' is \
                     expected.",
                    self.tag(node)
                ),
            };
            self.error_at_end(node, message);
        }
    }

    /// References to ids that the file doesn't have.
    fn finish(&mut self, root: Xml<'x, 'x>) {
        let references = std::mem::take(&mut self.id_references);
        let mut seen = HashSet::new();
        let missing: Vec<&str> = references
            .iter()
            .map(String::as_str)
            .filter(|id| !self.ids.contains(*id) && seen.insert(*id))
            .collect();
        let order = hash_order(&missing);
        for at in order {
            let message = format!(
                "cvc-id.1: There is no ID/IDREF binding for IDREF '{}'.",
                missing[at]
            );
            self.error_at_end(root, message);
        }
    }

    fn note_locations(&mut self, node: Xml<'x, 'x>) {
        let Some(text) = node.attribute((XSI, "schemaLocation")) else {
            return;
        };
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        for pair in words.chunks(2) {
            match pair {
                [namespace, location] => self
                    .locations
                    .entry((*namespace).to_owned())
                    .or_default()
                    .push((*location).to_owned()),
                _ => {
                    let position = self.reader.position(node);
                    let message = format!(
                        "SchemaLocation: schemaLocation value = '{text}' must have even number of URI's."
                    );
                    self.reader.warning_at(message, position);
                }
            }
        }
    }

    /// Schemas that the file names aren't read, here as little as on a reference without access to them: it warns each
    /// time it would need one.
    fn look_up(&mut self, namespace: &str, node: Xml<'x, 'x>) {
        if self.declared.contains(&namespace) {
            return;
        }
        let Some(location) = self.locations.get(namespace).and_then(|l| l.first()) else {
            return;
        };
        let message = unreadable(location);
        let position = self.reader.position(node);
        self.reader.warning_at(message, position);
    }

    /// A file that says where the schema of diagrams is leads the reference away from its own copy: it warns of the
    /// place in its schema that needs the other, and does without declarations of diagrams.
    fn misled_by_locations(&mut self) {
        let [model, diagrams, ..] = SCHEMA.namespaces() else {
            return;
        };
        let Some(location) = self.locations.get(*diagrams).and_then(|l| l.first()) else {
            return;
        };
        self.reader.warning_at(unreadable(location), (8, 96));
        let message = "src-resolve: Cannot resolve the name 'bpmndi:BPMNDiagram' to a(n) 'element declaration' component.";
        self.reader.push(message.to_owned(), 17, 79, "", &[]);
        self.declared = std::slice::from_ref(model);
    }

    fn global(&self, namespace: &str, name: &str) -> Option<usize> {
        SCHEMA
            .element(namespace, name)
            .filter(|_| self.declared.contains(&namespace))
    }

    fn error(&mut self, node: Xml<'x, 'x>, message: String) {
        let (line, column) = self.reader.position(node);
        self.reader.push(message, line, column, "", &[]);
    }

    fn error_at_end(&mut self, node: Xml<'x, 'x>, message: String) {
        let (line, column) = self.reader.end_position(node);
        self.reader.push(message, line, column, "", &[]);
    }

    /// The element's name with its prefix.
    fn tag(&self, node: Xml<'_, '_>) -> String {
        self.reader.qualified_name(node).to_owned()
    }

    fn attribute_name(&self, attribute: Attribute<'_, '_>) -> String {
        self.reader.source(attribute.range_qname()).to_owned()
    }
}

/// What is said of an element that must come twice and came once.
fn once_more(declared: Option<usize>) -> String {
    let (namespace, name) = declared.map_or(("", ""), |at| SCHEMA.declarations[at].name);
    format!(
        "'\"{namespace}\":{name}' is expected to occur a minimum of '2' times. One more instance is required to satisfy \
         this constraint."
    )
}

/// The warning about a schema that can't be read.
fn unreadable(location: &str) -> String {
    let cause = match location.split_once("://") {
        Some((_, rest)) => rest.split('/').next().unwrap_or_default().to_owned(),
        None => format!("{location} (No such file or directory)"),
    };
    format!(
        "schema_reference.4: Failed to read schema document '{location}', because 1) could not find the document; 2) the \
         document could not be read; 3) the root element of the document is not <xsd:schema>.: {cause}"
    )
}
