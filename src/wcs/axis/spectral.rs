//! Spectral coordinates: Greisen et al. (2006), FITS WCS paper III, as wcslib computes them.
//!
//! ```text
//! x (linear in the pixel)  →  X, in which the axis is linear  →  P, of the kind of S  →  S, the variable of CTYPE
//!      X = X_r + x dX/dS          frequency, wavelength, air wavelength or velocity      a linear function of P
//! ```
//!
//! All values are in SI.

use crate::wcs::trig;

/// The speed of light, m/s.
pub(super) const C: f64 = 299_792_458.0;
/// Planck's constant, J s (2019 SI, as astropy; wcslib 8.6 has the value of 1986, which cancels unless energies are compared with frequencies).
const PLANCK: f64 = 6.626_070_15e-34;

/// The four variables in which a spectral axis can be linear: X and P of the paper.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Base {
    Frequency,
    Wavelength,
    AirWavelength,
    /// Apparent radial velocity, relativistic.
    Velocity,
}

impl Base {
    fn of_letter(letter: u8) -> Option<Base> {
        Some(match letter {
            b'F' => Base::Frequency,
            b'W' => Base::Wavelength,
            b'A' => Base::AirWavelength,
            b'V' => Base::Velocity,
            _ => return None,
        })
    }

    /// Frequency of a value, and its derivative. `rest` is the frequency of the line.
    fn frequency(self, value: f64, rest: f64) -> (f64, f64) {
        match self {
            Base::Frequency => (value, 1.0),
            Base::Wavelength => (C / value, -C / (value * value)),
            Base::AirWavelength => {
                let (n, slope) = refraction(value);
                let wavelength = n * value;
                (C / wavelength, -C / (wavelength * wavelength) * slope)
            }
            Base::Velocity => {
                let frequency = rest * ((C - value) / (C + value)).sqrt();
                (frequency, -frequency * C / (C * C - value * value))
            }
        }
    }

    fn of_frequency(self, frequency: f64, rest: f64) -> f64 {
        match self {
            Base::Frequency => frequency,
            Base::Wavelength => C / frequency,
            Base::AirWavelength => in_air(C / frequency),
            Base::Velocity => {
                let (r, s) = (rest * rest, frequency * frequency);
                C * (r - s) / (r + s)
            }
        }
    }

    fn to(self, other: Base, value: f64, rest: f64) -> f64 {
        if self == other { value } else { other.of_frequency(self.frequency(value, rest).0, rest) }
    }
}

/// The refractive index of air at a wavelength in air, and the derivative of the wavelength in vacuum with respect to it (paper III, equation 65).
fn refraction(in_air: f64) -> (f64, f64) {
    let s = 1.0 / (in_air * in_air);
    let (t, u) = (0.41e14 - s, 1.46e14 - s);
    let n = 2.554e8 / t + 294.981e8 / u + 1.000064328;
    (n, n - 2.0 * s * (2.554e8 / (t * t) + 294.981e8 / (u * u)))
}

/// The wavelength in air of one in vacuum; four iterations, as wcslib has, leave nothing to a fifth.
fn in_air(wavelength: f64) -> f64 {
    let n = (0..4).fold(1.0, |n, _| refraction(wavelength / n).0);
    wavelength / n
}

/// The spectral variables of the standard: S of the paper.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Variable {
    Frequency,
    AngularFrequency,
    Energy,
    WaveNumber,
    RadioVelocity,
    Wavelength,
    OpticalVelocity,
    Redshift,
    AirWavelength,
    Velocity,
    /// v/c.
    Beta,
}

impl Variable {
    pub(super) fn named(name: &str) -> Option<Variable> {
        Some(match name {
            "FREQ" => Variable::Frequency,
            "AFRQ" => Variable::AngularFrequency,
            "ENER" => Variable::Energy,
            "WAVN" => Variable::WaveNumber,
            "VRAD" => Variable::RadioVelocity,
            "WAVE" => Variable::Wavelength,
            "VOPT" => Variable::OpticalVelocity,
            "ZOPT" => Variable::Redshift,
            "AWAV" => Variable::AirWavelength,
            "VELO" => Variable::Velocity,
            "BETA" => Variable::Beta,
            _ => return None,
        })
    }

    /// Powers of metre, second and joule.
    pub(super) fn dimensions(self) -> [i32; 3] {
        match self {
            Variable::Frequency | Variable::AngularFrequency => [0, -1, 0],
            Variable::Energy => [0, 0, 1],
            Variable::WaveNumber => [-1, 0, 0],
            Variable::Wavelength | Variable::AirWavelength => [1, 0, 0],
            Variable::RadioVelocity | Variable::OpticalVelocity | Variable::Velocity => [1, -1, 0],
            Variable::Redshift | Variable::Beta => [0, 0, 0],
        }
    }

    /// The SI unit, in words for messages.
    pub(super) fn unit(self) -> &'static str {
        match self {
            Variable::Frequency => "Hz",
            Variable::AngularFrequency => "rad/s",
            Variable::Energy => "J",
            Variable::WaveNumber => "/m",
            Variable::Wavelength | Variable::AirWavelength => "m",
            Variable::RadioVelocity | Variable::OpticalVelocity | Variable::Velocity => "m/s",
            Variable::Redshift | Variable::Beta => "",
        }
    }

    /// Whether values are relative to a line.
    pub(super) fn is_of_line(self) -> bool {
        use Variable::{Beta, OpticalVelocity, RadioVelocity, Redshift, Velocity};
        matches!(self, RadioVelocity | OpticalVelocity | Redshift | Velocity | Beta)
    }

    fn base(self) -> Base {
        use Variable::{AngularFrequency, Energy, Frequency, RadioVelocity, WaveNumber};
        match self {
            Frequency | AngularFrequency | Energy | WaveNumber | RadioVelocity => Base::Frequency,
            Variable::Wavelength | Variable::OpticalVelocity | Variable::Redshift => Base::Wavelength,
            Variable::AirWavelength => Base::AirWavelength,
            Variable::Velocity | Variable::Beta => Base::Velocity,
        }
    }

    /// The base value of this variable at 0, and its derivative. `rest` is the frequency of the line.
    fn line(self, rest: f64) -> [f64; 2] {
        let wavelength = C / rest;
        match self {
            Variable::Frequency | Variable::Wavelength | Variable::AirWavelength | Variable::Velocity => [0.0, 1.0],
            Variable::AngularFrequency => [0.0, 1.0 / (2.0 * std::f64::consts::PI)],
            Variable::Energy => [0.0, 1.0 / PLANCK],
            Variable::WaveNumber => [0.0, C],
            Variable::RadioVelocity => [rest, -rest / C],
            Variable::OpticalVelocity => [wavelength, wavelength / C],
            Variable::Redshift => [wavelength, wavelength],
            Variable::Beta => [0.0, C],
        }
    }

    /// The frequency of a value; NaN where it has none.
    pub(super) fn frequency(self, value: f64, rest: f64) -> f64 {
        let [zero, slope] = self.line(rest);
        let (frequency, _) = self.base().frequency(zero + slope * value, rest);
        if frequency > 0.0 && frequency.is_finite() { frequency } else { f64::NAN }
    }

    /// The value at a frequency.
    pub(super) fn of_frequency(self, frequency: f64, rest: f64) -> f64 {
        let [zero, slope] = self.line(rest);
        (self.base().of_frequency(frequency, rest) - zero) / slope
    }
}

/// A grating prism (paper III, section 5): PVi_0 to PVi_6 of the axis.
#[derive(Clone, Copy, Debug)]
struct Grism {
    /// Γ_r = -tan θ at the reference pixel.
    origin: f64,
    /// β_r + θ, degrees.
    angle: f64,
    /// (n_r - n'_r λ_r) sin α.
    shift: f64,
    /// λ = (sin β + shift) × scale.
    scale: f64,
}

/// How a spectral axis is sampled: the algorithm code of its CTYPE.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Sampling {
    /// Linear in one of the base variables, or in the variable itself.
    Linear(Option<Base>),
    /// A grism, in vacuum or in air.
    Grism(Base),
}

impl Sampling {
    /// From a code such as `F2W`. `None` if it is not one that goes with the variable.
    pub(super) fn of_code(code: &str, variable: Variable) -> Option<Sampling> {
        match code.as_bytes() {
            b"" => Some(Sampling::Linear(None)),
            b"GRI" => Some(Sampling::Grism(Base::Wavelength)),
            b"GRA" => Some(Sampling::Grism(Base::AirWavelength)),
            [x, b'2', p] if Base::of_letter(*p)? == variable.base() => {
                let base = Base::of_letter(*x)?;
                // As V2V: linear in the variable itself.
                Some(Sampling::Linear(Some(base).filter(|base| *base != variable.base())))
            }
            _ => None,
        }
    }

    /// Whether values depend on the frequency of the line: between base variables, where a velocity is among them.
    pub(super) fn needs_line(self, variable: Variable) -> bool {
        let (Sampling::Linear(Some(x)) | Sampling::Grism(x)) = self else { return false };
        x == Base::Velocity || variable.is_of_line()
    }
}

/// The relation between x and S of an axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spectral {
    pub(super) variable: Variable,
    rest: f64,
    /// The value at the reference pixel.
    reference: f64,
    /// The variable in which it is linear, its value at the reference pixel and its derivative with respect to S there; `None` if that is S.
    linear_in: Option<(Base, f64, f64)>,
    grism: Option<Grism>,
}

impl Spectral {
    /// `rest` is the frequency of the line, any where there is none and it does not matter. `None` if the reference value is outside of what the
    /// algorithm is defined for.
    pub(super) fn new(
        variable: Variable,
        sampling: Sampling,
        reference: f64,
        rest: f64,
        parameters: [f64; 7],
    ) -> Option<Spectral> {
        let linear = Spectral { variable, rest, reference, linear_in: None, grism: None };
        let (Sampling::Linear(Some(base)) | Sampling::Grism(base)) = sampling else { return Some(linear) };
        let [zero, slope] = variable.line(rest);
        let intermediate = zero + slope * reference;
        let (frequency, of_intermediate) = variable.base().frequency(intermediate, rest);
        let origin = variable.base().to(base, intermediate, rest);
        let (_, of_base) = base.frequency(origin, rest);
        let derivative = slope * of_intermediate / of_base;
        let defined = frequency.is_finite() && origin.is_finite() && derivative.is_finite() && derivative != 0.0;
        let bent = Spectral { linear_in: defined.then_some((base, origin, derivative)), ..linear };
        let (base, wavelength, derivative) = bent.linear_in?;
        if !matches!(sampling, Sampling::Grism(_)) {
            return Some(bent);
        }
        let [density, order, alpha, index, slope, epsilon, theta] = parameters;
        let (sin_alpha, _) = trig::sin_cos(alpha);
        let per_wavelength = density * order / trig::sin_cos(epsilon).1;
        let beta = (per_wavelength * wavelength - index * sin_alpha).asin().to_degrees();
        let dispersion = per_wavelength - slope * sin_alpha;
        let (sin_theta, cos_theta) = trig::sin_cos(theta);
        let derivative = derivative * dispersion / (trig::sin_cos(beta).1 * cos_theta * cos_theta);
        let grism = Grism {
            origin: -sin_theta / cos_theta,
            angle: beta + theta,
            shift: (index - slope * wavelength) * sin_alpha,
            scale: 1.0 / dispersion,
        };
        let defined = [derivative, grism.origin, grism.angle, grism.scale].iter().all(|v| v.is_finite());
        let bent = Spectral { linear_in: Some((base, wavelength, derivative)), grism: Some(grism), ..linear };
        (defined && derivative != 0.0).then_some(bent)
    }

    /// The value of the variable at an intermediate coordinate x.
    pub(super) fn value(&self, x: f64) -> f64 {
        let Some((base, origin, derivative)) = self.linear_in else { return self.reference + x };
        let linear = match self.grism {
            None => origin + x * derivative,
            Some(Grism { origin, angle, shift, scale }) => {
                let beta = (origin + x * derivative).atan().to_degrees() + angle;
                (trig::sin_cos(beta).0 + shift) * scale
            }
        };
        let [zero, slope] = self.variable.line(self.rest);
        (base.to(self.variable.base(), linear, self.rest) - zero) / slope
    }

    /// The intermediate coordinate x of a value; NaN where there is none.
    pub(super) fn intermediate(&self, value: f64) -> f64 {
        let Some((base, reference, derivative)) = self.linear_in else { return value - self.reference };
        let [zero, slope] = self.variable.line(self.rest);
        let linear = self.variable.base().to(base, zero + slope * value, self.rest);
        match self.grism {
            None => (linear - reference) / derivative,
            Some(Grism { origin, angle, shift, scale }) => {
                let beta = (linear / scale - shift).asin().to_degrees();
                let (sin, cos) = trig::sin_cos(beta - angle);
                (sin / cos - origin) / derivative
            }
        }
    }
}
