//! Which part of the output does each input touch, and where is it.

pub(crate) mod bounds;
pub(crate) mod overlap;
mod window;

pub use window::Window;

#[cfg(test)]
mod tests;
