//! What becomes of the rules that match.
use super::evaluate::{EvaluatedDecision, EvaluatedRule};
use super::model::{Aggregator, HitPolicy};
use super::typed::Typed;
use crate::host::Value;

/// Applies a table's hit policy.
///
/// # Errors
/// Rules that the policy doesn't allow together, and values that can't be aggregated.
pub(super) fn apply(policy: HitPolicy, evaluated: &mut EvaluatedDecision) -> Result<(), String> {
    let rules = &mut evaluated.rules;
    match policy {
        HitPolicy::Unique if rules.len() > 1 => {
            return Err(format!(
                "DMN-03001 Hit policy 'UNIQUE' only allows a single rule to match. Actually match rules: '{}'.",
                java_text(rules)
            ));
        }
        HitPolicy::Any if rules.iter().any(|rule| rule.outputs != rules[0].outputs) => {
            return Err(format!(
                "DMN-03002 Hit policy 'ANY' only allows multiple matching rules with equal output. Matching rules: \
                 '{}'.",
                java_text(rules)
            ));
        }
        HitPolicy::First | HitPolicy::Any => rules.truncate(1),
        HitPolicy::Unique | HitPolicy::RuleOrder | HitPolicy::Collect => {}
        HitPolicy::Aggregate(aggregator) => {
            let name = rules
                .iter()
                .find_map(|r| r.outputs.first())
                .and_then(|o| o.output_name.clone());
            evaluated.collected = Some((name, aggregate(aggregator, rules)?));
        }
    }
    Ok(())
}

fn aggregate(aggregator: Aggregator, rules: &[EvaluatedRule]) -> Result<Option<Typed>, String> {
    let mut values = Vec::new();
    for rule in rules {
        match rule.outputs.as_slice() {
            [] => {}
            [output] => values.push(&output.value),
            _ => {
                let word = match aggregator {
                    Aggregator::Sum => "SUM",
                    Aggregator::Count => "COUNT",
                    Aggregator::Min => "MIN",
                    Aggregator::Max => "MAX",
                };
                return Err(format!(
                    "DMN-03003 Unable to execute aggregation '{word}' on compound decision output '{}'. Only one \
                     output entry allowed.",
                    outputs_text(rule)
                ));
            }
        }
    }
    if aggregator == Aggregator::Count {
        let count = i32::try_from(values.len()).unwrap_or(i32::MAX);
        return Ok(Some(Typed {
            value: Value::Integer(count),
            typed: true,
        }));
    }
    if values.is_empty() {
        return Ok(None);
    }
    let value = if let Some(numbers) = all(&values, integer) {
        Value::Integer(reduced(aggregator, &numbers, i32::wrapping_add))
    } else if let Some(numbers) = all(&values, long) {
        Value::Long(reduced(aggregator, &numbers, i64::wrapping_add))
    } else if let Some(numbers) = all(&values, double) {
        Value::Double(reduced(aggregator, &numbers, |a, b| a + b))
    } else {
        let texts: Vec<String> = values.iter().map(|v| v.java_text()).collect();
        return Err(format!(
            "DMN-03004 Unable to convert value '[{}]' to a support aggregatable type '[class java.lang.Integer, class \
             java.lang.Long, class java.lang.Double]'.",
            texts.join(", ")
        ));
    };
    Ok(Some(Typed { value, typed: true }))
}

fn all<T>(values: &[&Typed], read: fn(&Typed) -> Option<T>) -> Option<Vec<T>> {
    values.iter().map(|v| read(v)).collect()
}

fn reduced<T: Copy + PartialOrd>(aggregator: Aggregator, numbers: &[T], add: fn(T, T) -> T) -> T {
    let choose = |a: T, b: T| match aggregator {
        Aggregator::Sum | Aggregator::Count => add(a, b),
        Aggregator::Min => {
            if b < a {
                b
            } else {
                a
            }
        }
        Aggregator::Max => {
            if b > a {
                b
            } else {
                a
            }
        }
    };
    numbers[1..].iter().copied().fold(numbers[0], choose)
}

fn integer(value: &Typed) -> Option<i32> {
    match value.value {
        Value::Integer(n) => Some(n),
        _ => None,
    }
}

/// A long; of what has no type, also a text that is one.
fn long(value: &Typed) -> Option<i64> {
    match &value.value {
        Value::Long(n) => Some(*n),
        Value::Null => None,
        other if !value.typed => other.java_text().parse().ok(),
        _ => None,
    }
}

/// A double; of what has no type, also a text that is one.
fn double(value: &Typed) -> Option<f64> {
    match &value.value {
        Value::Double(n) => Some(*n),
        Value::Null => None,
        other if !value.typed => other.java_text().parse().ok(),
        _ => None,
    }
}

fn outputs_text(rule: &EvaluatedRule) -> String {
    let or_null = |text: &Option<String>| text.clone().unwrap_or_else(|| "null".to_owned());
    let outputs: Vec<String> = rule
        .outputs
        .iter()
        .map(|o| {
            format!(
                "{}=DmnEvaluatedOutputImpl{{id='{}', name='{}', outputName='{}', value={}}}",
                or_null(&o.output_name),
                o.id,
                or_null(&o.name),
                or_null(&o.output_name),
                o.value.java_text()
            )
        })
        .collect();
    format!("{{{}}}", outputs.join(", "))
}

fn java_text(rules: &[EvaluatedRule]) -> String {
    let texts: Vec<String> = rules
        .iter()
        .map(|rule| {
            format!(
                "DmnEvaluatedDecisionRuleImpl{{id='{}', outputEntries={}}}",
                rule.id,
                outputs_text(rule)
            )
        })
        .collect();
    format!("[{}]", texts.join(", "))
}
