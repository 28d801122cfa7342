//! The goals table as a picture: one bar a row, its length how much of the goal was reached.
use crate::goals::Row;
use anyhow::Result;
use plotters::prelude::*;

const WIDTH: u32 = 1220;
const LINE: i32 = 26;
/// Where bars begin and end.
const BARS: (i32, i32) = (740, 1120);
/// Shares at both ends of the scale.
const SCALE: (f64, f64) = (0.1, 4.0);

/// Where a share of the goal lies on the logarithmic scale, in pixels; what lies outside is cut.
fn x(share: f64) -> i32 {
    let part = (share.clamp(SCALE.0, SCALE.1) / SCALE.0).ln() / (SCALE.1 / SCALE.0).ln();
    BARS.0 + (f64::from(BARS.1 - BARS.0) * part).round() as i32
}

/// Draws the measured rows as SVG.
///
/// # Errors
/// Drawing fails, which it doesn't for text in memory.
pub fn svg(title: &str, rows: &[Row]) -> Result<String> {
    let rows: Vec<(&Row, f64)> = rows.iter().filter_map(|row| Some((row, row.share?))).collect();
    let height = 90 + LINE * rows.len() as i32;
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, (WIDTH, height as u32)).into_drawing_area();
        root.fill(&WHITE)?;
        let font = |size: i32| ("sans-serif", size).into_font().color(&RGBColor(40, 40, 40));
        root.draw(&Text::new(title.to_owned(), (16, 14), font(17)))?;
        let bottom = 60 + LINE * rows.len() as i32;
        for share in [0.1, 0.25, 0.5, 1.0, 2.0, 4.0] {
            let goal = share == 1.0;
            let color = if goal {
                RGBColor(60, 60, 60)
            } else {
                RGBColor(215, 215, 215)
            };
            let line = [(x(share), 52), (x(share), bottom)];
            root.draw(&PathElement::new(
                line.to_vec(),
                color.stroke_width(if goal { 2 } else { 1 }),
            ))?;
            let label = if goal {
                "goal".to_owned()
            } else {
                format!("{share} ×")
            };
            root.draw(&Text::new(label, (x(share) - 12, bottom + 8), font(12)))?;
        }
        for (at, (row, share)) in rows.iter().enumerate() {
            let top = 56 + LINE * at as i32;
            let color = if *share >= 1.0 {
                RGBColor(46, 125, 80)
            } else {
                RGBColor(200, 80, 50)
            };
            let label = format!("{}: {}", row.work, row.figure);
            root.draw(&Text::new(label, (16, top + 3), font(12)))?;
            root.draw(&Rectangle::new(
                [(BARS.0, top), (x(*share), top + LINE - 8)],
                color.filled(),
            ))?;
            root.draw(&Text::new(
                row.reached.clone(),
                (x(*share) + 6, top + 3),
                font(12),
            ))?;
        }
        root.present()?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_is_logarithmic_and_cut_at_its_ends() {
        assert_eq!(
            (x(0.1), x(0.01), x(4.0), x(100.0)),
            (BARS.0, BARS.0, BARS.1, BARS.1)
        );
        // A pixel is rounded on each side.
        assert!(((x(0.4) - x(0.2)) - (x(0.8) - x(0.4))).abs() <= 1);
    }

    #[test]
    fn every_measured_row_has_a_bar_and_a_label() -> Result<()> {
        let row = crate::goals::own("memory of an idle node", "MiB", 45.0, 48.0, true);
        let picture = svg("Goals", std::slice::from_ref(&row))?;
        assert!(
            picture.starts_with("<svg") && picture.trim_end().ends_with("</svg>"),
            "{picture}"
        );
        assert!(picture.contains("memory of an idle node: MiB"), "{picture}");
        assert_eq!(
            picture.matches("<rect").count(),
            2,
            "background and bar: {picture}"
        );
        Ok(())
    }
}
