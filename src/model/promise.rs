//! What the journal holds of a delivery before it is made, so that a crash can be told afterwards.

use super::{Dialect, Digest, Octets};

/// What an INTENT promises: how to find out after a crash whether the delivery was made.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Promise {
    /// A file is durable under a temporary name, and is renamed to its own one.
    File {
        /// The unique part of its name, or its path below the target's folder.
        name: String,
        /// Its inode.
        inode: u64,
    },
    /// Octets are appended to a file that other programs append to as well.
    Range {
        /// The device of the file.
        device: u64,
        /// Its inode.
        inode: u64,
        /// Where they begin.
        offset: Octets,
        /// How many they are.
        octets: Octets,
        /// What they, and those before them, are recognised by.
        hash: Digest,
        /// How the message is written in them.
        dialect: Dialect,
    },
    /// The message is handed to a program or a server: only that one knows.
    HandedOver,
}
