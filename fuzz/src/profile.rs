//! `collect::profile`: texts that operators upload.

use collect::profile::{Catalog, check as mistakes_of, mib as modules};
use std::sync::Arc;
use std::sync::LazyLock;

static CATALOG: LazyLock<Arc<Catalog>> = LazyLock::new(Catalog::embedded);

/// A profile: what is read without a mistake makes a plan for whatever device; a mistake has a line of
/// the text.
pub(crate) fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let lines = text.split('\n').count();
    for mistake in mistakes_of("fuzzed", text, &CATALOG) {
        assert!((1..=lines).contains(&mistake.line), "{mistake}");
    }
    if let Ok(catalog) = CATALOG.with("fuzzed", text) {
        let acme = [1, 3, 6, 1, 4, 1, 99_999, 1];
        let _ = catalog.may_concern("fuzzed", &acme, "Acme");
        let _ = catalog.questions(&acme, "Acme");
        let _ = catalog.plan(&acme, "Acme", |_| true);
    }
}

/// A MIB: as it is uploaded, and beside another one.
pub(crate) fn mib(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(name) = modules::name_of(text) else {
        return;
    };
    let mut texts = [(name.clone(), text.to_owned())].into();
    if let Ok(module) = modules::read(&name, &texts) {
        assert_eq!(module.name, name);
    }
    texts.insert("BESIDE-MIB".to_owned(), text.to_owned());
    let all = modules::read_all(&texts);
    assert!(all.contains_key(&name));
}
