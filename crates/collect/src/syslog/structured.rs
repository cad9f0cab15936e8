//! STRUCTURED-DATA of RFC 5424, section 6.3.

use model::log_line::{StructuredElement, StructuredParameter};

/// Parameters that are kept of a line; those behind are passed over. Devices that write all they
/// know there write some thirty.
pub(super) const PARAMETERS_MAX: usize = 64;
/// Octets of an SD-NAME: SD-ID and PARAM-NAME.
const NAME_LEN_MAX: usize = 32;

/// Reads the elements at the beginning of a text; answers them and what is behind them. None where
/// it is not well formed.
pub(super) fn elements(text: &str) -> Option<(Vec<StructuredElement>, &str)> {
    if let Some(rest) = text.strip_prefix('-') {
        return Some((Vec::new(), rest));
    }
    let (mut elements, mut kept, mut rest) = (Vec::new(), 0, text);
    if !rest.starts_with('[') {
        return None;
    }
    while let Some(inner) = rest.strip_prefix('[') {
        let has_room = kept < PARAMETERS_MAX;
        let (element, behind) = element(inner, &mut kept)?;
        // One without parameters counts as one, so that these are bounded too.
        kept += usize::from(element.parameters.is_empty());
        if has_room {
            elements.push(element);
        }
        rest = behind;
    }
    Some((elements, rest))
}

fn element<'a>(text: &'a str, kept: &mut usize) -> Option<(StructuredElement, &'a str)> {
    let (id, mut rest) = name(text)?;
    let mut element = StructuredElement {
        id: id.to_owned(),
        parameters: Vec::new(),
    };
    loop {
        if let Some(behind) = rest.strip_prefix(']') {
            return Some((element, behind));
        }
        let (name, behind) = name(rest.strip_prefix(' ')?.trim_start_matches(' '))?;
        let (value, behind) = value(behind.strip_prefix("=\"")?)?;
        rest = behind;
        *kept += 1;
        if *kept <= PARAMETERS_MAX {
            let name = name.to_owned();
            element.parameters.push(StructuredParameter { name, value });
        }
    }
}

/// SD-NAME: printable ASCII but `=`, space, `]`, `"`.
fn name(text: &str) -> Option<(&str, &str)> {
    let is_of_name = |octet: &u8| octet.is_ascii_graphic() && !matches!(octet, b'=' | b']' | b'"');
    let length = text.bytes().take_while(|octet| is_of_name(octet)).count();
    if !(1..=NAME_LEN_MAX).contains(&length) {
        return None;
    }
    Some((text.get(..length)?, text.get(length..)?))
}

/// PARAM-VALUE up to its closing quote, with `\"`, `\\` and `\]` taken for what they mean.
fn value(text: &str) -> Option<(String, &str)> {
    let end = text.find(['"', '\\'])?;
    let mut value = text.get(..end)?.to_owned();
    let mut letters = text.get(end..)?.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => return Some((value, letters.as_str())),
            '\\' => match letters.next()? {
                escaped @ ('"' | '\\' | ']') => value.push(escaped),
                other => value.extend(['\\', other]),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Option<(String, &str)> {
        let (elements, rest) = elements(text)?;
        let one = |element: &StructuredElement| {
            let parameters = element.parameters.iter();
            let parameters = parameters.map(|p| format!(" {}={}", p.name, p.value));
            format!("[{}{}]", element.id, parameters.collect::<String>())
        };
        Some((elements.iter().map(one).collect(), rest))
    }

    #[test]
    fn elements_of_the_rfc() {
        for (text, expected, rest) in [
            ("- x", "", " x"),
            ("-", "", ""),
            ("[a@1]", "[a@1]", ""),
            (
                r#"[exampleSDID@32473 iut="3" eventSource="Application"][examplePriority@32473 class="high"] BOMx"#,
                "[exampleSDID@32473 iut=3 eventSource=Application][examplePriority@32473 class=high]",
                " BOMx",
            ),
            (r#"[a b="x\"y\\z\]w\q"]"#, r#"[a b=x"y\z]w\q]"#, ""),
            (r#"[a b="é" b=""]"#, "[a b=é b=]", ""),
        ] {
            assert_eq!(shown(text), Some((expected.to_owned(), rest)), "{text}");
        }
        for text in [
            "",
            "x",
            "[",
            "[]",
            "[a",
            "[a b]",
            "[a b=]",
            r#"[a b="x]"#,
            r#"[a b="x"c="y"]"#,
            r#"[a b="\"#,
            "[ a]",
        ] {
            assert_eq!(elements(text), None, "{text}");
        }
    }

    #[test]
    fn parameters_are_bounded() {
        let text = format!("[a{}]{}", r#" b="c""#.repeat(1_000), "[d]".repeat(1_000));
        let (elements, rest) = elements(&text).unwrap();
        let parameters: usize = elements
            .iter()
            .map(|element| element.parameters.len())
            .sum();
        assert_eq!((parameters, rest), (PARAMETERS_MAX, ""));
        assert!(elements.len() <= PARAMETERS_MAX);
    }
}
