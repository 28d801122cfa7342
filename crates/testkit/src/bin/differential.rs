//! Records and replays cases of the differential suite.
//!
//! `differential record BASE-URL FILE-OR-DIRECTORY…`: runs the cases there and writes what it shows into the files.
//! `differential replay BASE-URL FILE-OR-DIRECTORY… [--case NAME] [--full]`: runs them and prints what differs.//! `differential generate BASE-URL THEME SEED COUNT FILE`: writes so many random cases, recorded there.
use anyhow::{Context, Result, bail};
use std::{fs, path::Path};
use testkit::differential::{case::Cases, difference, engine::Engine, files, generate, read, run_all};

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| {
        let at = arguments.iter().position(|a| a == name)?;
        arguments.get(at + 1).cloned()
    };
    let at_once = option("--at-once").map_or(Ok(4), |n| n.parse())?;
    let paths = |rest: &[String]| -> Result<Vec<_>> {
        let named = rest.iter().take_while(|a| !a.starts_with("--"));
        Ok(named
            .map(|a| files(Path::new(a)))
            .collect::<Result<Vec<_>>>()?
            .concat())
    };
    match &arguments[..] {
        [verb, base, rest @ ..] if verb == "record" => {
            let engine = Engine::new(base)?;
            for file in paths(rest)? {
                let Cases(cases) = read(&file)?;
                let found = run_all(&engine, cases, at_once, false).await?;
                for case in &found {
                    if let Some(step) = case.steps.last().filter(|s| stopped(s)) {
                        println!(
                            "{} {}: {} {:?}",
                            file.display(),
                            case.name,
                            step.what,
                            step.refused
                        );
                    }
                }
                fs::write(&file, Cases(found).to_string()).with_context(|| file.display().to_string())?;
            }
        }
        [verb, base, rest @ ..] if verb == "replay" => {
            let engine = Engine::new(base)?;
            let only = option("--case");
            let (mut equal, mut all) = (0, 0);
            for file in paths(rest)? {
                let Cases(mut cases) = read(&file)?;
                cases.retain(|c| only.as_ref().is_none_or(|name| c.name == *name));
                let found = run_all(&engine, cases.clone(), at_once, true).await?;
                for (case, found) in cases.iter().zip(&found) {
                    all += 1;
                    match difference(case, found) {
                        None => equal += 1,
                        Some(difference) => {
                            println!("== {} {}\n{difference}", file.display(), case.name);
                        }
                    }
                    if arguments.iter().any(|a| a == "--full") {
                        println!("{found}");
                    }
                }
            }
            println!("{equal} of {all} cases are equal");
        }
        [verb, base, theme, from, count, file, ..] if verb == "generate" => {
            let engine = Engine::new(base)?;
            let from: u64 = from.parse()?;
            let mut cases = Vec::new();
            for seed in from..from + count.parse::<u64>()? {
                match generate::generate(&engine, theme, seed).await {
                    Ok(case) => cases.push(case),
                    Err(error) => println!("{theme} {seed}: {error:#}"),
                }
            }
            fs::write(file, Cases(cases).to_string()).with_context(|| file.clone())?;
        }
        _ => bail!("usage: differential record|replay BASE-URL FILE-OR-DIRECTORY…"),
    }
    Ok(())
}

fn stopped(step: &testkit::differential::case::Step) -> bool {
    step.refused
        .as_ref()
        .is_some_and(|r| r.starts_with("cannot be tried"))
}
