//! What is answered to a PDU: a function of the question and the [`Mib`], whatever the version of
//! the message around it. Source: RFC 3416 section 4.2, RFC 3584 section 4.2, RFC 1157 section 4.1.

use super::ber::{self, END_OF_MIB_VIEW, NO_SUCH_INSTANCE, NO_SUCH_OBJECT};
use super::message::{Pdu, Question, Verdict, Version};
use super::names::Names;
use crate::mib::{Mib, Value};
use std::ops::ControlFlow;

const NO_ERROR: Verdict = Verdict {
    status: 0,
    index: 0,
};
const TOO_BIG: Verdict = Verdict {
    status: 1,
    index: 0,
};
const NO_SUCH_NAME: i32 = 2;
const GEN_ERR: i32 = 5;
const NO_ACCESS: i32 = 6;
const NOT_WRITABLE: i32 = 17;

/// What is said to a user who asks at too low a level. Source: RFC 3416 section 3
/// (authorizationError).
pub(super) const NOT_AUTHORIZED: Verdict = Verdict {
    status: 16,
    index: 0,
};

/// The answer that says that answering failed.
pub(super) const FAILED: Verdict = Verdict {
    status: GEN_ERR,
    index: 1,
};

/// Buffers of one thread, used again for every request.
#[derive(Default)]
pub(super) struct Scratch {
    /// Contents of the answer's VarBindList.
    pub(super) list: Vec<u8>,
    // The VarBinds of a GetBulkRequest, column by column.
    cells: Vec<u8>,
    // Where each of them ends in `cells`.
    ends: Vec<usize>,
    columns: Vec<Column>,
}

/// What was found for one repeater of a GetBulkRequest: a run of `Scratch::ends`.
#[derive(Clone, Copy)]
struct Column {
    first: usize,
    count: usize,
    // Whether the last cell is endOfMibView: then it stands for all that follow.
    over: bool,
}

/// Answers: the VarBinds go to `scratch.list` and take at most `room` octets there.
pub(super) fn answer(
    pdu: &Pdu<'_>,
    names: &Names,
    version: Version,
    mib: &dyn Mib,
    room: usize,
    scratch: &mut Scratch,
) -> Verdict {
    scratch.list.clear();
    let verdict = match pdu.question {
        Question::Get => get(names, version, mib, room, &mut scratch.list),
        Question::GetNext => get_next(names, version, mib, room, &mut scratch.list),
        Question::Set => refuse(names, version, mib),
        Question::GetBulk => {
            let non_repeaters = usize::try_from(pdu.non_repeaters).unwrap_or(0);
            let repetitions = usize::try_from(pdu.max_repetitions).unwrap_or(0);
            return get_bulk(names, non_repeaters, repetitions, mib, room, scratch);
        }
    };
    if verdict != NO_ERROR {
        echo(pdu, scratch);
    } else if scratch.list.len() > room {
        return too_big(pdu, version, scratch);
    }
    verdict
}

/// Puts the question's own VarBinds into the answer, as errors do.
pub(super) fn echo(pdu: &Pdu<'_>, scratch: &mut Scratch) {
    scratch.list.clear();
    scratch.list.extend_from_slice(pdu.varbinds);
}

fn too_big(pdu: &Pdu<'_>, version: Version, scratch: &mut Scratch) -> Verdict {
    // SNMPv1 sends the question back, which is as long as the question was; SNMPv2 sends nothing.
    scratch.list.clear();
    if version == Version::V1 {
        echo(pdu, scratch);
    }
    TOO_BIG
}

fn get(names: &Names, version: Version, mib: &dyn Mib, room: usize, list: &mut Vec<u8>) -> Verdict {
    for (name, index) in names.iter().zip(1..) {
        let found = mib.get(name).filter(|value| is_sayable(value, version));
        match found {
            Some(value) => ber::put_varbind(list, name, &value),
            None if version == Version::V1 => return error(NO_SUCH_NAME, index),
            None => ber::put_exception(list, name, absence(name, mib)),
        }
        // What is too long stays so: the rest need not be written to be thrown away.
        if list.len() > room {
            break;
        }
    }
    NO_ERROR
}

fn get_next(
    names: &Names,
    version: Version,
    mib: &dyn Mib,
    room: usize,
    list: &mut Vec<u8>,
) -> Verdict {
    for (name, index) in names.iter().zip(1..) {
        if !put_next(name, version, mib, list) {
            if version == Version::V1 {
                return error(NO_SUCH_NAME, index);
            }
            ber::put_exception(list, name, END_OF_MIB_VIEW);
        }
        if list.len() > room {
            break;
        }
    }
    NO_ERROR
}

fn put_next(name: &[u32], version: Version, mib: &dyn Mib, list: &mut Vec<u8>) -> bool {
    let mut found = false;
    mib.walk(name, &mut |oid, value| {
        if !is_sayable(&value, version) {
            return ControlFlow::Continue(());
        }
        ber::put_varbind(list, oid, &value);
        found = true;
        ControlFlow::Break(())
    });
    found
}

/// A SetRequest is refused: everything is read-only.
fn refuse(names: &Names, version: Version, mib: &dyn Mib) -> Verdict {
    match names.iter().next() {
        None => NO_ERROR,
        Some(_) if version == Version::V1 => error(NO_SUCH_NAME, 1),
        Some(name) if mib.get(name).is_some() => error(NOT_WRITABLE, 1),
        Some(_) => error(NO_ACCESS, 1),
    }
}

fn get_bulk(
    names: &Names,
    non_repeaters: usize,
    repetitions: usize,
    mib: &dyn Mib,
    room: usize,
    scratch: &mut Scratch,
) -> Verdict {
    let Scratch {
        list,
        cells,
        ends,
        columns,
    } = scratch;
    for name in names.iter().take(non_repeaters) {
        let before = list.len();
        if !put_next(name, Version::V2c, mib, list) {
            ber::put_exception(list, name, END_OF_MIB_VIEW);
        }
        if list.len() > room {
            list.truncate(before);
            return cut(list);
        }
    }
    let left = room - list.len();
    let repeaters = || names.iter().skip(non_repeaters);
    let repetitions = repetitions.min(repetitions_that_fit(repeaters(), left));
    cells.clear();
    ends.clear();
    columns.clear();
    if repetitions > 0 {
        let mut first_row = 0;
        for name in repeaters() {
            let start = cells.len();
            let first = ends.len();
            let column = put_column(name, repetitions, left, mib, cells, ends);
            columns.push(column);
            // What comes after a first row that is too long is cut off anyway.
            first_row += ends.get(first).map_or(0, |end| end - start);
            if first_row > left {
                break;
            }
        }
    }
    interleave(repetitions, room, list, cells, ends, columns)
}

/// Repetitions that could fit at the most: names grow no shorter within a table, and every VarBind
/// has six octets or more around its name.
fn repetitions_that_fit<'a>(repeaters: impl Iterator<Item = &'a [u32]>, room: usize) -> usize {
    let row: usize = repeaters.map(|name| name.len().max(2) - 1 + 6).sum();
    room.checked_div(row).map_or(0, |whole| whole + 1)
}

/// The VarBinds after `name`, until there are enough, or over `room` octets of them.
fn put_column(
    name: &[u32],
    repetitions: usize,
    room: usize,
    mib: &dyn Mib,
    cells: &mut Vec<u8>,
    ends: &mut Vec<usize>,
) -> Column {
    let start = cells.len();
    let first = ends.len();
    let mut last_start = start;
    let mut enough = false;
    mib.walk(name, &mut |oid, value| {
        last_start = cells.len();
        ber::put_varbind(cells, oid, &value);
        ends.push(cells.len());
        enough = ends.len() - first == repetitions || cells.len() - start > room;
        if enough {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    // Where something came before it, what is over the room is never answered.
    if ends.len() - first > 1 && cells.len() - start > room {
        ends.pop();
        cells.truncate(last_start);
    }
    if !enough {
        // The name of endOfMibView is the last that there was.
        if ends.len() == first {
            ber::put_exception(cells, name, END_OF_MIB_VIEW);
        } else {
            ber::put_exception_like(cells, last_start, END_OF_MIB_VIEW);
        }
        ends.push(cells.len());
    }
    Column {
        first,
        count: ends.len() - first,
        over: !enough,
    }
}

/// Row by row, as they are answered, until there is no room.
fn interleave(
    repetitions: usize,
    room: usize,
    list: &mut Vec<u8>,
    cells: &[u8],
    ends: &[usize],
    columns: &[Column],
) -> Verdict {
    for row in 0..repetitions {
        let mut all_over = true;
        for column in columns {
            // What is over repeats its last cell; what ran out of room has none, and nothing follows.
            let at = match column {
                _ if row < column.count => column.first + row,
                Column { over: true, .. } => column.first + column.count - 1,
                _ => return cut(list),
            };
            all_over &= column.over && row + 1 >= column.count;
            let start = at.checked_sub(1).and_then(|before| ends.get(before));
            let range = start.copied().unwrap_or(0)..ends.get(at).copied().unwrap_or(0);
            let cell = cells.get(range).unwrap_or(&[]);
            if list.len() + cell.len() > room {
                return cut(list);
            }
            list.extend_from_slice(cell);
        }
        if all_over {
            break;
        }
    }
    NO_ERROR
}

/// A GetBulkRequest is answered with what fits. Where nothing does, that is told: an empty answer
/// would be taken for the end.
fn cut(list: &[u8]) -> Verdict {
    if list.is_empty() { TOO_BIG } else { NO_ERROR }
}

/// Counter64 is not to be had over SNMPv1. Source: RFC 3584 section 4.2.2.1.
fn is_sayable(value: &Value<'_>, version: Version) -> bool {
    version != Version::V1 || !matches!(value, Value::Counter64(_))
}

/// Why nothing is at `name`. A [`Mib`] knows instances, not object types: where it has others under
/// `name`, or under what is left of it without its last arc, the object is taken to be there.
fn absence(name: &[u32], mib: &dyn Mib) -> u8 {
    let parent = name.split_last().map_or(name, |(_, parent)| parent);
    let mut exception = NO_SUCH_OBJECT;
    mib.walk(parent, &mut |oid, _| {
        if oid.starts_with(parent) {
            exception = NO_SUCH_INSTANCE;
        }
        ControlFlow::Break(())
    });
    exception
}

fn error(status: i32, index: i32) -> Verdict {
    Verdict { status, index }
}
