//! Scripts: which host runs a language, what it is sent, and what its answer means to a step.
use super::values::{fact, from_wire, to_wire};
use bpmn_core::{
    ask::{BpmnError, Effect, Facts, Ran, Script, Source},
    value::Variables,
};
use script_host::{
    Limits, Pool, Program,
    protocol::{self, Answer, Call, Outcome, Variable},
};
use std::path::PathBuf;

/// Names by which the reference knows JavaScript, in lower case.
const JAVASCRIPT: &[&str] = &[
    "javascript",
    "ecmascript",
    "js",
    "graal.js",
    "graal-js",
    "graaljs",
];
const GROOVY: &str = "groovy";
/// What Groovy throws at a script that it can't compile.
const GROOVY_SYNTAX: &str = "org.codehaus.groovy.control.MultipleCompilationErrorsException";
/// Evaluated here: it has no loops and reads nothing but variables.
const FEEL: &str = "feel";

/// What runs JavaScript.
#[derive(Clone, Debug, Default)]
pub enum Worker {
    /// A program, started with `script-worker` and the memory in bytes.
    Program(PathBuf),
    /// Threads of this process, which can't be killed: for tests.
    #[default]
    Thread,
}

/// The hosts of all languages.
#[derive(Debug)]
pub struct Scripts {
    javascript: Pool,
    /// `Err` says what is missing.
    groovy: Result<Pool, String>,
}

impl Scripts {
    /// `memory`: what a script may use, in bytes. `groovy`: the Java program and the host's jar.
    pub fn new(worker: &Worker, groovy: Option<(PathBuf, PathBuf)>, memory: u64, limits: Limits) -> Scripts {
        let program = match worker {
            Worker::Program(path) => Program::Process {
                path: path.clone(),
                args: vec![script_host::javascript::ROLE.to_owned(), memory.to_string()],
            },
            Worker::Thread => Program::Thread {
                memory: memory as usize,
            },
        };
        let groovy = match groovy {
            Some((java, jar)) => Ok(Pool::new(groovy_program(java, &jar, memory), limits)),
            None => Err("Groovy needs a Java runtime and its host: --groovy-host JAR".to_owned()),
        };
        Scripts {
            javascript: Pool::new(program, limits),
            groovy,
        }
    }

    /// Whether scripts of that language can run; JUEL's run within the step.
    pub fn runs(&self, language: &str) -> bool {
        match language.to_lowercase().as_str() {
            GROOVY => self.groovy.is_ok(),
            language => language == "juel" || language == FEEL || JAVASCRIPT.contains(&language),
        }
    }

    /// Runs a script, and logs what it prints.
    ///
    /// # Errors
    /// Why it has no result, in the reference's words where it has some.
    pub async fn run(&self, script: &Script) -> Result<Ran, String> {
        let Source::Text(source) = &script.source else {
            return Err("the script's resource has not been read".to_owned());
        };
        let language = script.language.to_lowercase();
        let missing = |why: &str| {
            let named = &language;
            format!("Can't find scripting engine for '{named}': scriptEngine is null{why}")
        };
        let pool = match language.as_str() {
            GROOVY => self.groovy.as_ref().map_err(|why| missing(&format!(". {why}")))?,
            FEEL => return feel(script, source),
            known if JAVASCRIPT.contains(&known) => &self.javascript,
            _ => return Err(missing("")),
        };
        let facts = &script.facts;
        let failed = |cause: &str| {
            format!(
                "Unable to evaluate script while executing activity '{}' in the process definition with id '{}':{cause}",
                facts.element, facts.definition_id
            )
        };
        let call = call(script, language, source.clone());
        let answer = pool
            .call(call)
            .await
            .map_err(|failure| failed(&failure.to_string()))?;
        print(facts, &answer);
        // A script that isn't even Groovy is refused when it is compiled, before there is an activity to speak of.
        read(answer).map_err(|cause| match cause.contains(GROOVY_SYNTAX) {
            true => format!("Unable to compile script:{cause}"),
            false => failed(&cause),
        })
    }
}

/// The Java machine is small and quick to start; a script's memory is the machine's.
fn groovy_program(java: PathBuf, jar: &std::path::Path, memory: u64) -> Program {
    // Groovy itself takes some.
    let heap = (memory >> 20) + 64;
    let flags = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"];
    let mut args: Vec<String> = flags.map(str::to_owned).to_vec();
    args.extend([
        format!("-Xmx{heap}m"),
        "-jar".to_owned(),
        jar.display().to_string(),
    ]);
    Program::Process { path: java, args }
}

fn feel(script: &Script, source: &str) -> Result<Ran, String> {
    let missing = script
        .bindings
        .iter()
        .find(|b| b.value.is_none() && source.contains(&b.name));
    if let Some(binding) = missing {
        return Ok(Ran {
            needs: Some(binding.name.clone()),
            ..Ran::default()
        });
    }
    let given = script.bindings.iter();
    let variables: Variables = given
        .filter_map(|b| Some((b.name.clone(), b.value.clone()?)))
        .collect();
    Ok(Ran {
        value: Some(crate::app::decide::feel_script(source, &variables)?),
        ..Ran::default()
    })
}

fn call(script: &Script, language: String, source: String) -> Call {
    let told = |facts: &Variables| {
        facts
            .iter()
            .map(|(name, value)| (name.clone(), fact(value)))
            .collect()
    };
    let variables = script.bindings.iter().map(|binding| Variable {
        name: binding.name.clone(),
        value: binding.value.as_ref().map(to_wire).unwrap_or_default(),
        local: binding.local,
        missing: binding.value.is_none(),
    });
    Call {
        language,
        source,
        variables: variables.collect(),
        connector: script.connector,
        execution: told(&script.execution),
        task: script.task.as_ref().map(told),
        ..Call::default()
    }
}

fn print(facts: &Facts, answer: &Answer) {
    for line in &answer.printed {
        tracing::info!(
            instance = %facts.instance_id,
            definition = facts.definition_id,
            element = facts.element,
            "script: {line}"
        );
    }
}

fn read(answer: Answer) -> Result<Ran, String> {
    let mut ran = Ran::default();
    match answer.outcome {
        Outcome::Value { value } => ran.value = Some(from_wire(value)?),
        Outcome::BpmnError { code, message } => ran.error = Some(BpmnError { code, message }),
        Outcome::Failed { message } => return Err(message),
        Outcome::Needs { name } => {
            ran.needs = Some(name);
            return Ok(ran);
        }
    }
    for effect in answer.effects {
        ran.effects.push(match effect {
            protocol::Effect::Set { name, local, value } => Effect::SetVariable {
                name,
                value: from_wire(value)?,
                local,
            },
            protocol::Effect::Remove { name, local } => Effect::RemoveVariable { name, local },
            protocol::Effect::BusinessKey { value } => Effect::SetBusinessKey(value),
            protocol::Effect::Task { field, value } => Effect::SetTask {
                field,
                value: from_wire(value)?,
            },
        });
    }
    Ok(ran)
}
