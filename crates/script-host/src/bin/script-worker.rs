//! The JavaScript worker on its own, for the tests of this crate; a node starts its own program instead.
fn main() -> std::process::ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    script_host::javascript::worker(&args)
}
