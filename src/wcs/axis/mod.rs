//! The axes of a cube beyond the celestial ones: spectral, Stokes, time and other axes, each independent of all others.

mod leading_axis;
mod read;
mod relate;
mod spectral;
mod unit;
mod write;

pub(super) use leading_axis::LeadingAxes;
pub use leading_axis::LeadingAxis;
