//! Arrays in memory or in mapped files, and files that appear under their name only when they are whole.
//!
//! The disk space of a file that is written through a map is reserved when the file is created, so that a full disk is an error
//! there and then and not a `SIGBUS` when a mapped page is written. File systems that copy on write (Btrfs, ZFS) may need new
//! space for every write all the same; there the promise does not hold.

mod atomic_file;
mod buffer;
mod disk;
mod map;
mod npy;
mod npy_header;

pub use atomic_file::AtomicFile;
pub(crate) use buffer::{Buffer, Storage};
pub use disk::free_disk_space;
pub use npy::MappedArray;
pub use npy_header::MappedElement;
