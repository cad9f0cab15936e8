//! Messages of SNMPv3 as they are on the wire. Source: RFC 3412 section 6, RFC 3414 section 2.4.
//!
//! Whether one is true, and what it hides, is not known here; see `usm`.

use super::access::Level;
use super::ber::{self, INTEGER, OCTET_STRING, Reader, SEQUENCE};

const AUTH: u8 = 1;
const PRIV: u8 = 2;
const REPORTABLE: u8 = 4;
/// msgSecurityModel of USM.
const USM: i32 = 3;
/// Least that msgMaxSize may say.
const MAX_SIZE_MIN: i32 = 484;

/// A message, read but not believed.
#[derive(Clone, Copy)]
pub(super) struct Message<'a> {
    pub(super) id: i32,
    /// Most octets that its sender takes.
    pub(super) max_size: usize,
    pub(super) level: Level,
    /// Whether a report may be sent in answer.
    pub(super) reportable: bool,
    pub(super) engine_id: &'a [u8],
    pub(super) boots: i32,
    pub(super) time: i32,
    pub(super) user: &'a [u8],
    /// msgAuthenticationParameters, and where they begin in the datagram.
    pub(super) auth: &'a [u8],
    pub(super) auth_at: usize,
    /// msgPrivacyParameters.
    pub(super) privacy: &'a [u8],
    /// The scoped PDU, or what hides it at [`Level::AuthPriv`].
    pub(super) data: &'a [u8],
}

/// What stands around a PDU.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) engine_id: &'a [u8],
    pub(super) context: &'a [u8],
    /// The PDU, whole.
    pub(super) pdu: Reader<'a>,
}

/// Reads what follows the version in a datagram of so many octets.
pub(super) fn read(datagram_len: usize, mut message: Reader<'_>) -> Option<Message<'_>> {
    let mut header = message.sequence()?;
    let id = header.integer()?;
    let max_size = header.integer()?;
    let &[flags] = header.expect(OCTET_STRING)? else {
        return None;
    };
    let model = header.integer()?;
    if !header.is_empty() || max_size < MAX_SIZE_MIN || model != USM {
        return None;
    }
    let level = match flags & (AUTH | PRIV) {
        0 => Level::NoAuthNoPriv,
        AUTH => Level::AuthNoPriv,
        PRIV => return None,
        _ => Level::AuthPriv,
    };
    let mut security = Reader(message.expect(OCTET_STRING)?);
    // Nothing follows a message in its datagram, so what is left of it tells where we are.
    let security_end = datagram_len.checked_sub(message.0.len())?;
    let mut parameters = security.sequence()?;
    if !security.is_empty() {
        return None;
    }
    let engine_id = parameters.expect(OCTET_STRING)?;
    let boots = parameters.integer()?;
    let time = parameters.integer()?;
    let user = parameters.expect(OCTET_STRING)?;
    let auth = parameters.expect(OCTET_STRING)?;
    let auth_at = security_end.checked_sub(parameters.0.len() + auth.len())?;
    let privacy = parameters.expect(OCTET_STRING)?;
    if !parameters.is_empty() || boots < 0 || time < 0 {
        return None;
    }
    let data = if level == Level::AuthPriv {
        message.expect(OCTET_STRING)?
    } else {
        message.expect(SEQUENCE)?
    };
    message.is_empty().then_some(Message {
        id,
        max_size: usize::try_from(max_size).ok()?,
        level,
        reportable: flags & REPORTABLE != 0,
        engine_id,
        boots,
        time,
        user,
        auth,
        auth_at,
        privacy,
        data,
    })
}

/// Reads a scoped PDU's contents.
pub(super) fn scope(contents: &[u8]) -> Option<Scope<'_>> {
    let mut scoped = Reader(contents);
    Some(Scope {
        engine_id: scoped.expect(OCTET_STRING)?,
        context: scoped.expect(OCTET_STRING)?,
        pdu: scoped,
    })
}

/// Writes the start of a scoped PDU, whose PDU takes `pdu_len` octets and follows.
pub(super) fn put_scope(out: &mut Vec<u8>, engine_id: &[u8], context: &[u8], pdu_len: usize) {
    let contents = ber::whole_len(engine_id.len()) + ber::whole_len(context.len()) + pdu_len;
    ber::put_header(out, SEQUENCE, contents);
    ber::put_octets(out, OCTET_STRING, engine_id);
    ber::put_octets(out, OCTET_STRING, context);
}

/// What an answer's message says besides its data.
#[derive(Clone, Copy)]
pub(super) struct Envelope<'a> {
    pub(super) id: i32,
    /// Most octets that we take.
    pub(super) max_size: u16,
    pub(super) level: Level,
    pub(super) engine_id: &'a [u8],
    pub(super) boots: u32,
    pub(super) time: u32,
    pub(super) user: &'a [u8],
    /// Octets to leave for msgAuthenticationParameters.
    pub(super) auth_len: usize,
    pub(super) privacy: &'a [u8],
}

/// Writes a message around `data`, a scoped PDU whole or what hides it. Where its
/// msgAuthenticationParameters begin, which are zeros so far.
pub(super) fn put(out: &mut Vec<u8>, envelope: &Envelope<'_>, data: &[u8]) -> usize {
    let is_private = envelope.level == Level::AuthPriv;
    let flags = match envelope.level {
        Level::NoAuthNoPriv => 0,
        Level::AuthNoPriv => AUTH,
        Level::AuthPriv => AUTH | PRIV,
    };
    let integer_len = |value| 2 + ber::integer_len(value);
    let (id, max_size) = (i64::from(envelope.id), i64::from(envelope.max_size));
    let (boots, time) = (i64::from(envelope.boots), i64::from(envelope.time));
    let header_len = integer_len(id) + integer_len(max_size) + 3 + 3;
    let parameters_len = ber::whole_len(envelope.engine_id.len())
        + integer_len(boots)
        + integer_len(time)
        + ber::whole_len(envelope.user.len())
        + ber::whole_len(envelope.auth_len)
        + ber::whole_len(envelope.privacy.len());
    let security_len = ber::whole_len(parameters_len);
    let data_len = if is_private {
        ber::whole_len(data.len())
    } else {
        data.len()
    };
    let contents = 3 + ber::whole_len(header_len) + ber::whole_len(security_len) + data_len;

    ber::put_header(out, SEQUENCE, contents);
    ber::put_integer(out, INTEGER, 3);
    ber::put_header(out, SEQUENCE, header_len);
    ber::put_integer(out, INTEGER, id);
    ber::put_integer(out, INTEGER, max_size);
    ber::put_octets(out, OCTET_STRING, &[flags]);
    ber::put_integer(out, INTEGER, i64::from(USM));
    ber::put_header(out, OCTET_STRING, security_len);
    ber::put_header(out, SEQUENCE, parameters_len);
    ber::put_octets(out, OCTET_STRING, envelope.engine_id);
    ber::put_integer(out, INTEGER, boots);
    ber::put_integer(out, INTEGER, time);
    ber::put_octets(out, OCTET_STRING, envelope.user);
    ber::put_header(out, OCTET_STRING, envelope.auth_len);
    let auth_at = out.len();
    out.resize(auth_at + envelope.auth_len, 0);
    ber::put_octets(out, OCTET_STRING, envelope.privacy);
    if is_private {
        ber::put_octets(out, OCTET_STRING, data);
    } else {
        out.extend_from_slice(data);
    }
    auth_at
}

/// Most octets that a message takes around its VarBindList's contents.
pub(super) fn overhead(engine_id: &[u8], user: &[u8], scope: &Scope<'_>, auth_len: usize) -> usize {
    // The version, the header with its four values, boots and time, a salt of eight octets.
    const FIXED: usize = 3 + (2 + 6 + 6 + 3 + 3) + 2 * 6 + 10;
    // Headers of at most four octets: the message, the parameters twice, what hides, the scoped
    // PDU, the PDU, the list; the numbers of the PDU; the padding of DES.
    const AROUND: usize = 7 * 4 + 3 * 6 + 7;
    let octets = [
        engine_id.len(),
        user.len(),
        auth_len,
        scope.engine_id.len(),
        scope.context.len(),
    ];
    FIXED + AROUND + octets.map(ber::whole_len).iter().sum::<usize>()
}
