//! Puts the commit into the binary: from git, or from BUILD_COMMIT where there is no repository (container images).
use std::{env, path::Path, process::Command};

fn main() {
    println!("cargo::rerun-if-env-changed=BUILD_COMMIT");
    println!("cargo::rerun-if-changed=build.rs");
    // Only releases follow every commit: tests would otherwise link anew after each.
    if env::var("PROFILE").as_deref() == Ok("release") && Path::new(".git/logs/HEAD").exists() {
        println!("cargo::rerun-if-changed=.git/logs/HEAD");
    }
    let given = env::var("BUILD_COMMIT").ok().filter(|commit| !commit.is_empty());
    println!(
        "cargo::rustc-env=STELLWERK_COMMIT={}",
        given.or_else(git).unwrap_or_else(|| "unknown".to_owned())
    );
}

fn git() -> Option<String> {
    let output = Command::new("git")
        .args(["rev-parse", "--short=12", "HEAD"])
        .output()
        .ok()?;
    let commit = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !commit.is_empty()).then_some(commit)
}
