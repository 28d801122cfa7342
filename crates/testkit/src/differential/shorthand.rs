//! BPMN in a short form, one element a line, what is inside it indented by two more blanks.
//!
//! ```text
//! process KEY
//!   start s > work
//!   user work @assignee=demo after > choose
//!     in x : ${y + 1}
//!   boundary late work nonint timer PT1H > choose
//!   xor choose > sub if ${x > 1} > e default
//!   sub sub > e
//!     multi par 3 until=${done}
//!     start s2 > e2
//!     end e2 error E1
//!   end e
//! ```
//! - The first word is the element (a short form of [`TAGS`] or any name of BPMN), the second its id. `name=value` is an
//!   attribute, `@name=value` one of Camunda's, `.name=value` (`.@name=value`) one of the event definition. What contains
//!   blanks stands in double quotes or in `{}`; text follows ` : `.
//! - `> TARGET` is a flow, with `if CONDITION` or `default`. `~> HANDLER` ties a compensation handler to a boundary event.
//! - Events name what they wait for or throw: `timer PT1H`, `timer:cycle R3/PT1H`, `timer:date …`, `message m`, `signal s`,
//!   `error e`, `escalation e`, `conditional ${…}`, `compensate a`, `cancel`, `terminate`, `link l`. Messages, signals, errors
//!   and escalations that are only used are declared too; messages and signals are called `NAME-KEY`.
//! - Words: `async` (before), `after` (asynchronous), `nonexclusive`, `nonint` (not interrupting).
//! - Inside: `multi par|seq [COUNT] [over=COLLECTION] [as=ELEMENT] [until=CONDITION]`, `in NAME : VALUE` and
//!   `out NAME : VALUE` (parameters), `listen EVENT EXPRESSION`, `listen-task EVENT EXPRESSION`, `retry CYCLE`, `camunda:…` elements.
use anyhow::{Context, Result, bail};
use std::{collections::BTreeMap, fmt::Write};

/// Short forms of elements: word, element, attributes.
const TAGS: [(&str, &str, &str); 22] = [
    ("and", "parallelGateway", ""),
    ("boundary", "boundaryEvent", ""),
    ("call", "callActivity", ""),
    ("catch", "intermediateCatchEvent", ""),
    ("end", "endEvent", ""),
    ("event-gateway", "eventBasedGateway", ""),
    ("event-sub", "subProcess", " triggeredByEvent=\"true\""),
    ("external", "serviceTask", " camunda:type=\"external\""),
    ("manual", "manualTask", ""),
    ("or", "inclusiveGateway", ""),
    ("process", "process", " isExecutable=\"true\""),
    ("receive", "receiveTask", ""),
    ("rule", "businessRuleTask", ""),
    ("script-task", "scriptTask", ""),
    ("send", "sendTask", ""),
    ("service", "serviceTask", ""),
    ("start", "startEvent", ""),
    ("sub", "subProcess", ""),
    ("throw", "intermediateThrowEvent", ""),
    ("tx", "transaction", ""),
    ("user", "userTask", ""),
    ("xor", "exclusiveGateway", ""),
];
const EVENTS: [&str; 5] = ["start", "end", "catch", "throw", "boundary"];
/// Event definitions: word, element, the attribute that holds the word after it.
const DEFINITIONS: [(&str, &str, &str); 12] = [
    ("cancel", "cancelEventDefinition", ""),
    ("compensate", "compensateEventDefinition", "activityRef"),
    ("conditional", "conditionalEventDefinition", "condition"),
    ("error", "errorEventDefinition", "errorRef"),
    ("escalation", "escalationEventDefinition", "escalationRef"),
    ("link", "linkEventDefinition", "name"),
    ("message", "messageEventDefinition", "messageRef"),
    ("signal", "signalEventDefinition", "signalRef"),
    ("terminate", "terminateEventDefinition", ""),
    ("timer", "timerEventDefinition", "timeDuration"),
    ("timer:cycle", "timerEventDefinition", "timeCycle"),
    ("timer:date", "timerEventDefinition", "timeDate"),
];

struct Line {
    words: Vec<String>,
    text: Option<String>,
    inside: Vec<Line>,
}

/// The BPMN document.
pub fn expand(short: &str) -> Result<String> {
    let mut rows = Vec::new();
    for (number, row) in short
        .lines()
        .enumerate()
        .filter(|(_, row)| !row.trim().is_empty())
    {
        let depth = row.len() - row.trim_start().len();
        let (words, text) = words(row.trim()).with_context(|| format!("line {}: {row}", number + 1))?;
        rows.push((
            depth,
            Line {
                words,
                text,
                inside: Vec::new(),
            },
        ));
    }
    let mut rows = rows.into_iter().peekable();
    let roots = nested(&mut rows, 0);
    let mut document = Document::default();
    for line in &roots {
        document.root(line)?;
    }
    document.finish()
}

fn nested(rows: &mut std::iter::Peekable<std::vec::IntoIter<(usize, Line)>>, depth: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    while let Some((own, mut line)) = rows.next_if(|(own, _)| *own >= depth) {
        line.inside = nested(rows, own + 1);
        lines.push(line);
    }
    lines
}

/// The words of a line, and the text behind ` : `.
fn words(row: &str) -> Result<(Vec<String>, Option<String>)> {
    let (mut words, mut word, mut depth, mut quoted) = (Vec::new(), String::new(), 0_u32, false);
    for (at, c) in row.char_indices() {
        match c {
            '"' if depth == 0 => quoted = !quoted,
            '{' if !quoted => depth += 1,
            '}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        if c == ' ' && !quoted && depth == 0 {
            if word == ":" {
                return Ok((words, Some(row[at + 1..].to_owned())));
            }
            words.extend(Some(std::mem::take(&mut word)).filter(|w| !w.is_empty()));
        } else if c != '"' || depth > 0 {
            word.push(c);
        }
    }
    if quoted || depth > 0 {
        bail!("a quote or brace is not closed");
    }
    if word == ":" {
        return Ok((words, Some(String::new())));
    }
    words.extend(Some(word).filter(|w| !w.is_empty()));
    Ok((words, None))
}

/// `name="value"`, escaped.
fn attribute(name: &str, value: &str) -> String {
    format!(" {}=\"{}\"", name.replace('@', "camunda:"), escaped(value))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace("\\n", "&#10;")
}

/// Name and value of `name=value`, if it is an attribute.
fn pair(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once('=')?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '@' | '.' | ':' | '-' | '_');
    (!name.is_empty() && name.chars().all(plain)).then_some((name, value))
}

#[derive(Default)]
struct Document {
    body: String,
    /// What events refer to: (element, id).
    used: BTreeMap<(&'static str, String), bool>,
    /// Associations of the scope that is being written: the schema wants them behind its flow elements.
    associations: String,
}

/// The parts of an element, in the order of the schema.
#[derive(Default)]
struct Parts {
    attributes: String,
    extensions: String,
    parameters: String,
    looped: String,
    inside: String,
    /// The event definition: element and what stands in it.
    event: Option<(&'static str, String, String)>,
    /// Flows, which follow the element.
    after: String,
}

impl Document {
    fn root(&mut self, line: &Line) -> Result<()> {
        let tag = line.words[0].as_str();
        if let ("message" | "signal" | "error" | "escalation", [_, id, rest @ ..]) = (tag, &line.words[..]) {
            let attributes: String = rest
                .iter()
                .filter_map(|w| pair(w))
                .map(|(n, v)| attribute(n, v))
                .collect();
            let _ = write!(self.body, "<{tag} id=\"{id}_{tag}\"{attributes}/>");
            let tag = ["message", "signal", "error", "escalation"]
                .into_iter()
                .find(|t| *t == tag);
            self.used.insert((tag.unwrap_or_default(), id.clone()), true);
            return Ok(());
        }
        let xml = self.element(line)?;
        self.body.push_str(&xml);
        Ok(())
    }

    fn finish(self) -> Result<String> {
        let mut declared = String::new();
        for ((tag, id), _) in self.used.iter().filter(|(_, declared)| !**declared) {
            let _ = match *tag {
                "message" | "signal" => write!(declared, "<{tag} id=\"{id}_{tag}\" name=\"{id}-KEY\"/>"),
                tag => write!(
                    declared,
                    "<{tag} id=\"{id}_{tag}\" name=\"{id}\" {tag}Code=\"{id}\"/>"
                ),
            };
        }
        Ok(format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<definitions xmlns=\"http://www.omg.org/spec/BPMN/20100524/MODEL\" \
             xmlns:camunda=\"http://camunda.org/schema/1.0/bpmn\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
             targetNamespace=\"t\">{declared}{}</definitions>",
            self.body
        ))
    }

    /// The id of the message (or the like) of that name, which is declared if it isn't.
    fn refer(&mut self, tag: &'static str, name: &str) -> String {
        self.used.entry((tag, name.to_owned())).or_insert(false);
        format!("{name}_{tag}")
    }

    fn element(&mut self, line: &Line) -> Result<String> {
        let [word, rest @ ..] = &line.words[..] else {
            bail!("an empty line")
        };
        let (tag, fixed) = TAGS
            .iter()
            .find(|(short, ..)| short == word)
            .map_or((word.as_str(), ""), |(_, tag, fixed)| (*tag, *fixed));
        let mut parts = Parts {
            attributes: fixed.to_owned(),
            ..Parts::default()
        };
        let mut rest = rest.iter().map(String::as_str).peekable();
        let id = rest
            .next_if(|w| pair(w).is_none() && !w.starts_with('>'))
            .unwrap_or_default()
            .to_owned();
        if !id.is_empty() {
            parts.attributes += &attribute("id", &id);
        }
        let argument = match word.as_str() {
            "boundary" => "attachedToRef",
            "call" => "calledElement",
            "external" => "camunda:topic",
            "receive" => "messageRef",
            _ => "",
        };
        if !argument.is_empty()
            && let Some(value) = rest.next_if(|w| pair(w).is_none() && !is_word(w))
        {
            let value = match word.as_str() {
                "receive" => self.refer("message", value),
                _ => value.to_owned(),
            };
            parts.attributes += &attribute(argument, &value);
        }
        while let Some(next) = rest.next() {
            match next {
                "async" => parts.attributes += " camunda:asyncBefore=\"true\"",
                "after" => parts.attributes += " camunda:asyncAfter=\"true\"",
                "nonexclusive" => parts.attributes += " camunda:exclusive=\"false\"",
                "nonint" if word == "boundary" => parts.attributes += " cancelActivity=\"false\"",
                "nonint" => parts.attributes += " isInterrupting=\"false\"",
                ">" => self.flow(&id, &mut rest, &mut parts, &[])?,
                "~>" => {
                    let handler = rest.next().context("no handler behind ~>")?;
                    let _ = write!(
                        self.associations,
                        "<association id=\"{id}_handled\" associationDirection=\"One\" sourceRef=\"{id}\" targetRef=\"{handler}\"/>"
                    );
                }
                _ => {
                    if let Some((name, value)) = pair(next) {
                        match (name.strip_prefix('.'), &mut parts.event) {
                            (Some(name), Some((_, attributes, _))) => *attributes += &attribute(name, value),
                            (Some(_), None) => bail!("{next} has no event definition before it"),
                            (None, _) => parts.attributes += &attribute(name, value),
                        }
                    } else if let Some((_, definition, attribute)) = DEFINITIONS
                        .iter()
                        .find(|(kind, ..)| EVENTS.contains(&word.as_str()) && *kind == next)
                    {
                        let value = (!attribute.is_empty())
                            .then(|| rest.next_if(|w| pair(w).is_none() && !is_word(w)))
                            .flatten();
                        parts.event = Some(self.definition(definition, attribute, value));
                    } else {
                        bail!("what is {next} in {:?}?", line.words);
                    }
                }
            }
        }
        let scope = matches!(tag, "process" | "subProcess" | "transaction");
        let outer = scope.then(|| std::mem::take(&mut self.associations));
        for inner in &line.inside {
            self.inner(&id, inner, &mut parts)?;
        }
        if let Some(outer) = outer {
            parts.inside += &std::mem::replace(&mut self.associations, outer);
        }
        if !parts.parameters.is_empty() {
            parts.extensions += &format!("<camunda:inputOutput>{}</camunda:inputOutput>", parts.parameters);
        }
        let mut xml = format!("<{tag}{}>", parts.attributes);
        if tag.starts_with("camunda:") {
            xml += &parts.extensions;
        } else if !parts.extensions.is_empty() {
            let _ = write!(xml, "<extensionElements>{}</extensionElements>", parts.extensions);
        }
        xml += &parts.looped;
        xml += &parts.inside;
        if let Some(text) = &line.text {
            xml += &escaped(text);
        }
        if let Some((definition, attributes, inside)) = parts.event {
            let _ = write!(xml, "<{definition}{attributes}>{inside}</{definition}>");
        }
        let _ = write!(xml, "</{tag}>{}", parts.after);
        Ok(xml)
    }

    /// Attributes and content of an event definition.
    fn definition(
        &mut self,
        tag: &'static str,
        name: &str,
        value: Option<&str>,
    ) -> (&'static str, String, String) {
        let (mut attributes, mut inside) = (String::new(), String::new());
        if let Some(value) = value {
            match name {
                "condition" => {
                    inside = format!(
                        "<condition xsi:type=\"tFormalExpression\">{}</condition>",
                        escaped(value)
                    )
                }
                "timeDuration" | "timeCycle" | "timeDate" => {
                    inside = format!("<{name}>{}</{name}>", escaped(value))
                }
                "messageRef" => attributes = attribute(name, &self.refer("message", value)),
                "signalRef" => attributes = attribute(name, &self.refer("signal", value)),
                "errorRef" => attributes = attribute(name, &self.refer("error", value)),
                "escalationRef" => attributes = attribute(name, &self.refer("escalation", value)),
                _ => attributes = attribute(name, value),
            }
        }
        (tag, attributes, inside)
    }

    /// A flow whose target comes next.
    fn flow<'a>(
        &mut self,
        source: &str,
        rest: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>,
        parts: &mut Parts,
        inside: &[Line],
    ) -> Result<()> {
        let target = rest.next().context("no target behind >")?;
        let mut id = format!("{source}_{target}");
        while parts.after.contains(&format!(" id=\"{id}\"")) {
            id += "_";
        }
        let mut content = Parts::default();
        for line in inside {
            self.inner(&id, line, &mut content)?;
        }
        let mut xml = String::new();
        if !content.extensions.is_empty() {
            let _ = write!(
                xml,
                "<extensionElements>{}</extensionElements>",
                content.extensions
            );
        }
        xml += &content.inside;
        if rest.next_if_eq(&"if").is_some() {
            let condition = escaped(rest.next().context("no condition behind if")?);
            let _ = write!(
                xml,
                "<conditionExpression xsi:type=\"tFormalExpression\">{condition}</conditionExpression>"
            );
        } else if rest.next_if_eq(&"default").is_some() {
            parts.attributes += &attribute("default", &id);
        }
        let _ = write!(
            parts.after,
            "<sequenceFlow id=\"{id}\" sourceRef=\"{source}\" targetRef=\"{target}\">{xml}</sequenceFlow>"
        );
        Ok(())
    }

    /// A line inside an element.
    fn inner(&mut self, id: &str, line: &Line, parts: &mut Parts) -> Result<()> {
        let words: Vec<&str> = line.words.iter().map(String::as_str).collect();
        match words[..] {
            [">", ..] => {
                let mut rest = words.into_iter().skip(1).peekable();
                return self.flow(id, &mut rest, parts, &line.inside);
            }
            ["multi", way, ref rest @ ..] => parts.looped = multi(way, rest),
            [kind @ ("in" | "out"), name] => {
                let value = line.text.as_deref().map(escaped).unwrap_or_default();
                let inside = line
                    .inside
                    .iter()
                    .map(|l| self.element(l))
                    .collect::<Result<String>>()?;
                let _ = write!(
                    parts.parameters,
                    "<camunda:{kind}putParameter name=\"{name}\">{value}{inside}</camunda:{kind}putParameter>"
                );
            }
            ["listen", event, expression] => {
                parts.extensions += "<camunda:executionListener";
                parts.extensions += &attribute("event", event);
                parts.extensions += &attribute("expression", expression);
                parts.extensions += "/>";
            }
            ["listen-task", event, expression] => {
                parts.extensions += "<camunda:taskListener";
                parts.extensions += &attribute("event", event);
                parts.extensions += &attribute("expression", expression);
                parts.extensions += "/>";
            }
            ["retry", cycle] => {
                let cycle = escaped(cycle);
                let _ = write!(
                    parts.extensions,
                    "<camunda:failedJobRetryTimeCycle>{cycle}</camunda:failedJobRetryTimeCycle>"
                );
            }
            ["camunda:errorEventDefinition", error, ..] => {
                let error = self.refer("error", error);
                let attributes: String = words
                    .iter()
                    .filter_map(|w| pair(w))
                    .map(|(n, v)| attribute(n, v))
                    .collect();
                let _ = write!(
                    parts.extensions,
                    "<camunda:errorEventDefinition id=\"{id}_{error}_definition\" errorRef=\"{error}\"{attributes}/>"
                );
            }
            [tag, ..] if tag.starts_with("camunda:") => parts.extensions += &self.element(line)?,
            _ => parts.inside += &self.element(line)?,
        }
        Ok(())
    }
}

/// Whether it stands for itself and is no argument of the word before.
fn is_word(word: &str) -> bool {
    matches!(word, ">" | "~>" | "async" | "after" | "nonexclusive" | "nonint")
        || DEFINITIONS.iter().any(|(kind, ..)| *kind == word)
}

fn multi(way: &str, rest: &[&str]) -> String {
    let (mut attributes, mut inside) = (String::new(), String::new());
    for word in rest {
        match pair(word) {
            Some(("over", value)) => attributes += &attribute("@collection", value),
            Some(("as", value)) => attributes += &attribute("@elementVariable", value),
            Some(("until", value)) => {
                inside += &format!("<completionCondition>{}</completionCondition>", escaped(value));
            }
            Some((name, value)) => attributes += &attribute(name, value),
            None if *word == "async" => attributes += " camunda:asyncBefore=\"true\"",
            None if *word == "after" => attributes += " camunda:asyncAfter=\"true\"",
            None => inside = format!("<loopCardinality>{}</loopCardinality>{inside}", escaped(word)),
        }
    }
    format!(
        "<multiInstanceLoopCharacteristics isSequential=\"{}\"{attributes}>{inside}</multiInstanceLoopCharacteristics>",
        way == "seq"
    )
}

#[cfg(test)]
mod tests {
    use super::expand;

    #[test]
    fn a_line_is_an_element_with_its_flows() {
        let xml = expand("process KEY\n  start s > a\n  user a @assignee=\"a b\" > e if ${x < 1}\n    in y : ${z}\n  end e error E\n").unwrap();
        for part in [
            "<error id=\"E_error\" name=\"E\" errorCode=\"E\"/>",
            "<process isExecutable=\"true\" id=\"KEY\">",
            "<sequenceFlow id=\"s_a\" sourceRef=\"s\" targetRef=\"a\"></sequenceFlow>",
            "<userTask id=\"a\" camunda:assignee=\"a b\"><extensionElements><camunda:inputOutput><camunda:inputParameter name=\"y\">${z}<",
            "${x &lt; 1}</conditionExpression>",
            "<endEvent id=\"e\"><errorEventDefinition errorRef=\"E_error\"></errorEventDefinition></endEvent>",
        ] {
            assert!(xml.contains(part), "{part} in {xml}");
        }
    }
}
