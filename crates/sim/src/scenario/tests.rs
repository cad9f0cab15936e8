use super::*;

#[test]
fn the_sample_has_every_key_with_its_default() {
    let sample = Scenario::parse(SAMPLE).unwrap();
    assert_eq!(sample, Scenario::default());
    // What it shows as comments is right, too.
    let lines = SAMPLE.lines().map(|line| {
        let bare = line.strip_prefix("# ").unwrap_or(line);
        let is_shown = bare.contains(" = ") || bare.starts_with('[');
        if is_shown && !bare.contains('(') && !bare.contains(':') {
            bare
        } else {
            ""
        }
    });
    let shown = lines.collect::<Vec<_>>().join("\n");
    let shown = Scenario::parse(&shown.replace("\"campus\"", "\"graph\"")).unwrap();
    assert_eq!((shown.ports, shown.faults.len()), (Some(24), 2));
    assert!(shown.graph.is_some());
    for key in [
        "name", "seed", "topology", "devices", "ports", "graph", "base", "port",
    ] {
        assert!(SAMPLE.contains(&format!("{key} = ")), "{key}");
    }
    for (kind, ..) in KINDS {
        assert!(SAMPLE.contains(kind), "{kind}");
    }
}

#[test]
fn the_guide_shows_every_key_and_kind() {
    let guide = include_str!("../../../../docs/guide/simulate-your-own-network.md");
    let table: toml::Table = SAMPLE.parse().unwrap();
    for (section, value) in &table {
        match value {
            toml::Value::Table(keys) => {
                for key in keys.keys() {
                    assert!(
                        guide.contains(&format!("`{section}.{key}`")),
                        "{section}.{key}"
                    );
                }
            }
            _ => assert!(guide.contains(&format!("`{section}`")), "{section}"),
        }
    }
    for (kind, ..) in KINDS {
        assert!(guide.contains(&format!("| `{kind}` |")), "{kind}");
    }
    for shape in Shape::ALL {
        assert!(
            guide.contains(&format!("| `{}` |", shape.word())),
            "{shape:?}"
        );
    }
}

#[test]
fn what_is_wrong_is_told_by_line_and_key() {
    let check = |text: &str, expected: &str| {
        let told = Scenario::parse(text).unwrap_err().to_string();
        assert!(told.contains(expected), "{told}");
    };
    check(
        "devces = 5",
        "line 1: there is no key `devces`; did you mean `devices`?",
    );
    check(
        "seed = 1\n\n[traffic]\nnoisy = 1",
        "line 4: there is no key `noisy`; did you mean `noise`?",
    );
    check("zzz = 5", "there is no key `zzz`; there are name, seed,");
    check(
        "topology = \"campsu\"",
        "line 1: there is no value `campsu`; did you mean `campus`?",
    );
    check("devices = \"many\"", "line 1, column 11: invalid type");
    check("devices = 0", "line 1: `devices`: 0 is not within 1 to");
    check(
        "seed = 3\n[traffic]\nnoise = 9.5",
        "line 3: `traffic.noise`: 9.5 is not within 0 to 3",
    );
    check(
        "[agents]\nbase = \"10.0.0.1\"",
        "line 2: `agents.base`: 10.0.0.1 is not within 127.0.0.0/8",
    );
    check("name = \"a b\"", "line 1: `name`: a name is");
    check(
        "topology = \"graph\"",
        "line 1: `topology`: the topology `graph` needs a file",
    );
    check(
        "[time]\nstart = \"10m\"",
        "line 2: `time.start`: a date is expected",
    );
    check(
        "[time]\nstart = \"1999-01-01T00:00:00Z\"",
        "line 2: `time.start`: 1999",
    );
    check(
        "[[faults]]\nkind = \"silent\"\ntarget = \"a\"\n[[faults]]\nkind = \"silnt\"",
        "line 5: `faults[1].kind`: there is no kind `silnt`; did you mean `silent`?",
    );
    check(
        "[[faults]]\nkind = \"loss\"\ntarget = \"a\"\nratio = 7",
        "line 4: `faults[0].ratio`: 7 is not",
    );
    check(
        "[[faults]]\nkind = \"slow\"\ntarget = \"a\"\ndelay_ms = 60001",
        "line 4: `faults[0].delay_ms`: 60001 is not within 0 to 60000",
    );
    check(
        "[[faults]]\nkind = \"loss\"\ntarget = \"a\"\nfor = \"ever\"",
        "line 4, column 7: `ever` is no duration",
    );
    check(
        "[[faults]]\nkind = \"silent\"\n",
        "`faults[0].target`: what it befalls is missing",
    );
    check("devices = [", "line 1");
    check(
        &"#\n".repeat(SCENARIO_LEN_MAX),
        "are too many for a scenario",
    );
}

#[test]
fn ten_thousand_devices_end_where_127_does() {
    let scenario = Scenario {
        devices: 5_000,
        topology: Shape::Fleet,
        ports: Some(1),
        agents: Agents {
            base: "127.255.250.1".parse().unwrap(),
            ..Agents::default()
        },
        ..Scenario::default()
    };
    let error = crate::Network::new(&scenario).err().unwrap().to_string();
    assert!(error.contains("do not fit into 127.0.0.0/8"), "{error}");
}

#[test]
fn shapes_end_where_the_guide_says() {
    for (topology, devices_max) in [(Shape::LeafSpine, 8_208), (Shape::HubAndSpoke, 16_384)] {
        let made = |devices| {
            crate::Network::new(&Scenario {
                devices,
                topology,
                ports: Some(1),
                ..Scenario::default()
            })
        };
        assert!(made(devices_max).is_ok(), "{topology:?}");
        let error = made(devices_max + 1).err().unwrap().to_string();
        assert!(error.contains("8192 are the most"), "{error}");
    }
}
