//! A row of a file of samples: what series, when, which value. What cannot be read is told by its line.

use model::metric::Kind;
use model::{DeviceId, Labels, SeriesId, Timestamp, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Labels of a series that users bring.
pub const LABELS_MAX: usize = 32;
/// Longest name of a label, in octets.
pub const LABEL_NAME_LEN_MAX: usize = 64;
/// Longest value of a label, in octets.
pub const LABEL_VALUE_LEN_MAX: usize = 256;

/// A sample as a file has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The line of the file that it begins on, from 1; of Parquet the row.
    pub line: u64,
    /// Of which series; rows of one series that follow each other share it.
    pub of: Arc<Of>,
    /// When; none where the file does not say.
    pub at: Option<Timestamp>,
    /// The value, as it is written: a number with neither point nor exponent is whole.
    pub value: Value,
}

/// Which series a row is of. The id holds where there is such a series.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Of {
    /// Its id.
    pub id: Option<SeriesId>,
    /// What it is.
    pub named: Option<Named>,
}

/// A series by what it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Named {
    /// The metric.
    pub metric: String,
    /// What it is where no metric has that name, as the sample `x_total` of a counter `x`.
    pub or_metric: Option<String>,
    /// Whose.
    pub device: Whose,
    /// The labels but for those that say whose it is.
    pub labels: Labels,
    /// What the file says of the metric, where it says something.
    pub said: Option<Arc<Said>>,
}

/// Whose a series is, as a file says it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Whose {
    /// It does not say.
    #[default]
    Unsaid,
    /// A device by its id.
    Id(DeviceId),
    /// A device by the name that people call it by.
    Name(String),
}

/// What a file says of a metric.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Said {
    /// How its values behave.
    pub kind: Kind,
    /// Its unit; empty where it is not said.
    pub unit: String,
    /// One line for a person.
    pub help: String,
}

/// Why a row is not taken, as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    /// It cannot be read.
    Malformed,
    /// Its line is longer than is read.
    TooLong,
    /// Its value is no number.
    BadValue,
    /// Its value is infinite, or not a number.
    NotFinite,
    /// It has no time.
    NoTime,
    /// Its time cannot be read.
    BadTime,
    /// Its time is before 1970 or ahead of now.
    OutOfTime,
    /// It names no series.
    NoSeries,
    /// There is no such series.
    UnknownSeries,
    /// There is no such metric.
    UnknownMetric,
    /// The metric that it says could not be made.
    MetricRefused,
    /// There is no such device.
    UnknownDevice,
    /// Several devices have that name.
    AmbiguousDevice,
    /// The device has no such interface.
    UnknownInterface,
    /// Its labels are not taken.
    BadLabels,
    /// A label has more values already than are kept.
    LabelBound,
    /// The device has as many series as it may have.
    SeriesBound,
    /// There are more series in the file than are taken of one.
    TooManySeries,
    /// There are more days in the file than are taken of one.
    TooManyDays,
    /// The device has as many times in that day, or half-hour, as are kept.
    DayFull,
    /// It would change a sample that a hold keeps.
    Held,
    /// It was sent before, and another value is there.
    SentBefore,
    /// The store did not take it.
    NotTaken,
}

impl Why {
    /// Its name, as it is counted under.
    pub fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::TooLong => "too_long",
            Self::BadValue => "bad_value",
            Self::NotFinite => "not_finite",
            Self::NoTime => "no_time",
            Self::BadTime => "bad_time",
            Self::OutOfTime => "out_of_time",
            Self::NoSeries => "no_series",
            Self::UnknownSeries => "unknown_series",
            Self::UnknownMetric => "unknown_metric",
            Self::MetricRefused => "metric_refused",
            Self::UnknownDevice => "unknown_device",
            Self::AmbiguousDevice => "ambiguous_device",
            Self::UnknownInterface => "unknown_interface",
            Self::BadLabels => "bad_labels",
            Self::LabelBound => "label_bound",
            Self::SeriesBound => "series_bound",
            Self::TooManySeries => "too_many_series",
            Self::TooManyDays => "too_many_days",
            Self::DayFull => "day_full",
            Self::Held => "held",
            Self::SentBefore => "sent_before",
            Self::NotTaken => "not_taken",
        }
    }
}

/// A row that is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The line of the file that it begins on, from 1.
    pub line: u64,
    /// Why, as it is counted.
    pub why: Why,
    /// Why, in words.
    pub detail: String,
}

impl Refused {
    pub(super) fn new(line: u64, why: Why, detail: impl Into<String>) -> Self {
        Self {
            line,
            why,
            detail: detail.into(),
        }
    }
}

/// How reading a file ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct End {
    /// It does not end as its format has it: some of it may be missing.
    pub cut_short: bool,
    /// What was left out that is no sample, by what it is.
    pub left_out: BTreeMap<&'static str, u64>,
}

impl End {
    pub(super) fn leave_out(&mut self, what: &'static str) {
        *self.left_out.entry(what).or_default() += 1;
    }
}

/// A file that cannot be read as what it is said to be. Nothing of it is taken.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file could not be read at all.
    #[error("the file could not be read")]
    File(#[from] std::io::Error),
    /// It is no such file.
    #[error("line {line}: {detail}")]
    NotIt {
        /// Where that shows, from 1.
        line: u64,
        /// What is the matter.
        detail: String,
    },
    /// Nothing of this server reads it.
    #[error("this server was built without that format")]
    Unsupported,
}

impl ReadError {
    pub(super) fn not_it(line: u64, detail: impl Into<String>) -> Self {
        Self::NotIt {
            line,
            detail: detail.into(),
        }
    }
}

/// Reads a value as text has it.
pub(super) fn value(text: &str) -> Result<Value, (Why, String)> {
    let is_whole = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    if let Some(Ok(whole)) = is_whole.then(|| text.parse()) {
        return Ok(Value::U64(whole));
    }
    let bad = || (Why::BadValue, format!("`{}` is no number", short(text)));
    let number: f64 = text.parse().map_err(|_| bad())?;
    if number.is_finite() {
        return Ok(Value::F64(number));
    }
    let shown = short(text);
    Err((Why::NotFinite, format!("`{shown}` is not finite")))
}

/// Reads a time: milliseconds since 1970, or RFC 3339.
pub(super) fn time(text: &str) -> Result<Timestamp, (Why, String)> {
    if let Ok(ms) = text.parse::<i64>() {
        return Ok(Timestamp::from_unix_ms(ms));
    }
    text.parse().map_err(|_| {
        let shown = short(text);
        let detail = format!("`{shown}` is neither RFC 3339 nor milliseconds since 1970");
        (Why::BadTime, detail)
    })
}

/// A value as text has it: one that is whole without a point, another with one or an exponent.
pub(super) fn written(value: Value) -> String {
    match value {
        Value::U64(whole) => whole.to_string(),
        Value::F64(number) => format!("{number:?}"),
    }
}

/// The value as a metric of that kind keeps it: what counts, and what has states, is whole. Clients
/// write `17.0` for 17.
pub fn of_kind(value: Value, kind: Kind) -> Value {
    /// Above it a floating-point number does not tell one whole number from the next.
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    match (value, kind) {
        (Value::F64(number), Kind::Counter | Kind::State)
            if number.fract() == 0.0 && (0.0..=EXACT_MAX).contains(&number) =>
        {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Looked at above.
            let whole = number as u64;
            Value::U64(whole)
        }
        (value, _) => value,
    }
}

/// What is wrong with labels that users bring.
pub fn bad_labels(labels: &Labels) -> Option<String> {
    if labels.0.len() > LABELS_MAX {
        return Some(format!("a series has at most {LABELS_MAX} labels"));
    }
    labels.0.iter().find_map(|(name, value)| {
        let shown = short(name);
        if name == "metric" || name.starts_with("__") {
            return Some(format!("a label cannot be called `{shown}`"));
        }
        if name.len() > LABEL_NAME_LEN_MAX || !model::metric::own::is_name(name) {
            return Some(format!(
                "`{shown}` is no name of a label: a letter or `_`, then up to 63 letters, digits and `_`"
            ));
        }
        if value.is_empty() || value.len() > LABEL_VALUE_LEN_MAX {
            return Some(format!(
                "the value of `{shown}` has 1 to {LABEL_VALUE_LEN_MAX} octets"
            ));
        }
        None
    })
}

/// Text short enough to be shown.
pub(super) fn short(text: &str) -> String {
    text.chars()
        .filter(|character| !character.is_control())
        .take(64)
        .collect()
}
