//! Who may ask.

/// Who may ask an agent that shows one [`Mib`](crate::Mib). Shared by all agents that have the same.
/// It has no Debug: communities are secrets of a kind.
#[derive(Clone, Default)]
pub struct Access {
    communities: Vec<String>,
}

impl Access {
    /// Who asks with one of these communities.
    pub fn by_communities<T: Into<String>>(communities: impl IntoIterator<Item = T>) -> Self {
        Self {
            communities: communities.into_iter().map(Into::into).collect(),
        }
    }

    pub(super) fn admits(&self, community: &[u8]) -> bool {
        self.communities
            .iter()
            .any(|known| known.as_bytes() == community)
    }
}
