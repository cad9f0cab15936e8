//! `collect::check`: what services answer.

use collect::check::{dns, ntp};
use model::check::{DnsProbe, Record};

/// An answer of a name server: the first octet says to which kind of question.
pub(crate) fn dns(data: &[u8]) {
    let Some((which, answer)) = data.split_first() else {
        return;
    };
    let kinds = [
        Record::A,
        Record::Aaaa,
        Record::Cname,
        Record::Mx,
        Record::Ns,
        Record::Ptr,
        Record::Txt,
    ];
    let record = kinds[usize::from(*which) % kinds.len()];
    let probe = DnsProbe {
        name: "a.example".to_owned(),
        record,
        expected: Vec::new(),
    };
    let query = dns::question(0x1234, &probe).expect("it is a name");
    if let Some(answer) = dns::parse(answer, &query, record) {
        assert!(answer.records.iter().all(|text| text.len() <= 8_192));
    }
}

/// An answer of a time server.
pub(crate) fn ntp(data: &[u8]) {
    if let Some(answer) = ntp::parse(data, [7; 8]) {
        assert!(answer.root_dispersion_secs.is_finite() && answer.sent_secs.is_finite());
    }
}
