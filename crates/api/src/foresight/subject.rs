//! What a series is of, for people: its device, its interface, its labels.

use super::Ground;
use model::flow::Application;
use model::{DeviceId, InterfaceId, Labels, Metric, SeriesId};
use serde::Serialize;

/// What a series is of.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ForecastSubject)]
pub(crate) struct Subject {
    /// The series.
    pub(crate) series_id: SeriesId,
    /// What is measured.
    pub(crate) metric: Metric,
    /// Unit of the values: that of the metric, a second of counters.
    pub(crate) unit: String,
    /// Which of the metric's series it is.
    pub(crate) labels: Labels,
    /// Whose.
    pub(crate) device_id: DeviceId,
    /// What people call the device.
    pub(crate) device_name: String,
    /// The site it belongs to.
    pub(crate) site: Option<String>,
    /// Of which interface; null where it is of none.
    pub(crate) interface_id: Option<InterfaceId>,
    /// The name of the interface.
    pub(crate) interface_name: Option<String>,
    /// ifAlias: what an operator typed on the device.
    pub(crate) interface_alias: Option<String>,
    /// Of an application: what IANA calls it, as `https`.
    pub(crate) application_name: Option<String>,
}

impl Subject {
    /// That of a series; none where there is no such series any more.
    pub(crate) fn of(ground: &Ground, id: SeriesId) -> Option<Self> {
        let key = ground.series.series(id)?.key;
        let inventory = &ground.store.inventory;
        let record = inventory.device(key.device_id);
        let device = record.as_ref().map(|record| &record.device.body);
        let interface_id = key.labels.interface_id();
        let interface = interface_id.and_then(|id| inventory.interface(id));
        let application = key.labels.get(Labels::APPLICATION);
        let application = application.and_then(Application::from_key);
        let application_name = application.and_then(Application::name);
        Some(Self {
            series_id: id,
            metric: key.metric,
            unit: unit_of(key.metric),
            labels: key.labels,
            device_id: key.device_id,
            device_name: device.map(model::device::Device::name).unwrap_or_default(),
            site: device.and_then(|device| device.typed.site.clone()),
            interface_id,
            interface_name: interface.as_ref().map(|one| one.name.clone()),
            interface_alias: interface.and_then(|one| one.alias.clone()),
            application_name: application_name.map(str::to_owned),
        })
    }
}

/// Unit of what a metric's steps say.
pub(crate) fn unit_of(metric: Metric) -> String {
    match metric.kind() {
        model::metric::Kind::Counter => format!("{}/s", metric.unit()),
        model::metric::Kind::Gauge | model::metric::Kind::State => metric.unit().to_owned(),
    }
}
