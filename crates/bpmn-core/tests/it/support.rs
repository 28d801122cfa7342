//! `docs/bpmn-support.tsv`: what is supported is shown by a scenario.
use std::{collections::HashSet, fs, path::Path};

#[test]
fn each_extension_in_the_table_of_support_is_shown_by_a_scenario() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = fs::read_to_string(root.join("../../docs/bpmn-support.tsv")).unwrap();
    let rows: Vec<Vec<&str>> = table
        .lines()
        .filter(|line| !line.starts_with('#'))
        .skip(1)
        .map(|line| line.split('\t').collect())
        .collect();
    let mut seen = HashSet::new();
    let mut wrong = Vec::new();
    for row in &rows {
        let [kind, name, on, state, scenario, proof, _note] = row[..] else {
            wrong.push(format!("not seven columns: {row:?}"));
            continue;
        };
        if !seen.insert((kind, name, on)) {
            wrong.push(format!("{kind} {name} on {on} is there twice"));
        }
        if !matches!(state, "supported" | "ignored" | "refused") {
            wrong.push(format!("{kind} {name}: what is '{state}'?"));
        }
        // What has no meaning to an engine has nothing to show.
        if state == "ignored" && scenario.is_empty() {
            continue;
        }
        match fs::read_to_string(root.join("tests/scenarios").join(scenario)) {
            Ok(text) if !proof.is_empty() && text.contains(proof) => {}
            Ok(_) => wrong.push(format!("{kind} {name}: {scenario} doesn't show '{proof}'")),
            Err(_) => wrong.push(format!("{kind} {name}: there is no scenario {scenario}")),
        }
    }
    assert!(rows.len() > 100, "only {} rows", rows.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
