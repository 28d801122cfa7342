use super::*;
use crate::{Secret, values};
use std::time::Duration;

#[derive(clap::Args, Debug)]
struct Options {
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: crate::HostPort,
    #[arg(long, value_parser = values::duration, default_value = "30s")]
    drain_timeout: Duration,
    #[arg(long)]
    shard: Vec<String>,
    #[arg(long, value_delimiter = ',')]
    topology: Vec<String>,
    #[arg(long)]
    insecure_no_auth: bool,
    #[arg(long)]
    cluster_secret: Option<Secret>,
    #[arg(long)]
    database_url: Option<String>,
}

#[derive(clap::Args, Debug)]
struct Needs {
    #[arg(long)]
    database_url: String,
}

#[derive(clap::Args, Debug)]
struct WithVerbs {
    #[arg(long, global = true)]
    topology: Option<String>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand, Debug)]
enum Verb {
    Add {
        name: String,
        #[arg(long, default_value = "64")]
        batch: u32,
    },
    Status,
    #[command(subcommand)]
    Schema(SchemaVerb),
}

#[derive(clap::Subcommand, Debug)]
enum SchemaVerb {
    Apply {
        #[arg(long, required = true)]
        database: Vec<String>,
    },
}

fn run<A: Args>(args: &[&str], env: &[(&str, &str)], file: &str) -> Result<Parsed<A>, ConfigError> {
    let args: Vec<String> = args.iter().map(|a| a.to_string()).collect();
    let env: Vec<(String, String)> = env.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
    parse("stellwerk test", &args, &env, &|path| match path.to_str() {
        Some("c.toml") => Ok(file.to_owned()),
        _ => Err(io::Error::from(io::ErrorKind::NotFound)),
    })
}

fn ok(args: &[&str], env: &[(&str, &str)], file: &str) -> Options {
    run::<Options>(args, env, file).unwrap().options
}

fn error(args: &[&str], env: &[(&str, &str)], file: &str) -> String {
    let error = run::<Options>(args, env, file).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    error.to_string()
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let file = "listen = '127.0.0.1:3'\ndrain-timeout = '3s'\ndatabase-url = 'file'";
    let env = [
        ("STELLWERK_LISTEN", "127.0.0.1:2"),
        ("STELLWERK_DRAIN_TIMEOUT", "2s"),
        ("PATH", "/bin"),
    ];
    let parsed = run::<Options>(&["--config", "c.toml", "--listen=127.0.0.1:1"], &env, file).unwrap();
    assert_eq!(parsed.options.listen.port, 1);
    assert_eq!(parsed.options.drain_timeout, Duration::from_secs(2));
    assert_eq!(parsed.options.database_url.as_deref(), Some("file"));
    assert_eq!(parsed.origins.of("listen"), Origin::Flag);
    assert_eq!(
        parsed.origins.of("drain-timeout"),
        Origin::Env("STELLWERK_DRAIN_TIMEOUT".into())
    );
    assert_eq!(parsed.origins.of("database-url"), Origin::File("c.toml".into()));
    assert_eq!(parsed.origins.of("shard"), Origin::Default);
}

#[test]
fn s4_01_port_says_where_to_listen_if_nothing_else_does() {
    let parsed = run::<Options>(&[], &[("PORT", "1234")], "").unwrap();
    assert_eq!(parsed.options.listen.to_string(), "0.0.0.0:1234");
    assert_eq!(parsed.origins.of("listen"), Origin::Env("PORT".into()));
    let file = "listen = '127.0.0.1:3'";
    assert_eq!(ok(&["--config=c.toml"], &[("PORT", "1234")], file).listen.port, 3);
    let env = [("PORT", "1234"), ("STELLWERK_LISTEN", "127.0.0.1:2")];
    assert_eq!(ok(&[], &env, "").listen.port, 2);
    assert!(error(&[], &[("PORT", "x")], "").contains("environment variable PORT"));
    // A role that doesn't listen takes no notice.
    assert!(run::<Needs>(&["--database-url=u"], &[("PORT", "x")], "").is_ok());
}

#[test]
fn the_file_may_be_named_by_the_environment() {
    assert_eq!(
        ok(&[], &[("STELLWERK_CONFIG", "c.toml")], "listen = '127.0.0.1:3'")
            .listen
            .port,
        3
    );
}

#[test]
fn repeated_options_and_switches_come_from_everywhere() {
    let options = ok(&["--shard", "a=1,2", "--shard", "b=3"], &[], "");
    assert_eq!(options.shard, ["a=1,2", "b=3"]);
    let options = ok(
        &[],
        &[
            ("STELLWERK_SHARD", "a=1,2 b=3"),
            ("STELLWERK_TOPOLOGY", "x,y"),
            ("STELLWERK_INSECURE_NO_AUTH", "true"),
        ],
        "",
    );
    assert_eq!(options.shard, ["a=1,2", "b=3"]);
    assert_eq!(options.topology, ["x", "y"]);
    assert!(options.insecure_no_auth);
    let options = ok(
        &["--config=c.toml"],
        &[],
        "shard = ['a=1,2', 'b=3']\ninsecure-no-auth = false",
    );
    assert_eq!(options.shard, ["a=1,2", "b=3"]);
    assert!(!options.insecure_no_auth);
}

#[test]
fn an_error_names_the_option_and_where_it_came_from() {
    let text = error(&["--listen", "x"], &[], "");
    assert!(
        text.starts_with("option --listen, from command line: ") && text.contains("'x' is not HOST:PORT"),
        "{text}"
    );
    let text = error(&[], &[("STELLWERK_DRAIN_TIMEOUT", "30")], "");
    assert!(
        text.starts_with("option --drain-timeout, from environment variable STELLWERK_DRAIN_TIMEOUT: "),
        "{text}"
    );
    let text = error(&["--config=c.toml"], &[], "listen = 'y'");
    assert!(text.starts_with("option --listen, from file c.toml: "), "{text}");
    let text = error(&["--config=c.toml"], &[], "insecure-no-auth = 'perhaps'");
    assert!(
        text.contains("--insecure-no-auth, from file c.toml: 'perhaps' is neither"),
        "{text}"
    );
    let text = error(&["--config=none.toml"], &[], "");
    assert!(
        text.starts_with("option --config") && text.contains("none.toml"),
        "{text}"
    );
    assert!(error(&["--nonsense"], &[], "").contains("--nonsense"));
    assert!(
        run::<Needs>(&[], &[], "")
            .unwrap_err()
            .to_string()
            .contains("STELLWERK_DATABASE_URL")
    );
}

#[test]
fn unknown_keys_and_variables_are_errors() {
    assert_eq!(
        error(&[], &[("STELLWERK_LISTNE", "x")], ""),
        "unknown option 'STELLWERK_LISTNE', from environment variable STELLWERK_LISTNE"
    );
    assert_eq!(
        error(&["--config=c.toml"], &[], "listne = 'x'"),
        "unknown option 'listne', from file c.toml"
    );
    assert!(error(&["--config=c.toml"], &[], "listen = {}").contains("must be a text"));
    assert!(error(&["--config=c.toml"], &[], "listen = ").contains("c.toml"));
}

#[test]
fn a_secret_comes_from_the_environment_or_the_file_and_never_from_the_command_line() {
    let text = error(&["--cluster-secret", "s"], &[], "");
    assert!(
        text.contains("--cluster-secret, from command line: a secret must not stand"),
        "{text}"
    );
    let options = ok(&[], &[("STELLWERK_CLUSTER_SECRET", "s")], "");
    assert_eq!(
        options.cluster_secret.map(|s| s.reveal().to_owned()),
        Some("s".to_owned())
    );
}

#[test]
fn an_empty_variable_counts_as_absent() {
    assert_eq!(ok(&[], &[("STELLWERK_LISTEN", "")], "").listen.port, 8080);
}

#[test]
fn a_later_error_gets_its_origin() {
    let parsed = run::<Options>(&[], &[("STELLWERK_LISTEN", "127.0.0.1:2")], "").unwrap();
    let late = ConfigError::new("listen", "is taken").located(&parsed.origins);
    assert_eq!(
        late.to_string(),
        "option --listen, from environment variable STELLWERK_LISTEN: is taken"
    );
}

#[test]
fn options_of_verbs_come_from_everywhere_too() {
    let env = [("STELLWERK_TOPOLOGY", "etcd://x"), ("STELLWERK_BATCH", "7")];
    let parsed = run::<WithVerbs>(&["add", "s3"], &env, "").unwrap().options;
    assert_eq!(parsed.topology.as_deref(), Some("etcd://x"));
    assert!(matches!(parsed.verb, Verb::Add { name, batch: 7 } if name == "s3"));
    let parsed = run::<WithVerbs>(&["status", "--topology", "etcd://y"], &env, "")
        .unwrap()
        .options;
    assert_eq!(parsed.topology.as_deref(), Some("etcd://y"));
    assert!(matches!(parsed.verb, Verb::Status));
}

#[test]
fn a_required_option_of_a_verb_may_come_from_the_environment() {
    let env = [("STELLWERK_DATABASE", "a=1 b=2")];
    let parsed = run::<WithVerbs>(&["schema", "apply"], &env, "").unwrap().options;
    let Verb::Schema(SchemaVerb::Apply { database }) = parsed.verb else {
        panic!("{parsed:?}")
    };
    assert_eq!(database, ["a=1", "b=2"]);
    let file = "database = ['c=3']";
    let parsed = run::<WithVerbs>(&["--config=c.toml", "schema", "apply"], &[], file)
        .unwrap()
        .options;
    assert!(matches!(parsed.verb, Verb::Schema(SchemaVerb::Apply { database }) if database == ["c=3"]));
    let error = run::<WithVerbs>(&["schema", "apply"], &[], "")
        .unwrap_err()
        .to_string();
    assert!(error.contains("STELLWERK_DATABASE"), "{error}");
}

#[test]
fn help_is_exit_code_0_and_names_variables() {
    let help = run::<Options>(&["--help"], &[], "").unwrap_err();
    assert_eq!(help.exit_code(), 0);
    assert!(
        help.to_string()
            .contains("Where to listen [env: STELLWERK_LISTEN]"),
        "{help}"
    );
}
