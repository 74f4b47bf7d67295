//! World coordinate systems.
mod frame;
mod frame_matrix;
pub use frame::Frame;
