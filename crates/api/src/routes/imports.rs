//! Importing an inventory: rows of another tool's become devices. What is there already stays as it
//! is, so that an import may be done again.

use crate::auth::gate::{App, Granted, permit};
use crate::body::{Body, IMPORT_LEN_MAX};
use crate::command::Command;
use crate::import::{self, Format, Read, Refused, Row, TEXT_LEN_MAX};
use crate::problem::{Answer, Kind, Problem};
use crate::routes::devices::fields;
use crate::services::Services;
use crate::store_problem::of_store;
use axum::Json;
use axum::extract::{DefaultBodyLimit, FromRequestParts};
use axum::http::request::Parts;
use futures_util::{StreamExt as _, stream};
use model::device::{Device, Identity, LOCAL_VANTAGE, Said, Typed};
use model::event::Event;
use model::{CredentialId, DeviceId};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use store::StoreError;
use tokio::sync::OwnedSemaphorePermit;

/// Devices made at a time: what waits together shares the syncs of the disk.
const AT_A_TIME: usize = 64;

/// The bound on bodies of this route.
pub(super) fn body_limit() -> DefaultBodyLimit {
    DefaultBodyLimit::max(IMPORT_LEN_MAX)
}

/// Room for one import: taken before its body is read, for that may be long.
pub(crate) struct Place(#[expect(dead_code, reason = "it is held")] OwnedSemaphorePermit);

impl FromRequestParts<App> for Place {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Answer<Self> {
        // Whoever may not import keeps nobody from it.
        let granted = Granted::<permit::WriteInventory>::from_request_parts(parts, app).await?;
        let imports = granted.state().imports.clone();
        imports
            .try_acquire_owned()
            .map(Self)
            .map_err(|_| Problem::busy("Another import is at work.", Duration::from_secs(5)))
    }
}

/// What is imported.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImportRequest {
    /// What the text is written as.
    format: Format,
    /// The inventory itself: a file of up to 16 MiB, of up to 10,000 devices.
    #[schema(example = "address,name\n192.0.2.1,core-1\n")]
    text: String,
    /// Whether it is only told what would be done.
    #[serde(default)]
    dry_run: bool,
    /// The name of the credential that rows without one are asked with.
    #[serde(default)]
    credential: Option<String>,
    /// Seconds from poll to poll of rows that do not say.
    #[serde(default)]
    #[schema(minimum = 5, maximum = 86400)]
    interval_secs: Option<u32>,
}

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ImportOutcome)]
pub(crate) enum Outcome {
    /// A device was made of it, or would be.
    Created,
    /// It is a device already, which stays as it is.
    Known,
    /// It is not taken; `detail` says why.
    Refused,
}

/// A row and what became of it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ImportedRow {
    /// The line of the text that it begins on, from 1.
    line: u64,
    /// What it is called, as far as that can be told.
    name: Option<String>,
    /// The address that it is asked at.
    #[schema(value_type = Option<String>, example = "192.0.2.1")]
    address: Option<IpAddr>,
    /// The UDP port of its agent.
    port: Option<u16>,
    /// What became of it.
    outcome: Outcome,
    /// Why, where it is not made.
    detail: Option<String>,
    /// The device; null where it is refused, and where nothing was made in a dry run.
    device_id: Option<DeviceId>,
}

/// What became of an import, row by row.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Import {
    /// Whether it was only told what would be done.
    dry_run: bool,
    /// Rows of which a device was made, or would be.
    created: u64,
    /// Rows that are devices already.
    known: u64,
    /// Rows that are not taken.
    refused: u64,
    /// The rows, in the order of the text.
    rows: Vec<ImportedRow>,
}

/// Imports an inventory: CSV, devices of NetBox or LibreNMS, hosts of Zabbix. Each row is told apart:
/// made, there already, or refused with the reason. What is there stays as it is, so that an import
/// may be sent again.
#[utoipa::path(post, path = "/imports", tag = "devices", operation_id = "import_inventory",
    request_body = ImportRequest,
    responses((status = 200, description = "What became of each row.", body = Import)))]
pub(crate) async fn create(
    granted: Granted<permit::WriteInventory>,
    place: Place,
    Body(body): Body<ImportRequest>,
) -> Answer<Json<Import>> {
    let services = granted.services();
    if body.text.len() > TEXT_LEN_MAX {
        let detail = format!("at most {TEXT_LEN_MAX} bytes are read; split the file");
        return Err(Problem::field(Kind::Invalid, "/text", detail));
    }
    if let Some(objection) = body.interval_secs.and_then(fields::objection_to_interval) {
        return Err(Problem::field(Kind::Invalid, "/interval_secs", objection));
    }
    let credentials = credentials(services).await?;
    let credential = body.credential.as_ref().map(|name| {
        let unknown =
            || Problem::field(Kind::Invalid, "/credential", "no credential has that name");
        credentials.get(name).copied().ok_or_else(unknown)
    });
    let (format, text) = (body.format, body.text);
    let read = granted
        .state()
        .blocking(move || import::read(format, &text))
        .await?
        .map_err(|error| Problem::field(Kind::Invalid, "/text", error.to_string()))?;
    let plan = Plan {
        credentials,
        credential: credential.transpose()?,
        interval_secs: body
            .interval_secs
            .unwrap_or(services.options.default_interval_secs),
        known: Known::of(services),
    };
    let dry_run = body.dry_run;
    // What was begun is done to its end, and nobody begins another meanwhile.
    let rows = services
        .to_the_end(move |services| async move {
            let _place = place;
            Ok(plan.carry_out(&services, read, dry_run).await)
        })
        .await?;
    let count = |outcome| rows.iter().filter(|row| row.outcome == outcome).count() as u64;
    let (created, known) = (count(Outcome::Created), count(Outcome::Known));
    let refused = count(Outcome::Refused);
    if !dry_run {
        tracing::info!(created, known, refused, "an inventory was imported");
    }
    Ok(Json(Import {
        dry_run,
        created,
        known,
        refused,
        rows,
    }))
}

async fn credentials(services: &Services) -> Answer<HashMap<String, CredentialId>> {
    let all = services.store.credentials.list().await.map_err(of_store)?;
    let named = all
        .into_iter()
        .map(|stored| (stored.body.name, stored.body.id));
    Ok(named.collect())
}

/// The devices that there are, by where they may be met.
#[derive(Default)]
struct Known {
    asked_at: HashMap<SocketAddr, (DeviceId, String)>,
    /// Other addresses that devices have.
    own: HashMap<IpAddr, (DeviceId, String)>,
    /// The same with the port that the device is asked at: behind another port is another agent.
    own_at: HashMap<SocketAddr, (DeviceId, String)>,
}

impl Known {
    fn of(services: &Services) -> Self {
        let mut known = Self::default();
        for record in services.store.inventory.devices() {
            known.add(&record.device.body);
        }
        known
    }

    fn add(&mut self, device: &Device) {
        let told = (device.id, device.name());
        for address in &device.identity.addresses {
            let at = SocketAddr::new(*address, device.port);
            self.own.insert(*address, told.clone());
            self.own_at.insert(at, told.clone());
        }
        self.asked_at.insert(device.socket(), told);
    }

    /// The device of an address, and of the port where one is given.
    fn find(&self, address: IpAddr, port: Option<u16>) -> Option<(DeviceId, String)> {
        let at = |port| SocketAddr::new(address, port);
        let asked_at = at(port.unwrap_or_else(fields::default_port));
        if let Some((id, name)) = self.asked_at.get(&asked_at) {
            return Some((*id, format!("{name} is asked there already")));
        }
        let (id, name) = match port {
            Some(port) => self.own_at.get(&at(port)),
            None => self.own.get(&address),
        }?;
        Some((*id, format!("it is an address of {name}")))
    }
}

struct Plan {
    credentials: HashMap<String, CredentialId>,
    credential: Option<CredentialId>,
    interval_secs: u32,
    known: Known,
}

/// A row before anything is written.
enum Planned {
    Settled(ImportedRow),
    New(ImportedRow, Box<Device>),
}

impl Plan {
    async fn carry_out(
        &self,
        services: &Services,
        read: Vec<Read>,
        dry_run: bool,
    ) -> Vec<ImportedRow> {
        let mut lines: HashMap<SocketAddr, u64> = HashMap::new();
        let planned: Vec<Planned> = read
            .into_iter()
            .map(|row| match row {
                Ok(row) => self.plan(services, row, &mut lines),
                Err(refused) => Planned::Settled(of_refused(refused)),
            })
            .collect();
        let made = planned.into_iter().map(|row| async move {
            match row {
                Planned::Settled(row) => row,
                Planned::New(row, _) if dry_run => row,
                Planned::New(row, device) => make(services, row, *device).await,
            }
        });
        stream::iter(made).buffered(AT_A_TIME).collect().await
    }

    fn plan(&self, services: &Services, row: Row, lines: &mut HashMap<SocketAddr, u64>) -> Planned {
        let at = SocketAddr::new(row.address, row.port.unwrap_or_else(fields::default_port));
        let mut told = ImportedRow {
            line: row.line,
            name: row.name.clone(),
            address: Some(at.ip()),
            port: Some(at.port()),
            outcome: Outcome::Refused,
            detail: None,
            device_id: None,
        };
        if let Some((id, detail)) = self.known.find(row.address, row.port) {
            told.outcome = Outcome::Known;
            (told.detail, told.device_id) = (Some(detail), Some(id));
            return Planned::Settled(told);
        }
        if let Some(line) = lines.get(&at) {
            told.outcome = Outcome::Known;
            told.detail = Some(format!("line {line} has the same address and port"));
            return Planned::Settled(told);
        }
        let named = row.credential.as_ref();
        let credential_id = match named.map(|name| self.credentials.get(name)) {
            Some(Some(id)) => Some(*id),
            Some(None) => {
                let name = row.credential.unwrap_or_default();
                told.detail = Some(format!("there is no credential `{name}`"));
                return Planned::Settled(told);
            }
            None if row.echo_alone => None,
            None => self.credential,
        };
        let mut device = Device {
            id: DeviceId::new(),
            address: at.ip(),
            port: at.port(),
            vantage: LOCAL_VANTAGE.to_owned(),
            typed: Typed {
                name: row.name,
                location: row.location,
                site: row.site,
                tags: row.tags,
                profile: None,
            },
            said: Said::default(),
            identity: Identity::default(),
            credential_id,
            interval_secs: row.interval_secs.unwrap_or(self.interval_secs),
            maintenance: None,
            created_at: services.clock.now(),
            conflict: None,
            replaced_at: Vec::new(),
        };
        if let Err(problem) = fields::check(&mut device) {
            let faults = problem.faults();
            let words = faults.iter().map(|fault| {
                format!(
                    "{}: {}",
                    fault.pointer.trim_start_matches('/'),
                    fault.detail
                )
            });
            told.detail = Some(words.collect::<Vec<_>>().join("; "));
            return Planned::Settled(told);
        }
        lines.insert(at, row.line);
        told.outcome = Outcome::Created;
        Planned::New(told, Box::new(device))
    }
}

fn of_refused(refused: Refused) -> ImportedRow {
    ImportedRow {
        line: refused.line,
        name: refused.name,
        address: None,
        port: None,
        outcome: Outcome::Refused,
        detail: Some(refused.reason),
        device_id: None,
    }
}

async fn make(services: &Services, mut row: ImportedRow, device: Device) -> ImportedRow {
    let id = device.id;
    match services.store.inventory.create(device).await {
        Ok(_) => row.device_id = Some(id),
        // Registered this moment by a discovery.
        Err(StoreError::Duplicate { id, .. }) => {
            row.outcome = Outcome::Known;
            row.device_id = id.parse().ok();
            row.detail = Some("it is asked there already".to_owned());
            return row;
        }
        Err(error) => {
            row.outcome = Outcome::Refused;
            row.detail = Some(format!("it could not be kept: {error}"));
            return row;
        }
    }
    let told = services
        .send(Command::DeviceChanged { device_id: id })
        .await;
    if told.is_err() {
        row.detail = Some("it is kept, and polled when the server starts again".to_owned());
    }
    services.publish(Event::DeviceChanged { device_id: id });
    row
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Timestamp;
    use std::collections::BTreeSet;

    #[test]
    fn another_port_of_an_address_that_a_device_has_is_another_agent() {
        let device = Device {
            id: DeviceId::new(),
            address: "192.0.2.1".parse().unwrap(),
            port: 1_161,
            vantage: LOCAL_VANTAGE.to_owned(),
            typed: Typed::default(),
            said: Said::default(),
            identity: Identity {
                addresses: BTreeSet::from(["198.51.100.1".parse().unwrap()]),
                ..Identity::default()
            },
            credential_id: None,
            interval_secs: 60,
            maintenance: None,
            created_at: Timestamp::default(),
            conflict: None,
            replaced_at: Vec::new(),
        };
        let mut known = Known::default();
        known.add(&device);
        for (address, port, is_known) in [
            ("192.0.2.1", Some(1_161), true),
            ("192.0.2.1", Some(161), false),
            ("198.51.100.1", None, true),
            ("198.51.100.1", Some(1_161), true),
            ("198.51.100.1", Some(161), false),
            ("203.0.113.1", None, false),
        ] {
            let found = known.find(address.parse().unwrap(), port);
            assert_eq!(found.is_some(), is_known, "{address} {port:?}");
        }
    }
}
