//! Users and groups of an LDAP server, over TLS: logins, lists, rights of groups.
use super::{
    compat::{NODE, QUIET, against},
    database_tls::make_certificates,
};
use anyhow::{Context, Result, ensure};
use reqwest::Client;
use serde_json::{Value, json};
use std::{path::Path, process::Command, time::Duration};
use testkit::process::{Process, free_port, wait_for};

const CONF: &str = r#"
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile DIR/slapd.pid
TLSCACertificateFile DIR/ca.pem
TLSCertificateFile DIR/cert.pem
TLSCertificateKeyFile DIR/key.pem
database mdb
suffix "o=firm"
rootdn "cn=manager,o=firm"
rootpw looks
directory DIR/data
access to attrs=userPassword by anonymous auth by * none
access to * by users read by anonymous auth by * none
"#;

const ENTRIES: &str = "dn: o=firm
objectClass: organization
o: firm

dn: ou=people,o=firm
objectClass: organizationalUnit
ou: people

dn: ou=groups,o=firm
objectClass: organizationalUnit
ou: groups
";

/// An LDAP server with people and groups, and its certificates.
struct Slapd {
    _process: Process,
    port: u16,
}

fn slapd(directory: &Path) -> Result<Slapd> {
    std::fs::create_dir_all(directory.join("data"))?;
    make_certificates(directory)?;
    let path = directory.display().to_string();
    std::fs::write(directory.join("slapd.conf"), CONF.replace("DIR", &path))?;
    let mut entries = ENTRIES.to_owned();
    for (id, first, last) in [
        ("anna", "Anna", "Arm"),
        ("ben", "Ben", "Bein"),
        ("demo", "De", "Mo"),
    ] {
        entries += &format!(
            "\ndn: uid={id},ou=people,o=firm\nobjectClass: inetOrgPerson\nuid: {id}\ngivenName: {first}\ncn: {first} {last}\n\
             sn: {last}\nmail: {id}@firm.example\nuserPassword: {id}-secret\n"
        );
    }
    for (id, members) in [("sales", "anna"), ("desk", "anna ben")] {
        entries += &format!("\ndn: cn={id},ou=groups,o=firm\nobjectClass: groupOfNames\ncn: {id}\n");
        for member in members.split(' ') {
            entries += &format!("member: uid={member},ou=people,o=firm\n");
        }
    }
    std::fs::write(directory.join("entries.ldif"), entries)?;
    let conf = directory.join("slapd.conf");
    let added = Command::new("/usr/sbin/slapadd")
        .arg("-f")
        .arg(&conf)
        .arg("-l")
        .arg(directory.join("entries.ldif"))
        .output()
        .context("slapadd")?;
    ensure!(
        added.status.success(),
        "{}",
        String::from_utf8_lossy(&added.stderr)
    );
    let (port, plain) = (free_port()?, free_port()?);
    let mut command = Command::new("/usr/sbin/slapd");
    command
        .args([
            "-d",
            "0",
            "-h",
            &format!("ldaps://127.0.0.1:{port} ldap://127.0.0.1:{plain}"),
        ])
        .arg("-f")
        .arg(&conf);
    Ok(Slapd {
        _process: Process::start(directory, "slapd", command)?,
        port,
    })
}

async fn get(base: &str, path: &str, user: &str) -> Result<(u16, Value)> {
    let password = format!("{user}-secret");
    let request = Client::new()
        .get(format!("{base}{path}"))
        .basic_auth(user, Some(password));
    let answer = request.send().await?;
    Ok((answer.status().as_u16(), answer.json().await.unwrap_or_default()))
}

async fn post(base: &str, path: &str, user: &str, body: &Value) -> Result<u16> {
    let password = format!("{user}-secret");
    let request = Client::new()
        .post(format!("{base}{path}"))
        .basic_auth(user, Some(password));
    Ok(request.json(body).send().await?.status().as_u16())
}

#[tokio::test(flavor = "multi_thread")]
async fn s1_02_users_and_groups_of_a_directory_log_in_and_have_their_rights() -> Result<()> {
    let directory = std::env::temp_dir().join(format!("stellwerk-ldap-{}", std::process::id()));
    std::fs::create_dir_all(&directory)?;
    let server = slapd(&directory)?;
    std::fs::write(directory.join("manager"), "looks")?;
    let file = |name: &str| directory.join(name).display().to_string();
    let (url, ca, password) = (
        format!("ldaps://127.0.0.1:{}", server.port),
        file("ca.pem"),
        file("manager"),
    );
    let of_directory = [
        "--auth",
        "basic",
        "--authorization-enabled",
        "--admin-users",
        "demo",
        "--ldap-server-url",
        &url,
        "--ldap-ca-file",
        &ca,
        "--ldap-manager-dn",
        "cn=manager,o=firm",
        "--ldap-manager-password-file",
        &password,
        "--ldap-base-dn",
        "o=firm",
        "--ldap-user-search-base",
        "ou=people",
        "--ldap-user-firstname-attribute",
        "givenName",
        "--ldap-group-search-base",
        "ou=groups",
    ];
    let arguments = [&NODE[..], &QUIET[..], &of_directory[..]].concat();
    let asked = async |base: String| {
        let base = base.as_str();
        wait_for("the directory", Duration::from_secs(30), async || {
            Ok((get(base, "/version", "demo").await?.0 == 200).then_some(()))
        })
        .await?;
        let wrong = Client::new()
            .get(format!("{base}/version"))
            .basic_auth("anna", Some("other"));
        ensure!(wrong.send().await?.status() == 401);
        let nobody = Client::new()
            .get(format!("{base}/version"))
            .basic_auth("*", Some("anna-secret"));
        ensure!(nobody.send().await?.status() == 401);
        // Who may see it sees it, sorted and filtered.
        let (_, users) = get(base, "/user?sortBy=userId&sortOrder=desc", "demo").await?;
        let first = json!({"id": "demo", "firstName": "De", "lastName": "Mo", "email": "demo@firm.example"});
        ensure!(
            users[0] == first && users.as_array().is_some_and(|all| all.len() == 3),
            "{users}"
        );
        for (path, expected) in [
            ("/user/count?lastNameLike=B%25", json!({"count": 1})),
            ("/user/count?memberOfGroup=desk", json!({"count": 2})),
            (
                "/group?member=anna&sortBy=id&sortOrder=asc",
                json!([
                {"id": "desk", "name": "desk", "type": null}, {"id": "sales", "name": "sales", "type": null}]),
            ),
            (
                "/group/sales",
                json!({"id": "sales", "name": "sales", "type": null}),
            ),
            (
                "/identity/groups?userId=ben",
                json!({"groups": [{"id": "desk", "name": "desk"}], "groupUsers": [
                {"firstName": "Anna", "lastName": "Arm", "displayName": "Anna Arm", "id": "anna"}]}),
            ),
        ] {
            let (status, found) = get(base, path, "demo").await?;
            ensure!(status == 200 && found == expected, "{path}: {status} {found}");
        }
        ensure!(get(base, "/user/nobody/profile", "demo").await?.0 == 404);
        // Nothing of it can be changed.
        let new = json!({"profile": {"id": "new"}, "credentials": {"password": "x"}});
        ensure!(post(base, "/user/create", "demo", &new).await? == 403);
        // Rights of a group are those of who is in it.
        ensure!(get(base, "/user/count", "ben").await?.1 == json!({"count": 0}));
        let grant = json!({"type": 1, "permissions": ["READ"], "groupId": "desk", "resourceType": 1, "resourceId": "*"});
        ensure!(post(base, "/authorization/create", "demo", &grant).await? == 200);
        ensure!(get(base, "/user/count", "ben").await?.1 == json!({"count": 3}));
        Ok(1)
    };
    let result = against("directory", &arguments, asked).await;
    drop(server);
    std::fs::remove_dir_all(&directory)?;
    result
}
