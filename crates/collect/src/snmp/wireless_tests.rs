//! Access points, radios and wireless networks, over rows as agents give them.

use super::tests::{read, reading, rows};
use super::{Draft, Groups, interpret_into};
use crate::profile::Catalog;
use crate::reading::Instance;
use model::facts::WirelessFacts;
use model::{Metric, Value};
use std::sync::Arc;

/// A row as it is written in an answer.
fn told(facts: &[WirelessFacts]) -> Vec<String> {
    facts
        .iter()
        .map(|row| serde_json::to_string(row).unwrap())
        .collect()
}

fn part(label: &'static str, name: &str) -> Instance {
    Instance::Part {
        label,
        name: name.into(),
    }
}

#[test]
fn a_controller_tells_its_access_points_radios_and_networks() {
    let look = read(
        "2.1.1.2.0 oid 4.1.9.1.1069
         4.1.14179.2.1.1.1.2.1 text guests
         4.1.14179.2.1.1.1.38.1 count 41
         4.1.14179.2.2.1.1.3.0.42.16.0.0.1 text lobby
         4.1.14179.2.2.1.1.6.0.42.16.0.0.1 int 1
         4.1.14179.2.2.1.1.16.0.42.16.0.0.1 text AIR-AP2802I-E-K9
         4.1.14179.2.2.1.1.17.0.42.16.0.0.1 text FCW2133N0AA
         4.1.14179.2.2.2.1.4.0.42.16.0.0.1.0 int 11
         4.1.14179.2.2.2.1.4.0.42.16.0.0.1.1 int 0
         4.1.14179.2.2.2.1.12.0.42.16.0.0.1.0 int 2
         4.1.14179.2.2.2.1.12.0.42.16.0.0.1.1 int 1
         4.1.14179.2.2.13.1.3.0.42.16.0.0.1.0 int 37
         4.1.14179.2.2.13.1.4.0.42.16.0.0.1.0 int 12",
    );
    assert_eq!(
        told(&look.facts.wireless),
        [
            r#"{"kind":"access_point","name":"lobby","state":"associated","model":"AIR-AP2802I-E-K9","serial":"FCW2133N0AA"}"#,
            r#"{"kind":"radio","name":"lobby slot 0","access_point":"lobby","state":"up","channel":11,"clients":12,"utilization_percent":37.0}"#,
            r#"{"kind":"radio","name":"lobby slot 1","access_point":"lobby","state":"down"}"#,
            r#"{"kind":"network","name":"guests","clients":41}"#,
        ]
    );
    for (metric, of, expected) in [
        (
            Metric::WIRELESS_CLIENTS,
            part("radio", "lobby slot 0"),
            Some(Value::F64(12.0)),
        ),
        (
            Metric::WIRELESS_UTILIZATION,
            part("radio", "lobby slot 0"),
            Some(Value::F64(0.37)),
        ),
        (
            Metric::WIRELESS_CHANNEL,
            part("radio", "lobby slot 0"),
            Some(Value::U64(11)),
        ),
        (
            Metric::WIRELESS_CHANNEL,
            part("radio", "lobby slot 1"),
            None,
        ),
        (
            Metric::WIRELESS_CLIENTS,
            part("ssid", "guests"),
            Some(Value::F64(41.0)),
        ),
    ] {
        assert_eq!(reading(&look, metric, &of), expected, "{metric:?} {of:?}");
    }
}

#[test]
fn a_noise_floor_without_its_sign_is_below_zero() {
    for (noise, expected) in [("-92", Some(-92.0)), ("92", Some(-92.0)), ("0", None)] {
        let look = read(&format!(
            "2.1.1.2.0 oid 4.1.14823.1.1.47
             4.1.14823.2.2.1.5.2.1.4.1.3.0.42.16.0.0.1 text lobby
             4.1.14823.2.2.1.5.2.1.5.1.3.0.42.16.0.0.1.1 int 36
             4.1.14823.2.2.1.5.2.1.5.1.17.0.42.16.0.0.1.1 int 185
             4.1.14823.2.2.1.5.3.1.6.1.9.0.42.16.0.0.1.1 int {noise}"
        ));
        let radio = look.facts.wireless.get(1).unwrap();
        assert_eq!(radio.noise_dbm, expected, "{noise}");
        assert_eq!(radio.transmit_power_dbm, Some(18.5));
        assert_eq!(radio.name.as_deref(), Some("lobby radio 1"));
    }
}

#[test]
fn radios_by_the_standard_are_left_out_where_the_vendor_tells_of_them() {
    let standard = ".1.2.840.10036.4.5.1.1.7 int 6
         .1.2.840.10036.4.11.1.1.8 int 149
         2.1.31.1.1.1.1.7 text wlan0
         2.1.31.1.1.1.1.8 text wlan1\n";
    assert_eq!(
        told(&read(standard).facts.wireless),
        [
            r#"{"kind":"radio","name":"wlan0","channel":6}"#,
            r#"{"kind":"radio","name":"wlan1","channel":149}"#,
        ]
    );
    let vendor = "2.1.1.2.0 oid 4.1.10002.1
         2.1.1.1.0 text Linux 2.6.33 #1 Fri mips
         4.1.41112.1.4.1.1.4.1 int 5780
         4.1.41112.1.4.1.1.6.1 int 24
         4.1.41112.1.4.5.1.8.1 int -91
         4.1.41112.1.4.5.1.15.1 gauge 1";
    assert_eq!(
        told(&read(&format!("{standard}{vendor}")).facts.wireless),
        [
            r#"{"kind":"radio","name":"Radio 1","frequency_mhz":5780.0,"transmit_power_dbm":24.0,"clients":1,"noise_dbm":-91.0}"#
        ]
    );
}

#[test]
fn makes_of_controllers() {
    for (lines, expected) in [
        // The serial number of the access point is in the index.
        (
            "2.1.1.2.0 oid 4.1.12356.101.1.1004
             4.1.12356.101.14.4.3.1.3.1.4.70.80.49.50 text attic
             4.1.12356.101.14.4.4.1.7.1.4.70.80.49.50 int 2
             4.1.12356.101.14.4.4.1.17.1.4.70.80.49.50 gauge 5",
            r#"{"kind":"access_point","name":"attic","state":"online","serial":"FP12","clients":5}"#,
        ),
        // The MAC has its length before it.
        (
            "2.1.1.2.0 oid 4.1.25053.3.1.5.1
             4.1.25053.1.2.2.1.1.2.1.1.2.6.0.42.16.0.0.1 text attic
             4.1.25053.1.2.2.1.1.2.2.1.4.6.0.42.16.0.0.1.0 int 6
             4.1.25053.1.2.2.1.1.2.2.1.8.6.0.42.16.0.0.1.0 gauge 5",
            r#"{"kind":"radio","name":"attic radio 0","access_point":"attic","channel":6,"clients":5}"#,
        ),
        (
            "2.1.1.2.0 oid 4.1.2011.2.240.6
             4.1.2011.6.139.13.3.3.1.4.0.42.16.0.0.1 text attic
             4.1.2011.6.139.16.1.2.1.7.0.42.16.0.0.1.1 int 149
             4.1.2011.6.139.16.1.2.1.25.0.42.16.0.0.1.1 int 12",
            r#"{"kind":"radio","name":"attic radio 1","access_point":"attic","channel":149,"utilization_percent":12.0}"#,
        ),
        // Of an interface of a manager of access points.
        (
            "2.1.1.2.0 oid 4.1.14988.1
             2.1.31.1.1.1.1.9 text cap9
             4.1.14988.1.1.1.7.1.3.9 gauge 5
             4.1.14988.1.1.1.7.1.5.9 text 2412/20-Ce/gn(20dBm)",
            r#"{"kind":"radio","name":"cap9","frequency_mhz":2412.0,"clients":5}"#,
        ),
        // The cloud tells of switches, too.
        (
            "2.1.1.2.0 oid 4.1.29671.1
             4.1.29671.1.1.4.1.2.1 text core
             4.1.29671.1.1.4.1.9.1 text MS225-48
             4.1.29671.1.1.4.1.2.2 text attic
             4.1.29671.1.1.4.1.3.2 int 1
             4.1.29671.1.1.4.1.5.2 int 5
             4.1.29671.1.1.4.1.9.2 text MR46",
            r#"{"kind":"access_point","name":"attic","state":"online","model":"MR46","clients":5}"#,
        ),
    ] {
        let told = told(&read(lines).facts.wireless);
        assert_eq!(told.last().map(String::as_str), Some(expected), "{told:?}");
    }
}

/// A profile of which access points and networks may share their names.
const OWN: &str = "[[match]]\nany = true\n\
    [[wireless]]\nkind = \"access_point\"\nrows = \"1.3.6.1.4.1.9999.1\"\nname = \"{1.3.6.1.4.1.9999.1}\"\n\
    clients = { value = \"1.3.6.1.4.1.9999.2\", divide = 2 }\n\
    [[wireless]]\nkind = \"network\"\nrows = \"1.3.6.1.4.1.9999.3\"\nname = \"{1.3.6.1.4.1.9999.3}\"\nclients = \"1.3.6.1.4.1.9999.4\"\n";

fn own(lines: &str) -> super::Look {
    let catalog = Catalog::default().with("own", OWN).unwrap();
    let draft = Draft {
        wanted: Groups::COUNTERS,
        plan: Arc::new(catalog.plan(&[], "", |_| false)),
        ..Draft::default()
    };
    interpret_into(&rows(lines), draft).0
}

#[test]
fn an_access_point_and_a_network_of_one_name_have_series_of_their_own() {
    let look = own("4.1.9999.1.1 text hall
         4.1.9999.1.2 text hall
         4.1.9999.2.1 int 8
         4.1.9999.2.2 int 6
         4.1.9999.3.1 text hall
         4.1.9999.4.1 int 7");
    let clients = |of: &Instance| reading(&look, Metric::WIRELESS_CLIENTS, of);
    assert_eq!(
        clients(&part("access_point", "hall")),
        Some(Value::F64(4.0))
    );
    assert_eq!(
        clients(&part("access_point", "hall [2]")),
        Some(Value::F64(3.0))
    );
    assert_eq!(clients(&part("ssid", "hall")), Some(Value::F64(7.0)));
}

#[test]
fn a_row_whose_name_is_taken_is_called_as_its_series_are() {
    let look = own("4.1.9999.1.1 text hall
         4.1.9999.1.2 text hall
         4.1.9999.2.1 int 8
         4.1.9999.2.2 int 6
         4.1.9999.3.1 text hall");
    assert_eq!(
        told(&look.facts.wireless),
        [
            r#"{"kind":"access_point","name":"hall","clients":4}"#,
            r#"{"kind":"access_point","name":"hall [2]","clients":3}"#,
            r#"{"kind":"network","name":"hall"}"#,
        ]
    );
}

#[test]
fn models_and_serial_numbers_of_access_points_are_not_asked_at_each_poll() {
    let catalog = Catalog::embedded();
    let controller = [1, 3, 6, 1, 4, 1, 9, 1, 1069];
    let plan = catalog.plan(&controller, "", |column| column.contains(&14179));
    let asked = |groups| super::columns(&controller, groups, &plan);
    let entry = [1, 3, 6, 1, 4, 1, 14179, 2, 2, 1, 1];
    let (state, model, serial) = (6, 16, 17);
    for (column, each_poll, with_parts) in [
        (state, true, true),
        (model, false, true),
        (serial, false, true),
    ] {
        let column = [&entry[..], &[column]].concat();
        assert_eq!(asked(Groups::COUNTERS).contains(&column), each_poll);
        let parts = Groups::COUNTERS | Groups::INVENTORY;
        assert_eq!(asked(parts).contains(&column), with_parts);
    }
}

#[test]
fn no_cell_is_kept_as_two_series() {
    let catalog = Catalog::embedded();
    for head in catalog.heads() {
        let profile = catalog.find(&head.name).unwrap();
        let sensors: Vec<String> = profile
            .sensors
            .iter()
            .map(|table| format!("{:?}", table.value))
            .collect();
        for table in &profile.wireless {
            for measure in super::profiled::wireless_measures(table) {
                let cell = format!("{:?}", measure.cell);
                assert!(!sensors.contains(&cell), "{}: {cell}", head.name);
            }
        }
    }
}

#[test]
fn a_long_list_of_access_points_is_cut_and_counted() {
    let most = super::profiled::WIRELESS_MAX;
    let lines: Vec<String> = (0..most + 3)
        .map(|n| format!("4.1.9999.1.{n} text ap {n}"))
        .collect();
    let look = own(&lines.join("\n"));
    assert_eq!(look.facts.wireless.len(), most);
    assert_eq!(look.defects.by_name().get("too_many_rows"), Some(&3));
}

#[test]
fn mistakes_in_a_table_of_radios_are_told_by_their_keys() {
    let text = "[[wireless]]\nkind = \"mast\"\nrows = \"1.3.6.1\"\nclients = \"acmeClients\"\n";
    let mistakes = crate::profile::check("own", text, &Catalog::default());
    let told: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "line 2: wireless[0].kind: `mast` is none of access_point, radio, network",
            "line 4: wireless[0].clients: `acmeClients` is neither in [objects] nor a standard object",
        ]
    );
}
