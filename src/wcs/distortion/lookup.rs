//! Distortion tables (draft WCS Paper IV, Calabretta et al. 2004): CPDISj and D2IMDISj, as astropy reads them.

use crate::error::Error;
use crate::header::{Header, Value};
use crate::wcs::refusal::refuse;
use ndarray::Array2;
use std::sync::Arc;

/// A source of distortion lookup tables, which a header refers to by name and version. They are usually image extensions of the same FITS file.
pub trait LookupTables {
    /// Returns the header and the data, of shape (ny, nx), of the image extension with the given EXTNAME and EXTVER; an extension without EXTVER
    /// has version 1. A one-dimensional image has shape (1, nx).
    ///
    /// # Errors
    /// Any [`Error`] if the extension does not exist or cannot be read; [`Error::external`] makes one.
    fn table(&self, extname: &str, extver: i64) -> Result<(Header, Array2<f64>), Error>;
}

/// Corrections in pixels along one axis on a regular grid, interpolated bilinearly.
#[derive(Clone, Debug)]
struct Table {
    /// Table coordinate (0-based) = pixel (0-based) × scale + offset, for x and y.
    scale: [f64; 2],
    offset: [f64; 2],
    values: Arc<Array2<f64>>,
}

/// A table for each axis that has one.
#[derive(Clone, Debug)]
pub(crate) struct Lookup {
    tables: [Option<Table>; 2],
}

impl Lookup {
    /// The tables that CPDISj and DPj name.
    pub(crate) fn cpdis(header: &Header, tables: Option<&dyn LookupTables>) -> Result<Option<Lookup>, Error> {
        Lookup::read(header, tables, ["CPDIS", "DP", "WCSDVARR"])
    }

    /// The tables from detector to image that D2IMDISj and D2IMj name, or AXISCORR in files older than 2012.
    pub(crate) fn d2im(header: &Header, tables: Option<&dyn LookupTables>) -> Result<Option<Lookup>, Error> {
        let Some(axis) = header.i64("AXISCORR")? else {
            return Lookup::read(header, tables, ["D2IMDIS", "D2IM", "D2IMARR"]);
        };
        let table = Some(Table::read(tables, "AXISCORR", &axis.to_string(), "D2IMARR", 1, false)?);
        match axis {
            1 => Ok(Some(Lookup { tables: [table, None] })),
            2 => Ok(Some(Lookup { tables: [None, table] })),
            _ => Err(refuse("AXISCORR", axis, "expected axis 1 or 2")),
        }
    }

    fn read(
        header: &Header,
        tables: Option<&dyn LookupTables>,
        [kind, record, extname]: [&str; 3],
    ) -> Result<Option<Lookup>, Error> {
        let mut found = [None, None];
        for (axis, slot) in (1_i64..).zip(&mut found) {
            let keyword = format!("{kind}{axis}");
            let Some(name) = header.text(&keyword)? else { continue };
            if !name.trim().eq_ignore_ascii_case("lookup") {
                return Err(refuse(&keyword, name, "expected 'Lookup': no other distortion function is supported"));
            }
            let field = |field: &str| record_field(header, &format!("{record}{axis}"), field);
            let extver = field("EXTVER")?.unwrap_or(1);
            // The axis of the table that runs along this axis of the image.
            let own = field(&format!("AXIS.{axis}"))?.unwrap_or(axis);
            if own != 1 && own != 2 {
                return Err(refuse(format!("{record}{axis}"), format!("AXIS.{axis}: {own}"), "expected axis 1 or 2"));
            }
            *slot = Some(Table::read(tables, &keyword, name, extname, extver, own != axis)?);
        }
        Ok(found.iter().any(Option::is_some).then_some(Lookup { tables: found }))
    }

    /// The correction at a 0-based pixel; `None` where a coordinate is not a number.
    #[inline]
    pub(crate) fn correction(&self, x: f64, y: f64) -> Option<[f64; 2]> {
        Some(self.gradient(x, y)?.0)
    }

    /// Correction and Jacobian; on the edge between cells that of the cell to the right or above.
    pub(crate) fn gradient(&self, x: f64, y: f64) -> Option<([f64; 2], [[f64; 2]; 2])> {
        let mut sum = ([0.0; 2], [[0.0; 2]; 2]);
        for (axis, table) in self.tables.iter().enumerate() {
            if let Some(table) = table {
                (sum.0[axis], sum.1[axis]) = table.at(x, y)?;
            }
        }
        Some(sum)
    }
}

impl Table {
    fn read(
        tables: Option<&dyn LookupTables>,
        keyword: &str,
        value: &str,
        extname: &str,
        extver: i64,
        transposed: bool,
    ) -> Result<Table, Error> {
        let Some(tables) = tables else {
            let what = format!("its table is in the extension {extname},{extver}: read the WCS from the file");
            return Err(refuse(keyword, value, &what));
        };
        let (header, mut values) = tables.table(extname, extver)?;
        if values.is_empty() {
            return Err(refuse(keyword, value, format!("the table {extname},{extver} is empty")));
        }
        let (mut scale, mut offset) = ([1.0; 2], [0.0; 2]);
        for (axis, (scale, offset)) in (1..).zip(scale.iter_mut().zip(&mut offset)) {
            let card = |name: &str, default: f64| {
                let keyword = format!("{name}{axis}");
                let value = header.f64(&keyword)?.unwrap_or(default);
                if value.is_finite() {
                    return Ok(value);
                }
                Err(refuse(format!("{keyword} of {extname},{extver}"), value, "expected a finite number"))
            };
            let (crpix, crval, cdelt) = (card("CRPIX", 0.0)?, card("CRVAL", 0.0)?, card("CDELT", 1.0)?);
            if cdelt == 0.0 {
                return Err(refuse(format!("CDELT{axis} of {extname},{extver}"), 0.0, "expected a step"));
            }
            // FITS pixel f = x + 1 lies at (f - CRVAL) / CDELT + CRPIX, 1-based, of the table.
            (*scale, *offset) = (1.0 / cdelt, (1.0 - crval) / cdelt + crpix - 1.0);
        }
        if transposed {
            values = values.reversed_axes();
            scale.reverse();
            offset.reverse();
        }
        Ok(Table { scale, offset, values: Arc::new(values.as_standard_layout().into_owned()) })
    }

    /// Value and gradient at a 0-based pixel. Outside the table its edge goes on unchanged.
    fn at(&self, x: f64, y: f64) -> Option<(f64, [f64; 2])> {
        let (ny, nx) = self.values.dim();
        let [(column, u, du), (row, v, dv)] = [(x, nx, 0), (y, ny, 1)].map(|(pixel, length, axis)| {
            let at = pixel * self.scale[axis] + self.offset[axis];
            let last = length.saturating_sub(1) as f64;
            let inside = at.clamp(0.0, last);
            let slope = if at == inside { self.scale[axis] } else { 0.0 };
            (inside.floor(), inside - inside.floor(), slope)
        });
        if column.is_nan() || row.is_nan() {
            return None;
        }
        // In range by the clamp above.
        let (column, row) = (column as usize, row as usize);
        let (right, above) = ((column + 1).min(nx - 1), (row + 1).min(ny - 1));
        let value = |row: usize, column: usize| self.values.get((row, column)).copied();
        let [a, b] = [value(row, column)?, value(row, right)?];
        let [c, d] = [value(above, column)?, value(above, right)?];
        let (below, above) = (a + u * (b - a), c + u * (d - c));
        let gradient = [((b - a) * (1.0 - v) + (d - c) * v) * du, (above - below) * dv];
        Some((below + v * (above - below), gradient))
    }
}

/// The value of one field of a record-valued keyword: 2 for 'EXTVER' in `DP1 = 'EXTVER: 2.0'`.
fn record_field(header: &Header, keyword: &str, field: &str) -> Result<Option<i64>, Error> {
    for value in header.all(keyword) {
        let Value::Text(text) = value else { continue };
        let Some((name, number)) = text.split_once(':') else { continue };
        if !name.trim().eq_ignore_ascii_case(field) {
            continue;
        }
        return match number.trim().parse::<f64>() {
            Ok(number) if number == number.round() && number.abs() < 1e9 => Ok(Some(number as i64)),
            _ => Err(refuse(keyword, text, "expected an integer after the colon")),
        };
    }
    Ok(None)
}
