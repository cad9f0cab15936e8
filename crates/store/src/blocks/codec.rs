//! The octets of a block.
