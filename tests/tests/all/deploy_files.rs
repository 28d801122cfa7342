//! What `deploy/` says to type must be what the program takes: every command line, variable, port and probe path in
//! its files goes through the real option parser.
use anyhow::{Context, Result, bail};
use service::{AdminListen, Readiness, Shutdown};
use std::{collections::BTreeMap, fs, path::PathBuf, time::Duration};

fn file(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../deploy")
        .join(name);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// What the tests look at in a parsed command line.
#[derive(Debug)]
struct Seen {
    listen: Option<u16>,
    admin: Option<u16>,
    advertise: Option<String>,
    drain: Duration,
}

/// Parses what stands behind `stellwerk`.
fn parse(words: &[String], env: &[(String, String)]) -> Result<Seen> {
    let (role, args) = words.split_first().context("no role")?;
    let read = |path: &std::path::Path| bail_io(path);
    let port = |listen: &AdminListen| match listen {
        AdminListen::Off => None,
        AdminListen::At(address) => Some(address.port),
    };
    Ok(match role.as_str() {
        "router" => {
            let options = service::parse::<router::Options>("router", args, env, &read)?.options;
            if options.topology.is_none() && options.shard.is_empty() {
                bail!("a router without a topology");
            }
            Seen {
                listen: Some(options.listen.port),
                admin: port(&options.common.admin_listen),
                advertise: None,
                drain: options.common.drain_timeout,
            }
        }
        "engine-node" => {
            let options = service::parse::<engine_node::Options>("engine-node", args, env, &read)?.options;
            options.database_url()?;
            options.shard.as_ref().context("a node without a shard")?;
            Seen {
                listen: Some(options.listen.port),
                admin: port(&options.common.admin_listen),
                advertise: options.advertise.clone(),
                drain: options.common.drain_timeout,
            }
        }
        "shard-admin" => {
            let options = service::parse::<shard_admin::Options>("shard-admin", args, env, &read)?.options;
            if format!("{:?}", options.verb).contains("Other") {
                bail!("{args:?} is not a verb");
            }
            Seen {
                listen: None,
                admin: None,
                advertise: None,
                drain: Duration::ZERO,
            }
        }
        other => bail!("'{other}' is not a role"),
    })
}

fn bail_io(path: &std::path::Path) -> std::io::Result<String> {
    Err(std::io::Error::other(format!(
        "{} is not read here",
        path.display()
    )))
}

/// A service of the compose file: its one-line values, its environment, and where it stands.
#[derive(Debug, Default)]
struct Service {
    values: BTreeMap<String, String>,
    environment: Vec<(String, String)>,
}

impl Service {
    fn list(&self, key: &str) -> Vec<String> {
        let text = self.values.get(key).map(String::as_str).unwrap_or("[]");
        serde_json::from_str(text).unwrap_or_else(|e| panic!("{key}: {text}: {e}"))
    }

    /// The words behind `stellwerk`.
    fn words(&self) -> Vec<String> {
        [
            self.list("entrypoint").into_iter().skip(1).collect(),
            self.list("command"),
        ]
        .concat()
    }
}

/// Reads the plain form that our compose file keeps to: two blanks a level, lists on one line.
fn services(text: &str) -> BTreeMap<String, Service> {
    let mut services: BTreeMap<String, Service> = BTreeMap::new();
    let (mut section, mut name, mut key) = (String::new(), String::new(), String::new());
    for line in text
        .lines()
        .filter(|l| !l.trim().is_empty() && !l.trim_start().starts_with('#'))
    {
        let depth = line.len() - line.trim_start().len();
        let (field, value) = line.trim().split_once(':').unwrap_or((line.trim(), ""));
        let value = value.trim();
        match depth {
            0 => section = field.to_owned(),
            2 if section == "services" => name = field.to_owned(),
            4 if section == "services" => {
                key = field.to_owned();
                services
                    .entry(name.clone())
                    .or_default()
                    .values
                    .insert(key.clone(), value.to_owned());
            }
            6 if section == "services" && key == "environment" => {
                let value = value
                    .trim_matches('"')
                    .replace("${DATABASE_PASSWORD:?set it in .env}", "pw");
                services
                    .entry(name.clone())
                    .or_default()
                    .environment
                    .push((field.to_owned(), value));
            }
            _ => {}
        }
    }
    services
}

/// Names below a top-level key of the compose file.
fn names(text: &str, section: &str) -> Vec<String> {
    let lines = text.lines().skip_while(|l| *l != format!("{section}:")).skip(1);
    let inside = lines.take_while(|l| l.is_empty() || l.starts_with(' '));
    inside
        .filter_map(|l| {
            l.strip_prefix("  ")
                .filter(|l| !l.starts_with(' '))?
                .strip_suffix(':')
                .map(str::to_owned)
        })
        .collect()
}

#[test]
fn every_service_of_the_compose_file_parses_and_its_ports_and_names_fit() {
    let text = file("compose/compose.yaml");
    let services = services(&text);
    let secrets = names(&text, "secrets");
    let ours: Vec<_> = services
        .iter()
        .filter(|(_, s)| s.values.get("image").is_some_and(|i| i == "stellwerk"))
        .collect();
    let count = |role: &str| ours.iter().filter(|(_, s)| s.words()[0] == role).count();
    assert_eq!(
        (count("router"), count("engine-node"), count("shard-admin")),
        (2, 4, 1)
    );
    for (name, service) in ours {
        let words = service.words();
        let seen = parse(&words, &service.environment).unwrap_or_else(|e| panic!("{name}: {e:#}"));
        for other in service.list("depends_on") {
            assert!(services.contains_key(&other), "{name} depends on {other}");
        }
        for secret in service.list("secrets") {
            assert!(secrets.contains(&secret), "{name} uses the secret {secret}");
        }
        for word in words
            .iter()
            .chain(service.environment.iter().map(|(_, value)| value))
        {
            if let Some(secret) = word.strip_prefix("/run/secrets/") {
                assert!(
                    service.list("secrets").iter().any(|s| s == secret),
                    "{name} reads {word}"
                );
            }
        }
        for port in service.list("ports") {
            let inside = port.rsplit(':').next().unwrap().parse().unwrap();
            assert_eq!(seen.listen, Some(inside), "{name} publishes {port}");
        }
        if let Some(url) = &seen.advertise {
            assert_eq!(*url, format!("http://{name}:{}", seen.listen.unwrap()), "{name}");
        }
        if seen.listen.is_some() {
            assert_eq!(
                seen.admin,
                Some(9090),
                "the image's health check asks port 9090: {name}"
            );
            assert_eq!(service.values["stop_grace_period"], "45s");
            assert!(
                seen.drain < Duration::from_secs(45),
                "{name} is killed before it has drained"
            );
        }
    }
}

#[test]
fn every_variable_in_the_compose_file_is_known_and_a_wrong_one_would_be_noticed() {
    let services = services(&file("compose/compose.yaml"));
    let service = &services["node-a1"];
    let mut env = service.environment.clone();
    env.push(("STELLWERK_LISTNE".into(), "x".into()));
    assert!(
        parse(&service.words(), &env)
            .unwrap_err()
            .to_string()
            .contains("STELLWERK_LISTNE")
    );
}

/// Variables of an environment file.
fn variables(text: &str) -> Vec<(String, String)> {
    let lines = text
        .lines()
        .filter(|l| !l.starts_with('#') && !l.trim().is_empty());
    lines
        .map(|l| {
            l.split_once('=')
                .map(|(n, v)| (n.to_owned(), v.to_owned()))
                .unwrap_or_else(|| panic!("{l}"))
        })
        .collect()
}

#[test]
fn every_systemd_unit_parses_with_its_environment_file() {
    for (unit, instance, listen, admin) in [
        ("stellwerk-router@.service", "8080", 8080, 18080),
        ("stellwerk-engine-node@.service", "a", 8180, 9190),
    ] {
        let text = file(&format!("systemd/{unit}")).replace("%i", instance);
        let values = |key: &str| -> Vec<String> {
            text.lines()
                .filter_map(|l| l.strip_prefix(key)?.strip_prefix('='))
                .map(str::to_owned)
                .collect()
        };
        let credentials = values("LoadCredential");
        let environment = values("EnvironmentFile");
        let path = environment[0]
            .strip_prefix("/etc/stellwerk/")
            .unwrap_or_else(|| panic!("{environment:?}"));
        let env = variables(&file(&format!("systemd/{path}")));
        let command: Vec<String> = values("ExecStart")[0].split(' ').map(str::to_owned).collect();
        assert_eq!(command[0], "/usr/local/bin/stellwerk");
        for word in &command {
            if let Some(name) = word.strip_prefix("%d/") {
                assert!(
                    credentials.iter().any(|c| c.starts_with(&format!("{name}:"))),
                    "{unit} reads {word}"
                );
            }
        }
        let seen = parse(&command[1..], &env).unwrap_or_else(|e| panic!("{unit}: {e:#}"));
        assert_eq!((seen.listen, seen.admin), (Some(listen), Some(admin)), "{unit}");
        assert_eq!(values("KillSignal"), ["SIGTERM"]);
        assert_eq!(values("TimeoutStopSec"), ["45"]);
        assert!(
            seen.drain < Duration::from_secs(45),
            "{unit} is killed before it has drained"
        );
        assert_eq!(values("RestartPreventExitStatus"), ["2"]);
    }
}

#[test]
fn every_shard_admin_command_in_the_readme_parses() {
    let text = file("README.md");
    let admin = &services(&file("compose/compose.yaml"))["shard-admin"];
    let mut found = 0;
    for line in text.lines() {
        // Commands stand in code blocks as a line, or in a sentence between backticks.
        for part in line
            .split('`')
            .map(|part| part.split(" #").next().unwrap_or_default().trim())
        {
            let words = |rest: &str| {
                ["shard-admin"]
                    .into_iter()
                    .chain(rest.split(' '))
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            };
            let (words, env) = if let Some(rest) = part.strip_prefix("docker compose run --rm shard-admin ") {
                (words(rest), admin.environment.clone())
            } else if let Some(rest) = part.strip_prefix("stellwerk shard-admin ") {
                (words(rest), Vec::new())
            } else {
                continue;
            };
            parse(&words, &env).unwrap_or_else(|e| panic!("{part}: {e:#}"));
            found += 1;
        }
    }
    assert!(found >= 5, "only {found} commands found");
}

#[tokio::test]
async fn the_image_probes_a_path_that_the_admin_listener_serves() {
    let text = file("Dockerfile");
    let probe = text
        .lines()
        .find(|l| l.contains("/dev/tcp/"))
        .expect("a health check");
    assert!(probe.contains("/dev/tcp/127.0.0.1/9090 "), "{probe}");
    let path = probe
        .split("GET ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next())
        .expect("a path");
    let (ready, shutdown) = (Readiness::waiting_for(&[]), Shutdown::new(Duration::ZERO));
    let listen: AdminListen = "127.0.0.1:0".parse().unwrap();
    let address = service::serve_admin(&listen, ready.clone(), vec![], &shutdown)
        .await
        .unwrap()
        .unwrap();
    let ask = async || {
        reqwest::get(format!("http://{address}{path}"))
            .await
            .unwrap()
            .status()
    };
    assert_eq!(ask().await, 200);
    ready.not_ready("database", "unreachable");
    assert_eq!(ask().await, 503);
    for port in ["8080", "9090"] {
        assert!(
            text.lines().any(|l| l.starts_with("EXPOSE") && l.contains(port)),
            "{port} is exposed"
        );
    }
    assert!(text.contains("ENTRYPOINT [\"/usr/local/bin/stellwerk\"]") && text.contains("USER 10001"));
}

#[test]
fn the_readme_names_only_ports_that_the_files_use() {
    let readme = file("README.md");
    let table: String = readme
        .lines()
        .skip_while(|l| !l.starts_with("## Ports"))
        .take_while(|l| !l.starts_with("## Probes"))
        .collect();
    for port in ["8080", "8180", "9090", "9190", "18080", "2379", "5432"] {
        assert!(table.contains(port), "the table of ports lacks {port}");
    }
}

#[test]
fn s0_06_every_option_in_the_guide_from_camunda_exists() {
    let guide = include_str!("../../../docs/from-camunda.md");
    let known = options();
    let mentioned: Vec<&str> = guide
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
        .filter(|word| word.starts_with("--") && !word.starts_with("---"))
        .filter(|word| !["--config", "--dialect"].contains(word))
        .collect();
    assert!(mentioned.len() > 8, "{mentioned:?}");
    for option in mentioned {
        assert!(
            known.iter().any(|known| known == option),
            "docs/from-camunda.md names {option}, which neither engine-node nor router has"
        );
    }
}

/// Every option of `engine-node` and of `router`.
fn options() -> Vec<String> {
    let node = <engine_node::Options as clap::Args>::augment_args(clap::Command::new("engine-node"));
    let router = <router::Options as clap::Args>::augment_args(clap::Command::new("router"));
    let options = [&node, &router].map(|command| command.get_arguments().filter_map(|a| a.get_long()));
    let options = options.into_iter().flatten();
    options.map(|long| format!("--{long}")).collect()
}
