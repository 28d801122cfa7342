//! `compat DIRECTORY BASE-URL`: replays (or, with `STELLWERK_RECORD` set, records) recorded conversations.
use std::path::Path;
use testkit::compat::{Whose, replay};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, directory, base] = &arguments[..] else {
        anyhow::bail!("usage: compat DIRECTORY BASE-URL")
    };
    println!(
        "{} scenarios replayed",
        replay(Path::new(directory), base, Whose::All).await?
    );
    Ok(())
}
