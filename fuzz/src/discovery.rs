//! `collect::discovery`: what operators type as targets and networks.

use collect::discovery::target::{Target, allowed_network};

/// A target; where it is a range, its bounds hold.
pub(crate) fn target(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let _ = allowed_network(text);
    if let Ok(Target::Range(range)) = text.parse::<Target>() {
        assert!(!range.is_empty());
        let first = range.addresses().next().expect("it has a first address");
        assert!(range.contains(first));
    }
}
