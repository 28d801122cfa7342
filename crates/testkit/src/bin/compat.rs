//! `compat DIRECTORY BASE-URL`: replays (or, with `STELLWERK_RECORD` set, records) recorded conversations.
use std::path::Path;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, directory, base] = &arguments[..] else {
        anyhow::bail!("usage: compat DIRECTORY BASE-URL")
    };
    println!(
        "{} scenarios replayed",
        testkit::compat::replay(Path::new(directory), base).await?
    );
    Ok(())
}
