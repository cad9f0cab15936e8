//! `foretell walk`: reads what a device has, object by object, prints it as it comes, and records
//! it where asked.

mod print;

use super::probe::{no_answer, resolve};
use crate::exit::{Exit, UsageError};
use crate::{cli, complain, secrets};
use anyhow::Context as _;
use snmp::{
    Bound, Defects, Oid, Session, SessionError, SessionOptions, Trail, Transport, Value,
    WalkBounds, WalkEnd,
};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::time::Duration;
use tokio::time::Instant;

/// Objects that are read before they are printed: a second's work of a quick agent.
const PIECE_OBJECTS: usize = 2_000;
/// Octets of one piece.
const PIECE_OCTETS: usize = 8 * 1024 * 1024;
/// How often it is told how far a walk has come.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);
/// Where all objects are: standards of ISO (LLDP), and the internet.
const EVERYTHING: [&[u32]; 2] = [&[1, 0], &[1, 3]];

/// Runs it.
pub fn run(walk: &cli::Walk) -> anyhow::Result<Exit> {
    let roots = roots(&walk.oids)?;
    let tried = secrets::credentials(&walk.ask)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let agent = resolve(&walk.address).await?;
        let transport = Transport::bind().context("cannot ask devices from here")?;
        let options = SessionOptions {
            timeout: Duration::from_millis(walk.timeout_ms),
            retries: walk.retries,
        };
        let session = match super::probe::open(&transport, agent, &tried, options).await? {
            Ok(session) => session,
            Err(error) => return Ok(no_answer(&walk.address, Some(&error))),
        };
        let mut walker = Walker::begin(walk, session)?;
        walker.all(&roots).await
    })
}

/// OIDs or names of what to read.
fn roots(texts: &[String]) -> Result<Vec<Oid>, UsageError> {
    if texts.is_empty() {
        return Ok(EVERYTHING.map(Oid::from_slice).to_vec());
    }
    let root = |text: &String| {
        let name = text.rsplit("::").next().unwrap_or(text);
        let known = collect::object_names::oid(name).map(Oid::new);
        known
            .or_else(|| Oid::parse(text.trim_start_matches('.')).ok())
            .filter(|oid| oid.len() >= 2)
            .ok_or_else(|| UsageError(format!("`{text}` is no OID, nor a name that is known here")))
    };
    texts.iter().map(root).collect()
}

struct Walker<'a> {
    walk: &'a cli::Walk,
    session: Session,
    deadline: Instant,
    told: Instant,
    objects: u64,
    defects: Defects,
    record: Option<BufWriter<File>>,
}

impl<'a> Walker<'a> {
    fn begin(walk: &'a cli::Walk, session: Session) -> anyhow::Result<Self> {
        let record = walk.save.as_ref().map(|path| {
            File::create(path)
                .map(BufWriter::new)
                .with_context(|| format!("cannot write {}", path.display()))
        });
        let now = Instant::now();
        Ok(Self {
            walk,
            session,
            deadline: now + Duration::from_secs(walk.time_max_secs),
            told: now,
            objects: 0,
            defects: Defects::default(),
            record: record.transpose()?,
        })
    }

    async fn all(&mut self, roots: &[Oid]) -> anyhow::Result<Exit> {
        if self.walk.json {
            write!(std::io::stdout().lock(), "[")?;
        }
        let mut exit = Exit::Done;
        for root in roots {
            let end = self.under(root).await?;
            if let Some(ended) = early(root, &end) {
                exit = ended;
                break;
            }
        }
        let mut out = std::io::stdout().lock();
        if self.walk.json {
            writeln!(out, "\n]")?;
        }
        out.flush()?;
        if let (Some(record), Some(path)) = (&mut self.record, &self.walk.save) {
            let failed = || format!("cannot write {}", path.display());
            record.flush().with_context(failed)?;
            let (objects, path) = (self.objects, path.display());
            complain(&format!("{objects} objects are recorded in {path}"));
        }
        for (name, count) in self.defects.by_name() {
            complain(&format!("defect in its answers: {name}, {count} times"));
        }
        Ok(exit)
    }

    /// Reads all under an object; how that ended.
    async fn under(&mut self, root: &Oid) -> anyhow::Result<WalkEnd> {
        let mut trail = Trail::under(root);
        loop {
            let left = self.walk.objects_max.saturating_sub(self.objects);
            let bounds = WalkBounds {
                rows: usize::try_from(left)
                    .unwrap_or(usize::MAX)
                    .clamp(1, PIECE_OBJECTS),
                octets: PIECE_OCTETS,
                time: self.deadline.saturating_duration_since(Instant::now()),
            };
            let before = trail.last().clone();
            let piece = self.session.walk_on(&mut trail, bounds).await;
            self.defects.merge(&piece.defects);
            self.put(&piece.rows)?;
            let is_piece = matches!(piece.end, WalkEnd::Bound(Bound::Rows | Bound::Octets));
            let came_on = *trail.last() != before;
            if !came_on && before == *root && piece.end.is_complete() {
                return Ok(self.instance(root).await?.unwrap_or(piece.end));
            }
            if !is_piece || !came_on || self.objects >= self.walk.objects_max {
                return Ok(piece.end);
            }
            self.tell(trail.last());
        }
    }

    /// An object that has nothing under it may be an instance itself.
    async fn instance(&mut self, oid: &Oid) -> anyhow::Result<Option<WalkEnd>> {
        match self.session.get(std::slice::from_ref(oid)).await {
            Ok(found) => {
                self.put(&found)?;
                Ok(None)
            }
            Err(error) => Ok(Some(WalkEnd::Failed(error))),
        }
    }

    fn put(&mut self, rows: &[(Oid, Value)]) -> anyhow::Result<()> {
        let mut out = BufWriter::new(std::io::stdout().lock());
        for (oid, value) in rows {
            if self.walk.json {
                let comma = if self.objects > 0 { "," } else { "" };
                let object = print::json(oid, value, self.walk.numeric)?;
                write!(out, "{comma}\n  {object}")?;
            } else {
                writeln!(out, "{}", print::line(oid, value, self.walk.numeric))?;
            }
            self.objects += 1;
            if let (Some(record), Some(value)) = (&mut self.record, recorded(value)) {
                writeln!(record, "{}", sim::recording::write_line(oid.arcs(), &value))?;
            }
        }
        out.flush()?;
        Ok(())
    }

    fn tell(&mut self, at: &Oid) {
        if self.told.elapsed() >= PROGRESS_INTERVAL {
            self.told = Instant::now();
            let name = collect::object_names::name(at.arcs()).unwrap_or_else(|| at.to_string());
            complain(&format!("{} objects, at {name}", self.objects));
        }
    }
}

/// How the program ends where a walk did not come to its end, which is told.
fn early(root: &Oid, end: &WalkEnd) -> Option<Exit> {
    let (words, exit) = match end {
        WalkEnd::Complete => return None,
        WalkEnd::Bound(Bound::Time) => (
            "it took too long (--time-max-secs)".to_owned(),
            Exit::Failed,
        ),
        WalkEnd::Bound(_) => (
            "it has more objects (--objects-max)".to_owned(),
            Exit::Failed,
        ),
        WalkEnd::NotIncreasing => (
            "the agent answers with an object that does not come after the last".to_owned(),
            Exit::Failed,
        ),
        WalkEnd::Failed(error) => (error.to_string(), exit_of(error)),
    };
    complain(&format!("not read to the end under {root}: {words}"));
    Some(exit)
}

fn exit_of(error: &SessionError) -> Exit {
    match error {
        SessionError::Refused { .. } => Exit::Refused,
        SessionError::Io { .. } | SessionError::Agent { .. } => Exit::Failed,
        SessionError::Silent { .. } | SessionError::Malformed { .. } => Exit::NoAnswer,
    }
}

/// A value as recordings have it; none of a type that they lack.
fn recorded(value: &Value) -> Option<sim::Value<'_>> {
    Some(match value {
        Value::Integer(number) => sim::Value::Integer(i32::try_from(*number).ok()?),
        Value::Octets(octets) => sim::Value::OctetString(octets.as_ref().into()),
        Value::Oid(oid) => sim::Value::ObjectIdentifier(oid.arcs().into()),
        Value::IpAddress(address) => sim::Value::IpAddress(address.octets()),
        Value::Counter32(number) => sim::Value::Counter32(*number),
        Value::Gauge32(number) => sim::Value::Gauge32(*number),
        Value::TimeTicks(ticks) => sim::Value::TimeTicks(*ticks),
        Value::Counter64(number) => sim::Value::Counter64(*number),
        Value::Opaque(octets) => sim::Value::Opaque(octets.as_ref().into()),
        Value::Null => sim::Value::Null,
        _ => return None,
    })
}
