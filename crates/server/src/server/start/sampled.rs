//! Showing what is measured of the parts.

use super::Base;
use crate::logs::LogCounts;
use crate::metrics::{self, Sampled};
use crate::process::UdpDropped;
use crate::server::options;
use crate::threads::Places;
use crate::wire::Gauge;
use collect::Poller;
use collect::syslog::Syslog;
use prometheus_client::registry::Registry;
use snmp::Transport;
use std::sync::Arc;

impl Base<'_> {
    /// Has `/metrics` ask the parts when somebody looks.
    pub(super) fn show_metrics(
        &self,
        registry: &mut Registry,
        (gauges, syslog, logs): (Vec<Gauge>, Syslog, LogCounts),
        poller: &Arc<Poller>,
        transport: Transport,
        places: &Places,
    ) {
        let named = options::udp_listeners(self.settings).chain(transport.addresses());
        let sampled = Sampled {
            gauges,
            udp_dropped: UdpDropped::new(named.collect()),
            poller: Arc::downgrade(poller),
            store: self.store.clone(),
            series: self.series.clone(),
            transport,
            ended: places.ended.clone(),
            syslog,
            logs,
        };
        metrics::register(registry, sampled);
    }
}
