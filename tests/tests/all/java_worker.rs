//! Java delegates: a model with a class, a delegate expression and a call of a bean runs through with the worker that is
//! shipped, and without it a strict node refuses the model.
use anyhow::{Context, Result, ensure};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};
use testkit::process::{Process, stellwerk, wait_for};

const MODEL: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:camunda="http://camunda.org/schema/1.0/bpmn"
    targetNamespace="stellwerk">
  <process id="delegates" isExecutable="true" camunda:historyTimeToLive="30">
    <startEvent id="start"/>
    <sequenceFlow id="f1" sourceRef="start" targetRef="class"/>
    <serviceTask id="class" camunda:class="acme.Greet"><extensionElements>
      <camunda:field name="greeting" stringValue="Hello"/>
      <camunda:field name="name"><camunda:expression>${customer}</camunda:expression></camunda:field>
    </extensionElements></serviceTask>
    <sequenceFlow id="f2" sourceRef="class" targetRef="bean"/>
    <sendTask id="bean" camunda:delegateExpression="${shout}"/>
    <sequenceFlow id="f3" sourceRef="bean" targetRef="call"/>
    <serviceTask id="call" camunda:expression="${counter.count(said, 'L')}" camunda:resultVariable="letters"/>
    <sequenceFlow id="f4" sourceRef="call" targetRef="error"/>
    <serviceTask id="error" camunda:class="acme.Refuse"/>
    <boundaryEvent id="refused" attachedToRef="error"><errorEventDefinition camunda:errorCodeVariable="code"/></boundaryEvent>
    <sequenceFlow id="f5" sourceRef="refused" targetRef="fine"/>
    <userTask id="fine"/>
  </process>
</definitions>"#;

const TOPICS: &str = "default = \"java\"\n";

const BEANS: &str = "shout = acme.Shout\ncounter = acme.Counter\n";

/// The delegates, one public class a file.
const SOURCES: [(&str, &str); 4] = [
    (
        "Greet",
        "import org.camunda.bpm.engine.delegate.*;
        public class Greet implements JavaDelegate {
          private Expression greeting;
          private Expression name;
          public void execute(DelegateExecution execution) {
            execution.setVariable(\"said\", greeting.getValue(execution) + \" \" + name.getValue(execution));
          }
        }",
    ),
    (
        "Shout",
        "import org.camunda.bpm.engine.delegate.*;
        public class Shout implements JavaDelegate {
          public void execute(DelegateExecution execution) {
            execution.setVariable(\"said\", ((String) execution.getVariable(\"said\")).toUpperCase());
          }
        }",
    ),
    (
        "Counter",
        "public class Counter {
          public long count(String text, String letter) { return text.split(letter, -1).length - 1; }
        }",
    ),
    (
        "Refuse",
        "import org.camunda.bpm.engine.delegate.*;
        public class Refuse implements JavaDelegate {
          public void execute(DelegateExecution execution) { throw new BpmnError(\"E7\", \"no\"); }
        }",
    ),
];

struct Directory(PathBuf);

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn worker() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../sdk/java-delegate-worker/target")
}

/// Compiles the delegates.
fn compiled(directory: &Path) -> Result<PathBuf> {
    let (sources, classes) = (directory.join("acme"), directory.join("classes"));
    fs::create_dir_all(&sources)?;
    let mut command = Command::new("javac");
    let libraries = worker().join("lib/*");
    command.arg("-cp").arg(libraries).arg("-d").arg(&classes);
    for (name, source) in SOURCES {
        let file = sources.join(format!("{name}.java"));
        fs::write(&file, format!("package acme;\n{source}\n"))?;
        command.arg(file);
    }
    let output = command.output().context("javac")?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(classes)
}

async fn dev(directory: &Path, arguments: &[&str]) -> Result<(Process, String)> {
    let mut command = stellwerk()?;
    command
        .args(["dev", "--port", "0", "--no-sample", "--shards", "1"])
        .args(arguments);
    let process = Process::start(
        directory,
        arguments.first().unwrap_or(&"dev").trim_matches('-'),
        command,
    )?;
    let base = wait_for("dev to serve", Duration::from_secs(90), async || {
        let text = fs::read_to_string(&process.log)?;
        let line = text
            .lines()
            .find_map(|line| Some(line.split_once("REST     ")?.1.to_owned()));
        Ok(line.filter(|_| text.contains("  metrics ")))
    });
    let base = base.await.with_context(|| process.last_words())?;
    Ok((process, base))
}

async fn deploy(base: &str) -> Result<(u16, String)> {
    let part = reqwest::multipart::Part::text(MODEL).file_name("delegates.bpmn");
    let form = reqwest::multipart::Form::new().part("data", part);
    let response = reqwest::Client::new()
        .post(format!("{base}/deployment/create"))
        .multipart(form)
        .send()
        .await?;
    Ok((response.status().as_u16(), response.text().await?))
}

#[tokio::test(flavor = "multi_thread")]
async fn java_worker_runs_classes_beans_and_calls_and_throws_errors() -> Result<()> {
    let directory = Directory(std::env::temp_dir().join(format!("stellwerk-java-{}", std::process::id())));
    let home = &directory.0;
    fs::create_dir_all(home)?;
    let (topics, beans) = (home.join("topics.toml"), home.join("beans.properties"));
    fs::write(&topics, TOPICS)?;
    fs::write(&beans, BEANS)?;
    let classes = compiled(home)?;
    let topics = topics.to_str().context("a path")?;
    let (_dev, base) = dev(home, &["--java-delegates", topics, "--strict-deploy"]).await?;
    let (status, text) = deploy(&base).await?;
    ensure!(status == 200, "{status} {text}");

    let client = reqwest::Client::new();
    let started: serde_json::Value = client
        .post(format!("{base}/process-definition/key/delegates/start"))
        .json(&serde_json::json!({"variables": {"customer": {"type": "String", "value": "Ella"}}}))
        .send()
        .await?
        .json()
        .await?;
    let id = started["id"].as_str().with_context(|| started.to_string())?;

    let mut classpath = classes.into_os_string();
    classpath.push("/");
    let mut running = tokio::process::Command::new("java")
        .arg("-jar")
        .arg(worker().join("java-delegate-worker.jar"))
        .args(["--topics", "java", "--url", &base, "--beans"])
        .arg(&beans)
        .arg("--classpath")
        .arg(&classpath)
        .stdout(Stdio::null())
        .stderr(fs::File::create(home.join("worker.log"))?)
        .kill_on_drop(true)
        .spawn()
        .context("java")?;
    let waited = wait_for("the user task", Duration::from_secs(120), async || {
        let tasks: serde_json::Value = client
            .get(format!("{base}/task?processInstanceId={id}"))
            .send()
            .await?
            .json()
            .await?;
        Ok(tasks[0]["taskDefinitionKey"].as_str().map(str::to_owned))
    });
    let task = waited
        .await
        .with_context(|| fs::read_to_string(home.join("worker.log")).unwrap_or_default())?;
    running.kill().await?;
    assert_eq!(task, "fine");
    let variables: serde_json::Value = client
        .get(format!("{base}/process-instance/{id}/variables"))
        .send()
        .await?
        .json()
        .await?;
    assert_eq!(variables["said"]["value"], "HELLO ELLA");
    assert_eq!(variables["letters"]["value"], 4);
    assert_eq!(variables["letters"]["type"], "Long");
    assert_eq!(variables["code"]["value"], "E7");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn java_worker_is_asked_for_by_a_strict_node_without_topics() -> Result<()> {
    let directory = Directory(std::env::temp_dir().join(format!("stellwerk-strict-{}", std::process::id())));
    fs::create_dir_all(&directory.0)?;
    let (_dev, base) = dev(&directory.0, &["--strict-deploy"]).await?;
    let (status, text) = deploy(&base).await?;
    assert_eq!(status, 400, "{text}");
    assert!(
        text.contains("Element 'class' needs the Java class 'acme.Greet'"),
        "{text}"
    );
    assert!(text.contains("line 7"), "{text}");
    Ok(())
}
