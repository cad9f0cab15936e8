//! How much of a period devices or interfaces were there. The formula is `topology::availability`'s; of a group it
//! is that of the sums over its devices.

use super::groups::Group;
use super::reading::{Reader, Stop};
use super::{Cell, Column, Made, Question, ReportKind, column, evidence};
use crate::past::PastReader;
use crate::problem::Answer;
use crate::sampling::Span;
use crate::services::Services;
use model::history::Availability;
use topology::availability::sum_up;

/// The columns.
pub(super) fn columns() -> Vec<Column> {
    let mut columns = vec![
        column(
            "up_ratio",
            "ratio",
            "Up",
            "Share of the measured time in which it was up.",
        ),
        column(
            "before_up_ratio",
            "ratio",
            "Up before",
            "The same of the period before.",
        ),
        column(
            "change_ratio",
            "ratio",
            "Change",
            "By how much the share up is more than before.",
        ),
        column(
            "available_ratio",
            "ratio",
            "Available",
            "Share of the measured time in which it was not down.",
        ),
        column(
            "down_secs",
            "seconds",
            "Down",
            "Time down, of all together.",
        ),
        column(
            "before_down_secs",
            "seconds",
            "Down before",
            "The same of the period before.",
        ),
        column(
            "outages",
            "count",
            "Outages",
            "Times down with nothing better seen between.",
        ),
        column(
            "longest_outage_secs",
            "seconds",
            "Longest outage",
            "The longest of them.",
        ),
        column(
            "mean_time_to_repair_secs",
            "seconds",
            "Time to repair",
            "Time down for each outage.",
        ),
        column(
            "unknown_secs",
            "seconds",
            "Not measured",
            "Time that was not measured; no part of the shares.",
        ),
        column(
            "maintenance_secs",
            "seconds",
            "Maintenance",
            "Time in which an operator worked on it; no part of the shares.",
        ),
        column(
            "shut_secs",
            "seconds",
            "Shut",
            "Time in which an interface was shut on purpose; no part of the shares.",
        ),
    ];
    columns.extend(evidence("Devices, or the interface, that the row is of."));
    columns
}

/// The past of the period and of the one before; what all devices share is read once.
pub(super) struct Pasts<'a>(Option<[Past<'a>; 2]>);

struct Past<'a> {
    span: Span,
    reader: PastReader<'a>,
}

/// Sums over the members of a group.
#[derive(Default)]
struct Total {
    up_secs: f64,
    degraded_secs: f64,
    down_secs: f64,
    unknown_secs: f64,
    maintenance_secs: f64,
    shut_secs: Option<f64>,
    outages: u64,
    longest_secs: Option<f64>,
    found: u64,
    members: u64,
    measured: u64,
}

impl<'a> Pasts<'a> {
    /// Those that a question needs: none where it is of another kind.
    pub(super) fn new(services: &'a Services, question: &Question, before: Span) -> Answer<Self> {
        if question.kind != ReportKind::Availability {
            return Ok(Self(None));
        }
        let past = |span: Span| -> Answer<Past<'a>> {
            let reader = PastReader::new(&services.store.history, span.range())?;
            Ok(Past { span, reader })
        };
        Ok(Self(Some([past(question.span)?, past(before)?])))
    }

    /// A row.
    pub(super) fn row(&self, reader: &Reader<'_>, group: &Group) -> Result<Made, Stop> {
        let (now, before) = match &self.0 {
            Some([now, before]) => (now.total(reader, group)?, before.total(reader, group)?),
            None => (Total::default(), Total::default()),
        };
        let spans = self.0.as_ref().map(|[now, before]| (now.span, before.span));
        let ratio = |total: &Total, span: Option<Span>| {
            let all = span.map_or(0.0, |span| span.to.since(span.from).as_secs_f64());
            total.measured_secs() / (all * total.members as f64).max(f64::MIN_POSITIVE)
        };
        let up = (now.up_ratio(), before.up_ratio());
        let cells = vec![
            Cell::number(up.0),
            Cell::number(up.1),
            Cell::number(up.0.zip(up.1).map(|(now, before)| now - before)),
            Cell::number(now.share(now.up_secs + now.degraded_secs)),
            Cell::number(now.share(0.0).map(|_| now.down_secs)),
            Cell::number(before.share(0.0).map(|_| before.down_secs)),
            Cell::Count(now.outages),
            Cell::number(now.longest_secs),
            Cell::number((now.outages > 0).then(|| now.down_secs / now.outages as f64)),
            Cell::Number(now.unknown_secs),
            Cell::Number(now.maintenance_secs),
            Cell::number(now.shut_secs),
            Cell::Count(now.members),
            Cell::Count(now.measured),
            Cell::Count(now.found),
            Cell::Number(ratio(&now, spans.map(|(now, _)| now))),
            Cell::Number(ratio(&before, spans.map(|(_, before)| before))),
        ];
        Ok((cells, Vec::new()))
    }
}

impl Past<'_> {
    fn total(&self, reader: &Reader<'_>, group: &Group) -> Result<Total, Stop> {
        let mut total = Total::default();
        let range = self.span.range();
        for record in &group.members {
            reader.in_time()?;
            let device = &record.device.body;
            let past = self.reader.device(device, false)?;
            match &group.interface {
                None => total.add(sum_up(range, &past.pieces, false), past.found.len()),
                Some(interface) => {
                    let pieces = self.reader.interface(device, interface)?;
                    total.add(sum_up(range, &pieces, true), past.found.len());
                }
            }
        }
        Ok(total)
    }
}

impl Total {
    fn add(&mut self, one: Availability, found: usize) {
        self.up_secs += one.up_secs;
        self.degraded_secs += one.degraded_secs;
        self.down_secs += one.down_secs;
        self.unknown_secs += one.unknown_secs;
        self.maintenance_secs += one.maintenance_secs;
        self.shut_secs = one
            .shut_secs
            .map(|secs| self.shut_secs.unwrap_or(0.0) + secs);
        self.outages += one.outages;
        let longest = [self.longest_secs, one.longest_outage_secs];
        self.longest_secs = longest.into_iter().flatten().reduce(f64::max);
        self.found += found as u64;
        self.members += 1;
        self.measured += u64::from(one.measured_secs > 0.0);
    }

    fn measured_secs(&self) -> f64 {
        self.up_secs + self.degraded_secs + self.down_secs
    }

    /// A share of what was measured; none where nothing was.
    fn share(&self, secs: f64) -> Option<f64> {
        let measured = self.measured_secs();
        (measured > 0.0).then(|| secs / measured)
    }

    fn up_ratio(&self) -> Option<f64> {
        self.share(self.up_secs)
    }
}
