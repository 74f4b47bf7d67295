//! `--report`: what was done, as JSON.

use std::io::Write;

use serde_json::{Value, json};
use skymosaic::{CoordinateError, Intermediate, Options, PlaneStatistics, Statistics, Status, Summary, Window};

use crate::Failure;

/// Seconds that the parts of a run took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Timing {
    pub(crate) open: f64,
    pub(crate) plan: f64,
    pub(crate) run: f64,
    pub(crate) write: f64,
}

impl Timing {
    pub(crate) fn total(&self) -> f64 {
        self.open + self.plan + self.run + self.write
    }
}

/// What a report tells.
pub(crate) struct Report<'r> {
    pub(crate) options: &'r Options,
    pub(crate) summary: &'r Summary,
    pub(crate) statistics: &'r Statistics,
    pub(crate) shape: &'r [usize],
    pub(crate) target: &'r str,
    pub(crate) outputs: &'r [(&'r str, &'r std::path::Path)],
    pub(crate) dtype: &'r str,
    pub(crate) timing: Timing,
}

impl Report<'_> {
    pub(crate) fn write(&self, mut file: impl Write) -> Result<(), Failure> {
        let text = format!("{:#}\n", self.json());
        let written = file.write_all(text.as_bytes()).and_then(|()| file.flush());
        written.map_err(|error| Failure::new(format!("cannot write the report: {error}")))
    }

    fn json(&self) -> Value {
        let Summary { covered_pixels, output_pixels, resampled_pixels, peak_bytes, .. } = self.summary;
        let planes = self.summary.backgrounds.iter().flat_map(|backgrounds| &backgrounds.planes);
        let inputs = self.summary.inputs.iter().enumerate().map(|(index, input)| {
            let corrections = planes.clone().filter_map(|plane| plane.corrections.get(index));
            json!({
                "background": corrections.map(|c| json!({ "offset": c.offset, "slope": c.slope })).collect::<Vec<_>>(),
                "name": input.name,
                "status": match input.status { Status::Used => "used", _ => "no overlap" },
                "bounds": input.bounds.iter().map(window).collect::<Vec<_>>(),
                "resampled_pixels": input.resampled_pixels,
                "max_coordinate_error_pixels": input.max_coordinate_error,
                "noise_correlation": input.noise_correlation,
            })
        });
        let outputs = self
            .outputs
            .iter()
            .map(|(option, path)| (option.trim_start_matches('-').to_owned(), Value::from(path.display().to_string())));
        let Timing { open, plan, run, write } = self.timing;
        let total = self.timing.total();
        let stages = self.summary.stages;
        json!({
            "skymosaic": env!("CARGO_PKG_VERSION"),
            "outputs": outputs.collect::<serde_json::Map<_, _>>(),
            "shape": self.shape,
            "target": self.target.lines().map(str::trim_end).collect::<Vec<_>>(),
            "options": {
                "resample": word(&self.options.resample),
                "combine": word(&self.options.combine),
                "match_background": format!("{:?}", self.options.match_background),
                "missing": word(&self.options.missing),
                "flux": word(&self.options.flux),
                "antialias": self.options.antialias,
                "spectral_interpolation": word(&self.options.spectral_interpolation),
                "blank": number(self.options.blank),
                "coordinate_error_pixels": bound(self.options.coordinate_error),
                "intermediate": match &self.options.intermediate {
                    Intermediate::None => "none",
                    Intermediate::Memory => "memory",
                    _ => "mapped",
                },
                "memory_limit_bytes": self.options.memory_limit,
                "dtype": self.dtype,
            },
            "inputs": inputs.collect::<Vec<_>>(),
            "background_groups": planes.clone().map(|plane| json!(plane.groups)).collect::<Vec<_>>(),
            "output_pixels": output_pixels,
            "covered_pixels": covered_pixels,
            "coverage": self.summary.coverage(),
            "resampled_pixels": resampled_pixels,
            "max_coordinate_error_pixels": self.summary.max_coordinate_error,
            "noise_correlation": self.summary.noise_correlation,
            "exact_fraction": self.summary.exact_fraction,
            "statistics": (0..).map_while(|plane| self.statistics.get(plane)).map(statistics).collect::<Vec<_>>(),
            "peak_bytes": peak_bytes,
            "seconds": { "open": open, "plan": plan, "run": run, "write": write, "total": total },
            "thread_seconds": {
                "patch": stages.patch.as_secs_f64(),
                "coordinates": stages.coordinates.as_secs_f64(),
                "resampling": stages.resampling.as_secs_f64(),
                "combining": stages.combining.as_secs_f64(),
            },
        })
    }
}

/// The name of a choice, without its parameters.
fn word(choice: &impl std::fmt::Debug) -> String {
    format!("{choice:?}").split(['(', ' ', '{']).next().unwrap_or_default().to_lowercase()
}

fn window(window: &Window) -> Value {
    json!({ "x0": window.x0, "y0": window.y0, "nx": window.nx, "ny": window.ny })
}

/// Statistics of a plane.
fn statistics(plane: PlaneStatistics) -> Value {
    let PlaneStatistics { valid, missing, min, max, mean, standard_deviation, .. } = plane;
    json!({
        "valid_pixels": valid,
        "missing_pixels": missing,
        "min": number(min),
        "max": number(max),
        "mean": number(mean),
        "standard_deviation": number(standard_deviation),
    })
}

/// JSON has no NaN and no infinities: they become strings.
fn number(number: f64) -> Value {
    serde_json::Number::from_f64(number).map_or_else(|| Value::from(number.to_string()), Value::Number)
}

fn bound(bound: CoordinateError) -> Value {
    match bound {
        CoordinateError::Pixels(pixels) => number(pixels),
        _ => Value::from("exact"),
    }
}
