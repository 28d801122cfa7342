//! A shard's database over mutual TLS, checked in full.
use anyhow::{Context, Result, ensure};
use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};
use testkit::{
    postgres::Server,
    process::{Process, free_port, stellwerk, wait_for},
};

fn run(program: &str, arguments: &str, directory: &Path) -> Result<()> {
    let done = Command::new(program)
        .args(arguments.split_whitespace())
        .current_dir(directory)
        .output()?;
    ensure!(
        done.status.success(),
        "{program} {arguments}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
    Ok(())
}

/// `ca.pem`, and `cert.pem` with `key.pem` for both sides.
pub(super) fn make_certificates(directory: &Path) -> Result<()> {
    std::fs::write(directory.join("extensions"), "subjectAltName=IP:127.0.0.1\n")?;
    let new_key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    for arguments in [
        format!("req -x509 {new_key} -subj /CN=signer -days 3650 -keyout ca-key.pem -out ca.pem"),
        format!("req {new_key} -subj /CN=postgres -keyout key.pem -out request.pem"),
        "x509 -req -in request.pem -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 3650 -extfile extensions -out cert.pem".to_owned(),
    ] {
        run("openssl", &arguments, directory)?;
    }
    Ok(())
}

/// From now on the server takes only connections over TLS with a certificate of the same signer.
fn demand_tls(server: &Server, directory: &Path) -> Result<()> {
    let file = |setting: &str| {
        server
            .psql("postgres", &format!("SHOW {setting}"))
            .map(|s| PathBuf::from(s.trim()))
    };
    let (data, rules) = (file("data_directory")?, file("hba_file")?);
    for name in ["ca.pem", "cert.pem", "key.pem"] {
        std::fs::copy(directory.join(name), data.join(name))?;
        // As its own user may read it, and nobody else.
        run("chmod", &format!("600 {}", data.join(name).display()), directory)?;
        run(
            "chown",
            &format!("--reference={} {}", data.display(), data.join(name).display()),
            directory,
        )?;
    }
    std::fs::write(rules, "hostssl all all 127.0.0.1/32 trust clientcert=verify-ca\n")?;
    server.psql(
        "postgres",
        "ALTER SYSTEM SET ssl_ca_file = 'ca.pem'; ALTER SYSTEM SET ssl_cert_file = 'cert.pem';
         ALTER SYSTEM SET ssl_key_file = 'key.pem'; ALTER SYSTEM SET ssl = on; SELECT pg_reload_conf();",
    )?;
    Ok(())
}

fn node(directory: &Path, name: &str, database: &str, port: u16) -> Result<Process> {
    let mut command = stellwerk()?;
    command.args([
        "engine-node",
        "--database-url",
        database,
        "--admin-listen",
        "none",
    ]);
    command.args(["--listen", &format!("127.0.0.1:{port}")]);
    Process::start(directory, name, command)
}

#[tokio::test(flavor = "multi_thread")]
async fn s0_05_a_database_that_demands_certificates_is_served_and_a_wrong_file_is_named() -> Result<()> {
    let directory = std::env::temp_dir().join(format!("stellwerk-tls-{}", std::process::id()));
    std::fs::create_dir_all(&directory)?;
    make_certificates(&directory)?;
    let server = Server::durable()?;
    let plain = server.create("shard")?;
    demand_tls(&server, &directory)?;
    let at = directory.display();
    let with = |certificate: &str| {
        format!(
            "{plain}?sslmode=verify-full&sslrootcert={at}/ca.pem&sslcert={at}/{certificate}&sslkey={at}/key.pem"
        )
    };

    let port = free_port()?;
    let process = node(&directory, "tls", &with("cert.pem"), port)?;
    wait_for("the node on TLS", Duration::from_secs(60), async || {
        let answer = reqwest::get(format!(
            "http://127.0.0.1:{port}/engine-rest/process-instance/count"
        ))
        .await?;
        Ok((answer.status() == 200).then_some(()))
    })
    .await
    .with_context(|| process.last_words())?;

    for (name, database, said) in [
        ("plain", plain.clone(), "database"),
        ("wrong", with("missing.pem"), "missing.pem"),
    ] {
        let mut refused = node(&directory, name, &database, free_port()?)?;
        wait_for("the node to give up", Duration::from_secs(60), async || {
            Ok((!refused.runs()).then_some(()))
        })
        .await?;
        let words = refused.last_words();
        ensure!(words.contains("error") && words.contains(said), "{name}: {words}");
    }
    drop(process);
    std::fs::remove_dir_all(&directory)?;
    Ok(())
}
