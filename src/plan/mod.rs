//! Which inputs touch which part of the output.

pub(crate) mod bounds;
pub(crate) mod overlap;
mod window;

pub use window::Window;

#[cfg(test)]
mod tests;
