//! `foretell_analytics`: states that were kept.

use foretell_analytics::anomaly::Detector;

/// A detector's state, which must go on and be written as it was read.
pub(crate) fn detector(data: &[u8]) {
    let Ok(mut detector) = Detector::decode(data) else {
        return;
    };
    let mut written = Vec::new();
    detector.encode(&mut written);
    assert_eq!(written, data);
    for at in 0..20 {
        let verdict = detector.observe(at * 300, Some(1.0));
        assert!((0.0..=1.0).contains(&verdict.score));
    }
}
