//! Just enough BER to answer, and to answer wrongly.

/// A tag, an honest length and a body.
pub(crate) fn tlv(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match body.len() {
        length @ 0..0x80 => out.push(u8::try_from(length).unwrap()),
        length => {
            out.push(0x84);
            out.extend(u32::try_from(length).unwrap().to_be_bytes());
        }
    }
    out.extend(body);
    out
}

pub(crate) fn integer(value: i32) -> Vec<u8> {
    tlv(0x02, &value.to_be_bytes())
}

pub(crate) fn text(text: &str) -> Vec<u8> {
    tlv(0x04, text.as_bytes())
}

pub(crate) fn oid(arcs: &[u32]) -> Vec<u8> {
    let mut body = vec![u8::try_from(arcs[0] * 40 + arcs[1]).unwrap()];
    for &arc in &arcs[2..] {
        let mut septets: Vec<u8> = (0..5)
            .rev()
            .map(|place| u8::try_from(arc >> (7 * place) & 0x7f).unwrap())
            .skip_while(|&septet| septet == 0)
            .collect();
        if septets.is_empty() {
            septets.push(0);
        }
        let last = septets.len() - 1;
        for (place, septet) in septets.iter().enumerate() {
            body.push(if place < last { septet | 0x80 } else { *septet });
        }
    }
    tlv(0x06, &body)
}

/// An object and its value, encoded already.
pub(crate) fn object(arcs: &[u32], value: &[u8]) -> Vec<u8> {
    tlv(0x30, &[oid(arcs), value.to_vec()].concat())
}

/// A Response-PDU in a message of version 0 or 1.
pub(crate) fn response(
    version: i32,
    community: &[u8],
    id: i32,
    (status, index): (i32, i32),
    objects: &[Vec<u8>],
) -> Vec<u8> {
    let pdu = [
        integer(id),
        integer(status),
        integer(index),
        tlv(0x30, &objects.concat()),
    ]
    .concat();
    let message = [
        tlv(0x02, &[u8::try_from(version).unwrap()]),
        tlv(0x04, community),
        tlv(0xa2, &pdu),
    ]
    .concat();
    tlv(0x30, &message)
}
