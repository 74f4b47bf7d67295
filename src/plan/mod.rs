//! Which part of the output does each input touch, and where is it.

mod window;

pub use window::Window;
