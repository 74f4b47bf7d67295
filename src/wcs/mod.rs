//! World coordinate systems.
mod distortion;
mod frame;
mod frame_matrix;
pub use distortion::LookupTables;
pub use frame::Frame;
