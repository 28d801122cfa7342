//! The JavaScript worker: QuickJS, with what the reference's scripts see of Java made in JavaScript (`prelude/`).
//!
//! Each call gets an engine of its own, made ready while nothing waits. Limits of time, memory and stack are QuickJS's
//! own; a native loop that doesn't look at the clock is ended by whoever started the worker.
mod engine;
mod source;

use crate::protocol::{Answer, Call, Greeting, Outcome, VERSION};
use engine::Engine;
use std::{
    io::{self, BufRead, Write},
    process::ExitCode,
    time::{Duration, Instant},
};

/// Languages it runs.
pub const LANGUAGES: &[&str] = &["javascript", "ecmascript"];

/// The word with which a node's program is started as a worker.
pub const ROLE: &str = "script-worker";

/// The stack that a thread needs which serves scripts, in bytes.
pub const THREAD_STACK: usize = 8 << 20;

/// What a worker may use beside its scripts' memory, in bytes: the program's allocator reserves a gigabyte, which it
/// doesn't use, when it first needs more.
const OWN_MEMORY: u64 = 2304 << 20;

/// The worker's whole program: serves calls on standard input until it is closed.
///
/// `args`: the memory a script may use, in bytes.
pub fn worker(args: &[String]) -> ExitCode {
    let Some(memory) = args.first().and_then(|bytes| bytes.parse().ok()) else {
        eprintln!("error: this is the script worker of a node, started by it");
        return ExitCode::from(2);
    };
    limit_process(memory as u64);
    // Scripts may recurse deeper than the main thread's stack is.
    let served = std::thread::Builder::new()
        .stack_size(THREAD_STACK)
        .spawn(move || serve(io::stdin().lock(), io::stdout().lock(), memory));
    match served.map(|thread| thread.join()) {
        Ok(Ok(Ok(()))) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// A second fence around the process. Where the system refuses it, QuickJS's own limits still hold.
fn limit_process(memory: u64) {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let most = |bytes| Rlimit {
        current: Some(bytes),
        maximum: Some(bytes),
    };
    let _ = setrlimit(Resource::Core, most(0));
    let _ = setrlimit(Resource::Data, most(memory + OWN_MEMORY));
}

/// Greets, then answers calls line by line until `calls` ends. `memory`: what a script may use, in bytes.
///
/// # Errors
/// The other side is gone, or sends what is no call.
pub fn serve(calls: impl BufRead, mut answers: impl Write, memory: usize) -> io::Result<()> {
    let languages = LANGUAGES.iter().map(|&l| l.to_owned()).collect();
    let greeting = Greeting {
        version: VERSION,
        languages,
    };
    send(&mut answers, &greeting)?;
    let mut ready = Engine::new(memory);
    for line in calls.lines() {
        let call: Call = serde_json::from_str(&line?)?;
        let engine = std::mem::replace(&mut ready, Err(String::new()));
        let answer = match engine {
            Ok(engine) => engine.run(&call, Instant::now() + Duration::from_millis(call.time_ms)),
            Err(message) => failed(&call, message),
        };
        send(&mut answers, &answer)?;
        ready = Engine::new(memory);
    }
    Ok(())
}

fn failed(call: &Call, message: String) -> Answer {
    Answer {
        id: call.id,
        printed: Vec::new(),
        effects: Vec::new(),
        outcome: Outcome::Failed { message },
    }
}

fn send(to: &mut impl Write, what: &impl serde::Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(what)?;
    line.push(b'\n');
    to.write_all(&line)?;
    to.flush()
}
