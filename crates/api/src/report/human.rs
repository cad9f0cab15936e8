//! Numbers as people read them, and text as a page may hold it.

use super::Cell;
use std::fmt::Write as _;

/// Longest text of a cell of a page, in characters: devices choose their names.
const TEXT_MAX: usize = 200;

/// A value of a unit in words.
pub(super) fn words(cell: &Cell, unit: &str) -> String {
    match cell {
        Cell::Text(text) => text.clone(),
        Cell::Missing => "–".to_owned(),
        Cell::Count(count) if unit == "days" => plural(*count as f64, "day"),
        Cell::Count(count) => count.to_string(),
        Cell::Number(number) => of_unit(*number, unit),
    }
}

fn of_unit(number: f64, unit: &str) -> String {
    match unit {
        "ratio" => percent(number),
        "ratio per day" => format!("{} a day", percent(number)),
        "ratio per week" => format!("{} a week", percent(number)),
        "bit/s" => scaled(number, "bit/s"),
        "bit/s per day" => format!("{} a day", scaled(number, "bit/s")),
        "octets" => scaled(number, "B"),
        "seconds" => duration(number),
        "seconds per day" => format!("{} a day", duration(number)),
        "days" => plural(number, "day"),
        _ => digits(number),
    }
}

fn plural(number: f64, what: &str) -> String {
    let one = (number - 1.0).abs() < f64::EPSILON;
    format!("{} {what}{}", digits(number), if one { "" } else { "s" })
}

/// As a percentage: with more digits near 100 %, where availability differs.
fn percent(ratio: f64) -> String {
    let percent = ratio * 100.0;
    if (99.0..100.0).contains(&percent) {
        // Rounded down: what was down is not all of the time.
        return format!("{:.3} %", (percent * 1_000.0).floor() / 1_000.0);
    }
    format!("{} %", digits(percent))
}

/// With a decimal prefix.
fn scaled(number: f64, unit: &str) -> String {
    const PREFIXES: [(f64, &str); 5] =
        [(1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    let found = PREFIXES.iter().find(|(size, _)| number.abs() >= *size);
    let (size, prefix) = found.copied().unwrap_or((1.0, ""));
    format!("{} {prefix}{unit}", digits(number / size))
}

fn duration(secs: f64) -> String {
    const PARTS: [(f64, &str); 4] = [(86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s")];
    if secs < 0.0 {
        return format!("-{}", duration(-secs));
    }
    if secs == 0.0 {
        return "0 s".to_owned();
    }
    if secs < 1.0 {
        return format!("{} ms", digits(secs * 1_000.0));
    }
    let mut left = secs.round();
    let mut text = String::new();
    let mut told = 0;
    for (size, name) in PARTS {
        let count = (left / size).floor();
        if count > 0.0 && told < 2 {
            let between = if told > 0 { " " } else { "" };
            let _ = write!(text, "{between}{count:.0} {name}");
            told += 1;
        }
        left -= count * size;
    }
    text
}

/// With three digits that matter, as far as they are behind the point.
fn digits(number: f64) -> String {
    let size = number.abs();
    if size >= 1e15 || (size > 0.0 && size < 1e-4) {
        return format!("{number:.2e}");
    }
    let places = match size {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 4,
    };
    let text = format!("{number:.places$}");
    if !text.contains('.') {
        return text;
    }
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0" } else { text }.to_owned()
}

/// Text for HTML and SVG, in elements and in attributes between double quotes: what means something there is
/// escaped, what a terminal or the order of writing would act upon is replaced, and it is cut.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for (at, character) in text.chars().enumerate() {
        if at == TEXT_MAX {
            safe.push('…');
            break;
        }
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            character if is_hidden(character) => safe.push('\u{fffd}'),
            character => safe.push(character),
        }
    }
    safe
}

/// Whether a character is not seen, and makes what is around it look otherwise.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_as_people_read_them() {
        let number = |number, unit| words(&Cell::Number(number), unit);
        for (value, unit, expected) in [
            (1.0, "ratio", "100 %"),
            (0.999_99, "ratio", "99.999 %"),
            (0.999_999_9, "ratio", "99.999 %"),
            (0.5, "ratio", "50 %"),
            (-0.0123, "ratio", "-1.23 %"),
            (0.0, "ratio", "0 %"),
            (12_345_678.0, "bit/s", "12.3 Mbit/s"),
            (999.0, "bit/s", "999 bit/s"),
            (2.5e9, "octets", "2.5 GB"),
            (7_384.0, "seconds", "2 h 3 min"),
            (0.0123, "seconds", "12.3 ms"),
            (0.0, "seconds", "0 s"),
            (1.0, "days", "1 day"),
            (43.0, "days", "43 days"),
            (-1_500.0, "bit/s per day", "-1.5 kbit/s a day"),
            (4.126, "standard deviations", "4.13"),
            (-0.000_000_1, "score", "-1.00e-7"),
        ] {
            assert_eq!(number(value, unit), expected, "{value} {unit}");
        }
        assert_eq!(words(&Cell::Missing, "ratio"), "–");
        assert_eq!(words(&Cell::Count(1), "days"), "1 day");
    }

    proptest! {
        #[test]
        fn no_text_leaves_its_place(text in any::<String>()) {
            let safe = escaped(&text);
            prop_assert!(!safe.contains(['<', '>', '"', '\'']));
            prop_assert!(!safe.chars().any(is_hidden));
            for part in safe.split('&').skip(1) {
                let named = ["amp;", "lt;", "gt;", "quot;", "#39;"];
                prop_assert!(named.iter().any(|name| part.starts_with(name)), "{}", safe);
            }
            prop_assert!(safe.chars().count() <= TEXT_MAX * 6 + 1);
        }

        #[test]
        fn any_number_is_told(number in any::<f64>(), unit in prop::sample::select(vec!["ratio", "bit/s", "seconds", "days", ""])) {
            prop_assert!(!words(&Cell::number(Some(number)), unit).is_empty());
        }
    }
}
