//! What was wrong with what an exporter sent, and what was done without.

macro_rules! defects {
    ($($(#[doc = $doc:literal])+ $name:ident,)*) => {
        /// Counts of one exporter.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Defects {
            $($(#[doc = $doc])+ pub $name: u64,)*
        }

        impl Defects {
            /// All of them by name, for metrics and answers.
            pub fn named(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name),)*]
            }

            /// Adds those of another.
            pub fn add(&mut self, other: &Self) {
                $(self.$name = self.$name.saturating_add(other.$name);)*
            }
        }
    };
}

defects! {
    /// Datagrams of no known version or too short for their header.
    unreadable,
    /// Sets, records and samples whose length leads beyond what holds them.
    lengths,
    /// Templates that cannot be: without length, with too many fields; or beyond the room that the
    /// exporter has.
    templates_bad,
    /// Templates that made room for others, for the exporter had as many as it may.
    templates_evicted,
    /// Templates that came again as another.
    templates_changed,
    /// Templates withdrawn.
    templates_withdrawn,
    /// Sets of data that no template was known for.
    sets_without_template,
    /// Datagrams dropped because the exporter sent more than it may.
    limited,
    /// Flows that went missing on the way, by the sequence numbers of NetFlow v5 and IPFIX.
    flows_lost,
    /// Datagrams that went missing, by those of NetFlow v9 and sFlow.
    datagrams_lost,
    /// Datagrams that came out of order.
    out_of_order,
    /// Sequence numbers that began anew.
    restarts,
    /// Observation domains forgotten, for the exporter had as many as it may.
    domains_evicted,
    /// Flows that ended before every window that is still open; they count in the oldest.
    late,
    /// Flows of interfaces beyond those that a window holds.
    interfaces_refused,
    /// Flows of interfaces beyond those that a window holds of one exporter.
    own_interfaces_refused,
    /// Sampling rates stated of samplers and interfaces beyond those that are kept; what they sample
    /// counts as not stated.
    rates_refused,
    /// Sampled packets that the exporter itself had to drop, the most that one of its sFlow sources
    /// tells.
    samples_dropped,
}
