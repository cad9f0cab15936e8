//! Charts of figures as SVG: small panels, both axes by powers of ten, since sizes and costs span
//! several. Pure.

use crate::bench::figure::shown;
use std::fmt::Write as _;

/// One chart: points of a size and a cost, by size.
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) points: Vec<(f64, f64)>,
}

/// Panels side by side.
const ACROSS: usize = 3;
/// A panel with its margins, in pixels.
const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 200.0;
/// Where in a panel its field is: left, top, right, bottom.
const FIELD: [f64; 4] = [24.0, 40.0, 270.0, 165.0];

/// Colours of light pages and of dark ones.
const STYLE: &str = "text{font:12px system-ui,sans-serif;fill:#444}.title{font-weight:600;fill:#111}\
.grid{stroke:#ddd}.line{stroke:#1864ab;stroke-width:2;fill:none}.dot{fill:#1864ab}\
@media(prefers-color-scheme:dark){text{fill:#bbb}.title{fill:#eee}.grid{stroke:#444}\
.line{stroke:#74c0fc}.dot{fill:#74c0fc}}";

/// The panels as one drawing.
pub(crate) fn drawn(panels: &[Panel]) -> String {
    let rows = panels.len().div_ceil(ACROSS);
    let (width, height) = (WIDTH * ACROSS as f64, HEIGHT * rows as f64);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         role=\"img\" aria-label=\"Costs by the number of series\"><style>{STYLE}</style>\n"
    );
    for (n, panel) in panels.iter().enumerate() {
        let (x, y) = ((n % ACROSS) as f64 * WIDTH, (n / ACROSS) as f64 * HEIGHT);
        let _ = writeln!(text, "<g transform=\"translate({x:.0} {y:.0})\">");
        draw(panel, &mut text);
        text.push_str("</g>\n");
    }
    text.push_str("</svg>\n");
    text
}

fn draw(panel: &Panel, text: &mut String) {
    let [left, top, right, bottom] = FIELD;
    let _ = writeln!(
        text,
        "<text class=\"title\" x=\"{left}\" y=\"20\">{}</text>",
        escaped(&panel.title)
    );
    // What is not above zero has no place by powers of ten.
    let is_shown = |point: &&(f64, f64)| point.0 > 0.0 && point.1 > 0.0;
    let points: Vec<(f64, f64)> = panel.points.iter().filter(is_shown).copied().collect();
    let across = decades(points.iter().map(|point| point.0));
    let up = decades(points.iter().map(|point| point.1));
    let (Some(across), Some(up)) = (across, up) else {
        return;
    };
    let x = |value: f64| left + (right - left) * along(value, across);
    let y = |value: f64| bottom - (bottom - top) * along(value, up);
    for power in across.0..=across.1 {
        let size = 10_f64.powi(power);
        let x = x(size);
        let _ = writeln!(
            text,
            "<path class=\"grid\" d=\"M{x:.1} {top}V{bottom}\"/>\
             <text x=\"{x:.1}\" y=\"182\" text-anchor=\"middle\">{}</text>",
            rounded(size)
        );
    }
    for power in up.0..=up.1 {
        let y = y(10_f64.powi(power));
        let _ = writeln!(text, "<path class=\"grid\" d=\"M{left} {y:.1}H{right}\"/>");
    }
    let mut path = String::new();
    for (n, (size, cost)) in points.iter().enumerate() {
        let (x, y) = (x(*size), y(*cost));
        let _ = write!(path, "{}{x:.1} {y:.1}", if n == 0 { 'M' } else { 'L' });
        let _ = writeln!(
            text,
            "<circle class=\"dot\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            y - 8.0,
            shown(*cost)
        );
    }
    let _ = writeln!(text, "<path class=\"line\" d=\"{path}\"/>");
}

/// The powers of ten that hold all values, one apart at least; none where there are no values.
fn decades(values: impl Iterator<Item = f64>) -> Option<(i32, i32)> {
    let powers = values.map(f64::log10);
    let (least, most) = powers.fold(
        (f64::INFINITY, f64::NEG_INFINITY),
        |(least, most), power| (least.min(power), most.max(power)),
    );
    if !(least.is_finite() && most.is_finite()) {
        return None;
    }
    // A cost is far within the powers of an i32.
    #[allow(clippy::cast_possible_truncation)]
    let (least, most) = (least.floor() as i32, most.ceil() as i32);
    Some((least, most.max(least + 1)))
}

/// How far along the powers a value is, 0 to 1.
fn along(value: f64, (least, most): (i32, i32)) -> f64 {
    (value.log10() - f64::from(least)) / f64::from(most - least)
}

/// A power of ten in a few letters: 10 k, 1 M.
fn rounded(size: f64) -> String {
    match size {
        size if size >= 1e6 => format!("{:.0} M", size / 1e6),
        size if size >= 1e3 => format!("{:.0} k", size / 1e3),
        size => format!("{size}"),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_placed_by_powers_of_ten() {
        let panel = |points: &[(f64, f64)]| Panel {
            title: "a < b".to_owned(),
            points: points.to_vec(),
        };
        let text = drawn(&[
            panel(&[(1e4, 10.0), (1e5, 31.62), (1e6, 100.0)]),
            panel(&[]),
        ]);
        assert!(text.contains("a &lt; b"), "{text}");
        // From the lower left to the upper right, and halfway between.
        assert!(
            text.contains("d=\"M24.0 165.0L147.0 102.5L270.0 40.0\""),
            "{text}"
        );
        assert!(text.contains(">10 k<") && text.contains(">1 M<"), "{text}");
        assert_eq!(text.matches("class=\"title\"").count(), 2);
    }
}
