//! Which series a row is of: those that are known, and those that are to be.
//!
//! Looking makes nothing; [`Finder::make`] registers what is new, a device at a time.

use super::row::{Named, Of, Said, Whose, Why, bad_labels, short};
use crate::Store;
use crate::blocks::Column;
use crate::inventory::Inventory;
use crate::own_metrics::OwnMetrics;
use crate::progress::{Progress, Stopped};
use crate::series::{LABEL_VALUES_MAX, SERIES_PER_DEVICE_MAX, SeriesStore};
use model::device::LOCAL_VANTAGE;
use model::metric::Kind;
use model::metric::own::NewMetric;
use model::series::NETWORK;
use model::{DeviceId, Labels, Metric, SeriesId};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// Series that are taken of one file: as many as a fifth of the largest network has.
pub const SERIES_PER_FILE_MAX: usize = 200_000;

/// Series that are not taken and remembered all the same, so that the next row of them is quick; others
/// are looked for again. They take no place of those that are taken.
const REFUSED_KEPT_MAX: usize = 10_000;
/// Octets of the names of a metric and a device of such a series.
const NAMES_KEPT_MAX: usize = 1_024;

/// What a [`Finder`] looks in.
#[derive(Clone)]
pub struct Ground {
    /// Devices and interfaces.
    pub inventory: Inventory,
    /// The series that are known.
    pub series: SeriesStore,
    /// Where metrics are made.
    pub metrics: OwnMetrics,
}

impl Ground {
    /// All of a store.
    pub fn of(store: &Store) -> Self {
        Self {
            inventory: store.inventory.clone(),
            series: store.series.clone(),
            metrics: store.metrics.clone(),
        }
    }
}

/// What is done where a row does not say.
#[derive(Clone, Debug, Default)]
pub struct Defaults {
    /// Whose series are that name no device; of the whole network where it is not given.
    pub device_id: Option<DeviceId>,
    /// Whether metrics that nobody knows are made, where the file says what they are.
    pub create_metrics: bool,
}

/// A series of rows.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// It is there.
    Known(Found),
    /// It is not there yet.
    New(New),
    /// Its rows are not taken.
    Refused(Why, String),
}

/// Whether what a file says of a series is longer than any that is taken, and is not kept in memory.
fn is_long(of: &Of) -> bool {
    let Some(named) = &of.named else {
        return false;
    };
    let device = match &named.device {
        Whose::Name(name) => name.len(),
        Whose::Id(_) | Whose::Unsaid => 0,
    };
    named.metric.len() + device > NAMES_KEPT_MAX || bad_labels(&named.labels).is_some()
}

/// A series that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its id.
    pub id: SeriesId,
    /// Whose.
    pub device_id: DeviceId,
    /// Its column.
    pub column: Column,
    /// How its values behave.
    pub kind: Kind,
}

/// A series to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct New {
    device_id: DeviceId,
    metric: Measured,
    labels: Labels,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Measured {
    Known(Metric),
    ToBe(NewMetric),
}

impl New {
    fn kind(&self) -> Kind {
        match &self.metric {
            Measured::Known(metric) => metric.kind(),
            Measured::ToBe(new) => new.kind,
        }
    }
}

impl Target {
    /// How its values behave; none where it is refused.
    pub fn kind(&self) -> Option<Kind> {
        match self {
            Self::Known(found) => Some(found.kind),
            Self::New(new) => Some(new.kind()),
            Self::Refused(..) => None,
        }
    }

    /// Whose it is; none where it is refused.
    pub fn device_id(&self) -> Option<DeviceId> {
        match self {
            Self::Known(found) => Some(found.device_id),
            Self::New(new) => Some(new.device_id),
            Self::Refused(..) => None,
        }
    }
}

/// Finds the series of rows, each once.
pub struct Finder {
    ground: Ground,
    defaults: Defaults,
    by_name: HashMap<String, Vec<DeviceId>>,
    number_of: HashMap<Arc<Of>, u32>,
    targets: Vec<Target>,
    /// Those of the targets that are refused.
    refused: usize,
    last: Option<(Arc<Of>, u32)>,
    /// Values of labels that new series bring, by the label's name.
    brought: HashMap<String, HashSet<String>>,
}

impl Finder {
    /// Looks at the devices that there are now.
    pub fn new(ground: Ground, defaults: Defaults) -> Self {
        let mut by_name: HashMap<String, Vec<DeviceId>> = HashMap::new();
        for record in ground.inventory.devices() {
            let device = &record.device.body;
            by_name.entry(device.name()).or_default().push(device.id);
        }
        Self {
            ground,
            defaults,
            by_name,
            number_of: HashMap::new(),
            targets: Vec::new(),
            refused: 0,
            last: None,
            brought: HashMap::new(),
        }
    }

    /// The number of a row's series, given to it where it is new. Why the row is not taken where its
    /// series is not, or there are [`SERIES_PER_FILE_MAX`] already.
    pub fn number(&mut self, of: &Arc<Of>) -> Result<u32, (Why, String)> {
        let last = self.last.as_ref();
        let last = last.filter(|(last, _)| Arc::ptr_eq(last, of));
        let known = last.map(|(_, number)| *number);
        let number = match known.or_else(|| self.number_of.get(of).copied()) {
            Some(number) => number,
            None => self.new_number(of)?,
        };
        self.last = Some((Arc::clone(of), number));
        match self.target(number) {
            Some(Target::Refused(why, detail)) => Err((*why, detail.clone())),
            _ => Ok(number),
        }
    }

    fn new_number(&mut self, of: &Arc<Of>) -> Result<u32, (Why, String)> {
        let too_many = || {
            let detail = format!("a file has at most {SERIES_PER_FILE_MAX} series");
            (Why::TooManySeries, detail)
        };
        let number = u32::try_from(self.targets.len()).map_err(|_| too_many())?;
        let target = match self.look(of) {
            Err(refused) if self.refused >= REFUSED_KEPT_MAX || is_long(of) => {
                return Err(refused);
            }
            Err((why, detail)) => {
                self.refused += 1;
                Target::Refused(why, detail)
            }
            Ok(_) if self.targets.len() - self.refused >= SERIES_PER_FILE_MAX => {
                return Err(too_many());
            }
            Ok(target) => target,
        };
        self.targets.push(target);
        self.number_of.insert(Arc::clone(of), number);
        Ok(number)
    }

    /// The series of a number.
    pub fn target(&self, number: u32) -> Option<&Target> {
        self.targets.get(number as usize)
    }

    /// All series that were met.
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// How many of them are not there yet.
    pub fn new_series(&self) -> usize {
        let is_new = |target: &&Target| matches!(target, Target::New(_));
        self.targets.iter().filter(is_new).count()
    }

    fn look(&mut self, of: &Of) -> Result<Target, (Why, String)> {
        let by_id = of.id.and_then(|id| self.ground.series.series(id));
        if let Some(series) = by_id {
            let key = &series.key;
            return Ok(self.known(key.device_id, key.metric, &key.labels));
        }
        let Some(named) = &of.named else {
            let unnamed = || {
                let detail = "neither `series_id` nor `metric` is given";
                (Why::NoSeries, detail.to_owned())
            };
            let unknown = |id| (Why::UnknownSeries, format!("there is no series {id}"));
            return Err(of.id.map_or_else(unnamed, unknown));
        };
        let device_id = self.device(&named.device)?;
        let labels = match named.labels.get(Labels::VANTAGE) {
            Some(_) => named.labels.clone(),
            None => named.labels.clone().with(Labels::VANTAGE, LOCAL_VANTAGE),
        };
        let metric = self.metric(named)?;
        if let Measured::Known(metric) = metric {
            let known = self.known(device_id, metric, &labels);
            if matches!(known, Target::Known(_)) {
                return Ok(known);
            }
        }
        self.may_be_made(device_id, &labels)?;
        Ok(Target::New(New {
            device_id,
            metric,
            labels,
        }))
    }

    /// A series that is there; one that is not is new.
    fn known(&self, device_id: DeviceId, metric: Metric, labels: &Labels) -> Target {
        let key = [(metric, labels.clone())];
        let known = self.ground.series.known(device_id, &key);
        match known.into_iter().next().flatten() {
            Some(known) => Target::Known(Found {
                id: known.series.id,
                device_id,
                column: known.series.column,
                kind: metric.kind(),
            }),
            None => Target::New(New {
                device_id,
                metric: Measured::Known(metric),
                labels: labels.clone(),
            }),
        }
    }

    fn device(&self, whose: &Whose) -> Result<DeviceId, (Why, String)> {
        match whose {
            Whose::Unsaid => Ok(self.defaults.device_id.unwrap_or(NETWORK)),
            Whose::Id(id) if *id == NETWORK || self.ground.inventory.device(*id).is_some() => {
                Ok(*id)
            }
            Whose::Id(id) => Err((Why::UnknownDevice, format!("there is no device {id}"))),
            Whose::Name(name) => {
                let shown = short(name);
                match self.by_name.get(name).map(Vec::as_slice) {
                    Some([id]) => Ok(*id),
                    Some(ids) => {
                        let count = ids.len();
                        let detail =
                            format!("{count} devices are called `{shown}`; give `device_id`");
                        Err((Why::AmbiguousDevice, detail))
                    }
                    None => {
                        let detail = format!("no device is called `{shown}`");
                        Err((Why::UnknownDevice, detail))
                    }
                }
            }
        }
    }

    fn metric(&self, named: &Named) -> Result<Measured, (Why, String)> {
        let either = std::iter::once(&named.metric).chain(&named.or_metric);
        let known: Vec<Metric> = either.filter_map(|name| Metric::named(name).ok()).collect();
        // Where two may be meant it is a sample of a counter.
        let counter = known.iter().find(|metric| metric.kind() == Kind::Counter);
        if let Some(metric) = counter.or(known.first()) {
            return Ok(Measured::Known(*metric));
        }
        let shown = short(&named.metric);
        let said = named
            .said
            .as_deref()
            .filter(|_| self.defaults.create_metrics);
        let Some(Said { kind, unit, help }) = said else {
            return Err((Why::UnknownMetric, format!("no metric is named `{shown}`")));
        };
        let new = NewMetric {
            name: named.metric.clone(),
            unit: match unit.as_str() {
                "" => "count".to_owned(),
                unit => unit.to_owned(),
            },
            kind: *kind,
            help: help
                .chars()
                .take(model::metric::own::HELP_LEN_MAX)
                .collect(),
        };
        match new.check() {
            Ok(()) => Ok(Measured::ToBe(new)),
            Err(error) => Err((Why::MetricRefused, format!("`{shown}`: {error}"))),
        }
    }

    /// Whether a series with these labels may be made.
    fn may_be_made(&mut self, device_id: DeviceId, labels: &Labels) -> Result<(), (Why, String)> {
        if let Some(detail) = bad_labels(labels) {
            return Err((Why::BadLabels, detail));
        }
        if let Some(text) = labels.get(Labels::INTERFACE_ID) {
            let interface = labels.interface_id();
            let interface = interface.and_then(|id| self.ground.inventory.interface(id));
            if interface.is_none_or(|interface| interface.device_id != device_id) {
                let detail = format!("the device has no interface {}", short(text));
                return Err((Why::UnknownInterface, detail));
            }
        }
        let over = self.ground.series.label_over_bound(labels);
        let over = over.map(str::to_owned).or_else(|| self.bring(labels));
        match over {
            None => Ok(()),
            Some(name) => {
                let shown = short(&name);
                let detail = format!("`{shown}` has {LABEL_VALUES_MAX} values already");
                Err((Why::LabelBound, detail))
            }
        }
    }

    /// Notes the values that a new series brings; answers the first label that would have too many of
    /// this file alone.
    fn bring(&mut self, labels: &Labels) -> Option<String> {
        for (name, value) in &labels.0 {
            if name == Labels::INTERFACE_ID || name == Labels::INTERFACE {
                continue;
            }
            let values = self.brought.entry(name.clone()).or_default();
            if !values.contains(value) {
                if values.len() >= LABEL_VALUES_MAX {
                    return Some(name.clone());
                }
                values.insert(value.clone());
            }
        }
        None
    }

    /// Makes all metrics and series that are new; those that cannot be made are refused from then on.
    pub async fn make(&mut self, progress: &Progress) -> Result<(), Stopped> {
        self.make_metrics().await;
        let mut by_device: BTreeMap<DeviceId, Vec<usize>> = BTreeMap::new();
        for (place, target) in self.targets.iter().enumerate() {
            if let Target::New(new) = target {
                by_device.entry(new.device_id).or_default().push(place);
            }
        }
        for (device_id, places) in by_device {
            progress.go_on()?;
            self.make_of(device_id, &places).await;
        }
        Ok(())
    }

    async fn make_metrics(&mut self) {
        let mut made: HashMap<String, Result<Metric, String>> = HashMap::new();
        for place in 0..self.targets.len() {
            let new = match self.targets.get(place) {
                Some(Target::New(New {
                    metric: Measured::ToBe(new),
                    ..
                })) => new.clone(),
                _ => continue,
            };
            let name = new.name.clone();
            if !made.contains_key(&name) {
                let done = self.ground.metrics.create(new, &self.ground.series).await;
                // Somebody else may have made it meanwhile.
                let metric = match (done, Metric::named(&name)) {
                    (_, Ok(metric)) => Ok(metric),
                    (Err(error), _) => Err(error.to_string()),
                    (Ok(_), Err(error)) => Err(error.to_string()),
                };
                made.insert(name.clone(), metric);
            }
            let (Some(metric), Some(target)) = (made.get(&name), self.targets.get_mut(place))
            else {
                continue;
            };
            match (metric, &mut *target) {
                (Ok(metric), Target::New(new)) => new.metric = Measured::Known(*metric),
                (Err(error), _) => {
                    *target = Target::Refused(Why::MetricRefused, format!("`{name}`: {error}"));
                }
                _ => {}
            }
        }
    }

    async fn make_of(&mut self, device_id: DeviceId, places: &[usize]) {
        let room = SERIES_PER_DEVICE_MAX.saturating_sub(self.ground.series.count_of(device_id));
        let keys: Vec<(usize, (Metric, Labels))> = places
            .iter()
            .filter_map(|place| match self.targets.get(*place) {
                Some(Target::New(New {
                    metric: Measured::Known(metric),
                    labels,
                    ..
                })) => Some((*place, (*metric, labels.clone()))),
                _ => None,
            })
            .collect();
        let (fit, beyond) = keys.split_at_checked(room).unwrap_or((&keys, &[]));
        let asked: Vec<_> = fit.iter().map(|(_, key)| key.clone()).collect();
        let resolved = self.ground.series.resolve(device_id, asked).await;
        let mut settle = |place: usize, settled: Target| {
            if let Some(target) = self.targets.get_mut(place) {
                *target = settled;
            }
        };
        match resolved {
            Ok(resolved) => {
                for ((place, (metric, _)), series) in fit.iter().zip(resolved) {
                    let found = Found {
                        id: series.id,
                        device_id,
                        column: series.column,
                        kind: metric.kind(),
                    };
                    settle(*place, Target::Known(found));
                }
            }
            Err(error) => {
                for (place, _) in fit {
                    settle(*place, Target::Refused(Why::NotTaken, error.to_string()));
                }
            }
        }
        for (place, _) in beyond {
            let detail = format!("{device_id} has {SERIES_PER_DEVICE_MAX} series already");
            settle(*place, Target::Refused(Why::SeriesBound, detail));
        }
        if !beyond.is_empty() {
            let had = self.ground.series.count_of(device_id);
            let asked = had.saturating_add(beyond.len());
            self.ground.series.tell_bound(device_id, asked);
        }
    }
}
