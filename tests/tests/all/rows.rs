//! `rows.tsv` says what proves each requirement row; what it names must exist.
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the workspace")
        .to_owned()
}

/// Every function name below the workspace's source directories.
fn functions(directory: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).expect("source directory").flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() {
            if !["target", "node_modules", ".git"].contains(&name.as_str()) {
                functions(&path, names);
            }
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = fs::read_to_string(&path).expect("source file");
            names.extend(text.lines().filter_map(|line| {
                // Contract tests are functions that a macro makes tests of.
                let line = line
                    .trim_start()
                    .trim_start_matches("pub(super) ")
                    .trim_start_matches("pub ");
                let rest = line.strip_prefix("async fn ").or(line.strip_prefix("fn "))?;
                Some(rest.split('(').next()?.to_owned())
            }));
        }
    }
}

#[test]
fn every_row_of_the_first_seed_names_a_proof_that_exists() {
    let text = fs::read_to_string(root().join("tests/rows.tsv")).expect("tests/rows.tsv");
    let mut known = BTreeSet::new();
    functions(&root(), &mut known);
    let script = fs::read_to_string(root().join("test")).expect("the test script");
    let mut rows = BTreeSet::new();
    for line in text.lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let [row, kind, proof, _result] = columns[..] else {
            panic!("four columns: {line}")
        };
        rows.insert(row.to_owned());
        for name in proof.split(' ') {
            let exists = match kind {
                "test" => known.contains(name),
                "long" => script.contains(&format!("{name})")),
                "bench" => {
                    fs::read_to_string(root().join("bench/src/rows.rs")).is_ok_and(|s| s.contains(name))
                }
                "open" => true,
                _ => panic!("kind of proof: {line}"),
            };
            assert!(exists, "{row}: there is no {kind} named {name}");
        }
    }
    for number in 1..=28 {
        assert!(
            rows.contains(&format!("S0-{number:02}")),
            "S0-{number:02} has no line"
        );
    }
}
