//! No text may take the process down, or for ever.
use crate::host::Variables;
use feel::{Expression, UnaryTests};

/// On a stack as small as that of a thread that serves requests.
fn on_a_small_stack(run: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new()
        .stack_size(2 * 1024 * 1024)
        .spawn(run)
        .expect("a thread");
    thread.join().expect("no panic");
}

fn evaluated(text: &str) -> Result<feel::Value, String> {
    Expression::parse(text)?.eval(&Variables(Vec::new()))
}

#[test]
fn deep_nesting_is_refused() {
    on_a_small_stack(|| {
        for (open, inner, close) in [
            ("(", "1", ")"),
            ("[", "1", "]"),
            ("{a:", "1", "}"),
            ("f(", "1", ")"),
            ("if true then ", "1", " else 2"),
            ("not(", "true", ")"),
            ("-", "1", ""),
            ("function(x) ", "x", ""),
            ("x in (", "1", ")"),
        ] {
            for depth in [10, 30, 100, 10_000] {
                let text = format!("{}{inner}{}", open.repeat(depth), close.repeat(depth));
                let _ = evaluated(&text);
                let _ = UnaryTests::parse(&text).map(|t| t.eval(&Variables(Vec::new())));
            }
        }
        assert!(evaluated(&format!("{}1{}", "(".repeat(20), ")".repeat(20))).is_ok());
        assert!(evaluated(&format!("{}1{}", "(".repeat(10_000), ")".repeat(10_000))).is_err());
    });
}

#[test]
fn long_chains_of_operators_evaluate() {
    on_a_small_stack(|| {
        let text = vec!["1"; 90].join(" + ");
        assert_eq!(evaluated(&text), Ok(feel::Value::Long(90)));
        let _ = evaluated(&vec!["1"; 20_000].join(" + "));
        let _ = evaluated(&vec!["true"; 5_000].join(" and "));
        let _ = evaluated(&format!("{{}}{}", ".a".repeat(10_000)));
    });
}

#[test]
fn evaluations_without_end_are_stopped() {
    for text in [
        "count(for i in 1..1000, j in 1..1000, k in 1..1000 return i)",
        "2 ** 1000000000",
        "10 ** 20000 * 10 ** 20000 * 10 ** 20000",
        "{f: function(g) g, a: 1}.f(1)",
        "matches(\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\", \"^(a|a)*(?=b)$\")",
        "decimal(1, 1000000000)",
    ] {
        let _ = evaluated(text);
    }
    assert!(evaluated("for i in 1..1000000000 return i").is_err());
}
