//! What is asked for last: tables that many agents lack, are slow with or choke on. How such a walk
//! ends says nothing of whether a group was read to its end, nor of whether the agent is there.

use super::{
    Groups, Reach, Rows, aggregate, bridge, bridge_ports, default_route, is_silence, q_bridge,
};
use ::snmp::{Defects, Oid, Session, WalkBounds};
use tokio::time::Instant;

/// The groups of which something is asked so.
pub(super) const GROUPS: Groups = Groups::INTERFACES.or(Groups::ROUTING).or(Groups::VLANS);

struct Walk<'a> {
    session: &'a mut Session,
    rows: &'a mut Rows,
    reach: Reach,
    unheard: Groups,
    defects: Defects,
    is_silent: bool,
}

/// Walks what is asked so of the groups that are wanted, in half of the time that is left. The groups
/// of which it was not heard to its end, and what was wrong with the answers.
pub(super) async fn walk(
    session: &mut Session,
    wanted: Groups,
    reach: Reach,
    rows: &mut Rows,
) -> (Groups, Defects) {
    let now = Instant::now();
    let left = reach.until.saturating_duration_since(now);
    let mut walk = Walk {
        session,
        rows,
        reach: Reach {
            until: now + left / 2,
            ..reach
        },
        unheard: Groups::NONE,
        defects: Defects::default(),
        is_silent: false,
    };
    if wanted.contains(Groups::INTERFACES) {
        walk.columns(Groups::INTERFACES, &[aggregate::ATTACHED_AGG_ID])
            .await;
        if aggregate::lacks_members(walk.rows) {
            walk.columns(Groups::INTERFACES, aggregate::STACKED).await;
        }
    }
    if wanted.contains(Groups::ROUTING) {
        for first in default_route::STEPS {
            if default_route::has_v4(walk.rows) {
                break;
            }
            walk.columns(Groups::ROUTING, first).await;
            let rest: Vec<&[u32]> = default_route::MIB
                .asks
                .iter()
                .filter(|ask| {
                    ask.where_any
                        .is_some_and(|column| first.contains(&column) && walk.rows.has(column))
                })
                .map(|ask| ask.root)
                .collect();
            walk.columns(Groups::ROUTING, &rest).await;
        }
    }
    if wanted.contains(Groups::VLANS) {
        walk.bridge().await;
    }
    (walk.unheard, walk.defects)
}

impl Walk<'_> {
    /// Which interfaces are ports of a bridge, and of which VLANs. Lists of ports are long.
    async fn bridge(&mut self) {
        let interfaces = bridge::DOT1D_BASE_PORT_IF_INDEX;
        if !self.rows.has(interfaces) {
            self.columns(Groups::VLANS, &[interfaces]).await;
        }
        // Of a table that was cut the lists below cannot be told.
        if !self.rows.has(interfaces) || self.unheard.contains(Groups::VLANS) {
            return;
        }
        let columns = [bridge_ports::COLUMNS, q_bridge::CURRENT].concat();
        self.columns(Groups::VLANS, &columns).await;
        if q_bridge::lacks_ports(self.rows) {
            self.columns(Groups::VLANS, q_bridge::STATIC).await;
        }
    }

    /// Walks columns together; of an agent that fell silent over others, none.
    async fn columns(&mut self, group: Groups, roots: &[&[u32]]) {
        if roots.is_empty() {
            return;
        }
        if self.is_silent {
            self.unheard |= group;
            return;
        }
        let oids: Vec<Oid> = roots.iter().map(|root| Oid::from_slice(root)).collect();
        let bounds = WalkBounds {
            rows: self.reach.rows,
            time: self.reach.until.saturating_duration_since(Instant::now()),
            ..WalkBounds::default()
        };
        let found = self.session.columns_aside(&oids, bounds).await;
        self.rows.extend(found.rows);
        self.defects.merge(&found.defects);
        self.is_silent = found.ends.iter().any(is_silence);
        if !found.ends.iter().all(::snmp::WalkEnd::is_complete) {
            self.unheard |= group;
        }
    }
}
