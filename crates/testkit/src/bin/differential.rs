//! Records and replays cases of the differential suite.
//!
//! `differential record BASE-URL FILE-OR-DIRECTORY…`: runs the cases there and writes what it shows into the files.
//! `differential replay BASE-URL DIRECTORY [--case NAME] [--write-pending]`: runs them and prints what differs.//! `differential generate BASE-URL THEME SEED COUNT FILE`: writes so many random cases, recorded there.
use anyhow::{Context, Result, bail};
use std::{fs, path::Path};
use testkit::differential::{
    PENDING, case::Cases, difference, engine::Engine, files, generate, read, read_all, run_all,
};

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
                        println!("{}: {:?}", case.name, step.refused);
                    }
                }
                fs::write(&file, Cases(found).to_string()).with_context(|| file.display().to_string())?;
            }
        }
        // Keeps the cases that come out as recorded: on the reference, that is those which don't hang on chance.
        [verb, base, rest @ ..] if verb == "sieve" => {
            let engine = Engine::new(base)?;
            for file in paths(rest)? {
                let Cases(cases) = read(&file)?;
                let found = run_all(&engine, cases.clone(), at_once, false).await?;
                let kept = cases.into_iter().zip(&found).filter(|(case, found)| {
                    let difference = difference(case, found);
                    difference.iter().for_each(|d| println!("== {}\n{d}", case.name));
                    difference.is_none()
                });
                fs::write(&file, Cases(kept.map(|(case, _)| case).collect()).to_string())?;
            }
        }
        [verb, base, directory, ..] if verb == "replay" => {
            let directory = Path::new(directory);
            let mut cases = read_all(directory)?;
            let only = option("--case");
            cases.retain(|c| only.as_ref().is_none_or(|name| c.name == *name));
            let found = run_all(&Engine::new(base)?, cases.clone(), at_once, true).await?;
            let mut unequal = Vec::new();
            for (case, found) in cases.iter().zip(&found) {
                if let Some(difference) = difference(case, found) {
                    unequal.push(case.name.as_str());
                    println!("== {}\n{difference}", case.name);
                }
                if only.is_some() {
                    println!("{found}");
                }
            }
            println!(
                "{} of {} cases are equal",
                cases.len() - unequal.len(),
                cases.len()
            );
            if arguments.iter().any(|a| a == "--write-pending") {
                fs::write(directory.join(PENDING), unequal.join("\n") + "\n")?;
            }
        }
        [verb, theme, seed] if verb == "model" => {
            println!("{}", generate::model::process(theme, seed.parse()?))
        }
        [verb, base, theme, from, count, file, ..] if verb == "generate" => {
            let engine = Engine::new(base)?;
            let from: u64 = from.parse()?;
            let mut cases = Vec::new();
            for seed in from..from + count.parse::<u64>()? {
                match generate::generate(&engine, theme, seed).await {
                    // A model that is refused tells little.
                    Ok(case) if case.steps.len() == 1 => {}
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
