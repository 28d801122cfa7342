//! Decisions of scenarios: their keys say what they give.
use bpmn_core::{
    Id,
    value::{TypedValue, Variables},
    world::{
        Binding, Call, Decided, Entries, Evaluated, EvaluatedInput, EvaluatedOutput, Scripted, Undecided,
    },
};

/// `none` matches no rule, `one` gives the variable `x` as `r`, `two` gives it twice, `pair` gives two entries; there is no
/// other.
pub fn decide(call: &Call<'_>, variables: &Variables, _: &[Scripted]) -> Result<Decided, Undecided> {
    let x = variables
        .iter()
        .find(|(name, _)| name == "x")
        .map_or(TypedValue::Null, |(_, v)| v.clone());
    let entry = |name: &str| (Some(name.to_owned()), x.clone());
    let results: Vec<Entries> = match (call.key_text(), call.binding) {
        ("none", _) => Vec::new(),
        ("one", Binding::Latest | Binding::Version(Some(1))) => vec![vec![entry("r")]],
        ("two", _) => vec![vec![entry("r")], vec![entry("r")]],
        ("pair", _) => vec![vec![entry("o"), entry("p")]],
        _ => {
            return Err(Undecided::Failed(format!(
                "no decision '{}' {:?} of {:?}",
                call.key_text(),
                call.binding,
                call.tenant
            )));
        }
    };
    let output = |(order, (name, value)): (usize, &(Option<String>, TypedValue))| EvaluatedOutput {
        clause_id: Some("out".to_owned()),
        clause_name: None,
        rule: Some(("rule".to_owned(), order as i32 + 1)),
        name: name.clone(),
        value: value.clone(),
    };
    Ok(Decided {
        evaluated: vec![Evaluated {
            decision: Id::from_parts(1, 0, bpmn_core::Slot::from_bits(5), 7),
            collected: None,
            inputs: vec![EvaluatedInput {
                clause_id: "in".to_owned(),
                clause_name: None,
                value: x.clone(),
            }],
            outputs: results.iter().flatten().enumerate().map(output).collect(),
        }],
        text: format!("{results:?}"),
        results,
    })
}
