//! Walks: everything under an object, with a bound on all that an agent can stretch.

mod columns;
mod table;
mod trail;

use crate::defects::Defects;
use crate::error::SessionError;
use crate::session::Session;
use crate::value::Value;
use async_snmp::Oid;
use std::time::Duration;
pub use table::{Index, Row, Table};
pub use trail::Trail;

/// How far a walk may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WalkBounds {
    /// Rows of each column.
    pub rows: usize,
    /// Octets of all values together.
    pub octets: usize,
    /// Time for the whole.
    pub time: Duration,
}

impl Default for WalkBounds {
    fn default() -> Self {
        Self {
            // A chassis with 4,000 ports and as many VLAN interfaces is the largest we know.
            rows: 20_000,
            octets: 16 * 1024 * 1024,
            time: Duration::from_mins(1),
        }
    }
}

/// Which bound a walk ran into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// [`WalkBounds::rows`]
    Rows,
    /// [`WalkBounds::octets`]
    Octets,
    /// [`WalkBounds::time`]
    Time,
}

/// How a walk ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WalkEnd {
    /// The agent has no more.
    Complete,
    /// It went on past a bound.
    Bound(Bound),
    /// A whole answer had nothing but OIDs that were met before, or that lie before the column.
    NotIncreasing,
    /// It stopped answering, or answered nonsense.
    Failed(SessionError),
}

impl WalkEnd {
    /// Whether all there is was read.
    pub fn is_complete(&self) -> bool {
        *self == Self::Complete
    }
}

/// What one walk found.
#[derive(Clone, Debug)]
pub struct Walk {
    /// Objects and values, in strictly increasing order, also where the agent has another one.
    pub rows: Vec<(Oid, Value)>,
    /// How it ended.
    pub end: WalkEnd,
    /// What was wrong with the answers.
    pub defects: Defects,
}

/// What a walk of several columns found.
#[derive(Clone, Debug)]
pub struct Columns {
    /// Objects and values of all columns, column by column in the order of their OIDs, each column's
    /// in increasing order.
    pub rows: Vec<(Oid, Value)>,
    /// How each column ended, in the order asked.
    pub ends: Vec<WalkEnd>,
    /// What was wrong with the answers.
    pub defects: Defects,
}

impl Session {
    /// Everything under an object.
    pub async fn walk(&mut self, root: &Oid, bounds: WalkBounds) -> Walk {
        let found = self.columns(std::slice::from_ref(root), bounds).await;
        Walk {
            rows: found.rows,
            end: found.ends.into_iter().next().unwrap_or(WalkEnd::Complete),
            defects: found.defects,
        }
    }

    /// The next piece of a long walk, each within bounds; the trail says where it goes on. Where it
    /// ends with [`Bound::Rows`], that is no defect of the agent's.
    pub async fn walk_on(&mut self, trail: &mut Trail, bounds: WalkBounds) -> Walk {
        let found = columns::walk_on(self, trail, bounds).await;
        Walk {
            rows: found.rows,
            end: found.ends.into_iter().next().unwrap_or(WalkEnd::Complete),
            defects: found.defects,
        }
    }

    /// Everything under several objects, asked together in as few packets as they fit. The objects
    /// may be columns of one table or of many, or whole subtrees.
    pub async fn columns(&mut self, roots: &[Oid], bounds: WalkBounds) -> Columns {
        columns::walk(self, roots, bounds).await
    }

    /// As [`Session::columns`], of tables that an agent may choke on: little is asked for at once, and
    /// how it bore these is not remembered against it.
    pub async fn columns_aside(&mut self, roots: &[Oid], bounds: WalkBounds) -> Columns {
        let sparing = self.pace.sparing();
        let pace = std::mem::replace(&mut self.pace, sparing);
        let found = self.columns(roots, bounds).await;
        self.pace = pace;
        found
    }

    /// Columns of one table, brought together by index.
    pub async fn table(&mut self, columns: &[Oid], bounds: WalkBounds) -> Table {
        let found = self.columns(columns, bounds).await;
        table::arrange(columns, found)
    }
}
