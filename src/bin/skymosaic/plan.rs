//! `--plan`: what would be done, without doing it.

use std::fmt::Write;

use skymosaic::{Intermediate, Plan, Window};

/// What a plan comes to, as text. `size` is that of a pixel in bytes; `outputs` is how many images of the target's
/// size are written.
pub(crate) fn describe(plan: &Plan<'_, '_>, size: usize, outputs: u64) -> String {
    let mut text = String::new();
    let _ = write_to(&mut text, plan, size, outputs);
    text
}

fn write_to(text: &mut String, plan: &Plan<'_, '_>, size: usize, outputs: u64) -> std::fmt::Result {
    let area: u64 = plan.shape().iter().map(|&length| length as u64).product();
    writeln!(text, "target   {} pixels", shape(plan.shape()))?;
    let count = plan.inputs().len();
    writeln!(
        text,
        "inputs   {count}, of which {} overlap the target",
        (0..count).filter(|&i| !plan.bounds(i).is_empty()).count()
    )?;
    for (index, input) in plan.inputs().iter().enumerate() {
        let bounds = plan.bounds(index);
        let share = bounds.iter().map(Window::area).sum::<usize>() as f64 / plan.whole().area().max(1) as f64;
        writeln!(text, "  {index:>5}  {}  {}", input.name(), shape(&input.shape()))?;
        if bounds.is_empty() {
            writeln!(text, "         no overlap")?;
            continue;
        }
        let places: Vec<String> = bounds.iter().map(place).collect();
        let others = (0..count).filter(|&other| other != index && touch(bounds, plan.bounds(other))).count();
        writeln!(
            text,
            "         columns, rows {}: {:.1} % of the target, meets {others} other inputs",
            places.join(" and "),
            100.0 * share
        )?;
    }
    let stored = stored_bytes(plan, size);
    writeln!(text, "disk     {} for the output", bytes(area * size as u64 * outputs))?;
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

/// Samples and weights of every input's sub-grid.
fn stored_bytes(plan: &Plan<'_, '_>, size: usize) -> u64 {
    let planes: usize = plan.shape().iter().rev().skip(2).product();
    let area: usize = (0..plan.inputs().len()).flat_map(|input| plan.bounds(input)).map(Window::area).sum();
    2 * (planes * area * size) as u64
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
