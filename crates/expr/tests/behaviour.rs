//! What the tables of reference answers do not cover: the caller's objects, conditions, literals and limits.

use expr::{
    Context, ErrorKind, EvalError, Expression, MAX_DEPTH, MAX_LENGTH, MAX_NESTING, ParseError, Value,
};

/// A scope with an `execution`, one object variable, a user and nothing else.
#[derive(Default)]
struct Scope {
    calls: Vec<(String, Vec<Value>)>,
}

impl Context for Scope {
    fn variable(&mut self, name: &str) -> Option<Value> {
        match name {
            "execution" => Some(Value::Bean("execution".to_owned())),
            "order" => Some(Value::Object {
                type_name: "com.acme.Order".to_owned(),
                text: Some(r#"{"id": 7, "customer": {"name": "Ann"}, "lines": [1, 2]}"#.to_owned()),
                format: "application/json".to_owned(),
            }),
            "opaque" => Some(Value::Object {
                type_name: "com.acme.Opaque".to_owned(),
                text: None,
                format: "application/x-java-serialized-object".to_owned(),
            }),
            "nothing" => Some(Value::Null),
            "yes" => Some(Value::Bool(true)),
            _ => None,
        }
    }

    fn call(&mut self, bean: &str, method: &str, args: Vec<Value>) -> Result<Option<Value>, EvalError> {
        self.calls.push((format!("{bean}.{method}"), args));
        match method {
            "setVariable" => Ok(Some(Value::Null)),
            "getVariable" => Ok(Some(Value::Int(3))),
            "fail" => Err(EvalError::thrown("com.acme.Failure", "no luck")),
            "refuse" => Err(EvalError::new("not here")),
            _ => Ok(None),
        }
    }

    fn property(&mut self, _: &str, name: &str) -> Result<Option<Value>, EvalError> {
        Ok((name == "businessKey").then(|| Value::from("key 1")))
    }

    fn now(&self) -> i64 {
        86_400_000
    }

    fn user(&self) -> Option<String> {
        Some("demo".to_owned())
    }

    fn groups(&self) -> Option<Vec<String>> {
        Some(vec!["sales".to_owned(), "admin".to_owned()])
    }
}

fn parsed(text: &str) -> Expression {
    Expression::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn value(text: &str) -> Value {
    parsed(text)
        .eval(&mut Scope::default())
        .unwrap_or_else(|error| panic!("{error}"))
}

fn error(text: &str) -> EvalError {
    match parsed(text).eval(&mut Scope::default()) {
        Ok(value) => panic!("{text} gives {value:?}"),
        Err(error) => error,
    }
}

fn syntax_error(text: &str) -> ParseError {
    match Expression::parse(text) {
        Ok(_) => panic!("{text} is accepted"),
        Err(error) => error,
    }
}

#[test]
fn built_in_objects_are_asked_of_the_context() {
    assert_eq!(value("${execution.businessKey}"), Value::from("key 1"));
    assert_eq!(value("${execution.getVariable('a') + 1}"), Value::Long(4));
    let mut scope = Scope::default();
    let set = parsed("${execution.setVariable('a', 1 + 2)}").eval(&mut scope);
    assert_eq!(set, Ok(Value::Null));
    let arguments = vec![Value::from("a"), Value::Long(3)];
    assert_eq!(scope.calls, [("execution.setVariable".to_owned(), arguments)]);
}

#[test]
fn failures_of_built_in_objects_are_worded_as_camunda_does() {
    let class = "org.camunda.bpm.engine.impl.persistence.entity.ExecutionEntity";
    let unknown = error("${execution.foo(1)}");
    assert_eq!(unknown.kind, ErrorKind::UnknownMethod);
    let cause = format!("Method not found: class {class}.foo(java.lang.Long)");
    assert_eq!(
        unknown.message,
        format!("Unknown method used in expression: ${{execution.foo(1)}}. Cause: {cause}")
    );
    let cause = format!("The class '{class}' does not have the property 'foo'.");
    let expected = format!("Unknown property used in expression: ${{execution.foo}}. Cause: {cause}");
    assert_eq!(error("${execution.foo}").message, expected);
    assert_eq!(error("${execution.fail()}").message, "com.acme.Failure: no luck");
    assert_eq!(
        error("${execution.refuse()}").message,
        "Error while evaluating expression: ${execution.refuse()}. Cause: not here"
    );
}

#[test]
fn an_unknown_variable_is_named_with_its_expression() {
    let unknown = error("${foo}");
    assert_eq!(unknown.kind, ErrorKind::UnknownProperty);
    assert_eq!(
        unknown.message,
        "Unknown property used in expression: ${foo}. Cause: Cannot resolve identifier 'foo'"
    );
}

#[test]
fn conditions_must_give_a_boolean() {
    let condition = |text: &str| {
        parsed(text)
            .eval_bool(&mut Scope::default())
            .map_err(|error| error.message)
    };
    assert_eq!(condition("${yes}"), Ok(true));
    assert_eq!(condition("${1 > 2}"), Ok(false));
    assert_eq!(
        condition("${nothing}"),
        Err("condition expression returns null: result is null".to_owned())
    );
    let wrong = "condition expression returns non-Boolean: result has class java.lang.String and not java.lang.Boolean";
    assert_eq!(condition("true"), Err(wrong.to_owned()));
    assert_eq!(condition("${'true'}"), Err(wrong.to_owned()));
}

#[test]
fn literals_and_texts_need_no_context() {
    assert!(parsed("").is_literal());
    assert!(parsed("plain {text} $5 #1").is_literal());
    assert!(parsed("\\${escaped}").is_literal());
    assert!(!parsed("a ${1}").is_literal());
    assert_eq!(value(""), Value::from(""));
    assert_eq!(
        parsed("${nothing}").eval_opt_text(&mut Scope::default()),
        Ok(None)
    );
    assert_eq!(
        parsed("${nothing}").eval_text(&mut Scope::default()),
        Ok(String::new())
    );
    assert_eq!(
        parsed("a${nothing}").eval_opt_text(&mut Scope::default()),
        Ok(Some("a".to_owned()))
    );
    assert_eq!(
        parsed("${1.0}").eval_text(&mut Scope::default()),
        Ok("1.0".to_owned())
    );
}

#[test]
fn functions_read_the_time_and_the_user_of_the_context() {
    assert_eq!(value("${now()}"), Value::Date(86_400_000));
    assert_eq!(value("${dateTime().minusDays(1).toDate()}"), Value::Date(0));
    assert_eq!(value("${currentUser()}"), Value::from("demo"));
    assert_eq!(
        value("${currentUserGroups()}"),
        Value::List(vec![Value::from("sales"), Value::from("admin")])
    );
    assert_eq!(error("${dateTime().plusYears(99999)}").kind, ErrorKind::Failed);
}

#[test]
fn objects_stored_as_json_are_read_like_beans() {
    assert_eq!(value("${order.id}"), Value::Int(7));
    assert_eq!(value("${order.getId()}"), Value::Int(7));
    assert_eq!(value("${order.customer.name}"), Value::from("Ann"));
    assert_eq!(value("${order.getCustomer().name.length()}"), Value::Int(3));
    assert_eq!(value("${order.lines[1]}"), Value::Int(2));
    let refused = error("${opaque.id}");
    assert!(
        refused
            .message
            .contains("Cannot deserialize object of class 'com.acme.Opaque'"),
        "{refused}"
    );
}

#[test]
fn positions_of_syntax_errors_count_characters() {
    assert_eq!(syntax_error("${i + }").position, 6);
    assert_eq!(syntax_error("äöü ${").position, 6);
    assert_eq!(
        syntax_error("${nope()}").message,
        "Could not resolve function 'nope'"
    );
}

#[test]
fn long_and_deep_texts_are_refused() {
    let long = format!("${{'{}'}}", "x".repeat(MAX_LENGTH));
    assert!(syntax_error(&long).message.contains("longer than"));
    assert!(Expression::parse(&"x".repeat(MAX_LENGTH)).is_ok());
    let chains = ["1 + ", "1 == ", "true || ", "1 * "];
    for chain in chains {
        let text = format!("${{{}1}}", chain.repeat(MAX_DEPTH - 1));
        let _ = parsed(&text).eval(&mut Scope::default());
        let text = format!("${{{}1}}", chain.repeat(MAX_DEPTH + 1));
        assert!(syntax_error(&text).message.contains("levels"), "{chain}");
    }
    for opening in [
        "(", "-", "!", "not ", "empty ", "a[", "a(", "S(", "a.b(", "1?", "1?2:", "a[1?(",
    ] {
        let text = format!("${{{}", opening.repeat(10_000));
        assert!(syntax_error(&text).message.contains("levels"), "{opening}");
    }
    let nested = format!(
        "${{{}1{}}}",
        "(".repeat(MAX_NESTING - 2),
        ")".repeat(MAX_NESTING - 2)
    );
    assert_eq!(value(&nested), Value::Long(1));
    for after in [".a", "[1]", ".a()"] {
        let text = format!("${{a{}}}", after.repeat(10_000));
        assert!(syntax_error(&text).message.contains("levels"), "{after}");
    }
}

#[test]
fn results_that_grow_without_bound_are_refused() {
    for text in [
        "${'x'.repeat(1000000).replace('', 'x'.repeat(1000000))}",
        "${'x'.repeat(1000000).replaceAll('', 'x'.repeat(1000000))}",
        "${'x'.repeat(1000000).replaceAll('x+', '$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0')}",
        "${'x'.repeat(2000000000)}",
        "${'x'.repeat(10000000)}${'x'.repeat(10000000)}",
    ] {
        assert!(matches!(error(text).kind, ErrorKind::Failed), "{text}");
    }
}

#[test]
fn json_paths_are_bounded() {
    let nested = format!("${{S('{{}}').jsonPath('{}').element()}}", "[?(@".repeat(1000));
    assert!(error(&nested).message.contains("filters"));
    let wide = "${S('[1,2,3,4,5,6,7,8,9]').jsonPath('$..*').elementList().size()}";
    assert_eq!(value(wide), Value::Int(9));
}

#[test]
fn the_deepest_trees_can_be_evaluated_on_a_small_stack() {
    let texts = [
        format!("${{{}}}", "1 + ".repeat(MAX_DEPTH - 1) + "1"),
        format!("${{{}}}", "true ? 1 : ".repeat(MAX_NESTING - 1) + "1"),
        format!(
            "${{{}}}",
            "'x'.concat(".repeat(MAX_NESTING - 2) + "'x'" + &")".repeat(MAX_NESTING - 2)
        ),
        format!("${{'x'{}}}", ".trim()".repeat(MAX_DEPTH - 2)),
    ];
    let run = move || texts.iter().map(|text| value(text)).collect::<Vec<_>>();
    let values = std::thread::Builder::new()
        .stack_size(1 << 20)
        .spawn(run)
        .map(std::thread::JoinHandle::join);
    assert!(matches!(values, Ok(Ok(values)) if values.len() == 4));
}

/// Every beginning of every reference expression, and each with a character left out.
#[test]
fn damaged_expressions_never_panic() {
    let tables = [
        include_str!("reference/language.tsv"),
        include_str!("reference/methods.tsv"),
        include_str!("reference/json.tsv"),
        include_str!("reference/syntax.tsv"),
        include_str!("reference/more.tsv"),
    ];
    let texts = tables
        .iter()
        .flat_map(|table| table.lines())
        .filter_map(|row| row.split('\t').next());
    for text in texts {
        for (at, letter) in text.char_indices() {
            let start = &text[..at];
            let rest = &text[at + letter.len_utf8()..];
            for damaged in [
                start.to_owned(),
                format!("{start}{rest}"),
                format!("{start}}}"),
                format!("${{{rest}"),
            ] {
                if let Ok(expression) = Expression::parse(&damaged) {
                    let _ = expression.eval(&mut Scope::default());
                }
            }
        }
    }
}

#[test]
fn a_call_of_a_bean_is_recognised_and_gives_its_arguments() {
    let expression = parsed("${mailer.send(1 + 1, yes)}");
    let call = expression.bean_call().unwrap();
    assert_eq!((call.bean, call.method), ("mailer", "send"));
    let arguments = call.arguments(&mut Scope::default()).unwrap();
    assert_eq!(arguments, [Value::Long(2), Value::Bool(true)]);
    let unknown = parsed("${mailer.send(nobody)}");
    let error = unknown
        .bean_call()
        .unwrap()
        .arguments(&mut Scope::default())
        .unwrap_err();
    assert_eq!(
        error.message,
        "Unknown property used in expression: ${mailer.send(nobody)}. Cause: Cannot resolve identifier 'nobody'"
    );
    for other in [
        "${mailer}",
        "${mailer.name}",
        "${a.b.c()}",
        "${execution.getId()}",
        "x${a.b()}",
        "text",
    ] {
        assert!(parsed(other).bean_call().is_none(), "{other}");
    }
}
