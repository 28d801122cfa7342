//! `stellwerk dev` and `./up`: what is printed works when it is typed.
use anyhow::{Context, Result};
use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};
use testkit::process::{Process, stellwerk, wait_for};

/// A directory that is removed at the end.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Result<Directory> {
        let path = std::env::temp_dir().join(format!("stellwerk-{name}-{}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Directory(path))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn start(directory: &Path, arguments: &[&str]) -> Result<Process> {
    let mut command = stellwerk()?;
    command.args(["dev", "--port", "0"]).args(arguments);
    Process::start(directory, "dev", command)
}

/// What dev has printed, once it is all there.
async fn printed(process: &Process, until: &str) -> Result<String> {
    let text = wait_for("dev to print what to try", Duration::from_secs(90), async || {
        let text = fs::read_to_string(&process.log)?;
        Ok(text.contains(until).then_some(text))
    });
    text.await.with_context(|| process.last_words())
}

#[tokio::test]
async fn the_commands_that_dev_prints_start_an_order_and_complete_it() -> Result<()> {
    let directory = Directory::new("dev")?;
    let mut dev = start(&directory.0, &[])?;
    let text = printed(&dev, "Ctrl-C stops it.").await?;
    let base = text
        .split("REST     ")
        .nth(1)
        .and_then(|rest| rest.lines().next())
        .context("REST")?
        .to_owned();
    let (first, extra) = (
        text.find("# 1.").context("1.")?,
        text.find("# extra").context("extra")?,
    );
    let shell = Command::new("bash").arg("-c").arg(&text[first..extra]).output()?;
    let said = String::from_utf8_lossy(&shell.stdout).into_owned();
    assert!(
        said.trim_end().ends_with("204"),
        "{said} {}",
        String::from_utf8_lossy(&shell.stderr)
    );
    assert!(said.contains("\"businessKey\":\"order-1\""), "{said}");
    let history: serde_json::Value = reqwest::get(format!(
        "{base}/history/process-instance?processInstanceBusinessKey=order-1"
    ))
    .await?
    .json()
    .await?;
    assert_eq!(history[0]["state"], "COMPLETED");
    for (path, has) in [
        ("/health/ready", "ready"),
        ("/health/live", "live"),
        ("/metrics", "# EOF"),
    ] {
        let url = base.replace("/engine-rest", path);
        assert!(reqwest::get(&url).await?.text().await?.contains(has), "{url}");
    }
    assert!(dev.terminate().await?.success());
    Ok(())
}

#[tokio::test]
async fn dev_keeps_its_data_where_it_is_told_to() -> Result<()> {
    let directory = Directory::new("dev-data")?;
    let data = directory.0.join("data");
    let data = data.to_str().context("UTF-8")?;
    let mut counts = Vec::new();
    for _ in 0..2 {
        let mut dev = start(&directory.0, &["--data", data, "--shards", "3"])?;
        let text = printed(&dev, "Ctrl-C stops it.").await?;
        let base = text
            .split("REST     ")
            .nth(1)
            .and_then(|rest| rest.lines().next())
            .context("REST")?
            .to_owned();
        let started = reqwest::Client::new()
            .post(format!("{base}/process-definition/key/Order_Process/start"))
            .json(&serde_json::json!({}))
            .send()
            .await?;
        assert_eq!(started.status(), 200);
        let count = |what: &str| reqwest::get(format!("{base}/{what}/count"));
        for what in ["process-instance", "deployment"] {
            let body: serde_json::Value = count(what).await?.json().await?;
            counts.push(body["count"].as_u64());
        }
        assert!(dev.terminate().await?.success());
        fs::remove_file(&dev.log)?;
    }
    assert_eq!(
        counts,
        [1, 1, 2, 1].map(Some),
        "instances are kept, the sample isn't deployed again"
    );
    let other = stellwerk()?
        .args(["dev", "--port", "0", "--data", data, "--shards", "2"])
        .output()?;
    assert_eq!(other.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&other.stderr).contains("option --shards, from command line"));
    Ok(())
}

#[test]
fn configuration_errors_name_the_option_and_its_origin_and_exit_with_2() -> Result<()> {
    let wrong = stellwerk()?
        .args(["engine-node", "--listen", "nowhere"])
        .output()?;
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("option --listen, from command line"));
    let wrong = stellwerk()?
        .arg("router")
        .env("STELLWERK_NONSENSE", "1")
        .output()?;
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("environment variable STELLWERK_NONSENSE"));
    for words in [
        &["verify"][..],
        &["nonsense"],
        &["shard-admin", "doctor"],
        &["shard-admin", "status"],
    ] {
        assert_eq!(
            stellwerk()?.args(words).output()?.status.code(),
            Some(2),
            "{words:?}"
        );
    }
    Ok(())
}

#[test]
fn the_version_names_the_commit_and_the_schema_versions() -> Result<()> {
    let output = stellwerk()?.arg("--version").output()?;
    let text = String::from_utf8(output.stdout)?;
    assert!(
        text.starts_with("stellwerk ") && text.contains("commit ") && text.contains("schema versions "),
        "{text}"
    );
    Ok(())
}

/// Runs `./up` where only the given cargo version and a few tools are there.
fn up(name: &str, cargo: Option<&str>) -> Result<Output> {
    let directory = Directory::new(name)?;
    for tool in ["bash", "dirname", "awk", "sort", "head", "mktemp", "rm", "id"] {
        let found = std::env::var("PATH")?
            .split(':')
            .map(|dir| Path::new(dir).join(tool))
            .find(|path| path.is_file());
        symlink(found.with_context(|| tool.to_owned())?, directory.0.join(tool))?;
    }
    if let Some(version) = cargo {
        let script = directory.0.join("cargo");
        fs::write(
            &script,
            format!("#!{}\necho cargo {version}\n", directory.0.join("bash").display()),
        )?;
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../up");
    Ok(Command::new(directory.0.join("bash"))
        .arg(script)
        .env_clear()
        .env("PATH", &directory.0)
        .env("HOME", &directory.0)
        .output()?)
}

#[test]
fn up_without_a_new_enough_cargo_prints_the_rustup_line() -> Result<()> {
    for (name, cargo) in [("up-none", None), ("up-old", Some("1.94.1"))] {
        let output = up(name, cargo)?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains("https://sh.rustup.rs"), "{text}");
    }
    Ok(())
}

#[test]
fn up_lists_all_that_is_missing_at_once_with_the_command_for_each_system() -> Result<()> {
    let output = up("up-tools", Some("1.95.0"))?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    for part in [
        "C compiler",
        "protoc",
        "well-known types",
        "apt-get install -y gcc",
        "dnf",
        "pacman",
        "apk add",
        "macOS",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    Ok(())
}
