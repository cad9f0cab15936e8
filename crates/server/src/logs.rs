//! Lines of logs: from the listeners, with the device that sent them, into the event store.

use crate::allowance::{Allowance, Taken, Verdict};
use crate::config::SyslogSettings;
use crate::own_line::{OTHERS, own_line};
use crate::senders::Senders;
use crate::wire::Receiver;
use collect::syslog::source::Dropped;
use collect::syslog::{Received, Syslog, Tls, TlsFiles};
use model::{Clock, EventRecord};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use store::events::{BATCH_MAX, EventStore};
use tokio::time::{Instant, MissedTickBehavior, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// How long lines wait for others with which they share a sync of the disk: nobody notices it.
const GATHER: Duration = Duration::from_millis(100);
/// How often it is told whose lines were dropped.
const TELL_INTERVAL: Duration = Duration::from_mins(1);
/// Senders of which it is told in their own log at a time.
const TOLD_MAX: usize = 100;
/// How long the last lines are waited for when the server stops.
const LAST_WAIT: Duration = Duration::from_millis(200);

/// What became of lines. Cheap to clone.
#[derive(Clone, Default)]
pub struct LogCounts {
    not_kept: Arc<AtomicU64>,
    without_device: Arc<AtomicU64>,
}

impl LogCounts {
    /// Lines that could not be written.
    pub fn not_kept(&self) -> u64 {
        self.not_kept.load(Ordering::Relaxed)
    }
    /// Lines of senders that are no device's address.
    pub fn without_device(&self) -> u64 {
        self.without_device.load(Ordering::Relaxed)
    }
}

/// What lines are kept with.
pub struct Context {
    /// Whose an address is.
    pub senders: Senders,
    /// What of each sender is kept.
    pub allowance: Allowance,
    /// Where they are kept.
    pub events: EventStore,
    /// The listeners, which know what they dropped.
    pub syslog: Syslog,
    /// The present time.
    pub clock: Clock,
    /// Cancelled when the server stops.
    pub stop: CancellationToken,
    /// What is counted.
    pub counts: LogCounts,
}

/// Opens the listeners of the settings; answers those that cannot be, each in words. The others work.
pub fn listen(syslog: &Syslog, settings: &SyslogSettings) -> Vec<String> {
    let mut refusals = Vec::new();
    let mut told = |how: &str, address: &str, opened: Result<SocketAddr, String>| match opened {
        Ok(bound) => info!("receiving logs over {how} on {bound}"),
        Err(error) => refusals.push(format!("no logs over {how} on {address}: {error}")),
    };
    for text in &settings.listen_udp {
        let opened = address(text).and_then(|address| {
            let bound = syslog.listen_udp(address);
            bound.map_err(|error| hint(address, &error))
        });
        told("UDP", text, opened);
    }
    let tls = tls(settings);
    let over_tcp = settings
        .listen_tcp
        .iter()
        .map(|text| ("TCP", text, Ok(None)));
    let over_tls = settings
        .listen_tls
        .iter()
        .map(|text| ("TLS", text, tls.clone()));
    for (how, text, tls) in over_tcp.chain(over_tls) {
        let opened = tls.and_then(|tls| {
            let address = address(text)?;
            let bound = syslog.listen_tcp(address, tls);
            bound.map_err(|error| hint(address, &error))
        });
        told(how, text, opened);
    }
    refusals
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| "it is no address and port".to_owned())
}

fn hint(address: SocketAddr, error: &std::io::Error) -> String {
    if error.kind() == std::io::ErrorKind::PermissionDenied && address.port() < 1_024 {
        return format!("{error}; a port below 1024 needs the capability CAP_NET_BIND_SERVICE");
    }
    error.to_string()
}

fn tls(settings: &SyslogSettings) -> Result<Option<Arc<Tls>>, String> {
    if settings.listen_tls.is_empty() {
        return Ok(None);
    }
    let authorities = &settings.client_authority_file;
    let files = TlsFiles {
        certificate: settings.certificate_file.clone(),
        key: settings.key_file.clone(),
        authorities: (!authorities.as_os_str().is_empty()).then(|| authorities.clone()),
    };
    let tls = Tls::read(files).map_err(|error| crate::chain(&error))?;
    Ok(Some(Arc::new(tls)))
}

/// Keeps lines until the server stops, and those that it has by then.
pub async fn run(context: Context, mut lines: Receiver<Vec<Received>>) {
    let mut ticks = tokio::time::interval(TELL_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failing = false;
    loop {
        let first = tokio::select! {
            () = context.stop.cancelled() => break,
            _ = ticks.tick() => {
                let told = Lot { events: context.dropped(), taken: Vec::new() };
                context.keep(told, &mut failing).await;
                continue;
            }
            first = lines.recv() => first,
        };
        let Some(first) = first else { return };
        let gathered = gather(first, &mut lines).await;
        context
            .keep(context.events_of(gathered), &mut failing)
            .await;
    }
    while let Ok(Some(last)) = timeout(LAST_WAIT, lines.recv()).await {
        context.keep(context.events_of(last), &mut failing).await;
    }
}

/// Lines and those that come soon after.
async fn gather(mut first: Vec<Received>, lines: &mut Receiver<Vec<Received>>) -> Vec<Received> {
    let until = Instant::now() + GATHER;
    while first.len() < BATCH_MAX {
        match timeout_at(until, lines.recv()).await {
            Ok(Some(more)) => first.extend(more),
            _ => break,
        }
    }
    first
}

/// What is to be kept, and what of it was taken from the senders' allowances.
#[derive(Default)]
struct Lot {
    events: Vec<EventRecord>,
    taken: Vec<Taken>,
}

impl Context {
    fn events_of(&self, lines: Vec<Received>) -> Lot {
        let senders = self.senders.snapshot();
        let (mut strangers, mut lot) = (0, Lot::default());
        for received in lines {
            let host = received.parsed.line.host.as_deref();
            let device_id = senders.at(received.source, host);
            strangers += u64::from(device_id.is_none());
            let event = received.into_event(device_id);
            match self.allowance.take(&event) {
                Verdict::Kept(taken) => {
                    lot.taken.push(taken);
                    lot.events.push(event);
                }
                Verdict::First(told) => lot.events.push(*told),
                Verdict::Over => {}
            }
        }
        self.counts
            .without_device
            .fetch_add(strangers, Ordering::Relaxed);
        lot
    }

    /// Says in the log of each sender, and once in ours, whose lines were dropped.
    fn dropped(&self) -> Vec<EventRecord> {
        let dropped = self.syslog.dropped();
        let Some(most) = dropped.first() else {
            return Vec::new();
        };
        let who = most
            .source
            .map_or("others".to_owned(), |source| source.to_string());
        let lines: u64 = dropped.iter().map(|dropped| dropped.lines).sum();
        warn!(senders = dropped.len(), lines, most = %who,
            "lines of logs were dropped: more of one sender than syslog.source_lines_per_sec_max");
        let (at, senders) = (self.clock.now(), self.senders.snapshot());
        let told = dropped
            .iter()
            .take(TOLD_MAX)
            .map(|Dropped { source, lines }| {
                let source = source.unwrap_or(OTHERS);
                let text = format!(
                    "foretell: {lines} lines of this sender were dropped in the last minute, \
                     more than syslog.source_lines_per_sec_max"
                );
                own_line(at, source, senders.at(source, None), text)
            });
        told.collect()
    }

    async fn keep(&self, Lot { events, taken }: Lot, failing: &mut bool) {
        let count = events.len() as u64;
        if count == 0 {
            return;
        }
        let kept = self.events.append(events).await;
        let lost = match &kept {
            Ok(done) => done.refused,
            Err(_) => count,
        };
        self.allowance.give_back(&taken, lost);
        self.counts.not_kept.fetch_add(lost, Ordering::Relaxed);
        if let (Err(error), false) = (&kept, *failing) {
            warn!(error = %crate::chain(error), "lines of logs are not kept");
        }
        *failing = kept.is_err();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect::syslog::{SyslogOptions, parse};
    use model::Timestamp;
    use model::log_line::LogTransport;
    use prometheus_client::registry::Registry;
    use std::net::UdpSocket;
    use std::path::Path;
    use store::{Store, StoreOptions};
    use tokio_util::task::TaskTracker;

    /// One line a second is taken of a sender, and so many octets are kept a day.
    async fn context(
        folder: &Path,
        octets_max: u64,
    ) -> (Context, tokio::sync::mpsc::Receiver<Vec<Received>>) {
        let clock = Clock::new(|| Timestamp::from_unix_ms(1_800_000_000_000));
        let opened = Store::open(StoreOptions::new(folder), clock.clone()).await;
        let store = opened.unwrap().0;
        let stop = CancellationToken::new();
        let options = SyslogOptions {
            source_per_sec_max: 1,
            idle_max: Duration::from_secs(10),
        };
        let (lines_in, lines) = tokio::sync::mpsc::channel(4);
        let tasks = TaskTracker::new();
        let syslog = Syslog::new(options, clock.clone(), lines_in, stop.clone(), tasks);
        let context = Context {
            senders: Senders::new(store.inventory.clone(), clock.clone()),
            events: store.events.clone(),
            syslog,
            allowance: Allowance::register(octets_max, &mut Registry::default()),
            clock,
            stop,
            counts: LogCounts::default(),
        };
        (context, lines)
    }

    #[tokio::test]
    async fn a_sender_that_had_enough_kept_today_is_told_so_once_in_its_own_log() {
        let folder = tempfile::tempdir().unwrap();
        let (context, _lines) = context(folder.path(), 1_000).await;
        let at = context.clock.now();
        let lines = |host: u8, count: usize| {
            let line = Received {
                at,
                source: [192, 0, 2, host].into(),
                parsed: parse(b"<13>a: b", LogTransport::Udp, at),
            };
            vec![line; count]
        };
        let kept = context.events_of(lines(1, 50)).events;
        let (last, before) = kept.split_last().unwrap();
        let over = "foretell: further lines of this sender are dropped until 0:00 UTC, \
            more than events.sender_bytes_per_day_max";
        assert!(before.len() < 10, "{}", before.len());
        assert!(before.iter().all(|event| event.text == "a: b"), "{kept:?}");
        assert_eq!(
            (last.text.as_str(), last.source),
            (over, [192, 0, 2, 1].into())
        );
        assert_eq!(context.events_of(lines(1, 50)).events, []);
        assert_eq!(context.events_of(lines(2, 3)).events.len(), 3);
    }

    #[tokio::test]
    async fn lines_that_could_not_be_written_leave_their_sender_as_much_as_before() {
        let folder = tempfile::tempdir().unwrap();
        let (context, _lines) = context(folder.path(), 1_000).await;
        context.events.close().await;
        let mut failing = false;
        for _ in 0..20 {
            let at = context.clock.now();
            let line = Received {
                at,
                source: [192, 0, 2, 1].into(),
                parsed: parse(b"<13>a: b", LogTransport::Udp, at),
            };
            let lot = context.events_of(vec![line]);
            assert_eq!(lot.taken.len(), 1);
            context.keep(lot, &mut failing).await;
            assert!(failing);
        }
    }

    #[tokio::test]
    async fn a_sender_whose_lines_were_dropped_is_told_so_in_its_own_log() {
        let folder = tempfile::tempdir().unwrap();
        let (context, mut lines) = context(folder.path(), u64::MAX).await;
        let syslog = &context.syslog;
        let address = syslog.listen_udp("127.0.0.1:0".parse().unwrap()).unwrap();
        assert_eq!(context.dropped(), []);
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..50 {
            sender.send_to(b"<13>a: b", address).unwrap();
        }
        let mut taken = 0;
        while taken == 0 {
            taken += lines.recv().await.unwrap().len();
        }
        while syslog.stats().received[0] < 50 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let told = context.dropped();
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].source, sender.local_addr().unwrap().ip());
        assert!(
            told[0].text.contains(" lines of this sender were dropped"),
            "{told:?}"
        );
        assert_eq!(context.dropped(), []);
        context.stop.cancel();
    }
}
