//! Objects of an operator's own: a MIB is uploaded, a device walked by it, a profile tried, kept and
//! deleted, each against a real agent; and the same by commands.

use crate::agent::{Agent, COMMUNITY};
use crate::program::{Server, foretell, until};
use crate::serve::{add_credential, discover};
use serde_json::{Value, json};
use std::fs;

const MIB: &str = r#"ACME-MIB DEFINITIONS ::= BEGIN
IMPORTS OBJECT-TYPE, MODULE-IDENTITY, Integer32, enterprises FROM SNMPv2-SMI
        acmeThing FROM ACME-THINGS-MIB;
acme MODULE-IDENTITY
    LAST-UPDATED "202603120000Z" ORGANIZATION "Acme" CONTACT-INFO "Acme" DESCRIPTION "Acme."
    ::= { enterprises 99999 }
acmeObjects OBJECT IDENTIFIER ::= { acme 2 }
acmeTemp OBJECT-TYPE
    SYNTAX Integer32 UNITS "tenths of degrees" MAX-ACCESS read-only STATUS current
    DESCRIPTION "Inside." ::= { acmeObjects 1 }
acmeFan OBJECT-TYPE
    SYNTAX INTEGER { running(1), stopped(2) } MAX-ACCESS read-only STATUS current
    DESCRIPTION "The fan." ::= { acmeObjects 2 }
END
"#;

const PROFILE: &str = r#"summary = "Acme boxes"
[[match]]
object_id = ["1.3.6.1.4.1.99999.1"]
[objects]
acmeTemp = "1.3.6.1.4.1.99999.2.1"
[device]
vendor = "Acme"
[[sensor]]
kind = "temperature"
value = "acmeTemp"
divide = 10
name = "Inside"
"#;

fn names(rows: &Value) -> Vec<&str> {
    let rows = rows["items"].as_array().unwrap();
    rows.iter().filter_map(|row| row["name"].as_str()).collect()
}

#[test]
fn an_object_of_ones_own_becomes_a_sensor_and_goes_again() {
    let Some(agent) = Agent::start_of_acme("acme") else {
        return;
    };
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path());
    server.sign_in();
    let credential = add_credential(&server);
    let device = discover(&server, &agent.address(), &credential);

    // A MIB, and what is missing of it.
    let (status, mib) = server.post("mibs", &json!({ "text": MIB }));
    assert_eq!(status, 201, "{mib}");
    assert_eq!(
        (&mib["objects"], &mib["missing"]),
        (&json!(2), &json!(["ACME-THINGS-MIB"]))
    );
    let (_, objects) = server.get("mibs/ACME-MIB/objects?q=inside");
    assert_eq!(objects["items"][0]["oid"], "1.3.6.1.4.1.99999.2.1");
    assert_eq!(objects["items"][0]["units"], "tenths of degrees");

    // The same by name, by OID, by instance.
    for object in ["ACME-MIB::acmeTemp", "1.3.6.1.4.1.99999.2.1", "acmeTemp.0"] {
        let path = format!("devices/{device}/walk");
        let (status, walked) = server.post(&path, &json!({ "object": object }));
        assert_eq!(status, 200, "{object}: {walked}");
        let wanted = json!([{"oid": "1.3.6.1.4.1.99999.2.1.0", "name": "acmeTemp.0",
            "syntax": "INTEGER", "value": "315"}]);
        assert_eq!(walked["items"], wanted, "{object}");
        assert_eq!(walked["complete"], true, "{object}");
    }
    let path = format!("devices/{device}/walk");
    let (_, cut) = server.post(&path, &json!({"object": "1.3.6.1.2.1.1", "limit": 2}));
    assert_eq!(cut["items"].as_array().unwrap().len(), 2, "{cut}");
    assert_eq!(cut["complete"], false);
    assert_eq!(cut["items"][0]["name"], "sysDescr.0");
    let (status, problem) = server.post(&path, &json!({"object": "acmeSmell"}));
    assert_eq!(status, 422, "{problem}");
    assert_eq!(problem["errors"][0]["pointer"], "/object");

    // A profile with a mistake is refused with its line, everywhere.
    let bad = json!({"name": "acme", "text": PROFILE.replace("\"temperature\"", "\"smell\"")});
    let (_, checked) = server.post("profile-checks", &bad);
    assert_eq!(checked["mistakes"][0]["line"], 9, "{checked}");
    for path in ["profiles", &format!("devices/{device}/profile-trial")] {
        let (status, problem) = server.post(path, &bad);
        assert_eq!(status, 422, "{path}: {problem}");
        let detail = problem["errors"][0]["detail"].as_str().unwrap();
        assert!(detail.starts_with("line 9:"), "{path}: {detail}");
    }

    // A trial tells what it would bring, and keeps nothing.
    let draft = json!({"name": "acme", "text": PROFILE});
    let (status, trial) = server.post(&format!("devices/{device}/profile-trial"), &draft);
    assert_eq!(status, 200, "{trial}");
    assert_eq!(trial["matched"], true, "{trial}");
    assert_eq!(trial["profiles"][0], "acme", "{trial}");
    assert_eq!(trial["facts"]["sensors"][0]["value"], 31.5, "{trial}");
    let origins = trial["origins"].as_array().unwrap();
    assert!(
        origins
            .iter()
            .any(|o| o["fact"] == "device.vendor" && o["source"] == "acme"),
        "{trial}"
    );
    assert_eq!(server.get("profiles/acme").0, 404);

    // Kept, it takes effect without a restart and long before the next look at the system group.
    let (status, kept) = server.post("profiles", &draft);
    assert_eq!(status, 201, "{kept}");
    let sensors = || server.get(&format!("devices/{device}/sensors")).1;
    until("the sensor of the profile", || {
        names(&sensors()).contains(&"Inside")
    });
    assert_eq!(
        fs::read_to_string(data.path().join("profiles/acme.toml")).unwrap(),
        PROFILE
    );
    let (_, rows) = server.get("profiles?q=acme");
    assert_eq!(rows["items"][0]["own"], true, "{rows}");
    assert_eq!(rows["items"][0]["in_use"], true, "{rows}");

    // Changed, it takes effect too.
    let text = PROFILE.replace("\"Inside\"", "\"Inlet\"");
    let (status, changed) = server.put("profiles/acme", &json!({ "text": text }));
    assert_eq!(status, 200, "{changed}");
    until("the sensor's other name", || {
        names(&sensors()).contains(&"Inlet")
    });

    assert_eq!(server.delete("profiles/acme"), 204);
    until("the sensor to go", || !names(&sensors()).contains(&"Inlet"));
    assert!(!data.path().join("profiles/acme.toml").exists());
    assert_eq!(server.delete("mibs/ACME-MIB"), 204);
    assert_eq!(server.delete("profiles/..%2Fforetell"), 404);
}

#[test]
fn a_device_is_read_by_the_profile_that_a_rule_or_an_operator_chose_for_it() {
    let Some(agent) = Agent::start_of_acme("chosen") else {
        return;
    };
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path());
    server.sign_in();
    let credential = add_credential(&server);
    // It matches nothing.
    let text = PROFILE.replace("[[match]]\nobject_id = [\"1.3.6.1.4.1.99999.1\"]\n", "");
    let draft = json!({"name": "ours", "text": text});
    let (status, kept) = server.post("profiles", &draft);
    assert_eq!(status, 201, "{kept}");
    let rule = json!({"name": "boxes", "condition": {"object_id": "1.3.6.1.4.1.99999.*"}, "actions": {"profile": "ours"}});
    let (status, rule) = server.post("discovery-rules", &rule);
    assert_eq!(status, 201, "{rule}");

    let path = format!(
        "devices/{}",
        discover(&server, &agent.address(), &credential)
    );
    assert_eq!(server.get(&path).1["profile"], "ours");
    let is_read = || names(&server.get(&format!("{path}/sensors")).1).contains(&"Inside");
    until("the sensor of the profile of the rule", is_read);
    let change = |profile: Value| server.patch(&path, &json!({ "profile": profile }));
    assert_eq!(change(json!(null)).0, 200);
    until("the sensor to go", || !is_read());
    assert_eq!(change(json!("ours")).0, 200);
    until("the sensor of the chosen profile", is_read);

    // Where it is gone, those that match are used, which is told; back again, it is used again.
    assert_eq!(server.delete("profiles/ours"), 204);
    until("the sensor to go with its profile", || !is_read());
    let why = || server.get(&path).1["status_evidence"].to_string();
    until("the status to say so", || {
        why().contains("There is no profile `ours`")
    });
    assert_eq!(server.get(&path).1["status"], "up");
    assert_eq!(server.post("profiles", &draft).0, 201);
    until("the sensor to come back with its profile", is_read);
    let (status, problem) = change(json!("nowhere"));
    assert_eq!(
        (status, &problem["errors"][0]["pointer"]),
        (422, &json!("/profile"))
    );
}

#[test]
fn a_file_that_was_edited_badly_is_listed_and_can_be_mended() {
    let data = tempfile::tempdir().unwrap();
    fs::create_dir(data.path().join("profiles")).unwrap();
    let file = data.path().join("profiles/acme.toml");
    fs::write(&file, "[[sensor]]\nkind = \"smell\"\n").unwrap();
    let mut server = Server::start(data.path());
    server.sign_in();
    let (_, rows) = server.get("profiles?q=acme");
    assert_eq!(rows["items"][0]["in_use"], false, "{rows}");
    let (_, profile) = server.get("profiles/acme");
    assert!(
        profile["text"].as_str().unwrap().contains("smell"),
        "{profile}"
    );
    let (status, kept) = server.put("profiles/acme", &json!({ "text": PROFILE }));
    assert_eq!(status, 200, "{kept}");
    let (_, rows) = server.get("profiles?q=acme");
    assert_eq!(rows["items"][0]["in_use"], true, "{rows}");
    let (status, problem) = server.put("profiles/linux", &json!({ "text": PROFILE }));
    assert!(status == 409 || status == 404, "{problem}");
}

fn run(arguments: &[&str], code: i32) -> String {
    let output = foretell(arguments, &[("COMMUNITY", COMMUNITY)]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(
        output.status.code(),
        Some(code),
        "{arguments:?}: {output:?}"
    );
    said
}

#[test]
fn the_command_lists_shows_and_checks_profiles() {
    let folder = tempfile::tempdir().unwrap();
    let (good, bad) = (
        folder.path().join("acme.toml"),
        folder.path().join("bad.toml"),
    );
    fs::write(&good, PROFILE).unwrap();
    fs::write(
        &bad,
        PROFILE
            .replace("divide = 10", "divide = \"ten\"")
            .replace("\"temperature\"", "\"smell\""),
    )
    .unwrap();
    let (good, bad) = (good.to_str().unwrap(), bad.to_str().unwrap());
    assert!(run(&["profile", "check", good], 0).contains("no mistake"));
    let said = run(&["profile", "check", good, bad], 1);
    assert!(said.contains("bad.toml: line 9: sensor[0].kind"), "{said}");
    assert!(
        said.contains("bad.toml: line 11: sensor[0].divide"),
        "{said}"
    );
    let said: Value = serde_json::from_str(&run(&["profile", "check", "--json", bad], 1)).unwrap();
    assert_eq!(said[0]["mistakes"][0]["line"], 9, "{said}");
    run(&["profile", "check", "/not/there.toml"], 1);
    let listed = run(&["profile", "list", "--json"], 0);
    let listed: Vec<Value> = serde_json::from_str(&listed).unwrap();
    assert!(listed.len() >= 10, "{}", listed.len());
    fs::remove_file(bad).unwrap();
    let own = folder.path().to_str().unwrap();
    let shown = run(&["profile", "show", "acme", "--profiles", own], 0);
    assert_eq!(shown, PROFILE);
    run(&["profile", "show", "acme"], 1);
}

/// The objects that told the sensors which the profile names.
fn of_sensors(said: &Value) -> Vec<&str> {
    let origins = said["origins"].as_array().unwrap().iter();
    origins
        .filter(|it| it["fact"] == "sensors" && it["source"] == "acme")
        .map(|it| it["object"].as_str().unwrap_or_default())
        .collect()
}

#[test]
fn the_command_explains_a_device_and_a_recording() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("acme.toml"), PROFILE).unwrap();
    let own = folder.path().to_str().unwrap();
    let recording = folder.path().join("acme.snmprec");
    fs::write(
        &recording,
        "1.3.6.1.2.1.1.1.0|4|Acme box\n1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.99999.1\n\
         1.3.6.1.2.1.1.5.0|4|acme\n1.3.6.1.4.1.99999.2.1.0|2|315\n",
    )
    .unwrap();
    let recording = recording.to_str().unwrap();
    let tell = |said: &str| -> Value { serde_json::from_str(said).unwrap() };
    let explain = ["profile", "explain", "--profiles", own, "--json"];
    let said = run(&[&explain[..], &["--recording", recording]].concat(), 0);
    let said = tell(&said);
    assert_eq!(said["profiles"][0], "acme", "{said}");
    assert_eq!(said["facts"]["sensors"][0]["value"], 31.5, "{said}");
    assert_eq!(of_sensors(&said), ["acmeTemp.0"], "{said}");
    let Some(agent) = Agent::start_of_acme("acme") else {
        return;
    };
    let address = agent.address();
    let ask = [address.as_str(), "--community-env", "COMMUNITY"];
    let said = tell(&run(&[&explain[..], &ask[..]].concat(), 0));
    assert_eq!(said["profiles"][0], "acme", "{said}");
    assert_eq!(said["facts"]["sensors"][0]["value"], 31.5, "{said}");
    assert_eq!(of_sensors(&said), ["acmeTemp.0"], "{said}");
    let words = run(&[&explain[..4], &ask[..]].concat(), 0);
    let told = words.lines().find(|line| line.contains("Inside 31.5 °C"));
    let told: Vec<&str> = told.unwrap().split_whitespace().collect();
    let expected = ["sensors", "Inside", "31.5", "°C", "acme,", "acmeTemp.0"];
    assert_eq!(told, expected, "{words}");
    // Nobody answers there.
    let silent = ["127.0.0.1:1", "--community-env", "COMMUNITY"];
    run(&[&explain[..4], &silent[..]].concat(), 3);
}
