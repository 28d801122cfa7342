//! Results on stdout, progress on stderr.
use crate::options::OutputFormat;
use comfy_table::{Table, presets};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use std::io::{self, Write};

/// Prints a result: as JSON the whole value, as a table the rows.
///
/// # Errors
/// stdout is closed.
pub fn print(
    out: &mut (dyn Write + Send),
    format: OutputFormat,
    value: &impl Serialize,
    header: &[&str],
    rows: Vec<Vec<String>>,
) -> io::Result<()> {
    match format {
        OutputFormat::Json => {
            serde_json::to_writer_pretty(&mut *out, value)?;
            writeln!(out)
        }
        OutputFormat::Table => {
            let mut table = Table::new();
            table
                .load_style(presets::NOTHING)
                .set_header(header.to_vec())
                .add_rows(rows);
            writeln!(out, "{}", table.trim_fmt())
        }
    }
}

/// A progress bar on stderr; without a terminal one plain line at the end.
pub fn progress(what: &str, total: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} [{bar:30}] {pos}/{len} {elapsed} {eta}")
        .map(|style| style.progress_chars("=> "))
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr())
        .with_style(style)
        .with_message(what.to_owned())
}
