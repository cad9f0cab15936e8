//! `foretell analyze`: files that it reads.

use foretell_server::commands::analyze::input::Lines;
use foretell_server::commands::analyze::matrices::{Pairs, Topology};
use foretell_server::commands::analyze::rows::Columns;
use foretell_server::commands::analyze::series::{Id, Seasons, Values, parse};
use foretell_server::commands::analyze::services::{Measured, calls};
use serde::Deserialize;
use std::io::Cursor;

/// A file of rows, perhaps packed: a header, then rows, each of which keeps its time as it is written.
pub(crate) fn rows(data: &[u8]) {
    let Ok(mut lines) = Lines::of("input", Box::new(Cursor::new(data.to_vec()))) else {
        return;
    };
    let Ok(Some((_, header))) = lines.read() else {
        return;
    };
    let Ok(columns) = Columns::parse(header) else {
        return;
    };
    let mut before = 1;
    while let Ok(Some((number, line))) = lines.read() {
        assert!(number > before, "lines are counted");
        before = number;
        if let Ok(row) = columns.row(line) {
            assert!(line.contains(row.time_given));
            assert!(row.value.is_none_or(f64::is_finite));
        }
    }
}

#[derive(Deserialize)]
struct Line {
    id: Id,
    y: Values,
    season: Option<Seasons>,
}

/// A series as JSON.
pub(crate) fn series(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(line) = parse::<Line>(text) {
        assert!(!line.id.0.is_empty());
        assert!(line.y.0.len() <= data.len());
        assert!(
            line.season
                .is_none_or(|seasons| seasons.0.len() <= data.len())
        );
    }
}

/// A network, and behind a zero octet a header and a step of what goes over it.
pub(crate) fn matrices(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (topology, table) = text.split_once('\0').unwrap_or((text, ""));
    let Ok(topology) = Topology::parse(topology) else {
        return;
    };
    let (header, step) = table.split_once('\n').unwrap_or((table, ""));
    if let Ok(pairs) = Pairs::parse(header, &topology)
        && let Ok((_, demands)) = pairs.step(step)
    {
        let nodes = topology.network.nodes();
        assert_eq!(demands.len(), nodes * nodes);
    }
}

/// Who calls whom, and what was measured of services.
pub(crate) fn services(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(read) = calls(text) {
        let count = read.services.len();
        assert!(read.calls.iter().all(|(a, b)| *a < count && *b < count));
    }
    if let Ok(measured) = Measured::parse(text) {
        let rows = measured.at_secs.len();
        assert!(measured.values.values().all(|values| values.len() == rows));
    }
}
