//! What is set once for the whole server: a name and a JSON value.

use crate::StoreError;
use crate::catalog;
use crate::documents::{Collection, Documents, Expect, Stored};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// The settings. Cheap to clone.
#[derive(Clone)]
pub struct Settings {
    documents: Arc<dyn Documents>,
}

impl Settings {
    pub(crate) fn new(documents: Arc<dyn Documents>) -> Self {
        Self { documents }
    }

    /// A setting; none where it was never set.
    pub async fn get<T: Serialize + DeserializeOwned>(
        &self,
        name: &str,
    ) -> Result<Option<Stored<T>>, StoreError> {
        self.collection().get(name).await
    }

    /// Sets it; answers its revision.
    pub async fn set<T: Serialize + DeserializeOwned>(
        &self,
        name: &str,
        expect: Expect,
        value: &T,
    ) -> Result<u64, StoreError> {
        self.collection().put(name, expect, value).await
    }

    fn collection<T: Serialize + DeserializeOwned>(&self) -> Collection<T> {
        Collection::new(self.documents.clone(), &catalog::SETTINGS)
    }
}
