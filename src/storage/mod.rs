//! Arrays in memory or in mapped files, and files that appear under their name only when they are whole.
//!
//! Disk space is reserved when a file that is going to be mapped is created, so that a full disk is an error there and then, never a `SIGBUS`
//! when a mapped page is written. Only files of this crate's making are mapped: unnamed scratch files, and `.npy` files that are locked while they are mapped.
//! Another program that ignores the lock and shortens such a file makes the system end this process with `SIGBUS`.

mod atomic_file;
mod buffer;
mod disk;
mod map;
mod npy;

pub use atomic_file::AtomicFile;
pub(crate) use buffer::{Buffer, Storage};
pub use npy::{MappedArray, MappedElement};
