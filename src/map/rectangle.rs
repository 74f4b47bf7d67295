//! Closed rectangles of positions.

/// `[x0, x1]`, `[y0, y1]`.
pub(super) type Rectangle = [[f64; 2]; 2];

pub(super) fn enlarged(r: &Rectangle, by: f64) -> Rectangle {
    r.map(|[low, high]| [low - by, high + by])
}

pub(super) fn hull(a: &Rectangle, b: &Rectangle) -> Rectangle {
    [0, 1].map(|axis| [a[axis][0].min(b[axis][0]), a[axis][1].max(b[axis][1])])
}

/// Common part of two closed rectangles; `None` if there is none or a coordinate is NaN.
pub(super) fn intersection(a: &Rectangle, b: &Rectangle) -> Option<Rectangle> {
    let part = [0, 1].map(|axis| [a[axis][0].max(b[axis][0]), a[axis][1].min(b[axis][1])]);
    let whole = a.iter().all(|range| range[0] <= range[1]);
    (whole && part.iter().all(|range| range[0] <= range[1])).then_some(part)
}
