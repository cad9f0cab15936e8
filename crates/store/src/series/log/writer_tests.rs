//! A disk that is full or fails to sync.
