//! Selectors: what is read, what is refused and where, what is written.

use super::*;
use proptest::prelude::*;

fn check(text: &str, written: &str) {
    let selector: Selector = text.parse().unwrap();
    assert_eq!(selector.to_string(), written);
    assert_eq!(written.parse(), Ok(selector));
}

#[test]
fn selectors_are_read_and_written() {
    check("ifHCInOctets", "ifHCInOctets");
    check(" ifHCInOctets { } ", "ifHCInOctets");
    check("{}", "{}");
    check(
        r#"ifHCInOctets{site="x",interface=~"eth.*",role!="lab"}"#,
        r#"ifHCInOctets{site="x",interface=~"eth.*",role!="lab"}"#,
    );
    check(
        "{ site = \"x\" ,\n\tinterface !~ \"a|b\" , }",
        r#"{site="x",interface!~"a|b"}"#,
    );
    check(r#"{a="\"\\\n\r\té"}"#, r#"{a="\"\\\n\r\té"}"#);
    check(r#"{a=~"\\d+"}"#, r#"{a=~"\\d+"}"#);
}

fn refused(text: &str, character: usize, fault: &SelectorFault) {
    let error = text.parse::<Selector>().unwrap_err();
    assert_eq!(
        (error.character, &error.fault),
        (character, fault),
        "{text}"
    );
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    refused("", 1, &SelectorFault::Empty);
    refused("  ", 3, &SelectorFault::Empty);
    refused("9a", 1, &SelectorFault::Name);
    refused("if-name", 3, &SelectorFault::Rest);
    refused("{é=\"x\"}", 2, &SelectorFault::Name);
    refused("{,}", 2, &SelectorFault::Name);
    refused("{a \"x\"}", 4, &SelectorFault::Comparison);
    refused("{a==\"x\"}", 4, &SelectorFault::Value);
    refused("{a=x}", 4, &SelectorFault::Value);
    refused("{é", 2, &SelectorFault::Name);
    refused("{a=\"é", 6, &SelectorFault::Unclosed);
    refused(r#"{a="é\d"}"#, 7, &SelectorFault::Escape);
    refused("{a=\"é\t\"}", 6, &SelectorFault::Control);
    refused("{a=\"x\" b=\"y\"}", 8, &SelectorFault::NoEnd);
    refused("{a=\"x\"", 7, &SelectorFault::NoEnd);
    refused("a{} b", 5, &SelectorFault::Rest);
    let name = "a".repeat(LABEL_NAME_LEN_MAX + 1);
    refused(&format!("{{{name}=\"x\"}}"), 2, &SelectorFault::Name);
    let long = format!("{{a=\"{}\"}}", "x".repeat(SELECTOR_LEN_MAX));
    refused(&long, 1, &SelectorFault::TooLong);
    let many = "a=\"x\",".repeat(MATCHERS_MAX + 1);
    refused(
        &format!("{{{many}}}"),
        6 * MATCHERS_MAX + 7,
        &SelectorFault::TooManyMatchers,
    );
    refused(
        r#"{a=~"(x{1000}){1000}"}"#,
        5,
        &SelectorFault::PatternTooLarge,
    );
    for pattern in ["(", "a)|(b", "*", "[z-a]"] {
        let error = format!("{{a=~\"{pattern}\"}}").parse::<Selector>();
        let error = error.unwrap_err();
        assert_eq!(error.character, 5, "{pattern}");
        let SelectorFault::Pattern(what) = &error.fault else {
            panic!("{pattern}: {error}");
        };
        assert!(!what.is_empty() && !what.contains('\n'), "{what}");
    }
    let error = "a{b}".parse::<Selector>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "at character 4: one of = != =~ !~ is expected"
    );
}

fn holds(matcher: &str, values: &[&str], expected: bool) {
    let selector: Selector = format!("{{{matcher}}}").parse().unwrap();
    let held = selector.matchers()[0].holds(values.iter().copied());
    assert_eq!(held, expected, "{matcher} {values:?}");
}

#[test]
fn expressions_fit_whole_values_and_what_is_not_there_is_empty() {
    holds(r#"a="x""#, &["x"], true);
    holds(r#"a="x""#, &["xy"], false);
    holds(r#"a="""#, &[], true);
    holds(r#"a!="x""#, &[], true);
    holds(r#"a!="""#, &[], false);
    holds(r#"a=~"a|ab""#, &["ab"], true);
    holds(r#"a=~"a|ab""#, &["abc"], false);
    holds(r#"a=~"b""#, &["abc"], false);
    holds(r#"a=~".*""#, &["x\ny"], true);
    holds(r#"a=~".+""#, &[], false);
    holds(r#"a!~"b.*""#, &["bc"], false);
    holds(r#"a!~"b.*""#, &["ab"], true);
    // Of several one must fit, and none may.
    holds(r#"tag="x""#, &["y", "x"], true);
    holds(r#"tag!="x""#, &["y", "x"], false);
    holds(r#"tag!="x""#, &["y", "z"], true);
    holds(r#"tag!~"y|z""#, &["y", "x"], false);
}

proptest! {
    #[test]
    fn no_text_is_a_panic(text in "\\PC{0,60}") {
        let _ = text.parse::<Selector>();
    }

    #[test]
    fn what_is_read_is_written_and_read_to_the_same(
        text in "[a-c{}=!~\",\\\\ n.*|()\\[\\]é]{0,24}",
        metric in "([a-z]{1,4})?",
        name in "[a-z_]{1,4}",
        sign in prop::sample::select(vec!["=", "!=", "=~", "!~"]),
    ) {
        for text in [text.clone(), format!("{metric}{{{name}{sign}\"{text}\"}}")] {
            match text.parse::<Selector>() {
                Ok(selector) => {
                    let written = selector.to_string();
                    prop_assert_eq!(written.parse::<Selector>(), Ok(selector));
                }
                Err(error) => prop_assert!(error.character <= text.chars().count() + 1),
            }
        }
    }
}
