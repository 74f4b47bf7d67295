//! Spherical projections: native unit vector to projection plane and back.
//!
//! Native longitude φ and latitude θ are those of Calabretta & Greisen (2002), section 2.4; a native direction is the
//! unit vector (cos θ cos φ, cos θ sin φ, sin θ). The plane is theirs too: X to the right, Y upwards, in degrees.
//! Undefined points are NaN in every component, so that loops over slices have no branches to spare.
//!
//! What is undefined follows wcslib with its bounds checks on: the far side where a projection would fold over, native
//! longitudes beyond ±180°, latitudes beyond ±90°, and plane positions off the outline.

mod conic;
mod cylindrical;
mod healpix;
mod library;
mod polyconic;
mod project;
mod pseudocylindrical;
mod quadcube;
mod zenithal;
mod zenithal_series;

use crate::direction::Vector;
use conic::{Bon, Cod, Coe, Coo, Cop};
use cylindrical::{Cyp, Mer, Sfl};
pub(crate) use healpix::Facets;
use healpix::{Hpx, Xph};
use library::Library;
use polyconic::Pco;
pub(crate) use project::Plane;
use project::{Project, deproject_slice, project_slice};
use pseudocylindrical::{Ait, Mol, Par};
use quadcube::{Csc, Qsc, Tsc};
use zenithal::{Arc, Azp, Sin, SlantSin, Stg, Szp, Tan, Zea};
use zenithal_series::{Air, Zpn};

/// Number of parameters PVi_0 to PVi_29 that a latitude axis can have.
pub(crate) const PARAMETERS: usize = zenithal_series::COEFFICIENTS;

/// What the code and parameters of a projection are wrong in.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The code is not one of the standard's.
    Unknown,
    /// Parameter PVi_m has a value for which the projection does not exist; and what it asks for.
    Parameter(usize, &'static str),
}

macro_rules! projections {
    ($($name:ident($type:ty)),* $(,)?) => {
        /// One of the projections of the FITS standard with its parameters.
        #[derive(Clone, Debug)]
        pub(crate) enum Projection { $($name($type)),* }

        impl Projection {
            /// Native unit vector to plane position in degrees.
            pub(crate) fn project(&self, v: Vector) -> Plane {
                match self { $(Self::$name(p) => p.project(v)),* }
            }

            /// As [`project`](Self::project) for slices: vectors (x, y, z) in, plane positions in x and y out.
            pub(crate) fn project_slice(&self, x: &mut [f64], y: &mut [f64], z: &[f64]) {
                match self { $(Self::$name(p) => project_slice(p, x, y, z)),* }
            }

            /// The inverse for slices: plane positions in x and y in, vectors (x, y, z) out.
            pub(crate) fn deproject_slice(&self, x: &mut [f64], y: &mut [f64], z: &mut [f64]) {
                match self { $(Self::$name(p) => deproject_slice(p, x, y, z)),* }
            }
        }
    };
}

projections! {
    Azp(Azp), Szp(Szp), Tan(Tan), Stg(Stg), Sin(Sin), SlantSin(SlantSin), Arc(Arc), Zpn(Zpn), Zea(Zea), Air(Air),
    Cyp(Cyp), Cea(Library), Car(Library), Mer(Mer),
    Sfl(Sfl), Par(Par), Mol(Mol), Ait(Ait),
    Cop(Cop), Coe(Coe), Cod(Cod), Coo(Coo), Bon(Bon), Pco(Pco),
    Tsc(Tsc), Csc(Csc), Qsc(Qsc), Hpx(Hpx), Xph(Xph),
}

impl Projection {
    /// The projection of a three-letter code with its parameters PVi_m of the latitude axis (`None`: the default).
    pub(crate) fn new(code: &str, pv: &[Option<f64>; PARAMETERS]) -> Result<Projection, Refusal> {
        let p = |m: usize, default: f64| pv.get(m).copied().flatten().unwrap_or(default);
        let refuse = Refusal::Parameter;
        let conic = |name: fn(f64, f64) -> Option<Projection>| {
            let theta_a =
                pv[1].ok_or(refuse(1, "this projection needs the middle latitude of its standard parallels"))?;
            name(theta_a, p(2, 0.0)).ok_or(refuse(1, "the cone of this middle latitude and PVi_2 is degenerate"))
        };
        Ok(match code {
            "AZP" => {
                Projection::Azp(Azp::new(p(1, 0.0), p(2, 0.0)).ok_or(refuse(1, "expected μ ≠ -1 and |PVi_2| ≠ 90"))?)
            }
            "SZP" => {
                Projection::Szp(Szp::new(p(1, 0.0), p(2, 0.0), p(3, 90.0)).ok_or(refuse(1, "expected μ sin θ_c ≠ -1"))?)
            }
            "TAN" => Projection::Tan(Tan),
            "STG" => Projection::Stg(Stg),
            "SIN" => match (p(1, 0.0), p(2, 0.0)) {
                (0.0, 0.0) => Projection::Sin(Sin),
                (xi, eta) => Projection::SlantSin(SlantSin { xi, eta }),
            },
            "ARC" => Projection::Arc(Arc),
            "ZPN" => Projection::Zpn(
                Zpn::new(&std::array::from_fn(|m| p(m, 0.0)))
                    .ok_or(refuse(1, "expected a polynomial that grows from the pole outwards"))?,
            ),
            "ZEA" => Projection::Zea(Zea),
            "AIR" => Projection::Air(Air::new(p(1, 90.0)).ok_or(refuse(1, "expected -90 < θ_b"))?),
            "CYP" => Projection::Cyp(Cyp::new(p(1, 1.0), p(2, 1.0)).ok_or(refuse(2, "expected λ ≠ 0 and λ ≠ -μ"))?),
            "CEA" => Projection::Cea(Library::cea(p(1, 1.0)).ok_or(refuse(1, "expected 0 < λ <= 1"))?),
            "CAR" => Projection::Car(Library::car().ok_or(Refusal::Unknown)?),
            "MER" => Projection::Mer(Mer),
            "SFL" => Projection::Sfl(Sfl),
            "PAR" => Projection::Par(Par),
            "MOL" => Projection::Mol(Mol),
            "AIT" => Projection::Ait(Ait),
            "COP" => conic(|a, eta| Cop::new(a, eta).map(Projection::Cop))?,
            "COE" => conic(|a, eta| Coe::new(a, eta).map(Projection::Coe))?,
            "COD" => conic(|a, eta| Cod::new(a, eta).map(Projection::Cod))?,
            "COO" => conic(|a, eta| Coo::new(a, eta).map(Projection::Coo))?,
            "BON" => match pv[1].ok_or(refuse(1, "Bonne's projection needs its conformal latitude"))? {
                0.0 => Projection::Sfl(Sfl),
                theta1 => Projection::Bon(Bon::new(theta1).ok_or(refuse(1, "expected a finite latitude"))?),
            },
            "PCO" => Projection::Pco(Pco),
            "TSC" => Projection::Tsc(Tsc),
            "CSC" => Projection::Csc(Csc),
            "QSC" => Projection::Qsc(Qsc),
            "HPX" => Projection::Hpx(Hpx::new(p(1, 4.0), p(2, 3.0)).ok_or(refuse(1, "expected H > 0 and K > 0"))?),
            "XPH" => Projection::Xph(Xph),
            _ => return Err(Refusal::Unknown),
        })
    }

    /// X per native longitude, if X depends on nothing else: such a plane repeats itself every 360°.
    pub(crate) fn x_per_longitude(&self) -> Option<f64> {
        match self {
            Projection::Cyp(p) => Some(p.lambda()),
            Projection::Cea(_) | Projection::Car(_) | Projection::Mer(_) => Some(1.0),
            _ => None,
        }
    }

    /// X, degrees, left of which the plane repeats what it shows elsewhere.
    pub(crate) fn copies_left_of(&self) -> Option<f64> {
        matches!(self, Projection::Tsc(_) | Projection::Csc(_) | Projection::Qsc(_)).then_some(-45.0)
    }

    /// Native latitude of the fiducial point unless the header moves it (the longitude is 0 for all).
    pub(crate) fn theta0(code: &str, pv: &[Option<f64>; PARAMETERS]) -> f64 {
        match code {
            "AZP" | "SZP" | "TAN" | "STG" | "SIN" | "ARC" | "ZPN" | "ZEA" | "AIR" | "XPH" => 90.0,
            "COP" | "COE" | "COD" | "COO" => pv[1].unwrap_or(0.0),
            _ => 0.0,
        }
    }
}
