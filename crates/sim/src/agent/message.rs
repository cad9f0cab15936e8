//! Messages of SNMPv1 and SNMPv2c, and the PDUs that all versions share. Source: RFC 1157, RFC 1901,
//! RFC 3416. Read without a copy, written with lengths known beforehand.

use super::ber::{self, INTEGER, OCTET_STRING, Reader, SEQUENCE};
use super::names::Names;

/// msgVersion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    V1,
    V2c,
    V3,
}

/// What an agent may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    Get,
    GetNext,
    GetBulk,
    Set,
}

pub(crate) const RESPONSE: u8 = 0xa2;

/// A PDU that asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pdu<'a> {
    pub(crate) question: Question,
    pub(crate) request_id: i32,
    /// non-repeaters of a GetBulkRequest, error-status (nothing) otherwise.
    pub(crate) non_repeaters: i32,
    /// max-repetitions of a GetBulkRequest, error-index (nothing) otherwise.
    pub(crate) max_repetitions: i32,
    /// Contents of the VarBindList, as they came: errors send them back.
    pub(crate) varbinds: &'a [u8],
}

/// A message of SNMPv1 or SNMPv2c.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Message<'a> {
    pub(crate) version: Version,
    pub(crate) community: &'a [u8],
    pub(crate) pdu: Pdu<'a>,
}

/// Why a datagram is no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// snmpInBadVersions (RFC 3418).
    Version,
    /// snmpInASNParseErrs (RFC 3418), or a PDU that is not for agents.
    Malformed,
}

/// The version of a datagram, and what follows it in the message.
pub(crate) fn open(datagram: &[u8]) -> Result<(Version, Reader<'_>), Unreadable> {
    let mut outer = Reader(datagram);
    let mut message = outer.sequence().ok_or(Unreadable::Malformed)?;
    if !outer.is_empty() {
        return Err(Unreadable::Malformed);
    }
    let version = match message.integer().ok_or(Unreadable::Malformed)? {
        0 => Version::V1,
        1 => Version::V2c,
        3 => Version::V3,
        _ => return Err(Unreadable::Version),
    };
    Ok((version, message))
}

/// The rest of a message of SNMPv1 or SNMPv2c; its names go to `names`.
pub(crate) fn community<'a>(
    version: Version,
    mut message: Reader<'a>,
    names: &mut Names,
) -> Option<Message<'a>> {
    let community = message.expect(OCTET_STRING)?;
    let pdu = pdu(&mut message, version, names)?;
    message.is_empty().then_some(Message {
        version,
        community,
        pdu,
    })
}

/// A PDU, its names to `names`.
pub(crate) fn pdu<'a>(
    message: &mut Reader<'a>,
    version: Version,
    names: &mut Names,
) -> Option<Pdu<'a>> {
    let (tag, contents) = message.any()?;
    let question = match tag {
        0xa0 => Question::Get,
        0xa1 => Question::GetNext,
        0xa3 => Question::Set,
        0xa5 if version != Version::V1 => Question::GetBulk,
        _ => return None,
    };
    let mut pdu = Reader(contents);
    let request_id = pdu.integer()?;
    let non_repeaters = pdu.integer()?;
    let max_repetitions = pdu.integer()?;
    let varbinds = pdu.expect(SEQUENCE)?;
    ber::names(varbinds, names)?;
    pdu.is_empty().then_some(Pdu {
        question,
        request_id,
        non_repeaters,
        max_repetitions,
        varbinds,
    })
}

/// What an answer says besides its VarBinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// error-status.
    pub(crate) status: i32,
    /// error-index, from 1.
    pub(crate) index: i32,
}

/// Writes a PDU whose VarBindList has the contents `list`.
pub(crate) fn put_pdu(out: &mut Vec<u8>, tag: u8, request_id: i32, verdict: Verdict, list: &[u8]) {
    ber::put_header(out, tag, pdu_contents_len(request_id, verdict, list.len()));
    for number in [request_id, verdict.status, verdict.index] {
        ber::put_integer(out, INTEGER, i64::from(number));
    }
    ber::put_octets(out, SEQUENCE, list);
}

pub(crate) fn pdu_len(request_id: i32, verdict: Verdict, list_len: usize) -> usize {
    ber::whole_len(pdu_contents_len(request_id, verdict, list_len))
}

fn pdu_contents_len(request_id: i32, verdict: Verdict, list_len: usize) -> usize {
    let numbers = [request_id, verdict.status, verdict.index];
    let numbers = numbers.map(|number| 2 + ber::integer_len(i64::from(number)));
    numbers.iter().sum::<usize>() + ber::whole_len(list_len)
}

/// Writes the answer to a message of SNMPv1 or SNMPv2c.
pub(crate) fn put_answer(out: &mut Vec<u8>, to: &Message<'_>, verdict: Verdict, list: &[u8]) {
    let pdu_len = pdu_len(to.pdu.request_id, verdict, list.len());
    let contents = 3 + ber::whole_len(to.community.len()) + pdu_len;
    ber::put_header(out, SEQUENCE, contents);
    let version = i64::from(to.version != Version::V1);
    ber::put_integer(out, INTEGER, version);
    ber::put_octets(out, OCTET_STRING, to.community);
    put_pdu(out, RESPONSE, to.pdu.request_id, verdict, list);
}

/// Most octets that a message of SNMPv1 or SNMPv2c takes around its VarBindList's contents.
pub(crate) fn overhead(community: &[u8]) -> usize {
    // Three numbers of at most six octets; sequences around the list, the PDU and the message.
    const FIXED: usize = 3 + 3 * 6 + 3 * 4;
    FIXED + ber::whole_len(community.len())
}
