use super::*;
use model::Timestamp;
use proptest::prelude::*;

fn rule(order: u32, condition: serde_json::Value, actions: serde_json::Value) -> Rule {
    Rule {
        id: RuleId::new(),
        name: format!("r{order}"),
        order,
        enabled: true,
        condition: serde_json::from_value(condition).unwrap(),
        actions: serde_json::from_value(actions).unwrap(),
        goes_on: false,
        created_at: Timestamp::default(),
    }
}

fn cisco() -> Subject<'static> {
    Subject {
        address: Some("192.0.2.7".parse().unwrap()),
        name: Some("acc-07.example"),
        vendor: Some("Cisco"),
        model: Some("C9300-48P"),
        object_id: Some("1.3.6.1.4.1.9.1.2494"),
        description: Some("Cisco IOS Software\r\nVersion 17.9"),
        source: Some(Source::Neighbor),
        ..Subject::default()
    }
}

#[test]
fn conditions_hold_where_all_of_them_do() {
    let check = |condition: serde_json::Value, holds: bool| {
        let rules = [rule(1, condition.clone(), serde_json::json!({}))];
        let decision = RuleSet::new(&rules).decide(&cisco());
        assert_eq!(
            !decision.matched.is_empty(),
            holds,
            "{condition} {decision:?}"
        );
    };
    for (condition, holds) in [
        (serde_json::json!({}), true),
        (serde_json::json!({"vendor": "cisco"}), true),
        (serde_json::json!({"vendor": "cis"}), false),
        (serde_json::json!({"vendor": "c?sc*"}), true),
        (serde_json::json!({"model": "/^c9[23]00/"}), true),
        (serde_json::json!({"model": "c9.00*"}), false),
        (serde_json::json!({"description": "*version 17.*"}), true),
        (serde_json::json!({"object_id": "1.3.6.1.4.1.9.*"}), true),
        (serde_json::json!({"os": "*"}), false),
        (
            serde_json::json!({"networks": ["198.51.100.0/24", "192.0.2.0/28"]}),
            true,
        ),
        (serde_json::json!({"networks": ["192.0.2.8/29"]}), false),
        (serde_json::json!({"sources": ["target"]}), false),
        (
            serde_json::json!({"sources": ["neighbor"], "name": "acc-*"}),
            true,
        ),
        (
            serde_json::json!({"sources": ["neighbor"], "name": "core-*"}),
            false,
        ),
        (
            serde_json::json!({"credential_ids": [CredentialId::new()]}),
            false,
        ),
    ] {
        check(condition, holds);
    }
}

#[test]
fn the_first_counts_and_tags_come_together() {
    let mut rules = vec![
        rule(
            20,
            serde_json::json!({}),
            serde_json::json!({"verdict": "ignore", "interval_secs": 300, "tags": ["late"], "profile": "any"}),
        ),
        rule(
            10,
            serde_json::json!({"vendor": "cisco"}),
            serde_json::json!({"verdict": "register", "site": "HQ", "tags": ["cisco"], "profile": "ios"}),
        ),
        rule(
            30,
            serde_json::json!({}),
            serde_json::json!({"site": "never"}),
        ),
    ];
    let alone = RuleSet::new(&rules).decide(&cisco());
    assert_eq!((alone.verdict, alone.matched.len()), (Verdict::Register, 1));
    assert_eq!(
        (alone.site.as_deref(), alone.interval_secs),
        (Some("HQ"), None)
    );
    rules[1].goes_on = true;
    let both = RuleSet::new(&rules).decide(&cisco());
    assert_eq!((both.verdict, both.matched.len()), (Verdict::Register, 2));
    assert_eq!(both.interval_secs, Some(300));
    assert_eq!(both.profile.as_deref(), Some("ios"), "the first counts");
    assert_eq!(both.tags, ["cisco".to_owned(), "late".to_owned()].into());
    assert_eq!(
        both.reason().unwrap(),
        "registered by the rule `r10` (vendor `Cisco` fits `cisco`) and `r20` (it holds for every device)"
    );
    let other = RuleSet::new(&rules).decide(&Subject::default());
    assert_eq!(other.verdict, Verdict::Ignore);
    rules[0].enabled = false;
    rules[2].enabled = false;
    let none = RuleSet::new(&rules).decide(&Subject::default());
    assert_eq!((none.verdict, none.reason()), (Verdict::Register, None));
}

#[test]
fn what_is_wrong_is_pointed_at() {
    let condition: Condition = serde_json::from_value(serde_json::json!({
        "networks": ["192.0.2.0/24", "nowhere"], "vendor": "/(/", "model": "",
        "os": format!("/{}/", "(a{100}){100}{100}"), "name": "a".repeat(300),
    }))
    .unwrap();
    let faults = faults(&condition);
    let pointers: Vec<&str> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
    let expected = ["networks/1", "name", "vendor", "model", "os"];
    assert_eq!(pointers, expected.map(|key| format!("/condition/{key}")));
    let detail = &faults[2].detail;
    assert_eq!(detail, "no regular expression: unclosed group");
    assert_eq!(faults[4].detail, "the expression is too large");
}

proptest! {
    #[test]
    fn any_pattern_is_read_or_refused(text in ".{0,300}", said in ".{0,300}") {
        if let Ok(regex) = pattern(&text) {
            let _ = regex.is_match(&said);
        }
    }

    #[test]
    fn a_text_without_signs_fits_itself(text in "[a-zA-Z0-9 ._+()\\[\\]^$|-]{1,60}") {
        prop_assert!(pattern(&text).unwrap().is_match(&text));
        let longer = format!("{text}x");
        prop_assert!(!pattern(&text).unwrap().is_match(&longer));
    }
}
