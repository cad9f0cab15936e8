//! Processors, memory and storage by profiles.

use super::super::decode::dotted;
use super::super::draft::Draft;
use super::super::{Groups, Rows, decode};
use super::cell::{self, first_text, passes};
use crate::profile::{Amount, Cell, Processors, Volume, VolumeAmounts};
use model::facts::VolumeFacts;

/// Memory or storage.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Memory,
    Storage,
}

impl Sort {
    fn noun(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Storage => "storage",
        }
    }
}

pub(super) fn processors(table: &Processors, rows: &Rows, draft: &mut Draft) {
    if !draft.wants(Groups::PROCESSORS)
        || (table.rows.fallback
            && (draft.cut.intersects(Groups::PROCESSORS) || !draft.facts.processors.is_empty()))
    {
        return;
    }
    for index in indexes(&table.load, rows) {
        if !passes(&table.rows.when, rows, index) {
            continue;
        }
        let Some(raw) = number(&table.load, &table.rows, rows, index) else {
            continue;
        };
        let percent = raw / table.divide;
        // 101 and above is how some say that they did not measure.
        if !(0.0..=100.0).contains(&percent) {
            continue;
        }
        let percent = if table.is_idle {
            100.0 - percent
        } else {
            percent
        };
        let name = name(&table.rows, "Processor", rows, index);
        if draft.processor(&name, index, percent) {
            draft.note_cell("processors", &table.load, index);
        }
    }
}

/// The cell whose rows are read, and the others that are needed.
pub(super) fn cells(table: &Volume) -> (&Cell, Vec<&Cell>) {
    fn of(amount: &Amount) -> Option<&Cell> {
        match amount {
            Amount::Cell(cell) => Some(cell),
            Amount::Number(_) => None,
        }
    }
    let (first, second) = match &table.amounts {
        VolumeAmounts::UsedOf { used: first, total }
        | VolumeAmounts::FreeOf { free: first, total } => (first, of(total)),
        VolumeAmounts::UsedAndFree { used, free } => (used, Some(free)),
        VolumeAmounts::PercentOf { percent, total, .. } => (percent, of(total)),
        VolumeAmounts::Percent { percent, .. } => (percent, None),
    };
    (first, second.into_iter().chain(of(&table.unit)).collect())
}

pub(super) fn volume(sort: Sort, table: &Volume, rows: &Rows, draft: &mut Draft) {
    let (group, is_empty) = match sort {
        Sort::Memory => (Groups::MEMORY, draft.facts.memory.is_empty()),
        Sort::Storage => (Groups::STORAGE, draft.facts.storage.is_empty()),
    };
    if !draft.wants(group) || (table.rows.fallback && (draft.cut.intersects(group) || !is_empty)) {
        return;
    }
    let (first, _) = cells(table);
    for index in indexes(first, rows) {
        if passes(&table.rows.when, rows, index) {
            row(sort, table, first, rows, index, draft);
        }
    }
}

fn row(sort: Sort, table: &Volume, first: &Cell, rows: &Rows, index: &[u32], draft: &mut Draft) {
    let cell = |cell: &Cell| number(cell, &table.rows, rows, index);
    let amount = |amount: &Amount| match amount {
        Amount::Number(number) => Some(*number),
        Amount::Cell(of) => cell(of),
    };
    let share = |percent: &Cell, is_free: bool| {
        let percent = cell(percent)? / table.divide;
        let percent = if is_free { 100.0 - percent } else { percent };
        (0.0..=100.0).contains(&percent).then_some(percent)
    };
    let name = name(
        &table.rows,
        if sort == Sort::Memory {
            "Memory"
        } else {
            "Storage"
        },
        rows,
        index,
    );
    let told = match &table.amounts {
        VolumeAmounts::UsedOf { used, total } => cell(used).zip(amount(total)),
        VolumeAmounts::FreeOf { free, total } => cell(free)
            .zip(amount(total))
            .map(|(free, total)| ((total - free).max(0.0), total)),
        VolumeAmounts::UsedAndFree { used, free } => cell(used)
            .zip(cell(free))
            .map(|(used, free)| (used, used + free)),
        VolumeAmounts::PercentOf {
            percent,
            is_free,
            total,
        } => {
            let share = share(percent, *is_free);
            share
                .zip(amount(total))
                .map(|(share, total)| (total * share / 100.0, total))
        }
        VolumeAmounts::Percent { percent, is_free } => {
            if let Some(percent) = share(percent, *is_free) {
                let facts = VolumeFacts {
                    name: Some(name),
                    used_percent: Some(percent),
                    ..VolumeFacts::default()
                };
                draft.note_cell(sort.noun(), first, index);
                match sort {
                    Sort::Memory => draft.facts.memory.push(facts),
                    Sort::Storage => draft.facts.storage.push(facts),
                }
            }
            return;
        }
    };
    let Some(unit) = amount(&table.unit) else {
        return;
    };
    let Some((used, total)) =
        told.filter(|(used, total)| *used >= 0.0 && *total > 0.0 && used <= total)
    else {
        return;
    };
    let (Some(used), Some(total)) = (decode::whole(used * unit), decode::whole(total * unit))
    else {
        return;
    };
    let is_taken = match sort {
        Sort::Memory => draft.memory(&name, index, used, total),
        Sort::Storage => draft.storage(&name, index, used, total),
    };
    if is_taken {
        draft.note_cell(sort.noun(), first, index);
    }
}

fn number(of: &Cell, how: &crate::profile::Rows, rows: &Rows, index: &[u32]) -> Option<f64> {
    cell::number_by(
        of,
        rows,
        index,
        how.pattern.as_ref(),
        crate::profile::Octets::Text,
    )
    .filter(|number| !how.skip.contains(number))
}

fn name(how: &crate::profile::Rows, otherwise: &str, rows: &Rows, index: &[u32]) -> String {
    first_text(&how.name, rows, index).unwrap_or_else(|| match index {
        [0] | [] => otherwise.to_owned(),
        index => format!("{otherwise} {}", dotted(index)),
    })
}

/// The rows of a table: the indexes of its first column, or the one instance that the cell names.
pub(super) fn indexes<'a>(first: &'a Cell, rows: &'a Rows) -> Vec<&'a [u32]> {
    use crate::profile::{Column, Place};
    match (&first.column, &first.place) {
        (Column::Object(column), Place::Fixed(instance)) => rows
            .cell(column, instance)
            .map(|_| instance.as_slice())
            .into_iter()
            .collect(),
        (Column::Object(column), _) => rows.column(column).map(|(index, _)| index).collect(),
        _ => Vec::new(),
    }
}
