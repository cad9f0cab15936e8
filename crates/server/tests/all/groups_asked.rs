//! What an agent is asked for aggregates and default routes, and what a table without end costs.

use collect::snmp::{Dialect, Groups, Look, read};
use model::Clock;
use sim::agent::{Access, Agent, ServeOptions, Server, Shown, serve};
use sim::{Mib, Value};
use snmp::{Credentials, Session, SessionOptions, Transport};
use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

const COMMUNITY: &str = "public";
/// dot3adAggPortAttachedAggID
const ATTACHED: &[u32] = &[1, 2, 840, 10006, 300, 43, 1, 2, 1, 1, 13];
/// ifStackTable
const STACK: &[u32] = &[1, 3, 6, 1, 2, 1, 31, 1, 2];
/// inetCidrRouteTable, ipCidrRouteTable, ipRouteTable
const INET_ROUTES: &[u32] = &[1, 3, 6, 1, 2, 1, 4, 24, 7];
const CIDR_ROUTES: &[u32] = &[1, 3, 6, 1, 2, 1, 4, 24, 4];
const OLD_ROUTES: &[u32] = &[1, 3, 6, 1, 2, 1, 4, 21];

/// Object instances, and how often those of some tables were asked for.
struct Rows {
    rows: BTreeMap<Vec<u32>, Value<'static>>,
    asked: Vec<(&'static [u32], AtomicUsize)>,
}

impl Rows {
    fn count(&self, oid: &[u32]) {
        for (table, count) in &self.asked {
            if oid.starts_with(table) {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// Shared with the agent that answers of it.
struct Watched(Arc<Rows>);

impl Mib for Watched {
    fn get(&self, oid: &[u32]) -> Option<Value<'_>> {
        self.0.rows.get(oid).cloned()
    }

    fn walk(&self, oid: &[u32], visit: &mut dyn FnMut(&[u32], Value<'_>) -> ControlFlow<()>) {
        self.0.count(oid);
        let after = (Bound::Excluded(oid.to_vec()), Bound::Unbounded);
        for (name, value) in self.0.rows.range(after) {
            if visit(name, value.clone()).is_break() {
                return;
            }
        }
    }
}

/// An agent with the system group and four interfaces, of which the last is an aggregate, and more.
struct Device {
    rows: Arc<Rows>,
    server: Server,
}

fn cell(table: &[u32], rest: &[u32], value: i32) -> (Vec<u32>, Value<'static>) {
    ([table, rest].concat(), Value::Integer(value))
}

fn text(of: &str) -> Value<'static> {
    Value::OctetString(of.as_bytes().to_vec().into())
}

impl Device {
    fn start(more: impl IntoIterator<Item = (Vec<u32>, Value<'static>)>) -> Self {
        let mut rows = BTreeMap::from([
            (vec![1, 3, 6, 1, 2, 1, 1, 1, 0], text("a switch")),
            (vec![1, 3, 6, 1, 2, 1, 1, 3, 0], Value::TimeTicks(900_000)),
            (vec![1, 3, 6, 1, 2, 1, 1, 5, 0], text("sw")),
        ]);
        for index in 1..=4_u32 {
            let entry = [1, 3, 6, 1, 2, 1, 2, 2, 1];
            let kind = if index == 4 { 161 } else { 6 };
            rows.extend([
                cell(&entry, &[1, index], index.cast_signed()),
                cell(&entry, &[3, index], kind),
                cell(&entry, &[8, index], 1),
            ]);
            let name = text(&format!("if{index}"));
            rows.insert([&entry[..], &[2, index]].concat(), name.clone());
            rows.insert(vec![1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 1, index], name);
            let octets = vec![1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 6, index];
            rows.insert(octets, Value::Counter64(7));
        }
        rows.extend(more);
        let asked = [ATTACHED, STACK, INET_ROUTES, CIDR_ROUTES, OLD_ROUTES];
        let rows = Arc::new(Rows {
            rows,
            asked: asked.map(|table| (table, AtomicUsize::new(0))).into(),
        });
        let shown = Shown::One(Arc::new(Watched(Arc::clone(&rows))));
        let access = Arc::new(Access::by_communities([COMMUNITY]));
        let address = "127.0.0.1:0".parse().unwrap();
        let agent = Arc::new(Agent::new(address, shown, access, Instant::now()));
        let server = serve(&[agent], &ServeOptions::default()).unwrap();
        Self { rows, server }
    }

    /// Reads all that there is.
    fn read(&self) -> Look {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let transport = Transport::bind().unwrap();
            let address = self.server.address(0).unwrap();
            let credentials = Credentials::v2c(COMMUNITY);
            let options = SessionOptions::default();
            let mut session = Session::open(&transport, address, &credentials, options);
            let clock = Clock::new(|| model::Timestamp::from_unix_ms(1_795_000_000_000));
            read(&mut session, &mut Dialect::default(), Groups::ALL, &clock).await
        })
    }

    fn asked(&self, table: &[u32]) -> usize {
        let mut all = self.rows.asked.iter();
        let (_, count) = all.find(|(one, _)| *one == table).unwrap();
        count.load(Ordering::Relaxed)
    }
}

/// Interfaces with the aggregate that they are members of.
fn members(look: &Look) -> Vec<(u32, u32)> {
    let rows = look.facts.interfaces.iter();
    rows.filter_map(|row| Some((row.index?, row.aggregate?)))
        .collect()
}

fn attached(port: u32, to: i32) -> (Vec<u32>, Value<'static>) {
    cell(ATTACHED, &[port], to)
}

fn stacked(higher: u32, lower: u32) -> (Vec<u32>, Value<'static>) {
    cell(STACK, &[1, 3, higher, lower], 1)
}

#[test]
fn the_stack_is_asked_for_only_where_no_port_says_that_it_is_attached() {
    let told = Device::start([attached(1, 4), attached(2, 4), stacked(4, 3)]);
    let look = told.read();
    assert_eq!(members(&look), [(1, 4), (2, 4)]);
    assert_eq!((told.asked(ATTACHED) > 0, told.asked(STACK)), (true, 0));

    let untold = Device::start([stacked(0, 4), stacked(4, 2), stacked(4, 3), stacked(2, 0)]);
    let look = untold.read();
    assert_eq!(members(&look), [(2, 4), (3, 4)]);
    assert!(untold.asked(STACK) > 0);
    assert_eq!((look.complete, look.unheard), (look.asked, Groups::NONE));
}

/// A default route in a table: cells by their column, under what names the row.
fn route(table: &[u32], row: &[u32], cells: &[(u32, i32)]) -> Vec<(Vec<u32>, Value<'static>)> {
    let cells = cells.iter();
    cells
        .map(|(column, value)| cell(table, &[&[1, *column], row].concat(), *value))
        .collect()
}

#[test]
fn older_tables_of_routes_are_asked_for_only_where_newer_ones_have_no_default_route() {
    let inet = route(
        INET_ROUTES,
        &[1, 4, 0, 0, 0, 0, 0, 2, 0, 0, 1, 4, 192, 0, 2, 1],
        &[(7, 1), (8, 4), (9, 13), (12, 20)],
    );
    let mut old = route(OLD_ROUTES, &[0, 0, 0, 0], &[(2, 2), (3, 5), (8, 4), (9, 3)]);
    let next_hop = [OLD_ROUTES, &[1, 7, 0, 0, 0, 0]].concat();
    old.push((next_hop, Value::IpAddress([192, 0, 2, 9])));
    let hop = |look: &Look| {
        let [route] = &look.facts.default_routes[..] else {
            panic!("{:?}", look.facts.default_routes);
        };
        (
            route.next_hop.unwrap().to_string(),
            route.interface.clone().unwrap(),
            route.metric,
        )
    };
    let newer = Device::start(inet.into_iter().chain(old.clone()));
    let look = newer.read();
    assert_eq!(
        hop(&look),
        ("192.0.2.1".to_owned(), "if1".to_owned(), Some(20))
    );
    assert_eq!((newer.asked(CIDR_ROUTES), newer.asked(OLD_ROUTES)), (0, 0));

    let older = Device::start(old);
    let look = older.read();
    assert_eq!(
        hop(&look),
        ("192.0.2.9".to_owned(), "if2".to_owned(), Some(5))
    );
    assert!(older.asked(INET_ROUTES) > 0 && older.asked(CIDR_ROUTES) > 0);
    assert_eq!((look.complete, look.unheard), (look.asked, Groups::NONE));
}

#[test]
fn a_table_of_members_beyond_its_bound_costs_nothing_but_itself() {
    let bound = u32::try_from(snmp::WalkBounds::default().rows).unwrap();
    let many = (1..=bound + 100).map(|port| attached(port, 4));
    let routes = route(
        INET_ROUTES,
        &[1, 4, 0, 0, 0, 0, 0, 2, 0, 0, 1, 4, 192, 0, 2, 1],
        &[(7, 1), (8, 4), (12, 20)],
    );
    let device = Device::start(many.chain(routes));
    let look = device.read();
    assert_eq!(look.complete, look.asked, "{:?}", look.defects);
    assert_eq!(look.unheard, Groups::INTERFACES);
    assert!(look.error.is_none(), "{:?}", look.error);
    assert_eq!(look.facts.interfaces.len(), 4);
    assert_eq!(look.facts.default_routes.len(), 1);
}
