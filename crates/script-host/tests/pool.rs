//! Workers as processes: what hostile scripts cost, and what is left of them.
use script_host::{
    Failure, Limits, Pool, Program,
    protocol::{Answer, Call, Outcome},
};
use serde_json::json;
use std::time::Duration;

fn pool(limits: Limits) -> Pool {
    let program = Program::Process {
        path: env!("CARGO_BIN_EXE_script-worker").into(),
        args: vec!["33554432".to_owned()],
    };
    Pool::new(program, limits)
}

fn script(source: &str) -> Call {
    Call {
        language: "javascript".to_owned(),
        source: source.to_owned(),
        ..Call::default()
    }
}

fn brief() -> Limits {
    Limits {
        time: Duration::from_millis(300),
        workers: 1,
        ..Limits::default()
    }
}

fn failed(answer: Result<Answer, Failure>) -> String {
    match answer {
        Ok(Answer {
            outcome: Outcome::Failed { message },
            ..
        }) => message,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_endless_loop_is_stopped_and_the_worker_serves_on() {
    let pool = pool(brief());
    let message = failed(pool.call(script("for (;;) {}")).await);
    assert_eq!(message, "the script ran longer than 300 ms and was stopped");
    let Outcome::Value { value } = pool.call(script("1 + 1")).await.unwrap().outcome else {
        panic!()
    };
    assert_eq!(value.value, json!(2));
}

#[tokio::test]
async fn a_native_loop_that_looks_at_no_clock_is_killed_and_replaced() {
    let pool = pool(brief());
    let killed = pool.call(script("var a = []; a.length = 1e9; a.sort()")).await;
    assert!(matches!(killed, Err(Failure::Overdue(_))), "{killed:?}");
    let answer = pool.call(script("print('alive')")).await.unwrap();
    assert_eq!(answer.printed, ["alive"]);
}

#[tokio::test]
async fn memory_and_stack_have_bounds() {
    let pool = pool(Limits {
        time: Duration::from_secs(20),
        ..brief()
    });
    let message = failed(
        pool.call(script(
            "var a = []; for (;;) a.push('x'.repeat(100000) + a.length)",
        ))
        .await,
    );
    assert!(message.contains("out of memory"), "{message}");
    let message = failed(pool.call(script("function f() { return f() + 1 } f()")).await);
    assert!(message.contains("stack"), "{message}");
    assert!(pool.call(script("1")).await.is_ok());
}

#[tokio::test]
async fn one_script_leaves_nothing_to_the_next() {
    let pool = pool(brief());
    let spoil = "leak = 5; Array.prototype.map = null; execution = null; JSON.parse = null";
    pool.call(script(spoil)).await.unwrap();
    let after = "typeof leak + [1].map(x => x) + JSON.parse('1') + typeof execution + typeof require + typeof process";
    let Outcome::Value { value } = pool.call(script(after)).await.unwrap().outcome else {
        panic!()
    };
    assert_eq!(value.value, json!("undefined11objectundefinedundefined"));
}

#[tokio::test]
async fn calls_beyond_the_queue_are_refused() {
    let pool = pool(Limits {
        queue: 0,
        time: Duration::from_secs(20),
        ..brief()
    });
    let (first, second, third) = tokio::join!(
        pool.call(script("1")),
        pool.call(script("2")),
        pool.call(script("3")),
    );
    let refused = [first, second, third]
        .into_iter()
        .filter(|r| matches!(r, Err(Failure::Busy)))
        .count();
    assert!(refused >= 1, "{refused}");
}

#[tokio::test]
async fn a_program_that_is_no_worker_is_told_of() {
    let program = Program::Process {
        path: "/nowhere/java".into(),
        args: Vec::new(),
    };
    let failure = Pool::new(program, brief()).call(script("1")).await.unwrap_err();
    assert!(
        failure.to_string().contains("/nowhere/java can't be started"),
        "{failure}"
    );
}
