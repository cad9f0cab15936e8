//! Reports: how sites, tags, devices and interfaces were over a period, beside the period before it.
//!
//! A report is a table: [`make`] makes one row a group ([`groups`]), each kind in a file of its own, and
//! [`csv`], [`html`] and the route write it. What is read is bounded by numbers, rows and time; what does not
//! fit is left out as whole groups, counted and told, so that no row is of less than it says. Every row tells
//! how much it rests on. Nothing here knows when or to whom a report goes: that is for whoever calls it.

mod availability;
mod capacity;
mod chart;
pub(crate) mod csv;
mod groups;
pub(crate) mod html;
mod human;
mod percentile;
mod reading;
mod trend;

use crate::limits::Resource;
use crate::page::{Key, Place, in_order};
use crate::problem::{Answer, Kind, Problem};
use crate::query::OneOf;
use crate::sampling::{Point, Span};
use crate::services::Services;
use groups::Group;
use model::{DeviceId, InterfaceId, Timestamp};
use reading::{Reader, Stop};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// Longest period: two years.
pub(crate) const PERIOD_MAX: Duration = Duration::from_hours(24 * 731);
/// The period where none is asked for.
pub(crate) const PERIOD_DEFAULT: Duration = Duration::from_hours(24 * 30);
/// Most rows of a report: one a device of a large network.
pub(crate) const ROWS_MAX: usize = 10_000;
/// The part of a limit that is not to be exceeded where the client does not say.
pub(crate) const THRESHOLD_DEFAULT: f64 = 0.8;
/// The least that may be asked for.
pub(crate) const THRESHOLD_MIN: f64 = 0.01;
/// Points of a small chart.
const POINTS: usize = 60;

/// What is told.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReportKind {
    /// How much of the period devices or interfaces were there.
    Availability,
    /// The 95th percentile of the five-minute means of traffic, each way.
    Percentile95,
    /// Whether something rises or falls, and how sure that is.
    Trend,
    /// When limits are reached.
    Capacity,
}

/// What a row is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReportBy {
    /// The devices of a site.
    Site,
    /// The devices that have a tag; a device with several counts for each.
    Tag,
    /// A device.
    #[default]
    Device,
    /// An interface.
    Interface,
}

/// What a trend or a limit is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReportOf {
    /// What interfaces receive: summed up over the physical ones.
    InTraffic,
    /// What interfaces send: summed up over the physical ones.
    OutTraffic,
    /// The use of processors: the mean over them.
    Processor,
    /// The use of memory: the mean over all kinds of it.
    Memory,
    /// The use of storage: the mean over all volumes.
    Storage,
    /// The round trip of echo requests: the mean over devices. For trends.
    RoundTrip,
    /// The share of echo requests that went unanswered: the mean over devices. For trends.
    Loss,
}

/// Which number of each day is held against the threshold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReportStatistic {
    /// The mean of the day.
    Mean,
    /// The 95th percentile of its steps of five minutes.
    #[default]
    Percentile,
    /// The greatest of these steps.
    Peak,
}

/// What is asked, checked.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    /// What is told.
    pub(crate) kind: ReportKind,
    /// What a row is of.
    pub(crate) by: ReportBy,
    /// What of; what the kind has where none is named.
    pub(crate) of: Option<ReportOf>,
    /// Which number is held against the threshold.
    pub(crate) statistic: ReportStatistic,
    /// The part of a limit that is not to be exceeded, [`THRESHOLD_MIN`] to 1.
    pub(crate) threshold: f64,
    /// The period.
    pub(crate) span: Span,
    /// Only devices of these sites.
    pub(crate) site: OneOf<String>,
    /// Only devices with any of these tags.
    pub(crate) tag: OneOf<String>,
    /// Only these devices.
    pub(crate) device_id: OneOf<DeviceId>,
}

/// A report.
#[derive(Debug)]
pub(crate) struct Report {
    /// What was asked.
    pub(crate) question: Question,
    /// The period before, as long; it begins in 1970 at the earliest.
    pub(crate) before: Span,
    /// When it was made.
    pub(crate) made_at: Timestamp,
    /// The columns behind those that say what a row is of.
    pub(crate) columns: Vec<Column>,
    /// The columns that a chart shows: of the period, and of the one before.
    pub(crate) charted: (&'static str, &'static str),
    /// The rows, by name.
    pub(crate) rows: Vec<Row>,
    /// Groups that are not told.
    pub(crate) left_out: u64,
    /// What whoever reads it should know.
    pub(crate) notes: Vec<String>,
}

/// A column of a report.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ReportColumn)]
pub(crate) struct Column {
    /// Its name in rows, and what they may be sorted by.
    pub(crate) name: &'static str,
    /// Unit of its numbers, a base unit: `ratio`, `bit/s`, `seconds`, `days`, ...; empty for text.
    pub(crate) unit: &'static str,
    /// Its name for people.
    pub(crate) title: &'static str,
    /// What it says.
    pub(crate) help: &'static str,
}

/// A value of a row.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum Cell {
    /// A whole number.
    Count(u64),
    /// A finite number.
    Number(f64),
    /// Text.
    Text(String),
    /// Nothing is known.
    Missing,
}

/// A row of a report.
#[derive(Debug)]
pub(crate) struct Row {
    /// What it is of.
    pub(crate) group: Group,
    /// The values, one a column.
    pub(crate) cells: Vec<Cell>,
    /// The course over the period in some 60 points, where the kind has one.
    pub(crate) points: Vec<Point>,
}

/// What a kind makes of a group: the values in the order of its columns, and its course.
type Made = (Vec<Cell>, Vec<Point>);

impl ReportKind {
    /// All.
    pub(crate) const ALL: [Self; 4] = [
        Self::Availability,
        Self::Percentile95,
        Self::Trend,
        Self::Capacity,
    ];

    /// As it is asked for.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Availability => "availability",
            Self::Percentile95 => "percentile95",
            Self::Trend => "trend",
            Self::Capacity => "capacity",
        }
    }

    /// The kind of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// As people call it.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Availability => "Availability",
            Self::Percentile95 => "95th percentile of traffic",
            Self::Trend => "Trends",
            Self::Capacity => "Capacity",
        }
    }

    /// What it tells.
    pub(crate) const fn help(self) -> &'static str {
        match self {
            Self::Availability => {
                "How much of the measured time devices or interfaces were there, beside the period before. Time that was not measured, in maintenance or shut on purpose takes no part."
            }
            Self::Percentile95 => {
                "The least five-minute mean of traffic that 95 of 100 do not exceed, each way; of groups, that of the sum over their physical interfaces."
            }
            Self::Trend => {
                "The mean beside that of the period before, and whether daily means rise or fall beyond what chance makes; seasons are taken out and jumps are no part of it."
            }
            Self::Capacity => {
                "When a threshold is first exceeded, of the resource of each group that reaches it first: by the growth of daily values over this period and the one before."
            }
        }
    }

    /// What it may be of.
    pub(crate) const fn of(self) -> &'static [ReportOf] {
        match self {
            Self::Availability | Self::Percentile95 => &[],
            Self::Trend => &ReportOf::ALL,
            Self::Capacity => {
                let (limited, _) = ReportOf::ALL.split_at(Resource::ALL.len());
                limited
            }
        }
    }

    /// How rows come where nothing else is asked for: what needs somebody first.
    pub(crate) const fn sort(self) -> (&'static str, bool) {
        match self {
            Self::Availability => ("up_ratio", false),
            Self::Percentile95 => ("percentile_bps", true),
            Self::Trend => ("change_ratio", true),
            Self::Capacity => ("days_until", false),
        }
    }

    /// The columns of a question.
    pub(crate) fn columns(self, of: Option<ReportOf>) -> Vec<Column> {
        match self {
            Self::Availability => availability::columns(),
            Self::Percentile95 => percentile::columns(),
            Self::Trend => trend::columns(of.unwrap_or(ReportOf::InTraffic)),
            Self::Capacity => capacity::columns(),
        }
    }
}

impl ReportBy {
    /// All.
    pub(crate) const ALL: [Self; 4] = [Self::Site, Self::Tag, Self::Device, Self::Interface];

    /// As it is asked for.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Site => "site",
            Self::Tag => "tag",
            Self::Device => "device",
            Self::Interface => "interface",
        }
    }
}

impl ReportOf {
    /// All; those that have a limit first.
    pub(crate) const ALL: [Self; 7] = [
        Self::InTraffic,
        Self::OutTraffic,
        Self::Processor,
        Self::Memory,
        Self::Storage,
        Self::RoundTrip,
        Self::Loss,
    ];

    /// What it uses up, where it has a limit.
    pub(crate) const fn resource(self) -> Option<Resource> {
        match self {
            Self::InTraffic => Some(Resource::InTraffic),
            Self::OutTraffic => Some(Resource::OutTraffic),
            Self::Processor => Some(Resource::Processor),
            Self::Memory => Some(Resource::Memory),
            Self::Storage => Some(Resource::Storage),
            Self::RoundTrip | Self::Loss => None,
        }
    }

    /// As people call it.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::InTraffic => "traffic received",
            Self::OutTraffic => "traffic sent",
            Self::Processor => "use of processors",
            Self::Memory => "use of memory",
            Self::Storage => "use of storage",
            Self::RoundTrip => "round trip",
            Self::Loss => "loss",
        }
    }

    /// Whether interfaces have it.
    pub(crate) const fn is_of_interfaces(self) -> bool {
        matches!(self, Self::InTraffic | Self::OutTraffic)
    }
}

impl Cell {
    /// A number, where it is known and finite.
    fn number(value: Option<f64>) -> Self {
        value
            .filter(|value| value.is_finite())
            .map_or(Self::Missing, Self::Number)
    }

    fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// What rows are sorted by.
    fn key(&self) -> Key {
        // A millionth: a tenth of a second of a day, and a bit/s of what no interface carries.
        const PARTS: f64 = 1e6;
        match self {
            Self::Count(count) => Key::measured(Some(*count as f64), PARTS),
            Self::Number(number) => Key::measured(Some(*number), PARTS),
            Self::Text(text) => Key::text(text),
            Self::Missing => Key::Absent,
        }
    }
}

impl Report {
    /// Whether groups were left out.
    pub(crate) fn is_partial(&self) -> bool {
        self.left_out > 0
    }

    /// The value of a row in a column.
    pub(crate) fn cell<'a>(&self, row: &'a Row, column: &str) -> Option<&'a Cell> {
        let place = self.columns.iter().position(|own| own.name == column)?;
        row.cells.get(place)
    }

    /// The text of a row in a column; empty where there is none.
    fn text<'a>(&self, row: &'a Row, column: &str) -> &'a str {
        match self.cell(row, column) {
            Some(Cell::Text(text)) => text,
            _ => "",
        }
    }

    /// Where a row stands by a column, or by its name.
    pub(crate) fn place(&self, row: &Row, column: &str) -> Place {
        let key = match self.cell(row, column) {
            Some(cell) => cell.key(),
            None => Key::text(&row.group.name),
        };
        (key, row.group.id.clone())
    }

    /// All rows in the order of a column.
    pub(crate) fn sorted(&self, (column, descending): (&str, bool)) -> Vec<&Row> {
        let rows = self.rows.iter();
        let placed = rows.map(|row| (self.place(row, column), row)).collect();
        in_order(placed, descending)
    }

    /// As people call it.
    pub(crate) fn title(&self) -> String {
        let (kind, by) = (self.question.kind.title(), self.question.by.name());
        match self.question.of {
            Some(of) => format!("{kind} by {by}: {}", of.title()),
            None => format!("{kind} by {by}"),
        }
    }
}

/// Makes a report. Blocks: it reads files, until `until` at the latest; what was not read by then is left out.
pub(crate) fn make(services: &Services, question: Question, until: Instant) -> Answer<Report> {
    let span = question.span;
    let before = Span {
        from: span.from.minus(span.to.since(span.from)),
        to: span.from,
    };
    let before = Span {
        from: before.from.max(Timestamp::from_unix_ms(0)),
        ..before
    };
    let devices = services.store.inventory.devices();
    let (groups, beyond) = groups::of(devices, &question);
    let mut reader = Reader::new(&services.series, until);
    let mut notes = Vec::new();
    if beyond > 0 {
        notes.push(format!(
            "{beyond} more than the {ROWS_MAX} rows of a report are left out: name sites, tags or devices."
        ));
    }
    let past = availability::Pasts::new(services, &question, before)?;
    let (mut rows, mut too_much, mut late) = (Vec::with_capacity(groups.len()), 0u64, 0u64);
    let count = groups.len();
    for (at, group) in groups.into_iter().enumerate() {
        let spans = (span, before);
        let made = match question.kind {
            ReportKind::Availability => past.row(&reader, &group),
            ReportKind::Percentile95 => percentile::row(&mut reader, &group, spans),
            ReportKind::Trend => trend::row(&mut reader, &group, spans, &question),
            ReportKind::Capacity => capacity::row(&mut reader, &group, spans, &question),
        };
        match made {
            Ok((cells, points)) => rows.push(Row {
                group,
                cells,
                points,
            }),
            Err(Stop::TooMuch) => too_much += 1,
            Err(Stop::Late) => {
                late = (count - at) as u64;
                break;
            }
            Err(Stop::Failed(problem)) => return Err(problem),
        }
    }
    if rows.is_empty() && late > 0 {
        let detail = "Reading took too long; ask for a shorter period, a site, a tag or a device.";
        return Err(Problem::new(Kind::Timeout, detail));
    }
    if too_much > 0 {
        notes.push(format!(
            "{too_much} rows are left out, for they take more than a report may read: ask for a shorter period, a site, a tag or a device."
        ));
    }
    if late > 0 {
        notes.push(format!(
            "{late} rows are left out, for reading took too long: ask for a shorter period, a site, a tag or a device."
        ));
    }
    notes.extend(reader.into_notes());
    Ok(Report {
        columns: question.kind.columns(question.of),
        charted: match question.kind {
            ReportKind::Availability => ("up_ratio", "before_up_ratio"),
            ReportKind::Percentile95 => ("percentile_bps", "before_percentile_bps"),
            ReportKind::Trend => ("mean", "before_mean"),
            ReportKind::Capacity => ("used_ratio", "before_used_ratio"),
        },
        before,
        made_at: services.clock.now(),
        rows,
        left_out: beyond + too_much + late,
        notes,
        question,
    })
}

/// How a value compares with one before, as a share of that; none where that is 0 or not known.
fn change_ratio(now: Option<f64>, before: Option<f64>) -> Option<f64> {
    let before = before.filter(|before| *before > 0.0)?;
    Some((now? - before) / before)
}

const fn column(
    name: &'static str,
    unit: &'static str,
    title: &'static str,
    help: &'static str,
) -> Column {
    Column {
        name,
        unit,
        title,
        help,
    }
}

/// The columns that tell what a row rests on; every kind ends with them.
fn evidence(members: &'static str) -> [Column; 5] {
    [
        column("members", "count", "Of", members),
        column(
            "members_measured",
            "count",
            "Measured",
            "How many of these had any value in the period.",
        ),
        column(
            "samples",
            "count",
            "Samples",
            "How many samples the row rests on; of availability, changes of status that were found.",
        ),
        column(
            "measured_ratio",
            "ratio",
            "Period measured",
            "How much of the period was measured, of all members together; what was not is not made up.",
        ),
        column(
            "before_measured_ratio",
            "ratio",
            "Before measured",
            "The same of the period before.",
        ),
    ]
}

/// At most [`POINTS`] points: the mean of the values that each stands for; those that are not finite are missing.
fn thinned(values: &[f64], first_ms: i64, step_ms: i64) -> Vec<Point> {
    let each = values.len().div_ceil(POINTS).max(1);
    let chunks = (0i64..).step_by(each).zip(values.chunks(each));
    chunks
        .map(|(at, chunk)| {
            let at = first_ms.saturating_add(at.saturating_mul(step_ms));
            Point(at, mean(chunk))
        })
        .collect()
}

/// The mean of the finite values; none where there are none.
fn mean(values: &[f64]) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0u32);
    for value in values.iter().filter(|value| value.is_finite()) {
        sum += value;
        count += 1;
    }
    (count > 0).then(|| sum / f64::from(count))
}

impl Row {
    /// What people call what it is of.
    pub(crate) fn name(&self) -> &str {
        match self.group.name.as_str() {
            "" => "(none)",
            name => name,
        }
    }
    /// The device, where the row is of one or of its interface.
    pub(crate) fn device_id(&self) -> Option<DeviceId> {
        self.group
            .device
            .as_ref()
            .map(|record| record.device.body.id)
    }
    /// The interface, where the row is of one.
    pub(crate) fn interface_id(&self) -> Option<InterfaceId> {
        self.group.interface.as_ref().map(|interface| interface.id)
    }
    /// The site, where the row is of a device or of its interface.
    pub(crate) fn site(&self) -> Option<&str> {
        let record = self.group.device.as_ref()?;
        record.device.body.typed.site.as_deref()
    }
}
