//! Which inputs touch which part of the output.

mod window;

pub use window::Window;
