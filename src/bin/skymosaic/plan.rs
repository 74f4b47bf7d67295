//! `--plan`: what would be done, without doing it.

use std::{collections::BTreeSet, fmt::Write, path::Path};

use skymosaic::{Intermediate, Pixel, Plan, Window};

use crate::args::Mosaic;

/// What a plan comes to, as text.
pub(crate) fn describe<P: Pixel>(plan: &Plan<'_>, args: &Mosaic) -> String {
    let mut text = String::new();
    let _ = write_to::<P>(&mut text, plan, args);
    text
}

/// Bytes of the pixels of each FITS file that is written.
pub(crate) fn output_bytes<'a, P: Pixel>(plan: &Plan<'_>, args: &'a Mosaic) -> Vec<(&'a Path, u64)> {
    let asked = &args.planes;
    let area: u64 = plan.shape().iter().map(|&length| length as u64).product();
    let map = args.healpix.grid().ok().flatten().map(|grid| args.healpix.file_bytes(grid, size_of::<P>()));
    let (value, integer) = (map.unwrap_or(area * size_of::<P>() as u64), area * size_of::<i32>() as u64);
    let words = plan.inputs().len().div_ceil(32) as u64;
    let optional = [
        (&args.footprint, value),
        (&asked.variance_out, value),
        (&asked.mask_out, integer),
        (&asked.count_out, integer),
        (&asked.context_out, words * integer),
    ];
    let optional = optional.into_iter().filter_map(|(path, bytes)| Some((path.as_deref()?, bytes)));
    std::iter::once((args.output.as_path(), value)).chain(optional).collect()
}

fn write_to<P: Pixel>(text: &mut String, plan: &Plan<'_>, args: &Mosaic) -> std::fmt::Result {
    writeln!(text, "target   {} pixels", shape(plan.shape()))?;
    let count = plan.inputs().len();
    writeln!(text, "inputs   {count}, of which {} overlap the target", plan.overlapping())?;
    for (index, input) in plan.inputs().iter().enumerate() {
        let bounds = plan.bounds(index);
        let share = bounds.iter().map(Window::area).sum::<usize>() as f64 / plan.whole().area().max(1) as f64;
        writeln!(text, "  {index:>5}  {}  {}", input.name(), shape(&input.shape()))?;
        if bounds.is_empty() {
            writeln!(text, "         no overlap")?;
            continue;
        }
        let places: Vec<String> = bounds.iter().map(place).collect();
        let near: BTreeSet<usize> = bounds.iter().flat_map(|window| plan.inputs_in(*window)).collect();
        let others = near.into_iter().filter(|&other| other != index && touch(bounds, plan.bounds(other))).count();
        writeln!(
            text,
            "         columns, rows {}: {:.1} % of the target, meets {others} other inputs",
            places.join(" and "),
            100.0 * share
        )?;
    }
    let stored = plan.intermediate_bytes::<P>(args.planes.planes());
    writeln!(
        text,
        "disk     {} for the output",
        bytes(output_bytes::<P>(plan, args).iter().map(|(_, bytes)| bytes).sum())
    )?;
    match &plan.options().intermediate {
        Intermediate::None => {}
        Intermediate::Memory => writeln!(text, "memory   {} for intermediates", bytes(stored))?,
        _ => writeln!(text, "         {} for intermediates", bytes(stored))?,
    }
    match plan.options().memory_limit {
        Some(limit) => writeln!(text, "memory   {} at most", bytes(limit)),
        None => writeln!(text, "memory   about 100 MB a thread at most; --memory-limit sets a limit"),
    }
}

fn touch(a: &[Window], b: &[Window]) -> bool {
    a.iter().any(|a| b.iter().any(|b| a.intersection(b).is_some()))
}

/// FITS section of a window, counted from 1.
fn place(window: &Window) -> String {
    let Window { x0, y0, nx, ny } = window;
    format!("[{}:{},{}:{}]", x0 + 1, x0 + nx, y0 + 1, y0 + ny)
}

/// Columns × rows × planes.
pub(crate) fn shape(shape: &[usize]) -> String {
    shape.iter().rev().map(ToString::to_string).collect::<Vec<_>>().join(" × ")
}

/// Bytes in the unit that suits them.
pub(crate) fn bytes(bytes: u64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"];
    let power = (0..units.len() - 1).find(|&power| (bytes as f64) < 999.5 * 1000_f64.powi(power as i32));
    let power = power.unwrap_or(units.len() - 1);
    let number = bytes as f64 / 1000_f64.powi(power as i32);
    if power == 0 || number >= 99.95 {
        format!("{number:.0} {}", units[power])
    } else {
        format!("{number:.1} {}", units[power])
    }
}
